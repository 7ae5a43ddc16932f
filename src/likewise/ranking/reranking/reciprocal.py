"""The first ``top`` hits are ordered by how much of their neighbourhood they share with the query.

Zhong, Zheng, Cao and Li, Re-ranking person re-identification with k-reciprocal encoding (CVPR 2017).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likewise.ranking.reranking.block import Block, Reranking
from likewise.types import FloatArray


def run(block: Block, k1: int, k2: int, weight: float, top: int) -> None:
    """Order each query's head; see `reciprocal`."""
    for row, query in enumerate(block.queries):
        head = block.places[row, :top]
        vectors = block.gallery.vectors[head]
        block.put(row, head, reciprocal(query, vectors, k1=k1, k2=k2, weight=weight))


def reciprocal(query: FloatArray, hits: FloatArray, *, k1: int, k2: int, weight: float) -> FloatArray:
    """Score the hits of one query; all neighbourhoods are taken among the query and these hits.

    With the whole gallery as hits this is the paper; with its first hundreds it needs nothing but their
    vectors, and what other queries are asked beside it changes nothing. As in the authors' programme,
    distances are squared Euclidean ones divided by the largest of their row, and a picture is the first of
    its own neighbours. Memory: six arrays of ``(m + 1)^2`` numbers. Returns float32, shape ``(m,)``:
    ``1 - d*``, from 0 to 1, where ``d* = (1 - weight) d_Jaccard + weight d`` is the paper's final distance.

    Parameters
    ----------
    query
        float32, shape ``(d,)``.
    hits
        float32, shape ``(m, d)``, at least one.
    k1
        How many neighbours a picture has.
    k2
        Over how many of these encodings are averaged (the paper's local query expansion).
    weight
        Share of the original distance, the paper's lambda: 1 leaves the order as it was.
    """
    distances = _distances(np.concatenate([query[np.newaxis], hits]))
    near = np.argsort(distances, axis=1, kind="stable")
    encoded = _expanded(_encoded(distances, near, k1), near, k2)
    shared = np.minimum(encoded[0], encoded[1:]).sum(axis=1)
    jaccard = 1 - shared / (2 - shared)  # both rows add up to 1: their maxima to 2 - shared
    final = (1 - weight) * jaccard + weight * distances[0, 1:]
    return np.asarray(1 - final, np.float32)


def _distances(vectors: FloatArray) -> NDArray[np.float64]:
    exact = vectors.astype(np.float64)
    squares = np.einsum("nd,nd->n", exact, exact)
    distances: NDArray[np.float64] = np.maximum(squares[:, np.newaxis] + squares - 2 * exact @ exact.T, 0)
    distances /= np.maximum(distances.max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    np.fill_diagonal(distances, -1)  # a picture comes first of its own neighbours, also before its copies
    return distances


def _encoded(distances: NDArray[np.float64], near: NDArray[np.int64], k1: int) -> NDArray[np.float64]:
    """The k-reciprocal neighbours of each, weighted by ``exp(-d)``; rows add up to 1."""
    whole, half = _mutual(near, k1), _mutual(near, round(k1 / 2))
    # R*(p, k1): a member's own, narrower R(c, k1 / 2) joins when two thirds of it are in R(p, k1).
    alike = whole * (3 * (whole @ half.T) >= 2 * half.sum(axis=1))
    members = (whole + alike @ half) > 0
    weights = np.where(members, np.exp(-np.maximum(distances, 0)), 0)
    encoded: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return encoded


def _mutual(near: NDArray[np.int64], k: int) -> FloatArray:
    """Ones where each of two is among the first ``k`` neighbours of the other, R(p, k); and for itself."""
    among = np.zeros(near.shape, np.bool_)
    np.put_along_axis(among, near[:, : k + 1], True, axis=1)
    return (among & among.T).astype(np.float32)


def _expanded(encoded: NDArray[np.float64], near: NDArray[np.int64], k2: int) -> NDArray[np.float64]:
    """The mean over the first ``k2`` neighbours, of which a picture is the first itself."""
    total = np.zeros_like(encoded)
    for rows in near[:, :k2].T:
        total += encoded[rows]
    return total / min(k2, len(near))


RECIPROCAL = Reranking(
    "reciprocal",
    "The first hits are ordered by the neighbours that they share with the query.",
    options={"k1": 20, "k2": 6, "weight": 0.3, "top": 100},
    bounds={"k1": (1, 10_000), "k2": (1, 10_000), "weight": (0, 1), "top": (1, 2000)},
    run=run,
    depth=("top",),
)
