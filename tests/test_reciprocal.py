"""k-reciprocal encoding, against the paper's sets written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.ranking.reranking.reciprocal import reciprocal
from likewise.types import FloatArray


def with_sets(query: FloatArray, hits: FloatArray, k1: int, k2: int, weight: float) -> list[float]:
    """The paper, picture by picture; number 0 is the query."""
    vectors = [query.astype(float), *hits.astype(float)]
    everything = range(len(vectors))
    squared = [[float(((a - b) ** 2).sum()) for b in vectors] for a in vectors]
    d = [[value / (max(row) or 1) for value in row] for row in squared]
    order = [sorted(everything, key=lambda j, i=i: (j != i, d[i][j], j)) for i in everything]  # type: ignore[misc]

    def near(p: int, k: int) -> set[int]:
        return set(order[p][: k + 1])

    def mutual(p: int, k: int) -> set[int]:
        return {g for g in near(p, k) if p in near(g, k)}

    def wide(p: int) -> set[int]:
        start = mutual(p, k1)
        members = set(start)
        for candidate in start:
            own = mutual(candidate, round(k1 / 2))
            if len(start & own) >= 2 / 3 * len(own):
                members |= own
        return members

    def encoded(p: int) -> list[float]:
        members = wide(p)
        weights = [math.exp(-d[p][g]) if g in members else 0.0 for g in everything]
        return [value / sum(weights) for value in weights]

    plain = [encoded(p) for p in everything]
    mean = [np.mean([plain[g] for g in order[p][:k2]], axis=0) for p in everything]
    scores = []
    for g in everything[1:]:
        jaccard = 1 - np.minimum(mean[0], mean[g]).sum() / np.maximum(mean[0], mean[g]).sum()
        scores.append(float(1 - (1 - weight) * jaccard - weight * d[0][g]))
    return scores


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    m=st.integers(1, 14),
    k1=st.integers(1, 20),
    k2=st.integers(1, 8),
    weight=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_equals_the_sets(seed: int, m: int, k1: int, k2: int, weight: float) -> None:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((3, 6))
    vectors = (centres[random.integers(0, 3, m + 1)] + random.standard_normal((m + 1, 6)) / 2).astype(
        np.float32
    )
    found = reciprocal(vectors[0], vectors[1:], k1=k1, k2=k2, weight=weight)
    np.testing.assert_allclose(found, with_sets(vectors[0], vectors[1:], k1, k2, weight), atol=1e-5)
    assert found.dtype == np.float32
    assert ((found >= -1e-6) & (found <= 1 + 1e-6)).all()


def test_one_neighbour_each_by_hand() -> None:
    """On a line at 0, 1 and 3 with k1 = 1 the query and the first hit are each other's nearest.

    Distances from the query: 1/9 and 1. Rows of the query and of the first hit, whose farthest is 4 away:
    ``[1, e^-1/9, 0]`` and ``[e^-1/4, 1, 0]`` over their sums; the last hit has only itself.
    """
    vectors = np.array([[0.0], [1.0], [3.0]], np.float32)
    found = reciprocal(vectors[0], vectors[1:], k1=1, k2=1, weight=0.3)
    a, b = math.exp(-1 / 9), math.exp(-1 / 4)
    own, other = [1 / (1 + a), a / (1 + a)], [b / (1 + b), 1 / (1 + b)]
    shared = min(own[0], other[0]) + min(own[1], other[1])
    jaccard = 1 - shared / (2 - shared)
    assert found[0] == pytest.approx(1 - 0.7 * jaccard - 0.3 / 9, abs=1e-6)
    assert found[1] == pytest.approx(0, abs=1e-6)


def test_a_weight_of_one_keeps_the_order_of_the_distances() -> None:
    random = np.random.default_rng(1)
    query, hits = (
        random.standard_normal(5).astype(np.float32),
        random.standard_normal((9, 5)).astype(np.float32),
    )
    found = reciprocal(query, hits, k1=4, k2=2, weight=1.0)
    assert np.argsort(-found).tolist() == np.argsort(np.linalg.norm(hits - query, axis=1)).tolist()


def test_pictures_that_are_all_alike_share_everything() -> None:
    found = reciprocal(np.ones(3, np.float32), np.ones((4, 3), np.float32), k1=20, k2=6, weight=0.3)
    np.testing.assert_allclose(found, 1)
