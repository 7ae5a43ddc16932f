"""Parts of a picture that one may mean: compact regions that stand out from the rest by their activations."""

from __future__ import annotations

import numpy as np

from likewise.descriptors import Encoder
from likewise.pictures import Source
from likewise.types import Box, Doubles, IntArray

MOST = 3
"""Parts that are proposed at most."""

LEAST_SHARE, MOST_SHARE = 0.06, 0.6
"""Of the area of the picture that a part covers: less is a detail, more is the picture itself."""

LONGEST = 3.0
"""Longer side of a part, by its shorter one, in cells: what is longer is an edge or a horizon."""

FINEST = 20
"""Cells along the longer side of the grid that is searched: all of its windows are looked at."""

CLEAREST = 0.15
"""Share of the variance of the strength in the whole picture that a part has to account for."""


def find_subjects(extractor: Encoder, source: Source, *, max_pixels: int | None = None) -> list[Box]:
    """Propose parts of a picture to search with, the clearest first.

    Raises `BadPicture` when it cannot be read; `UsageError` when the recipe pools no map. Returns at most
    `MOST`, in pixels of the upright picture; none where nothing stands out.

    Parameters
    ----------
    extractor
        A `likewise.descriptors.extractor.Extractor`.
    source
        Anything that `likewise.pictures.load` takes.
    """
    loaded = extractor.prepare(source, max_pixels=max_pixels)
    cells = np.linalg.norm(extractor.maps([loaded])[0][0].astype(np.float64), axis=0)  # of all channels
    size, step = cells.shape, -(-max(cells.shape) // FINEST)
    down, across = loaded.height / size[0], loaded.width / size[1]
    return [
        Box(
            left * step * across,
            top * step * down,
            min(right * step, size[1]) * across,
            min(bottom * step, size[0]) * down,
        )
        for top, left, bottom, right in windows(coarse(cells, step))
    ]


def coarse(cells: Doubles, step: int) -> Doubles:
    """Means of blocks of ``step`` by ``step`` cells of a grid ``(h, w)``; the last ones may be smaller."""
    for axis in (0, 1):
        starts = np.arange(0, cells.shape[axis], step)
        counts = np.diff(starts, append=cells.shape[axis])
        cells = np.add.reduceat(cells, starts, axis) / (counts[:, None] if axis == 0 else counts)
    return cells


def windows(cells: Doubles, most: int = MOST) -> list[tuple[int, int, int, int]]:
    """Windows of a grid ``(h, w)`` that stand out, as top, left, bottom, right in cells, the clearest first.

    The first is the window that parts the grid into inside and outside with the largest variance between the
    two, which is Otsu's criterion for a threshold (1979) with windows in the place of thresholds. Then its
    cells are given the mean of those outside, and the next is looked for.
    """
    rest = cells.copy()
    boxes: list[tuple[int, int, int, int]] = []
    every, least = _windows(*rest.shape), CLEAREST * rest.var()
    while len(every) and len(boxes) < most and least > 0:
        share, inside = _inside(rest, every)
        gap = inside - (rest.mean() - share * inside) / (1 - share)
        # the variance between inside and outside; a window that is weaker than the rest is no subject
        between = np.where(gap > 0, share * (1 - share) * gap**2, 0)
        best = int(between.argmax())
        if between[best] < least:
            break
        top, left, bottom, right = every[best].tolist()
        boxes.append((top, left, bottom, right))
        rest[top:bottom, left:right] = inside[best] - gap[best]
        apart = (
            (every[:, 0] >= bottom) | (every[:, 2] <= top) | (every[:, 1] >= right) | (every[:, 3] <= left)
        )
        every = every[apart]
    return boxes


def _windows(rows: int, columns: int) -> IntArray:
    """All windows of a grid that are as large and as long as a part may be, int64 ``(n, 4)``."""
    top, left, bottom, right = (
        side.ravel()
        for side in np.meshgrid(
            np.arange(rows),
            np.arange(columns),
            np.arange(1, rows + 1),
            np.arange(1, columns + 1),
            indexing="ij",
        )
    )
    height, width = bottom - top, right - left
    share = height * width / (rows * columns)
    good = (height > 0) & (width > 0) & (share >= LEAST_SHARE) & (share <= MOST_SHARE)
    good &= np.maximum(height, width) <= LONGEST * np.minimum(height, width)
    return np.stack([top, left, bottom, right], axis=1)[good]


def _inside(cells: Doubles, every: IntArray) -> tuple[Doubles, Doubles]:
    """The share of the grid that each window covers, and the mean of its cells, by sums from the corner."""
    sums = np.pad(cells, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    top, left, bottom, right = every.T
    area = (bottom - top) * (right - left)
    total = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return area / cells.size, total / area
