"""Queries made of several pictures: of one thing, and of what a person says yes or no to."""

from __future__ import annotations

import numpy as np

from likewise.descriptors.transforms import l2
from likewise.errors import UsageError
from likewise.types import FloatArray

BETA, GAMMA = 0.75, 0.75
"""Weights of what was said yes and no to.

Text retrieval has settled on 0.15 for a no, which may be anything there. Here it is said to one of the first
hits, which is wrong for what it shares with the query: see `benchmarks.feedback`.
"""


def judged_weights(yes: int, no: int) -> tuple[float, float]:
    """Weights of so many pictures that were said yes and no to, where the query weighs 1."""
    return BETA / max(1, yes), -GAMMA / max(1, no)


def combined(vectors: FloatArray, *, unit: bool) -> FloatArray:
    """One query for several pictures of one thing: their mean.

    Arandjelovic and Zisserman, Multiple queries for large scale specific object retrieval (BMVC 2012).
    Returns float32, shape ``(d,)``. Raises `UsageError` when there is no vector.

    Parameters
    ----------
    vectors
        float32, shape ``(m, d)``.
    unit
        Divide the mean by its length.
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
    beta: float = BETA,
    gamma: float = GAMMA,
) -> FloatArray:
    """Move a query towards what was said yes to and away from what was said no to.

    ``query + beta mean(yes) - gamma mean(no)``, where a mean of nothing is zero: Rocchio, Relevance feedback
    in information retrieval (1971). Returns float32, shape ``(d,)``. Raises `UsageError` when a weight is out
    of bounds.

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


def shares(wanted: FloatArray, yes: FloatArray, no: FloatArray, other: FloatArray) -> FloatArray:
    """Shares of a query's pictures in its similarity with one.

    A query of several pictures is a sum of their vectors, so its scalar product with another vector is one,
    too: `combined` and `refined` written out, with unit vectors. Returns float64, shape ``(m + y + n,)``, in
    that order; the sum is the similarity.

    Parameters
    ----------
    wanted
        Vectors of the pictures of the thing, shape ``(m, d)``, ``m`` at least 1.
    yes, no
        Shape ``(y, d)`` and ``(n, d)``; both may be empty.
    other
        Shape ``(d,)``.
    """
    vectors = np.concatenate([wanted, yes, no]).astype(np.float64)
    weights = np.zeros(len(vectors))
    weights[: len(wanted)] = 1.0
    if len(wanted) > 1:
        weights /= np.linalg.norm(weights @ vectors)
    if len(yes) or len(no):
        weights[len(wanted) :] = np.repeat(judged_weights(len(yes), len(no)), (len(yes), len(no)))
        weights /= np.linalg.norm(weights @ vectors)
    return np.asarray(weights * (vectors @ other.astype(np.float64)))
