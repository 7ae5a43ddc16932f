"""Rectangles of a map: those to begin with, those beside one, and the same on a map of another size.

Windows are int64 ``(m, 4)``: top, left, bottom, right in cells, bottom and right exclusive.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np

from likewise.types import IntArray

_SHARES = (1.0, 0.75, 0.5, 0.375, 0.25)


@cache
def grid(height: int, width: int) -> IntArray:
    """Windows to begin with: sides from all of the map's down to a quarter, in steps of a quarter of each."""
    rows, columns = _spans(height), _spans(width)
    boxes = [(top, left, bottom, right) for (top, bottom), (left, right) in product(rows, columns)]
    windows = np.array(boxes, np.int64)
    windows.setflags(write=False)  # all callers share it
    return windows


def _spans(length: int) -> list[tuple[int, int]]:
    spans: dict[tuple[int, int], None] = {}
    for share in _SHARES:
        side = max(1, round(share * length))
        steps = -(-4 * (length - side) // side) if length > side else 0
        for step in range(steps + 1):
            start = round(step * (length - side) / max(1, steps))
            spans[start, start + side] = None
    return list(spans)


def moved(window: IntArray, step: int, height: int, width: int) -> IntArray:
    """A window and those with one or two of its sides moved by ``step`` cells, as far as they exist."""
    shifts = np.array([shift for shift in product((-1, 0, 1), repeat=4) if np.abs(shift).sum() <= 2])
    near = np.clip(window + step * shifts, 0, [height, width, height, width])
    windows: IntArray = np.unique(near[(near[:, 2] > near[:, 0]) & (near[:, 3] > near[:, 1])], axis=0)
    return windows


def stretched(windows: IntArray, size: tuple[int, ...], other: tuple[int, ...]) -> IntArray:
    """Windows of a map of one size ``(h, w)`` as the cells that they touch on a map of another size."""
    if size == other:
        return windows
    old, new = np.array(size), np.array(other)
    starts, ends = windows[:, :2] * new // old, -(-windows[:, 2:] * new // old)
    return np.concatenate([starts, ends], axis=1)
