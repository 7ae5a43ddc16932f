"""Reports on runs: scores with an interval, two runs query by query, curves, and what a sheet shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import BenchmarkQuery
from likewise.evaluation.metrics import Rule
from likewise.evaluation.reports.score import Scores, score
from likewise.evaluation.reports.significance import Interval, SignTest, bootstrap_interval, sign_flip_test
from likewise.evaluation.runs import Run
from likewise.types import Hit

Verdict: TypeAlias = Literal["right", "wrong", "junk"]

Questions: TypeAlias = dict[str, tuple[frozenset[str], frozenset[str]]]

LEVELS = 101
"""Points of a precision-recall curve: recall 0, 0.01, ... 1."""


@dataclass(frozen=True)
class Report:
    """A run and its scores.

    ``interval``: 95 % bootstrap interval of ``scores.value``.
    """

    run: Run
    scores: Scores
    interval: Interval

    @classmethod
    def of(cls, run: Run, *, rule: Rule | None = None) -> Report:
        """Score a run.

        ``rule``: how average precision is summed; by default as the run's card says. Raises `UsageError` when
        no query has a right answer.
        """
        scores = score(run.benchmark, run.ranked, similarities=run.scores, rule=rule or run.card.rule)
        return cls(run, scores, bootstrap_interval(scores.values))

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Precision over recall, the mean over all queries that have a right answer.

        The precision at a recall is interpolated: the highest at that recall or beyond it, 0 beyond the last
        right answer that was found (Manning, Raghavan and Schütze, Introduction to Information Retrieval,
        8.4). Returns recall and precision, float64, shape ``(LEVELS,)`` each.
        """
        levels = np.linspace(0, 1, LEVELS)
        lines = []
        for query in self.scores.queries:
            if query.positives:
                hits = np.arange(1, len(query.ranks) + 1)
                precision = np.append(hits / (np.array(query.ranks, dtype=np.float64) + 1), 0)
                highest = np.maximum.accumulate(precision[::-1])[::-1]
                # the first answer that brings recall to the level; 1e-9 for levels such as 0.7
                lines.append(highest[np.searchsorted(hits / query.positives, levels - 1e-9)])
        return levels, np.asarray(np.mean(lines, axis=0), np.float64)

    def chosen(self, worst: int | None) -> list[int]:
        """Numbers of the queries to show: all in their order, or the ``worst`` so many, worst first."""
        if worst is None:
            return list(range(len(self.scores.queries)))
        values = self.scores.values
        return [
            int(number)
            for number in np.argsort(values, kind="stable")[:worst]
            if not np.isnan(values[number])
        ]

    def answers(self, number: int, k: int = 10) -> list[RankedPicture]:
        """The first ``k`` pictures that a query found, junk among them; not its own where that is ignored."""
        query = self.run.benchmark.queries[number]
        return list(islice(_listed(self.run, query, number), k))


@dataclass(frozen=True)
class RunComparison:
    """Two runs on the same queries.

    Attributes
    ----------
    queries
        Names of the queries that both have a score for.
    first, second
        Their scores, float64, one number a query.
    difference
        Mean of ``second - first``.
    interval
        95 % bootstrap interval of the difference.
    test
        Sign-flip test that the difference is zero.
    """

    queries: tuple[str, ...]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    difference: float
    interval: Interval
    test: SignTest

    @classmethod
    def of(cls, first: Report, second: Report) -> RunComparison:
        """Compare two runs query by query.

        Raises `UsageError` when they did not ask the same questions with the same answers, or were scored
        differently.
        """
        asked, also = (
            {query.name: (query.positives, query.junk) for query in report.run.benchmark.queries}
            for report in (first, second)
        )
        if asked != also:
            raise UsageError(f"{_both(first, second)} cannot be compared: {_unlike(asked, also)}")
        if (first.scores.measure, first.scores.rule) != (second.scores.measure, second.scores.rule):
            raise UsageError(f"{_both(first, second)} cannot be compared: they are scored by different rules")
        before, after = (_by_name(report.scores) for report in (first, second))
        names = tuple(before)
        old, new = (np.array([values[name] for name in names]) for values in (before, after))
        change = new - old
        return cls(names, old, new, float(change.mean()), bootstrap_interval(change), sign_flip_test(change))


@dataclass(frozen=True)
class RankedPicture:
    """One picture of a ranking; the rank of its hit counts no junk, and is 0 for junk."""

    hit: Hit
    verdict: Verdict


def _listed(run: Run, query: BenchmarkQuery, number: int) -> Iterator[RankedPicture]:
    gallery = list(run.benchmark.gallery.items())
    rank = 0
    ranking = zip(run.ranked[number].tolist(), run.scores[number].tolist(), strict=True)
    for at, (place, score_) in enumerate(ranking):
        name, file = gallery[place]
        junk = name in query.junk
        if junk and run.benchmark.query_in_gallery == "ignored" and file == query.picture:
            continue
        rank += not junk
        verdict: Verdict = "junk" if junk else "right" if name in query.positives else "wrong"
        yield RankedPicture(Hit(place, file, score_, 0 if junk else rank, run.box(number, at)), verdict)


def _by_name(scores: Scores) -> dict[str, float]:
    """The score of each query that has one."""
    pairs = zip(scores.queries, scores.values.tolist(), strict=True)
    return {query.name: value for query, value in pairs if query.positives}


def _both(first: Report, second: Report) -> str:
    return f"runs {first.run.path} and {second.run.path}"


def _unlike(first: Questions, second: Questions) -> str:
    """The first question that the two do not share, of which there is one."""
    name = next(name for name in [*first, *second] if first.get(name) != second.get(name))
    return f"only one asks {name}" if (name in first) != (name in second) else f"answers to {name} differ"
