"""Folders of JPEG files for the measurement: one shape each, from photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from likewise.demoset import rendering
from likewise.errors import BadPicture
from likewise.pictures import Resize, load
from likewise.pictures.signatures import SUFFIXES

QUALITY = 90
TURNS = (None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.ROTATE_180)
GRAIN = 6.0
"""Standard deviation of the grain in enlarged pictures, in grey levels: it makes a file of 12 megapixels
about as large as a camera's, and so as slow to decode, which a merely enlarged photograph is not."""


def make(folder: Path, size: tuple[int, int], count: int, photos: list[Path]) -> list[Path]:
    """Resave photographs at one size; where they are too few, mirrored, upside down, and cut closer."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        if not path.exists():
            turn, place = divmod(number, len(photos))
            _version(photos[place], turn, size, number).save(path, "JPEG", quality=QUALITY)
    return paths


def _version(photo: Path, turn: int, size: tuple[int, int], seed: int) -> Image.Image:
    whole = Image.fromarray(load(photo, [Resize("full")]).pixels[0])
    enlarged = whole.width * whole.height < size[0] * size[1] / 2
    cut = ImageOps.crop(whole, 4 * (turn // len(TURNS)))
    way = TURNS[turn % len(TURNS)]
    picture = ImageOps.fit(cut if way is None else cut.transpose(way), size)
    return grainy(picture, seed) if enlarged else picture


def grainy(picture: Image.Image, seed: int) -> Image.Image:
    """Add the noise of a sensor."""
    pixels = np.asarray(picture, np.float32)
    grain = np.random.default_rng(seed).standard_normal(pixels.shape[:2], np.float32)
    return Image.fromarray(np.clip(pixels + GRAIN * grain[:, :, np.newaxis], 0, 255).astype(np.uint8))


def photographs(folder: Path | None, rendered: Path) -> list[Path]:
    """The readable pictures in a folder, or those of the demo set."""
    if folder is None:
        return rendering.render(rendered)
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    return [path for path in found if _is_picture(path)]


def _is_picture(path: Path) -> bool:
    try:
        load(path, [Resize("longest", 32)])
    except BadPicture:
        return False
    return True
