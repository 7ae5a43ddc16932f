"""Keypoints: places that are found again in other pictures of the same thing, each with a descriptor."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from typing import ClassVar, Unpack

import numpy as np

from likewise.engines import EngineChoice
from likewise.errors import UsageError
from likewise.local.detector import Detector, Finds
from likewise.local.features import LocalFeatures, squares
from likewise.local.interpolated import Interpolated
from likewise.local.sift import SIFT
from likewise.local.spread import CELLS, Choice
from likewise.local.xfeat import XFEAT
from likewise.pictures import Loaded, Resize, Source, load
from likewise.registry import Registry, lookup
from likewise.types import Box, Cut

DETECTORS = Registry("detector", "likewise.detectors", {one.name: one for one in (SIFT, XFEAT)}, of=Detector)
"""By the name that a recipe gives them."""

SIZE = Resize("longest", 600)


@dataclass(frozen=True)
class Keypoints:
    """Which keypoints, and how they are described.

    Raises `UnknownName` or `UsageError` when there is no such detector, fewer than one keypoint is wanted, or
    a network without its tap.

    Attributes
    ----------
    detector
        A key of `DETECTORS`.
    number
        At most so many a picture; see `spread`.
    spare
        How many more than ``number``, as a share of it, the strongest, there are to choose among.
    scale_power
        Its scale to this power times its response is the strength of a keypoint.
    upright
        Describe them as they stand: for things that are never turned. Each place then has one keypoint, of
        angle 0, as those of ``xfeat`` always have.
    describer, tap
        A network and a layer of it that describe them instead; see
        `likewise.local.interpolated.Interpolated`.
    """

    scales: ClassVar[tuple[float, ...]] = (1.0,)
    """Keypoints have scales of their own."""
    bits: ClassVar[int] = 64
    """Of a code, unless a vocabulary is learned otherwise: many short ones beat few long ones."""
    field: ClassVar[int] = 0
    """Not known: each keypoint has one of its own."""

    detector: str = "sift"
    number: int = 900
    spare: float = 1 / 3
    scale_power: float = 0.0
    upright: bool = False
    resize: Resize = SIZE
    describer: str = ""
    tap: str = ""

    def __post_init__(self) -> None:
        lookup("detector", self.detector, DETECTORS)
        if self.number < 1:
            raise UsageError(f"{self.number} keypoints a picture: give at least 1")
        if bool(self.describer) != bool(self.tap):
            raise UsageError(
                f"describer {self.describer!r} and tap {self.tap!r} of keypoints: give a network and its tap"
            )

    @property
    def taps(self) -> tuple[str, ...]:
        """The one layer."""
        return (self.tap or self.detector,)

    @property
    def network(self) -> str:
        """The network or detector that describes them."""
        return self.describer or self.detector

    @property
    def parts(self) -> tuple[str, ...]:
        """Its layer in words, for the card of a score."""
        by = f", {self.tap} of {self.describer}" if self.tap else ""
        return (f"{self.detector}{', upright' if self.upright else ''}{by}",)

    @property
    def transforms(self) -> tuple[str, ...]:
        """Transforms of a descriptor."""
        return ("l2",) if self.describer else DETECTORS[self.detector].transforms

    @property
    def told(self) -> dict[str, str]:
        """The rest in words, for the same card."""
        how = [f"at most {self.number}", f"spread over {CELLS} x {CELLS} cells"]
        if self.spare != Keypoints.spare:
            how.append(f"among {1 + self.spare:g} times as many")
        if self.scale_power:
            how.append(f"by response times scale to the power {self.scale_power:g}")
        return {"keypoints": ", ".join(how)}

    def open(self, **how: Unpack[EngineChoice]) -> KeypointExtractor:
        """Open what finds and describes them; parameters as in `likewise.engines.open_engine`, for a network.

        Raises `WeightsMissing` when it needs a network whose weights are not on this machine.
        """
        detector: Finds = DETECTORS[self.detector].open(self.upright, **how)
        if self.tap:
            detector = Interpolated(detector, self.describer, self.tap, **how)
        return KeypointExtractor(self, detector)


class KeypointExtractor:
    """Turns pictures into the local features of one choice of keypoints.

    `prepare` and `describe` may be called from many threads at once.
    """

    def __init__(self, keypoints: Keypoints, detector: Finds) -> None:
        self.keypoints, self._detector = keypoints, detector
        self.taps = keypoints.taps
        self.weights_hash = detector.identity

    def sized(self, features: Keypoints) -> KeypointExtractor:
        """The same keypoints of pictures of another size, or another number of them."""
        other = copy(self)
        other.keypoints = features
        return other

    def prepare(self, source: Source, **cut: Unpack[Cut]) -> Loaded:
        """Decode a picture and bring it to size; see `likewise.pictures.load`."""
        return load(
            source,
            [self.keypoints.resize],
            grid=self._detector.grid,
            minimum=self._detector.minimum,
            **cut,
        )

    def describe(self, loaded: Loaded, *, box: Box | None = None) -> LocalFeatures:
        """Find and describe the keypoints of a prepared picture; there may be none.

        ``box``: the box it was prepared with, so that positions are those of the whole original.
        """
        pixels, keypoints = loaded.pixels[0], self.keypoints
        among = keypoints.number + int(keypoints.number * keypoints.spare)
        choice = Choice(keypoints.number, among, keypoints.scale_power)
        points, vectors = self._detector.find(pixels, choice)
        left, top, right, bottom = (
            box.clip(loaded.width, loaded.height) if box else (0, 0, loaded.width, loaded.height)
        )
        across, down = (right - left) / pixels.shape[1], (bottom - top) / pixels.shape[0]
        points[:, :2] += 0.5  # the middle of the first pixel is at 0 for what finds them
        points *= np.array([across, down, math.sqrt(across * down), 1], np.float32)
        points += np.array([left, top, 0, 0], np.float32)
        return LocalFeatures(squares(points), {self.taps[0]: vectors}, points)
