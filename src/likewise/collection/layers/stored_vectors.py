"""Vectors of a collection where they lie: rows are read and made float32 when they are asked for.

It takes the place of an array ``(n, d)`` wherever rows are scored and picked: see
`likewise.ranking.exact.Vectors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.collection.layers.vector_segments import VectorSegment, VectorSegments, divided, lengths_of
from likewise.files.system import THREADS
from likewise.ranking import KeptNeighbours
from likewise.ranking.exact import best
from likewise.types import FloatArray, IntArray, Metric

NUMBERS = 1 << 17
"""Numbers made float32 at once for one query: 512 KiB, which stay in the cache until they are used."""

MANY = 1 << 20
"""The same for several queries, for which a matrix product is worth larger blocks."""

EXACT = 50_000_000
"""Numbers that a query is compared with one by one before anything else is thought of: some 50 ms."""

APART = 1 << 17
"""Bytes from row to row, in the mean, from which on what lies between is not worth reading from a disk."""

SURE = 0.995
"""Share of the ten nearest that shortlists have to hold in the mean of the rows that are asked for."""

ASKED, LENGTHS = 100, (250, 500, 1000, 2000, 4000, 8000)
"""How many rows are asked for to find the length of shortlists, and those that are tried."""


@dataclass(frozen=True)
class Shortlist:
    """How long a list by bits has to be, as it was measured on the collection itself.

    Attributes
    ----------
    length
        Rows of each segment that are compared number by number when ten are wanted.
    recall
        Share of the ten nearest that were among them, in the mean.
    """

    length: int
    recall: float


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """Rows of segments, and newer ones in memory.

    Attributes
    ----------
    segments
        How rows are read.
    files
        The segments.
    tail
        float32 ``(t, d)``: rows that no segment holds.
    places
        int64 ``(n,)``: where each row lies when the segments' rows follow one another, and then the tail's.
    shortlist
        How to find the nearest without comparing all; None to compare all.
    """

    segments: VectorSegments
    files: Sequence[VectorSegment]
    tail: FloatArray
    places: IntArray
    shortlist: Shortlist | None = None

    ndim = 2
    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """As of an array."""
        return len(self.places), self.segments.code.dimensions

    def __len__(self) -> int:
        return len(self.places)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)

    def __getitem__(self, rows: Any) -> FloatArray:
        """Rows by a number, a slice, a mask or an array of numbers of any shape, as of an array."""
        chosen = self.places[rows]
        flat = np.atleast_1d(chosen).ravel()
        out = np.empty((len(flat), self.shape[1]), np.float32)
        for file, here, rows in self._parts(flat):
            for at in range(0, len(rows), self._step(MANY)):
                chunk = slice(at, at + self._step(MANY))
                vectors, lengths = self._read(file, rows[chunk])
                out[here[chunk]] = divided(vectors, lengths[:, np.newaxis])
        return out.reshape(*np.shape(chosen), self.shape[1])

    def _step(self, numbers: int) -> int:
        return max(1, numbers // self.shape[1])

    @cached_property
    def _all(self) -> list[tuple[VectorSegment | None, IntArray, IntArray]]:
        return list(self._parts(self.places))

    def _parts(self, places: IntArray) -> Iterator[tuple[VectorSegment | None, IntArray, IntArray]]:
        """Segments, or the tail, with which of the places lie in them, and at which of their rows."""
        begin = 0
        for file in (*self.files, None):
            size = len(file.ids) if file else len(self.tail)
            here = np.flatnonzero((places >= begin) & (places < begin + size))
            if len(here):
                yield file, here, places[here] - begin
            begin += size

    def _read(self, file: VectorSegment | None, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Vectors ``(m, d)`` of a segment, or of the tail, and what they are divided by, ``(m,)``."""
        at = _run(rows)
        if file is None:
            return self.tail[at], np.ones(len(rows), np.float32)
        near = int(np.ptp(rows)) * self.segments.code.width < APART * len(rows)
        file.file.read_around("codes", wanted=near)
        unit = self.segments.metric == "dot"
        lengths = file.lengths[at] if unit else np.ones(len(rows), np.float32)
        return self.segments.code.decode(file.codes[at]), lengths

    def only(self, rows: IntArray) -> StoredVectors:
        """Some of the rows, by their numbers, which rise."""
        return replace(self, places=self.places[rows])

    def exactly(self) -> StoredVectors:
        """The same, all of which are compared."""
        return replace(self, shortlist=None)

    def recall(self, k: int) -> float | None:
        """The share of the nearest that a search can be expected to find; None for all."""
        return self.shortlist.recall if self.shortlist and self.approximates(k) else None

    def products(self, queries: FloatArray) -> FloatArray:
        """Inner products of queries ``(q, d)`` with all rows, ``(q, n)``."""
        products = np.empty((len(queries), len(self)), np.float32)
        step = self._step(NUMBERS if len(queries) < 4 else MANY)

        def fill(part: tuple[VectorSegment | None, IntArray, IntArray]) -> None:
            file, here, rows = part
            for at in range(0, len(rows), step):
                vectors, lengths = self._read(file, rows[at : at + step])
                products[:, _run(here[at : at + step])] = divided(queries @ vectors.T, lengths)

        shares = [
            (file, *both)
            for file, here, rows in self._all
            for both in zip(np.array_split(here, THREADS), np.array_split(rows, THREADS), strict=True)
        ]
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(fill, shares))
        return products

    def squares(self) -> FloatArray:
        """Squares of the lengths of all rows, ``(n,)``."""
        squares = np.empty(len(self), np.float32)
        for file, here, rows in self._all:
            lengths = file.lengths[rows] if file else lengths_of(self.tail[rows])
            squares[here] = lengths > 0 if self.segments.metric == "dot" else lengths**2
        return squares

    def approximates(self, k: int) -> bool:
        """Whether the ``k`` nearest are looked for in a shortlist."""
        many = len(self) * self.shape[1] > EXACT and self._length(k) < len(self) // 4
        return self.shortlist is not None and many

    def _length(self, k: int) -> int:
        return self.shortlist.length * max(1, -(-k // 10)) if self.shortlist else len(self)

    def nearest(self, query: FloatArray, k: int) -> IntArray:
        """Rows among which the ``k`` nearest to a query ``(d,)`` are to be found, rising, int64 ``(m,)``."""
        nearest = [np.empty(0, np.int64)]
        for file, here, rows in self._all:
            if file is None:
                tail = self.tail[_run(rows)]  # of vectors of one length, or none, that is the inner product
                nearness: FloatArray = 2 * (tail @ query) - lengths_of(tail) ** 2
                nearest.append(here[best(nearness, here, min(k, len(here)))])
            else:
                nearest.append(here[_fewest(file, rows, query[np.newaxis], self._length(k))[0]])
        return np.sort(np.concatenate(nearest))


def _run(rows: IntArray) -> IntArray | slice:
    """The same rows as a slice, of which nothing is copied, where they follow one another."""
    whole = len(rows) and rows[-1] - rows[0] + 1 == len(rows) and bool((np.diff(rows) == 1).all())
    return slice(int(rows[0]), int(rows[-1]) + 1) if whole else rows


def _fewest(file: VectorSegment, rows: IntArray, queries: FloatArray, count: int) -> IntArray:
    """Which of some rows differ from each query in the fewest bits, ``(q, count)``, fewest first."""
    from faiss import knn_hamming  # loads more than most searches need

    bits, count = file.bits if len(rows) == len(file.ids) else file.bits[rows], min(count, len(rows))
    nearest: IntArray = knn_hamming(file.signs(queries), bits, count, variant="mc")[1]
    return nearest


def measured(vectors: StoredVectors, metric: Metric) -> Shortlist | None:
    """How long shortlists have to be for these vectors, asked for some of them; None where none is sure."""
    asked = np.random.default_rng(0).choice(len(vectors), min(ASKED, len(vectors)), replace=False)
    queries = vectors[np.sort(asked)]
    near = KeptNeighbours(replace(vectors, shortlist=None), metric).of(np.sort(asked), 10).ids
    places = np.full(near.shape, LENGTHS[-1])
    for file, here, rows in vectors._all:
        if file is None:
            places[np.isin(near, here)] = 0
            continue
        listed = here[_fewest(file, rows, queries, LENGTHS[-1])]
        for line, wanted, place in zip(listed, near, places, strict=True):
            order = np.argsort(line)
            at = np.minimum(np.searchsorted(line, wanted, sorter=order), len(line) - 1)
            hit = line[order[at]] == wanted
            place[hit] = order[at[hit]]
    for length in LENGTHS:
        recall = float((places < length).mean())
        if recall >= SURE:
            return Shortlist(length, recall)
    return None
