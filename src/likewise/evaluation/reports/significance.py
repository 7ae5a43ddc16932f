"""How sure a score is: a confidence interval for a mean, and a test for two runs on the same queries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likewise.errors import UsageError

RESAMPLES = 10_000
EXACT = 20
"""Differences up to which all patterns of signs are gone through; 2**20 sums take milliseconds."""

_SIGNINGS = 9_999
_BLOCK = 1 << 22  # numbers drawn at once


class Interval(NamedTuple):
    """Bounds between which a mean lies with some confidence."""

    low: float
    high: float


class SignTest(NamedTuple):
    """Outcome of `sign_flip_test`.

    Attributes
    ----------
    p
        Two-sided p-value.
    smallest
        The smallest p-value that so many differences can give; at 0.25 nothing can be significant.
    exact
        Whether all patterns of signs were gone through, or a sample of them.
    """

    p: float
    smallest: float
    exact: bool


def bootstrap_interval(
    values: ArrayLike, *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Percentile bootstrap interval of a mean (Efron, 1979).

    It says how far the mean would move with other queries of the same kind; with a handful of queries it is
    too narrow. ``values``: one number a query, shape ``(n,)``; NaN for queries that do not count. Raises
    `UsageError` when no number is left.
    """
    known = _known(values)
    chance = np.random.default_rng(seed)
    step = max(1, _BLOCK // len(known))
    means = [
        known[chance.integers(len(known), size=(min(step, resamples - start), len(known)))].mean(axis=1)
        for start in range(0, resamples, step)
    ]
    edges = ((1 - confidence) / 2, (1 + confidence) / 2)
    low, high = np.quantile(np.concatenate(means), edges)
    return Interval(float(low), float(high))


def sign_flip_test(differences: ArrayLike, *, seed: int = 0) -> SignTest:
    """Two-sided randomisation test that paired differences have mean zero (Fisher, 1935).

    If the two runs were equally good, each difference could as well have had the other sign. The p-value is
    the share of sign patterns whose mean lies at least as far from zero as the one observed. Up to `EXACT`
    differences that are not zero all patterns are tried; above that 9 999 are drawn, and the observed one is
    counted with them. ``differences``: one number a query, shape ``(n,)``; NaN for queries that do not count.
    Raises `UsageError` when no number is left.
    """
    known = _known(differences)
    moving = known[known != 0]
    # Sums of the same numbers in another order differ in the last digits; they count as equal.
    least = abs(moving.sum()) - 1e-9 * np.abs(moving).sum()
    if len(moving) <= EXACT:
        sums = np.zeros(1)
        for difference in moving:
            sums = np.concatenate([sums + difference, sums - difference])
        return SignTest(float(np.mean(np.abs(sums) >= least)), min(1.0, 2 / len(sums)), True)
    beyond = sum(int((np.abs(block) >= least).sum()) for block in _drawn_sums(moving, seed))
    return SignTest((beyond + 1) / (_SIGNINGS + 1), 1 / (_SIGNINGS + 1), False)


def _drawn_sums(numbers: NDArray[np.float64], seed: int) -> list[NDArray[np.float64]]:
    """Sums of the numbers under random signs."""
    chance = np.random.default_rng(seed)
    step = max(1, _BLOCK // len(numbers))
    sizes = [min(step, _SIGNINGS - start) for start in range(0, _SIGNINGS, step)]
    return [(2.0 * chance.integers(2, size=(size, len(numbers))) - 1) @ numbers for size in sizes]


def _known(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64).ravel()
    known: NDArray[np.float64] = numbers[~np.isnan(numbers)]
    if not len(known):
        raise UsageError("no query has a score: there is nothing to average")
    return known
