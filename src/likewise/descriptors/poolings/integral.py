"""Sums over rectangles of a map by integral images, at four look-ups a channel whatever their size.

Windows are int64 ``(m, 4)``: top, left, bottom, right in cells, bottom and right exclusive.
"""

from __future__ import annotations

import numpy as np

from likewise.descriptors.poolings.pooling import Windows
from likewise.types import Doubles, IntArray

POWER = 10.0
"""Exponent by which a sum stands for the maximum (Tolias, Sicre and Jegou, ICLR 2016, section 5.1)."""


def integral(cells: Doubles) -> Doubles:
    """Sums of all cells above and to the left: ``(h, w, c)`` to ``(h + 1, w + 1, c)``."""
    table = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1, cells.shape[2]))
    np.cumsum(cells, axis=0, out=table[1:, 1:])
    np.cumsum(table[1:, 1:], axis=1, out=table[1:, 1:])
    return table


def sums(table: Doubles, windows: IntArray) -> Doubles:
    """Sums over windows of the cells that a table was made of, ``(m, c)``."""
    top, left, bottom, right = windows.T
    return np.asarray(table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left])


def areas(windows: IntArray) -> Doubles:
    """How many cells each window has, float64 ``(m, 1)``."""
    top, left, bottom, right = windows.T
    return np.asarray((bottom - top) * (right - left), np.float64)[:, np.newaxis]


def near_maximum(cells: Doubles) -> Windows:
    """Maxima, approximated by ``(sum of x^10)^(1/10)`` of what is above zero.

    It lies between the maximum and ``n^(1/10)`` times it for a window of n cells.
    """
    shares, top = of_top(np.maximum(cells, 0))
    table = integral(shares**POWER)
    return lambda windows: (root(np.maximum(sums(table, windows), 0), POWER) * top).astype(np.float32)


def of_top(cells: Doubles) -> tuple[Doubles, Doubles]:
    """Cells as shares of the channel's maximum, whose powers neither overflow nor vanish; and the maxima."""
    top = cells.max(axis=(0, 1))
    top = np.where(top > 0, top, 1)
    return cells / top, top


def root(x: Doubles, p: float) -> Doubles:
    """The p-th root, by the exact functions where there are some."""
    if p == 1:
        return x
    roots = {2.0: np.sqrt, 3.0: np.cbrt}
    return np.asarray(roots[p](x) if p in roots else x ** (1 / p))
