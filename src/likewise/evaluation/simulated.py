"""Simulated users, played from the ground truth: more examples in a query, and verdicts on answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery
from likewise.ranking import Ranked
from likewise.ranking.feedback import combined, refined
from likewise.types import FloatArray, IntArray, Ranking

_GAP = 1e-3
"""By how much the first score that was ranked again lies below those that were judged."""


def with_examples(
    benchmark: Benchmark, gallery: FloatArray, queries: FloatArray, count: int, *, unit: bool
) -> tuple[Benchmark, FloatArray]:
    """Ask with several pictures of one thing.

    Each query gets up to ``count - 1`` of its right answers besides, the first ones of the gallery's order
    that are not its own picture. They count as junk for it. One such right answer always stays to be found.
    Returns the benchmark without what was given away, and the vectors asked, ``(q, d)``. Raises `UsageError`
    when the count is not positive, or the benchmark is scored by N-S, which needs whole groups.

    Parameters
    ----------
    gallery, queries
        float32, shapes ``(n, d)`` and ``(q, d)``.
    count
        Pictures in a question, the query's own among them.
    unit
        Whether vectors are compared as unit vectors.
    """
    if count < 1:
        raise UsageError(f"a question has at least 1 picture, not {count}")
    if count == 1:
        return benchmark, queries
    if benchmark.measure == "N-S":
        raise UsageError(f"{benchmark.name} is scored by N-S, which needs whole groups: give no examples")
    places = {name: place for place, name in enumerate(benchmark.gallery)}
    given = [_others(query, benchmark)[:-1][: count - 1] for query in benchmark.queries]
    asked = [
        combined(np.vstack([vector[np.newaxis], gallery[[places[name] for name in names]]]), unit=unit)
        for vector, names in zip(queries, given, strict=True)
    ]
    pairs = zip(benchmark.queries, given, strict=True)
    left = tuple(replace(q, positives=q.positives - {*names}, junk=q.junk | {*names}) for q, names in pairs)
    return replace(benchmark, queries=left), np.stack(asked)


def _others(query: BenchmarkQuery, benchmark: Benchmark) -> list[str]:
    """Right answers in the gallery's order, without the query's own picture."""
    return [n for n, file in benchmark.gallery.items() if n in query.positives and file != query.picture]


def with_feedback(
    benchmark: Benchmark,
    gallery: FloatArray,
    queries: FloatArray,
    count: int,
    ask: Callable[[FloatArray], Ranked],
    *,
    unit: bool,
) -> Ranked:
    """Ask, let the first ``count`` answers be judged, and ask again with the verdicts.

    What was judged stays where it was, junk among it as well, so that a gain is one of answers that nobody
    had looked at yet (the frozen ranking of relevance feedback: Chang, Cirillo and Razon, 1971). The scores
    of the others are shifted to lie below, and mean no more than their order. ``ask``: ranks the gallery for
    vectors ``(q, d)``. Raises `UsageError` when the count is negative.
    """
    if count < 0:
        raise UsageError(f"a person judges at least 0 answers, not {count}")
    first = ask(queries)
    if not count:
        return first
    names = np.array(list(benchmark.gallery))
    shown = [
        _shown(row, [name in query.junk for name in names[row]], count)
        for row, query in zip(first.ranking.ids, benchmark.queries, strict=True)
    ]
    changed = []
    for row, query, vector in zip(shown, benchmark.queries, queries, strict=True):
        yes = [place for place in row if names[place] in query.positives]
        no = [place for place in row if names[place] not in query.positives | query.junk]
        changed.append(refined(vector, gallery[yes], gallery[no], unit=unit))
    again = ask(np.stack(changed))
    return Ranked(_frozen(first.ranking, again.ranking, [len(row) for row in shown]), again.boxes)


def _shown(row: IntArray, junk: list[bool], count: int) -> IntArray:
    """The start of a ranking that holds ``count`` answers besides junk."""
    seen = np.cumsum(~np.array(junk))
    return row[: int(np.searchsorted(seen, count)) + 1]


def _frozen(first: Ranking, again: Ranking, lengths: list[int]) -> Ranking:
    """The start of the first rankings, and after it what the second ones hold besides."""
    ids, scores = again.ids.copy(), again.scores.copy()
    for row, length in enumerate(lengths):
        others = ~np.isin(again.ids[row], first.ids[row, :length])
        rest, below = again.ids[row][others], again.scores[row][others]
        if len(rest) and length:
            below = below - max(0.0, below[0] - first.scores[row, length - 1] + _GAP)
        ids[row] = np.concatenate([first.ids[row, :length], rest])[: ids.shape[1]]
        scores[row] = np.concatenate([first.scores[row, :length], below])[: ids.shape[1]]
    return Ranking(ids, scores)
