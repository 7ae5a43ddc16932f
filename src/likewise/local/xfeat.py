"""Where XFeat's maps have keypoints, and what it says of them (Potje et al., CVPR 2024, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

import numpy as np

from likewise.descriptors.transforms import l2
from likewise.engines import EngineChoice, Program, as_they_are, open_engine
from likewise.local.detector import Detector
from likewise.local.spread import Choice, spread
from likewise.networks import find
from likewise.networks.weights import locate
from likewise.types import FloatArray, IntArray, UInt8Array

CELL = 8
"""Pixels along a side of a cell of XFeat's maps."""

THRESHOLD = 0.05
"""Less likely pixels are no keypoints."""

SCALE = 4.0
"""Scale of its keypoints in pixels, the same for all: XFeat sees them in one size, and as they stand."""

_TAPS = ("features", "keypoints", "reliability")
_REACH = 5  # side of the square in which a keypoint is the most likely pixel
_SHARPNESS = -0.75  # of bicubic interpolation


class XFeat:
    """Finds and describes keypoints with the network; `find` may be called from many threads at once.

    ``how``: as in `likewise.engines.open_engine`. Raises `WeightsMissing` when its weights are not on this
    machine.
    """

    def __init__(self, **how: Unpack[EngineChoice]) -> None:
        card = find("xfeat")
        file = locate(card)
        self.grid, self.minimum = card.grid, card.minimum
        self.identity = file.fingerprint(_TAPS)
        program = Program(self.identity, card, _TAPS, file.weights.preprocessing, file.tensors, as_they_are)
        self._engine = open_engine(program, **how)

    def find(self, pixels: UInt8Array, choice: Choice) -> tuple[FloatArray, FloatArray]:
        """Keypoints of a picture whose sides are multiples of `grid`, chosen among all there are.

        Returns points float32 ``(n, 4)`` as in `likewise.local.features.LocalFeatures`, in pixels of this
        picture, and float32 ``(n, 64)`` of length 1, the most reliable first.
        """
        features, logits, reliability = (maps[0] for maps in self._engine.run(pixels[None]))
        likely = heat(logits)
        places, scores = scored(likely, reliability)
        height, width = likely.shape
        points = np.zeros((len(places), 4), np.float32)
        points[:, :2], points[:, 2] = places, SCALE
        chosen = spread(points, scores, (width, height), choice)
        return points[chosen], described(features, places[chosen])


def scored(likely: FloatArray, reliability: FloatArray) -> tuple[IntArray, FloatArray]:
    """Pixels that are keypoints, ``(n, 2)``, and how likely times how reliable each is, float32 ``(n,)``.

    Parameters
    ----------
    likely
        float32 ``(8 h, 8 w)``, as `heat` gives it.
    reliability
        float32 ``(1, h, w)``.
    """
    places = peaks(likely)
    trust = bilinear(reliability, in_cells(places, likely.shape[::-1]))[:, 0]
    return places, likely[places[:, 1], places[:, 0]] * trust


def described(features: FloatArray, places: IntArray) -> FloatArray:
    """Descriptors of pixels, float32 ``(n, 64)`` of length 1, from maps ``(64, h, w)``."""
    count, height, width = features.shape
    unit = l2(features.reshape(count, -1).T).T.reshape(features.shape)
    return np.asarray(l2(bicubic(unit, in_cells(places, (width * CELL, height * CELL)))))


def heat(logits: FloatArray) -> FloatArray:
    """How likely each pixel is a keypoint.

    Returns float32 ``(8 h, 8 w)``. ``logits``: float32 ``(65, h, w)``: for each cell its pixels row by row,
    then that it has none.
    """
    shares = np.exp(logits - logits.max(axis=0))
    shares = shares[:-1] / shares.sum(axis=0)
    _, height, width = shares.shape
    cells = shares.reshape(CELL, CELL, height, width).transpose(2, 0, 3, 1)
    return np.ascontiguousarray(cells.reshape(CELL * height, CELL * width))


def peaks(likely: FloatArray) -> IntArray:
    """Pixels above `THRESHOLD` that are the most likely ones around: x, y, int64 ``(n, 2)``, row by row."""
    import cv2  # as in `likewise.local.sift`

    around = cv2.dilate(likely, np.ones((_REACH, _REACH), np.uint8))
    y, x = np.nonzero((likely == around) & (likely > THRESHOLD))
    return np.stack([x, y], axis=1)


def bilinear(maps: FloatArray, places: FloatArray) -> FloatArray:
    """Activations between cells, float32 ``(n, c)``; beyond the border there are zeros.

    Parameters
    ----------
    maps
        float32 ``(c, h, w)``.
    places
        ``(n, 2)``: x and y in cells; the middle of the first one is (0, 0).
    """
    return _sampled(maps, places, lambda t: np.stack([1 - t, t], axis=1))


def bicubic(maps: FloatArray, places: FloatArray) -> FloatArray:
    """The same from 4 x 4 cells around (Keys, IEEE Transactions on ASSP 1981)."""
    return _sampled(maps, places, _cubic)


def in_cells(places: IntArray, size: tuple[int, ...]) -> FloatArray:
    """Pixels as places in maps, in the way of the published code: the first and the last pixel of a picture
    of this width and height lie on the outer edges of the maps.
    """
    width, height = size
    steps = np.array([width / CELL / (width - 1), height / CELL / (height - 1)])
    return np.asarray(places * steps - 0.5, np.float32)


def _sampled(maps: FloatArray, places: FloatArray, weights: Callable[[FloatArray], FloatArray]) -> FloatArray:
    first = np.floor(places).astype(np.int64)
    across, down = (weights(part) for part in (places - first).T)
    count = across.shape[1]
    before = count // 2 - 1
    padded = np.pad(maps, ((0, 0), (count, count), (count, count))).transpose(1, 2, 0)
    height, width, _ = padded.shape
    x, y = (first + count - before).T
    sampled = np.zeros((len(places), len(maps)), np.float32)
    for row in range(count):
        for column in range(count):
            cells = padded[np.clip(y + row, 0, height - 1), np.clip(x + column, 0, width - 1)]
            sampled += (down[:, row] * across[:, column])[:, None] * cells
    return sampled


def _cubic(t: FloatArray) -> FloatArray:
    """Weights of the cells at -1, 0, 1 and 2, ``(n, 4)``."""
    a = _SHARPNESS
    near = [(a + 2) * d**3 - (a + 3) * d**2 + 1 for d in (t, 1 - t)]
    far = [a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a for d in (1 + t, 2 - t)]
    return np.asarray(np.stack([far[0], near[0], near[1], far[1]], axis=1), np.float32)


def _open(upright: bool, **how: Unpack[EngineChoice]) -> XFeat:
    del upright  # its keypoints always are
    return XFeat(**how)


XFEAT = Detector(
    "xfeat",
    "a small network, fetched once: things seen from elsewhere and in other light, as they stand",
    _open,
)
