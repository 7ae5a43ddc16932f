"""Vectors mixed with those of their neighbours: expansion of queries, augmentation of galleries.

Chum et al., Total recall (ICCV 2007) average; Arandjelovic and Zisserman, Three things everyone should know
to improve object retrieval (CVPR 2012) do it to the gallery too; Radenovic, Tolias and Chum, Fine-tuning CNN
image retrieval with no human annotation (TPAMI 2019) weight by a power of the similarity.
"""

from __future__ import annotations

import numpy as np

from likewise.descriptors.transforms import l2
from likewise.ranking.exact import Vectors
from likewise.ranking.neighbours import NeighbourLists
from likewise.types import FloatArray, IntArray

BLOCK = 1 << 22
"""Numbers of neighbours' vectors held at once: 16 MiB of float32."""


def mixed(
    own: Vectors,
    vectors: Vectors,
    places: IntArray,
    *,
    alpha: float,
    unit: bool,
    own_weight: float = 1.0,
) -> FloatArray:
    """Weighted mean of each vector and some rows.

    A row weighs ``max(s, 0) ** alpha`` where ``s`` is its inner product with the vector: without the limit a
    row that points away would get the power of a negative number, which for most powers is none. Returns
    float32, shape ``(m, d)``.

    Parameters
    ----------
    own
        float32, shape ``(m, d)``.
    vectors
        float32, shape ``(n, d)``.
    places
        int64, shape ``(m, k)``: rows of ``vectors``.
    alpha
        0 for the plain mean, in which rows that point away count as well.
    unit
        Divide the means by their lengths.
    own_weight
        What the vector itself weighs: with 0 the mean is of the rows alone, and a vector whose rows all
        weigh nothing stays as it is.
    """
    means = np.empty(own.shape, np.float32)
    step = max(1, BLOCK // max(1, places.shape[1] * own.shape[1]))
    for start in range(0, len(own), step):
        rows = slice(start, start + step)
        block = _means(own[rows], vectors[places[rows]], alpha, own_weight)
        means[rows] = l2(block) if unit else block
    return means


def _means(own: FloatArray, near: FloatArray, alpha: float, own_weight: float) -> FloatArray:
    """Means of ``(m, d)`` with ``(m, k, d)``."""
    weights = np.ones(near.shape[:2], np.float32)
    if alpha > 0:
        weights = np.maximum(near @ own[:, :, np.newaxis], 0)[:, :, 0] ** np.float32(alpha)
    mass = weights.sum(axis=1, keepdims=True)
    share = np.where(mass > 0, np.float32(own_weight), np.float32(1))
    total: FloatArray = share * own + (weights[:, np.newaxis] @ near)[:, 0]
    means: FloatArray = total / (share + mass)
    return means


def augmented(neighbours: NeighbourLists, n: int, *, alpha: float, unit: bool) -> FloatArray:
    """Every row mixed with the ``n`` rows nearest to it; the row itself counts once.

    Returns float32, shape ``(n, d)``: a second gallery, beside the first.
    """
    vectors = neighbours.vectors
    near = neighbours.of(np.arange(len(vectors)), n)
    return mixed(vectors, vectors, near.ids, alpha=alpha, unit=unit)
