"""Keypoints: places that are found again in other pictures of the same thing, with their scale and angle.

``sift`` finds extrema of differences of Gaussians and describes them by histograms of gradients (Lowe,
Distinctive image features from scale-invariant keypoints, IJCV 2004), by OpenCV; the histograms are compared
as RootSIFT (Arandjelović and Zisserman, Three things everyone should know to improve object retrieval,
CVPR 2012): L1 normalised, then their square roots, which have length 1.
"""

from __future__ import annotations

import hashlib
import math
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from likewise.descriptors.local import LocalFeatures, squares
from likewise.errors import UsageError
from likewise.pictures import Loaded, Resize, Source, load
from likewise.registry import lookup
from likewise.types import Box, CropScale, FloatArray, IntArray, UInt8Array

Detector: TypeAlias = Literal["sift"]

DETECTORS: dict[str, str] = {
    "sift": "extrema of differences of Gaussians, RootSIFT: turned and scaled things, no network",
}
KEYPOINT_PART_VERSION = 1  # raise when the same choice begins to give other numbers
SIZE = Resize("longest", 600)
CELLS = 8
"""Columns and rows of the grid over which keypoints are spread."""

_SPARE = 3  # of so many keypoints wanted one more is found and described, to choose among


@dataclass(frozen=True)
class Keypoints:
    """Which keypoints, and how they are described.

    Attributes
    ----------
    detector
        A key of `DETECTORS`.
    number
        At most so many a picture; see `spread`.
    upright
        Describe them as they stand: for things that are never turned. Each place then has one keypoint, of
        angle 0.

    Raises
    ------
    UnknownName, UsageError
        When there is no such detector, or fewer than one keypoint is wanted.
    """

    detector: Detector = "sift"
    number: int = 900
    upright: bool = False
    resize: Resize = SIZE

    def __post_init__(self) -> None:
        lookup("detector", self.detector, dict.fromkeys(get_args(Detector)))
        if self.number < 1:
            raise UsageError(f"{self.number} keypoints a picture: give at least 1")

    @property
    def taps(self) -> tuple[str, ...]:
        """The one layer."""
        return (self.detector,)

    @property
    def scales(self) -> tuple[float, ...]:
        """Keypoints have scales of their own."""
        return (1.0,)

    @property
    def network(self) -> str:
        """What describes them."""
        return self.detector

    @property
    def bits(self) -> int:
        """Of a code, unless a vocabulary is learned otherwise: many short ones beat few long ones."""
        return 64

    @property
    def field(self) -> int:
        """Not known: each keypoint has one of its own."""
        return 0

    @property
    def parts(self) -> tuple[str, ...]:
        """Its layer in words, for the card of a score."""
        return (f"{self.detector}{', upright' if self.upright else ''}",)

    @property
    def transforms(self) -> tuple[str, ...]:
        """What is done to a histogram."""
        return ("l1", "root")

    @property
    def told(self) -> dict[str, str]:
        """The rest in words, for the same card."""
        return {"keypoints": f"at most {self.number}, spread over {CELLS} x {CELLS} cells"}

    def open(
        self, *, engine: str = "openvino", device: str = "cpu", precision: str = "f32", streams: int = 1
    ) -> KeypointExtractor:
        """What finds and describes them; the options are those of networks, which these need not."""
        return KeypointExtractor(self)


class KeypointExtractor:
    """Turns pictures into the local features of one choice of keypoints.

    `prepare` and `describe` may be called from many threads at once.
    """

    def __init__(self, keypoints: Keypoints) -> None:
        self.keypoints = keypoints
        self.taps = keypoints.taps
        facts = f"{keypoints.detector} {KEYPOINT_PART_VERSION} {CELLS} {_SPARE}"
        self.weights_hash = hashlib.sha256(facts.encode()).hexdigest()

    def sized(self, resize: Resize, scales: tuple[float, ...]) -> KeypointExtractor:
        """The same keypoints of pictures brought to another size; ``scales`` is for patches."""
        other = copy(self)
        other.keypoints = replace(self.keypoints, resize=resize)
        return other

    def prepare(
        self,
        source: Source,
        *,
        box: Box | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Loaded:
        """Decode a picture and bring it to size; see `likewise.pictures.load`."""
        return load(source, [self.keypoints.resize], box=box, crop=crop, max_pixels=max_pixels)

    def describe(self, loaded: Loaded, *, box: Box | None = None) -> LocalFeatures:
        """Find and describe the keypoints of a prepared picture; there may be none.

        Parameters
        ----------
        box
            The box it was prepared with, so that positions are those of the whole original.
        """
        pixels = loaded.pixels[0]
        points, vectors = sift(pixels, self.keypoints.number, upright=self.keypoints.upright)
        left, top, right, bottom = (
            box.clip(loaded.width, loaded.height) if box else (0, 0, loaded.width, loaded.height)
        )
        across, down = (right - left) / pixels.shape[1], (bottom - top) / pixels.shape[0]
        points[:, :2] += 0.5  # the middle of the first pixel is at 0 for what finds them
        points *= np.array([across, down, math.sqrt(across * down), 1], np.float32)
        points += np.array([left, top, 0, 0], np.float32)
        return LocalFeatures(squares(points), {self.keypoints.detector: vectors}, points)


def sift(pixels: UInt8Array, number: int, *, upright: bool = False) -> tuple[FloatArray, FloatArray]:
    """RootSIFT at the keypoints of a picture.

    Parameters
    ----------
    pixels
        uint8 RGB ``(h, w, 3)``.
    number
        How many at most.
    upright
        As in `Keypoints`.

    Returns
    -------
    tuple
        Points float32 ``(n, 4)`` as in `LocalFeatures`, in pixels of this picture, and float32 ``(n, 128)``
        of length 1, the strongest first.
    """
    cv2 = _cv2()
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    # OpenCV describes while it has the pyramid of scales: to choose first would build that a second time
    found, described = cv2.SIFT_create(number + number // _SPARE).detectAndCompute(grey, None)
    if upright:
        found, described = _stood(cv2, grey, found)
    if not found:
        return np.empty((0, 4), np.float32), np.empty((0, 128), np.float32)
    points = np.array([(*one.pt, one.size / 2, math.radians(one.angle)) for one in found], np.float32)
    response = np.array([one.response for one in found], np.float32)
    height, width = grey.shape
    chosen = spread(points[:, :2], response, (width, height), number)
    return points[chosen], rooted(described[chosen])


def rooted(histograms: FloatArray) -> FloatArray:
    """RootSIFT of SIFT ``(n, 128)``."""
    sums = np.maximum(histograms.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.asarray(np.sqrt(histograms / sums), np.float32)


def spread(places: FloatArray, response: FloatArray, size: tuple[int, int], number: int) -> IntArray:
    """Choose keypoints that are strong and spread over the picture.

    Half of them are the strongest of all. The others are the strongest of their cells in a grid of `CELLS` by
    `CELLS` that are not yet chosen: first the best left in every cell, then the second best, and so on.

    Parameters
    ----------
    places
        float32 ``(n, 2)``: x and y.
    response
        float32 ``(n,)``: how strong each is.
    size
        Width and height of the picture.
    number
        How many at most.

    Returns
    -------
    int64 ``(m,)``: their numbers, the strongest first; of equal ones the first.
    """
    order = np.argsort(-response, kind="stable")
    if len(order) <= number:
        return order
    strong, rest = order[: number // 2], order[number // 2 :]
    steps = (places[rest] * CELLS / np.array(size, np.float32)).astype(np.int64).clip(0, CELLS - 1)
    cells = steps[:, 1] * CELLS + steps[:, 0]
    by_cell = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[by_cell], cells[by_cell])
    turn = np.empty(len(rest), np.int64)
    turn[by_cell] = np.arange(len(rest)) - starts
    others = rest[np.argsort(turn, kind="stable")[: number - len(strong)]]
    chosen = np.sort(np.concatenate([strong, others]))
    return np.asarray(chosen[np.argsort(-response[chosen], kind="stable")])


def _stood(cv2: Any, grey: UInt8Array, found: Any) -> tuple[Any, Any]:
    """One keypoint of angle 0 at each place, described."""
    upright = {(one.pt, one.size): one for one in reversed(found)}
    for one in upright.values():
        one.angle = 0.0
    kept, described = cv2.SIFT_create().compute(grey, list(upright.values()))
    return kept, described


def _cv2() -> Any:
    import cv2  # 0.15 s that only keypoints pay

    return cv2
