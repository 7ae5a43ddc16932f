"""Cells of one grid on another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def spread(count: int, other: int) -> NDArray[np.float64]:
    """The share of each of ``count`` equal cells on a line that falls into each of ``other`` ones.

    Returns float64 ``(other, count)``, whose columns add up to 1.
    """
    own, edges = np.arange(count + 1) / count, np.arange(other + 1) / other
    begin = np.maximum(edges[:-1, None], own[:-1])
    end = np.minimum(edges[1:, None], own[1:])
    return np.asarray(np.maximum(end - begin, 0) * count)


def averaged(cells: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    """Means of a map ``(h, w, c)`` over ``side`` x ``side`` equal areas: float64 ``(side, side, c)``."""
    height, width, _ = cells.shape
    rows = spread(height, side) * (side / height)
    columns = spread(width, side) * (side / width)
    return np.asarray(np.einsum("ah,hwc,bw->abc", rows, cells, columns, optimize=True))
