"""PNG files, with the one colour that stands for transparent at every depth.

The file gives that colour in samples of its own depth; Pillow compares it with what it has made of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, PngImagePlugin

from likewise.pictures.stored import Factor, PillowPicture

_SCALES = {"L;2": 85, "L;4": 17}
"""Factors of samples of fewer bits."""


@dataclass(frozen=True)
class PngPicture(PillowPicture):
    """A PNG file; see `likewise.pictures.stored.Stored`.

    ``hidden``: the transparent shade of one in grey of 16 bits.
    """

    hidden: int | None = None

    def cost(self, factor: Factor) -> int:
        """Bytes that decoding takes."""
        width, height = self.size
        return super().cost(factor) + (0 if self.hidden is None else 3 * width * height)

    def decode(self, factor: Factor) -> tuple[Image.Image, int]:
        """The picture in mode L or RGB."""
        image, chosen = super().decode(factor)
        if self.hidden is None:
            return image, chosen
        clear = np.asarray(self.image) == self.hidden
        if not clear.all():  # else opacity was never written
            image.paste(255, mask=Image.fromarray(clear))
        return image, chosen


def png(image: PngImagePlugin.PngImageFile) -> PngPicture:
    """A PNG file whose header has been read."""
    clear = image.info.get("transparency")
    raw = str(image.tile[0].args) if image.tile else ""
    if isinstance(clear, int) and raw.startswith("I;16"):
        return PngPicture(image, "PNG", hidden=clear)
    if isinstance(clear, int) and raw in _SCALES:
        image.info["transparency"] = clear * _SCALES[raw]
    if isinstance(clear, tuple) and raw == "RGB;16B":  # of whose samples the higher bytes are left
        image.info["transparency"] = tuple(sample >> 8 for sample in clear)
    return PngPicture(image, "PNG")
