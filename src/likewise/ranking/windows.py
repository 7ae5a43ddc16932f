"""Pooling of rectangles of a map by integral images, whatever their size at four look-ups a channel.

Windows are int64 ``(m, 4)``: top, left, bottom, right in cells, bottom and right exclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.descriptors.tables import Option
from likewise.types import FloatArray, IntArray

Table: TypeAlias = NDArray[np.float64]
Pool: TypeAlias = Callable[[IntArray], FloatArray]

POWER = 10.0
"""Exponent by which a sum stands for the maximum (Tolias, Sicre and Jegou, ICLR 2016, section 5.1)."""

_SHARES = (1.0, 0.75, 0.5, 0.375, 0.25)


def pool(maps: FloatArray, kind: str, options: Mapping[str, Option]) -> Pool:
    """Make ready a map of shape ``(c, h, w)`` for pooling many windows of it.

    Sum, mean, GeM and CroW are those of `likewise.descriptors.pooling`, in float64. The maximum, also that of
    R-MAC, is approximated by ``(sum of x^10)^(1/10)`` of what is above zero, which lies between it and it
    times ``cells^(1/10)``. The centre priors of GeM and SPoC, which guess where in a picture the subject is,
    are left out: the window says where.

    Returns
    -------
    callable
        Windows ``(m, 4)`` to float32 ``(m, c)``.
    """
    cells = np.ascontiguousarray(np.moveaxis(maps, 0, -1), np.float64)
    match kind:
        case "mean":
            return _mean(cells)
        case "gem":
            return _power_mean(cells, float(options["p"]), float(options["eps"]))
        case "max" | "rmac":
            return _near_maximum(cells)
        case "crow":
            return _crow(cells)
        case _:  # sum, spoc
            return _sum(cells)


def _sum(cells: Table) -> Pool:
    table = integral(cells)
    return lambda windows: sums(table, windows).astype(np.float32)


def _mean(cells: Table) -> Pool:
    table = integral(cells)
    return lambda windows: (sums(table, windows) / areas(windows)).astype(np.float32)


def _power_mean(cells: Table, p: float, eps: float) -> Pool:
    shares, top = _shares(np.maximum(cells, eps))
    table = integral(shares**p)

    def pooled(windows: IntArray) -> FloatArray:
        # A difference of sums may fall below zero by its rounding, and below the least there can be.
        means = np.maximum(sums(table, windows) / areas(windows), (eps / top) ** p)
        return np.asarray(_root(means, p) * top, np.float32)

    return pooled


def _near_maximum(cells: Table) -> Pool:
    shares, top = _shares(np.maximum(cells, 0))
    table = integral(shares**POWER)
    return lambda windows: (_root(np.maximum(sums(table, windows), 0), POWER) * top).astype(np.float32)


def _crow(cells: Table) -> Pool:
    """CroW but for a factor: the norm by which a window's spatial weights are divided."""
    weighted = integral(cells * np.sqrt(np.maximum(cells.sum(axis=2, keepdims=True), 0)))
    fires = integral((cells > 0).astype(np.float64))

    def pooled(windows: IntArray) -> FloatArray:
        share = sums(fires, windows) / areas(windows)
        total = share.sum(axis=1, keepdims=True)
        rarity = np.log(np.where(share > 0, total / np.where(share > 0, share, 1), 1))
        return np.asarray(sums(weighted, windows) * rarity, np.float32)

    return pooled


def _shares(cells: Table) -> tuple[Table, Table]:
    """Cells as shares of the channel's maximum, whose powers neither overflow nor vanish; and the maxima."""
    top = cells.max(axis=(0, 1))
    top = np.where(top > 0, top, 1)
    return cells / top, top


def _root(x: Table, p: float) -> Table:
    if p == 1:
        return x
    roots = {2.0: np.sqrt, 3.0: np.cbrt}
    return np.asarray(roots[p](x) if p in roots else x ** (1 / p))


def integral(cells: Table) -> Table:
    """Sums of all cells above and to the left: ``(h, w, c)`` to ``(h + 1, w + 1, c)``."""
    table = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1, cells.shape[2]))
    np.cumsum(cells, axis=0, out=table[1:, 1:])
    np.cumsum(table[1:, 1:], axis=1, out=table[1:, 1:])
    return table


def sums(table: Table, windows: IntArray) -> Table:
    """Sums over windows of the cells that a table was made of, ``(m, c)``."""
    top, left, bottom, right = windows.T
    return np.asarray(table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left])


def areas(windows: IntArray) -> Table:
    """How many cells each window has, float64 ``(m, 1)``."""
    top, left, bottom, right = windows.T
    return np.asarray((bottom - top) * (right - left), np.float64)[:, np.newaxis]


@cache
def grid(height: int, width: int) -> IntArray:
    """Windows to begin with: sides from all of the map's down to a quarter, in steps of a quarter of each."""
    rows, columns = _spans(height), _spans(width)
    found = [(top, left, bottom, right) for (top, bottom), (left, right) in product(rows, columns)]
    windows = np.array(found, np.int64)
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
    found: IntArray = np.unique(near[(near[:, 2] > near[:, 0]) & (near[:, 3] > near[:, 1])], axis=0)
    return found


def stretched(windows: IntArray, size: tuple[int, ...], other: tuple[int, ...]) -> IntArray:
    """Windows of a map of one size ``(h, w)`` as the cells that they touch on a map of another size."""
    if size == other:
        return windows
    old, new = np.array(size), np.array(other)
    starts, ends = windows[:, :2] * new // old, -(-windows[:, 2:] * new // old)
    return np.concatenate([starts, ends], axis=1)
