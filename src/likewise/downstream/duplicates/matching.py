"""Pairs of pictures whose keypoints match, wherever their vectors lie: a crop, or one of another size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from likewise.collection import Collection
from likewise.downstream.duplicates.files import File
from likewise.errors import CollectionDamaged, UsageError
from likewise.types import IntArray

MATCHING = 8
"""Pictures that match one best and are looked at."""

EVIDENCE = 6.0
"""Nats from which they are: nine of ten altered copies that are among each other's best reach it, and of 566
photographs 80 pairs of other things (benchmarks/duplicates), whose pixels are compared in vain."""


def matching_pairs(
    collection: Collection, files: Sequence[File], report: Callable[[int, int], None] | None = None
) -> IntArray:
    """Places of files of a collection that may show one thing by the keypoints that it keeps of them.

    Returns
    -------
    array
        Int64 ``(p, 2)``, in each row the lower place first; none where no layer keeps keypoints.
    """
    index = next((index for index in collection.asker().indexes if index.verifies), None)
    places = {file.id: place for place, file in enumerate(files)}
    found: set[tuple[int, int]] = set()
    if index is not None:
        index = index.only(np.fromiter(places, np.int64, len(places)))
        for place, file in enumerate(files):
            try:
                question = index.question_of(file.id)
            except (CollectionDamaged, UsageError):  # nothing is kept of it
                continue
            answer = index.search(question, MATCHING + 1, ())
            evidence = index.evidence(answer.scores)
            for other in answer.ids[evidence >= EVIDENCE].tolist():
                if other != file.id:
                    low, high = sorted((place, places[other]))
                    found.add((low, high))
            if report and (place % 50 == 49 or place + 1 == len(files)):
                report(place + 1, len(files))
    return np.array(sorted(found), np.int64).reshape(-1, 2)
