"""The contract of a detector: what finds keypoints and describes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from likewise.local.spread import Choice
from likewise.types import FloatArray, UInt8Array


class Finds(Protocol):
    """A detector that is ready to work.

    Attributes
    ----------
    grid, minimum
        What the sides of pictures are multiples of, and at least.
    identity
        Of all that its numbers depend on.
    """

    grid: int
    minimum: int
    identity: str

    def find(self, pixels: UInt8Array, choice: Choice) -> tuple[FloatArray, FloatArray]:
        """Points ``(n, 4)`` of a picture ``(h, w, 3)``, chosen by `spread`, and descriptors ``(n, d)``."""


@dataclass(frozen=True)
class Detector:
    """One kind of keypoints.

    Attributes
    ----------
    name
        As a recipe calls it.
    about
        What it is for, in a line.
    open
        ``(upright, **how)`` to what is ready to work; what `how` holds is for `likewise.engines.open_engine`,
        where it has a network.
    transforms
        What its descriptors went through, in words.
    """

    name: str
    about: str
    open: Callable[..., Finds]
    transforms: tuple[str, ...] = ("l2",)
