"""How what was described is written down: vectors by their code, visual words as sketches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from likewise.collection.codes import Code
from likewise.collection.describing import AnyDescriber, Describer
from likewise.errors import BadPicture
from likewise.pictures import Loaded
from likewise.words.recipe import WordsRecipe

if TYPE_CHECKING:
    from likewise.words.extractor import WordsExtractor

Writer: TypeAlias = Callable[[Sequence[Loaded]], list[bytes | BadPicture]]
"""Describes prepared pictures, and gives for each what is stored, or why there is nothing to store."""


def writer(describer: AnyDescriber) -> Writer:
    """What writes down the pictures that a describer describes."""
    if isinstance(describer.recipe, WordsRecipe):
        return partial(_sketched, describer)
    return partial(_coded, describer, Code.of(describer.recipe, describer.dimensions))


def _sketched(describer: WordsExtractor, loaded: Sequence[Loaded]) -> list[bytes | BadPicture]:
    return [sketch.to_bytes() for sketch in describer.describe(loaded)]


def _coded(describer: Describer, code: Code, loaded: Sequence[Loaded]) -> list[bytes | BadPicture]:
    vectors = describer.describe(loaded)
    codes = code.encode(vectors)
    finite = np.isfinite(vectors.sum(axis=1)) & np.isfinite(code.decode(codes).sum(axis=1))
    unfit = BadPicture(f"its vector is not finite when it is written as {code.name}")
    return [found if good else unfit for found, good in zip(codes, finite.tolist(), strict=True)]
