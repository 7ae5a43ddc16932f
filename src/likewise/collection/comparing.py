"""How alike two pictures are, against how alike pictures of the collection are."""

from __future__ import annotations

import numpy as np

from likewise.collection.reports import Comparison
from likewise.collection.snapshot import Snapshot
from likewise.ranking import products_of
from likewise.types import FloatArray, IntArray, Metric

PAIRS = 10_000
"""Random pairs that stand for the whole collection."""


def compare(a: FloatArray, b: FloatArray, snapshot: Snapshot, *, own: list[int]) -> Comparison:
    """Score a pair of vectors and see where it lies among random pairs of the collection.

    Parameters
    ----------
    a, b
        Shape ``(d,)``.
    own
        Ids of the two pictures in the collection, which do not compete for the rank.
    """
    metric = snapshot.metric
    similarity = float(scores(a[np.newaxis], b[np.newaxis], metric)[0])
    pairs = _sample(snapshot)
    others = _against_all(snapshot, a)[~np.isin(snapshot.ids, own)]
    return Comparison.among(similarity, pairs, others)


def _against_all(snapshot: Snapshot, vector: FloatArray) -> FloatArray:
    vectors, step = snapshot.vectors, 1000
    if snapshot.metric == "dot":
        products: FloatArray = products_of(vectors, vector[np.newaxis])[0]
        return products
    found = np.empty(len(vectors), np.float32)
    for at in range(0, len(found), step):
        found[at : at + step] = scores(vectors[at : at + step], vector[np.newaxis], "l2")
    return found


def _sample(snapshot: Snapshot) -> FloatArray:
    """Scores of pairs of different rows: all of them when they are few, else always the same random ones."""
    left, right = _pairs(len(snapshot.ids))
    vectors, step = snapshot.vectors, 1000
    blocks = [
        scores(vectors[left[at : at + step]], vectors[right[at : at + step]], snapshot.metric)
        for at in range(0, len(left), step)
    ]
    return np.concatenate(blocks) if blocks else np.empty(0, np.float32)


def _pairs(count: int) -> tuple[IntArray, IntArray]:
    if count * (count - 1) // 2 <= PAIRS:
        left, right = np.triu_indices(count, 1)
        return left.astype(np.int64), right.astype(np.int64)
    chance = np.random.default_rng(0)
    left = chance.integers(count, size=PAIRS)
    return left, (left + chance.integers(1, count, size=PAIRS)) % count


def scores(a: FloatArray, b: FloatArray, metric: Metric) -> FloatArray:
    """Score row by row, as `likewise.ranking.search` does."""
    scores: FloatArray = -np.linalg.norm(a - b, axis=1) if metric == "l2" else (a * b).sum(axis=1)
    return scores
