"""Numbers about the activations of a tap: zeros, spread, histogram, entropy, effective rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from likewise.types import FloatArray, IntArray, UInt8Array

BINS = 256
_ROWS = 4096  # of a product summed at a time; tall products are several times as fast in blocks


@dataclass(frozen=True)
class Histogram:
    """How often values fall into `BINS` bins of equal width.

    Attributes
    ----------
    low, high
        The range that the bins divide; equal where there is one value only, which fills the first bin.
    counts
        int64 ``(BINS,)``; the last bin holds ``high``.
    """

    low: float
    high: float
    counts: IntArray

    @classmethod
    def of(cls, values: FloatArray, low: float, high: float) -> Histogram:
        """Count values, none of which lies outside ``low`` to ``high``."""
        counts = np.zeros(BINS, np.int64)
        scale = np.float32(BINS / (high - low)) if high > low else np.float32(0)
        flat = values.reshape(-1)
        for begin in range(0, flat.size, 1 << 20):
            places = (flat[begin : begin + (1 << 20)] - np.float32(low)) * scale
            counts += _counted(np.clip(places, 0, BINS - 1).astype(np.uint8))
        return cls(low, high, counts)

    @classmethod
    def of_pixels(cls, pixels: UInt8Array) -> Histogram:
        """Of the colours of a picture ``(h, w, 3)``, all channels together: a bin a value, over 0 to 1."""
        return cls(0.0, 1.0, _counted(pixels.reshape(-1)))

    @property
    def bin_width(self) -> float:
        """Width of a bin."""
        return (self.high - self.low) / BINS

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of all values in each bin, ``(BINS,)``."""
        return np.asarray(self.counts / max(1, self.counts.sum()))

    @property
    def entropy(self) -> float:
        """Entropy in bits, zeros counted: 0 when all values share a bin, 8 when all bins hold as many."""
        return entropy(self.shares)

    def quantile(self, share: float) -> float:
        """A value that at most ``1 - share`` of all lie above, to a bin's width."""
        place = int(np.searchsorted(np.cumsum(self.shares), share - 1e-12))
        return self.low + (min(place, BINS - 1) + 1) * self.bin_width


@dataclass(frozen=True)
class Statistics:
    """The activations of a tap in a few numbers.

    Attributes
    ----------
    count
        How many numbers.
    zeros
        Share of them that is exactly 0.
    mean, spread
        Their mean and standard deviation.
    least, most
        The smallest and the largest.
    histogram
        Of all of them, zeros included, over a stated range.
    rank
        Effective rank of the map: in how many directions of channel space its cells differ. None for a
        vector.
    """

    count: int
    zeros: float
    mean: float
    spread: float
    least: float
    most: float
    histogram: Histogram
    rank: float | None

    @classmethod
    def of(cls, cells: FloatArray, bounds: tuple[float, float] | None = None) -> Statistics:
        """Look at a map ``(h, w, c)`` or a vector ``(c,)``.

        ``bounds``: the range of the histogram, wider than the values; their own range for None.
        """
        own = extent(cells)
        mean = float(cells.mean(dtype=np.float64))
        spread = np.sqrt(max(0.0, _mean_square(cells) - mean**2))
        return cls(
            count=cells.size,
            zeros=1 - np.count_nonzero(cells) / cells.size,
            mean=mean,
            spread=float(spread),
            least=own[0],
            most=own[1],
            histogram=Histogram.of(cells, *(bounds or own)),
            rank=effective_rank(cells.reshape(-1, cells.shape[-1])) if cells.ndim == 3 else None,
        )


def extent(cells: FloatArray) -> tuple[float, float]:
    """The smallest and the largest value."""
    return float(cells.min()), float(cells.max())


def entropy(shares: ArrayLike) -> float:
    """``-sum p log2 p`` in bits (Shannon, 1948); nothing is added for shares of 0."""
    p = np.asarray(shares, np.float64)
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum()) + 0.0  # no negative zero


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """Jensen-Shannon divergence of two distributions in bits, 0 for equal ones to 1 for disjoint ones.

    ``H((p + q) / 2) - (H(p) + H(q)) / 2`` (Lin, Divergence measures based on the Shannon entropy, 1991).
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    return max(0.0, entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2)


def effective_rank(rows: FloatArray) -> float:
    """Exponential of the entropy of the singular values (Roy and Vetterli, EUSIPCO 2007, definition 1).

    Returns a number between 1 and ``min(n - 1, c)``, which it reaches when all directions carry as much; 0
    when the rows do not differ. ``rows``: ``(n, c)``; their mean is taken away first.
    """
    squares = np.linalg.eigvalsh(_gram(rows))
    # below this a square is rounding of the largest, in float32
    squares = squares[squares > squares.max(initial=0) * 1e-6]
    if not len(squares):
        return 0.0
    values = np.sqrt(squares)
    p = values / values.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def _counted(values: UInt8Array) -> IntArray:
    """How often each value occurs; Pillow counts bytes several times as fast as `numpy.bincount`."""
    return np.array(Image.fromarray(values[np.newaxis]).histogram(), np.int64)


def _mean_square(cells: FloatArray) -> float:
    flat = cells.reshape(-1)
    blocks = (flat[begin : begin + (1 << 20)] for begin in range(0, flat.size, 1 << 20))
    return sum(float(np.dot(block, block)) for block in blocks) / flat.size


def _gram(rows: FloatArray) -> NDArray[np.float64]:
    """Products of the centred columns, or of the centred rows where these are fewer: equal eigenvalues."""
    centre = rows.mean(axis=0)
    if len(rows) < rows.shape[1]:
        centred = (rows - centre).astype(np.float64)
        return np.asarray(centred @ centred.T)
    total = np.zeros((rows.shape[1],) * 2)
    for begin in range(0, len(rows), _ROWS):
        block = rows[begin : begin + _ROWS] - centre
        total += block.T @ block
    return total
