"""Vectors to be searched, and what the stages after a search keep about them."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

from likewise.errors import UsageError
from likewise.ranking.exact import Metric, search
from likewise.ranking.expansion import augmented
from likewise.ranking.neighbours import Neighbours
from likewise.types import FloatArray, IntArray, Ranking


class Gallery:
    """Vectors to be searched, and what stages need to know of them; threads may share it.

    Lists of neighbours, the graph and the augmented gallery are made when a stage first asks for them and
    kept: 8 bytes for each neighbour of each row, 8 more for each edge of the graph, 4 for each number of
    the augmented vectors.

    Parameters
    ----------
    vectors
        Finite float32, shape ``(n, d)``.
    ids
        int64, shape ``(n,)``, all different; 0 to n - 1 by default.
    metric
        As for `likewise.ranking.exact.search`; with ``dot`` the vectors have the length 1.

    Raises
    ------
    UsageError
        When there is not one id for each vector.
    """

    def __init__(self, vectors: FloatArray, *, ids: IntArray | None = None, metric: Metric = "dot") -> None:
        names = np.arange(len(vectors), dtype=np.int64) if ids is None else ids
        if names.shape != vectors.shape[:1]:
            raise UsageError(f"ids {names.shape} must be one for each of {len(vectors)} vectors")
        if bool(np.any(np.diff(names) < 0)):  # by id, so that equal scores keep the order of ids
            order = np.argsort(names)
            names, vectors = names[order], vectors[order]
        self.vectors, self.ids, self.metric = vectors, names, metric
        self._lock = Lock()
        self._augmented: dict[tuple[int, float], Gallery] = {}
        self._graphs: dict[tuple[int, float], Any] = {}

    @cached_property
    def unit(self) -> bool:
        """Whether inner products are cosines: all vectors have the length 1, or 0 as an empty picture's."""
        if self.metric == "dot":
            return True
        lengths = np.sqrt(np.einsum("nd,nd->n", self.vectors, self.vectors))
        return bool(np.all((np.abs(lengths - 1) < 0.01) | (lengths == 0)))

    @cached_property
    def neighbours(self) -> Neighbours:
        """The nearest rows of each row."""
        return Neighbours(self.vectors, "dot" if self.unit else self.metric)

    def search(self, queries: FloatArray, k: int) -> Ranking:
        """Rank rows, not ids, by `likewise.ranking.exact.search`."""
        return search(self.vectors, queries, k, metric=self.metric)

    def augmented(self, n: int, alpha: float) -> Gallery:
        """The gallery of `likewise.ranking.expansion.augmented` vectors; the last one is kept."""
        with self._lock:
            if (n, alpha) not in self._augmented:
                self._augmented.clear()
                vectors = augmented(self.neighbours, n, alpha=alpha, unit=self.unit)
                self._augmented[n, alpha] = Gallery(vectors, ids=self.ids, metric=self.metric)
            return self._augmented[n, alpha]

    def graph(self, k: int, gamma: float) -> Any:
        """The graph of `likewise.ranking.diffusion.whole`; the last one is kept."""
        from likewise.ranking import diffusion  # loads scipy

        with self._lock:
            if (k, gamma) not in self._graphs:
                self._graphs.clear()
                self._graphs[k, gamma] = diffusion.whole(self.neighbours, k, gamma)
            return self._graphs[k, gamma]
