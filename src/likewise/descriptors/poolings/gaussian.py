"""A Gaussian around the centre of a map: what the centre priors of GeM and SPoC are made of."""

from __future__ import annotations

import numpy as np

from likewise.engines import Array, Ops
from likewise.types import Doubles


def bell(ops: Ops, rows: Array, columns: Array, spread: Array | float) -> Array:
    """``exp(-(row^2 + column^2) / spread)`` of each row with each column, ``(h, w)``."""
    return ops.exp(-(ops.column(rows * rows) + columns * columns) / spread)


def bell_of(rows: Doubles, columns: Doubles, spread: float) -> Doubles:
    """The same in numpy."""
    return np.asarray(np.exp(-(rows[:, None] ** 2 + columns**2) / spread))
