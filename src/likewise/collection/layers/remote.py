"""Vectors of a collection that an engine keeps: rows are fetched when they are asked for.

It takes the place of an array ``(n, d)`` wherever rows are scored and picked: see
`likewise.ranking.exact.Vectors`. The engine says which rows are near; what they score is worked out here,
from the vectors, so that no score depends on where a collection lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.collection.layers.stored_vectors import Shortlist
from likewise.collection.layers.vector_segments import compared, lengths_of
from likewise.collection.store.rows import MOST, VectorEngine
from likewise.types import FloatArray, IntArray

BLOCK = 4096
"""Rows that are fetched at once where all are."""

FILTERED = 16_384
"""So many rows are named to the engine; of more it is asked for the nearest until enough are among them."""

SPARE = 16
"""Rows asked for beyond those wanted: an engine sums in another order, which can change places."""


@dataclass(frozen=True, eq=False)
class RemoteVectors:
    """Rows of an engine.

    Attributes
    ----------
    ids
        int64 ``(n,)``, rising: the picture of each row.
    shortlist
        How many of the engine's lists are looked at, and what that finds; None to look at all.
    some
        Whether the engine has others.
    """

    engine: VectorEngine
    ids: IntArray
    shortlist: Shortlist | None = None
    some: bool = False

    ndim = 2
    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """As of an array."""
        return len(self.ids), self.engine.dimensions

    def __len__(self) -> int:
        return len(self.ids)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)

    def __getitem__(self, rows: Any) -> FloatArray:
        """Rows by a number, a slice, a mask or an array of numbers of any shape, as of an array."""
        chosen = self.ids[rows]
        flat = np.atleast_1d(chosen).ravel()
        out = np.empty((len(flat), self.shape[1]), np.float32)
        for at in range(0, len(flat), BLOCK):
            out[at : at + BLOCK] = self._fetched(flat[at : at + BLOCK])
        return out.reshape(*np.shape(chosen), self.shape[1])

    def _fetched(self, pictures: IntArray) -> FloatArray:
        return compared(self.engine.fetch(pictures), self.engine.metric)[0]

    def _blocks(self) -> Iterator[tuple[slice, FloatArray]]:
        for at in range(0, len(self), BLOCK):
            yield slice(at, at + BLOCK), self._fetched(self.ids[at : at + BLOCK])

    def only(self, rows: IntArray) -> RemoteVectors:
        """Some of the rows, by their numbers, which rise."""
        return replace(self, ids=self.ids[rows], some=self.some or len(rows) < len(self))

    def exactly(self) -> RemoteVectors:
        """The same, for which the engine looks at all."""
        return replace(self, shortlist=None)

    def recall(self, k: int) -> float | None:
        """The share of the nearest that a search can be expected to find; None for all."""
        return self.shortlist.recall if self.shortlist and self.approximates(k) else None

    def products(self, queries: FloatArray) -> FloatArray:
        """Inner products of queries ``(q, d)`` with all rows, ``(q, n)``: every row is fetched."""
        products = np.empty((len(queries), len(self)), np.float32)
        for at, vectors in self._blocks():
            products[:, at] = queries @ vectors.T
        return products

    def squares(self) -> FloatArray:
        """Squares of the lengths of all rows, ``(n,)``: every row is fetched."""
        squares = np.empty(len(self), np.float32)
        for at, vectors in self._blocks():
            squares[at] = lengths_of(vectors) ** 2
        return squares

    def approximates(self, k: int) -> bool:
        """Whether the engine is asked for the ``k`` nearest; it gives only so many."""
        return k + SPARE <= min(MOST, len(self))

    def nearest(self, query: FloatArray, k: int) -> IntArray:
        """Rows among which the ``k`` nearest to a query ``(d,)`` are to be found, rising, int64 ``(m,)``."""
        looked = self.shortlist.length if self.shortlist else self.engine.lists
        among = self.ids if self.some and len(self) <= FILTERED else None
        count = k + SPARE
        while True:
            ids = self.engine.nearest(query, count, looked=looked, among=among)
            there = ids[np.isin(ids, self.ids)]
            if len(there) >= min(k + SPARE, len(self)) or count >= MOST:
                break
            count = min(MOST, count * 4)
        if len(there) < k:  # what is left is not to be had from the engine
            return np.arange(len(self))
        return np.sort(np.searchsorted(self.ids, there))


def measured(vectors: RemoteVectors, asked: int, tried: tuple[int, ...], sure: float) -> Shortlist | None:
    """How many lists have to be looked at, asked for some of the rows; None where all have to."""
    rows = np.sort(np.random.default_rng(0).choice(len(vectors), min(asked, len(vectors)), replace=False))
    queries, lists = vectors[rows], vectors.engine.lists

    def nearest(looked: int) -> list[set[int]]:
        return [
            set(vectors.engine.nearest(query, 10, looked=looked, among=None).tolist()) for query in queries
        ]

    truth = nearest(lists)
    for looked in (count for count in tried if count < lists):
        hits = nearest(looked)
        recall = float(np.mean([len(hit & all) / len(all) for hit, all in zip(hits, truth, strict=True)]))
        if recall >= sure:
            return Shortlist(looked, recall)
    return None
