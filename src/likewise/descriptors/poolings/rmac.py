"""Regional maxima (Tolias, Sicre and Jegou, ICLR 2016, section 4).

At level ``l`` squares of side ``floor(2 min(h, w) / (l + 1))`` are spread evenly, ``l`` along the shorter
side and as many more along the longer one as bring the overlap of the largest squares closest to ``overlap``.
Each square is max pooled, L2 normalised, whitened where a whitening was learned on such regions, normalised
again, and all are added. As in the authors' code there is no region of the whole map besides these.
"""

from __future__ import annotations

import numpy as np

from likewise.descriptors.poolings.integral import near_maximum
from likewise.descriptors.poolings.pooling import CELLS, TINY, Pooling, Windows
from likewise.descriptors.transforms import l2
from likewise.engines import Array, Ops
from likewise.types import Doubles, FloatArray


def forward(
    ops: Ops, x: Array, levels: int, overlap: float, whitening: tuple[FloatArray, FloatArray] | None = None
) -> Array:
    """Add up the regions' vectors.

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
    extra = _extra_drawn(ops, ops.maximum(height, width) - short, short, overlap)
    more = (extra * ops.whole(height > width), extra * ops.whole(width > height))
    summed = None
    for level in range(1, levels + 1):
        # A side of 0 means that the map is too small for this level. Its squares are then taken with
        # side 1, since nothing can be pooled over no cells, and multiplied by zero.
        side = short * 2 // (level + 1)
        squares = x
        for axis in CELLS:
            squares = _maxima(ops, squares, axis, ops.maximum(side, 1), more[axis - 2] + level)
        vectors = _unit(ops, ops.transpose(ops.flatten(squares, 2), (0, 2, 1)))
        if whitening is not None:
            centre, projection = (ops.constant(part, x) for part in whitening)
            vectors = _unit(ops, ops.matmul(vectors - centre, projection))
        total = ops.sum(vectors, (1,)) * ops.real(side > 0)
        summed = total if summed is None else summed + total
    return summed


def windows(cells: Doubles, levels: int, overlap: float) -> Windows:
    """The near maximum of each window: a window is one region."""
    del levels, overlap
    return near_maximum(cells)


def regions(maps: FloatArray, levels: int, overlap: float) -> FloatArray:
    """Maxima over each square of a map ``(c, h, w)``, L2 normalised: float32 ``(r, c)``."""
    _, height, width = maps.shape
    boxes = squares(height, width, levels, overlap)
    rows = [maps[:, row : row + side, column : column + side].max(axis=(1, 2)) for row, column, side in boxes]
    return l2(np.stack(rows).astype(np.float32))


def squares(height: int, width: int, levels: int, overlap: float) -> list[tuple[int, int, int]]:
    """Row, column and side of each square, by level."""
    short, long = min(height, width), max(height, width)
    extra = _extra(long - short, short, overlap)
    extra_rows, extra_columns = extra * (height > width), extra * (width > height)
    sides = [(level, 2 * short // (level + 1)) for level in range(1, levels + 1)]
    return [
        (row, column, side)
        for level, side in sides
        if side > 0
        for row in _starts(height - side, level + extra_rows)
        for column in _starts(width - side, level + extra_columns)
    ]


def _extra(surplus: int, short: int, overlap: float) -> int:
    """How many more squares lie along the longer side: 0 for a square map, else 1 to 6.

    With s + 1 of the largest squares, which have side ``short``, neighbours overlap by the share
    ``1 - surplus / (s short)``. The share for s + 1 is nearer to `overlap` than the share for s once
    ``surplus (2 s + 1) > 2 (1 - overlap) s (s + 1) short``; so s is the number of such steps passed,
    beginning with s = 0. In whole numbers, since ties are common (9 x 5 cells at overlap 0.4) and would
    otherwise be settled by rounding, differently in each engine; a tie takes the larger number.
    """
    gap = round(2000 * (1 - overlap))
    passed = sum(surplus * 1000 * (2 * s + 1) >= gap * s * (s + 1) * short for s in range(1, 6))
    return passed + (surplus > 0)


def _extra_drawn(ops: Ops, surplus: Array, short: Array, overlap: float) -> Array:
    """The same where the sides of the map are not known yet."""
    gap = round(2000 * (1 - overlap))
    steps = ops.whole(surplus > 0)
    for s in range(1, 6):
        steps = steps + ops.whole(surplus * (1000 * (2 * s + 1)) >= short * (gap * s * (s + 1)))
    return steps


def _starts(room: int, count: int) -> list[int]:
    return [step * room // max(1, count - 1) for step in range(count)]


def _maxima(ops: Ops, x: Array, axis: int, side: Array, count: Array) -> Array:
    """Maxima over ``count`` windows of ``side`` cells, spread evenly along rows (axis 2) or columns (3)."""
    length = ops.sides(x)[axis - 2]
    starts = ops.arange(count, x) * (length - side) // ops.maximum(count - 1, 1)
    return ops.max(ops.take(x, ops.column(starts) + ops.arange(side, x), axis), (axis + 1,))


def _unit(ops: Ops, vectors: Array) -> Array:
    """L2 normalise vectors ``(n, r, d)``; zero stays zero."""
    return vectors / ops.maximum(ops.sqrt(ops.sum(vectors * vectors, (2,), keep=True)), TINY)


RMAC = Pooling(
    "rmac",
    forward,
    options={"levels": 3, "overlap": 0.4, "file": "", "sha256": ""},
    bounds={"levels": (1, 9), "overlap": (0.0, 0.9)},
    windows=windows,
    regions=regions,
)
