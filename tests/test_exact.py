"""Exact search, against sorting everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from likewise.errors import UsageError
from likewise.ranking import exact
from likewise.ranking.exact import search
from likewise.types import FloatArray, Metric
from tests.ordering import same_hits


def slow(vectors: FloatArray, query: FloatArray, ids: list[int], metric: Metric) -> list[tuple[float, int]]:
    scored = []
    for row, vector in zip(ids, vectors, strict=True):
        score = float(query @ vector) if metric == "dot" else -float(np.sqrt(((query - vector) ** 2).sum()))
        scored.append((-score, row))
    return [(-score, row) for score, row in sorted(scored)]


whole_numbers = arrays(np.float32, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(-2, 2))


@given(
    vectors=whole_numbers, queries=whole_numbers, k=st.integers(1, 14), metric=st.sampled_from(["dot", "l2"])
)
def test_equals_sorting_everything_also_where_scores_tie(
    vectors: FloatArray, queries: FloatArray, k: int, metric: Metric
) -> None:
    ids = [(7 * row) % 13 for row in range(len(vectors))]
    found = search(vectors, queries, k, ids=np.array(ids, np.int64), metric=metric)
    assert found.ids.shape == (len(queries), min(k, len(vectors)))
    for row, query in enumerate(queries):
        best = slow(vectors, query, ids, metric)[:k]
        assert found.ids[row].tolist() == [name for _, name in best]
        np.testing.assert_allclose(found.scores[row], [score for score, _ in best], atol=1e-5)


def test_many_queries_in_blocks_equal_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((50, 8)).astype(np.float32)
    queries = random.standard_normal((23, 8)).astype(np.float32)
    monkeypatch.setattr(exact, "BLOCK", 200)
    together = search(vectors, queries, 5)
    for row, query in enumerate(queries):
        alone = search(vectors, query[np.newaxis], 5)
        same_hits(alone.ids[0], alone.scores[0], together.ids[row], together.scores[row])


@given(seed=st.integers(0, 99), k=st.integers(1, 400), kinds=st.sampled_from([2, 30, 10_000]))
def test_the_best_are_found_by_groups_whatever_ties(seed: int, k: int, kinds: int) -> None:
    random = np.random.default_rng(seed)
    scores = np.sort(random.integers(0, kinds, 500)).astype(np.float32)  # the best all at one end
    scores[:50] = kinds // 2
    ids = random.permutation(500)
    assert exact.best(scores, ids, k).tolist() == np.lexsort((ids, -scores))[:k].tolist()


def test_l2_keeps_its_digits_near_zero() -> None:
    vectors = np.full((2, 1000), 0.03162278, np.float32)
    vectors[1, 0] += 1e-4
    found = search(vectors, vectors[:1], 2, metric="l2")
    assert found.ids[0].tolist() == [0, 1]
    assert found.scores[0, 0] == 0
    assert found.scores[0, 1] == pytest.approx(-1e-4, rel=1e-3)


def test_no_rows_give_no_hits() -> None:
    assert search(np.empty((0, 4), np.float32), np.ones((2, 4), np.float32), 3).ids.shape == (2, 0)


@pytest.mark.parametrize(
    ("vectors", "queries", "k", "message"),
    [
        (np.ones((3, 4)), np.ones((1, 5)), 1, "must be"),
        (np.ones((3, 4)), np.ones(4), 1, "must be"),
        (np.ones((3, 4)), np.ones((1, 4)), 0, "at least 1"),
        (np.ones((3, 4)), np.full((1, 4), np.nan), 1, "not finite"),
    ],
)
def test_refuses_what_it_cannot_score(vectors: FloatArray, queries: FloatArray, k: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        search(vectors.astype(np.float32), queries.astype(np.float32), k)
