"""From a decoded picture to the sizes wanted: by Pillow, or faster by loops that numba compiled.

Which of the two it was cannot be told from the pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from likewise.pictures.resize import Blend, Target
from likewise.types import UInt8Array

Part: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom of what is resized, in pixels of the decoded picture."""

MOST = 1 << 22
"""Pixels of the largest picture for compiled loops, which hold each of its rows in all the widths wanted."""

_compiled: Blend | None = None


def hasten(folder: Path) -> None:
    """Resample by compiled loops from now on in this process, where numba is; loading takes half a second.

    They are left alone where they do not give what Pillow gives. ``folder``: where they are kept, once
    compiled.
    """
    global _compiled
    if _compiled is None:
        try:
            from likewise.pictures.blending import load  # imports numba

            blend = load(folder)
        except Exception:  # numba is not there, or cannot be loaded or compile on this machine
            return
        _compiled = blend if _agrees(blend) else None


def resampled(
    image: Image.Image, part: Part, targets: Sequence[Target], gap: float | None
) -> list[Image.Image | UInt8Array]:
    """Make sizes of a part of a picture of mode L or RGB.

    Returns what Pillow gives, or its pixels. ``gap``: how many times larger than wanted a picture is at least
    after a box filter, which comes first where it can; None for no such filter.
    """
    blended = {}
    if _compiled and (able := [target for target in targets if _can(image, part, target, gap)]):
        blended = dict(zip(able, _compiled(image, part[2:], able), strict=True))
    return [
        blended[target] if target in blended else _by_pillow(image, part, target, gap) for target in targets
    ]


def _by_pillow(image: Image.Image, part: Part, target: Target, gap: float | None) -> Image.Image:
    size, resample = target
    whole = size == image.size and part == (0, 0, *image.size)
    return image if whole else image.resize(size, resample, part, gap)


def _can(image: Image.Image, part: Part, target: Target, gap: float | None) -> bool:
    """Whether compiled loops make it: of a whole picture, not too large, columns first, without a box filter.

    Pillow begins with the rows, since 13, where the height loses more than twice as many pixels as the width.
    """
    (width, height), resample = target
    whole = part[:2] == (0, 0) and part[2] > image.width - 1 and part[3] > image.height - 1
    columns = image.height - height <= max(0, 2 * (image.width - width))
    larger = max(part[2] / width, part[3] / height)
    return (
        resample != Image.Resampling.NEAREST
        and image.width * image.height <= MOST
        and (width, height) != image.size
        and whole
        and columns
        and (gap is None or int(larger / gap) < 2)
    )


def _agrees(blend: Blend) -> bool:
    """Whether loops make the pixels that Pillow makes, of which another version may round otherwise."""
    noise = np.random.default_rng(0).integers(0, 256, (97, 130, 3), np.uint8)
    image, box = Image.fromarray(noise), (129.5, 97.0)
    targets = [
        (size, resample)
        for size in ((80, 61), (43, 90))
        for resample in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
    ]
    made = blend(image, box, targets)
    return all(
        np.array_equal(resized, np.asarray(image.resize(size, resample, (0, 0, *box))))
        for resized, (size, resample) in zip(made, targets, strict=True)
    )
