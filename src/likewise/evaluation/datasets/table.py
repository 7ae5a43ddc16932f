"""Any pictures, with a CSV file that says which belong together: columns file, group, role and box."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from likewise.errors import BadBox, UsageError
from likewise.evaluation.benchmark import Benchmark, Query, QueryRule, pictures_below
from likewise.evaluation.datasets.files import find_one, read_text, shortfall
from likewise.types import Box, plain

Role: TypeAlias = Literal["both", "query", "gallery", "junk", "distractor"]
"""``both``: asks, is found by the others of its group, and is ignored where it asks itself. ``query``: asks
and is not in the gallery. ``gallery``: is found and does not ask. ``junk``: taken out of the rankings of its
group's queries. ``distractor``: wrong for everybody."""


@dataclass(frozen=True)
class Row:
    """One line of the file."""

    line: int
    file: str
    group: str
    role: Role
    box: Box | None


def table(data: Path, *, gt: Path | None = None, group: str = "group") -> Benchmark:
    """A CSV file and the pictures that it names; the benchmark is called like their folder.

    Columns, with commas, semicolons or tabs between: ``file``, the path below ``data``; ``group``, any text;
    ``role``, one of `Role`, by default ``both``; ``box``, what of a query is looked for, ``x1,y1,x2,y2`` or
    ``x1 y1 x2 y2`` in pixels of the upright original. Other columns are passed over.

    Parameters
    ----------
    data
        Folder that the paths start from.
    gt
        The CSV file; by default the only one below ``data``.
    group
        Name of the column that says what belongs together.

    Raises
    ------
    UsageError
        When the file is not found or malformed, lists a picture twice, or no query can be asked.
    """
    rows = read_rows(gt or find_one(data, "*.csv", what="CSV file of groups"), group=group)
    there = _there(data, rows)
    gallery = {name: there[name] for name in (r.file for r in rows if r.role != "query") if name in there}
    finds, junk = _members(rows, ("both", "gallery")), _members(rows, ("junk",))
    queries, missing, rules = [], [], set[QueryRule]()
    for row in rows:
        if row.role not in ("both", "query"):
            continue
        positives, out = finds.get(row.group, frozenset()) - {row.file}, junk.get(row.group, frozenset())
        gap = shortfall(row.file, row.file, positives, out, queries=there, gallery=gallery)
        missing += [gap] if gap else []
        rules.add("ignored" if row.role == "both" else "absent")
        if not gap or not gap.left_out:
            out |= {row.file} & gallery.keys()
            found, out = positives & gallery.keys(), out & gallery.keys()
            queries.append(Query(row.file, there[row.file], row.box, found, out, row.group))
    listed = {path.resolve() for path in there.values()}
    surplus = [file for file in pictures_below(data) if file.resolve() not in listed]
    return Benchmark(
        name=data.resolve().name or "csv",
        gallery=gallery,
        queries=tuple(queries),
        query_in_gallery="absent" if rules == {"absent"} else "ignored",
        missing=tuple(missing),
        surplus=tuple(file.relative_to(data).as_posix() for file in surplus),
    )


def _there(data: Path, rows: list[Row]) -> dict[str, Path]:
    """Files of the rows, but for those that are missing.

    A name that is not found just so is looked for as it may have been written elsewhere: with backslashes
    between folders, or with accents as one character where the disk has two.
    """
    found = {row.file: data / row.file for row in rows if (data / row.file).is_file()}
    if len(found) < len(rows) and data.is_dir():
        spelt = {plain(file.relative_to(data).as_posix()): file for file in pictures_below(data)}
        for row in rows:
            file = spelt.get(plain(posixpath.normpath(row.file.replace("\\", "/"))))
            if row.file not in found and file is not None:
                found[row.file] = file
    return found


def _members(rows: list[Row], roles: tuple[Role, ...]) -> dict[str, frozenset[str]]:
    """Names by group of the rows with one of the roles."""
    groups: dict[str, set[str]] = {}
    for row in rows:
        if row.role in roles:
            groups.setdefault(row.group, set()).add(row.file)
    return {group: frozenset(names) for group, names in groups.items()}


def read_rows(file: Path, *, group: str = "group") -> list[Row]:
    """Read and check the file.

    Raises
    ------
    UsageError
        When it is no CSV file with the needed columns, a line is malformed, or a picture is listed twice.
    """
    seen: dict[str, Row] = {}
    try:
        for row in _rows(file, group):
            if row.file in seen:
                first = seen[row.file].line
                raise UsageError(f"{file}, line {row.line}: {row.file} is listed already on line {first}")
            seen[row.file] = row
    except csv.Error as error:
        raise UsageError(f"{file} is no CSV file: {error}") from error
    return list(seen.values())


def _rows(file: Path, group: str) -> Iterator[Row]:
    lines = read_text(file, "CSV file").splitlines()
    delimiter = delimiter_of(lines[0] if lines else "")
    reader = csv.DictReader(lines, skipinitialspace=True, delimiter=delimiter)
    reader.fieldnames = _columns(reader.fieldnames or (), ("file", group, "role", "box"))
    absent = {"file", group} - set(reader.fieldnames)
    if absent:
        columns = ", ".join(reader.fieldnames or ()) or "none"
        raise UsageError(f"{file} has no column {min(absent)!r}; its columns are: {columns}")
    for cells in reader:
        where = f"{file}, line {reader.line_num}"
        if not any(cell.strip() for cell in cells.values() if isinstance(cell, str)):
            continue  # as spreadsheets write them below their table
        if None in cells or not (cells["file"] or "").strip():
            raise UsageError(f"{where} does not have the columns of the first line, with a file in it")
        values = {key: (cells.get(key) or "").strip() for key in ("file", group, "role", "box")}
        role = _role(values["role"], where)
        if role != "distractor" and not values[group]:
            raise UsageError(f"{where}: {values['file']} has no {group}; only a distractor may have none")
        name = posixpath.normpath(values["file"])  # ./a.jpg is a.jpg, and may be listed once only
        yield Row(reader.line_num, name, values[group], role, _box(values["box"], where))


def delimiter_of(head: str) -> str:
    """What stands between the columns: a comma, or what spreadsheets put there where commas are decimal."""
    return max(",;\t", key=head.count)


def _columns(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Names of columns, those that are known in whatever case and spaces as they are known."""
    spelt = {name.casefold(): name for name in known}
    return [spelt.get(name.strip().casefold(), name.strip()) for name in names]


def _role(text: str, where: str) -> Role:
    for role in get_args(Role):
        if role == (text.lower() or "both"):
            return role  # type: ignore[no-any-return]
    raise UsageError(f"{where}: no role is called {text!r}; use {', '.join(get_args(Role))}")


def _box(text: str, where: str) -> Box | None:
    if not text:
        return None
    try:
        return Box.parse(",".join(text.replace(",", " ").split()))
    except BadBox as error:
        raise BadBox(f"{where}: {error}") from None
