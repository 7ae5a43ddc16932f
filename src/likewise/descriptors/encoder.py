"""The one contract of what turns pictures into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Unpack

from likewise.descriptors.manifest import Manifest
from likewise.descriptors.recipe import VectorRecipe
from likewise.pictures import Loaded, Source
from likewise.types import Cut, FloatArray


class Encoder(Protocol):
    """From a picture to its vector in two steps; every method may be called from many threads at once."""

    @property
    def recipe(self) -> VectorRecipe:
        """The recipe that it follows."""

    @property
    def manifest(self) -> Manifest:
        """How its vectors are made."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    def prepare(self, source: Source, **cut: Unpack[Cut]) -> Loaded:
        """Decode and resize; raises `BadPicture` or `BadBox`."""

    def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
        """Give float32 ``(n, dimensions)``; raises `BadPicture` for a picture the network cannot take."""

    def maps(self, loaded: Sequence[Loaded], scale: int = 0) -> list[list[FloatArray]]:
        """Give each picture's maps ``(c, h, w)`` at one of the scales, one a part of the recipe.

        Raises `UsageError` when a part reads a vector, which has no places.
        """
