"""How close pictures come to each other by chance: the law of the closest pairs of a collection."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.downstream.vectors import canonical
from likewise.ranking.exact import pairs
from likewise.types import FloatArray

PAIRS = 200_000
"""Random pairs that stand for all."""

SHARE = 0.01
"""Share of the pairs, the closest ones, from which the law is learned."""

LEAST = 20
"""Fewest pairs from which it is learned."""

STEP = 4096


@dataclass(frozen=True)
class Chance:
    """Within a small distance r of each other lie ``share * (r / radius) ** dimension`` of all pairs.

    That is how the number of pairs grows with the distance wherever vectors fill a space of some dimension
    (Grassberger and Procaccia, Characterization of strange attractors, Physical Review Letters 50, 1983).

    Attributes
    ----------
    share
        Share of the pairs that lie within ``radius``.
    radius
        Euclidean distance up to which the law holds.
    dimension
        Of the space that the vectors fill.
    """

    share: float
    radius: float
    dimension: float

    def rate(self, distance: float) -> float:
        """Share of the pairs that are so close by chance; beyond ``radius`` it is at least this."""
        return float(self.share * min(1.0, distance / self.radius) ** self.dimension)

    def distance(self, rate: float) -> float:
        """Within which distance such a share of the pairs lies, ``radius`` at most."""
        return float(self.radius * min(1.0, rate / self.share) ** (1 / self.dimension))


def chance_of(distances: NDArray[np.floating], *, beyond: float = 0.0) -> Chance | None:
    """Learn the law from the distances of random pairs.

    The dimension follows from the median of ``log(radius / r)``, which has an exponential distribution: the
    mean would be the estimate of largest likelihood (Levina and Bickel, 2004), and a few true duplicates,
    whose r is nearly 0, would spoil it. Where no pair can be closer than ``beyond``, the distribution is cut
    off at ``log(radius / beyond)``, and the median is that of what is left of it. Returns None where there
    are too few pairs, or those that are closest are all equally close. ``beyond``: distance up to which pairs
    were taken out, because they may be copies.
    """
    count = max(LEAST, math.ceil(SHARE * len(distances)))
    if 2 * count > len(distances):
        return None
    closest = np.sort(np.partition(np.asarray(distances, np.float64), count)[: count + 1])
    radius, inner = closest[-1], closest[:-1]
    middle = float(np.median(inner))
    if not 0 < middle < radius:
        return None
    dimension, seen = _dimension(math.log(radius / middle), math.log(radius / beyond) if beyond else math.inf)
    return Chance(min(1.0, count / len(distances) / seen), float(radius), dimension)


def _dimension(middle: float, most: float) -> tuple[float, float]:
    """Rate of an exponential distribution that is cut off at ``most``, and the share of it before that.

    The median m of what is left solves ``1 - exp(-d m) = (1 - exp(-d most)) / 2``. It has no solution where
    m is at least half of ``most``, which is that of an even spread: then nothing was learned of the cut, and
    the rate is that of a distribution without one.
    """
    from scipy.optimize import brentq

    plain = math.log(2) / middle
    if not middle < 0.49 * most or plain * most > 700:
        return plain, 1.0
    rate = float(brentq(lambda d: 1 - math.exp(-d * middle) - (1 - math.exp(-d * most)) / 2, 1e-6, 2 * plain))
    return rate, 1 - math.exp(-rate * most)


def pair_distances(vectors: FloatArray) -> FloatArray:
    """Euclidean distances of pairs of rows: of all where they are few, else of `PAIRS` random ones.

    Returns float32, shape ``(p,)``; the order of the rows does not matter.
    """
    order = canonical(vectors)
    left, right = pairs(len(vectors), PAIRS)
    left, right = order[left], order[right]
    distances = np.empty(len(left), np.float32)
    for start in range(0, len(left), STEP):
        block = slice(start, start + STEP)
        distances[block] = np.linalg.norm(vectors[left[block]] - vectors[right[block]], axis=1)
    return distances
