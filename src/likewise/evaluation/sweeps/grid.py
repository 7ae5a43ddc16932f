"""The grid of a sweep: taps, poolings and dimensions of one network, and a recipe that gives them all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from likewise.descriptors import POOLINGS, Part, VectorRecipe
from likewise.networks import find
from likewise.pictures import Resize
from likewise.tables import choose

RESIZE = Resize("longest", 512)


@dataclass(frozen=True)
class Grid:
    """Settings to try.

    Raises `UnknownName` or `BadRecipe` when the network, a tap or a pooling is unknown, or a pooling keeps
    every cell of the map.

    Attributes
    ----------
    taps
        Names or aliases; without any, the last map of each stage (of each stride).
    pools
        Poolings of `likewise.descriptors.poolings.POOLINGS`, with their default options. A tap that is a
        vector needs none and has one cell.
    dimensions
        Lengths to which vectors are whitened besides being left alone.
    weights
        Name of a set of weights of the network; empty for the first.
    """

    network: str
    taps: tuple[str, ...] = ()
    pools: tuple[str, ...] = ("mean", "max", "gem")
    dimensions: tuple[int, ...] = ()
    resize: Resize = RESIZE
    weights: str = ""

    def __post_init__(self) -> None:
        card = find(self.network)
        last = {tap.stride: tap.name for tap in card.taps.values() if tap.stride}
        taps = [card.tap(name).name for name in self.taps or last.values()]
        for pool in self.pools:
            choose("pool", pool, [name for name in POOLINGS if name not in ("none", "flatten")])
        for name, values in (("taps", taps), ("pools", self.pools), ("dimensions", self.dimensions)):
            object.__setattr__(self, name, tuple(dict.fromkeys(values)))

    @cached_property
    def columns(self) -> dict[tuple[str, str], slice]:
        """By tap and pooling, where its numbers stand in a vector of `recipe`."""
        card, begin = find(self.network), 0
        columns = {}
        for tap in map(card.tap, self.taps):
            for pool in self.pools if tap.stride else ("none",):
                columns[tap.name, pool] = slice(begin, begin + tap.channels)
                begin += tap.channels
        return columns

    @property
    def recipe(self) -> VectorRecipe:
        """All taps and poolings side by side in one vector."""
        return self.only(*self.columns)

    def only(self, *places: tuple[str, str]) -> VectorRecipe:
        """The recipe of some taps and poolings."""
        parts = tuple(Part(tap, pool) for tap, pool in places)
        return VectorRecipe(
            f"sweep of {self.network}", self.network, parts, self.resize, weights=self.weights
        )
