"""Rankings of a benchmark's gallery turned into numbers: one set a query, and their means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery, Measure
from likewise.evaluation.metrics import (
    Rule,
    mean_average_precision,
    precision_at,
    precision_of_ranks,
    recall_at,
    revisited_precision_at,
)

Ranked: TypeAlias = Sequence[Sequence[str]] | NDArray[np.integer]
"""For each query of a benchmark, in order: gallery names best first, or positions in the gallery as an array
of shape ``(q, k)``."""


@dataclass(frozen=True)
class QueryScore:
    """Scores of one query, junk taken out of its ranking first.

    Attributes
    ----------
    name, group
        As in the `BenchmarkQuery`.
    positives
        How many right answers there are, found or not.
    ranks
        0-based ranks of those that were found, rising.
    ap
        Average precision; NaN for a query without positives.
    ap_low, ap_high
        The least and the most that ``ap`` can be when pictures of equal similarity change places. They
        differ only where a right and a wrong answer are tied, and equal ``ap`` when no similarities were
        given.
    precision, recall, revisited
        Precision and recall at each k of `Scores.ks`, and precision as the revisited benchmarks count it.
    """

    name: str
    group: str
    positives: int
    ranks: tuple[int, ...]
    ap: float
    ap_low: float
    ap_high: float
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    revisited: tuple[float, ...]

    @property
    def first(self) -> int | None:
        """Rank of the first right answer, counted from 1; None when none was found."""
        return self.ranks[0] + 1 if self.ranks else None

    @property
    def top_four(self) -> int:
        """How many of the first four answers are right: what N-S averages."""
        return sum(rank < 4 for rank in self.ranks)

    @property
    def tied(self) -> bool:
        """Whether the order of equal similarities can change ``ap``."""
        return self.ap_low < self.ap_high


@dataclass(frozen=True)
class Scores:
    """Scores of a benchmark's queries. Every mean is over the queries that have a positive.

    Attributes
    ----------
    queries
        One entry a query, in the order of the benchmark.
    measure
        The number that the data set is reported by, which is `value`.
    rule
        How average precision was summed.
    ks
        Where precision and recall were taken.
    """

    queries: tuple[QueryScore, ...]
    measure: Measure
    rule: Rule
    ks: tuple[int, ...]

    @property
    def excluded(self) -> tuple[str, ...]:
        """Names of the queries that no mean counts, for want of a positive."""
        return tuple(query.name for query in self.queries if not query.positives)

    @property
    def tied(self) -> tuple[str, ...]:
        """Names of the queries whose average precision hangs on the order of equal similarities."""
        return tuple(query.name for query in self.queries if query.tied)

    @property
    def value(self) -> float:
        """The score by the measure of the data set."""
        return self.ns if self.measure == "N-S" else self.mean_ap

    @property
    def values(self) -> NDArray[np.float64]:
        """The values whose mean is `value`: float64, one a query, NaN for those excluded."""
        return self._each(lambda query: query.top_four if self.measure == "N-S" else query.ap)

    @property
    def mean_ap(self) -> float:
        """Mean average precision."""
        return mean_average_precision(self._each(lambda query: query.ap))

    @property
    def mean_ap_bounds(self) -> tuple[float, float]:
        """The least and the most that mean average precision can be, whatever the order of ties."""
        low = mean_average_precision(self._each(lambda query: query.ap_low))
        return low, mean_average_precision(self._each(lambda query: query.ap_high))

    @property
    def ns(self) -> float:
        """Mean number of right answers among the first four; UKBench's N-S, of 4."""
        return mean_average_precision(self._each(lambda query: query.top_four))

    @property
    def mean_precision(self) -> tuple[float, ...]:
        """Mean precision at each k."""
        return self._means(lambda query: query.precision)

    @property
    def mean_recall(self) -> tuple[float, ...]:
        """Mean recall at each k."""
        return self._means(lambda query: query.recall)

    @property
    def mean_revisited(self) -> tuple[float, ...]:
        """mP@k of the revisited benchmarks at each k."""
        return self._means(lambda query: query.revisited)

    def _each(self, number: Callable[[QueryScore], float]) -> NDArray[np.float64]:
        return np.array([number(query) if query.positives else np.nan for query in self.queries])

    def _means(self, numbers: Callable[[QueryScore], tuple[float, ...]]) -> tuple[float, ...]:
        table = np.array([numbers(query) for query in self.queries]).reshape(len(self.queries), -1)
        return tuple(mean_average_precision(column) for column in table.T)


def score(
    benchmark: Benchmark,
    ranked: Ranked,
    *,
    similarities: NDArray[np.floating] | None = None,
    rule: Rule = "trapezoid",
    ks: Sequence[int] = (1, 5, 10),
) -> Scores:
    """Score one ranking for each query.

    Junk, and the query's own picture where the benchmark ignores it, is taken out of each ranking first. A
    ranking may stop early: what it does not name counts as never found. Raises `UsageError` when the number
    of rankings is not that of the queries, or a ranking names a picture twice or one that is not in the
    gallery.

    Parameters
    ----------
    benchmark
        Whose queries were asked.
    ranked
        One ranking a query, best first.
    similarities
        Similarity of each ranked picture, shape ``(q, m)``, falling along each row; only used to say which
        scores hang on the order of ties. With fewer columns than ``ranked`` the first ``m`` are looked at.
    rule
        How average precision is summed.
    ks
        Where precision and recall are taken.
    """
    if len(ranked) != len(benchmark.queries):
        raise UsageError(f"{len(ranked)} rankings for {len(benchmark.queries)} queries: give one for each")
    if similarities is not None and len(similarities) != len(ranked):
        raise UsageError(f"{len(similarities)} rows of similarities for {len(ranked)} rankings")
    places = {name: place for place, name in enumerate(benchmark.gallery)}
    rows = []
    for number, query in enumerate(benchmark.queries):
        row = _placed(ranked[number], places, query)
        equals = None if similarities is None else similarities[number]
        rows.append(_score_one(query, row, places, equals, rule=rule, ks=ks))
    return Scores(tuple(rows), benchmark.measure, rule, tuple(ks))


def _placed(
    row: Sequence[str] | NDArray[np.integer], places: dict[str, int], query: BenchmarkQuery
) -> NDArray[np.int64]:
    """A ranking as positions in the gallery."""
    try:
        given = row if isinstance(row, np.ndarray) and row.dtype.kind in "iu" else [places[n] for n in row]
    except KeyError as error:
        raise UsageError(f"the ranking of {query.name} names {error}, which is not in the gallery") from None
    placed = np.asarray(given, dtype=np.int64)
    if len(placed) and not 0 <= placed.min() <= placed.max() < len(places):
        raise UsageError(f"the ranking of {query.name} has positions outside the gallery of {len(places)}")
    if len(placed) and np.bincount(placed).max() > 1:
        twice = list(places)[int(np.bincount(placed).argmax())]
        raise UsageError(f"the ranking of {query.name} names {twice} twice: each picture may be ranked once")
    return placed


def _score_one(
    query: BenchmarkQuery,
    row: NDArray[np.int64],
    places: dict[str, int],
    similarities: NDArray[np.floating] | None,
    *,
    rule: Rule,
    ks: Sequence[int],
) -> QueryScore:
    counted = np.ones(len(places), dtype=bool)
    counted[[places[name] for name in query.junk]] = False
    right = np.zeros(len(places), dtype=bool)
    right[[places[name] for name in query.positives]] = True
    kept = counted[row]
    hits, relevant = right[row][kept], len(query.positives)
    ranks = np.flatnonzero(hits)
    ap = low = high = precision_of_ranks(ranks, relevant, rule=rule)
    at = [tuple(f(ranks, relevant, ks).tolist()) for f in (precision_at, recall_at, revisited_precision_at)]
    if similarities is not None and relevant:
        ties = _ties(np.asarray(similarities)[: len(row)], kept, query)
        # lexsort is by its last key: within a tie the hits stand last, or first.
        worst, best = (np.flatnonzero(hits[np.lexsort((key, ties))]) for key in (hits, ~hits))
        low, high = (precision_of_ranks(order, relevant, rule=rule) for order in (worst, best))
    return QueryScore(query.name, query.group, relevant, tuple(ranks.tolist()), ap, low, high, *at)


def _ties(
    similarities: NDArray[np.floating], kept: NDArray[np.bool_], query: BenchmarkQuery
) -> NDArray[np.int64]:
    """A number for each picture that is kept, rising along the ranking, the same for equal similarities."""
    if (similarities[1:] > similarities[:-1]).any():
        raise UsageError(f"the similarities of {query.name} do not fall along the ranking: best first")
    steps = np.ones(len(kept), dtype=np.int64)
    steps[1 : len(similarities)] = similarities[1:] != similarities[:-1]
    return np.cumsum(steps)[kept]
