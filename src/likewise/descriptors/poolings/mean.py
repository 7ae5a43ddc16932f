"""Mean over the cells: global average pooling."""

from __future__ import annotations

import numpy as np

from likewise.descriptors.poolings.integral import areas, integral, sums
from likewise.descriptors.poolings.pooling import CELLS, Pooling, Windows
from likewise.engines import Array, Ops
from likewise.types import Doubles


def forward(ops: Ops, x: Array) -> Array:
    """Average the cells."""
    return ops.mean(x, CELLS)


def windows(cells: Doubles) -> Windows:
    """Average those of each window."""
    table = integral(cells)
    return lambda windows: (sums(table, windows) / areas(windows)).astype(np.float32)


def shares(x: Doubles) -> Doubles:
    """A cell gives its part of the sum."""
    return np.asarray(x / (x.shape[1] * x.shape[2]))


MEAN = Pooling("mean", forward, windows=windows, shares=shares)
