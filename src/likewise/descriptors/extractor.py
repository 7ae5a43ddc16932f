"""From pictures to vectors by a recipe."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import Unpack

import numpy as np

from likewise._version import __version__
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.parts import Part
from likewise.descriptors.poolings import POOLINGS
from likewise.descriptors.recipe import VectorRecipe
from likewise.engines import Array, Engine, Head, Ops, Program, as_they_are, open_engine
from likewise.errors import BadRecipe, UsageError
from likewise.networks import NETWORKS, Card, find
from likewise.networks.weights import WeightsFile, locate
from likewise.pictures import Loaded, Source, load
from likewise.types import Cut, FloatArray

DEVICE_PART_VERSION = 1  # raise when the same recipe and weights begin to give other numbers


class Extractor:
    """Turns pictures into the vectors of one recipe.

    `prepare` and `describe` may be called from many threads at once. Raises `UnknownName` or `BadRecipe` when
    the recipe, its network or a tap cannot be used; `WeightsMissing` when the network's weights are not on
    this machine.

    Parameters
    ----------
    recipe
        A recipe, the name of a shipped one, or the path of a TOML file.
    engine, device, precision, streams
        As in `likewise.engines.open_engine`.
    """

    def __init__(
        self,
        recipe: VectorRecipe | str = "default",
        *,
        engine: str = "openvino",
        device: str = "cpu",
        precision: str = "f32",
        streams: int = 1,
    ) -> None:
        self.recipe = recipe if isinstance(recipe, VectorRecipe) else VectorRecipe.load(recipe)
        self._card = find(self.recipe.network)
        _check(self.recipe, self._card)
        self._file = locate(self._card, self.recipe.weights)
        self._open = partial(open_engine, engine=engine, device=device, precision=precision, streams=streams)
        self._program = program_of(self.recipe, self._file)
        self._engine = self._open(self._program)
        self._resizes = [self.recipe.resize.scaled(scale) for scale in self.recipe.scales]
        self._chain = self.recipe.chain

    def prepare(self, source: Source, **cut: Unpack[Cut]) -> Loaded:
        """Decode a picture and bring it to the recipe's sizes; see `likewise.pictures.load`."""
        return load(
            source,
            self._resizes,
            grid=self._card.grid,
            minimum=self._card.minimum,
            interpolation=self._program.preprocessing.interpolation,
            **cut,
        )

    def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
        """Turn prepared pictures into vectors.

        Returns float32 ``(n, dimensions)``, in the order given.
        """
        if not loaded:
            return np.empty((0, self.dimensions), np.float32)
        scales = [
            self._pooled([picture.pixels[index] for picture in loaded]) for index in range(len(self._resizes))
        ]
        return self._chain(self.recipe.joined(scales))

    def maps(self, loaded: Sequence[Loaded], scale: int = 0) -> list[list[FloatArray]]:
        """Give the maps that prepared pictures are pooled from, at one scale.

        Raises `UsageError` when a part reads a vector, which has no places.

        Parameters
        ----------
        scale
            Which of the recipe's scales, counted from 0.

        Returns
        -------
        list of list of ndarray
            For each picture and each part of the recipe float32 ``(c, h, w)``; its cells cover the picture
            evenly.
        """
        for part in self.recipe.parts:
            if self._card.tap(part.tap).stride == 0:
                raise UsageError(
                    f"{part.tap} of {self._card.name} is a vector of the whole picture, not a map: "
                    "use a recipe that pools a map, such as default, gem or rmac"
                )
        places = [self._program.taps.index(name) for name in _taps(self.recipe, self._card)]
        scales = [self._mapper.run(np.stack(picture.pixels[scale : scale + 1])) for picture in loaded]
        return [[maps[place][0] for place in places] for maps in scales]

    @cached_property
    def dimensions(self) -> int:
        """Length of a vector."""
        if any(part.pooling.keeps_cells for part in self.recipe.parts):  # depends on the map's size: look
            return len(self.describe([self.prepare(np.zeros((64, 64, 3), np.uint8))])[0])
        return self._chain.dimensions(sum(_width(part, self._card) for part in self.recipe.parts))

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest that a collection keeps, so that a query made any other way is refused."""
        return Manifest(
            recipe=self.recipe.to_toml(),
            recipe_hash=self.recipe.hash,
            network=self.recipe.network,
            weights_hash=self._file.fingerprint(self._program.taps),
            engine=self._engine.name,
            precision=self._engine.precision,
            version=__version__,
            dimensions=self.dimensions,
        )

    def _pooled(self, pictures: Sequence[np.ndarray]) -> list[FloatArray]:
        """One array ``(n, d)`` a part, from pictures of any shapes, run in batches of one shape."""
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, picture in enumerate(pictures):
            groups[picture.shape].append(index)
        order: list[int] = []
        outputs: list[list[FloatArray]] = []
        for (height, width, _), members in groups.items():
            size = max(1, self._engine.batch_pixels // (height * width))
            for start in range(0, len(members), size):
                chunk = members[start : start + size]
                outputs.append(self._engine.run(np.stack([pictures[index] for index in chunk])))
                order += chunk
        back = np.argsort(order)
        return [np.concatenate(part)[back] for part in zip(*outputs, strict=True)]

    @cached_property
    def _mapper(self) -> Engine:
        """The same network with the maps of its taps as outputs."""
        key = _key(self.recipe, self._file, "maps")
        return self._open(replace(self._program, key=key, head=as_they_are))


def _width(part: Part, card: Card) -> int:
    """Numbers in the vector of a part that is pooled over channels."""
    learned = part.whitening
    return learned.projection.shape[1] if learned else card.tap(part.tap).channels


def _check(recipe: VectorRecipe, card: Card) -> None:
    """Refuse what cannot run: a map that is not pooled, or another size than the network takes."""
    for part in recipe.parts:
        tap = card.tap(part.tap)
        if tap.stride and part.pool == "none":
            raise BadRecipe(
                f"pool 'none' is for vectors, and {tap.name!r} of {card.name} is a map; use 'flatten'"
            )
    square = recipe.resize.policy == "square" and recipe.resize.size == card.input_size
    if _is_fixed(recipe, card) and not (square and recipe.scales == (1.0,)):
        taps = ", ".join(part.tap for part in recipe.parts)
        raise BadRecipe(
            f"{taps} of {card.name} needs pictures of {card.input_size} x {card.input_size} only: set "
            f"resize.policy to 'square', its size to {card.input_size}, and one scale"
        )


def program_of(recipe: VectorRecipe, file: WeightsFile) -> Program:
    """The program of a recipe with one output ``(n, d)`` a part."""
    card = file.card
    taps = tuple(dict.fromkeys(_taps(recipe, card)))
    return Program(
        _key(recipe, file),
        card,
        taps,
        file.weights.preprocessing,
        file.tensors,
        _head(recipe, card, taps),
        card.input_size if _is_fixed(recipe, card) else None,
    )


def _taps(recipe: VectorRecipe, card: Card) -> list[str]:
    """The tap of each part, by its own name."""
    return [card.tap(part.tap).name for part in recipe.parts]


def _is_fixed(recipe: VectorRecipe, card: Card) -> bool:
    """Whether the parts need pictures of one size: fully connected layers do, and some transformers."""
    whole = any(card.tap(part.tap).stride == 0 for part in recipe.parts)
    return bool(card.input_size) and (whole or not card.chain)


def _head(recipe: VectorRecipe, card: Card, taps: Sequence[str]) -> Head:
    """One pooled vector a part; whitenings are read when a graph is built, not before."""
    places = [taps.index(name) for name in _taps(recipe, card)]

    def pool_parts(ops: Ops, maps: Sequence[Array]) -> list[Array]:
        parts = zip(places, recipe.parts, strict=True)
        return [_pool(ops, maps[place], part) for place, part in parts]

    return pool_parts


def _pool(ops: Ops, x: Array, part: Part) -> Array:
    """The pooling of a part, with the whitening of its regions where it names one."""
    learned = part.whitening
    more = {"whitening": (learned.mean, learned.projection)} if learned else {}
    return part.pooling(ops, x, **part.options, **more)


def _key(recipe: VectorRecipe, file: WeightsFile, *more: str) -> str:
    """Identity of what the engine runs: transforms, sizes and names do not change it."""
    card = file.card
    parts = [
        (card.tap(part.tap).name, part.pool, {k: v for k, v in part.options.items() if k != "file"})
        for part in recipe.parts
    ]
    weights = file.fingerprint(_taps(recipe, card))
    added = [POOLINGS.origin(part.pool) for part in recipe.parts]  # its next version may count otherwise
    if card.name in NETWORKS:
        added.append(NETWORKS.origin(card.name))
    facts = [DEVICE_PART_VERSION, card.name, weights, asdict(file.weights.preprocessing), parts, *more]
    facts += filter(None, added)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
