"""Exact nearest neighbours: every row is scored, nothing is approximated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.files.system import THREADS
from likewise.types import FloatArray, IntArray, Metric, Ranking

BLOCK = 1 << 25
"""Scores held at once: 128 MiB of float32. Every block reads all vectors again."""

SHARE = 16
"""Queries that are worth a thread of their own when the best of their scores are picked."""


class Rows(Protocol):
    """Stand-in for an array of vectors, float32 ``(n, d)``, that is not in memory."""

    ndim: int

    @property
    def shape(self) -> tuple[int, int]:
        """As of the array."""

    def __len__(self) -> int:
        """How many there are."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of them."""

    def __getitem__(self, rows: Any) -> FloatArray:
        """As of the array."""

    def only(self, rows: IntArray) -> Rows:
        """Some of the rows, by their numbers, which rise."""

    def exactly(self) -> Rows:
        """The same, all of which are compared."""

    def recall(self, k: int) -> float | None:
        """The share of the ``k`` nearest that can be expected to be found; None for all."""

    def products(self, queries: FloatArray) -> FloatArray:
        """Inner products of queries ``(q, d)`` with all rows, ``(q, n)``."""

    def squares(self) -> FloatArray:
        """Squares of the lengths of all rows, ``(n,)``."""

    def approximates(self, k: int) -> bool:
        """Whether the ``k`` nearest are looked for in a shortlist."""

    def nearest(self, query: FloatArray, k: int) -> IntArray:
        """That shortlist for a query ``(d,)``: rows, rising, int64 ``(m,)``."""


Vectors: TypeAlias = FloatArray | Rows


def search(
    vectors: Vectors, queries: FloatArray, k: int, *, ids: IntArray | None = None, metric: Metric = "dot"
) -> Ranking:
    """Rank the rows that are nearest to each query.

    Plain matrix products, for one query and for many: they take about as long as a faiss flat scan on the
    same cores (``benchmarks/ranking``), and need no import. Raises `UsageError` when shapes disagree, ``k``
    is not positive, or a query is not finite. Returns ids and scores of shape ``(q, min(k, n))``. Equal
    scores keep the order of their ids, also at the edge of the ``k``.

    Parameters
    ----------
    vectors
        Finite float32, shape ``(n, d)``, or what stands for it.
    queries
        Finite float32, shape ``(q, d)``.
    k
        How many rows a query gets; all ``n`` when there are fewer.
    ids
        int64, shape ``(n,)``, what the rows are called; 0 to n - 1 by default.
    metric
        ``dot`` scores by inner product (the cosine, for unit vectors); ``l2`` by minus the Euclidean
        distance. Higher is better in both.
    """
    check(vectors, queries, k)
    names = np.arange(len(vectors), dtype=np.int64) if ids is None else ids
    k = min(k, len(vectors))
    if not k:
        return Ranking(np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32))
    step, shares = max(1, BLOCK // len(vectors)), min(THREADS, -(-len(queries) // SHARE)) or 1
    rankings: list[Ranking] = []
    with ThreadPoolExecutor(THREADS) as pool:  # it starts none before they are needed
        each = pool.map if shares > 1 else map
        for start in range(0, max(1, len(queries)), step):
            block = queries[start : start + step]
            lines = _scores(vectors, block, metric)
            take = partial(_take, vectors, names, k, metric)
            rankings += each(take, np.array_split(block, shares), np.array_split(lines, shares))
    return Ranking(
        np.concatenate([ranking.ids for ranking in rankings]),
        np.concatenate([ranking.scores for ranking in rankings]),
    )


def _take(
    vectors: Vectors, names: IntArray, k: int, metric: Metric, queries: FloatArray, lines: FloatArray
) -> Ranking:
    """The best of each line of scores, ``(q, n)``."""
    ids = np.empty((len(lines), k), dtype=np.int64)
    scores = np.empty((len(lines), k), dtype=np.float32)
    for row, line in enumerate(lines):
        places = best(line, names, k)
        exact = line[places] if metric == "dot" else _nearness(vectors[places], queries[row])
        order = np.lexsort((names[places], -exact))
        ids[row], scores[row] = names[places][order], exact[order]
    return Ranking(ids, scores)


def check(vectors: Vectors, queries: FloatArray, k: int) -> None:
    """Refuse what cannot be searched, with the errors of `search`."""
    if vectors.ndim != 2 or queries.ndim != 2 or vectors.shape[1] != queries.shape[1]:
        raise UsageError(f"vectors {vectors.shape} and queries {queries.shape} must be (n, d) and (q, d)")
    if k < 1:
        raise UsageError(f"k must be at least 1, not {k}")
    if not np.isfinite(queries).all():
        raise UsageError("a query vector holds numbers that are not finite")


def _scores(vectors: Vectors, queries: FloatArray, metric: Metric) -> FloatArray:
    """Score each query with each row, ``(q, n)``; for l2 minus the squared distance, which ranks alike."""
    products = products_of(vectors, queries)
    if metric == "dot":
        return products
    squares = squares_of(vectors)
    lengths = np.einsum("qd,qd->q", queries, queries)[:, np.newaxis]
    nearness: FloatArray = np.minimum(2 * products - squares - lengths, 0)
    return nearness


def products_of(vectors: Vectors, queries: FloatArray) -> FloatArray:
    """Inner products of queries ``(q, d)`` with all rows, ``(q, n)``."""
    if isinstance(vectors, np.ndarray):
        products: FloatArray = queries @ vectors.T
        return products
    return vectors.products(queries)


def squares_of(vectors: Vectors) -> FloatArray:
    """Squares of the lengths of all rows, ``(n,)``."""
    if isinstance(vectors, np.ndarray):
        squares: FloatArray = np.einsum("nd,nd->n", vectors, vectors)
        return squares
    return vectors.squares()


def best(scores: FloatArray, ids: IntArray, k: int) -> IntArray:
    """Places of the ``k`` highest scores; where the last ones tie, those of the lowest ids."""
    rows = np.flatnonzero(scores >= _edge(scores, k))  # all that tie at the edge: ids decide and not luck
    if len(rows) > 2 * k:
        rows = rows[scores[rows] >= np.partition(scores[rows], len(rows) - k)[len(rows) - k]]
    order = np.lexsort((ids[rows], -scores[rows]))
    return rows[order[:k]]


def _edge(scores: FloatArray, k: int) -> np.float32:
    """A score that at least ``k`` rows reach, and few more than ``k``.

    The ``k``-th highest of the maxima of groups: ``k`` groups hold a row that reaches it. It takes a third of
    the time of finding the ``k``-th highest of all.
    """
    size = min(64, len(scores) // (4 * k))
    groups = len(scores) // size if size else len(scores)
    maxima = scores[: groups * size].reshape(size, groups).max(axis=0) if size else scores
    highest: np.float32 = np.partition(maxima, groups - k)[groups - k]
    return highest


def pairs(count: int, most: int) -> tuple[IntArray, IntArray]:
    """Two different rows each: all pairs of so many rows, or ``most`` random ones where there are more."""
    if count * (count - 1) // 2 <= most:
        left, right = np.triu_indices(count, 1)
        return left.astype(np.int64), right.astype(np.int64)
    chance = np.random.default_rng(0)
    left = chance.integers(count, size=most)
    return left, (left + chance.integers(1, count, size=most)) % count


def _nearness(vectors: FloatArray, query: FloatArray) -> FloatArray:
    """Minus the Euclidean distance, taken from the differences.

    ``|q|^2 + |v|^2 - 2qv`` loses half of the digits where two vectors nearly agree, which is exactly where
    a person looks: a picture would lie at 3e-4 from itself.
    """
    distances: FloatArray = np.linalg.norm(vectors - query, axis=1)
    return -distances
