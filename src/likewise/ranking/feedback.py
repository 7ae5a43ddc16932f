"""Queries made of several pictures: of one thing, and of what a person says yes or no to."""

from __future__ import annotations

import numpy as np

from likewise.descriptors.transforms import l2
from likewise.errors import UsageError
from likewise.types import FloatArray


def combined(vectors: FloatArray, *, unit: bool) -> FloatArray:
    """One query for several pictures of one thing: their mean.

    Arandjelovic and Zisserman, Multiple queries for large scale specific object retrieval (BMVC 2012).

    Parameters
    ----------
    vectors
        float32, shape ``(m, d)``.
    unit
        Divide the mean by its length.

    Returns
    -------
    ndarray
        float32, shape ``(d,)``.

    Raises
    ------
    UsageError
        When there is no vector.
    """
    if vectors.ndim != 2 or not len(vectors):
        raise UsageError(f"vectors {vectors.shape} must be (m, d), of at least one picture")
    mean: FloatArray = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    return l2(mean) if unit else mean


def refined(
    query: FloatArray,
    yes: FloatArray,
    no: FloatArray,
    *,
    unit: bool,
    beta: float = 0.75,
    gamma: float = 0.15,
) -> FloatArray:
    """Move a query towards what was said yes to and away from what was said no to.

    ``query + beta mean(yes) - gamma mean(no)``, where a mean of nothing is zero: Rocchio, Relevance feedback
    in information retrieval (1971). The two weights are those that text retrieval has settled on: what is
    wanted is like itself, and what is not wanted may be anything.

    Parameters
    ----------
    query
        float32, shape ``(d,)``.
    yes, no
        float32, shape ``(m, d)``; ``m`` may be 0.
    unit
        Divide the result by its length. Without it, it is divided by the sum of the weights that were used,
        so that distances to it stay comparable.
    beta, gamma
        At least 0; ``gamma`` below 1.

    Returns
    -------
    ndarray
        float32, shape ``(d,)``.

    Raises
    ------
    UsageError
        When a weight is out of bounds.
    """
    if not (beta >= 0 and 0 <= gamma < 1):
        raise UsageError(f"beta must be at least 0 and gamma from 0 to below 1, not {beta:g} and {gamma:g}")
    moved = query.astype(np.float64)
    weights = 1.0
    for vectors, weight in ((yes, beta), (no, -gamma)):
        if len(vectors):
            moved += weight * vectors.mean(axis=0, dtype=np.float64)
            weights += weight
    return l2(moved).astype(np.float32) if unit else (moved / weights).astype(np.float32)
