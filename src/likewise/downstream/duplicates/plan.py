"""A plan of what is done about duplicates: a table that a person can edit, as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from likewise.downstream.duplicates.groups import Duplicates
from likewise.errors import StorageError, UsageError
from likewise.files import replacing
from likewise.files.paths import is_absolute

Action: TypeAlias = Literal["keep", "go"]


@dataclass(frozen=True)
class PlanRow:
    """The action on one file.

    Attributes
    ----------
    group
        Number of its group, or of its burst after those.
    action
        ``keep``, or ``go`` where it is a copy of one that is kept.
    file
        Its absolute path.
    kind, why
        What it is to the one that it is a copy ``of``.
    similarity
        To the first of its group.
    width, height
        Of the upright picture.
    bytes
        Size of the file.
    sha256
        Of what it holds; a file that holds something else by now is left alone.
    folder
        The indexed folder that it lies in, whose inner paths are kept where files are moved.
    of
        The file that it resembles: the first of its group, or another one of it that stays.
    """

    group: int
    action: Action
    file: str
    kind: str
    why: str
    similarity: float
    width: int
    height: int
    bytes: int
    sha256: str
    folder: str
    of: str = ""


@dataclass(frozen=True)
class Plan:
    """The action on each file of each group."""

    rows: tuple[PlanRow, ...]

    @staticmethod
    def check(path: str | os.PathLike[str]) -> None:
        """See that a plan can be written there, before anything is looked for; raises `UsageError`."""
        _ending(path)

    @classmethod
    def of(cls, found: Duplicates) -> Plan:
        """Keep one of each group, and let go what could go; of a burst everything is kept.

        A shot that has copies besides is named in their group alone, where it may go.
        """
        copies = {member.file.path for group in found.groups for member in group.members}
        shots = ([m for m in burst.members if m.file.path not in copies] for burst in found.bursts)
        groups = enumerate((*(group.members for group in found.groups), *shots), 1)
        rows = (
            PlanRow(
                group=number,
                action="go" if member.surplus else "keep",
                file=os.fspath(member.file.path),
                kind=member.kind or "",
                why=member.why,
                similarity=round(member.similarity, 6),
                width=member.file.width,
                height=member.file.height,
                bytes=member.file.bytes,
                sha256=member.file.sha256,
                folder=os.fspath(member.file.root),
                of=os.fspath(member.of or ""),
            )
            for number, members in groups
            for member in members
        )
        return cls(tuple(rows))

    @property
    def groups(self) -> Mapping[int, list[PlanRow]]:
        """The rows by group, in their order."""
        groups: dict[int, list[PlanRow]] = {}
        for row in self.rows:
            groups.setdefault(row.group, []).append(row)
        return groups

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it as CSV or JSON, by the ending of the name.

        Raises `UsageError` when the name ends otherwise; `StorageError` when it cannot be written.
        """
        rows = [asdict(row) for row in self.rows]
        if _ending(path) == ".json":
            text = json.dumps({"plan": rows}, indent=1)
        else:
            buffer = io.StringIO()
            writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            text = buffer.getvalue()
        with replacing(Path(path)) as part:  # names need not be text, and come back as they are
            part.write_bytes(text.encode("utf-8", "surrogateescape"))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Plan:
        """Read what `write` wrote and a person or a spreadsheet may have edited.

        Raises `UsageError` when it is no plan: the message names the line and what is wrong there;
        `StorageError` when it cannot be read.
        """
        ending = _ending(path)
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise StorageError(f"{path} cannot be read ({error.strerror})") from error
        table = _from_json(path, text) if ending == ".json" else _from_csv(path, text)
        rows = tuple(_row(cells, f"{path}, {place}") for place, cells in table)
        _check(rows, path)
        return cls(rows)


COLUMNS = tuple(field.name for field in fields(PlanRow))

_NEEDED = ("group", "action", "file", "bytes", "sha256")


def _ending(path: str | os.PathLike[str]) -> str:
    ending = Path(path).suffix.lower()
    if ending not in (".csv", ".json"):
        raise UsageError(f"{path} is no name for a plan: it ends in .csv or .json")
    return ending


def _from_json(path: str | os.PathLike[str], data: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        rows = json.loads(data)["plan"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{path} is no plan: {error!r}") from error
    if not isinstance(rows, list):
        raise UsageError(f"{path} is no plan: it has no list of rows")
    for number, cells in enumerate(rows, 1):
        if not isinstance(cells, dict):
            raise UsageError(f"{path}, entry {number} is no row of a plan")
        yield f"entry {number}", cells


def _from_csv(path: str | os.PathLike[str], data: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rows as spreadsheets write them too: with a byte order mark, semicolons or tabs, in UTF-16."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding, "surrogateescape" if encoding == "utf-8-sig" else "strict")
    except UnicodeError as error:
        raise UsageError(f"{path} is no plan: {error}") from error
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if any(cells.values()):
                yield f"line {reader.line_num}", {(key or "").strip().lower(): cells[key] for key in cells}
    except csv.Error as error:
        raise UsageError(f"{path} is no plan: {error}") from error


def _row(cells: Mapping[str, Any], where: str) -> PlanRow:
    for name in _NEEDED:
        if cells.get(name) in (None, ""):
            raise UsageError(f"{where} has no {name}")
    action = str(cells["action"]).strip().lower()
    if action not in get_args(Action):
        raise UsageError(f"{where}: no action is called {action!r}; use {' or '.join(get_args(Action))}")
    file, digest = str(cells["file"]), str(cells["sha256"]).strip().lower()
    if not is_absolute(file):
        raise UsageError(f"{where}: {file!r} is no absolute path")
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise UsageError(f"{where}: {digest!r} is no SHA-256")
    return PlanRow(
        group=_whole(cells, "group", where),
        action="go" if action == "go" else "keep",
        file=file,
        kind=str(cells.get("kind") or ""),
        why=str(cells.get("why") or ""),
        similarity=_number(cells.get("similarity")),
        width=_whole(cells, "width", where),
        height=_whole(cells, "height", where),
        bytes=_whole(cells, "bytes", where),
        sha256=digest,
        folder=str(cells.get("folder") or ""),
        of=str(cells.get("of") or ""),
    )


def _whole(cells: Mapping[str, Any], name: str, where: str) -> int:
    try:
        return int(cells.get(name) or 0)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{where}: {name} {cells[name]!r} is no whole number") from None


def _number(cell: object) -> float:
    """A similarity, which a spreadsheet may have given a comma; it is there to be read by people only."""
    try:
        return float(str(cell).replace(",", "."))
    except ValueError:
        return 0.0


def _check(rows: Iterable[PlanRow], path: str | os.PathLike[str]) -> None:
    """Each file once, so that none is kept and goes."""
    seen: set[str] = set()
    for row in rows:
        if row.file in seen:
            raise UsageError(f"{path} lists {row.file} twice: a file is kept or goes")
        seen.add(row.file)
