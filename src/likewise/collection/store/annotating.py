"""Tables in which somebody says more about pictures: a column for the file, and columns of one's own."""

from __future__ import annotations

import csv
import io
import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.database import folded
from likewise.collection.store.filters import RESERVED
from likewise.errors import UsageError
from likewise.tables.labels import delimiter_of, read_text
from likewise.types import one_line, plain

_FILE = ("file", "path", "name", "filename", "sourcefile")
"""Names for the column of files; the first that there is."""

_MOST_COLUMNS = 64


@dataclass(frozen=True)
class Annotated:
    """Counts of a table that was noted.

    Attributes
    ----------
    pictures
        How many pictures something is said of.
    columns
        Names of the columns, as filters ask for them.
    unknown
        Files of the table that are not in the collection.
    """

    pictures: int
    columns: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class AnnotationTable:
    """By name of a file what is said of it, by column."""

    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, file: Path) -> AnnotationTable:
        """Read a CSV file as programs and spreadsheets write it.

        Commas, semicolons or tabs stand between columns; it is UTF-8 or UTF-16; rows may be empty. Raises
        `UsageError` when it is no such file, a column has no name or one that filters know otherwise, or a
        file is listed twice.
        """
        text = read_text(file, "table")
        delimiter = delimiter_of(text.partition("\n")[0])
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        try:
            head = next(reader, [])
            where, names = _columns(file, head)
            rows: dict[str, dict[str, str]] = {}
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                line = f"{file}, line {reader.line_num}"
                if len(cells) > len(head) or not (cells[where : where + 1] or [""])[0].strip():
                    raise UsageError(f"{line} does not have the columns of the first line, with a file in it")
                name = cells[where].strip()
                if name in rows:
                    raise UsageError(f"{line}: {name} is listed already")
                rows[name] = {names[at]: one_line(cell) for at, cell in enumerate(cells) if at in names}
        except csv.Error as error:
            raise UsageError(f"{file} is no CSV file: {error}") from error
        return cls(tuple(names.values()), rows)


def _columns(file: Path, head: list[str]) -> tuple[int, dict[int, str]]:
    """Where the files are, and names of the other columns by their places."""
    names = [folded(one_line(name)) or "" for name in head]
    where = next((names.index(name) for name in _FILE if name in names), None)
    if where is None:
        raise UsageError(f"{file} has no column {_FILE[0]!r}; its columns are: {', '.join(names) or 'none'}")
    own = {at: name for at, name in enumerate(names) if at != where and name}
    if not own or len(own) > _MOST_COLUMNS:
        raise UsageError(f"{file} has {len(own)} columns besides the files: give 1 to {_MOST_COLUMNS}")
    if taken := sorted(RESERVED & set(own.values())):
        raise UsageError(
            f"{file} has a column {taken[0]!r}, which filters know as something else: call it otherwise, "
            f"{taken[0]}_noted say"
        )
    if len(set(own.values())) < len(own):
        raise UsageError(f"{file} has two columns of one name: {', '.join(own.values())}")
    return where, own


def annotate(catalogue: Catalogue, table: AnnotationTable) -> Annotated:
    """Note, within a change, what a table says; an empty cell takes back what was said.

    A file is found by its absolute path, by its path below a folder that was indexed, or as it is seen from
    the working folder, with whatever accents and slashes it is written.
    """
    known: dict[str, set[int]] = {}
    for row, path, below in catalogue.paths():
        for name in (plain(path), plain(below)):
            known.setdefault(name, set()).add(row)
    unknown, pictures = [], set[int]()
    for name, said in table.rows.items():
        ids = next((known[form] for form in _forms(name) if form in known), None)
        if ids is None:
            unknown.append(name)
            continue
        pictures |= ids
        for row in ids:
            catalogue.facts.annotate(row, said)
    return Annotated(len(pictures), table.columns, tuple(unknown))


def _forms(name: str) -> list[str]:
    """The ways in which a file may be known."""
    slashed = posixpath.normpath(name.replace("\\", "/"))
    return [plain(form) for form in (name, posixpath.normpath(name), os.path.abspath(name), slashed)]
