"""Maximum over the cells: MAC (Razavian et al., 2014; Tolias et al., ICLR 2016, eq. 1)."""

from __future__ import annotations

import numpy as np

from likewise.descriptors.poolings.integral import near_maximum
from likewise.descriptors.poolings.pooling import CELLS, Pooling
from likewise.engines import Array, Ops
from likewise.types import Doubles


def forward(ops: Ops, x: Array) -> Array:
    """Take the largest cell of each channel."""
    return ops.max(x, CELLS)


def shares(x: Doubles) -> Doubles:
    """All to the cell that holds the maximum; equal parts where several do."""
    top = x.max(axis=(1, 2), keepdims=True)
    holds = x == top
    return np.asarray(top * holds / holds.sum(axis=(1, 2), keepdims=True))


MAX = Pooling("max", forward, windows=near_maximum, shares=shares)
