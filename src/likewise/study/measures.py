"""How far feature maps still are the picture that they were made of, and how far each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likewise.types import FloatArray, UInt8Array

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""


@dataclass(frozen=True)
class Likeness:
    """How processed the maps of a layer are.

    Attributes
    ----------
    to_picture
        Mean over maps of the size of their correlation with the brightness of the picture; maps that have one
        value everywhere show nothing of it and count as 0.
    to_each_other
        Mean of the size of the correlation over all pairs of maps that are not constant; 0 where there are
        fewer than two.
    constant
        How many maps have one value everywhere.
    """

    to_picture: float
    to_each_other: float
    constant: int


def likeness(maps: FloatArray, picture: UInt8Array) -> Likeness:
    """Correlate maps ``(c, h, w)`` with a picture ``(h, w, 3)`` of their size, and with each other."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    varied = flat[np.ptp(flat, axis=1) > 0]
    standard = _standardised(varied)
    brightness = _standardised((picture @ LUMA).reshape(1, -1))
    to_picture = np.abs(standard @ brightness.T).sum() / len(maps)
    pairs = np.abs(standard @ standard.T)[np.triu_indices(len(varied), 1)]
    to_each_other = float(pairs.mean()) if len(pairs) else 0.0
    return Likeness(float(to_picture), to_each_other, len(maps) - len(varied))


def _standardised(rows: np.ndarray) -> np.ndarray:
    """Rows of mean 0 and length 1, whose products are correlations; a constant row becomes zeros."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.where(length > 0, length, 1))
