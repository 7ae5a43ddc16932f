"""What each cell of a map gives to the pooled vector; the twins, in numpy and for one map, of the poolings.

Sum, mean and SPoC are sums over cells, so that a cell gives what it adds. The generalised mean and the
maximum are not, but what they make of a channel can be shared out exactly: by each cell's share of the sum
of powers, or to the cell that holds the maximum. Whatever the pooling, the pieces of all cells add up to the
vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from likewise.descriptors.tables import Option
from likewise.types import FloatArray

Doubles = NDArray[np.float64]


def pieces(maps: FloatArray, pool: str, options: Mapping[str, Option]) -> Doubles:
    """Share the pooled vector of a map out among its cells.

    Parameters
    ----------
    maps
        float32 ``(c, h, w)``.
    pool, options
        A key of `SHARES`, and its options as a recipe gives them.

    Returns
    -------
    ndarray
        float64 ``(c, h, w)``, whose sum over the cells is the pooled vector ``(c,)``.
    """
    return SHARES[pool](maps.astype(np.float64), **options)


def _sum(x: Doubles) -> Doubles:
    return x


def _mean(x: Doubles) -> Doubles:
    return np.asarray(x / (x.shape[1] * x.shape[2]))


def _spoc(x: Doubles, prior: bool) -> Doubles:
    """See `likewise.descriptors.pooling.SPoC`."""
    if not prior:
        return x
    rows, columns = (np.arange(side) + 0.5 - side / 2 for side in x.shape[1:])
    sigma = min(x.shape[1:]) / 6
    return np.asarray(x * np.exp(-(rows[:, None] ** 2 + columns**2) / (2 * sigma**2)))


def _max(x: Doubles) -> Doubles:
    """All to the cell that holds the maximum; equal parts where several do."""
    top = x.max(axis=(1, 2), keepdims=True)
    holds = x == top
    return np.asarray(top * holds / holds.sum(axis=(1, 2), keepdims=True))


def _gem(x: Doubles, p: float, eps: float, centre: float) -> Doubles:
    """Shares ``w y^p / sum(w y^p)`` with ``y = max(x, eps)``; see `likewise.descriptors.pooling.GeM`."""
    x = np.maximum(x, eps)
    top = x.max(axis=(1, 2), keepdims=True)
    powers = (x / top) ** p * _weights(x, centre)
    total = powers.sum(axis=(1, 2), keepdims=True)
    pooled = total ** (1 / p) * top
    return np.asarray(powers / total * pooled)


def _weights(x: Doubles, centre: float) -> Doubles:
    """Weights ``(h, w)`` of the cells that add up to 1."""
    if not centre:
        return np.full(x.shape[1:], 1 / (x.shape[1] * x.shape[2]))
    rows, columns = ((np.arange(side) + 0.5) / side - 0.5 for side in x.shape[1:])
    weights = np.exp(-(rows[:, None] ** 2 + columns**2) / (2 * centre**2))
    return np.asarray(weights / weights.sum())


def _crow(x: Doubles) -> Doubles:
    """See `likewise.descriptors.pooling.CroW`; its weights are taken as they are."""
    total = np.maximum(x.sum(axis=0), 0)
    norm = np.sqrt(np.square(total).sum())
    spatial = np.sqrt(total / norm) if norm > 0 else np.zeros_like(total)
    share = (x > 0).mean(axis=(1, 2))
    fires = share > 0
    rarity = np.log(share.sum() / np.where(fires, share, 1), where=fires, out=np.zeros_like(share))
    return np.asarray(x * spatial * rarity[:, None, None])


SHARES: dict[str, Callable[..., Doubles]] = {
    "sum": _sum,
    "mean": _mean,
    "spoc": _spoc,
    "max": _max,
    "gem": _gem,
    "crow": _crow,
}
"""By the name that a recipe gives the pooling; those that are missing do not share out by cells."""
