"""Another way of reading pictures than the package's own, to see what it changes."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from likewise.descriptors.extractor import Extractor
from likewise.networks import find
from likewise.pictures import Loaded, Source, load
from likewise.types import Box, CropScale


class Bicubic:
    """An extractor whose pictures are decoded at full size, whatever is wanted, and resized bicubically."""

    def __init__(self, extractor: Extractor) -> None:
        self.describe = extractor.describe
        self._resize = extractor.recipe.resize
        self._card = find(extractor.recipe.network)

    def prepare(self, source: Source, *, box: Box | None = None, crop: CropScale = "whole") -> Loaded:
        """As `Extractor.prepare`; pictures must lie upright."""
        if not isinstance(source, Path):
            raise TypeError("only files are read another way")
        with Image.open(source) as picture:
            decoded = picture.convert("RGB")
        grid, minimum = self._card.grid, self._card.minimum
        return load(
            decoded, [self._resize], box=box, crop=crop, grid=grid, minimum=minimum, interpolation="bicubic"
        )
