"""Resampling in loops that numba compiles (the extra ``fast``), to the same bytes as Pillow's.

Pillow makes one pixel after the other. Here a pass makes rows from rows, whose bytes a processor takes by the
dozen; for columns the picture is turned, a strip at a time, which stays in the cache of a core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numba import types
from numpy.typing import NDArray
from PIL import Image

from likewise.arrays.compiling import compiled
from likewise.pictures.resize import Blend, Target
from likewise.types import IntArray, UInt8Array

Whole: TypeAlias = NDArray[np.int32]

STRIP = 64
"""Rows that are turned at once."""

_POINT = 22
"""Bits of a weight behind its point: so 255 times a sum of weights fits 32 bits. As in Pillow."""


@dataclass(frozen=True)
class _Weights:
    """Of the pixels along one side that each pixel of the result is made of.

    Attributes
    ----------
    firsts
        int64 ``(n,)``: the first of them.
    weights
        int32 ``(n, most)``, of which ``counts``, int64 ``(n,)``, are used.
    """

    firsts: IntArray
    counts: IntArray
    weights: Whole

    @classmethod
    def of(cls, side: int, end: float, wanted: int, resample: Image.Resampling) -> _Weights:
        """As Pillow reckons them (``precompute_coeffs`` in its Resample.c), for a side used up to ``end``."""
        shape, reach = _FILTERS[resample]
        scale = float(np.float32(end)) / wanted
        wide = max(scale, 1.0)
        centres = (np.arange(wanted) + 0.5) * scale
        firsts = np.maximum((centres - reach * wide + 0.5).astype(np.int64), 0)
        counts = np.minimum((centres + reach * wide + 0.5).astype(np.int64), side) - firsts
        places = np.arange(counts.max())
        shares = shape(np.abs((places + firsts[:, np.newaxis] - centres[:, np.newaxis] + 0.5) * (1.0 / wide)))
        shares[places >= counts[:, np.newaxis]] = 0
        shares /= np.add.accumulate(shares, axis=1)[:, -1:]  # from the left, unlike a sum of numpy's
        whole = shares * (1 << _POINT)
        return cls(firsts, counts, np.trunc(whole + np.copysign(0.5, whole)).astype(np.int32))


def _triangle(away: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(1.0 - away, 0.0)


def _cubic(away: NDArray[np.float64]) -> NDArray[np.float64]:
    a = -0.5
    near = ((a + 2.0) * away - (a + 3.0)) * away * away + 1
    far = (((away - 5) * away + 8) * away - 4) * a
    return np.where(away < 1, near, np.where(away < 2, far, 0.0))


_FILTERS: dict[Image.Resampling, tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], float]] = {
    Image.Resampling.BILINEAR: (_triangle, 1.0),
    Image.Resampling.BICUBIC: (_cubic, 2.0),
}


def blend(rows: UInt8Array, firsts: IntArray, counts: IntArray, weights: Whole, made: UInt8Array) -> None:
    """Make each row of ``made``, uint8 ``(n, bytes)``, of some of ``rows``, uint8 ``(m, bytes)``."""
    sums = np.empty(rows.shape[1], np.int32)
    for row in range(len(made)):
        sums[:] = 1 << (_POINT - 1)  # which rounds
        for place in range(counts[row]):
            weight, values = weights[row, place], rows[firsts[row] + place]
            for at in range(len(sums)):
                sums[at] += weight * np.int32(values[at])
        for at in range(len(sums)):
            made[row, at] = min(max(sums[at] >> _POINT, 0), 255)


def load(folder: Path) -> Blend:
    """Compile `blend`, or take it from a folder where it is kept."""
    numbers, whole = types.int64[::1], types.int32[:, ::1]
    pixels = types.Array(types.uint8, 2, "C", readonly=True)
    loop = compiled(blend, (pixels, numbers, numbers, whole, types.uint8[:, ::1]), folder)
    return partial(_resized, loop)


def _resized(
    loop: Callable[[UInt8Array, IntArray, IntArray, Whole, UInt8Array], None],
    image: Image.Image,
    end: tuple[float, float],
    targets: Sequence[Target],
) -> list[UInt8Array]:
    """See `likewise.pictures.resampling.Blend`."""

    def blended(rows: UInt8Array, weights: _Weights) -> UInt8Array:
        made = np.empty((len(weights.firsts), rows.shape[1]), np.uint8)
        loop(rows, weights.firsts, weights.counts, weights.weights, made)
        return made

    width, height = image.size
    bands = len(image.getbands())
    across = [_Weights.of(width, end[0], size[0], resample) for size, resample in targets]
    down = [_Weights.of(height, end[1], size[1], resample) for size, resample in targets]
    narrow = [np.empty((height, size[0] * bands), np.uint8) for size, _ in targets]
    for top in range(0, height, STRIP):
        strip = np.asarray(image.crop((0, top, width, min(top + STRIP, height))))
        turned = cv2.transpose(strip).reshape(width, -1)
        for weights, into in zip(across, narrow, strict=True):
            columns = blended(turned, weights).reshape(len(weights.firsts), len(strip), bands)
            into[top : top + STRIP] = cv2.transpose(columns).reshape(len(strip), -1)
    made = [blended(rows, weights) for rows, weights in zip(narrow, down, strict=True)]
    shape = (bands,) if bands > 1 else ()
    return [array.reshape(size[1], size[0], *shape) for array, (size, _) in zip(made, targets, strict=True)]
