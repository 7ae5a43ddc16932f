"""Vectors to be searched, and what the stages after a search keep about them."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

from likewise.errors import UsageError
from likewise.ranking.exact import Vectors, search, squares_of
from likewise.ranking.expansion import augmented, mixed
from likewise.ranking.neighbours import KeptNeighbours, NeighbourLists, OtherNeighbours, others
from likewise.types import FloatArray, IntArray, Metric, Ranking


class Gallery:
    """Vectors to be searched, and what stages need to know of them; threads may share it.

    Lists of neighbours, the graph and the augmented gallery are made when a stage first asks for them and
    kept: 8 bytes for each neighbour of each row, 8 more for each edge of the graph, 4 for each number of the
    augmented vectors. Raises `UsageError` when there is not one id for each vector.

    Parameters
    ----------
    vectors
        Finite float32, shape ``(n, d)``, or what stands for it.
    ids
        int64, shape ``(n,)``, all different; 0 to n - 1 by default.
    metric
        As for `likewise.ranking.exact.search`; with ``dot`` the vectors have the length 1.
    """

    def __init__(self, vectors: Vectors, *, ids: IntArray | None = None, metric: Metric = "dot") -> None:
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
        lengths = np.sqrt(squares_of(self.vectors))
        return bool(np.all((np.abs(lengths - 1) < 0.01) | (lengths == 0)))

    def __len__(self) -> int:
        """How many rows can be found."""
        return len(self.vectors)

    @cached_property
    def neighbours(self) -> NeighbourLists:
        """The nearest rows of each row."""
        return KeptNeighbours(self.vectors, "dot" if self.unit else self.metric)

    def without(self, row: int) -> Gallery:
        """The gallery as if a row were not in it; the others keep their numbers, ids and neighbours."""
        return _Without(self, row)

    def search(self, queries: FloatArray, k: int) -> Ranking:
        """Rank rows, not ids, by `likewise.ranking.exact.search`, among shortlists where there are some."""
        vectors = self.vectors
        if isinstance(vectors, np.ndarray) or not vectors.approximates(k):
            return search(vectors, queries, k, metric=self.metric)
        rankings = []
        for query in queries:
            rows = vectors.nearest(query, k)
            rankings.append(search(vectors[rows], query[np.newaxis], k, ids=rows, metric=self.metric))
        return Ranking(
            np.concatenate([ranking.ids for ranking in rankings]),
            np.concatenate([ranking.scores for ranking in rankings]),
        )

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


class _Without(Gallery):
    """A gallery with a row that is not found, is nobody's neighbour and is mixed into nothing."""

    def __init__(self, whole: Gallery, hidden: int) -> None:
        super().__init__(whole.vectors, ids=whole.ids, metric=whole.metric)
        self._whole, self._hidden = whole, hidden

    def __len__(self) -> int:
        return len(self.vectors) - 1

    @cached_property
    def unit(self) -> bool:
        return self._whole.unit

    @cached_property
    def neighbours(self) -> NeighbourLists:
        return OtherNeighbours(self._whole.neighbours, self._hidden)

    def search(self, queries: FloatArray, k: int) -> Ranking:
        return others(super().search(queries, k + 1), np.full(len(queries), self._hidden))

    def augmented(self, n: int, alpha: float) -> Gallery:
        """As of the whole gallery, but for the rows that the hidden one is mixed into there."""
        lists = self._whole.neighbours.of(np.arange(len(self.vectors)), n + 1)
        rows = np.flatnonzero((lists.ids[:, :n] == self._hidden).any(axis=1))
        near = self.neighbours.of(rows, n).ids
        vectors = np.array(self._whole.augmented(n, alpha).vectors)
        vectors[rows] = mixed(self.vectors[rows], self.vectors, near, alpha=alpha, unit=self.unit)
        return Gallery(vectors, ids=self.ids, metric=self.metric).without(self._hidden)
