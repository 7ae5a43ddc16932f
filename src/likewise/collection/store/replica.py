"""A catalogue whose truth lies at a Milvus server: the tables here follow what is written there.

Facts are asked by SQL, which Milvus does not know, so every machine keeps tables of its own; vectors stay
where they are. A row of a table is a text there, under the name of the table and the row's key, with the
number of the change that wrote it; a row that is gone is a text that says so.

A change is published before it is committed here: vectors, then rows, then the number of the change, by which
others see it. Whoever was killed in between leaves rows that are whole and belong to no change yet; the next
writer takes them over. There is one writer at a time, on whatever machine: its name is written there, and is
good for `LEASE` seconds after its last change.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likewise.collection.store.belongings import CATALOGUE, COMMITTED, LOCK
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.committed import MOST, Committed
from likewise.collection.store.contract import point
from likewise.collection.store.database import Database
from likewise.collection.store.milvus import MilvusServer, Texts
from likewise.collection.store.milvus_rows import MilvusRows
from likewise.descriptors import Manifest
from likewise.errors import CollectionDamaged, CollectionLocked
from likewise.files import one_writer

KEYS = {
    "roots": ("id",),
    "layers": ("id",),
    "pictures": ("id",),
    "facts": ("picture",),
    "annotations": ("picture", "name"),
    "failures": ("root", "path"),
    "meta": ("key",),
}
"""Tables, and the columns that tell a row."""

HEAD, WRITER = "head", "writer"
"""Keys of how far changes have come, and of who writes; neither belongs to a change."""

LEASE = 120.0
"""Seconds after its last change that a writer keeps others out."""

_LIFE = "store"
"""The note that tells one collection of a name from another that was made there later."""


@dataclass(frozen=True)
class ReplicaHead:
    """How far the changes of a collection have come.

    Attributes
    ----------
    life
        Tells it from another collection of the same name.
    generation
        How many changes were published.
    last
        The highest id that a picture was given.
    """

    life: str
    generation: int
    last: int

    @classmethod
    def of(cls, texts: Texts) -> ReplicaHead | None:
        """The replica of a server's rows, if the collection is there; raises `CollectionDamaged`."""
        text = texts.read(HEAD) if texts.are_there else None
        if text is None:
            return None
        try:
            parsed = json.loads(text)
            head = cls(str(parsed["life"]), int(parsed["generation"]), int(parsed["last"]))
            if 0 <= head.generation < MOST and 0 <= head.last < MOST:
                return head
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
        raise CollectionDamaged(f"what {texts.address} tells of itself cannot be read: {text[:100]!r}")

    def write(self, texts: Texts) -> None:
        """Tell it."""
        document = {"life": self.life, "generation": self.generation, "last": self.last}
        texts.write({HEAD: json.dumps(document)}, 0)


class Replica:
    """The tables in a folder that follow a server.

    Parameters
    ----------
    folder
        The collection's, where the tables lie.
    """

    def __init__(self, folder: Path, server: MilvusServer) -> None:
        self.folder, self.server = folder, server
        self.texts = Texts(server)

    @property
    def _file(self) -> Path:
        return self.folder / CATALOGUE

    def reader(self) -> FollowingCatalogue:
        """Open for reading what there is now.

        Raises `CollectionNotFound` when there is nothing yet.
        """
        self.follow(None)
        return FollowingCatalogue.reader(self._file, self)

    @contextmanager
    def writer(self) -> Iterator[FollowingCatalogue]:
        """Open for writing; the caller holds the folder's lock.

        Raises `CollectionLocked` when another machine is writing.
        """
        self.texts.make()
        with self._leased():
            self._apply(rest=True)
            with closing(FollowingCatalogue.writer(self._file, self)) as catalogue:
                yield catalogue

    # --- following ---

    def follow(self, known: int | None) -> None:
        """Bring the tables up to the server, unless they are, or another process of this machine is at it.

        Parameters
        ----------
        known
            The change that they have come to; None where that has to be looked up.
        """
        head = ReplicaHead.of(self.texts)
        if head is None or head.generation == known:
            return
        with suppress(CollectionLocked):  # whoever holds it brings them up as well
            self.folder.mkdir(parents=True, exist_ok=True)
            with one_writer(self.folder / LOCK):
                self._apply()

    def _apply(self, *, rest: bool = False) -> None:
        """Take what was published since, or all that was written, which a writer that was killed left."""
        head = ReplicaHead.of(self.texts)
        point(self.folder, self.server.address)  # before there are tables, which lack what layers keep
        self._forget_another(head)
        with closing(Database.writer(self._file)) as database:
            database.rows("PRAGMA foreign_keys = OFF")  # rows come in no order
            catalogue = Catalogue(database)
            seen = catalogue.generation
            until = None if rest or head is None else head.generation
            if until == seen:
                return
            with database.transaction():
                newest = max(
                    (change for change in _taken(database, self.texts.since(seen, until))), default=seen
                )
                if head:
                    catalogue.count_from(head.last)
        if newest > (head.generation if head else 0):
            # what belongs to no change becomes one, with a number above all
            with closing(FollowingCatalogue.writer(self._file, self)) as adopting, adopting.change():
                adopting.resume(newest)

    def _forget_another(self, head: ReplicaHead | None) -> None:
        """Remove tables that follow a collection that is no more, or have seen what the server lost."""
        if not self._file.exists():
            return
        with closing(Database.writer(self._file)) as database:
            catalogue = Catalogue(database)
            life, seen = catalogue.noted(_LIFE), catalogue.generation
        if life and (head is None or head.life != life or head.generation < seen):
            for name in (CATALOGUE, CATALOGUE + "-wal", CATALOGUE + "-shm", COMMITTED):
                with suppress(FileNotFoundError):
                    os.unlink(self.folder / name)

    # --- one writer ---

    @contextmanager
    def _leased(self) -> Iterator[None]:
        self._see_that_nobody_else_writes()
        self.renew()
        self._see_that_nobody_else_writes()  # who came at the same moment
        try:
            yield
        finally:
            self.texts.forget([WRITER])

    def _see_that_nobody_else_writes(self) -> None:
        holder: dict[str, Any] = {}
        with suppress(ValueError, TypeError, RecursionError):
            holder = dict(json.loads(self.texts.read(WRITER) or "{}"))
        who, left = holder.get("who", self._who), holder.get("until", 0)
        left = left - time.time() if isinstance(left, int | float) else 0
        if who != self._who and left > 0:
            raise CollectionLocked(
                f"{self.server.address.text} is written to by {who}: try again when that is done, or, if it "
                f"was killed, in {left:.0f} seconds"
            )

    def renew(self) -> None:
        """Keep others out for another while."""
        self.texts.write({WRITER: json.dumps({"who": self._who, "until": time.time() + LEASE})}, 0)

    @property
    def _who(self) -> str:
        """The folder of a machine, the lock of which lets one process in."""
        status = os.stat(self.folder)
        return f"{socket.gethostname()}:{self.folder.absolute()} ({status.st_dev}, {status.st_ino})"


class FollowingCatalogue(Catalogue):
    """A catalogue that follows a server, and publishes there what is changed here."""

    rows: MilvusRows

    def __init__(self, database: Database, replica: Replica) -> None:
        super().__init__(database)
        self._replica = replica
        self.rows = MilvusRows(replica.server, self._manifest)
        self._publishes = False

    def _manifest(self, layer: int) -> Manifest:
        return next(entry.manifest for entry in self.layers() if entry.id == layer)

    def _watch(self) -> None:
        """Note the keys of rows that change from now on, which SQLite forgets with the connection."""
        run, self._publishes = self._database.run, True
        run("CREATE TEMP TABLE touched (name, first, second, PRIMARY KEY (name, first, second))")
        for table, key in KEYS.items():
            for event, rows in (("INSERT", ["NEW"]), ("UPDATE", ["OLD", "NEW"]), ("DELETE", ["OLD"])):
                # an upsert would have its own way with OR IGNORE in a trigger that it fires
                notes = "".join(
                    f"INSERT INTO touched VALUES ('{table}', {_columns(row, key)}) ON CONFLICT DO NOTHING; "
                    for row in rows
                )
                run(f"CREATE TEMP TRIGGER {table}_{event} AFTER {event} ON main.{table} BEGIN {notes}END")

    @contextmanager
    def change(self) -> Iterator[None]:
        """See `Catalogue`; what an unfinished one left to be written is forgotten."""
        if not self._publishes:
            self._watch()
        self.rows.begin()
        with super().change():
            yield

    def follow(self) -> bool:
        """See `Catalogue`."""
        there = super().follow()
        if there and not self._publishes:
            self._replica.follow(self.generation)
        return there

    def resume(self, generation: int) -> None:
        """Count changes from a number on."""
        self._keep("generation", generation)

    def _publish(self, now: Committed) -> None:
        """Write, within a change, what it did to the server.

        Raises `CollectionLocked` when somebody else has published meanwhile.
        """
        texts, head = self._replica.texts, ReplicaHead.of(self._replica.texts)
        if head and head.generation >= now.generation:
            raise CollectionLocked(f"{texts.address} was changed by another machine meanwhile: run it again")
        life = head.life if head else uuid.uuid4().hex
        if self.noted(_LIFE) != life:
            self.note(_LIFE, life)
        touched = self._database.rows("SELECT name, first, second FROM touched ORDER BY 1, 2, 3")
        written = {_name(*key): self._row(*key) for key in touched}
        self.rows.write()
        texts.write({name: _text(row) for name, row in written.items()}, now.generation)
        self._replica.renew()
        ReplicaHead(life, now.generation, now.last).write(texts)
        gone = [first for name, first, _ in touched if name == "pictures" and not self.has(first)]
        self.rows.forget([layer.id for layer in self.layers()], gone)
        self._database.run("DELETE FROM touched")

    def _row(self, table: str, first: object, second: object) -> dict[str, Any]:
        """A row at the server: its table, its key, and its columns, if it is there."""
        key = (first, second)[: len(KEYS[table])]
        where = " AND ".join(f"{column} = ?" for column in KEYS[table])
        names = [name for _, name, *_ in self._database.rows(f"PRAGMA table_info({table})")]
        rows = self._database.rows(f"SELECT {', '.join(names)} FROM {table} WHERE {where}", *key)
        columns = dict(zip(names, rows[0], strict=True)) if rows else None
        return {"table": table, "key": key, "columns": columns}


def _columns(row: str, key: Sequence[str]) -> str:
    return ", ".join([*(f"{row}.{column}" for column in key), "''"][:2])


def _name(table: str, *key: object) -> str:
    """The key of a row's text: of letters and digits, for Milvus' iterators quote nothing else rightly."""
    return f"{table}_{hashlib.sha256(json.dumps(key, default=_bytes).encode()).hexdigest()[:32]}"


def _text(row: dict[str, Any]) -> str:
    return json.dumps(row, default=_bytes)


def _bytes(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"{value!r} cannot be kept")
    return {"bytes": base64.b64encode(value).decode("ascii")}


def _value(parsed: Any) -> Any:
    return base64.b64decode(parsed["bytes"], validate=True) if isinstance(parsed, dict) else parsed


def _taken(database: Database, texts: Iterable[tuple[str, int, str]]) -> Iterator[int]:
    """Put rows into the tables, and give the change of each.

    Raises `CollectionDamaged` when one cannot be read.
    """
    columns = {
        table: {name for _, name, *_ in database.rows(f"PRAGMA table_info({table})")} for table in KEYS
    }
    for key, change, text in texts:
        try:
            parsed = json.loads(text)
            table, named = parsed["table"], KEYS[parsed["table"]]
            values = [_value(value) for value in parsed["key"]][: len(named)]
            row = parsed["columns"] and {name: _value(value) for name, value in parsed["columns"].items()}
            if len(values) != len(named) or (row and set(row) != columns[table]):
                raise ValueError("these are not its columns")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise CollectionDamaged(
                f"what is kept of {key} at the server cannot be read ({error!r}): use the version of "
                "likewise that wrote it, or index into another name"
            ) from error
        if row:
            marks = ", ".join("?" * len(row))
            database.run(f"INSERT OR REPLACE INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())
        else:
            where = " AND ".join(f"{column} = ?" for column in named)
            database.run(f"DELETE FROM {table} WHERE {where}", *values)
        yield change
