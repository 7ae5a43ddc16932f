"""What the collection asks of whatever turns pictures into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from likewise.collection.belongings import VOCABULARY
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.recipe import VectorRecipe
from likewise.errors import CollectionDamaged, UsageError
from likewise.pictures import Loaded, Source
from likewise.recipes.recipe import LayerRecipe, parse_recipe
from likewise.types import Box, CropScale, FloatArray
from likewise.words.recipe import WordsRecipe

if TYPE_CHECKING:
    from likewise.words.extractor import WordsExtractor


class Describer(Protocol):
    """Two steps from a picture to its vector, both safe to call from many threads at once."""

    @property
    def recipe(self) -> VectorRecipe:
        """What it does."""

    @property
    def manifest(self) -> Manifest:
        """How its vectors are made."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    def prepare(
        self,
        source: Source,
        *,
        box: Box | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Loaded:
        """Decode and resize; raises `BadPicture` or `BadBox`."""

    def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
        """Give float32 ``(n, dimensions)``; raises `BadPicture` for a picture the network cannot take."""


class MapDescriber(Describer, Protocol):
    """What also gives the maps that a vector is pooled from, to localise and to explain with."""

    def maps(self, loaded: Sequence[Loaded], scale: int = 0) -> list[list[FloatArray]]:
        """Give each picture's maps ``(c, h, w)`` at one of the scales, one a part of the recipe."""


AnyDescriber: TypeAlias = "Describer | WordsExtractor"


class DescriberFactory(Protocol):
    """Makes a describer when the first picture needs one."""

    def __call__(self, recipe: VectorRecipe, *, precision: str, streams: int) -> MapDescriber:
        """Make one whose `Describer.describe` will be called by ``streams`` threads at once."""


class WordsFactory(Protocol):
    """The same for a recipe of visual words."""

    def __call__(self, recipe: WordsRecipe, *, precision: str, streams: int) -> WordsExtractor:
        """Make one whose `WordsExtractor.describe` will be called by ``streams`` threads at once."""


def open_extractor(
    recipe: VectorRecipe, *, precision: str, streams: int, engine: str, device: str
) -> MapDescriber:
    """Make the describer that runs a network."""
    # Searching by id or by vector must not pay for the inference engine, which this import brings in.
    from likewise.descriptors.extractor import Extractor

    return Extractor(recipe, engine=engine, device=device, precision=precision, streams=streams)


def open_words(
    recipe: WordsRecipe, *, precision: str, streams: int, engine: str, device: str
) -> WordsExtractor:
    """Make what turns pictures into sketches of visual words."""
    # As above.
    from likewise.words.extractor import WordsExtractor

    return WordsExtractor(recipe, engine=engine, device=device, precision=precision, streams=streams)


def recipe_of(manifest: Manifest, path: Path) -> LayerRecipe:
    """The recipe that a collection's pictures were described by; its vocabulary is the collection's own copy.

    Raises
    ------
    CollectionDamaged
        When its manifest holds none.
    """
    recipe = _parsed(manifest.recipe, str(path))
    if isinstance(recipe, WordsRecipe):
        copy = {**recipe.vocabulary, "file": str((path / VOCABULARY).absolute())}
        return replace(recipe, vocabulary=copy)
    return recipe


@cache
def _parsed(toml: str, path: str) -> LayerRecipe:
    try:
        return parse_recipe(toml, origin=f"the manifest of {path}").layers[0]
    except UsageError as error:
        raise CollectionDamaged(f"{error}; restore the collection from a copy, or index again") from error
