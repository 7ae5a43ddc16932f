"""From any source to upright RGB pixels of the sizes a network wants.

A picture is opened once, its header is checked, and it is decoded no larger than the largest size asked for.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from PIL import Image

from likewise.errors import BadPicture, UsageError
from likewise.pictures_decode import Opened, Source, opened
from likewise.registry import lookup
from likewise.types import Box, CropScale, UInt8Array

__all__ = ["DEFAULT_MAX_PIXELS", "SUFFIXES", "Loaded", "Resize", "Source", "load", "size_of"]

SUFFIXES: frozenset[str] = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .gif .webp .avif .heic .heif .hif .tif .tiff .bmp .dib "
    ".jp2 .j2k .jpx .jpf .ppm .pgm .pbm .pnm".split()
)
"""Lower-case endings by which a folder walk takes a file for a picture; its first bytes decide what it is."""

DEFAULT_MAX_PIXELS = 200_000_000
"""Pictures of more pixels are refused, unless ``LIKEWISE_MAX_PIXELS`` or an argument raises the limit."""

Policy = Literal["square", "longest", "shortest", "area", "full"]

Filter = Literal["", "nearest", "bilinear", "bicubic"]

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}

# How many times larger than wanted a picture may be when the exact filter takes over from the box filter,
# which is several times faster; from 3 on the difference cannot be seen (Pillow's documentation).
_REDUCING_GAP = 3.0


@dataclass(frozen=True)
class Resize:
    """How large a picture is made.

    Attributes
    ----------
    policy
        ``square``: ``size`` x ``size``, the aspect ratio lost; ``longest``, ``shortest``: that side becomes
        ``size``; ``area``: the picture gets ``size`` pixels in all; ``full``: left as it is.
    size
        Pixels; not used by ``full``.
    enlarge
        Whether a smaller picture is brought up to size. ``square`` always is, since a network with fully
        connected layers takes no other size.
    scale
        Multiplies ``size`` (under ``area``, both sides), or the whole picture under ``full``.
    filter
        Empty for the one that the network was trained with. ``nearest`` takes single pixels of the picture as
        it is stored, which aliases: it is there for vectors that must equal those of programs that do so.
    exact
        Whether every pixel is decoded and weighed. Otherwise a large JPEG is decoded smaller by a smaller
        transform first, several times as fast; vectors of ``square`` pictures then agree with those of
        programs that decode all of it to a cosine of about 0.997 only.
    """

    policy: Policy = "longest"
    size: int = 0
    enlarge: bool = False
    scale: float = 1.0
    filter: Filter = ""
    exact: bool = False

    def __post_init__(self) -> None:
        lookup("resize policy", self.policy, dict.fromkeys(get_args(Policy)))
        lookup("resize filter", self.filter, dict.fromkeys(get_args(Filter)))
        if self.size < (0 if self.policy == "full" else 1):
            raise UsageError(f"resize size {self.size} for policy {self.policy!r} must be at least 1")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise UsageError(f"resize scale {self.scale} must be above 0")

    def target(self, width: int, height: int) -> tuple[float, float]:
        """Exact width and height for a picture, before they are rounded.

        Never more than the picture's own, unless ``enlarge`` or ``square``.
        """
        if self.policy == "square":
            return self.size * self.scale, self.size * self.scale
        factor = self.scale * self._factor(width, height)
        if not self.enlarge:
            factor = min(factor, 1.0)
        return width * factor, height * factor

    def _factor(self, width: int, height: int) -> float:
        match self.policy:
            case "longest":
                return self.size / max(width, height)
            case "shortest":
                return self.size / min(width, height)
            case "area":
                return math.sqrt(self.size / (width * height))
            case _:
                return 1.0

    def scaled(self, factor: float) -> Resize:
        """The same policy at another scale, for descriptors of several scales."""
        return replace(self, scale=self.scale * factor)


@dataclass(frozen=True)
class Loaded:
    """A picture ready for a network.

    Attributes
    ----------
    width, height
        Of the upright original, whatever was cropped or resized.
    pixels
        One read-only C-contiguous uint8 RGB array of shape ``(h, w, 3)`` for each size asked for.
    """

    width: int
    height: int
    pixels: tuple[UInt8Array, ...]


def load(
    source: Source,
    resizes: Sequence[Resize],
    *,
    box: Box | None = None,
    crop: CropScale = "whole",
    grid: int = 1,
    minimum: int = 1,
    interpolation: Literal["bilinear", "bicubic"] = "bilinear",
    max_pixels: int | None = None,
) -> Loaded:
    """Decode a picture, turn it upright, crop and resize it.

    Parameters
    ----------
    source
        A path, an encoded file as bytes, a Pillow picture, or a uint8 array of shape ``(h, w)``,
        ``(h, w, 3)`` or ``(h, w, 4)``. Of an animation the first frame counts; what is transparent shows
        white.
    resizes
        The sizes wanted; the file is decoded once for all.
    box
        Part of the upright original to use; it is clipped to the picture.
    crop
        How the part is resized: ``whole`` by the factor that its whole picture would get, ``own`` as a
        picture on its own. The policy ``square`` knows only one size, so both are the same there.
    grid, minimum
        Sides are rounded to the nearest multiple of ``grid``, which is at least one and not below
        ``minimum``. Only this rounding enlarges a picture unasked.
    interpolation
        Filter of those sizes that name none, widened when shrinking so that nothing aliases.
    max_pixels
        Largest ``width * height`` accepted, of the original and of the result.

    Raises
    ------
    BadPicture
        With a ``reason``, when there is no picture to be had.
    BadBox
        When the box is empty or lies outside.
    """
    limit = _limit(max_pixels)
    lookup("crop scale", crop, dict.fromkeys(get_args(CropScale)))
    filters = [lookup("interpolation", resize.filter or interpolation, _FILTERS) for resize in resizes]
    with opened(source) as picture:
        whole = picture.size
        _check(f"{picture.name} of", whole, limit)
        region = box.clip(*whole) if box else (0, 0, *whole)
        sizes = [
            _on_grid(_wanted(resize, whole, region, crop), grid=grid, minimum=minimum) for resize in resizes
        ]
        for size in sizes:
            _check(f"{picture.name} resized to", size, limit)
        # a smaller decoding has no longer the pixels themselves
        exact = Image.Resampling.NEAREST in filters or any(resize.exact for resize in resizes)
        pixels = _resample(picture, region, sizes, filters, exact=exact)
    return Loaded(*whole, pixels)


def size_of(source: Source) -> tuple[int, int]:
    """Width and height of the upright picture, read from its header.

    Raises
    ------
    BadPicture
        When it is no picture, or its header is damaged.
    """
    with opened(source) as picture:
        return picture.size


def _limit(max_pixels: int | None) -> int:
    name, given = "max_pixels", str(max_pixels)
    if max_pixels is None:
        name, given = "LIKEWISE_MAX_PIXELS", os.environ.get("LIKEWISE_MAX_PIXELS") or str(DEFAULT_MAX_PIXELS)
    with suppress(ValueError):
        if (limit := int(given)) > 0:
            return limit
    raise UsageError(f"{name} is {given!r}; give a whole number of pixels above 0")


def _check(what: str, size: tuple[int, int], limit: int) -> None:
    if 0 in size:
        raise BadPicture(f"{what} {size[0]} x {size[1]} pixels holds nothing", "empty")
    if size[0] * size[1] > limit:
        raise BadPicture(
            f"{what} {size[0]} x {size[1]} pixels is over the limit of {limit}; "
            "raise it with --max-pixels (max_pixels, LIKEWISE_MAX_PIXELS), "
            "and add --retry for a file that failed in an index",
            "too-large",
        )


def _wanted(
    resize: Resize, whole: tuple[int, int], region: tuple[int, int, int, int], crop: CropScale
) -> tuple[float, float]:
    """Exact size of a region after resizing."""
    width, height = region[2] - region[0], region[3] - region[1]
    if crop == "own" or resize.policy == "square":
        return resize.target(width, height)
    target = resize.target(*whole)
    return width * target[0] / whole[0], height * target[1] / whole[1]


def _on_grid(size: tuple[float, float], *, grid: int, minimum: int) -> tuple[int, int]:
    """The nearest multiples of ``grid`` (a half goes up) that are not below ``minimum``."""
    least = max(1, math.ceil(minimum / grid))
    width, height = (max(least, math.floor(side / grid + 0.5)) * grid for side in size)
    return width, height


def _reduction(size: Sequence[int], wanted: Sequence[int]) -> Literal[1, 2, 4, 8]:
    """How many times smaller a JPEG may be decoded and still be as large as wanted."""
    steps: tuple[Literal[8, 4, 2], ...] = (8, 4, 2)
    for step in steps:
        if all(math.ceil(own / step) >= side for own, side in zip(size, wanted, strict=True)):
            return step
    return 1


def _resample(
    picture: Opened,
    region: tuple[int, int, int, int],
    sizes: Sequence[tuple[int, int]],
    filters: Sequence[Image.Resampling],
    *,
    exact: bool,
) -> tuple[UInt8Array, ...]:
    """Decode as small as the sizes allow, resize each from it, and turn what is small by then upright."""
    width, height = region[2] - region[0], region[3] - region[1]
    largest = [max(sides) for sides in zip(*sizes, strict=True)] or [width, height]
    image, factor = picture.decode(1 if exact else _reduction((width, height), largest))
    stored = _as_stored(region, picture)
    box = (stored[0] / factor, stored[1] / factor, stored[2] / factor, stored[3] / factor)
    turn = _TURNS.get(picture.orientation)
    arrays = []
    for size, resample in zip(sizes, filters, strict=True):
        size = size if picture.orientation < 5 else size[::-1]
        small = image
        if size != image.size or box != (0, 0, *image.size):
            small = image.resize(size, resample, box, None if exact else _REDUCING_GAP)
        arrays.append(_to_array(small if turn is None else small.transpose(turn)))
    return tuple(arrays)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _as_stored(region: tuple[int, int, int, int], picture: Opened) -> tuple[int, int, int, int]:
    """Where a region of the upright picture lies in the picture as it is stored."""
    x1, y1, x2, y2 = region
    width, height = picture.size
    if picture.orientation in (2, 3, 6, 7):
        x1, x2 = width - x2, width - x1
    if picture.orientation in (3, 4, 7, 8):
        y1, y2 = height - y2, height - y1
    return (x1, y1, x2, y2) if picture.orientation < 5 else (y1, x1, y2, x2)


def _to_array(image: Image.Image) -> UInt8Array:
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
