"""Near-duplicates: pictures that are the same but for how they were stored."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likewise.collection import Collection, Pictures
from likewise.collection.pace import Pace
from likewise.downstream.calibration import calibrate, distance_of, score_of
from likewise.downstream.linking import linked
from likewise.downstream.rows import checked
from likewise.types import IntArray, Progress, ProgressCallback


@dataclass(frozen=True)
class Group:
    """Pictures that are near-duplicates of each other.

    Attributes
    ----------
    keep
        Place in ``ids`` of the one with the most pixels; among equals the largest file, then the lowest id.
    ids, paths
        The pictures, that one first, then the others by falling similarity to it.
    similarities
        To the first one, which has 1, or 0 where distances are compared.
    """

    ids: tuple[int, ...]
    paths: tuple[Path, ...]
    similarities: tuple[float, ...]


@dataclass(frozen=True)
class Duplicates:
    """Near-duplicates of a collection.

    Attributes
    ----------
    groups
        The largest first, those of equal size by their ids.
    pictures
        How many were compared.
    threshold
        Similarity that links two pictures.
    reason
        Why it lies there.
    found
        By alteration the share of altered copies of the collection's pictures that it finds; empty where none
        could be made.
    by_chance
        How many pairs of different pictures are expected above it; None where that is not known.
    """

    groups: tuple[Group, ...]
    pictures: int
    threshold: float
    reason: str
    found: dict[str, float]
    by_chance: float | None

    @property
    def surplus(self) -> int:
        """How many pictures could go if one of each group stays."""
        return sum(len(group.ids) - 1 for group in self.groups)


def find_duplicates(
    collection: Collection,
    *,
    threshold: float | None = None,
    under: str | os.PathLike[str] | None = None,
    progress: ProgressCallback | None = None,
) -> Duplicates:
    """Group the near-duplicates of a collection: pictures that pairs above a threshold chain together.

    Every pair is looked at, and no table of them is made: 100 000 pictures take less than 2 GB.

    Parameters
    ----------
    threshold
        Least similarity of a pair. By default it is calibrated on the collection; see
        `likewise.downstream.calibration.calibrate`.
    under
        Only in a folder, or where the path matches a glob.

    Raises
    ------
    UsageError
        When there is no picture, the threshold is no similarity, or it links nearly everything.
    CollectionNotFound, CollectionDamaged
        When there is no collection to look into.
    """
    pictures = collection.pictures(under)
    vectors = checked(pictures.vectors, 1, "finding duplicates")
    given = None if threshold is None else distance_of(threshold, pictures.metric)
    calibration = calibrate(collection, pictures=pictures, progress=progress)
    radius = calibration.radius if given is None else given
    labels = linked(vectors, radius, report=_reporter(progress))
    return Duplicates(
        tuple(_groups(pictures, labels)),
        len(vectors),
        score_of(radius, pictures.metric),
        "given" if given is not None else calibration.reason(radius),
        calibration.found(radius),
        calibration.expected(radius),
    )


def _groups(pictures: Pictures, labels: IntArray) -> list[Group]:
    """Groups of at least two rows."""
    order = np.argsort(labels, kind="stable")
    bounds = np.flatnonzero(np.diff(labels[order])) + 1
    members = [rows for rows in np.split(order, bounds) if len(rows) > 1]
    groups = [_group(pictures, rows) for rows in members]
    return sorted(groups, key=lambda group: (-len(group.ids), min(group.ids)))


def _group(pictures: Pictures, rows: IntArray) -> Group:
    best = rows[np.lexsort((pictures.ids[rows], -pictures.bytes[rows], -pictures.pixels[rows]))[0]]
    apart = np.linalg.norm(pictures.vectors[rows] - pictures.vectors[best], axis=1)
    order = np.lexsort((pictures.ids[rows], apart, rows != best))
    return Group(
        tuple(pictures.ids[rows[order]].tolist()),
        tuple(pictures.paths[row] for row in rows[order].tolist()),
        tuple(score_of(one, pictures.metric) for one in apart[order].tolist()),
    )


def _reporter(progress: ProgressCallback | None) -> Callable[[int, int], None] | None:
    """Tell how far comparing has come; a tile of late rows has fewer columns, so that it speeds up."""
    if progress is None:
        return None
    pace = Pace()
    return lambda done, total: progress(
        Progress(done, total, remaining=pace.remaining(done, total), note="comparing")
    )
