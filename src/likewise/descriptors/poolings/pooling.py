"""The contract of a pooling: from a map of activations to one vector a picture, in up to four forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, TypeVar

import numpy as np

from likewise.engines import Array, Ops
from likewise.errors import UsageError
from likewise.tables import Option
from likewise.types import Doubles, FloatArray, IntArray

T = TypeVar("T")

Windows: TypeAlias = Callable[[IntArray], FloatArray]
"""A map made ready: windows ``(m, 4)``, see `likewise.descriptors.poolings.integral`, to ``(m, c)``."""

CELLS = (2, 3)
"""Axes of the cells of maps ``(n, c, h, w)``."""

TINY = 1e-12
"""Norms below this divide as if they were this, so that zero stays zero."""

_FILE = ("file", "sha256")


@dataclass(frozen=True)
class Pooling:
    """One pooling: its name, its options and its forms. No form makes a NaN of a map of zeros.

    Attributes
    ----------
    name
        As a recipe calls it.
    forward
        ``(ops, maps (n, c, h, w), **options)`` to ``(n, c)``, in the words of `likewise.engines.ops`.
    options, bounds
        Defaults of its options, and the smallest and largest value of those that are numbers.
    windows
        ``(cells float64 (h, w, c), **options)`` to the same pooling of any rectangles of that map, by which a
        part of a picture is found. None where it has none.
    shares
        ``(map float64 (c, h, w), **options)`` to what each cell gives to the vector, float64 ``(c, h, w)``
        whose sum over the cells is that vector. None where it does not fall apart so.
    regions
        ``(map (c, h, w), **options)`` to the unit vectors float32 ``(r, c)`` of the regions that it adds up.
        Such a pooling has the options ``file`` and ``sha256`` of a whitening of regions, and its forward form
        takes ``whitening``, ``(mean (c,), projection (c, d))``.
    keeps_cells
        Whether the vector has every cell of the map, ``(n, c * h * w)``, so that all pictures need one size.
    """

    name: str
    forward: Callable[..., Array]
    options: Mapping[str, Option] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    windows: Callable[..., Windows] | None = None
    shares: Callable[..., Doubles] | None = None
    regions: Callable[..., FloatArray] | None = None
    keeps_cells: bool = False

    def __call__(self, ops: Ops, x: Array, **given: object) -> Array:
        """Pool maps ``(n, c, h, w)``; give vectors ``(n, c)`` back as they are."""
        return x if ops.rank(x) == 2 else self._with(self.forward, given)(ops, x)

    def over(self, maps: FloatArray, given: Mapping[str, Option]) -> Windows:
        """Make ready one map ``(c, h, w)`` for pooling many windows of it.

        Raises `UsageError` when it has no form for windows.
        """
        if self.windows is None:
            raise UsageError(f"pool {self.name!r} cannot pool a part of a map; use another, such as 'gem'")
        cells = np.ascontiguousarray(np.moveaxis(maps, 0, -1), np.float64)
        return self._with(self.windows, given)(cells)

    def shared(self, maps: FloatArray, given: Mapping[str, Option]) -> Doubles:
        """Shares of the cells of one map ``(c, h, w)`` in its vector, float64 ``(c, h, w)``.

        Raises `UsageError` when the vector does not fall apart by cells.
        """
        if self.shares is None:
            raise UsageError(f"pool {self.name!r} does not share out among cells; use another, such as 'gem'")
        return self._with(self.shares, given)(maps.astype(np.float64))

    def regions_of(self, maps: FloatArray, given: Mapping[str, Option]) -> FloatArray:
        """Unit vectors of the regions of one map ``(c, h, w)``, float32 ``(r, c)``.

        Raises `UsageError` when it has no regions.
        """
        if self.regions is None:
            raise UsageError(f"pool {self.name!r} has no regions; use another, such as 'rmac'")
        return self._with(self.regions, given)(maps)

    def _with(self, form: Callable[..., T], given: Mapping[str, object]) -> Callable[..., T]:
        """A form with all options, but for the file that they name."""
        options = {**self.options, **given}
        return partial(form, **{key: value for key, value in options.items() if key not in _FILE})
