"""Calibration of similarity in one collection: when two pictures are the same, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from likewise.collection import Collection
from likewise.collection.layers import Pictures
from likewise.downstream.chance import Chance, chance_of, pair_distances
from likewise.downstream.copies import ALTERATIONS, HALVED, Copies, measure_copies
from likewise.downstream.linking import linked
from likewise.downstream.vectors import canonical, checked
from likewise.errors import UsageError
from likewise.types import FloatArray, Metric, ProgressCallback

FOUND = 0.95
"""Share of the altered copies that the threshold is to let through."""

ALLOWED = 0.001
"""Pairs a picture that chance may bring about: one among a thousand pictures."""

STRANGERS = 10
"""Fewest pictures, none of which may be a copy of another, from which chance is learned."""

_LEAST_DISTANCE = 1e-4  # what storing a vector moves it by; the logarithm needs a bound


def score_of(distance: float, metric: Metric) -> float:
    """The similarity, as searching gives it, of vectors so far apart: for ``dot`` unit vectors."""
    return 1 - distance * distance / 2 if metric == "dot" else -distance


def distance_of(score: float, metric: Metric) -> float:
    """How far apart vectors of a similarity are.

    Raises `UsageError` when no two vectors can have it.
    """
    bounds = (-1.0, 1.0) if metric == "dot" else (-math.inf, 0.0)
    if not bounds[0] <= score <= bounds[1]:
        kind = "a cosine, from -1 to 1" if metric == "dot" else "minus a distance, 0 at most"
        raise UsageError(f"no similarity is {score:g}: here it is {kind}")
    return math.sqrt(2 - 2 * score) if metric == "dot" else -score


@dataclass(frozen=True)
class Odds:
    """Probability that two pictures are the same, were either as likely beforehand, by their distance.

    ``1 / (1 + (distance / even) ** steepness)``: logistic in the logarithm of the distance, as by Platt,
    Probabilistic outputs for support vector machines, 1999.

    Attributes
    ----------
    even
        The distance at which both are as likely.
    steepness
        How fast the one turns into the other; 0 where the distance tells nothing.
    """

    even: float
    steepness: float

    def probability(self, distance: float) -> float:
        """Between 0 and 1."""
        power = self.steepness * (math.log(max(distance, _LEAST_DISTANCE)) - math.log(self.even))
        return 1 / (1 + math.exp(min(power, 700.0)))


def odds_of(same: ArrayLike, different: ArrayLike) -> Odds:
    """Learn the odds from the distances of pairs that are known to be the same, and to be different.

    Raises `UsageError` when there is none of either kind.
    """
    from sklearn.linear_model import LogisticRegression

    kinds = [
        np.log(np.maximum(np.asarray(distances, np.float64), _LEAST_DISTANCE))
        for distances in (same, different)
    ]
    if not all(len(kind) for kind in kinds):
        raise UsageError(
            "a similarity is judged by pairs that are the same and pairs that are not: both kinds"
        )
    logs = np.concatenate(kinds)
    labels = np.repeat([1, 0], [len(kind) for kind in kinds])
    middle, spread = float(np.mean([kind.mean() for kind in kinds])), float(logs.std()) or 1.0
    fit = LogisticRegression(class_weight="balanced").fit(((logs - middle) / spread)[:, None], labels)
    slope, offset = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    if slope >= 0:  # what is the same lies no closer: nothing can be told
        return Odds(math.exp(middle), 0.0)
    return Odds(math.exp(middle - spread * offset / slope), -slope / spread)


@dataclass(frozen=True)
class Calibration:
    """Calibrated similarities of a collection.

    Attributes
    ----------
    pictures
        How many it holds.
    metric
        How they are compared.
    copies
        How far altered copies lie from their originals; None where too few pictures could be copied.
    chance
        How close different pictures come; None where there are too few.
    odds
        Of being the same picture; None without copies or without pairs.
    """

    pictures: int
    metric: Metric
    copies: Copies | None
    chance: Chance | None
    odds: Odds | None

    @property
    def radius(self) -> float:
        """Largest distance of near-duplicates, where nothing but it tells them.

        The one within which `FOUND` of the altered copies lie, or, where it is smaller, the one within which
        chance alone brings `ALLOWED` pairs a picture. Raises `UsageError` when neither is known.
        """
        bounds = [bound for bound in (self._copied, self._by_chance) if bound is not None]
        if not bounds:
            raise UsageError(
                f"{self.pictures} pictures, of which too few can be read, are not enough to find a threshold "
                "by: give one"
            )
        return min(bounds)

    @property
    def threshold(self) -> float:
        """Least similarity of near-duplicates; raises as `radius` does."""
        return score_of(self.radius, self.metric)

    @property
    def reach(self) -> float | None:
        """The distance within which `FOUND` of the altered copies lie; None without copies."""
        return self._copied

    @property
    def reach_of_sizes(self) -> float | None:
        """The distance within which `FOUND` of the copies of half the size lie, which may be far; or None."""
        return float(np.quantile(self.copies.distances[HALVED], FOUND)) if self.copies else None

    def found(self, distance: float) -> dict[str, float]:
        """By alteration the share of the copies that lie within a distance; empty without copies."""
        copies = self.copies.distances if self.copies else {}
        return {name: float(np.mean(np.asarray(distances) <= distance)) for name, distances in copies.items()}

    def expected(self, distance: float) -> float | None:
        """How many pairs of the collection lie within a distance by chance."""
        pairs = self.pictures * (self.pictures - 1) / 2
        return self.chance.rate(distance) * pairs if self.chance else None

    def reason(self, distance: float) -> str:
        """Say in words why the threshold lies at a distance that was not given by hand."""
        rare = f"there chance brings one pair among {1 / ALLOWED:.0f} pictures so close"
        copied = self._copied
        if copied is None:
            return f"{rare}; no copies could be made to compare with"
        share = f"{100 * FOUND:.0f} % of copies, altered in {len(ALTERATIONS)} ways,"
        if copied == distance:
            return f"{share} are at least so similar to their originals"
        reached = f"at {score_of(copied, self.metric):.4f}, which {share} reach,"
        return f"{rare}; {reached} it would bring {self.expected(copied):.2g}"

    @property
    def _copied(self) -> float | None:
        return float(np.quantile(self.copies.counted, FOUND)) if self.copies else None

    @property
    def _by_chance(self) -> float | None:
        return self.chance.distance(2 * ALLOWED / (self.pictures - 1)) if self.chance else None


def calibrate(
    collection: Collection,
    *,
    pictures: Pictures | None = None,
    progress: ProgressCallback | None = None,
) -> Calibration:
    """Find out what similarities mean in a collection.

    Some pictures are altered and described again, which takes seconds the first time; random pairs show how
    similar different pictures are. ``pictures``: only these of the collection. Raises `UsageError` when there
    is no picture.
    """
    queries = collection.pictures() if pictures is None else pictures
    vectors = checked(queries.vectors, 1, "a calibration")
    copies = measure_copies(collection, queries, progress=progress)
    others, beyond = _strangers(vectors, copies)
    apart = pair_distances(others)
    odds = odds_of(copies.counted, apart) if copies and len(apart) else None
    return Calibration(len(vectors), queries.metric, copies, chance_of(apart, beyond=beyond), odds)


def _strangers(vectors: FloatArray, copies: Copies | None) -> tuple[FloatArray, float]:
    """Rows of which none may be a copy of another, and how far apart they therefore are at least.

    The closest pairs of a collection with many copies are the copies, and a burst of forty shots has 780
    pairs: of all that chains of the distance of copies join, one row is left. Where that leaves too little to
    learn from, the collection is one of pictures that are all alike, and its pairs are taken as they are.
    """
    if copies is None:
        return vectors, 0.0
    radius, ordered = float(np.quantile(copies.counted, FOUND)), vectors[canonical(vectors)]
    try:
        _, first = np.unique(linked(ordered, radius), return_index=True)
    except UsageError:
        return vectors, 0.0
    return (ordered[first], radius) if len(first) >= STRANGERS else (vectors, 0.0)
