"""Cross-dimensional weighting (Kalantidis, Mellina and Osindero, ECCV workshops 2016, section 3).

Cells are weighted by ``(S / |S|)^(1/2)`` with S the sum over channels, channels by the log of the inverse of
their share of non-zero cells (0 for a channel that never fires). Meant for maps after a ReLU: negative
activations count as zero in both weights.
"""

from __future__ import annotations

import numpy as np

from likewise.descriptors.poolings.integral import areas, integral, sums
from likewise.descriptors.poolings.pooling import CELLS, TINY, Pooling, Windows
from likewise.engines import Array, Ops
from likewise.types import Doubles, FloatArray, IntArray


def forward(ops: Ops, x: Array) -> Array:
    """Add up the cells by both weights."""
    total = ops.maximum(ops.sum(x, (1,), keep=True), 0.0)
    norm = ops.sqrt(ops.sum(total * total, CELLS, keep=True))
    spatial = ops.sqrt(total / ops.maximum(norm, TINY))
    share = ops.mean(ops.real(x > 0.0), CELLS)
    quotient = ops.sum(share, (1,), keep=True) / ops.maximum(share, TINY)
    rarity = ops.log(ops.maximum(quotient, TINY))
    return ops.sum(x * spatial, CELLS) * ops.where(share > 0.0, rarity, share)  # a share of 0 is the weight 0


def windows(cells: Doubles) -> Windows:
    """The same but for a factor: the norm by which a window's spatial weights are divided."""
    weighted = integral(cells * np.sqrt(np.maximum(cells.sum(axis=2, keepdims=True), 0)))
    fires = integral((cells > 0).astype(np.float64))

    def pooled(windows: IntArray) -> FloatArray:
        share = sums(fires, windows) / areas(windows)
        total = share.sum(axis=1, keepdims=True)
        rarity = np.log(np.where(share > 0, total / np.where(share > 0, share, 1), 1))
        return np.asarray(sums(weighted, windows) * rarity, np.float32)

    return pooled


def shares(x: Doubles) -> Doubles:
    """A cell gives what it adds; the weights, which depend on all cells, are taken as they are."""
    total = np.maximum(x.sum(axis=0), 0)
    norm = np.sqrt(np.square(total).sum())
    spatial = np.sqrt(total / norm) if norm > 0 else np.zeros_like(total)
    share = (x > 0).mean(axis=(1, 2))
    fires = share > 0
    rarity = np.log(share.sum() / np.where(fires, share, 1), where=fires, out=np.zeros_like(share))
    return np.asarray(x * spatial * rarity[:, None, None])


CROW = Pooling("crow", forward, windows=windows, shares=shares)
