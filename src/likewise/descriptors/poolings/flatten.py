"""No pooling: every cell of the map, or the vector that a tap already gives."""

from __future__ import annotations

from dataclasses import replace

from likewise.descriptors.poolings.pooling import Pooling
from likewise.engines import Array, Ops


def forward(ops: Ops, x: Array) -> Array:
    """Every cell of the map, in the order channel, row, column: ``(n, c * h * w)``."""
    return ops.flatten(x, 1)


FLATTEN = Pooling("flatten", forward, keeps_cells=True)

NONE = replace(FLATTEN, name="none", keeps_cells=False)
"""For taps that give one vector; a recipe that names it for a map is refused."""
