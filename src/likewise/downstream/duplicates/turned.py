"""Pictures that may be turned or mirrored copies of each other, by how they look at 16 x 16 pixels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from likewise.downstream.duplicates.kinds import Shots
from likewise.downstream.duplicates.links import DuplicateFile
from likewise.downstream.duplicates.pixels import Small, oriented
from likewise.ranking.exact import search
from likewise.types import FloatArray, IntArray

GRID = 16
"""Pixels a side of what is compared, whatever the shape of the picture."""

ALIKE = 0.9
"""Correlation from which two are looked at more closely."""

NEAREST = 4
"""Pictures that are looked at more closely for each way to turn one."""

STEP = 1024


def turned_pairs(files: Sequence[DuplicateFile], shots: Shots) -> IntArray:
    """Pairs of files that look alike when one is turned or mirrored, in any of the seven ways.

    A network sees a picture that lies on its side as another one; its small grey version only changes places.
    Returns places int64 ``(p, 2)``, the lower one first.
    """
    made = [(row, _grid(shot.small)) for row, file in enumerate(files) if (shot := shots.get(file))]
    if not made:
        return np.empty((0, 2), np.int64)
    rows, grids = np.array([row for row, _ in made], np.int64), np.stack([grid for _, grid in made])
    parts, plain = [np.empty((0, 2), np.int64)], _units(grids)
    for orientation in range(1, 8):
        for start in range(0, len(rows), STEP):
            chunk = grids[start : start + STEP]
            asked = _units(np.stack([oriented(grid, orientation) for grid in chunk]))
            ranking = search(plain, asked, NEAREST)
            at, place = np.nonzero(ranking.scores >= ALIKE)
            parts.append(np.stack([start + at, ranking.ids[at, place]], axis=1))
    pairs = np.sort(rows[np.concatenate(parts)], axis=1)
    return np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)


def _grid(small: Small) -> FloatArray:
    return np.asarray(cv2.resize(small.grey, (GRID, GRID), interpolation=cv2.INTER_AREA), np.float32)


def _units(grids: FloatArray) -> FloatArray:
    """Rows ``(n, GRID * GRID)`` of mean 0 and length 1: products are correlations. Flat ones are 0."""
    flat = grids.reshape(len(grids), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    units: FloatArray = flat / np.where(lengths > 1e-3, lengths, np.inf)
    return units
