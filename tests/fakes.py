"""A stand-in for the network: fast, and with vectors that a person can work out."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likewise import descriptors
from likewise.collection import collection as collecting
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.parts import Part
from likewise.descriptors.recipe import VectorRecipe
from likewise.pictures import Loaded, Resize, Source, load
from likewise.types import Box, CropScale, FloatArray

RECIPE = VectorRecipe(
    name="fake", network="fake", parts=(Part("colours", "mean"),), resize=Resize("longest", 32), code="fp16"
)
DIMENSIONS = 12


@dataclass
class FakeExtractor:
    """Describes a picture by the mean colours of its four quarters, L2 normalised.

    Attributes
    ----------
    described
        How many pictures it was given.
    """

    recipe: VectorRecipe = RECIPE
    precision: str = "f32"
    weights: str = "0" * 64
    described: int = 0
    batches: list[int] = field(default_factory=list)

    @property
    def manifest(self) -> Manifest:
        recipe = self.recipe
        return Manifest(
            recipe=recipe.to_toml(),
            recipe_hash=recipe.hash,
            network=recipe.network,
            weights_hash=self.weights,
            engine="fake",
            precision=self.precision,
            version="0",
            dimensions=DIMENSIONS,
        )

    @property
    def dimensions(self) -> int:
        return DIMENSIONS

    def prepare(
        self,
        source: Source,
        *,
        box: Box | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Loaded:
        return load(source, [self.recipe.resize], box=box, crop=crop, minimum=2, max_pixels=max_pixels)

    def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
        self.described += len(loaded)
        self.batches.append(len(loaded))
        return np.stack([quarters(picture.pixels[0].astype(np.float32)) for picture in loaded])

    def maps(self, loaded: Sequence[Loaded], scale: int = 0) -> list[list[FloatArray]]:
        """The colours of each pixel four times: a window of one colour is like a picture of that colour."""
        pixels = [picture.pixels[0].astype(np.float32) for picture in loaded]
        return [[np.tile(one.transpose(2, 0, 1), (4, 1, 1))] for one in pixels]


def quarters(pixels: FloatArray) -> FloatArray:
    """Mean colours of the four quarters of ``(h, w, 3)``, as one unit vector; black stays zero."""
    rows, columns = (pixels.shape[0] + 1) // 2, (pixels.shape[1] + 1) // 2
    top, bottom = pixels[:rows], pixels[rows:]
    parts = [top[:, :columns], top[:, columns:], bottom[:, :columns], bottom[:, columns:]]
    vector = np.concatenate([part.mean(axis=(0, 1)) for part in parts]).astype(np.float32)
    length = np.linalg.norm(vector)
    return vector / np.float32(length) if length > 0 else vector


@dataclass
class FakeFactory:
    """Makes fake extractors and remembers them."""

    weights: str = "0" * 64
    made: list[FakeExtractor] = field(default_factory=list)
    kind: type[FakeExtractor] = FakeExtractor

    def __call__(self, recipe: VectorRecipe, *, precision: str, streams: int) -> FakeExtractor:
        assert streams >= 1
        self.made.append(self.kind(recipe, precision, self.weights))
        return self.made[-1]

    @property
    def described(self) -> int:
        return sum(extractor.described for extractor in self.made)


def coded(code: str) -> VectorRecipe:
    """The fake recipe with another way of storing vectors."""
    return replace(RECIPE, code=code)  # type: ignore[arg-type]


def picture_bytes(seed: int, *, width: int = 24, height: int = 16) -> bytes:
    """A small PNG whose quarters have colours of their own."""
    colours = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    pixels = colours.repeat(height // 2, axis=0).repeat(width // 2, axis=1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def make_pictures(folder: Path, count: int, *, first: int = 0) -> list[Path]:
    """Write different pictures of two shapes, named by their numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}.png" for number in range(first, first + count)]
    for number, path in enumerate(paths, first):
        path.write_bytes(picture_bytes(number, width=24 + 8 * (number % 2)))
    return paths


def scene(seed: int, *, width: int = 300, height: int = 200) -> Image.Image:
    """A picture with coarse and fine things in it, unlike that of any other seed."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((4, 60.0), (12, 45.0), (40, 30.0)):
        coarse = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        grown = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        pixels += (np.asarray(grown, np.float32) - 128) * (weight / 74)
    return Image.fromarray(np.clip(pixels + 128, 0, 255).astype(np.uint8))


def replace_network(monkeypatch: pytest.MonkeyPatch, make: Callable[..., Any]) -> None:
    """Have commands and collections describe pictures by something else than an `Extractor`."""
    for module in (descriptors, collecting):
        monkeypatch.setattr(module, "Extractor", make)
