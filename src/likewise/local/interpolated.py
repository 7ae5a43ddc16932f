"""Keypoints described by a network: the activations of a layer around each, between cells of its map."""

from __future__ import annotations

import hashlib
from math import lcm
from typing import Unpack

import numpy as np

from likewise.descriptors.transforms import l2
from likewise.engines import EngineChoice, Program, as_they_are, open_engine
from likewise.local.detector import Finds
from likewise.local.features import REACH
from likewise.local.spread import Choice
from likewise.local.xfeat import bilinear
from likewise.networks import find
from likewise.networks.weights import locate
from likewise.types import FloatArray, UInt8Array

_PART_VERSION = 1  # raise when the same choice begins to give other numbers
_QUARTERS = np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)], np.float32) * REACH / 2


class Interpolated:
    """Finds keypoints as a detector does, and describes them by a tap of a network.

    A keypoint has the activations in the middle of each quarter of the square that it is described from, as
    large and as turned as the keypoint, so that one descriptor knows what lies where. Raises `UnknownName`
    when there is no such network or tap; `WeightsMissing` when its weights are not on this machine.

    Parameters
    ----------
    network, tap
        A name that `likewise.networks.find` knows, and a layer of it that has a map.
    how
        As in `likewise.engines.open_engine`.
    """

    def __init__(
        self,
        detector: Finds,
        network: str,
        tap: str,
        **how: Unpack[EngineChoice],
    ) -> None:
        card = find(network)
        file, taps = locate(card), (card.tap(tap).name,)
        self._detector = detector
        self.grid = lcm(card.grid, detector.grid)
        self.minimum = max(card.minimum, detector.minimum)
        weights = file.fingerprint(taps)
        facts = f"{_PART_VERSION} {detector.identity} {weights} {taps[0]}"
        self.identity = hashlib.sha256(facts.encode()).hexdigest()
        program = Program(weights, card, taps, file.weights.preprocessing, file.tensors, as_they_are)
        self._engine = open_engine(program, **how)

    def find(self, pixels: UInt8Array, choice: Choice) -> tuple[FloatArray, FloatArray]:
        """Points as the detector gives them, and float32 ``(n, 4 c)`` of length 1 for a tap of c channels."""
        points, _ = self._detector.find(pixels, choice)
        (maps,) = self._engine.run(pixels[None])
        height, width = pixels.shape[:2]
        cells = np.array([maps.shape[3] / width, maps.shape[2] / height], np.float32)
        places = (around(points) + 0.5) * cells - 0.5  # the middle of the first pixel, and cell, is (0, 0)
        sampled = bilinear(maps[0], places.reshape(-1, 2))
        return points, np.asarray(l2(sampled.reshape(len(points), -1)))


def around(points: FloatArray) -> FloatArray:
    """Middles of the quarters of keypoints ``(n, 4)``, turned with them: x and y, float32 ``(n, 4, 2)``."""
    cosine, sine = np.cos(points[:, 3, None]), np.sin(points[:, 3, None])
    across = cosine * _QUARTERS[:, 0] - sine * _QUARTERS[:, 1]
    down = sine * _QUARTERS[:, 0] + cosine * _QUARTERS[:, 1]
    return np.asarray(points[:, None, :2] + points[:, 2, None, None] * np.stack([across, down], axis=2))
