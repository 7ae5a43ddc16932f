"""From a map of activations to one vector a picture, in the words of `likewise.engines.ops`.

Every pooling takes maps ``(n, c, h, w)`` and gives ``(n, d)``; `pooled` lets vectors ``(n, c)`` pass all of
them unchanged. None makes a NaN of a map that is zero everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from likewise.descriptors.recipe import Part
from likewise.engines.ops import Array, Ops
from likewise.types import FloatArray

TINY = 1e-12
"""Norms below this divide as if they were this, so that zero stays zero."""

CELLS = (2, 3)


def flatten(ops: Ops, x: Array) -> Array:
    """Every cell of the map, in the order channel, row, column: ``(n, c * h * w)``."""
    return ops.flatten(x, 1)


def total(ops: Ops, x: Array) -> Array:
    """Sum over the cells (SPoC without its centre prior, once L2 normalised)."""
    return ops.sum(x, CELLS)


def mean(ops: Ops, x: Array) -> Array:
    """Mean over the cells (global average pooling)."""
    return ops.mean(x, CELLS)


def maximum(ops: Ops, x: Array) -> Array:
    """Maximum over the cells: MAC (Razavian et al., 2014; Tolias et al., ICLR 2016, eq. 1)."""
    return ops.max(x, CELLS)


def gem(ops: Ops, x: Array, p: float = 3.0, eps: float = 1e-6, centre: float = 0.0) -> Array:
    """Generalised mean (Radenovic, Tolias and Chum, TPAMI 2019, eq. 3).

    ``(mean over cells of max(x, eps)^p)^(1/p)``: the mean for ``p = 1``, towards the maximum as p grows.
    With ``centre`` above 0 it is a weighted mean: a Gaussian around the centre of the picture whose standard
    deviation is that share of the picture's width along rows and of its height along columns.
    """
    x = ops.maximum(x, eps)
    # Powers are taken of shares of the channel's maximum: activations of 100 to the power 20 overflow
    # float32, and 1e-6 to the power 8 vanishes.
    top = ops.max(x, CELLS, keep=True)
    powers = ops.power(x / top, p)
    shares = ops.sum(powers * _centre_weights(ops, x, centre), CELLS) if centre else ops.mean(powers, CELLS)
    return ops.power(shares, 1 / p) * ops.flatten(top, 1)


def spoc(ops: Ops, x: Array, prior: bool = False) -> Array:
    """Sum over the cells, weighted towards the centre (Babenko and Lempitsky, ICCV 2015, eq. 2 to 4).

    The weight of a cell is ``exp(-distance^2 / (2 sigma^2))``, with sigma a third of the distance from the
    centre of the map to its nearest border, all measured in cells between cell centres. The prior helps where
    the object is centred (Oxford) and hurts elsewhere (Holidays), hence it is off unless asked for.
    """
    return ops.sum(x * _centre_prior(ops, x) if prior else x, CELLS)


def crow(ops: Ops, x: Array) -> Array:
    """Cross-dimensional weighting (Kalantidis, Mellina and Osindero, ECCV workshops 2016, section 3).

    Cells are weighted by ``(S / |S|)^(1/2)`` with S the sum over channels, channels by the log of the inverse
    of their share of non-zero cells (0 for a channel that never fires). Meant for maps after a ReLU: negative
    activations count as zero in both weights.
    """
    sums = ops.maximum(ops.sum(x, (1,), keep=True), 0.0)
    norm = ops.sqrt(ops.sum(sums * sums, CELLS, keep=True))
    spatial = ops.sqrt(sums / ops.maximum(norm, TINY))
    share = ops.mean(ops.real(x > 0.0), CELLS)
    quotient = ops.sum(share, (1,), keep=True) / ops.maximum(share, TINY)
    rarity = ops.log(ops.maximum(quotient, TINY))
    return ops.sum(x * spatial, CELLS) * ops.where(share > 0.0, rarity, share)  # a share of 0 is the weight 0


def rmac(
    ops: Ops,
    x: Array,
    levels: int = 3,
    overlap: float = 0.4,
    whitening: tuple[FloatArray, FloatArray] | None = None,
) -> Array:
    """Regional maxima (Tolias, Sicre and Jegou, ICLR 2016, section 4).

    At level ``l`` squares of side ``floor(2 min(h, w) / (l + 1))`` are spread evenly, ``l`` along the shorter
    side and as many more along the longer one as bring the overlap of the largest squares closest to
    ``overlap``. Each square is max pooled, L2 normalised, whitened if `whitening` is given, normalised again,
    and all are added. As in the authors' code there is no region of the whole map besides these.

    Parameters
    ----------
    levels
        How many sizes of squares.
    overlap
        Wanted overlap of neighbouring squares, to three decimals.
    whitening
        ``(mean (c,), projection (c, d))`` applied to each region's vector.
    """
    height, width = ops.sides(x)
    short = ops.minimum(height, width)
    extra = _extra(ops, ops.maximum(height, width) - short, short, overlap)
    more = (extra * ops.whole(height > width), extra * ops.whole(width > height))
    found = None
    for level in range(1, levels + 1):
        # A side of 0 means that the map is too small for this level. Its squares are then taken with
        # side 1, since nothing can be pooled over no cells, and multiplied by zero.
        side = short * 2 // (level + 1)
        regions = x
        for axis in CELLS:
            regions = _windows(ops, regions, axis, ops.maximum(side, 1), more[axis - 2] + level)
        vectors = _unit(ops, ops.transpose(ops.flatten(regions, 2), (0, 2, 1)))
        if whitening is not None:
            centre, projection = (ops.constant(part, x) for part in whitening)
            vectors = _unit(ops, ops.matmul(vectors - centre, projection))
        one = ops.sum(vectors, (1,)) * ops.real(side > 0)
        found = one if found is None else found + one
    return found


POOLINGS: dict[str, Callable[..., Array]] = {
    "none": flatten,
    "flatten": flatten,
    "sum": total,
    "mean": mean,
    "max": maximum,
    "gem": gem,
    "spoc": spoc,
    "crow": crow,
    "rmac": rmac,
}
"""Pooling by the name a recipe gives it; options and defaults as in `likewise.descriptors.recipe.POOLS`."""


def pooled(ops: Ops, x: Array, pool: Callable[[Ops, Array], Array]) -> Array:
    """Pool maps ``(n, c, h, w)`` to ``(n, d)``; give vectors ``(n, c)`` back as they are."""
    return x if ops.rank(x) == 2 else pool(ops, x)


def pooling(part: Part) -> Callable[[Ops, Array], Array]:
    """The pooling of a part of a recipe, with the whitening of its regions where it names one."""
    options = {key: value for key, value in part.options.items() if key not in ("file", "sha256")}
    learned = part.whitening
    if learned is not None:
        return partial(POOLINGS[part.pool], **options, whitening=(learned.mean, learned.projection))
    return partial(POOLINGS[part.pool], **options)


def _extra(ops: Ops, surplus: Array, short: Array, overlap: float) -> Array:
    """How many more squares lie along the longer side: 0 for a square map, else 1 to 6.

    With s + 1 of the largest squares, which have side ``short``, neighbours overlap by the share
    ``1 - surplus / (s short)``. The share for s + 1 is nearer to `overlap` than the share for s once
    ``surplus (2 s + 1) > 2 (1 - overlap) s (s + 1) short``; so s is the number of such steps passed,
    beginning with s = 0. In whole numbers, since ties are common (9 x 5 cells at overlap 0.4) and would
    otherwise be settled by rounding, differently in each engine; a tie takes the larger number.
    """
    gap = round(2000 * (1 - overlap))
    steps = ops.whole(surplus > 0)
    for s in range(1, 6):
        steps = steps + ops.whole(surplus * (1000 * (2 * s + 1)) >= short * (gap * s * (s + 1)))
    return steps


def _windows(ops: Ops, x: Array, axis: int, side: Array, count: Array) -> Array:
    """Maxima over ``count`` windows of ``side`` cells, spread evenly along rows (axis 2) or columns (3)."""
    length = ops.sides(x)[axis - 2]
    starts = ops.arange(count, x) * (length - side) // ops.maximum(count - 1, 1)
    return ops.max(ops.take(x, ops.column(starts) + ops.arange(side, x), axis), (axis + 1,))


def _unit(ops: Ops, vectors: Array) -> Array:
    """L2 normalise vectors ``(n, r, d)``; zero stays zero."""
    return vectors / ops.maximum(ops.sqrt(ops.sum(vectors * vectors, (2,), keep=True)), TINY)


def _centre_weights(ops: Ops, x: Array, centre: float) -> Array:
    """Gaussian weights ``(h, w)`` that add up to 1; the deviation is ``centre`` times each side."""
    rows, columns = ((ops.real(ops.arange(side, x)) + 0.5) / ops.real(side) - 0.5 for side in ops.sides(x))
    weights = _bell(ops, rows, columns, 2 * centre**2)
    return weights / ops.sum(weights, (0, 1))


def _centre_prior(ops: Ops, x: Array) -> Array:
    """Gaussian weights ``(h, w)`` around the centre of the map."""
    height, width = ops.sides(x)
    sigma = ops.real(ops.minimum(height, width)) / 6.0
    rows, columns = (ops.real(ops.arange(side, x)) + 0.5 - ops.real(side) / 2.0 for side in (height, width))
    return _bell(ops, rows, columns, sigma * sigma * 2.0)


def _bell(ops: Ops, rows: Array, columns: Array, spread: Array | float) -> Array:
    """``exp(-(row^2 + column^2) / spread)`` of each row with each column."""
    return ops.exp(-(ops.column(rows * rows) + columns * columns) / spread)
