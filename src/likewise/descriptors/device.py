"""The part of a recipe that an engine runs: a picture batch to one pooled vector a part."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from likewise.descriptors.pooling import POOLINGS, Pooling
from likewise.descriptors.recipe import Part, VectorRecipe
from likewise.networks.card import Card, Preprocessing
from likewise.networks.modules import build
from likewise.networks.weights import choose


class Normalise(nn.Module):
    """uint8 ``(n, h, w, 3)`` RGB to the network's input ``(n, 3, h, w)``, as its weights ask for it."""

    mean: Tensor
    factor: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        std = torch.tensor(preprocessing.std, dtype=torch.float64)
        mean = torch.tensor(preprocessing.mean, dtype=torch.float64)
        # (v * scale - mean) / std as (v - mean / scale) * (scale / std): exact zeros where v is the mean
        self.register_buffer("mean", (mean / preprocessing.scale).float()[:, None, None])
        self.register_buffer("factor", (preprocessing.scale / std).float()[:, None, None])
        self.order = [2, 1, 0] if preprocessing.order == "BGR" else [0, 1, 2]

    def forward(self, pictures: Tensor) -> Tensor:
        """Apply ``(v * scale - mean) / std`` in the channel order of the weights."""
        x = pictures.permute(0, 3, 1, 2).float()
        if self.order != [0, 1, 2]:
            x = x[:, self.order]
        return (x - self.mean) * self.factor


class DevicePart(nn.Module):
    """Normalisation, network up to its last tap, and the pooling of each part of a recipe."""

    def __init__(self, card: Card, recipe: VectorRecipe, tensors: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        taps = list(dict.fromkeys(card.tap(part.tap).name for part in recipe.parts))
        self.normalise = Normalise(choose(card, recipe.weights).preprocessing)
        self.network = build(card, tensors, taps)
        self.places = [taps.index(card.tap(part.tap).name) for part in recipe.parts]
        self.pools = nn.ModuleList(_pooling(part) for part in recipe.parts)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Give one float32 ``(n, d)`` for each part."""
        maps = self.network(self.normalise(pictures))
        return tuple(pool(maps[place]) for place, pool in zip(self.places, self.pools, strict=True))


class MapPart(nn.Module):
    """Normalisation and network: the maps themselves, one for each tap of a recipe."""

    def __init__(self, card: Card, recipe: VectorRecipe, tensors: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        taps = list(dict.fromkeys(card.tap(part.tap).name for part in recipe.parts))
        self.normalise = Normalise(choose(card, recipe.weights).preprocessing)
        self.network = build(card, tensors, taps)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Give one float32 ``(n, c, h, w)`` for each tap."""
        return tuple(self.network(self.normalise(pictures)))


def _pooling(part: Part) -> Pooling:
    """The pooling of a part, with the whitening of its regions where it names one."""
    options = {key: value for key, value in part.options.items() if key not in ("file", "sha256")}
    learned = part.whitening
    if learned is None:
        return POOLINGS[part.pool](**options)
    tensors = (torch.from_numpy(learned.mean), torch.from_numpy(learned.projection))
    return POOLINGS[part.pool](**options, whitening=tensors)
