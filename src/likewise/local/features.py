"""Local features: what a picture has in many places, and the contract of what finds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Unpack

import numpy as np

from likewise.pictures import Loaded, Source
from likewise.types import Box, Cut, FloatArray

REACH = 6.0
"""Half the side of the square that a keypoint is described from, in its scale: 4 cells of 3 (Lowe 2004)."""


@dataclass(frozen=True)
class LocalFeatures:
    """The local features of one picture.

    Attributes
    ----------
    boxes
        float32 ``(n, 4)``: left, top, right, bottom of what each is of, in pixels of the upright original.
        Patches come scale by scale, row by row; those of a padded picture end at its border.
    vectors
        For each layer float32 ``(n, d)``, L2 normalised.
    points
        Of keypoints float32 ``(n, 4)``: x and y of the centre, scale (all in pixels of the upright original)
        and angle (radians from the x axis towards the y axis, 0 to 2 pi); None for patches.
    """

    boxes: FloatArray
    vectors: dict[str, FloatArray]
    points: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.boxes)


class LocalExtractor(Protocol):
    """Turns pictures into local features; both steps may be called from many threads at once.

    Attributes
    ----------
    taps
        The layers of what it gives, in order.
    weights_hash
        Identity of whatever numbers it was made with.
    """

    taps: tuple[str, ...]
    weights_hash: str

    def sized(self, features: Any) -> LocalExtractor:
        """The same of another choice of sizes and number; it shares the network."""

    def prepare(self, source: Source, **cut: Unpack[Cut]) -> Loaded:
        """Decode a picture and bring it to every scale; see `likewise.pictures.load`."""

    def describe(self, loaded: Loaded, *, box: Box | None = None) -> LocalFeatures:
        """Features of a prepared picture; ``box`` is the one that it was prepared with."""


def squares(points: FloatArray) -> FloatArray:
    """Upright boxes ``(n, 4)`` of what keypoints ``(n, 4)`` are described from, however they are turned."""
    half = REACH * points[:, 2:3]
    return np.concatenate([points[:, :2] - half, points[:, :2] + half], axis=1).astype(np.float32)
