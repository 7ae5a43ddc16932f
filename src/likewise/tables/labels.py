"""Which pictures belong together, by a CSV file of files, groups, roles and boxes; reading such files."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from likewise.errors import BadBox, UsageError
from likewise.types import Box

Role: TypeAlias = Literal["both", "query", "gallery", "junk", "distractor"]
"""``both``: asks, is found by the others of its group, and is ignored where it asks itself. ``query``: asks
and is not in the gallery. ``gallery``: is found and does not ask. ``junk``: taken out of the rankings of its
group's queries. ``distractor``: wrong for everybody."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class LabelRow:
    """One line of the file."""

    line: int
    file: str
    group: str
    role: Role
    box: Box | None


def read_rows(file: Path, *, group: str = "group") -> list[LabelRow]:
    """Read and check the file.

    Raises `UsageError` when it is no CSV file with the needed columns, a line is malformed, or a picture is
    listed twice.
    """
    seen: dict[str, LabelRow] = {}
    try:
        for row in _rows(file, group):
            if row.file in seen:
                first = seen[row.file].line
                raise UsageError(f"{file}, line {row.line}: {row.file} is listed already on line {first}")
            seen[row.file] = row
    except csv.Error as error:
        raise UsageError(f"{file} is no CSV file: {error}") from error
    return list(seen.values())


def _rows(file: Path, group: str) -> Iterator[LabelRow]:
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
        yield LabelRow(reader.line_num, name, values[group], role, _box(values["box"], where))


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


def read_text(file: Path, what: str) -> str:
    """Text of a ground truth file in UTF-8, with or without a byte order mark, or in UTF-16 with one.

    Raises `UsageError` when it is not there, cannot be read or is no text.
    """
    try:
        data = file.read_bytes()
        return data.decode("utf-16" if data[:2] in _UTF_16 else "utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{what} {file} is not there") from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{what} {file} cannot be read: byte {error.start} is no UTF-8; save it anew as text in UTF-8"
        ) from error
    except OSError as error:
        raise UsageError(f"{what} {file} cannot be read: {error}") from error


def delimiter_of(head: str) -> str:
    """The delimiter of columns: a comma, or what spreadsheets put there where commas are decimal."""
    return max(",;\t", key=head.count)
