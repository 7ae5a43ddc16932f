"""Lists of nearest rows, against sorting everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from likewise.ranking import neighbours
from likewise.ranking.exact import search
from likewise.ranking.neighbours import KeptNeighbours
from likewise.types import FloatArray, Metric

whole_numbers = arrays(np.float32, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(-2, 2))


@given(vectors=whole_numbers, k=st.integers(1, 14), metric=st.sampled_from(["dot", "l2"]))
def test_they_are_the_nearest_others_also_where_all_are_alike(
    vectors: FloatArray, k: int, metric: Metric
) -> None:
    rows = np.arange(len(vectors))
    found = KeptNeighbours(vectors, metric).of(rows, k)
    assert found.ids.shape == (len(vectors), min(k, len(vectors) - 1))
    for row in rows:
        others = np.delete(rows, row)
        if len(others):
            wanted = search(vectors[others], vectors[row : row + 1], k, metric=metric)
            np.testing.assert_allclose(found.scores[row], wanted.scores[0], atol=1e-6)
        assert row not in found.ids[row]
        assert len(set(found.ids[row])) == len(found.ids[row])


def test_copies_are_neighbours_of_one_another_and_never_of_themselves() -> None:
    found = KeptNeighbours(np.ones((6, 2), np.float32), "dot").of(np.arange(6), 2)
    assert found.ids.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]


def test_each_row_is_looked_for_once_unless_more_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counting(vectors: FloatArray, queries: FloatArray, k: int, *, metric: Metric) -> object:
        asked.append(len(queries))
        return search(vectors, queries, k, metric=metric)

    monkeypatch.setattr(neighbours, "search", counting)
    monkeypatch.setattr(neighbours, "BLOCK", 4)
    lists = KeptNeighbours(np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32), "dot")
    lists.of(np.array([3, 5, 3]), 6)
    lists.of(np.array([5, 7]), 4)
    assert asked == [2, 1]
    lists.of(np.arange(20), 6)
    assert asked == [2, 1, 4, 4, 4, 4, 1]
    assert lists.of(np.array([5]), 8).ids.shape == (1, 8)
    assert asked[-1] == 1
