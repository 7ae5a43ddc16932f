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
    for one in benchmark.missing[known or 0 :]:
        groups.setdefault(one.effect, []).append(one)
    for effect, together in list(groups.items())[:_LISTED]:
        about = _some([one.query for one in together if one.query], "queries")
        files = _some(sorted({file for one in together for file in one.files}), "files")
        yield printable(f"missing  {about}{': ' * bool(about)}{effect}" + (f" ({files})" if files else ""))
    if len(groups) > _LISTED:
        yield f"missing  and {len(groups) - _LISTED} more lines; the run's file has all of it"
    if benchmark.surplus and known is None:
        names = _some(benchmark.surplus, "pictures")
        yield printable(f"surplus  not part of the data set, not used: {names}")


def _some(names: Sequence[str], what: str) -> str:
    """All of a few names, the number and the first of many."""
    return ", ".join(names) if len(names) <= 5 else f"{len(names)} {what}: {', '.join(names[:3])}, ..."


def score_lines(one: Report) -> list[str]:
    """The protocol card of a run, and its scores."""
    facts = one.run.card.facts(one.scores.rule)
    return [*(printable(f"{name:<12} {fact}") for name, fact in facts.items()), "", *_numbers(one)]


def _numbers(one: Report) -> Iterator[str]:
    scores = one.scores
    counted = len(scores.queries) - len(scores.excluded)
    interval = f"95 % interval {one.interval.low:.4f} to {one.interval.high:.4f}, bootstrap"
    yield f"{scores.measure:<12} {scores.value:.4f}  ({interval} over {counted} queries)"
    if scores.measure == "N-S":
        yield f"mAP          {scores.mean_ap:.4f}"
    yield f"precision    {_at(scores.ks, scores.mean_precision)}"
    yield f"recall       {_at(scores.ks, scores.mean_recall)}"
    if one.run.benchmark.query_in_gallery == "absent":
        yield f"mP@k         {_at(scores.ks, scores.mean_revisited)} (of the revisited benchmarks)"
    if scores.tied:
        low, high = scores.mean_ap_bounds
        yield f"ties         equal scores leave mAP between {low:.4f} and {high:.4f}"
    if scores.excluded:
        yield f"excluded     {len(scores.excluded)} queries without a right answer"
    yield f"run          {printable(one.run.path)}"


def _at(ks: Sequence[int], values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4f} at {k}" for k, value in zip(ks, values, strict=True))


def query_table(one: Report, worst: int | None) -> Iterator[str]:
    """One line a query."""
    last = max(range(len(one.scores.ks)), key=lambda index: one.scores.ks[index])
    picked = [one.scores.queries[number] for number in one.chosen(worst)]
    rows = [
        (q.name, q.positives, q.first or "-", *map(_digits, (q.ap, q.precision[last], q.recall[last])))
        for q in picked
    ]
    k = one.scores.ks[last]
    head = ("query", "right", "first", "AP", f"P@{k}", f"R@{k}")
    return table(rows, head, right=" ".join(head[1:]))


def comparison_lines(first: Report, second: Report, found: RunComparison, worst: int | None) -> Iterator[str]:
    """Two runs side by side, the queries that lost most first."""
    rows = sorted(
        zip(found.queries, found.first, found.second, found.second - found.first, strict=True),
        key=lambda row: row[3],
    )[:worst]
    yield f"A            {printable(first.run.path)}"
    yield f"B            {printable(second.run.path)}"
    yield from (f"differs      {printable(line)}" for line in _differences(first, second))
    gained = sum(b > a for a, b in zip(found.first, found.second, strict=True))
    lost = sum(b < a for a, b in zip(found.first, found.second, strict=True))
    interval = f"95 % interval {found.interval.low:+.4f} to {found.interval.high:+.4f}, bootstrap"
    yield f"B - A        {found.difference:+.4f} {first.scores.measure}  ({interval})"
    yield f"p            {_p_value(found)}"
    yield f"queries      {gained} better, {lost} worse, {len(found.queries) - gained - lost} equal"
    yield ""
    cells = [(name, f"{a:.4f}", f"{b:.4f}", f"{change:+.4f}") for name, a, b, change in rows]
    yield from table(cells, ("query", "A", "B", "change"), right="A B change")


def _p_value(found: RunComparison) -> str:
    test = found.test
    how = "exact" if test.exact else "9 999 draws"
    hint = f"; so few differences cannot give less than {test.smallest:.2g}" if test.smallest > 0.05 else ""
    return f"{test.p:.2g}  (sign-flip test, two-sided, {how}{hint})"


def _differences(first: Report, second: Report) -> Iterator[str]:
    """What is not the same on the two cards."""
    before, after = first.run.card.facts(), second.run.card.facts()
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name, 'none')} against {after.get(name, 'none')}"


def value(one: Report) -> dict[str, Any]:
    """A run and its scores as JSON values; null stands for a query that has no score."""
    scores = one.scores
    return {
        "run": one.run.path,
        "card": asdict(one.run.card),
        "missing": [asdict(missing) for missing in one.run.benchmark.missing],
        "surplus": list(one.run.benchmark.surplus),
        "measure": scores.measure,
        "rule": scores.rule,
        "value": scores.value,
        "interval": list(one.interval),
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


def comparison_value(first: Report, second: Report, found: RunComparison) -> dict[str, Any]:
    """Two runs query by query as JSON values."""
    rows = zip(found.queries, found.first.tolist(), found.second.tolist(), strict=True)
    return {
        "first": first.run.path,
        "second": second.run.path,
        "measure": first.scores.measure,
        "rule": first.scores.rule,
        "difference": found.difference,
        "interval": list(found.interval),
        **found.test._asdict(),
        "queries": [{"query": name, "first": a, "second": b} for name, a, b in rows],
    }


def _known(part: Any) -> Any:
    """What JSON can hold: null where a number is not a number."""
    if isinstance(part, tuple):
        return [_known(one) for one in part]
    return None if isinstance(part, float) and math.isnan(part) else part


def _digits(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"
