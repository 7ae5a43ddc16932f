"""The part of dense patches that an engine runs, patch by patch or for the whole picture at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from likewise.descriptors.device import Normalise
from likewise.descriptors.patches import Patches
from likewise.descriptors.pooling import POOLINGS
from likewise.networks.card import Card
from likewise.networks.dense import Window, dense_tensors, densified, window
from likewise.networks.modules import build
from likewise.networks.weights import choose


class ExactPart(nn.Module):
    """Crops, uint8 ``(n, size, size, 3)``, to one float32 ``(n, c)`` for each tap."""

    def __init__(
        self, card: Card, patches: Patches, taps: Sequence[str], tensors: Mapping[str, np.ndarray]
    ) -> None:
        super().__init__()
        self.normalise = Normalise(choose(card, patches.weights).preprocessing)
        self.network = build(card, tensors, taps)
        self.pool = POOLINGS[patches.pool]()

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Pool each crop's maps; vectors pass."""
        return tuple(self.pool(tap) for tap in self.network(self.normalise(crops)))


class SharedPart(nn.Module):
    """A picture, uint8 ``(1, h, w, 3)``, to one float32 ``(1, c, rows, columns)`` for each tap.

    The sides must be ``size`` and a multiple of ``stride`` more, so that maps hold whole windows only.
    """

    def __init__(
        self, card: Card, patches: Patches, taps: Sequence[str], tensors: Mapping[str, np.ndarray]
    ) -> None:
        super().__init__()
        size, stride = patches.size, patches.stride
        whole = densified(card, taps, size, stride)
        self.normalise = Normalise(choose(card, patches.weights).preprocessing)
        self.network = build(whole, dense_tensors(whole, tensors), taps)
        self.windows = [window(card, tap, size, stride) for tap in taps]
        self.slide = _sums if patches.pool == "sum" else _maxima

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Slide each tap's window over its map."""
        maps = self.network(self.normalise(pictures))
        return tuple(self.slide(one, over) for one, over in zip(maps, self.windows, strict=True))


def _sums(x: Tensor, over: Window) -> Tensor:
    """Sums over the windows of a map, rows and columns apart."""
    n, step = over.cells, over.step
    rows = functional.avg_pool2d(x, (n, 1), (step, 1))
    return functional.avg_pool2d(rows, (1, n), (1, step)) * (n * n)


def _maxima(x: Tensor, over: Window) -> Tensor:
    """Maxima over the windows of a map, rows and columns apart: ``2 n`` comparisons in place of ``n^2``."""
    n, step = over.cells, over.step
    return functional.max_pool2d(functional.max_pool2d(x, (n, 1), (step, 1)), (1, n), (1, step))
