"""Any pictures, with a CSV file that says which belong together: columns file, group, role and box."""

from __future__ import annotations

import posixpath
from pathlib import Path

from likewise.evaluation.datasets.benchmark import Benchmark, QueryRule
from likewise.evaluation.datasets.files import Questions, find_one
from likewise.pictures import pictures_below
from likewise.tables.labels import LabelRow, Role, read_rows
from likewise.types import plain


def table(data: Path, *, gt: Path | None = None, group: str = "group") -> Benchmark:
    """A CSV file and the pictures that it names; the benchmark is called like their folder.

    Columns, with commas, semicolons or tabs between: ``file``, the path below ``data``; ``group``, any text;
    ``role``, one of `Role`, by default ``both``; ``box``, what of a query is looked for, ``x1,y1,x2,y2`` or
    ``x1 y1 x2 y2`` in pixels of the upright original. Other columns are passed over. Raises `UsageError` when
    the file is not found or malformed, lists a picture twice, or no query can be asked.

    Parameters
    ----------
    data
        Folder that the paths start from.
    gt
        The CSV file; by default the only one below ``data``.
    group
        Name of the column that says what belongs together.
    """
    rows = read_rows(gt or find_one(data, "*.csv", what="CSV file of groups"), group=group)
    there = _there(data, rows)
    listed = {path.resolve() for path in there.values()}
    gallery = {name: there[name] for name in (r.file for r in rows if r.role != "query") if name in there}
    finds, junk = _members(rows, ("both", "gallery")), _members(rows, ("junk",))
    questions, rules = Questions(there, gallery, []), set[QueryRule]()
    for row in rows:
        if row.role not in ("both", "query"):
            continue
        positives, out = finds.get(row.group, frozenset()) - {row.file}, junk.get(row.group, frozenset())
        rules.add("ignored" if row.role == "both" else "absent")
        questions.ask(row.file, row.file, row.box, positives, out, group=row.group, own={row.file})
    surplus = [file for file in pictures_below(data) if file.resolve() not in listed]
    return Benchmark(
        name=data.resolve().name or "csv",
        gallery=gallery,
        queries=tuple(questions.asked),
        query_in_gallery="absent" if rules == {"absent"} else "ignored",
        missing=tuple(questions.missing),
        surplus=tuple(file.relative_to(data).as_posix() for file in surplus),
    )


def _there(data: Path, rows: list[LabelRow]) -> dict[str, Path]:
    """Files of the rows, but for those that are missing.

    A name that is not found just so is looked for as it may have been written elsewhere: with backslashes
    between folders, or with accents as one character where the disk has two.
    """
    paths = {row.file: data / row.file for row in rows if (data / row.file).is_file()}
    if len(paths) < len(rows) and data.is_dir():
        spelt = {plain(file.relative_to(data).as_posix()): file for file in pictures_below(data)}
        for row in rows:
            file = spelt.get(plain(posixpath.normpath(row.file.replace("\\", "/"))))
            if row.file not in paths and file is not None:
                paths[row.file] = file
    return paths


def _members(rows: list[LabelRow], roles: tuple[Role, ...]) -> dict[str, frozenset[str]]:
    """Names by group of the rows with one of the roles."""
    groups: dict[str, set[str]] = {}
    for row in rows:
        if row.role in roles:
            groups.setdefault(row.group, set()).add(row.file)
    return {group: frozenset(names) for group, names in groups.items()}
