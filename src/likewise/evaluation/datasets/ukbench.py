"""UKBench: 2550 groups of four pictures, numbered one after the other; every picture is a query.

Nistér and Stewénius, Scalable recognition with a vocabulary tree (CVPR 2006). The query itself is ranked and
counts; the score is N-S, how many of the first four answers are of the query's group.
"""

from __future__ import annotations

import re
from pathlib import Path

from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery, MissingFiles
from likewise.evaluation.datasets.files import by_stem, thinned

GROUPS = 2550

_NAME = re.compile(r"ukbench(\d{5})")


def ukbench(data: Path) -> Benchmark:
    """UKBench, whole or in part.

    The pictures of a group that is not whole stay in the gallery, but do not ask: they could not reach 4.
    ``data``: folder with pictures named ``ukbench00000`` to ``ukbench10199``, at any depth. Raises
    `UsageError` when two pictures share a name or no group is whole.
    """
    gallery, surplus = by_stem(data, known=_knows)
    groups = [tuple(f"ukbench{4 * group + place:05d}" for place in range(4)) for group in range(GROUPS)]
    absent = {name for group in groups for name in group} - gallery.keys()
    missing = [*thinned(len(gallery), 4 * GROUPS, absent)]
    queries = []
    for number, names in enumerate(groups):
        there = [name for name in names if name in gallery]
        if len(there) == 4:
            positives = frozenset(names)
            queries += [
                BenchmarkQuery(name, gallery[name], None, positives, group=f"{number:04d}") for name in names
            ]
        else:
            missing += [_incomplete(name, names, there) for name in there]
    return Benchmark(
        name="ukbench",
        gallery=gallery,
        queries=tuple(queries),
        query_in_gallery="counts",
        measure="N-S",
        missing=tuple(missing),
        surplus=surplus,
    )


def _knows(stem: str) -> bool:
    match = _NAME.fullmatch(stem)
    return match is not None and int(match[1]) < 4 * GROUPS


def _incomplete(name: str, names: tuple[str, ...], there: list[str]) -> MissingFiles:
    effect = f"{len(there)} of the 4 pictures of its group present: N-S could not reach 4, left out"
    return MissingFiles(name, tuple(sorted(set(names) - set(there))), effect, left_out=True)
