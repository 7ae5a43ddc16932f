"""From pictures to vectors by a recipe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property, partial

import numpy as np

from likewise._version import __version__
from likewise.descriptors.chain import TransformChain, joined
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.program import is_fixed, maps_of, program_of, taps_of
from likewise.descriptors.recipe import Part, VectorRecipe, load_vector
from likewise.engines import Engine, open_engine
from likewise.errors import BadRecipe, UsageError
from likewise.networks import find
from likewise.networks.card import Card
from likewise.networks.weights import locate
from likewise.pictures import Loaded, Source, load
from likewise.types import Box, CropScale, FloatArray


class Extractor:
    """Turns pictures into the vectors of one recipe.

    `prepare` and `describe` may be called from many threads at once.

    Parameters
    ----------
    recipe
        A recipe, the name of a shipped one, or the path of a TOML file.
    engine, device, precision, streams
        As in `likewise.engines.open_engine`.

    Raises
    ------
    UnknownName, BadRecipe
        When the recipe, its network or a tap cannot be used.
    WeightsMissing
        When the network's weights are not on this machine.
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
        self.recipe = recipe if isinstance(recipe, VectorRecipe) else load_vector(recipe)
        self._card = find(self.recipe.network)
        _check(self.recipe, self._card)
        file = locate(self._card, self.recipe.weights)
        self._interpolation = file.weights.preprocessing.interpolation
        self._weights_hash = file.fingerprint(taps_of(self.recipe, self._card))
        self._open = partial(open_engine, kind=engine, device=device, precision=precision, streams=streams)
        self._engine = self._open(program_of(self.recipe, file))
        self._map_program = maps_of(self.recipe, file)
        self._resizes = [self.recipe.resize.scaled(scale) for scale in self.recipe.scales]
        self._chain = TransformChain(self.recipe.transforms)

    def prepare(
        self,
        source: Source,
        *,
        box: Box | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Loaded:
        """Decode a picture and bring it to the recipe's sizes; see `likewise.pictures.load`."""
        return load(
            source,
            self._resizes,
            box=box,
            crop=crop,
            grid=self._card.grid,
            minimum=self._card.minimum,
            interpolation=self._interpolation,
            max_pixels=max_pixels,
        )

    def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
        """Turn prepared pictures into vectors.

        Returns
        -------
        ndarray
            float32 ``(n, dimensions)``, in the order given.
        """
        if not loaded:
            return np.empty((0, self.dimensions), np.float32)
        scales = [
            self._pooled([picture.pixels[index] for picture in loaded]) for index in range(len(self._resizes))
        ]
        return self._chain(joined(self.recipe, scales))

    def maps(self, loaded: Sequence[Loaded], scale: int = 0) -> list[list[FloatArray]]:
        """Give the maps that prepared pictures are pooled from, at one scale.

        Parameters
        ----------
        scale
            Which of the recipe's scales, counted from 0.

        Returns
        -------
        list of list of ndarray
            For each picture and each part of the recipe float32 ``(c, h, w)``; its cells cover the picture
            evenly.

        Raises
        ------
        UsageError
            When a part reads a vector, which has no places.
        """
        for part in self.recipe.parts:
            if self._card.tap(part.tap).stride == 0:
                raise UsageError(
                    f"{part.tap} of {self._card.name} is a vector of the whole picture, not a map: "
                    "use a recipe that pools a map, such as default, gem or rmac"
                )
        names = taps_of(self.recipe, self._card)
        places = [list(dict.fromkeys(names)).index(name) for name in names]
        found = [self._mapper.run(np.stack(picture.pixels[scale : scale + 1])) for picture in loaded]
        return [[maps[place][0] for place in places] for maps in found]

    @cached_property
    def dimensions(self) -> int:
        """Length of a vector."""
        if any(part.pooling.keeps_cells for part in self.recipe.parts):  # depends on the map's size: look
            return len(self.describe([self.prepare(np.zeros((64, 64, 3), np.uint8))])[0])
        return self._chain.dimensions(sum(_width(part, self._card) for part in self.recipe.parts))

    @property
    def manifest(self) -> Manifest:
        """What a collection keeps, so that a query made any other way is refused."""
        return Manifest(
            recipe=self.recipe.to_toml(),
            recipe_hash=self.recipe.hash,
            network=self.recipe.network,
            weights_hash=self._weights_hash,
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
        return self._open(self._map_program)


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
    if is_fixed(recipe, card) and not (square and recipe.scales == (1.0,)):
        taps = ", ".join(part.tap for part in recipe.parts)
        raise BadRecipe(
            f"{taps} of {card.name} needs pictures of {card.input_size} x {card.input_size} only: set "
            f"resize.policy to 'square', its size to {card.input_size}, and one scale"
        )
