"""Whether two pictures are the same, by what similarities mean in a collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likewise.collection import Collection, QueryPicture
from likewise.collection.layers import Pictures
from likewise.downstream.calibration import Calibration, Odds, calibrate, odds_of, score_of
from likewise.errors import UsageError
from likewise.types import FloatArray, IntArray, ProgressCallback

GROUPED = 2000
"""Pictures with a group of which all pairs are looked at; of more, so many are taken evenly."""


@dataclass(frozen=True)
class Similarity:
    """Whether two pictures are the same.

    Attributes
    ----------
    similarity
        As searching gives it.
    probability
        That they are the same, were it as likely beforehand that they are not.
    same
        Whether that is at least a half.
    meaning
        What "the same" means: ``one picture, altered``, or ``the same thing``.
    learned_on
        By what it is judged, in words.
    further
        Share of altered copies that are less similar to their originals; None without copies.
    by_chance
        Share of pairs of the collection that chance makes so similar; None where that is not known.
    threshold
        Least similarity of near-duplicates when all pairs are compared; None where none could be found.
    """

    similarity: float
    probability: float
    same: bool
    meaning: str
    learned_on: str
    further: float | None
    by_chance: float | None
    threshold: float | None


def similar(
    collection: Collection,
    a: QueryPicture,
    b: QueryPicture,
    *,
    groups: Sequence[tuple[str, str]] | None = None,
    progress: ProgressCallback | None = None,
) -> Similarity:
    """Say whether two pictures are the same, by what similarities mean in a collection.

    Raises `BadPicture` or `UsageError` when a picture cannot be described, or the collection is too small to
    judge by.

    Parameters
    ----------
    a, b
        Pictures, ids of pictures in the collection, or vectors.
    groups
        Pictures of the collection, by the path below the folder that was indexed, and what each shows. With
        them "the same" is to show the same thing; without, to be one picture, altered.
    """
    first, second = collection.describe(a), collection.describe(b)
    pictures = collection.pictures()
    calibration = calibrate(collection, pictures=pictures, progress=progress)
    apart = float(np.linalg.norm(first - second))
    odds, meaning, learned_on = _odds(calibration) if groups is None else _odds_of_groups(pictures, groups)
    probability = odds.probability(apart)
    known = calibration.copies is not None or calibration.chance is not None
    copies = calibration.copies.counted if calibration.copies else ()
    return Similarity(
        score_of(apart, pictures.metric),
        probability,
        probability >= 0.5,
        meaning,
        learned_on,
        float(np.mean(np.asarray(copies) > apart)) if copies else None,
        calibration.chance.rate(apart) if calibration.chance else None,
        calibration.threshold if known else None,
    )


def _odds(calibration: Calibration) -> tuple[Odds, str, str]:
    if calibration.odds is None or calibration.copies is None:
        raise UsageError(
            "too few pictures of the collection can be read to judge a similarity by; "
            "`likewise compare` shows it as it is"
        )
    copied = calibration.copies.pictures
    return calibration.odds, "one picture, altered", f"altered copies of {copied} pictures of the collection"


def _odds_of_groups(pictures: Pictures, groups: Sequence[tuple[str, str]]) -> tuple[Odds, str, str]:
    """Odds of showing the same thing, from pairs within groups and pairs of two."""
    places = {name: row for row, name in enumerate(pictures.names)}
    listed = [(places[name], group) for name, group in groups if name in places]
    if len(listed) > GROUPED:
        listed = [listed[number * len(listed) // GROUPED] for number in range(GROUPED)]
    if not listed:
        raise UsageError("none of the pictures that have a group is in the collection")
    rows = np.array([row for row, _ in listed])
    labels = np.unique([group for _, group in listed], return_inverse=True)[1]
    left, right = np.triu_indices(len(rows), 1)
    apart = _apart(pictures.vectors[rows], left, right)
    same = labels[left] == labels[right]
    learned_on = f"{len(rows)} pictures of the collection in {labels.max() + 1} groups"
    return odds_of(apart[same], apart[~same]), "the same thing", learned_on


def _apart(vectors: FloatArray, left: IntArray, right: IntArray) -> FloatArray:
    squares = np.einsum("nd,nd->n", vectors, vectors)
    products = vectors @ vectors.T
    nearness = squares[left] + squares[right] - 2 * products[left, right]
    distances: FloatArray = np.sqrt(np.maximum(nearness, 0))
    return distances
