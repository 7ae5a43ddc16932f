"""SQLite as the collection uses it: durable commits, readers beside one writer, errors of our own."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any, TypeAlias
from urllib.parse import quote
from weakref import finalize

import numpy as np

from likewise.errors import (
    CollectionDamaged,
    CollectionError,
    CollectionLocked,
    CollectionNotFound,
    LikewiseError,
    StorageError,
)
from likewise.types import IntArray, plain

APPLICATION = 0x6C696B65
"""``like``: SQLite's application_id, which tells a catalogue from other files."""

VERSION = 5
"""SQLite's user_version: of the tables below.

Version 1 had one layer, whose manifest was in ``meta`` and whose rows had no checksum. Version 2 kept nothing
of what files and people say about pictures. Version 3 had no checksum of rows of pictures, and those of other
rows did not tell whose they were. Version 4 had none of what lies in the small tables.
"""

OPENING = 20.0
"""Seconds that telling what a catalogue is may take; it takes milliseconds."""

LONGEST = 1 << 28
"""Bytes of the longest value that is read."""

TOGETHER = 1 << 23
"""Keys that are read as one value: some 70 MB of digits, and 170 where they are as long as keys can be."""

MOST_TABLES = 1000
"""So many layers nobody makes."""

Rows: TypeAlias = list[tuple[Any, ...]]

_STRICT = sqlite3.sqlite_version_info >= (3, 37)
"""Whether SQLite can hold columns to their types; one that can reads and writes both kinds of tables."""


def _strict(table: str) -> str:
    return table if not _STRICT else table + (", STRICT" if table.endswith("ROWID") else " STRICT")


TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY, checksum INTEGER) WITHOUT ROWID",
    "CREATE TABLE roots (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, checksum INTEGER)",
    # Paths are bytes, as the system keeps them: a file name need not be text.
    """CREATE TABLE pictures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        root INTEGER NOT NULL REFERENCES roots (id), path BLOB NOT NULL,
        sha256 BLOB NOT NULL,
        size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL, checksum INTEGER,
        UNIQUE (root, path))""",
    """CREATE TABLE layers (
        id INTEGER PRIMARY KEY AUTOINCREMENT, place INTEGER NOT NULL, manifest TEXT NOT NULL,
        checksum INTEGER)""",
    """CREATE TABLE failures (
        root INTEGER NOT NULL REFERENCES roots (id), path BLOB NOT NULL,
        reason TEXT NOT NULL, message TEXT NOT NULL,
        size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, at REAL NOT NULL,
        checksum INTEGER,
        PRIMARY KEY (root, path)) WITHOUT ROWID""",
    # What a file says about its picture, and when that came. Words are a list in JSON.
    """CREATE TABLE facts (
        picture INTEGER PRIMARY KEY REFERENCES pictures (id) ON DELETE CASCADE,
        added TEXT, taken TEXT, camera TEXT, lens TEXT, orientation INTEGER NOT NULL, rating INTEGER,
        latitude REAL, longitude REAL, keywords TEXT NOT NULL, checksum INTEGER NOT NULL)""",
    # Columns of one's own; the number is what the text stands for, if it is one.
    """CREATE TABLE annotations (
        picture INTEGER NOT NULL REFERENCES pictures (id) ON DELETE CASCADE,
        name TEXT NOT NULL, text TEXT NOT NULL, number REAL, checksum INTEGER,
        PRIMARY KEY (picture, name)) WITHOUT ROWID""",
)


def layer_table(layer: int) -> str:
    """The table of what a layer keeps of each picture.

    The first is called as the only one of version 1 was: bringing a collection up moves nothing, and readers
    that have it open go on.
    """
    return "vectors" if layer == 1 else f"vectors_{int(layer)}"


def layer_schema(layer: int) -> str:
    """How that table is made; the checksum is the CRC-32 of the code, `bound` to the picture."""
    columns = "picture INTEGER PRIMARY KEY REFERENCES pictures (id) ON DELETE CASCADE"
    return _strict(
        f"CREATE TABLE {layer_table(layer)} ({columns}, code BLOB NOT NULL, checksum INTEGER NOT NULL)"
    )


def crc32(code: object) -> int | None:
    """The checksum of what was stored; None of what is no blob."""
    return zlib.crc32(code) if isinstance(code, bytes) else None


def bound(checksum: object, picture: object) -> int | None:
    """The checksum of what is kept of a picture, going on over the id of that.

    So a row that was copied from another picture is not taken for sound. None where either is none.
    """
    if not (type(checksum) is int and 0 <= checksum < 1 << 32 and type(picture) is int):
        return None
    return zlib.crc32(picture.to_bytes(8, "little", signed=True), checksum)


def checksum_of(*values: object) -> int:
    """The checksum of the columns of a row."""
    return zlib.crc32(json.dumps(values, default=repr).encode())


PICTURE = "id, root, path, sha256, size, mtime_ns, ctime_ns, width, height"
"""The columns of a picture that its checksum is of."""

CHECKSUMS = {
    "meta": "checksum_of(CAST(key AS BLOB), "
    "CASE typeof(value) WHEN 'text' THEN CAST(value AS BLOB) ELSE value END)",
    "roots": "checksum_of(id, path)",
    "layers": "checksum_of(id, place, CAST(manifest AS BLOB))",
    "failures": "checksum_of(root, path, CAST(reason AS BLOB), CAST(message AS BLOB), "
    "size, mtime_ns, ctime_ns, at)",
    "annotations": "checksum_of(picture, CAST(name AS BLOB), CAST(text AS BLOB), number)",
}
"""By small table what the checksum of a row has to be; functions get no text that is no UTF-8."""

VERSION_READ = "(SELECT user_version FROM pragma_user_version)"
"""The version of the tables at the moment that a statement reads."""


SCHEMA = (
    *(_strict(table) for table in TABLES),
    "CREATE INDEX pictures_by_content ON pictures (sha256)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)


def _made(table: str) -> str:
    """How a table was made before version 5."""
    return _strict(_unchecked(next(text for text in TABLES if text.startswith(f"CREATE TABLE {table} "))))


def _unchecked(table: str) -> str:
    """How a table was made before its rows had checksums."""
    return re.sub(r",\s+checksum INTEGER(?! NOT NULL)", "", table)


UPGRADES = {
    1: (
        _made("layers"),
        "INSERT INTO layers (id, place, manifest) SELECT 1, 0, value FROM meta WHERE key = 'manifest'",
        "DELETE FROM meta WHERE key = 'manifest'",
        # Not "NOT NULL": a damaged row is something else than bytes, and has no checksum.
        "ALTER TABLE vectors ADD COLUMN checksum INTEGER",
        "UPDATE vectors SET checksum = crc32(code)",
    ),
    2: (_made("facts"), _made("annotations")),
    3: (
        "ALTER TABLE pictures ADD COLUMN checksum INTEGER",
        f"UPDATE pictures SET checksum = checksum_of({PICTURE})",
        "UPDATE facts SET checksum = bound(checksum, picture)",
    ),
    4: tuple(
        step
        for table, checksum in CHECKSUMS.items()
        for step in (
            f"ALTER TABLE {table} ADD COLUMN checksum INTEGER",
            f"UPDATE {table} SET checksum = {checksum}",
        )
    ),
}
"""From each version to the next; nothing is described again, and what was damaged stays damaged."""


def _bound_anew(layer: int) -> str:
    """Tell whose each row of a layer is, as versions before 4 did not; what it holds need not be read."""
    return f"UPDATE {layer_table(layer)} SET checksum = bound(checksum, picture)"


_LAYER = re.compile(r"vectors(?:_(\d{1,9}))?", re.ASCII)
"""Names of tables of layers."""


def _bare(statement: object) -> str:
    """How a table or index is made, whatever the spaces and whether it is strict."""
    text = re.sub(r"\s+", " ", str(statement)).strip()
    return re.sub(r",? ?STRICT$", "", text)


@lru_cache(MOST_TABLES)
def _known(name: str) -> set[str]:
    """All that ever made a table or index of a name, as `_bare` gives it."""
    made = [
        text for text in (*TABLES, *SCHEMA) if re.match(rf"CREATE (TABLE|INDEX) {re.escape(name)} ", text)
    ]
    if layer := _LAYER.fullmatch(name):
        made.append(layer_schema(int(layer[1] or 1)))
    if name == "vectors":
        made += [_BEFORE, _BEFORE.replace(" NOT NULL)", " NOT NULL, checksum INTEGER)")]
    return {_bare(text) for statement in made for text in (statement, _unchecked(statement))}


_BEFORE = (
    "CREATE TABLE vectors "
    "( picture INTEGER PRIMARY KEY REFERENCES pictures (id) ON DELETE CASCADE, code BLOB NOT NULL)"
)
"""The table of version 1, to which `UPGRADES` adds a column."""


class Database:
    """A connection whose errors name the file and the remedy; threads may share and close it.

    One that is dropped without `close` is closed when nobody holds it any more.
    """

    def __init__(self, path: Path, mode: str) -> None:
        self.path = path
        _see_that_it_is_whole(path)
        self._lock = RLock()  # SQLite guards its connection against two threads, but not against its end
        self._closed = False
        self._writes = mode == "rwc"
        self._connection = _connect(path, mode)
        self._end = finalize(self, self._connection.close)
        self._end.atexit = False  # a thread of a server may still be asking when the interpreter ends
        self._identity = _identity(path)

    @classmethod
    def reader(cls, path: Path) -> Database:
        """Open for reading, also beside a writer and on a disk that cannot be written.

        Raises `CollectionNotFound` when there is no catalogue, or one that was never finished;
        `CollectionDamaged` or `CollectionError` when the file is no catalogue, or one of a newer version.
        """
        if not path.is_file():
            raise CollectionNotFound(f"{path.parent} holds no collection: index a folder into it first")
        database = cls(path, "ro")
        try:
            try:
                state = database.state()
            except StorageError:
                # A log to read beside the catalogue needs a file that a read-only disk refuses. With no log
                # left over, the catalogue alone is the whole truth.
                if not _is_settled(path):
                    raise
                database.close()
                database = cls(path, "ro&immutable=1")
                state = database.state()
            if state == "new":
                raise CollectionNotFound(f"{path.parent} is still empty: index a folder into it first")
        except LikewiseError:
            database.close()
            raise
        return database

    @classmethod
    def writer(cls, path: Path) -> Database:
        """Open for writing, making the tables when the file is new; the caller holds the lock."""
        database = cls(path, "rwc")
        try:
            # Pages of 64 KiB hold 25 vectors of 2.5 kB; the usual 4 KiB would hold one and waste the rest.
            for pragma in (
                "page_size = 65536",
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
                "wal_autocheckpoint = 256",  # a log of 16 MiB; the usual 1000 pages would be 64
            ):
                database.rows(f"PRAGMA {pragma}")
            statements = database._missing()
            with database.transaction() if statements else nullcontext():
                for statement in statements:
                    database.run(statement)
        except LikewiseError:
            database.close()
            raise
        return database

    def _missing(self) -> tuple[str, ...]:
        """Migrations that are missing before it is as this version wants it."""
        if self.state() == "new":
            return SCHEMA
        version = self.version
        steps = [step for before in range(version, VERSION) for step in UPGRADES[before]]
        if version < 4:
            steps += map(_bound_anew, self._layers())
        return (*steps, f"PRAGMA user_version = {VERSION}") if steps else ()

    def _layers(self) -> Iterator[int]:
        """The layers that have a table."""
        for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
            if match := _LAYER.fullmatch(str(name)):
                yield int(match[1] or 1)

    def state(self) -> str:
        """Tell ``ready`` from ``new`` and from ``old``, and refuse everything else, in a bounded time."""
        end = time.monotonic() + OPENING
        self._connection.set_progress_handler(lambda: time.monotonic() > end, 1000)
        try:
            return self._state()
        finally:
            self._connection.set_progress_handler(None, 0)

    def _state(self) -> str:
        [(application,)] = self.rows("PRAGMA application_id")
        version = self.version
        [(tables,)] = self.rows("SELECT count(*) FROM sqlite_master")
        if application == 0 and tables == 0:
            return "new"
        if application != APPLICATION:
            raise CollectionDamaged(f"{self.path} is a database of something else, not a collection")
        if version > VERSION:
            raise CollectionError(
                f"{self.path.parent} was written by a newer likewise (format {version}, this one reads "
                f"{VERSION}): upgrade likewise"
            )
        if version < 1:
            raise CollectionDamaged(f"{self.path} is of the format {version}, which there never was")
        self._check_schema()
        return "ready" if version == VERSION else "old"

    def _check_schema(self) -> None:
        """Refuse tables, views and triggers that are not ours, before any of them is read.

        A catalogue from somebody else could answer from a view that never ends, or act by triggers.
        """
        schema = self.rows("SELECT type, name, sql FROM sqlite_master LIMIT ?", MOST_TABLES)
        if len(schema) == MOST_TABLES:
            raise CollectionDamaged(
                f"{self.path} has {MOST_TABLES} tables or more, which likewise did not make"
            )
        for kind, name, text in schema:
            if str(name).startswith("sqlite_") and (kind == "index" or name == "sqlite_sequence"):
                continue
            if kind not in ("table", "index") or _bare(text) not in _known(str(name)):
                raise CollectionDamaged(
                    f"{self.path} has a {kind} {name!r} that likewise did not make: restore it from a copy, "
                    "or delete it and index again"
                )

    @property
    def is_there(self) -> bool:
        """Whether the path still leads to the file that is open; while it is, no other has its number."""
        return _identity(self.path) in (self._identity, None)

    @property
    def version(self) -> int:
        """Of its tables; a writer may bring them up while a reader has them open."""
        [(version,)] = self.rows("PRAGMA user_version")
        return int(version)

    def rows(self, statement: str, *values: Any) -> Rows:
        """Run a query and give all of its rows."""
        with self._open() as connection:
            return connection.execute(statement, values).fetchall()

    def keys(self, table: str, key: str) -> IntArray:
        """All keys of a table, which are whole numbers, rising, int64 ``(n,)``.

        As texts: a million row by row take a second, so .3. All at once they come from the smallest index
        that has them; where they may be more than one value holds, from the table, so many at a time.
        """
        [(last,)] = self.rows(f"SELECT max({key}) FROM {table}")
        if last is None or last <= TOGETHER:
            return _numbers(self.rows(f"SELECT group_concat({key}) FROM {table}")[0][0])
        page = f"(SELECT {key} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT {TOGETHER})"
        keys, after = [_numbers(None)], -(1 << 63)
        while after is not None:
            [(text, after)] = self.rows(f"SELECT group_concat({key}), max({key}) FROM {page}", after)
            keys.append(_numbers(text))
        return np.concatenate(keys)

    def blocks(self, statement: str, *values: Any, size: int = 2048) -> Iterator[Rows]:
        """Run a query and give its rows in blocks, all of one moment whatever a writer does meanwhile."""
        with self._open() as connection:
            cursor = connection.execute(statement, values)
        try:
            while rows := self._fetch(cursor, size):
                yield rows
        finally:
            with self._lock:
                if not self._closed:
                    cursor.close()

    def _fetch(self, cursor: sqlite3.Cursor, size: int) -> Rows:
        with self._open():
            return cursor.fetchmany(size)

    def run(self, statement: str, *values: Any) -> int:
        """Run a change and give the id of the row that it inserted last."""
        with self._open() as connection:
            return connection.execute(statement, values).lastrowid or 0

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Give the connection, which nobody else uses or closes meanwhile."""
        with self._lock, translated(self.path):
            if self._closed:
                raise CollectionError(f"{self.path.parent} was closed while it was in use: ask it again")
            yield self._connection

    def transaction(self) -> AbstractContextManager[None]:
        """All that the block changes is on the disk when it ends; nothing of it when it fails."""
        return self._between("BEGIN IMMEDIATE")

    def moment(self) -> AbstractContextManager[None]:
        """All that the block reads is of one moment."""
        return self._between("BEGIN")

    @contextmanager
    def _between(self, begin: str) -> Iterator[None]:
        with self._lock:
            self.run(begin)
            try:
                yield
                self.run("COMMIT")
            finally:
                # Unless it was committed, or a full disk has rolled it back.
                if not self._closed and self._connection.in_transaction:
                    self.run("ROLLBACK")

    @property
    def changes(self) -> int:
        """How many rows this connection has changed."""
        return self._connection.total_changes

    def close(self) -> None:
        """Close the connection; a writer moves its log into the catalogue, unless a reader is in the way."""
        with self._lock:
            if self._closed:
                return
            if self._writes:
                with suppress(sqlite3.Error):  # what is in the log is committed: the next writer will move it
                    self._connection.execute("PRAGMA busy_timeout = 0")
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._closed = True
            with translated(self.path):
                self._end()


def _numbers(text: str | None) -> IntArray:
    return np.sort(np.fromstring(text or "", np.int64, sep=","))


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    with translated(path):
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}",
            uri=True,
            timeout=30,
            isolation_level=None,  # transactions are begun by name
            check_same_thread=False,  # SQLite locks each connection by itself
        )
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        connection.text_factory = _readable
        for name, count, function in _FUNCTIONS:
            connection.create_function(name, count, function, deterministic=True)
        return connection


def folded(text: object) -> str | None:
    """Text, or its bytes, as names and words are compared: whatever the case and the form of accents."""
    if isinstance(text, bytes):
        text = _readable(text)
    return plain(plain(text).casefold()) if isinstance(text, str) else None


def _readable(text: bytes) -> str:
    """Text that SQLite keeps; where it is damaged so that it is no UTF-8 the rest can be read."""
    return text.decode("utf-8", "backslashreplace")


def _shown(path: object) -> str | None:
    """A path below its root as text, which it need not be."""
    if not isinstance(path, bytes):
        return None
    return os.fsdecode(path).encode("utf-8", "backslashreplace").decode("utf-8")


def _folder(path: object) -> str | None:
    return None if (text := _shown(path)) is None else text.rpartition("/")[0]


def _name(path: object) -> str | None:
    return None if (text := _shown(path)) is None else text.rpartition("/")[2]


_FUNCTIONS: tuple[tuple[str, int, Any], ...] = (
    ("crc32", 1, crc32),
    ("bound", 2, bound),
    ("checksum_of", -1, checksum_of),
    ("folded", 1, folded),
    ("folder", 1, _folder),
    ("file_name", 1, _name),
    ("shown", 1, _shown),
)
"""Functions for statements: name, number of values, and the function."""


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; (0, 0) when it is gone, None when that cannot be known for now."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return 0, 0
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_settled(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return not log.exists() or log.stat().st_size == 0


def _see_that_it_is_whole(path: Path) -> None:
    """Refuse a file that was emptied or taken away from beside its log, which SQLite would throw away."""
    if not (path.is_file() and path.stat().st_size) and not _is_settled(path):
        what, other = ("is empty", "is not") if path.is_file() else ("is not there", "is")
        raise CollectionDamaged(
            f"{path} {what}, but {path.name}-wal beside it {other}: restore both from a copy, "
            "or delete both and index again"
        )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn every error of SQLite, and every one that a stored value gives, into one of ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise _meaning(path, error) from error
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise CollectionDamaged(
            f"{path} holds a value that cannot be read ({error!r}); verify names the pictures to remove, "
            "else restore it from a copy"
        ) from error


def _meaning(path: Path, error: sqlite3.Error) -> LikewiseError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without the extended part
    folder = path.parent
    match code:
        case sqlite3.SQLITE_FULL:
            return StorageError(
                f"the disk that holds {folder} is full; what was committed is safe: free some space and "
                "run the same command again"
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StorageError(
                f"{path} cannot be opened for this ({error}); check that {folder} can be written, "
                "or copy the collection to where it can"
            )
        case sqlite3.SQLITE_IOERR:
            return StorageError(
                f"the disk that holds {folder} failed ({error}); check it, index again and `likewise verify`"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return CollectionLocked(f"{folder} is in use by another process ({error}); try again")
        case sqlite3.SQLITE_INTERRUPT:
            return CollectionDamaged(
                f"{path} takes more than {OPENING:.0f} seconds to be opened, which no catalogue does: "
                "restore it from a copy, or delete it and index again"
            )
        case _:
            return CollectionDamaged(
                f"{path} cannot be read as a collection ({error}); restore it from a copy, or delete it and "
                "index again"
            )
