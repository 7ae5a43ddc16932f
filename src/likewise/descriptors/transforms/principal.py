"""Principal axes of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_ROWS = 4096  # of a sample that are made float64 at once


def principal_axes(X: Array, mean: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances ``(r,)``, falling, and axes ``(d, r)`` as columns, of a sample ``(n, d)`` of rank r.

    With fewer samples than numbers the eigenvectors u of the n x n products between samples give the axes
    as ``centred' u`` (as in Turk and Pentland, 1991), which spares the d x d covariance.
    """
    n, d = X.shape
    squares, vectors = np.linalg.eigh((X - mean) @ (X - mean).T if n < d else _scatter(X, mean))
    squares, vectors = squares[::-1], vectors[:, ::-1]
    # Below this a square is rounding of the largest; its axis would be noise, blown up by the division.
    rank = int(np.sum(squares > squares[0] * max(n, d) * np.finfo(np.float64).eps)) if squares[0] > 0 else 0
    axes = (X - mean).T @ vectors[:, :rank] / np.sqrt(squares[:rank]) if n < d else vectors[:, :rank]
    return squares[:rank] / (n - 1), upright(axes)


def _scatter(X: Array, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of ``(x - mean)(x - mean)'``, in blocks of rows: no float64 copy of a large sample is made."""
    total = np.zeros((X.shape[1], X.shape[1]))
    for begin in range(0, len(X), _ROWS):
        block = X[begin : begin + _ROWS] - mean
        total += block.T @ block
    return total


def upright(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes as columns, each turned so that its largest number is positive, whatever the solver gave."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
    return np.asarray(axes * np.where(largest < 0, -1, 1))
