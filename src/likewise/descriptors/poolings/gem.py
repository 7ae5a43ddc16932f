"""Generalised mean (Radenovic, Tolias and Chum, TPAMI 2019, eq. 3)."""

from __future__ import annotations

import numpy as np

from likewise.descriptors.poolings.gaussian import bell, bell_of
from likewise.descriptors.poolings.integral import areas, integral, of_top, root, sums
from likewise.descriptors.poolings.pooling import CELLS, Pooling, Windows
from likewise.engines import Array, Ops
from likewise.types import Doubles, FloatArray, IntArray


def forward(ops: Ops, x: Array, p: float, eps: float, centre: float) -> Array:
    """``(mean over cells of max(x, eps)^p)^(1/p)``: the mean for ``p = 1``, towards the maximum as p grows.

    With ``centre`` above 0 it is a weighted mean: a Gaussian around the centre of the picture whose standard
    deviation is that share of the picture's width along rows and of its height along columns.
    """
    x = ops.maximum(x, eps)
    # Powers are taken of shares of the channel's maximum: activations of 100 to the power 20 overflow
    # float32, and 1e-6 to the power 8 vanishes.
    top = ops.max(x, CELLS, keep=True)
    powers = ops.power(x / top, p)
    mean = ops.sum(powers * _prior(ops, x, centre), CELLS) if centre else ops.mean(powers, CELLS)
    return ops.power(mean, 1 / p) * ops.flatten(top, 1)


def windows(cells: Doubles, p: float, eps: float, centre: float) -> Windows:
    """The mean of each window, unweighted: `centre` guesses where the subject is, and the window says it."""
    del centre
    shares, top = of_top(np.maximum(cells, eps))
    table = integral(shares**p)

    def pooled(windows: IntArray) -> FloatArray:
        # A difference of sums may fall below zero by its rounding, and below the least there can be.
        means = np.maximum(sums(table, windows) / areas(windows), (eps / top) ** p)
        return np.asarray(root(means, p) * top, np.float32)

    return pooled


def shares(x: Doubles, p: float, eps: float, centre: float) -> Doubles:
    """Shares ``w y^p / sum(w y^p)`` of the mean, with ``y = max(x, eps)`` and weights ``w`` of the cells."""
    x = np.maximum(x, eps)
    top = x.max(axis=(1, 2), keepdims=True)
    powers = (x / top) ** p * _weights(x, centre)
    total = powers.sum(axis=(1, 2), keepdims=True)
    return np.asarray(powers / total * (total ** (1 / p) * top))


def _prior(ops: Ops, x: Array, centre: float) -> Array:
    """Gaussian weights ``(h, w)`` that add up to 1; the deviation is ``centre`` times each side."""
    rows, columns = ((ops.real(ops.arange(side, x)) + 0.5) / ops.real(side) - 0.5 for side in ops.sides(x))
    weights = bell(ops, rows, columns, 2 * centre**2)
    return weights / ops.sum(weights, (0, 1))


def _weights(x: Doubles, centre: float) -> Doubles:
    """The same in numpy, and even weights for ``centre`` 0."""
    if not centre:
        return np.full(x.shape[1:], 1 / (x.shape[1] * x.shape[2]))
    rows, columns = ((np.arange(side) + 0.5) / side - 0.5 for side in x.shape[1:])
    weights = bell_of(rows, columns, 2 * centre**2)
    return np.asarray(weights / weights.sum())


GEM = Pooling(
    "gem",
    forward,
    options={"p": 3.0, "eps": 1e-6, "centre": 0.0},
    bounds={"p": (0.1, 100.0), "eps": (1e-12, 1.0), "centre": (0.0, 10.0)},
    windows=windows,
    shares=shares,
)
