"""Any folder whose sub-folders are groups: every picture asks for the others of its group."""

from __future__ import annotations

from pathlib import Path

from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery, MissingFiles
from likewise.pictures import pictures_below


def folder(data: Path) -> Benchmark:
    """A folder of groups, scored by leaving one out.

    The benchmark is called like the folder. A picture is named by its path below ``data``. Its group is the
    first folder of that path; pictures that lie in ``data`` itself are wrong answers for everybody. The query
    is ranked and ignored there. A picture that is alone in its group does not ask, and an empty sub-folder is
    reported. Raises `UsageError` when there is no picture, or no group of two.
    """
    gallery = {file.relative_to(data).as_posix(): file for file in pictures_below(data)}
    groups: dict[str, list[str]] = {
        sub.name: [] for sub in sorted(data.iterdir()) if sub.is_dir() and not sub.name.startswith(".")
    }
    loose = 0
    for name in gallery:
        group, nested, _ = name.partition("/")
        loose += not nested
        if nested:
            groups[group].append(name)
    what = "picture outside any group, ranked as a wrong answer"
    if loose > 1:
        what = "pictures outside any group, ranked as wrong answers"
    notes = (f"{loose} {what}",) if loose else ()
    return leave_one_out(data.resolve().name or "folder", gallery, groups, notes=notes)


def leave_one_out(
    name: str,
    gallery: dict[str, Path],
    groups: dict[str, list[str]],
    *,
    notes: tuple[str, ...] = (),
) -> Benchmark:
    """Every picture of every group asks for the others of its group.

    Raises `UsageError` when no group has two pictures.
    """
    missing = [
        MissingFiles("", (), f"group {group} is empty: no effect") for group in groups if not groups[group]
    ]
    queries = []
    for group, names in groups.items():
        for picture in names:
            others = frozenset(names) - {picture}
            if others:
                queries.append(
                    BenchmarkQuery(picture, gallery[picture], None, others, frozenset({picture}), group)
                )
            else:
                missing.append(MissingFiles(picture, (), f"alone in group {group}: left out", left_out=True))
    if not queries:
        raise UsageError(f"{name}: no group has two pictures, so there is nothing to ask for")
    return Benchmark(
        name=name,
        gallery=gallery,
        queries=tuple(queries),
        query_in_gallery="ignored",
        missing=tuple(missing),
        notes=notes,
    )
