"""Scores as text for people and as JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from likewise.cli.output import printable, table

if TYPE_CHECKING:  # numpy stands behind them, and help must not wait for that
    from likewise.evaluation.datasets import Benchmark, MissingFiles
    from likewise.evaluation.reports import QueryScore, Report, RunComparison

_LISTED = 40


def tell_gaps(benchmark: Benchmark, *, known: int | None = None) -> None:
    """Say what is missing or too much, and what it does to the score; only what came after ``known``."""
    for line in _gaps(benchmark, known):
        typer.echo(line, err=True)


def _gaps(benchmark: Benchmark, known: int | None) -> Iterator[str]:
    groups: dict[str, list[MissingFiles]] = {}
    for gap in benchmark.missing[known or 0 :]:
        groups.setdefault(gap.effect, []).append(gap)
    for effect, together in list(groups.items())[:_LISTED]:
        about = _some([gap.query for gap in together if gap.query], "queries")
        files = _some(sorted({file for gap in together for file in gap.files}), "files")
        yield printable(f"missing  {about}{': ' * bool(about)}{effect}" + (f" ({files})" if files else ""))
    if len(groups) > _LISTED:
        yield f"missing  and {len(groups) - _LISTED} more lines; the run's file has all of it"
    if benchmark.surplus and known is None:
        names = _some(benchmark.surplus, "pictures")
        yield printable(f"surplus  not part of the data set, not used: {names}")


def _some(names: Sequence[str], what: str) -> str:
    """All of a few names, the number and the first of many."""
    return ", ".join(names) if len(names) <= 5 else f"{len(names)} {what}: {', '.join(names[:3])}, ..."


def score_lines(report: Report) -> list[str]:
    """The protocol card of a run, and its scores."""
    facts = report.run.card.facts(report.scores.rule)
    return [*(printable(f"{name:<12} {fact}") for name, fact in facts.items()), "", *_numbers(report)]


def _numbers(report: Report) -> Iterator[str]:
    scores = report.scores
    counted = len(scores.queries) - len(scores.excluded)
    interval = f"95 % interval {report.interval.low:.4f} to {report.interval.high:.4f}, bootstrap"
    yield f"{scores.measure:<12} {scores.value:.4f}  ({interval} over {counted} queries)"
    if scores.measure == "N-S":
        yield f"mAP          {scores.mean_ap:.4f}"
    yield f"precision    {_at(scores.ks, scores.mean_precision)}"
    yield f"recall       {_at(scores.ks, scores.mean_recall)}"
    if report.run.benchmark.query_in_gallery == "absent":
        yield f"mP@k         {_at(scores.ks, scores.mean_revisited)} (of the revisited benchmarks)"
    if scores.tied:
        low, high = scores.mean_ap_bounds
        yield f"ties         equal scores leave mAP between {low:.4f} and {high:.4f}"
    if scores.excluded:
        yield f"excluded     {len(scores.excluded)} queries without a right answer"
    yield f"run          {printable(report.run.path)}"


def _at(ks: Sequence[int], values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4f} at {k}" for k, value in zip(ks, values, strict=True))


def query_table(report: Report, worst: int | None) -> Iterator[str]:
    """One line a query."""
    last = max(range(len(report.scores.ks)), key=lambda index: report.scores.ks[index])
    picked = [report.scores.queries[number] for number in report.chosen(worst)]
    rows = [
        (q.name, q.positives, q.first or "-", *map(_digits, (q.ap, q.precision[last], q.recall[last])))
        for q in picked
    ]
    k = report.scores.ks[last]
    head = ("query", "right", "first", "AP", f"P@{k}", f"R@{k}")
    return table(rows, head, right=" ".join(head[1:]))


def comparison_lines(
    first: Report, second: Report, comparison: RunComparison, worst: int | None
) -> Iterator[str]:
    """Two runs side by side, the queries that lost most first."""
    rows = sorted(
        zip(
            comparison.queries,
            comparison.first,
            comparison.second,
            comparison.second - comparison.first,
            strict=True,
        ),
        key=lambda row: row[3],
    )[:worst]
    yield f"A            {printable(first.run.path)}"
    yield f"B            {printable(second.run.path)}"
    yield from (f"differs      {printable(line)}" for line in _differences(first, second))
    gained = sum(b > a for a, b in zip(comparison.first, comparison.second, strict=True))
    lost = sum(b < a for a, b in zip(comparison.first, comparison.second, strict=True))
    interval = f"95 % interval {comparison.interval.low:+.4f} to {comparison.interval.high:+.4f}, bootstrap"
    yield f"B - A        {comparison.difference:+.4f} {first.scores.measure}  ({interval})"
    yield f"p            {_p_value(comparison)}"
    yield f"queries      {gained} better, {lost} worse, {len(comparison.queries) - gained - lost} equal"
    yield ""
    cells = [(name, f"{a:.4f}", f"{b:.4f}", f"{change:+.4f}") for name, a, b, change in rows]
    yield from table(cells, ("query", "A", "B", "change"), right="A B change")


def _p_value(comparison: RunComparison) -> str:
    test = comparison.test
    how = "exact" if test.exact else "9 999 draws"
    hint = f"; so few differences cannot give less than {test.smallest:.2g}" if test.smallest > 0.05 else ""
    return f"{test.p:.2g}  (sign-flip test, two-sided, {how}{hint})"


def _differences(first: Report, second: Report) -> Iterator[str]:
    """Facts in which two cards differ."""
    before, after = first.run.card.facts(), second.run.card.facts()
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name, 'none')} against {after.get(name, 'none')}"


def value(report: Report) -> dict[str, Any]:
    """A run and its scores as JSON values; null stands for a query that has no score."""
    scores = report.scores
    return {
        "run": report.run.path,
        "card": asdict(report.run.card),
        "missing": [asdict(missing) for missing in report.run.benchmark.missing],
        "surplus": list(report.run.benchmark.surplus),
        "measure": scores.measure,
        "rule": scores.rule,
        "value": scores.value,
        "interval": list(report.interval),
        "map": scores.mean_ap,
        "map_bounds": list(scores.mean_ap_bounds),
        "ns": scores.ns if scores.measure == "N-S" else None,
        "ks": list(scores.ks),
        "precision": list(scores.mean_precision),
        "recall": list(scores.mean_recall),
        "revisited": list(scores.mean_revisited),
        "excluded": list(scores.excluded),
        "queries": [_query_value(query) for query in scores.queries],
    }


def _query_value(query: QueryScore) -> dict[str, Any]:
    return {key: _known(part) for key, part in asdict(query).items()} | {"first": query.first}


def comparison_value(first: Report, second: Report, comparison: RunComparison) -> dict[str, Any]:
    """Two runs query by query as JSON values."""
    rows = zip(comparison.queries, comparison.first.tolist(), comparison.second.tolist(), strict=True)
    return {
        "first": first.run.path,
        "second": second.run.path,
        "measure": first.scores.measure,
        "rule": first.scores.rule,
        "difference": comparison.difference,
        "interval": list(comparison.interval),
        **comparison.test._asdict(),
        "queries": [{"query": name, "first": a, "second": b} for name, a, b in rows],
    }


def _known(part: Any) -> Any:
    """A JSON value: null where a number is not a number."""
    if isinstance(part, tuple):
        return [_known(item) for item in part]
    return None if isinstance(part, float) and math.isnan(part) else part


def _digits(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"
