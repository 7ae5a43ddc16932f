"""The rows nearest to each row, found when they are first asked for, and kept."""

from __future__ import annotations

from threading import Lock

import numpy as np

from likewise.ranking.exact import Metric, search
from likewise.types import FloatArray, IntArray, Ranking

BLOCK = 2048
"""Rows whose neighbours are looked for at once."""


class Neighbours:
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

    def __init__(self, vectors: FloatArray, metric: Metric) -> None:
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

        Parameters
        ----------
        rows
            int64, shape ``(m,)``.

        Returns
        -------
        Ranking
            Rows and scores, ``(m, min(k, n - 1))``.
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
        found = search(self.vectors, self.vectors[rows], width + 1, metric=self.metric)
        others = found.ids != rows[:, np.newaxis]
        # Where more than k rows tie, the row itself may not be among the k + 1: then the last one goes.
        others[others.all(axis=1), -1] = False
        self._places[rows] = found.ids[others].reshape(len(rows), width)
        self._scores[rows] = found.scores[others].reshape(len(rows), width)
        self._known[rows] = True
