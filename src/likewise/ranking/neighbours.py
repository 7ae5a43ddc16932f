"""The rows nearest to each row, found when they are first asked for, and kept."""

from __future__ import annotations

from threading import Lock
from typing import Protocol

import numpy as np

from likewise.ranking.exact import Vectors, search
from likewise.types import IntArray, Metric, Ranking

BLOCK = 2048
"""Rows whose neighbours are looked for at once."""


class NeighbourLists(Protocol):
    """Lists of nearest rows."""

    vectors: Vectors

    def of(self, rows: IntArray, k: int) -> Ranking:
        """The ``k`` rows nearest to each of some rows; a row is no neighbour of itself."""


def others(found: Ranking, rows: IntArray) -> Ranking:
    """Rankings without one row each, shorter by one place.

    Parameters
    ----------
    found
        Shape ``(m, k)``.
    rows
        int64, shape ``(m,)``: what is taken out. A ranking that does not have it loses its last place.
    """
    kept = found.ids != rows[:, np.newaxis]
    kept[kept.all(axis=1), -1] = False
    shape = (len(rows), found.ids.shape[1] - 1)
    return Ranking(found.ids[kept].reshape(shape), found.scores[kept].reshape(shape))


class KeptNeighbours:
    """Lists of nearest rows. Threads may share them.

    They take 8 bytes an entry, ``8 n k`` in all, and are filled row by row as they are asked for: a search
    that wants the lists of a thousand rows does not pay for a hundred thousand. Never more than `BLOCK` rows
    are scored at once, and those in the blocks of `likewise.ranking.exact`.

    Parameters
    ----------
    vectors
        float32, shape ``(n, d)``.
    metric
        As for `likewise.ranking.exact.search`.
    """

    def __init__(self, vectors: Vectors, metric: Metric) -> None:
        self.vectors = vectors
        self.metric = metric
        self._lock = Lock()
        self._resize(0)

    def _resize(self, k: int) -> None:
        self._known = np.zeros(len(self.vectors), np.bool_)
        self._places = np.empty((len(self.vectors), k), np.int32)
        self._scores = np.empty((len(self.vectors), k), np.float32)

    def of(self, rows: IntArray, k: int) -> Ranking:
        """The ``k`` rows nearest to each of some rows; a row is no neighbour of itself.

        Returns rows and scores, ``(m, min(k, n - 1))``. ``rows``: int64, shape ``(m,)``.
        """
        k = min(k, max(0, len(self.vectors) - 1))
        with self._lock:
            if k > self._places.shape[1]:
                self._resize(k)
            missing = np.unique(rows[~self._known[rows]])
            for start in range(0, len(missing), BLOCK):
                self._find(missing[start : start + BLOCK])
            return Ranking(self._places[rows, :k].astype(np.int64), self._scores[rows, :k])

    def _find(self, rows: IntArray) -> None:
        width = self._places.shape[1]
        # Where more than k rows tie, the row itself may not be among the k + 1: then the last one goes.
        ranking = others(search(self.vectors, self.vectors[rows], width + 1, metric=self.metric), rows)
        self._places[rows], self._scores[rows] = ranking.ids, ranking.scores
        self._known[rows] = True


class OtherNeighbours:
    """The lists of `KeptNeighbours` as if one row were not there; nothing is searched again."""

    def __init__(self, whole: NeighbourLists, hidden: int) -> None:
        self.vectors = whole.vectors
        self._whole, self._hidden = whole, hidden

    def of(self, rows: IntArray, k: int) -> Ranking:
        """As `Neighbours.of`, of shape ``(m, min(k, n - 2))``; the hidden row has neighbours and is none."""
        lists = self._whole.of(rows, k + 1)
        if not lists.ids.shape[1]:
            return lists
        return others(lists, np.full(len(rows), self._hidden))
