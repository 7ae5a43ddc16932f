"""The view of a tap: its statistics, its maps as large as a sheet shows them, and where it fires."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from likewise.inspection.statistics import Statistics
from likewise.networks import Tap
from likewise.types import FloatArray, IntArray

_SHEET = 1100  # pixels that the tiles of a sheet take side by side
_TILE = (40, 128)


@dataclass(frozen=True)
class View:
    """One tap of one picture.

    Attributes
    ----------
    shape
        ``(c, h, w)`` of a map, ``(c,)`` of a vector.
    channels
        int64 ``(n,)``: the channels that `maps` shows, all of them in their order or the strongest, the
        strongest first.
    maps
        float32 ``(n, h', w')``: maps whose blocks of cells were averaged until they fit a tile of a sheet;
        None for a vector.
    heat
        float32 ``(h', w')``: the mean magnitude of all such maps; None for a vector.
    vector
        float32 ``(c,)``; None for a map.
    """

    tap: Tap
    shape: tuple[int, ...]
    statistics: Statistics
    channels: IntArray
    maps: FloatArray | None = None
    heat: FloatArray | None = None
    vector: FloatArray | None = None

    @classmethod
    def of(
        cls, tap: Tap, cells: FloatArray, *, top: int | None = None, bounds: tuple[float, float] | None = None
    ) -> View:
        """Look at a tap.

        Parameters
        ----------
        cells
            float32 ``(h, w, c)``, or ``(c,)`` of a vector.
        top
            How many of the strongest channels to keep the maps of, by their mean magnitude; all for None.
        bounds
            The range of the histogram; the tap's own for None.
        """
        statistics = Statistics.of(cells, bounds)
        count = cells.shape[-1]
        if cells.ndim == 1:
            return cls(tap, cells.shape, statistics, np.arange(count), vector=cells.copy())
        small = reduced(cells, tile_side(min(count, top or count)))
        channels = np.arange(count)
        if top is not None:
            channels = np.argsort(-np.abs(small).mean(axis=(0, 1)), kind="stable")[:top]
        height, width, _ = cells.shape
        return cls(
            tap,
            (count, height, width),
            statistics,
            channels,
            maps=np.ascontiguousarray(small[:, :, channels].transpose(2, 0, 1)),
            heat=np.abs(small).mean(axis=2),
        )

    @property
    def tile(self) -> int:
        """Side in pixels of a tile when a sheet shows all maps that are kept."""
        return tile_side(len(self.channels))


def tile_side(count: int) -> int:
    """Side in pixels of a tile when a sheet shows so many."""
    return int(np.clip(_SHEET // math.ceil(math.sqrt(count)), *_TILE))


def reduced(cells: FloatArray, side: int) -> FloatArray:
    """Average equal blocks of cells until the longer side of a map ``(h, w, c)`` is at most ``side``."""
    height, width, channels = cells.shape
    least = math.ceil(max(height, width) / side)
    if least == 1:
        return cells
    steps = range(least, least + least // 2 + 1)
    step = next((step for step in steps if height % step == width % step == 0), least)
    spare = (-height % step, -width % step)
    if any(spare):  # the last block repeats the border; that copies the map, hence the look for a divisor
        cells = np.pad(cells, ((0, spare[0]), (0, spare[1]), (0, 0)), mode="edge")
    blocks = cells.reshape(cells.shape[0] // step, step, cells.shape[1] // step, step, channels)
    return np.asarray(blocks.mean(axis=(1, 3)))
