"""Sum over the cells, weighted towards the centre (Babenko and Lempitsky, ICCV 2015, eq. 2 to 4).

The weight of a cell is ``exp(-distance^2 / (2 sigma^2))``, with sigma a third of the distance from the centre
of the map to its nearest border, all measured in cells between cell centres. The prior helps where the object
is centred (Oxford) and hurts elsewhere (Holidays), hence it is off unless asked for.
"""

from __future__ import annotations

import numpy as np

from likewise.descriptors.poolings import sum as plain
from likewise.descriptors.poolings.gaussian import bell, bell_of
from likewise.descriptors.poolings.pooling import CELLS, Pooling, Windows
from likewise.engines import Array, Ops
from likewise.types import Doubles


def forward(ops: Ops, x: Array, prior: bool) -> Array:
    """Add up the cells, each times its weight."""
    return ops.sum(x * _prior(ops, x) if prior else x, CELLS)


def windows(cells: Doubles, prior: bool) -> Windows:
    """Add up those of each window, unweighted: the prior guesses where the subject is, a window says it."""
    del prior
    return plain.windows(cells)


def shares(x: Doubles, prior: bool) -> Doubles:
    """A cell gives what it adds."""
    if not prior:
        return x
    rows, columns = (np.arange(side) + 0.5 - side / 2 for side in x.shape[1:])
    sigma = min(x.shape[1:]) / 6
    return np.asarray(x * bell_of(rows, columns, 2 * sigma**2))


def _prior(ops: Ops, x: Array) -> Array:
    """Gaussian weights ``(h, w)`` around the centre of the map."""
    height, width = ops.sides(x)
    sigma = ops.real(ops.minimum(height, width)) / 6.0
    rows, columns = (ops.real(ops.arange(side, x)) + 0.5 - ops.real(side) / 2.0 for side in (height, width))
    return bell(ops, rows, columns, sigma * sigma * 2.0)


SPOC = Pooling("spoc", forward, options={"prior": False}, windows=windows, shares=shares)
