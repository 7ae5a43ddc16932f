"""SIFT by OpenCV, compared as RootSIFT.

Extrema of differences of Gaussians, described by histograms of gradients (Lowe, Distinctive image features
from scale-invariant keypoints, IJCV 2004). The histograms are L1 normalised, then their square roots are
taken, which have length 1 (Arandjelović and Zisserman, Three things everyone should know to improve object
retrieval, CVPR 2012).
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from likewise.local.detector import Detector
from likewise.local.spread import Choice, spread
from likewise.types import FloatArray, UInt8Array

_PART_VERSION = 1  # raise when the same choice begins to give other numbers


class Sift:
    """Finds and describes keypoints with scales and angles; `find` may be called from many threads."""

    grid, minimum = 1, 1
    identity = hashlib.sha256(f"sift {_PART_VERSION} 3".encode()).hexdigest()  # 3: `spare`, once no option

    def __init__(self, *, upright: bool = False) -> None:
        self.upright = upright

    def find(self, pixels: UInt8Array, choice: Choice) -> tuple[FloatArray, FloatArray]:
        """See `sift`."""
        return sift(pixels, choice, upright=self.upright)


def sift(pixels: UInt8Array, choice: Choice, *, upright: bool = False) -> tuple[FloatArray, FloatArray]:
    """RootSIFT at the keypoints of a picture.

    Returns points float32 ``(n, 4)`` as in `LocalFeatures`, in pixels of this picture, and float32
    ``(n, 128)`` of length 1, the strongest first.

    Parameters
    ----------
    pixels
        uint8 RGB ``(h, w, 3)``.
    choice
        Which; see `spread`.
    upright
        As in `Keypoints`.
    """
    cv2 = _cv2()
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    # OpenCV describes while it has the pyramid of scales: to choose first would build that a second time
    keypoints, described = cv2.SIFT_create(choice.among).detectAndCompute(grey, None)
    if upright:
        keypoints, described = _stood(cv2, grey, keypoints)
    if not keypoints:
        return np.empty((0, 4), np.float32), np.empty((0, 128), np.float32)
    points = np.array(
        [(*keypoint.pt, keypoint.size / 2, math.radians(keypoint.angle)) for keypoint in keypoints],
        np.float32,
    )
    response = np.array([keypoint.response for keypoint in keypoints], np.float32)
    height, width = grey.shape
    chosen = spread(points, response, (width, height), choice)
    return points[chosen], rooted(described[chosen])


def rooted(histograms: FloatArray) -> FloatArray:
    """RootSIFT of SIFT ``(n, 128)``."""
    sums = np.maximum(histograms.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.asarray(np.sqrt(histograms / sums), np.float32)


def _stood(cv2: Any, grey: UInt8Array, keypoints: Any) -> tuple[Any, Any]:
    """One keypoint of angle 0 at each place, described."""
    upright = {(keypoint.pt, keypoint.size): keypoint for keypoint in reversed(keypoints)}
    for keypoint in upright.values():
        keypoint.angle = 0.0
    kept, described = cv2.SIFT_create().compute(grey, list(upright.values()))
    return kept, described


def _cv2() -> Any:
    import cv2  # 0.15 s that only keypoints pay

    return cv2


def _open(upright: bool, **_: Any) -> Sift:
    return Sift(upright=upright)


SIFT = Detector(
    "sift",
    "extrema of differences of Gaussians, RootSIFT: turned and scaled things, no network",
    _open,
    transforms=("l1", "root"),
)
