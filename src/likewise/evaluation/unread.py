"""What pictures that cannot be read do to a benchmark."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from likewise.errors import BadPicture
from likewise.evaluation.benchmark import Benchmark, BenchmarkQuery, MissingFiles


def without_failures(benchmark: Benchmark, failures: Mapping[int, BadPicture]) -> Benchmark:
    """The benchmark without the pictures that could not be read, which are listed as missing.

    Parameters
    ----------
    failures
        Why, by number: queries first, then the gallery.
    """
    count = len(benchmark.queries)
    names = list(benchmark.gallery)
    lost = {names[n - count]: why for n, why in failures.items() if n >= count}
    unread = [
        MissingFiles("", (name,), f"cannot be read ({why.reason}): not ranked") for name, why in lost.items()
    ]
    gaps = [
        _gap(query, failures.get(number), lost.keys(), benchmark)
        for number, query in enumerate(benchmark.queries)
    ]
    return replace(
        benchmark,
        gallery={name: file for name, file in benchmark.gallery.items() if name not in lost},
        queries=tuple(
            replace(query, positives=query.positives - lost.keys(), junk=query.junk - lost.keys())
            for query, gap in zip(benchmark.queries, gaps, strict=True)
            if not (gap and gap.left_out)
        ),
        missing=(*benchmark.missing, *unread, *(gap for gap in gaps if gap)),
    )


def _gap(
    query: BenchmarkQuery, unasked: BadPicture | None, lost: Collection[str], benchmark: Benchmark
) -> MissingFiles | None:
    """What unreadable pictures do to one query, if anything."""
    if unasked is not None:
        own = next((n for n, file in benchmark.gallery.items() if file == query.picture), query.picture.name)
        why = f"the query picture cannot be read ({unasked.reason}): left out"
        return MissingFiles(query.name, (own,), why, left_out=True)
    files = tuple(sorted(query.positives.intersection(lost)))
    if not files:
        return None
    all_, there = len(query.positives), len(query.positives) - len(files)
    if benchmark.measure == "N-S":
        why = f"{there} of {all_} positives can be read: left out, it could not reach {all_}"
        return MissingFiles(query.name, files, why, left_out=True)
    if not there:
        return MissingFiles(
            query.name, files, f"none of {all_} positives can be read: left out", left_out=True
        )
    return MissingFiles(query.name, files, f"{there} of {all_} positives can be read: AP is over the {there}")
