"""Numbers for what the seed saw with the eye: how processed, how black and how certain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.types import FloatArray

BINS = 256
LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""

Distribution = NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """How far maps still are the picture, and each other.

    Attributes
    ----------
    to_picture
        Mean over maps of the size of their correlation with the brightness of the picture; constant maps,
        which show nothing, count as 0.
    to_each_other
        Mean of the size of the correlation over all pairs of maps that are not constant; 0 with fewer than
        two of them.
    constant
        How many maps have one value everywhere.
    """

    to_picture: float
    to_each_other: float
    constant: int


def likeness(maps: FloatArray, picture: NDArray[np.uint8]) -> Likeness:
    """Correlate maps ``(c, h, w)`` with a picture ``(h, w, 3)`` of their size, and with each other."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    moving = flat[np.ptp(flat, axis=1) > 0]
    if not len(moving):
        return Likeness(0.0, 0.0, len(maps))
    brightness = (picture @ LUMA).reshape(1, -1)
    found = np.abs(np.corrcoef(np.concatenate([moving, brightness])))
    to_picture = np.nan_to_num(found[-1, :-1]).sum() / len(maps)  # not a number where the picture is flat
    pairs = found[:-1, :-1][np.triu_indices(len(moving), 1)]
    to_each_other = float(pairs.mean()) if len(pairs) else 0.0
    return Likeness(float(to_picture), to_each_other, len(maps) - len(moving))


def zeros(values: FloatArray) -> float:
    """Share of values that are exactly zero."""
    return float(np.mean(values == 0))


def distribution(values: NDArray[np.generic], high: float) -> Distribution:
    """Shares of `BINS` bins of equal width over 0 to ``high``, shape ``(BINS,)``."""
    counts, _ = np.histogram(values, BINS, (0.0, high or 1.0))
    return np.asarray(counts / max(counts.sum(), 1), np.float64)


def entropy(shares: Distribution) -> float:
    """Entropy in bits, ``-sum p log2 p`` (Shannon, 1948)."""
    some = shares[shares > 0]
    return float(-(some * np.log2(some)).sum()) + 0.0


def margin(probabilities: Distribution) -> float:
    """How far the likeliest class is ahead of the next."""
    first, second = np.sort(probabilities)[::-1][:2]
    return float(first - second)
