"""Tables of facts and annotations of pictures, and the pictures of which a filter is true."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from likewise.collection.store.database import (
    CHECKSUMS,
    VERSION_READ,
    Database,
    bound,
    checksum_of,
    translated,
)
from likewise.collection.store.filters import CONDITION_TABLES, Filter
from likewise.errors import UsageError
from likewise.pictures import Facts
from likewise.types import IntArray

FACTS = 0
"""Stands beside the ids of layers, which begin with 1, for the facts of a picture."""

_COLUMNS = "taken, camera, lens, orientation, rating, latitude, longitude, keywords"

_REPLACED = ", ".join(
    f"{column} = excluded.{column}" for column in f"added, {_COLUMNS}, checksum".split(", ")
)

_ROW = f"SELECT added, {_COLUMNS}, facts.checksum, picture, {VERSION_READ} FROM facts"
"""What `_intact` asks, all of one moment: a writer may bring up what is read."""

_AGAIN = "index its folders again, which reads them and describes nothing"


class FactTables:
    """Questions to and changes of the tables ``facts`` and ``annotations``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def are_there(self) -> bool:
        """Whether there are such tables: versions 1 and 2 had none."""
        return self._database.version >= 3

    # --- of files ---

    def keep(self, picture: int, facts: Facts) -> None:
        """Note the facts of a picture, in place of what was noted; when it came stays, if that is sure."""
        values = _values(facts)
        rows = self._database.rows(f"{_ROW} WHERE picture = ?", picture)
        sure = rows and (_intact(rows[0]) or _intact((rows[0][0], *values, *rows[0][-3:])))
        self._write(picture, rows[0][0] if sure else None, values)

    def arrived(self, picture: int, moment: str | None = None) -> None:
        """Note when a picture came: now, by the clock on the wall here, if nothing else is known."""
        for _, *values, _, _, _ in self._database.rows(f"{_ROW} WHERE picture = ?", picture):
            self._write(picture, moment or datetime.now().isoformat(timespec="seconds"), values)

    def seal(self) -> None:
        """Write checksums that tell when a picture came, where the one that is there does not and holds."""
        before = [row for block in self._database.blocks(_ROW) for row in block if row[-3] == _before(row)]
        for added, *values, _, picture, _ in before:
            self._write(picture, added, values)

    def _write(self, picture: int, added: str | None, values: Sequence[object]) -> None:
        self._database.run(
            f"INSERT INTO facts (picture, added, {_COLUMNS}, checksum) VALUES (?{', ?' * 10}) "
            f"ON CONFLICT (picture) DO UPDATE SET {_REPLACED}",  # OR REPLACE would save a page first
            *(picture, added, *values, bound(checksum_of(added, *values), picture)),
        )

    def of(self, picture: int) -> Facts | None:
        """The facts of a picture; None where they were not read, or are not what was written."""
        if not self.are_there:
            return None
        rows = self._database.rows(f"{_ROW} WHERE picture = ?", picture)
        return _facts(rows[0]) if rows and _intact(rows[0]) else None

    def of_content(self, sha256: bytes) -> Facts | None:
        """The facts of a content, wherever it lies."""
        if not self.are_there:
            return None
        rows = self._database.rows(f"{_ROW} JOIN pictures ON picture = id WHERE sha256 = ?", sha256)
        return next((_facts(row) for row in rows if _intact(row)), None)

    def added(self, picture: int) -> str | None:
        """When a picture came, as ``2019-06-03T14:05:09``; None where that was not kept as it was written."""
        if not self.are_there:
            return None
        rows = self._database.rows(f"{_ROW} WHERE picture = ?", picture)
        return str(rows[0][0]) if rows and rows[0][0] and _intact(rows[0]) else None

    def damaged(self) -> list[int]:
        """Ids of the pictures whose facts are not what was written."""
        if not self.are_there:
            return []
        return [row[-2] for block in self._database.blocks(_ROW) for row in block if not _intact(row)]

    def lacking(self) -> list[int]:
        """Ids of the pictures whose facts were not read, or are damaged."""
        bare = self._database.rows("SELECT id FROM pictures WHERE id NOT IN (SELECT picture FROM facts)")
        return [row for (row,) in bare] + self.damaged()

    # --- of people ---

    def annotate(self, picture: int, said: Mapping[str, str]) -> None:
        """Note what somebody says of a picture; an empty text takes it back."""
        for name, text in said.items():
            if text:
                self._database.run(
                    "INSERT OR REPLACE INTO annotations VALUES (?, ?, ?, ?, NULL)",
                    *(picture, name, text, number(text)),
                )
                self._database.run(
                    f"UPDATE annotations SET checksum = {CHECKSUMS['annotations']} "
                    "WHERE picture = ? AND name = ?",
                    *(picture, name),
                )
            else:
                self._database.run("DELETE FROM annotations WHERE picture = ? AND name = ?", picture, name)

    def annotations(self, picture: int) -> dict[str, str]:
        """Annotations of a picture, by name of the column."""
        if not self.are_there:
            return {}
        rows = self._database.rows(
            f"WITH {self._said} SELECT name, text FROM said WHERE picture = ? ORDER BY name", picture
        )
        return {str(name): str(text) for name, text in rows}

    def unsaid(self) -> list[tuple[int, str]]:
        """Pictures and columns of which is kept something that nobody said."""
        if self._database.version < 5:  # before, nothing told
            return []
        return self._database.rows(
            f"SELECT picture, name FROM annotations WHERE checksum IS NOT {CHECKSUMS['annotations']}"
        )

    @property
    def _said(self) -> str:
        """The table that filters call ``said``: annotations that are what was written."""
        written = f"checksum = {CHECKSUMS['annotations']}" if self._database.version >= 5 else "1"
        return f"said AS (SELECT picture, name, text, number FROM annotations WHERE {written})"

    def columns(self) -> dict[str, int]:
        """Names of the columns of one's own, and of how many pictures each says something."""
        if not self.are_there:
            return {}
        rows = self._database.rows("SELECT name, count(*) FROM annotations GROUP BY name ORDER BY name")
        return {str(name): int(count) for name, count in rows}

    # --- choosing ---

    def filter(self, text: str) -> Filter:
        """Read a filter, which may ask for columns of one's own; raises `BadFilter`."""
        return Filter.parse(text, self.columns())

    def chosen(self, where: Filter) -> IntArray:
        """Ids of the pictures that a filter lets through, rising, int64 ``(n,)``.

        Raises `UsageError` when the collection was made before facts were kept, and was not indexed since.
        """
        condition, values = self._condition(where)
        rows = self._database.rows(
            f"WITH {self._said} SELECT id FROM {CONDITION_TABLES} WHERE {condition} ORDER BY id", *values
        )
        return np.fromiter((row for (row,) in rows), np.int64, len(rows))

    def true_of(self, where: Filter) -> tuple[str, tuple[object, ...]]:
        """The condition on a table of pictures that a filter is true of one, and its values."""
        condition, values = self._condition(where)
        chosen = f"WITH {self._said} SELECT id FROM {CONDITION_TABLES} WHERE {condition}"
        return f"id IN ({chosen})", tuple(values)

    def counts(self, expression: str, where: Filter | None, most: int) -> list[tuple[object, int]]:
        """How often each value of an expression of ours is found, the most frequent first."""
        condition, values = self._condition(where) if where else ("1", ())
        rows = self._database.rows(
            f"WITH {self._said} SELECT {expression} AS value, count(*) FROM {CONDITION_TABLES} "
            f"WHERE {condition} GROUP BY value ORDER BY count(*) DESC, value LIMIT ?",
            *(*values, most),
        )
        with translated(self._database.path):
            return [(value, int(count)) for value, count in rows]

    def _condition(self, where: Filter) -> tuple[str, Iterable[object]]:
        if not self.are_there:
            raise UsageError(f"this collection was made before what a filter asks for was kept: {_AGAIN}")
        return where.sql, where.values


def number(text: str) -> float | None:
    """The number that a text stands for, if it stands for one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and not set(text) & set("_nN") else None


def _values(facts: Facts) -> tuple[object, ...]:
    words = json.dumps(facts.keywords, ensure_ascii=False)
    return (
        *(facts.taken, facts.camera, facts.lens, facts.orientation, facts.rating),
        *(facts.latitude, facts.longitude, words),
    )


def _intact(row: tuple[Any, ...]) -> bool:
    """Whether a row is what was written of its picture; older checksums do not tell when that came."""
    added, *values, checksum, picture, _ = row
    return checksum is not None and checksum in (bound(checksum_of(added, *values), picture), _before(row))


def _before(row: tuple[Any, ...]) -> int | None:
    """The checksum that a row would have had: before version 4 it did not tell whose it was either."""
    _, *values, _, picture, version = row
    written = checksum_of(*values)
    return written if version < 4 else bound(written, picture)


def _facts(row: tuple[Any, ...]) -> Facts:
    _, *values, words, _, _, _ = row
    return Facts(*values, keywords=tuple(json.loads(words)))  # type: ignore[misc]
