"""The suite of speeds: ratios of turns that followed each other, and what counts as slower."""

import json
from pathlib import Path

import pytest
from benchmarks.peers.figures import Figure, beside, read, turns, write


def figure(*ratios: float) -> Figure:
    return Figure("search", "ten", "faiss", [1.0] * len(ratios), ratios, 1.0)


def test_a_ratio_is_of_turns_that_followed_each_other() -> None:
    taken = {"likewise": [2.0, 4.0], "faiss": [6.0, 4.0], "usearch": [1.0, 1.0]}
    fast, slow = beside("search", "ten", taken, {"faiss": 1.0, "usearch": None})
    assert fast == Figure("search", "ten", "faiss", [2.0, 4.0], [3.0, 1.0], 1.0)
    assert slow.ratios == [0.5, 0.25]
    assert slow.wanted is None


def test_works_take_turns() -> None:
    done: list[str] = []
    taken = turns({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 3)
    assert done == ["a", "b"] * 3
    assert {name: len(seconds) for name, seconds in taken.items()} == {"a": 3, "b": 3}


@pytest.mark.parametrize(
    ("now", "slower"),
    [
        (figure(0.5, 0.5, 0.5), True),
        (figure(0.95, 0.95, 0.95), False),  # not a tenth slower
        (figure(0.5, 0.8, 1.1), False),  # a median of a fifth less, by runs whose middles meet
        (figure(1.5, 1.5, 1.5), False),
    ],
)
def test_slower_is_a_tenth_less_by_more_than_runs_vary(now: Figure, slower: bool) -> None:
    assert now.slower_than(figure(0.9, 1.0, 1.1)) is slower


def test_the_middle_half_of_one_repetition_is_itself() -> None:
    assert figure(2.0).middle == (2.0, 2.0)
    assert figure(1.0, 2.0, 3.0, 4.0, 5.0).middle == (2.0, 4.0)


def test_figures_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "new" / "figures.json"
    assert read(file) == []
    write(file, [figure(1.0, 2.0)])
    assert [one.name for one in read(file)] == [("search", "ten", "faiss")]
    assert json.loads(file.read_text("utf-8"))[0]["ratios"] == [1.0, 2.0]
