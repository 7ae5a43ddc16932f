"""`likewise evaluate` on data sets as people have them: what is wrong is one clear line, or left out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from likewise import cli
from tests.fakes import FakeExtractor, make_pictures, replace_network
from tests.test_datasets import truth

Run = Callable[..., tuple[int, str, str]]

OXFORD = tuple(f"oxford_{number:06d}" for number in range(6))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures of a small Oxford with one query, and of two groups."""
    monkeypatch.delenv("LIKEWISE_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    replace_network(monkeypatch, lambda recipe, **options: FakeExtractor(recipe))
    for name, file in zip(OXFORD, make_pictures(tmp_path / "oxford" / "jpg", 6), strict=True):
        file.rename(file.with_name(f"{name}.png"))
    truth(tmp_path / "oxford" / "gt", "keble_1", f"oxc1_{OXFORD[0]} 0 0 20 12", good=OXFORD[:2])
    for number, group in enumerate(("one", "two")):
        make_pictures(tmp_path / "photos" / group, 3, first=10 * number)
    return tmp_path


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `likewise evaluate` in this process: exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            cli.main(["evaluate", *arguments])
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    return call


def oxford(run: Run) -> tuple[dict[str, Any], str]:
    """The JSON of a run on the small Oxford, and what was said about gaps."""
    code, out, err = run("oxford5k", "--data", "oxford", "--json")
    assert code == 0, err
    told: dict[str, Any] = json.loads(out)
    return told, err


def written(here: Path, *rows: tuple[str, ...], head: tuple[str, ...] = ("file", "group")) -> None:
    with (here / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows((head, *rows))


TABLE = ("csv", "--data", "photos", "--gt", "groups.csv")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_system_give_the_same_run(run: Run, here: Path, end: str) -> None:
    plain, _ = oxford(run)
    question = f"oxc1_{OXFORD[0]} 0 0 20 12"
    truth(here / "oxford" / "gt", "keble_1", question, good=OXFORD[:2], junk=(), end=end)
    again, _ = oxford(run)
    assert again["queries"] == plain["queries"]
    assert again["run"] == plain["run"]
    assert again["queries"][0]["positives"] == 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_a_table(run: Run, here: Path, end: str) -> None:
    lines = ("file,group", "one/0000.png,a", "one/0001.png,a", "")
    (here / "groups.csv").write_bytes(end.join(lines).encode())
    code, out, _ = run(*TABLE)
    assert code == 0
    assert "queries      2, 0 left out" in out


def test_a_query_whose_picture_is_missing_is_left_out_and_said(run: Run, here: Path) -> None:
    truth(here / "oxford" / "gt", "keble_2", "oxford_000099 0 0 20 12", good=OXFORD[:2])
    told, err = oxford(run)
    assert told["card"]["left_out"] == 1
    assert "missing  keble_2: its picture is not there: left out" in err


def test_when_no_query_has_a_picture_that_is_the_error(run: Run, here: Path) -> None:
    (here / "oxford" / "jpg" / f"{OXFORD[0]}.png").unlink()
    code, out, err = run("oxford5k", "--data", "oxford")
    assert (code, out) == (2, "")
    assert "no query can be asked; keble_1: its picture is not there" in err
    assert len(err.splitlines()) == 1


def test_a_query_without_a_positive_is_left_out_and_said(run: Run, here: Path) -> None:
    truth(here / "oxford" / "gt", "keble_2", f"{OXFORD[3]} 0 0 20 12")
    truth(here / "oxford" / "gt", "keble_3", f"{OXFORD[4]} 0 0 20 12", good=("oxford_000098",))
    told, err = oxford(run)
    assert [query["name"] for query in told["queries"]] == ["keble_1"]
    assert "keble_2: no positive in the ground truth: left out" in err
    assert "keble_3: none of 1 positives present: left out" in err


def test_an_empty_group_is_said_and_changes_nothing(run: Run, here: Path) -> None:
    (here / "photos" / "none").mkdir()
    code, out, err = run("folder", "--data", "photos")
    assert code == 0
    assert err == "missing  group none is empty: no effect\n"
    assert "queries      6, 0 left out" in out


def test_only_empty_groups_are_an_error(run: Run, here: Path) -> None:
    (here / "bare" / "one").mkdir(parents=True)
    code, _, err = run("folder", "--data", "bare")
    assert (code, err) == (2, "likewise: error: no picture lies below bare\n")


def test_two_pictures_of_one_name_are_an_error(run: Run, here: Path) -> None:
    (here / "oxford" / "copy").mkdir()
    (here / "oxford" / "copy" / f"{OXFORD[0]}.jpg").write_bytes(b"")
    code, out, err = run("oxford5k", "--data", "oxford")
    assert (code, out) == (2, "")
    assert f"two pictures are called {OXFORD[0]}" in err


@pytest.mark.parametrize("again", ["one/0000.png", "./one/0000.png", "one/../one/0000.png", "one//0000.png"])
def test_a_picture_listed_twice_is_an_error_however_it_is_written(run: Run, here: Path, again: str) -> None:
    written(here, ("one/0000.png", "a"), ("one/0001.png", "a"), (again, "a"))
    code, out, err = run(*TABLE)
    assert (code, out) == (2, "")
    assert "line 4: one/0000.png is listed already on line 2" in err


def test_a_cell_longer_than_csv_allows_is_an_error(run: Run, here: Path) -> None:
    written(here, ("x" * 200_000, "a"), ("one/0001.png", "a"))
    code, out, err = run(*TABLE)
    assert (code, out) == (2, "")
    assert "groups.csv is no CSV file" in err
    assert len(err) < 300


def test_a_box_outside_names_its_picture(run: Run, here: Path) -> None:
    rows = (("one/0000.png", "a", "900 900 990 990"), ("one/0001.png", "a", ""))
    written(here, *rows, head=("file", "group", "box"))
    code, out, err = run(*TABLE)
    assert (code, out) == (2, "")
    assert "one/0000.png: box 900,900,990,990 lies outside the picture" in err


def test_what_is_surplus_is_said_once(run: Run, here: Path) -> None:
    written(here, ("one/0000.png", "a"), ("one/0001.png", "a"), ("one/0002.png", "b"))
    code, _, err = run(*TABLE)
    assert code == 0
    assert err.count("surplus") == 1
