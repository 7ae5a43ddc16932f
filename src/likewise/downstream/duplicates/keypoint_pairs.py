"""Pairs of pictures whose keypoints match, wherever their vectors lie: a crop, or one of another size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from likewise.collection import Collection
from likewise.collection.layers import LayerIndex
from likewise.downstream.duplicates.links import DuplicateFile
from likewise.errors import CollectionDamaged, UsageError
from likewise.types import IntArray

MATCHING = 8
"""Pictures that match one best and are looked at."""

VOTES = 54
"""Votes from which they are: nine of ten altered copies that are among each other's best reach it, and of 566
photographs 80 pairs of other things, whose pixels are compared in vain; of 900 keypoints a picture, before
`default` kept 800 (benchmarks/duplicates: as many copies are found of those)."""


@dataclass(frozen=True)
class FileKeypoints:
    """The keypoints that a collection keeps of some files.

    Attributes
    ----------
    index
        Of a layer that verifies, and of these files only; None where there is none.
    places
        By id of a picture the place of its file among all that are compared.
    """

    index: LayerIndex | None
    places: Mapping[int, int]

    @classmethod
    def of(
        cls, collection: Collection, files: Sequence[DuplicateFile], places: Sequence[int]
    ) -> FileKeypoints:
        """Those of the files at some places that a collection holds."""
        index = next((index for index in collection.asker().indexes if index.verifies), None)
        if index is None:
            return cls(None, {})
        known = {path: place for place in places for path in (files[place].path, *files[place].others)}
        held = {id: known[path] for id, path in collection.paths() if path in known}
        return cls(index.only(np.fromiter(held, np.int64, len(held))), held)


def matching_pairs(
    asking: FileKeypoints, asked: FileKeypoints, report: Callable[[int, int], None] | None = None
) -> IntArray:
    """Places of files, one of each side, that may show one thing by the keypoints that are kept of them.

    Both sides may be the same; each picture of the first is asked for among those of the second. Returns
    int64 ``(p, 2)``, in each row the lower place first.
    """
    pairs: set[tuple[int, int]] = set()
    if asking.index is None or asked.index is None or not asked.places:
        return np.empty((0, 2), np.int64)
    for done, (picture, place) in enumerate(asking.places.items(), 1):
        try:
            question = asking.index.question_of(picture)
        except (CollectionDamaged, UsageError):  # nothing is kept of it
            continue
        answer = asked.index.search(question, MATCHING + 1, ())
        for other in answer.ids[answer.scores >= VOTES].tolist():
            low, high = sorted((place, asked.places[other]))
            if low != high:
                pairs.add((low, high))
        if report and (done % 50 == 0 or done == len(asking.places)):
            report(done, len(asking.places))
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)
