"""How alike two pictures are, against how alike pictures of the collection are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.collection.layers.snapshot import Snapshot
from likewise.ranking.exact import pairs, products_of
from likewise.types import FloatArray, Metric

PAIRS = 10_000
"""Random pairs that stand for the whole collection."""
SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
"""Quantiles that a comparison tells."""


@dataclass(frozen=True)
class Comparison:
    """How alike two pictures are, and what that means in this collection.

    Attributes
    ----------
    similarity
        Score of the pair, as searching gives it.
    quantiles
        Scores of other pairs by their share: ``{0.5: median, ...}``; empty when there is no pair. They are
        random ones of a collection of one vector, else the query and each picture.
    percentile
        Per cent of those pairs that are less alike than this one; None when there is none.
    rank
        Place that ``b`` takes, or would take, when ``a`` is searched for; 1 is the best.
    """

    similarity: float
    quantiles: dict[float, float]
    percentile: float | None
    rank: int

    @classmethod
    def among(cls, similarity: float, pairs: NDArray[Any], others: NDArray[Any]) -> Comparison:
        """Where a score stands among those of other pairs, and of all pictures with the query."""
        return cls(
            similarity,
            dict(zip(SHARES, np.quantile(pairs, SHARES).tolist(), strict=True)) if len(pairs) else {},
            100 * float(np.mean(pairs < similarity)) if len(pairs) else None,
            1 + int(np.count_nonzero(others > similarity)),
        )


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
    out = np.empty(len(vectors), np.float32)
    for at in range(0, len(out), step):
        out[at : at + step] = scores(vectors[at : at + step], vector[np.newaxis], "l2")
    return out


def _sample(snapshot: Snapshot) -> FloatArray:
    """Scores of pairs of different rows: all of them when they are few, else always the same random ones."""
    left, right = pairs(len(snapshot.ids), PAIRS)
    vectors, step = snapshot.vectors, 1000
    blocks = [
        scores(vectors[left[at : at + step]], vectors[right[at : at + step]], snapshot.metric)
        for at in range(0, len(left), step)
    ]
    return np.concatenate(blocks) if blocks else np.empty(0, np.float32)


def scores(a: FloatArray, b: FloatArray, metric: Metric) -> FloatArray:
    """Score row by row, as `likewise.ranking.exact.search` does."""
    scores: FloatArray = -np.linalg.norm(a - b, axis=1) if metric == "l2" else (a * b).sum(axis=1)
    return scores
