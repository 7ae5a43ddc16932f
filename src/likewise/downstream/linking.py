"""Which rows are linked by a chain of close pairs, found exactly and without a table of all pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from likewise.downstream.vectors import distinct
from likewise.errors import UsageError
from likewise.ranking.exact import search
from likewise.types import FloatArray, IntArray

ROWS, COLUMNS = 1024, 8192
"""Rows that are compared at once, a tile of 32 MiB."""

AXES = 128
"""Numbers to which vectors are shortened for the first look."""

SAMPLE = 2048
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
    Returns int64, shape ``(n,)``: equal numbers for rows of one group. Raises `UsageError` when so many pairs
    are that close that they cannot be near-duplicates.

    Parameters
    ----------
    vectors
        Finite float32, shape ``(n, d)``.
    radius
        Largest Euclidean distance of a pair.
    report
        Called with how many rows are done, and how many there are, those that are repeated left out.
    """
    first, back = distinct(vectors)
    groups = np.arange(len(first), dtype=np.int64)
    left = MOST * len(first)
    for done, pairs in _candidates(_shortened(vectors, first), radius):
        left -= len(pairs)
        if left < 0:
            raise _too_many(radius)
        groups = _joined(groups, vectors, first, pairs, radius)
        if report:
            report(done, len(first))
    return groups[back]


def close_pairs(
    vectors: FloatArray, radius: float, *, report: Callable[[int, int], None] | None = None
) -> tuple[IntArray, FloatArray]:
    """All pairs of rows that are closer than ``radius``, as places ``(p, 2)``, and their distances ``(p,)``.

    Found as `linked` finds them; raises as it does.
    """
    parts, left = [np.empty((0, 2), np.int64)], MOST * len(vectors)
    for done, pairs in _candidates(_shortened(vectors, np.arange(len(vectors))), radius):
        left -= len(pairs)
        if left < 0:
            raise _too_many(radius)
        parts.append(pairs[apart(vectors, pairs) <= radius])
        if report:
            report(done, len(vectors))
    pairs = np.concatenate(parts)
    return pairs, apart(vectors, pairs)


def nearest_pairs(
    vectors: FloatArray, nearest: int, *, report: Callable[[int, int], None] | None = None
) -> tuple[IntArray, FloatArray]:
    """Pairs of which one row is among the nearest of the other, and their distances ``(p,)``.

    The nearest are looked for along `AXES` principal axes, in which copies lie close as they do in all: what
    is nearest there need not be so by all numbers, which is why more are asked for than are wanted. Returns
    places int64 ``(p, 2)``, the lower one first, each pair once; Euclidean distances float32. ``nearest``:
    how many are asked for.
    """
    short, parts = _shortened(vectors, np.arange(len(vectors))), [np.empty((0, 2), np.int64)]
    for start in range(0, len(short), ROWS):
        upper = short[start : start + ROWS]
        ids = search(short, upper, nearest + 1, metric="l2").ids
        rows = np.repeat(np.arange(start, start + len(upper)), ids.shape[1])
        pairs = np.sort(np.stack([rows, ids.ravel()], axis=1), axis=1)
        parts.append(pairs[pairs[:, 0] < pairs[:, 1]])
        if report:
            report(min(start + ROWS, len(short)), len(short))
    pairs = np.unique(np.concatenate(parts), axis=0)
    return pairs, apart(vectors, pairs)


def apart(vectors: FloatArray, pairs: IntArray) -> FloatArray:
    """Euclidean distances ``(p,)`` of pairs of rows ``(p, 2)``."""
    distances = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), CHUNK):
        chunk = pairs[start : start + CHUNK]
        distances[start : start + CHUNK] = np.linalg.norm(vectors[chunk[:, 0]] - vectors[chunk[:, 1]], axis=1)
    return distances


def _too_many(radius: float) -> UsageError:
    return UsageError(
        f"more than {MOST} pairs a picture may be closer than {radius:.4g}: these are no "
        "near-duplicates; give a higher threshold"
    )


def _shortened(vectors: FloatArray, places: IntArray) -> FloatArray:
    """The first numbers of some rows along the principal axes of a sample, about its mean."""
    from scipy.linalg import eigh

    sample = vectors[places[:: -(-len(places) // SAMPLE)]]
    mean, width = sample.mean(axis=0, dtype=np.float64).astype(np.float32), vectors.shape[1]
    kept = np.eye(width, dtype=np.float32)
    if width > 2 * AXES:  # only where that spares most of the products
        scatter = (sample - mean).T @ (sample - mean)
        kept = eigh(scatter, subset_by_index=(width - AXES, width - 1))[1].astype(np.float32)
    short = np.empty((len(places), kept.shape[1]), np.float32)
    for start in range(0, len(places), CHUNK):
        chunk = slice(start, start + CHUNK)
        short[chunk] = (vectors[places[chunk]] - mean) @ kept
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


def _joined(
    groups: IntArray, vectors: FloatArray, places: IntArray, pairs: IntArray, radius: float
) -> IntArray:
    """The groups after those pairs were linked that are close; pairs within a group are not measured."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    for start in range(0, len(pairs), CHUNK):
        chunk = pairs[start : start + CHUNK]
        chunk = chunk[groups[chunk[:, 0]] != groups[chunk[:, 1]]]
        close = groups[chunk[apart(vectors, places[chunk]) <= radius]]
        if len(close):
            links = coo_array((np.ones(len(close), np.bool_), close.T), shape=(len(places), len(places)))
            groups = connected_components(links, directed=False)[1].astype(np.int64)[groups]
    return groups
