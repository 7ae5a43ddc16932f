"""From any source to upright RGB pixels of the sizes a network wants.

A picture is opened once, its header is checked, and it is decoded no larger than the largest size asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from likewise.errors import BadPicture
from likewise.pictures.budget import positive, room_for
from likewise.pictures.decode import Opened, Source, opened, reported
from likewise.pictures.resampling import resampled
from likewise.pictures.resize import FILTERS, REDUCING_GAP, Resize, on_grid, reduction, wanted_size
from likewise.pictures.upright import TURNS, as_stored
from likewise.registry import lookup
from likewise.types import Box, CropScale, UInt8Array

DEFAULT_MAX_PIXELS = 200_000_000
"""Pictures of more pixels are refused, unless ``LIKEWISE_MAX_PIXELS`` or an argument raises the limit."""


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

    Raises `BadPicture` with a ``reason``, when there is no picture to be had; `BadBox` when the box is empty
    or lies outside.

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
    """
    limit = _limit(max_pixels)
    lookup("crop scale", crop, dict.fromkeys(get_args(CropScale)))
    filters = [lookup("interpolation", resize.filter or interpolation, FILTERS) for resize in resizes]
    with opened(source) as picture:
        whole = picture.size
        _check(f"{picture.name} of", whole, limit)
        region = box.clip(*whole) if box else (0, 0, *whole)
        sizes = [
            on_grid(wanted_size(resize, whole, region, crop), grid=grid, minimum=minimum)
            for resize in resizes
        ]
        for size in sizes:
            _check(f"{picture.name} resized to", size, limit)
        # a smaller decoding has no longer the pixels themselves
        exact = Image.Resampling.NEAREST in filters or any(resize.exact for resize in resizes)
        pixels = _resample(picture, region, sizes, filters, exact=exact)
    return Loaded(*whole, pixels)


def size_of(source: Source) -> tuple[int, int]:
    """Width and height of the upright picture, read from its header.

    Raises `BadPicture` when it is no picture, or its header is damaged.
    """
    with opened(source) as picture:
        return picture.size


def _limit(max_pixels: int | None) -> int:
    if max_pixels is not None:
        return positive("max_pixels", str(max_pixels))
    given = os.environ.get("LIKEWISE_MAX_PIXELS") or str(DEFAULT_MAX_PIXELS)
    return positive("LIKEWISE_MAX_PIXELS", given)


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


def _resample(
    picture: Opened,
    region: tuple[int, int, int, int],
    sizes: Sequence[tuple[int, int]],
    filters: Sequence[Image.Resampling],
    *,
    exact: bool,
) -> tuple[UInt8Array, ...]:
    """Decode as small as the sizes allow, as soon as there is room for it, and resize."""
    width, height = region[2] - region[0], region[3] - region[1]
    largest = [max(sides) for sides in zip(*sizes, strict=True)] or [width, height]
    factor = 1 if exact else reduction((width, height), largest)
    made = sum(_PER_PIXEL * a * b for a, b in sizes)
    with room_for(picture.name, picture.cost(factor) + made), reported(picture.name, picture.stream):
        image, chosen = picture.decode(factor)
        return _resized(image, chosen, picture, region, sizes, filters, None if exact else REDUCING_GAP)


_PER_PIXEL = 16
"""Bytes that a pixel of a result takes, and what is on the way to it."""


def _resized(
    image: Image.Image,
    factor: int,
    picture: Opened,
    region: tuple[int, int, int, int],
    sizes: Sequence[tuple[int, int]],
    filters: Sequence[Image.Resampling],
    gap: float | None,
) -> tuple[UInt8Array, ...]:
    """Make each size from the decoded picture, and turn what is small by then upright."""
    stored = as_stored(region, picture.size, picture.orientation)
    box = (stored[0] / factor, stored[1] / factor, stored[2] / factor, stored[3] / factor)
    turn = TURNS.get(picture.orientation)
    turned = [size if picture.orientation < 5 else size[::-1] for size in sizes]
    made = resampled(image, box, list(zip(turned, filters, strict=True)), gap)
    return tuple(_upright(array, turn) for array in made)


def _upright(made: Image.Image | UInt8Array, turn: Image.Transpose | None) -> UInt8Array:
    """Read-only uint8 ``(h, w, 3)``."""
    if turn is not None:
        made = (made if isinstance(made, Image.Image) else Image.fromarray(made)).transpose(turn)
    if isinstance(made, Image.Image):
        return np.asarray(made if made.mode == "RGB" else made.convert("RGB"))
    pixels = made if made.ndim == 3 else np.repeat(made[:, :, np.newaxis], 3, axis=2)
    pixels.flags.writeable = False
    return pixels
