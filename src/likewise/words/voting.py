"""Which scale, turn and place most matches speak for: the Hough transform, for patches.

As Lowe votes (Distinctive image features from scale-invariant keypoints, IJCV 2004, section 7.3), but that a
patch knows its size and not how it is turned: a match votes for every turn.

Points are complex numbers, in patches, as in `likewise.words.geometry`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Complex: TypeAlias = NDArray[np.complex128]
Floats: TypeAlias = NDArray[np.float64]

_SCALES = 2.0 ** np.arange(-3, 3.5, 0.5)
_TURNS = np.exp(2j * np.pi * np.arange(24) / 24)
_PLACE = 0.5  # side of a bin of places, in patches


def vote(points: Complex, targets: Complex, octaves: Floats, weights: Floats) -> Complex:
    """For each scale and turn the place with the most votes.

    Returns ``(h, 3)``: a, b and c of similarities ``a z + b conj(z) + c``, b being 0.

    Parameters
    ----------
    points, targets
        Where matches lie in the query and in the hit, ``(m,)``.
    octaves
        Logarithms to base 2 of how much larger the patches are in the hit, ``(m,)``: a match votes for the
        scales within one octave of its own, the less the further away.
    weights
        Of the matches, ``(m,)``, above 0.
    """
    middle = np.average(points, weights=weights)
    parts = [np.empty((0, 3), complex)]
    for scale in _SCALES:
        votes = weights * np.maximum(0, 1 - np.abs(np.log2(scale) - octaves))
        on = votes > 0
        if on.any():
            turns = scale * _TURNS
            moved = targets[on] - turns[:, None] * (points[on] - middle)
            places = _peaks(moved, votes[on], _PLACE * max(scale, 1.0))
            parts.append(np.stack([turns, np.zeros_like(turns), places - turns * middle], axis=1))
    return np.concatenate(parts)


def _peaks(places: Complex, votes: Floats, side: float) -> Complex:
    """For each row of places ``(h, m)`` the one with the most votes; the bins around a vote share it."""
    first = complex(places.real.min(), places.imag.min())
    x, y = (places.real - first.real) / side, (places.imag - first.imag) / side
    columns, rows = int(x.max()) + 2, int(y.max()) + 2
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, below = x - left, y - top
    start = np.arange(len(places))[:, None] * (columns * rows) + top * columns + left
    bins = np.zeros(len(places) * columns * rows)
    for shift, share in (
        (0, (1 - right) * (1 - below)),
        (1, right * (1 - below)),
        (columns, (1 - right) * below),
        (columns + 1, right * below),
    ):
        bins += np.bincount((start + shift).ravel(), (share * votes).ravel(), len(bins))
    top_row, left_column = np.divmod(bins.reshape(len(places), -1).argmax(axis=1), columns)
    return np.asarray(first + side * (left_column + 1j * top_row))
