"""Slow, obvious versions of what the package does fast: loops over numpy float64, as the papers write them.

Maps are ``(c, h, w)`` here, one picture at a time.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def total(x: Array) -> Array:
    """Sum over the cells."""
    out = np.zeros(x.shape[0])
    for channel, row, column in np.ndindex(*x.shape):
        out[channel] += x[channel, row, column]
    return out


def mean(x: Array) -> Array:
    """Mean over the cells."""
    return np.array([np.mean(channel) for channel in x])


def maximum(x: Array) -> Array:
    """MAC."""
    return np.array([max(float(v) for v in channel.flat) for channel in x])


def gem(x: Array, p: float, eps: float = 1e-6) -> Array:
    """Generalised mean."""
    return np.array([np.mean([max(float(v), eps) ** p for v in channel.flat]) ** (1 / p) for channel in x])


def centred_gem(x: Array, p: float, centre: float, eps: float = 1e-6) -> Array:
    """GeM under a Gaussian whose deviation is ``centre`` of each side, weights adding up to 1."""
    c, h, w = x.shape
    out, total = np.zeros(c), 0.0
    for i in range(h):
        for j in range(w):
            down, right = (i + 0.5) / h - 0.5, (j + 0.5) / w - 0.5
            weight = np.exp(-(down**2 + right**2) / (2 * centre**2))
            out += weight * np.maximum(x[:, i, j], eps) ** p
            total += weight
    out /= total
    return out ** (1 / p)


def spoc(x: Array) -> Array:
    """Sum with the centre prior: sigma is a third of the way from the centre to the nearest border."""
    channels, height, width = x.shape
    sigma = min(height / 2, width / 2) / 3
    out = np.zeros(channels)
    for channel, row, column in np.ndindex(*x.shape):
        distance = (row + 0.5 - height / 2) ** 2 + (column + 0.5 - width / 2) ** 2
        out[channel] += x[channel, row, column] * math.exp(-distance / (2 * sigma**2))
    return out


def crow(x: Array) -> Array:
    """Cross-dimensional weighting, in the steps of its section 3."""
    channels, height, width = x.shape
    spatial = np.zeros((height, width))
    for row, column in np.ndindex(height, width):
        spatial[row, column] = sum(x[:, row, column])
    norm = math.sqrt(sum(float(v) ** 2 for v in spatial.flat))
    alpha = np.sqrt(spatial / norm) if norm > 0 else spatial
    share = [sum(1 for v in channel.flat if v != 0) / (height * width) for channel in x]
    out = np.zeros(channels)
    for channel in range(channels):
        weight = math.log(sum(share) / share[channel]) if share[channel] > 0 else 0.0
        out[channel] = weight * sum(
            x[channel, row, column] * alpha[row, column] for row, column in np.ndindex(height, width)
        )
    return out


def regions(height: int, width: int, levels: int, overlap: Fraction) -> list[tuple[int, int, int]]:
    """Squares ``(row, column, side)`` of R-MAC, after the authors' ``rmac_regionvec.m``, in exact arithmetic.

    Of two numbers of squares whose overlap is equally near to the wanted one, the larger is taken.
    """
    short, long = min(height, width), max(height, width)

    def miss(steps: int) -> Fraction:
        apart = Fraction(long - short, steps - 1)
        return abs((short**2 - short * apart) / Fraction(short**2) - overlap)

    extra = min(range(2, 8), key=lambda steps: (miss(steps), -steps)) - 1
    extra_rows, extra_columns = (extra if height > width else 0), (extra if width > height else 0)
    found = []
    for level in range(1, levels + 1):
        side = 2 * short // (level + 1)
        if side > 0:
            for row in _starts(height, side, level + extra_rows):
                for column in _starts(width, side, level + extra_columns):
                    found.append((row, column, side))
    return found


def _starts(length: int, side: int, count: int) -> list[int]:
    apart = Fraction(length - side, count - 1) if count > 1 else Fraction(0)
    return [math.floor(k * apart) for k in range(count)]


def rmac(x: Array, levels: int, overlap: Fraction, whitening: tuple[Array, Array] | None = None) -> Array:
    """Sum of the L2 normalised (and whitened) maxima of the regions."""
    out = np.zeros(len(x) if whitening is None else whitening[1].shape[1])
    for row, column, side in regions(x.shape[1], x.shape[2], levels, overlap):
        vector = unit(maximum(x[:, row : row + side, column : column + side]))
        if whitening is not None:
            vector = unit((vector - whitening[0]) @ whitening[1])
        out += vector
    return out


def unit(vector: Array) -> Array:
    """Divide by the length; zero stays zero."""
    length = math.sqrt(sum(float(v) ** 2 for v in vector))
    return np.array([float(v) / (length or 1.0) for v in vector])


def signed_root(vector: Array, exponent: float) -> Array:
    """Power of the magnitude, with the sign kept."""
    return np.array([math.copysign(abs(float(v)) ** exponent, float(v)) for v in vector])
