"""From pictures to sketches by a recipe of visual words."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Unpack

from likewise._version import __version__
from likewise.descriptors import Manifest
from likewise.local import LocalExtractor
from likewise.pictures import Loaded, Source
from likewise.types import Box, CropScale, Cut
from likewise.words.recipe import WordsRecipe
from likewise.words.sketch import Sketch
from likewise.words.vocabulary import Vocabulary


class WordsExtractor:
    """Turns pictures into sketches.

    `prepare`, `describe`, `sketch` and `ask` may be called from many threads at once. ``engine``, ``device``,
    ``precision``, ``streams``: as in `likewise.engines.open_engine`. Raises `UnknownName`, `BadRecipe` or
    `UsageError` when the recipe, its network, a tap or its vocabulary cannot be used; `WeightsMissing` or
    `BadWeights` when the network's weights or the vocabulary are not on this machine, or are others.
    """

    def __init__(
        self,
        recipe: WordsRecipe,
        *,
        engine: str = "openvino",
        device: str = "cpu",
        precision: str = "f32",
        streams: int = 1,
    ) -> None:
        self.recipe = recipe
        self.vocabulary = Vocabulary.of(recipe)
        self._features: LocalExtractor = recipe.features.open(
            engine=engine, device=device, precision=precision, streams=streams
        )
        self.manifest = Manifest(
            recipe=recipe.to_toml(),
            recipe_hash=recipe.hash,
            network=recipe.network,
            weights_hash=self._features.weights_hash,
            engine=engine,
            precision=precision,
            version=__version__,
            dimensions=sum(self.vocabulary.sizes.values()),
        )

    def prepare(self, source: Source, **cut: Unpack[Cut]) -> Loaded:
        """Decode a picture and bring it to every scale; see `likewise.pictures.load`."""
        return self._features.prepare(source, **cut)

    def describe(self, loaded: Sequence[Loaded]) -> list[Sketch]:
        """The sketches of prepared pictures.

        Raises `BadPicture` when the network gives a feature that is not finite.
        """
        return [
            self.vocabulary.sketch(self._features.describe(picture), self.recipe.stored) for picture in loaded
        ]

    @cached_property
    def asking(self) -> WordsExtractor:
        """The same for pictures that are searched for, which the recipe may give another size."""
        if self.recipe.query is None:
            return self
        other, recipe = copy(self), replace(self.recipe, features=self.recipe.asked_features, query=None)
        other.recipe = recipe
        other._features = self._features.sized(recipe.features)
        other.manifest = replace(self.manifest, recipe=recipe.to_toml(), recipe_hash=recipe.hash)
        return other

    def sketch(self, loaded: Loaded, *, box: Box | None = None) -> Sketch:
        """A prepared picture in as many words as either side gets.

        ``box``: the box it was prepared with, so that positions are those of the whole original.
        """
        nearest = max(self.recipe.asked, self.recipe.stored)
        return self.vocabulary.sketch(self._features.describe(loaded, box=box), nearest)

    def ask(
        self,
        source: Source,
        *,
        box: Box | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Sketch:
        """A picture that is searched for, in as many words as either side gets.

        Raises `BadPicture` or `BadBox` when it cannot be read, or the network gives a feature that is not
        finite.
        """
        loaded = self.asking.prepare(source, box=box, crop=crop, max_pixels=max_pixels)
        return self.asking.sketch(loaded, box=box)
