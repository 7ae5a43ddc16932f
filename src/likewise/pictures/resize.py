"""How large a picture is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from PIL import Image

from likewise.errors import UsageError
from likewise.pictures.stored import Factor
from likewise.registry import lookup
from likewise.types import CropScale, UInt8Array

Target: TypeAlias = tuple[tuple[int, int], Image.Resampling]
"""Width and height, and the filter by which they are made."""

Blend: TypeAlias = Callable[[Image.Image, tuple[float, float], Sequence[Target]], list[UInt8Array]]
"""Makes all targets, ``(h, w)`` or ``(h, w, 3)``, of a picture from its corner to that right and bottom."""

Policy = Literal["square", "longest", "shortest", "area", "full"]

Filter = Literal["", "nearest", "bilinear", "bicubic"]

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}

# How many times larger than wanted a picture may be when the exact filter takes over from the box filter,
# which is several times faster; from 3 on the difference cannot be seen (Pillow's documentation).
REDUCING_GAP = 3.0


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


def wanted_size(
    resize: Resize, whole: tuple[int, int], region: tuple[int, int, int, int], crop: CropScale
) -> tuple[float, float]:
    """Exact size of a region after resizing."""
    width, height = region[2] - region[0], region[3] - region[1]
    if crop == "own" or resize.policy == "square":
        return resize.target(width, height)
    target = resize.target(*whole)
    return width * target[0] / whole[0], height * target[1] / whole[1]


def on_grid(size: tuple[float, float], *, grid: int, minimum: int) -> tuple[int, int]:
    """The nearest multiples of ``grid`` (a half goes up) that are not below ``minimum``."""
    least = max(1, math.ceil(minimum / grid))
    width, height = (max(least, math.floor(side / grid + 0.5)) * grid for side in size)
    return width, height


def reduction(size: Sequence[int], wanted: Sequence[int]) -> Factor:
    """How many times smaller a JPEG may be decoded and still be as large as wanted."""
    steps: tuple[Literal[8, 4, 2], ...] = (8, 4, 2)
    for step in steps:
        if all(math.ceil(own / step) >= side for own, side in zip(size, wanted, strict=True)):
            return step
    return 1
