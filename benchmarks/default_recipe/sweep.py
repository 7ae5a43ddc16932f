"""What is compared: every variant of one network's descriptor, from few forward passes.

A recipe of several parts gives them side by side, each of unit length. So one pass a size describes what all
variants want of it; a variant is sliced out of its passes, which are added as `Extractor` adds scales. A pass
is (size, largest size of the variant), since a JPEG file is decoded only as large as the largest size needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, pairwise
from typing import TypeAlias

import numpy as np
from benchmarks.sets import Vectors

from likewise.descriptors.extractor import Extractor
from likewise.descriptors.parts import Part, Step
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import l2
from likewise.networks import find
from likewise.pictures import Loaded, Resize, Source
from likewise.types import Box, CropScale, FloatArray

DEFAULT = VectorRecipe.load("default")
CENTRES = (0.0, 0.4, 0.3, 0.25, 0.2)
SINGLE = 448
THREE = (640, 448, 320)


def gem(p: float, centre: float = 0.0, *, tap: str = "head") -> Part:
    """Generalised mean of a tap; ``p = 1`` is the mean."""
    return Part(tap, "gem", options={"p": p, "centre": centre})


TAPS = ("block14", "block15", "head")
POOLED = [
    part
    for tap in TAPS
    for part in (Part(tap, "mean"), gem(2, tap=tap), gem(3, tap=tap), Part(tap, "max"), Part(tap, "rmac"))
]


def recipe(parts: Sequence[Part], sizes: Sequence[int]) -> VectorRecipe:
    """The recipe of these parts, the vectors of all sizes added."""
    return VectorRecipe(
        name="variant",
        network=DEFAULT.network,
        parts=tuple(parts),
        resize=Resize("longest", max(sizes)),
        scales=tuple(size / max(sizes) for size in sizes),
        transforms=(Step("l2"),),
    )


def split(vectors: FloatArray, parts: Sequence[Part]) -> list[FloatArray]:
    """The unit vectors of each part of a recipe of several."""
    card = find(DEFAULT.network)
    ends = np.cumsum([0, *(card.tap(part.tap).channels for part in parts)])
    return [l2(vectors[:, start:end]) for start, end in pairwise(ends)]


Pass: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Variant:
    """One row of the tables: a part at one or more sizes."""

    part: Part
    sizes: tuple[int, ...] = (SINGLE,)

    @property
    def title(self) -> str:
        """Tap, pooling, prior and sizes in words."""
        options = self.part.options
        power = f" p={options['p']:g}" if self.part.pool == "gem" else ""
        prior = f", centre {options['centre']:g}" if options.get("centre") else ""
        return f"{self.part.tap} {self.part.pool}{power}{prior}, {' + '.join(map(str, self.sizes))}"

    @property
    def cost(self) -> str:
        """What its cost depends on: power and prior do not change it."""
        return f"{self.part.tap} {self.part.pool} {self.sizes}"

    @property
    def recipe(self) -> VectorRecipe:
        """As `Extractor` would run it alone."""
        return recipe([self.part], self.sizes)

    @property
    def dimensions(self) -> int:
        """Length of its vectors."""
        return find(DEFAULT.network).tap(self.part.tap).channels

    @property
    def passes(self) -> list[Pass]:
        """What it is made of."""
        return [(size, max(self.sizes)) for size in self.sizes]

    def vectors(self, passes: Mapping[Pass, Vectors]) -> dict[str, FloatArray]:
        """Its vectors of every set."""
        place = [parts_of(one).index(self.part) for one in self.passes]
        return {
            name: l2(
                _sum(
                    [
                        split(passes[one][name], parts_of(one))[at]
                        for one, at in zip(self.passes, place, strict=True)
                    ]
                )
            )
            for name in passes[self.passes[0]]
        }


def _sum(vectors: Sequence[FloatArray]) -> FloatArray:
    return np.asarray(np.sum(vectors, axis=0, dtype=np.float32), np.float32)


RMAC = Part("head", "rmac")
ALONE = (320, 384, 448, 512, 640)
COMBINED = ((448, 320), (512, 384), (640, 448), THREE)
SECTIONS: dict[str, list[Variant]] = {
    "Taps and poolings, one size": [Variant(part) for part in POOLED],
    "Sizes": [
        Variant(part, (size,)) for part in (gem(3), gem(2, 0.25)) for size in (320, 384, 448, 512, 640)
    ],
    "Several sizes added": [
        *(Variant(part, sizes) for part in (gem(2), RMAC, gem(2, 0.25)) for sizes in COMBINED),
        Variant(Part("block15", "rmac"), THREE),
    ],
    "The centre prior, one size": [Variant(gem(2, centre)) for centre in CENTRES],
    "The centre prior, three sizes": [
        Variant(gem(p, centre), THREE) for p in (1, 2, 3) for centre in CENTRES
    ],
}
CHOSEN = Variant(DEFAULT.parts[0], tuple(round(DEFAULT.resize.size * scale) for scale in DEFAULT.scales))
SIMPLER = (
    Variant(gem(2, 0.25), (320,)),
    Variant(gem(2, 0.25), (448,)),
    Variant(gem(2, 0.25), (448, 320)),
    Variant(gem(2), THREE),
    Variant(RMAC, THREE),
)
RIVALS = (Variant(gem(3), (448,)), Variant(gem(3), (512,)))


VARIANTS = list({one.title: one for one in (CHOSEN, *RIVALS, *chain(*SECTIONS.values()))}.values())
PASSES = sorted({one for variant in VARIANTS for one in variant.passes})


@cache
def parts_of(one: Pass) -> tuple[Part, ...]:
    """The parts that a pass describes: those of every variant made of it."""
    parts: list[Part] = []
    for variant in VARIANTS:
        if one in variant.passes and variant.part not in parts:
            parts.append(variant.part)
    return tuple(parts)


class PassExtractor:
    """Describes at one size what is decoded as if for a larger one as well."""

    def __init__(self, one: Pass) -> None:
        size, largest = one
        self._decoder = Extractor(recipe(parts_of(one), (largest, size)))
        self._extractor = Extractor(recipe(parts_of(one), (size,)), streams=2)

    def prepare(self, source: Source, *, box: Box | None = None, crop: CropScale = "whole") -> Loaded:
        """As `Extractor.prepare`."""
        loaded = self._decoder.prepare(source, box=box, crop=crop)
        return Loaded(loaded.width, loaded.height, loaded.pixels[-1:])

    def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
        """As `Extractor.describe`."""
        return self._extractor.describe(loaded)
