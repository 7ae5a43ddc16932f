"""Sum over the cells (SPoC without its centre prior, once L2 normalised)."""

from __future__ import annotations

import numpy as np

from likewise.descriptors.poolings.integral import integral, sums
from likewise.descriptors.poolings.pooling import CELLS, Pooling, Windows
from likewise.engines import Array, Ops
from likewise.types import Doubles


def forward(ops: Ops, x: Array) -> Array:
    """Add up the cells."""
    return ops.sum(x, CELLS)


def windows(cells: Doubles) -> Windows:
    """Add up those of each window."""
    table = integral(cells)
    return lambda windows: sums(table, windows).astype(np.float32)


def shares(x: Doubles) -> Doubles:
    """A cell gives what it adds."""
    return x


SUM = Pooling("sum", forward, windows=windows, shares=shares)
