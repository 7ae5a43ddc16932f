"""Examples and feedback played from the ground truth, on vectors whose order is easy to see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery
from likewise.evaluation.simulated import with_examples, with_feedback
from likewise.ranking.exact import search
from likewise.ranking.stages import Ranked
from likewise.types import FloatArray

NAMES = tuple("abcdefgh")
FILES = {name: Path(f"{name}.png") for name in NAMES}
QUERY = BenchmarkQuery("q", Path("a.png"), None, frozenset("abcd"), frozenset("h"))
BENCHMARK = Benchmark("small", FILES, (QUERY,), "counts")


def vectors(count: int, seed: int = 0) -> FloatArray:
    drawn = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    unit: FloatArray = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def ask_of(gallery: FloatArray) -> object:
    def ask(queries: FloatArray) -> Ranked:
        return Ranked(search(gallery, queries, len(gallery)), tuple({} for _ in queries))

    return ask


def test_one_example_is_the_query_itself() -> None:
    gallery, queries = vectors(8), vectors(1, 1)
    left, asked = with_examples(BENCHMARK, gallery, queries, 1, unit=True)
    assert left is BENCHMARK
    assert asked is queries


def test_examples_are_the_first_right_answers_but_for_the_own_picture() -> None:
    gallery, queries = vectors(8), vectors(1, 1)
    left, asked = with_examples(BENCHMARK, gallery, queries, 2, unit=False)
    assert asked == pytest.approx(np.mean([queries[0], gallery[1]], axis=0)[np.newaxis], abs=1e-6)
    assert left.queries[0].positives == frozenset("acd")
    assert left.queries[0].junk == frozenset("bh")


@pytest.mark.parametrize("count", [3, 4, 99])
def test_one_right_answer_always_stays(count: int) -> None:
    gallery, queries = vectors(8), vectors(1, 1)
    left, asked = with_examples(BENCHMARK, gallery, queries, count, unit=True)
    assert left.queries[0].positives == frozenset("ad")  # its own picture, and one to be found
    assert np.linalg.norm(asked[0]) == pytest.approx(1, abs=1e-6)


def test_a_query_with_one_other_answer_gets_no_example() -> None:
    pair = replace(BENCHMARK, queries=(replace(QUERY, positives=frozenset("ab")),))
    queries = vectors(1, 1)
    left, asked = with_examples(pair, vectors(8), queries, 3, unit=True)
    assert left.queries == pair.queries
    assert asked == pytest.approx(queries, abs=1e-6)


def test_examples_have_limits() -> None:
    gallery, queries = vectors(8), vectors(1, 1)
    with pytest.raises(UsageError, match="not 0"):
        with_examples(BENCHMARK, gallery, queries, 0, unit=True)
    with pytest.raises(UsageError, match="whole groups"):
        with_examples(replace(BENCHMARK, measure="N-S"), gallery, queries, 2, unit=True)


def test_without_feedback_the_first_ranking_is_the_answer() -> None:
    gallery, queries = vectors(8), vectors(1, 1)
    found = with_feedback(BENCHMARK, gallery, queries, 0, ask_of(gallery), unit=True)  # type: ignore[arg-type]
    assert np.array_equal(found.ranking.ids, search(gallery, queries, 8).ids)
    with pytest.raises(UsageError, match="not -1"):
        with_feedback(BENCHMARK, gallery, queries, -1, ask_of(gallery), unit=True)  # type: ignore[arg-type]


def test_a_verdict_brings_up_what_is_like_the_right_answers() -> None:
    # a and b are right and nearly alike; e is as near to the query as a, and wrong
    gallery = np.array(
        [
            [1, 0.5, 0],
            [0, 1.5, 0],
            [0.1, 0.1, -1],
            [0, 0, -1],
            [1, 0, 0.52],
            [0, 0, 1],
            [0, 0.5, 1],
            [0, 0, 1],
        ],
        np.float32,
    )
    query = np.array([[1, 0, 0]], np.float32)
    before = search(gallery, query, 8).ids[0].tolist()
    found = with_feedback(BENCHMARK, gallery, query, 2, ask_of(gallery), unit=False)  # type: ignore[arg-type]
    after = found.ranking.ids[0].tolist()
    assert after[:2] == before[:2] == [0, 4]
    assert after[2] == 1
    assert sorted(after) == list(range(8))


@given(st.integers(0, 200), st.integers(1, 10))
def test_what_was_judged_stays_and_nothing_is_lost(seed: int, count: int) -> None:
    gallery, queries = vectors(8, seed), vectors(1, seed + 1)
    first = search(gallery, queries, 8).ids[0].tolist()
    found = with_feedback(BENCHMARK, gallery, queries, count, ask_of(gallery), unit=True)  # type: ignore[arg-type]
    shown = next((n + 1 for n in range(8) if sum(NAMES[i] != "h" for i in first[: n + 1]) == count), 8)
    assert found.ranking.ids[0, :shown].tolist() == first[:shown]
    assert sorted(found.ranking.ids[0].tolist()) == list(range(8))
    assert shown == 8 or found.ranking.scores[0, shown] < found.ranking.scores[0, shown - 1]
