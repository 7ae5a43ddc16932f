"""The squares of R-MAC on a map, and their vectors: what a whitening of regions is learned on.

The twin, in numpy and for one map, of what `likewise.descriptors.pooling.RMAC` does inside a network.
"""

from __future__ import annotations

import numpy as np

from likewise.descriptors.transforms import l2
from likewise.types import FloatArray


def squares(height: int, width: int, *, levels: int = 3, overlap: float = 0.4) -> list[tuple[int, int, int]]:
    """Row, column and side of each square, by level (Tolias, Sicre and Jegou, ICLR 2016, section 4)."""
    short, long = min(height, width), max(height, width)
    extra = _extra(long - short, short, round(2000 * (1 - overlap)))
    extra_rows, extra_columns = extra * (height > width), extra * (width > height)
    sides = [(level, 2 * short // (level + 1)) for level in range(1, levels + 1)]
    return [
        (row, column, side)
        for level, side in sides
        if side > 0
        for row in _starts(height - side, level + extra_rows)
        for column in _starts(width - side, level + extra_columns)
    ]


def region_vectors(maps: FloatArray, *, levels: int = 3, overlap: float = 0.4) -> FloatArray:
    """Maxima over each square of a map ``(c, h, w)``, L2 normalised: float32 ``(r, c)``."""
    _, height, width = maps.shape
    found = squares(height, width, levels=levels, overlap=overlap)
    rows = [maps[:, row : row + side, column : column + side].max(axis=(1, 2)) for row, column, side in found]
    return l2(np.stack(rows).astype(np.float32))


def _extra(surplus: int, short: int, gap: int) -> int:
    """How many more squares lie along the longer side; see `likewise.descriptors.pooling.RMAC`."""
    passed = sum(surplus * 1000 * (2 * s + 1) >= gap * s * (s + 1) * short for s in range(1, 6))
    return passed + (surplus > 0)


def _starts(room: int, count: int) -> list[int]:
    return [step * room // max(1, count - 1) for step in range(count)]
