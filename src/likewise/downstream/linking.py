"""Which rows are linked by a chain of close pairs, found exactly and without a table of all pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from likewise.downstream.rows import distinct
from likewise.errors import UsageError
from likewise.types import FloatArray, IntArray

ROWS, COLUMNS = 1024, 8192
"""Rows that are compared at once, a tile of 32 MiB."""

AXES = 128
"""Numbers to which vectors are shortened for the first look."""

SAMPLE = 8192
"""Rows from which the axes of that are learned."""

CHUNK = 8192
"""Pairs that are measured at once."""

MOST = 200
"""Candidates a row, above which the threshold means something else than near-duplicates."""


def linked(
    vectors: FloatArray, radius: float, *, report: Callable[[int, int], None] | None = None
) -> IntArray:
    """Number the groups of rows that pairs closer than ``radius`` chain together (single linkage).

    Vectors are turned to their principal axes and cut there. That shortens distances and never lengthens
    them: a pair that is too far apart by `AXES` numbers is so by all, and only the others are measured. So
    the result is that of comparing all pairs, in tiles of `ROWS` x `COLUMNS`, for a fraction of the products.

    Parameters
    ----------
    vectors
        Finite float32, shape ``(n, d)``.
    radius
        Largest Euclidean distance of a pair.
    report
        Called with how many rows are done, and how many there are, those that are repeated left out.

    Returns
    -------
    ndarray
        int64, shape ``(n,)``: equal numbers for rows of one group.

    Raises
    ------
    UsageError
        When so many pairs are that close that they cannot be near-duplicates.
    """
    first, back = distinct(vectors)
    rows = vectors[first]
    groups = np.arange(len(rows), dtype=np.int64)
    left = MOST * len(rows)
    for done, pairs in _candidates(_shortened(rows), radius):
        left -= len(pairs)
        if left < 0:
            raise UsageError(
                f"more than {MOST} pairs a picture may be closer than {radius:.4g}: these are no "
                "near-duplicates; give a higher threshold"
            )
        groups = _joined(groups, rows, pairs, radius)
        if report:
            report(done, len(rows))
    return groups[back]


def _shortened(rows: FloatArray) -> FloatArray:
    """The first numbers of each row along the principal axes of a sample, about its mean."""
    if rows.shape[1] <= 2 * AXES:
        centre: FloatArray = rows - rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        return centre
    sample = rows[:: -(-len(rows) // SAMPLE)].astype(np.float64)
    mean = sample.mean(axis=0)
    axes = np.linalg.eigh((sample - mean).T @ (sample - mean))[1][:, -AXES:].astype(np.float32)
    short: FloatArray = rows @ axes - mean.astype(np.float32) @ axes
    return short


def _candidates(short: FloatArray, radius: float) -> Iterator[tuple[int, IntArray]]:
    """By tile how many rows are done, and the pairs ``(p, 2)`` that may be close enough."""
    squares = np.einsum("nd,nd->n", short, short)
    # Products of float32 are off by some 1e-6 of the squares: what lies at the edge is measured.
    limit = np.float32(radius * radius + 1e-5 * squares.max(initial=0))
    for top in range(0, len(short), ROWS):
        upper = short[top : top + ROWS]
        for begin in range(top, len(short), COLUMNS):
            other = slice(begin, begin + COLUMNS)
            distances = upper @ short[other].T
            distances *= -2
            distances += squares[other]
            distances += squares[top : top + ROWS, np.newaxis]
            pairs = np.argwhere(distances <= limit)
            pairs += (top, begin)
            yield min(top + ROWS, len(short)), pairs[pairs[:, 0] < pairs[:, 1]]


def _joined(groups: IntArray, rows: FloatArray, pairs: IntArray, radius: float) -> IntArray:
    """The groups after those pairs were linked that are close; pairs within a group are not measured."""
    for start in range(0, len(pairs), CHUNK):
        chunk = pairs[start : start + CHUNK]
        chunk = chunk[groups[chunk[:, 0]] != groups[chunk[:, 1]]]
        apart = np.linalg.norm(rows[chunk[:, 0]] - rows[chunk[:, 1]], axis=1)
        close = groups[chunk[apart <= radius]]
        if len(close):
            links = coo_array((np.ones(len(close), np.bool_), close.T), shape=(len(rows), len(rows)))
            groups = connected_components(links, directed=False)[1].astype(np.int64)[groups]
    return groups
