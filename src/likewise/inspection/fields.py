"""Receptive fields of any module, measured: which pixels can have a part in a cell.

A pixel that is not a number makes every cell not a number that it can have a part in, whatever the weights
are: ``0 * nan`` is nan, and so are the maximum and the ReLU of nan. With all rows above one of them nan, the
first row of a cell's field is found by bisection; with all rows below, the last one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UnknownName, UsageError
from likewise.inspection.network import Network
from likewise.networks import Tap
from likewise.types import FloatArray

Probe = Callable[[FloatArray], FloatArray]
"""From ``(n, 3, h, w)`` to a map ``(n, c, h', w')``."""

_STRIP = 64  # pixels across; a field is measured along one axis at a time
_LENGTHS = (256, 512, 1024, 2048)


@dataclass(frozen=True)
class ReceptiveField:
    """Where the cells of a map look, along one axis.

    Attributes
    ----------
    stride
        Pixels from a cell to the next.
    side
        Pixels that a cell sees, from the first to the last; 0 for the whole picture.
    offset
        Pixel in the middle of what cell 0 sees.
    """

    stride: int
    side: int
    offset: float


def measured(network: Network, tap: str) -> Tap:
    """A tap with its stride, receptive field and offset, measured.

    Rows and columns are measured apart. Where they differ, the larger field is given, with its offset. Raises
    `UnknownName` when there is no such tap, or it does not run; `UsageError` when it is no map, or the
    network takes pictures of one size only.
    """
    name = network.names([tap], 0)[0]
    if network.resize([name], 0).policy == "square":
        raise UsageError(f"{tap} of {network.name} needs pictures of one size: its field cannot be measured")

    def probe(x: FloatArray) -> FloatArray:
        for _, output in network.outputs(x, [name]):
            return output
        raise UnknownName(f"{tap} of {network.name} did not run")

    first = probe(np.zeros((1, 3, _LENGTHS[0], _LENGTHS[0]), np.float32))
    if first.ndim != 4:
        raise UsageError(f"{tap} of {network.name} is a vector: it sees the whole picture")
    known = network.tap(name, first, _LENGTHS[0])
    if known.field:  # it follows from the layers of a card
        return known
    fields = [measure(probe, axis) for axis in (2, 3)]
    widest = min(fields, key=lambda field: (field.side != 0, -field.side))
    return replace(known, stride=widest.stride, field=widest.side, offset=widest.offset)


def measure(probe: Probe, axis: int = 2) -> ReceptiveField:
    """Measure the receptive field of a map along rows (axis 2) or columns (axis 3).

    The picture is made longer until the field of a cell in its middle lies inside; a field of more than 1024
    pixels is taken for the whole picture.
    """
    count, more = (probe(_strip(length, axis)).shape[axis] for length in (1024, 2048))
    stride = round(1024 / max(1, more - count))
    for length in _LENGTHS:
        if field := _Line(probe, axis, length).field(stride):
            return field
    return ReceptiveField(stride, 0, 0.0)


class _Line:
    """A strip of picture, of which the beginning or the end is not a number."""

    def __init__(self, probe: Probe, axis: int, length: int) -> None:
        self.probe, self.axis, self.length = probe, axis, length
        self.cells = probe(_strip(length, axis)).shape[axis]

    def field(self, stride: int) -> ReceptiveField | None:
        """The field of a cell in the middle; None when it does not lie inside."""
        middle = self.length // 2
        begun, ended = self.begun(middle), self.ended(middle)
        if not (0 <= begun < self.cells - 2 and 1 < ended < self.cells):
            return None
        first = _bisect(lambda row: self.begun(row) > begun, middle, middle + 2 * stride)
        last = _bisect(lambda row: self.ended(row) > ended, middle, middle + 2 * stride) - 1
        start, end = first - (begun + 1) * stride, last - ended * stride
        return ReceptiveField(stride, end - start + 1, (start + end) / 2)

    def begun(self, row: int) -> int:
        """The last cell whose field begins at or above a row, -1 when there is none."""
        touched = self._touched(0, row + 1)
        return int(np.flatnonzero(touched)[-1]) if touched.any() else -1

    def ended(self, row: int) -> int:
        """The first cell whose field ends at or below a row, the number of cells when there is none."""
        touched = self._touched(row, self.length)
        return int(np.flatnonzero(touched)[0]) if touched.any() else self.cells

    def _touched(self, begin: int, end: int) -> NDArray[np.bool_]:
        x = _strip(self.length, self.axis)
        np.moveaxis(x, self.axis, 0)[begin:end] = np.nan
        touched: NDArray[np.bool_] = np.isnan(self.probe(x)[0]).any(axis=0).any(axis=3 - self.axis)
        return touched


def _strip(length: int, axis: int) -> FloatArray:
    return np.zeros((1, 3, length, _STRIP) if axis == 2 else (1, 3, _STRIP, length), np.float32)


def _bisect(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first whole number above ``low`` for which something holds that holds from there on."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
