"""The truth about a collection: its pictures, what each layer keeps of them, files that failed, manifests."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from likewise.collection.store.committed import MOST, Committed
from likewise.collection.store.database import (
    CHECKSUMS,
    MOST_TABLES,
    PICTURE,
    Database,
    Rows,
    checksum_of,
    translated,
)
from likewise.collection.store.fact_tables import FactTables
from likewise.collection.store.filters import Filter
from likewise.collection.store.rows import LayerRows, SqliteRows
from likewise.descriptors import Manifest
from likewise.errors import BadPicture, CollectionDamaged, LikewiseError
from likewise.files.paths import native, relative, within
from likewise.folders import Stamp
from likewise.pictures import Facts
from likewise.types import IntArray

_LOST = "lost"
"""The note of what was committed and is not here any more."""


@dataclass(frozen=True)
class FilePlace:
    """Where a file lies: below a root, by the bytes of its relative path."""

    root: int
    path: bytes


@dataclass(frozen=True)
class Content:
    """The content of a file: size, codes of layers, by their ids, and facts of its picture, once read."""

    sha256: bytes
    width: int
    height: int
    codes: Mapping[int, bytes]
    facts: Facts | None = None


@dataclass(frozen=True)
class StoredLayer:
    """A layer of the collection: its id, which no other layer gets later, and how it is made."""

    id: int
    manifest: Manifest


@dataclass(frozen=True)
class PictureRow:
    """A row: what the catalogue knows about the file at a place."""

    id: int
    sha256: bytes
    stamp: Stamp


@dataclass(frozen=True)
class Entry:
    """A picture as it is shown: its file, and what the file held when it was indexed.

    Attributes
    ----------
    root
        The indexed folder that ``path`` lies in.
    width, height
        Of the upright original.
    bytes, modified
        Size of the file, and when it was changed, as Unix time.
    """

    id: int
    root: Path
    path: Path
    sha256: str
    width: int
    height: int
    bytes: int
    modified: float


@dataclass(frozen=True)
class FailedFile:
    """A file that could not be indexed: why, as a word and as a sentence, and since when (Unix time)."""

    path: Path
    reason: str
    message: str
    at: float


class Catalogue:
    """Questions to and changes of a catalogue, one statement each.

    Changes belong into a `change` block; a crash leaves all of a block or nothing of it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.facts = FactTables(database)
        self.rows: LayerRows = SqliteRows(database)

    @classmethod
    def reader(cls, path: Path, *how: Any) -> Self:
        """Open for reading; raises as `Database.reader` does."""
        return cls(Database.reader(path), *how)

    @classmethod
    def writer(cls, path: Path, *how: Any) -> Self:
        """Open for writing, making it when it is not there; the caller holds the lock.

        That commits were lost is noted, and numbers that they gave are not given again.
        """
        committed = Committed.read(path.parent)
        catalogue = cls(Database.writer(path), *how)
        try:
            catalogue.last_given()
            if committed and committed.generation > catalogue.generation:
                with catalogue.change():
                    catalogue.note(_LOST, committed.text)
                    catalogue._keep("generation", committed.generation)
                    catalogue.count_from(committed.last)
            catalogue._mend(committed)
        except LikewiseError:
            catalogue.close()
            raise
        return catalogue

    def count_from(self, last: int) -> None:
        """Give no picture an id up to this one."""
        self._database.run("DELETE FROM sqlite_sequence WHERE name = 'pictures' AND seq < ?", last)
        self._database.run(
            "INSERT INTO sqlite_sequence SELECT 'pictures', ? "
            "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'pictures') AND ? > 0",
            *(last, last),
        )

    def _mend(self, committed: Committed | None) -> None:
        """Forget notes that are damaged, and put a root right of which is known what it was."""
        if not any(table in ("meta", "roots") for table, _ in self.unwritten()):
            return
        with self.change():
            keys = "'generation', 'changed'"  # which are numbers that can be, and are counted on from here
            self._database.run(f"DELETE FROM meta WHERE key NOT IN ({keys}) AND NOT {self._written('meta')}")
            self._sign("meta", f"NOT {self._written('meta')}")
            rows = self._database.rows(f"SELECT id, path, {self._written('roots')} FROM roots")
            damaged = [root for root, _, written in rows if not written]
            missing = (
                set(committed.roots) - {path for _, path, written in rows if written} if committed else set()
            )
            if len(damaged) == len(missing) == 1:
                self._database.run("UPDATE roots SET path = ? WHERE id = ?", *missing, *damaged)
                self._sign("roots", "id = ?", *damaged)

    def _written(self, table: str) -> str:
        """The condition that a row of a small table is the one that was written."""
        return f"({table}.checksum IS {CHECKSUMS[table]})" if self._database.version >= 5 else "1"

    def _sign(self, table: str, where: str = "1", *values: object) -> None:
        """Give rows of a small table the checksum of what they hold."""
        self._database.run(f"UPDATE {table} SET checksum = {CHECKSUMS[table]} WHERE {where}", *values)

    def unwritten(self) -> list[tuple[str, str]]:
        """Rows of small tables that are not what was written: the table, and what tells the row in it."""
        if self._database.version < 5:  # before, nothing told
            return []
        unwritten = []
        for table, key in (("meta", "key"), ("roots", "id"), ("layers", "id")):
            rows = self._database.rows(f"SELECT {key} FROM {table} WHERE NOT {self._written(table)}")
            unwritten += [(table, str(told)) for (told,) in rows]
        return unwritten

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # --- as a whole ---

    def follow(self) -> bool:
        """Bring it up to what was written elsewhere; False where the file that is open lies there no more."""
        return self._database.is_there

    @property
    def folder(self) -> Path:
        """The collection's."""
        return self._database.path.parent

    @property
    def lost(self) -> Committed | None:
        """The last commit, where that is not here any more and was not all looked for again."""
        committed = Committed.read(self.folder)  # first: a writer may be going on
        with suppress(CollectionDamaged):  # which is said when it is asked for
            if committed and committed.generation > self.generation:
                return committed
        return Committed.parsed(self.noted(_LOST) or "")

    def looked_at(self, folders: Sequence[str]) -> None:
        """Note, within a change, which folders were looked at since commits were lost."""
        if lost := Committed.parsed(self.noted(_LOST) or ""):
            left = lost.without(folders)
            if left:
                self.note(_LOST, left.text)
            else:
                self.forget(_LOST)

    @property
    def generation(self) -> int:
        """How many changes were committed; a reader that holds vectors loads them again when it moves."""
        with translated(self._database.path):
            generation = int(str(self._meta("generation") or 0))
            if not 0 <= generation < MOST:
                raise ValueError(f"{generation} changes were not made")
            return generation

    @property
    def changed(self) -> float:
        """When the last change was committed, as Unix time."""
        with translated(self._database.path):
            return _moment(float(str(self._meta("changed") or 0)))

    @property
    def is_signed(self) -> bool:
        """Whether there is a layer yet."""
        return bool(self._manifests())

    def layers(self) -> list[StoredLayer]:
        """The layers, in their order.

        Raises `CollectionDamaged` when a manifest cannot be read.
        """
        rows = self._manifests()
        with translated(self._database.path):
            return [StoredLayer(layer, Manifest.from_json(_text(text))) for layer, text in rows]

    def _manifests(self) -> Rows:
        if self._database.version == 1:
            return self._database.rows("SELECT 1, value FROM meta WHERE key = 'manifest'")
        return self._database.rows(f"SELECT id, manifest FROM layers ORDER BY place, id LIMIT {MOST_TABLES}")

    def add_layer(self, manifest: Manifest) -> int:
        """Add a layer behind the others, in which no picture is described yet; give its id."""
        layer = self._database.run(
            "INSERT INTO layers (place, manifest) SELECT 1 + coalesce(max(place), -1), ? FROM layers",
            manifest.to_json(),
        )
        self.rows.add(layer, manifest)
        self._sign("layers", "id = ?", layer)
        return layer

    def place_layer(self, layer: int, place: int, manifest: Manifest) -> None:
        """Give a layer its place among the others, and its manifest another name."""
        text = manifest.to_json()
        self._database.run(
            "UPDATE layers SET place = ?, manifest = ?, checksum = NULL "
            "WHERE id = ? AND (place != ? OR manifest != ?)",
            *(place, text, layer, place, text),
        )
        self._sign("layers", "id = ? AND checksum IS NULL", layer)

    def drop_layer(self, layer: int) -> None:
        """Forget a layer and all that it keeps."""
        self.rows.drop(layer)
        self._database.run("DELETE FROM layers WHERE id = ?", layer)

    def note(self, key: str, text: str) -> None:
        """Keep a text under a name."""
        self._keep(key, text)

    def _keep(self, key: str, value: object) -> None:
        self._database.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value)
        self._sign("meta", "key = ?", key)

    def noted(self, key: str) -> str | None:
        """The text that was kept under a name; None where it is not what was written."""
        rows = self._database.rows(f"SELECT value FROM meta WHERE key = ? AND {self._written('meta')}", key)
        return rows[0][0] if rows and isinstance(rows[0][0], str) else None

    def forget(self, key: str) -> None:
        """Keep no text under a name any more."""
        self._database.run("DELETE FROM meta WHERE key = ?", key)

    def notes(self, prefix: str) -> list[str]:
        """All texts that are kept under names that begin so."""
        rows = self._database.rows(
            f"SELECT value FROM meta WHERE substr(key, 1, ?) = ? AND {self._written('meta')}",
            *(len(prefix), prefix),
        )
        return [value for (value,) in rows if isinstance(value, str)]

    @contextmanager
    def change(self) -> Iterator[None]:
        """Commit what the block does as one change, or nothing of it."""
        with self._database.transaction():
            before = self._database.changes
            yield
            if self._database.changes == before and not self.rows.waiting:
                return
            for key, value in (("generation", self.generation + 1), ("changed", time.time())):
                self._keep(key, value)
            now = self._committed()
            self._publish(now)
        now.write(self.folder)

    def _committed(self) -> Committed:
        roots = self._database.rows(f"SELECT path FROM roots WHERE {self._written('roots')}")
        held = tuple(path for (path,) in roots if isinstance(path, bytes))
        return Committed(self.generation, self.last_given(), held)

    def _publish(self, now: Committed) -> None:
        """Do what has to be done elsewhere before a change is committed here: nothing."""

    def moment(self) -> AbstractContextManager[None]:
        """Hold the view of one moment for several questions, whatever a writer commits meanwhile."""
        return self._database.moment()

    def count(self) -> int:
        """How many pictures there are."""
        return int(self._database.rows("SELECT count(*) FROM pictures")[0][0])

    def ids(self) -> IntArray:
        """Ids of all pictures, rising, int64 ``(n,)``."""
        return self._database.keys("pictures", "id")

    def last_id(self) -> int:
        """The highest id of a picture, 0 if there is none."""
        return int(self._database.rows("SELECT coalesce(max(id), 0) FROM pictures")[0][0])

    def last_given(self) -> int:
        """The highest id that a picture was ever given.

        Raises `CollectionDamaged` when it is one that is never reached, and leaves none for the next picture.
        """
        rows = self._database.rows("SELECT seq FROM sqlite_sequence WHERE name = 'pictures'")
        with translated(self._database.path):
            last = int(rows[0][0]) if rows else 0
            if not 0 <= last < MOST:
                raise ValueError(f"{last} pictures were not counted")
            return last

    def integrity(self) -> list[str]:
        """Faults that SQLite finds in the file; empty when it is sound."""
        lines = [str(text) for (text,) in self._database.rows("PRAGMA integrity_check")]
        return [text for text in lines if text != "ok"]

    # --- roots ---

    def roots(self) -> dict[int, str]:
        """Absolute folders that relative paths begin at, by id; none lies in another."""
        rows = self._database.rows("SELECT id, path FROM roots")
        with translated(self._database.path):
            return {root: _folder(os.fsdecode(_bytes(path))) for root, path in rows}

    def add_root(self, folder: str) -> int:
        """Give the id of the root that holds a folder; a new one takes up those that lie in it."""
        known = self.roots()
        for root, path in known.items():
            if within(folder, path):
                return root
        new = self._database.run("INSERT INTO roots (path) VALUES (?)", os.fsencode(folder))
        self._sign("roots", "id = ?", new)
        for root, path in known.items():
            if within(path, folder):
                self._merge(root, new, os.fsencode(relative(path, folder)) + b"/")
        return new

    def _merge(self, old: int, new: int, prefix: bytes) -> None:
        path = "CAST(prefix || path AS BLOB)"
        for table, checksum in (
            ("pictures", f"checksum_of({PICTURE})"),
            ("failures", CHECKSUMS["failures"]),
        ):
            anew = checksum.replace("root, path", f"home, {path}")
            kept = f"CASE WHEN checksum = {checksum} THEN {anew} END"  # what is damaged stays so
            self._database.run(
                f"UPDATE {table} SET root = home, path = {path}, checksum = {kept} "
                "FROM (SELECT ? AS home, ? AS prefix) WHERE root = ?",
                *(new, prefix, old),
            )
        self._database.run("DELETE FROM roots WHERE id = ?", old)

    def place(self, path: str) -> FilePlace | None:
        """Where an absolute path lies, if below a root."""
        for root, folder in self.roots().items():
            if within(path, folder):
                return FilePlace(root, os.fsencode(relative(path, folder)))
        return None

    # --- pictures ---

    def picture(self, place: FilePlace) -> PictureRow | None:
        """Give the row for a place."""
        rows = self._database.rows(
            "SELECT id, sha256, size, mtime_ns, ctime_ns FROM pictures WHERE root = ? AND path = ?",
            *(place.root, place.path),
        )
        return PictureRow(rows[0][0], rows[0][1], Stamp(*rows[0][2:])) if rows else None

    def content(self, sha256: bytes, layers: Iterable[int]) -> Content | None:
        """Give what is known of a content, wherever it lies; of some layers that may be nothing.

        What rows say that are damaged is not known.
        """
        rows = self._database.rows(
            f"SELECT width, height FROM pictures WHERE sha256 = ? AND {self._sound} LIMIT 1", sha256
        )
        if not rows:
            return None
        held = self._database.rows("SELECT id FROM pictures WHERE sha256 = ? ORDER BY id", sha256)
        kept = {layer: self._first(layer, [row for (row,) in held]) for layer in layers}
        codes = {layer: code for layer, code in kept.items() if code is not None}
        [(width, height)] = rows
        return Content(sha256, width, height, codes, self.facts.of_content(sha256))

    def _first(self, layer: int, pictures: Sequence[int]) -> bytes | None:
        """The code of the first of some pictures of which it is what was written."""
        for block in self.rows.of(layer, np.array(pictures, np.int64)):
            for _, code, intact in block:
                if intact and isinstance(code, bytes):
                    return code
        return None

    def code_of(self, layer: int, picture: int) -> bytes | None:
        """The code of one picture; None where there is none, or it is not what was written."""
        return self._first(layer, [picture]) if _is_id(picture) else None

    def unpaired(self, layer: int) -> tuple[list[int], list[int]]:
        """Ids of pictures that a layer keeps nothing of, and ids of none that it keeps something of."""
        pictures, kept = self.ids(), self.rows.pictures(layer)
        bare, stray = (
            np.setdiff1d(*pair, assume_unique=True) for pair in ((pictures, kept), (kept, pictures))
        )
        return bare.tolist(), stray.tolist()

    def holders(self, sha256: bytes) -> list[tuple[int, str | None]]:
        """Ids and absolute paths of the first 256 pictures with a content; None for a path that is none."""
        roots = self.roots()
        rows = self._database.rows(
            "SELECT id, root, path FROM pictures WHERE sha256 = ? ORDER BY id LIMIT 256", sha256
        )
        return [(row, self._placed(roots, root, path)) for row, root, path in rows]

    def paths(self, *, strict: bool = False) -> Iterator[tuple[int, str, str]]:
        """Id, absolute path and path below its root of every picture, by id.

        Those whose path is none or leads out of its root are passed over, unless that is to raise
        `CollectionDamaged`.
        """
        roots = self.roots()
        absolute = self.absolute if strict else self._placed
        for row, root, path in self.places():
            if (there := absolute(roots, root, path)) is not None:
                yield row, there, native(os.fsdecode(path))

    def misplaced(self) -> list[int]:
        """Ids of the pictures whose path is none, or leads out of its root."""
        roots = self.roots()
        return [row for row, root, path in self.places() if self._placed(roots, root, path) is None]

    def _placed(self, roots: dict[int, str], root: int, path: bytes) -> str | None:
        try:
            return self.absolute(roots, root, path)
        except CollectionDamaged:
            return None

    def places(self) -> Iterator[tuple[int, int, bytes]]:
        """Id, root and path below it of every picture, by id, as they are stored: damage and all."""
        for block in self._database.blocks("SELECT id, root, path FROM pictures ORDER BY id"):
            yield from block

    def sizes(self) -> dict[int, tuple[int, int]]:
        """Pixels and bytes of every picture whose row is sound, by id."""
        sound = f"SELECT id, width * height, size FROM pictures WHERE {self._sound} ORDER BY id"
        blocks = self._database.blocks(sound)
        return {row: (pixels, size) for block in blocks for row, pixels, size in block}

    def unsound(self) -> list[int]:
        """Ids of pictures whose rows hold what no picture has, or not what was written."""
        rows = self._database.rows(
            f"SELECT id FROM pictures WHERE NOT coalesce({self._sound}, 0) ORDER BY id"
        )
        return [row for (row,) in rows]

    @property
    def _sound(self) -> str:
        """The condition that a row is one of a picture, and the one that was written."""
        if self._database.version < 4:  # before, rows of pictures had no checksum
            return _POSSIBLE
        return f"({_POSSIBLE} AND checksum = checksum_of({PICTURE}))"

    def absolute(self, roots: dict[int, str], root: int, path: bytes) -> str:
        """Put a path below its root together.

        Raises `CollectionDamaged` when the root is unknown, or the path is none.
        """
        with translated(self._database.path):
            return os.path.join(roots[root], native(os.fsdecode(_below_root(path))))

    def has(self, picture: int) -> bool:
        """Whether there is such a picture, wherever it lies."""
        return _is_id(picture) and bool(self._database.rows("SELECT 1 FROM pictures WHERE id = ?", picture))

    def where(self, pictures: Iterable[int]) -> dict[int, str]:
        """Absolute paths of those of the pictures that there are, and have one."""
        roots = self.roots()
        rows = self._chosen("SELECT id, root, path FROM pictures", pictures)
        placed = ((picture, self._placed(roots, root, path)) for picture, root, path in rows)
        return {picture: path for picture, path in placed if path is not None}

    def entries(self, pictures: Iterable[int]) -> list[Entry]:
        """Those of the pictures that there are, and have a path, in the order given."""
        wanted = list(map(int, pictures))
        entries = {entry.id: entry for entry in self._entries(self._chosen(_ENTRY, wanted))}
        return [entries[picture] for picture in wanted if picture in entries]

    def _chosen(self, select: str, pictures: Iterable[int]) -> Rows:
        """Rows of those of the pictures that there are."""
        wanted, rows = [picture for picture in map(int, pictures) if _is_id(picture)], Rows()
        for start in range(0, len(wanted), 500):  # SQLite takes no statement with very many values
            chunk = wanted[start : start + 500]
            marks = ", ".join("?" * len(chunk))
            rows += self._database.rows(f"{select} WHERE id IN ({marks})", *chunk)
        return rows

    def page(
        self,
        start: int,
        count: int,
        *,
        below: FilePlace | None = None,
        where: Filter | None = None,
        newest: bool = False,
    ) -> tuple[list[Entry], int]:
        """Some of the pictures, by path or the newest first, and how many there are in all.

        Those without a path are counted and left out.

        Parameters
        ----------
        below
            Only those in this folder, at whatever depth; the path of a root's own place is empty.
        where
            Only those of which a filter is true.
        """
        conditions = [_below(below)] if below else []
        if where:
            conditions.append(self.facts.true_of(where))
        narrowed = " AND ".join(condition for condition, _ in conditions) or "1"
        values = tuple(value for _, group in conditions for value in group)
        order = "mtime_ns DESC, id" if newest else "root, path"
        [(total,)] = self._database.rows(f"SELECT count(*) FROM pictures WHERE {narrowed}", *values)
        rows = self._database.rows(
            f"{_ENTRY} WHERE {narrowed} ORDER BY {order} LIMIT ? OFFSET ?", *values, count, start
        )
        return self._entries(rows), int(total)

    def _entries(self, rows: Rows) -> list[Entry]:
        roots = self.roots()
        with translated(self._database.path):
            return [
                Entry(
                    id=row,
                    root=Path(roots[root]),
                    path=Path(there),
                    sha256=sha256.hex(),
                    width=width,
                    height=height,
                    bytes=size,
                    modified=mtime_ns / 1e9,
                )
                for row, root, path, sha256, width, height, size, mtime_ns in rows
                if (there := self._placed(roots, root, path)) is not None
            ]

    def insert(self, place: FilePlace, stamp: Stamp, content: Content, *, id: int | None = None) -> int:
        """Add a picture and what layers keep of it; give its id, which is a new one if none is given."""
        values = _values(place, stamp, content)
        picture = self._database.run(
            f"INSERT INTO pictures ({PICTURE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", id, *values
        )
        self._database.run(
            "UPDATE pictures SET checksum = ? WHERE id = ?", checksum_of(picture, *values), picture
        )
        self.rows.put(picture, content.codes)
        if content.facts:
            self.facts.keep(picture, content.facts)
            self.facts.arrived(picture)
        return picture

    def replace(self, picture: int, place: FilePlace, stamp: Stamp, content: Content) -> None:
        """Give a picture, whose file changed, its new content."""
        self.move(picture, place, stamp, content)
        self.rows.put(picture, content.codes)
        if content.facts:
            self.facts.keep(picture, content.facts)

    def move(self, picture: int, place: FilePlace, stamp: Stamp, content: Content) -> None:
        """Note where the file of a picture lies now, and its stamp; what layers keep of it stays."""
        values = _values(place, stamp, content)
        marks = ", ".join(f"{column} = ?" for column in PICTURE.split(", ")[1:])
        self._database.run(
            f"UPDATE pictures SET {marks}, checksum = ? WHERE id = ?",
            *(*values, checksum_of(picture, *values), picture),
        )

    def delete(self, pictures: Collection[int]) -> int:
        """Forget pictures and what layers keep of them; give how many."""
        for picture in pictures:
            self._database.run("DELETE FROM pictures WHERE id = ?", picture)
        return len(pictures)

    def size_of(self, picture: int) -> tuple[int, int] | None:
        """Width and height of one picture."""
        rows = self._database.rows("SELECT width, height FROM pictures WHERE id = ?", picture)
        return (int(rows[0][0]), int(rows[0][1])) if rows else None

    # --- failures ---

    def failed(self, place: FilePlace) -> Stamp | None:
        """Stamp of the file that failed at a place."""
        rows = self._database.rows(
            "SELECT size, mtime_ns, ctime_ns FROM failures WHERE root = ? AND path = ?",
            place.root,
            place.path,
        )
        return Stamp(*rows[0]) if rows else None

    def fail(self, place: FilePlace, stamp: Stamp, problem: BadPicture) -> None:
        """Note that a file failed, in place of what was noted before."""
        self._database.run(
            "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            *(place.root, place.path, problem.reason, storable(str(problem))),
            *(stamp.size, stamp.mtime_ns, stamp.ctime_ns, time.time()),
        )
        self._sign("failures", "root = ? AND path = ?", place.root, place.path)

    def forgive(self, place: FilePlace) -> None:
        """Forget that a file failed."""
        self._database.run("DELETE FROM failures WHERE root = ? AND path = ?", place.root, place.path)

    def failures(self) -> list[FailedFile]:
        """All files that failed, by path, but for those whose rows cannot be read."""
        failed = [failure for _, failure in self._failures() if isinstance(failure, FailedFile)]
        return sorted(failed, key=lambda failure: failure.path)

    def unsound_failures(self) -> list[tuple[FilePlace, CollectionDamaged]]:
        """Places of failures whose rows cannot be read, as they are stored, and why."""
        return [(place, error) for place, error in self._failures() if isinstance(error, CollectionDamaged)]

    def _failures(self) -> Iterator[tuple[FilePlace, FailedFile | CollectionDamaged]]:
        roots = self.roots()
        for root, path, reason, message, at, written in self._database.rows(
            f"SELECT root, path, reason, message, at, {self._written('failures')} FROM failures"
        ):
            try:
                with translated(self._database.path):
                    if not written:
                        raise ValueError("not what was written")
                    file = Path(self.absolute(roots, root, path))
                    yield FilePlace(root, path), FailedFile(file, _text(reason), _text(message), _moment(at))
            except CollectionDamaged as error:
                yield FilePlace(root, path), error

    def failure_count(self) -> int:
        """How many files failed."""
        return int(self._database.rows("SELECT count(*) FROM failures")[0][0])

    def _meta(self, key: str) -> object:
        rows = self._database.rows("SELECT value FROM meta WHERE key = ?", key)
        return rows[0][0] if rows else None


def _values(place: FilePlace, stamp: Stamp, content: Content) -> tuple[object, ...]:
    """The columns of a picture that are called `PICTURE`, but for its id."""
    return (
        *(place.root, place.path, content.sha256, stamp.size, stamp.mtime_ns, stamp.ctime_ns),
        *(content.width, content.height),
    )


_POSSIBLE = (
    f"(id BETWEEN 1 AND {MOST} AND typeof(sha256) = 'blob' AND length(sha256) = 32 AND sha256 != zeroblob(32)"
    " AND typeof(size) = 'integer' AND size BETWEEN 0 AND 1 << 60 AND typeof(width) = 'integer'"
    " AND typeof(height) = 'integer' AND width BETWEEN 1 AND 1 << 30 AND height BETWEEN 1 AND 1 << 30)"
)
"""The condition that a row can be one of a picture; no hash of anything is all zeros."""

_ENTRY = "SELECT id, root, path, sha256, width, height, size, mtime_ns FROM pictures"


def _below(folder: FilePlace) -> tuple[str, tuple[object, ...]]:
    """The condition that a picture lies in a folder, and its values."""
    if not folder.path:
        return "root = ?", (folder.root,)
    first = folder.path.rstrip(b"/")  # of the names that begin with it, 0 is what follows / in ASCII
    return "root = ? AND path >= ? AND path < ?", (folder.root, first + b"/", first + b"0")


def _is_id(number: int) -> bool:
    return -1 << 63 <= number < 1 << 63  # SQLite takes no other; damaged ones can be named to be removed


# What is stored, as what it has to be. Tables from before they were strict, and damaged ones, hold anything.


def _bytes(path: object) -> bytes:
    if not isinstance(path, bytes) or b"\0" in path:
        raise ValueError(f"{path!r} is no path")
    return path


def _below_root(path: object) -> bytes:
    """A path below a root: one that leads nowhere else, whatever the catalogue's writer wanted."""
    raw = _bytes(path)
    if os.path.isabs(raw) or b".." in re.split(rb"[/\\]" if os.name == "nt" else rb"/", raw):
        raise ValueError(f"{raw!r} leads out of its root")
    return raw


def _folder(path: str) -> str:
    if not os.path.isabs(path) or os.path.normpath(path) != path:
        raise ValueError(f"{path!r} is no absolute folder")
    return path


def _text(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is no text")
    return text


def _moment(at: float) -> float:
    if not 0 <= at < 1e11:  # in the year 5138; calendars end soon after
        raise ValueError(f"{at!r} is no time")
    return at


def storable(text: str) -> str:
    """Text that can be stored and printed, whatever bytes a file name in it holds."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
