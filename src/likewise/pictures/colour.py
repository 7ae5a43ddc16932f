"""From the mode and the colour profile of a picture to 8-bit grey or sRGB.

What is transparent shows white, unless all of it is: then opacity was never written, and colours stand as
they are. Large pictures are worked on in strips, so that little more than the result is held.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from typing import cast

import numpy as np
from PIL import Image, ImageChops, ImageCms

from likewise.pictures.numbers import Range, eight_bits

_PIXELS = 1 << 20
"""Pixels that are worked on at once."""

_MOST_PROFILE = 16 << 20


def to_eight_bits(image: Image.Image, *, inverted: bool = False) -> Image.Image:
    """Bring any mode to L, RGB or CMYK of 8 bits.

    ``inverted``: CMYK is stored as what is left of the paper, not as ink.
    """
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        return _numbers(image)
    if image.has_transparency_data:
        return _over_white(image)
    if image.mode == "CMYK":
        return ImageChops.invert(image) if inverted else image
    if image.mode in ("RGB", "L"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Bring a picture of mode L, RGB or CMYK to sRGB by its ICC profile, or to grey.

    A profile that is damaged, or is one of another kind of colours, is as good as none; so is one that moves
    nothing by more than two steps of 255. CMYK without one becomes ``255 (1-c)(1-k)`` a channel.
    """
    transform = _transform(profile, image.mode) if 0 < len(profile) <= _MOST_PROFILE else None
    if transform is None:
        return image.convert("RGB") if image.mode == "CMYK" else image
    shown = Image.new("RGB", image.size)
    for box in _strips(image.size):
        strip = ImageCms.applyTransform(image.crop(box), transform)
        shown.paste(cast(Image.Image, strip), box)
    return shown


@lru_cache(64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from a profile to sRGB: by relative colorimetry, with black to black (ICC.1:2022)."""
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            inMode=mode,
            outMode="RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        moved = ImageCms.applyTransform(sample := _samples(mode), transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if mode == "CMYK" or moved is None:
        return transform
    difference = np.asarray(moved).astype(int) - np.asarray(sample.convert("RGB"))
    return transform if np.abs(difference).max() > 2 else None


def _samples(mode: str) -> Image.Image:
    """Colours from all over a mode's space, one pixel each."""
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    grid = np.stack(np.meshgrid(*[steps] * len(mode), indexing="ij"), axis=-1)
    return Image.frombytes(mode, (len(steps) ** (len(mode) - 1), len(steps)), grid.tobytes())


def _strips(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    width, height = size
    rows = max(1, _PIXELS // max(1, width))
    return ((0, y, width, min(y + rows, height)) for y in range(0, height, rows))


def _over_white(image: Image.Image) -> Image.Image:
    shown, visible = Image.new("RGB", image.size, "white"), False
    for box in _strips(image.size):
        rgba = image.crop(box).convert("RGBA")
        shown.paste(rgba, box, rgba)
        visible = visible or rgba.getchannel("A").getextrema() != (0, 0)
    for box in () if visible else _strips(image.size):
        shown.paste(image.crop(box).convert("RGBA").convert("RGB"), box)
    return shown


def _numbers(image: Image.Image) -> Image.Image:
    """16-bit grey divided by 257; other numbers have no agreed range: see `Range.of`."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        how = Range(0, 65535)
    else:
        how = Range.of(np.asarray(image.crop(box)) for box in _strips(image.size))
    grey = Image.new("L", image.size)
    for box in _strips(image.size):
        values = np.asarray(image.crop(box))
        values = values.astype(values.dtype.newbyteorder("="))
        grey.paste(Image.fromarray(eight_bits(values, how)), box)
    return grey
