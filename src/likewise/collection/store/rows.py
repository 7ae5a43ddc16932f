"""Rows of layers, one a picture: a code, and a checksum that says whose it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeAlias

from likewise.collection.store.database import VERSION_READ, Database, bound, crc32, layer_schema, layer_table
from likewise.descriptors import Manifest
from likewise.errors import CollectionDamaged
from likewise.types import FloatArray, IntArray, Metric

Block: TypeAlias = list[tuple[int, object, bool]]
"""Picture ids, what a layer keeps of them, and whether that is what was written."""


MOST = 16_384
"""Rows that a `VectorEngine` gives at once at most."""


class LayerRows(Protocol):
    """The rows of all layers of a collection; changes belong into a `Catalogue.change`."""

    def add(self, layer: int, manifest: Manifest) -> None:
        """Make room for a layer; raises `UsageError` for one that cannot be kept here."""

    def drop(self, layer: int) -> None:
        """Forget a layer and all that it keeps."""

    def put(self, picture: int, codes: Mapping[int, bytes]) -> None:
        """Keep what layers have made of a picture, in place of what they had."""

    def all(self, layer: int) -> Iterator[Block]:
        """All rows of a layer, by id, in blocks that are all of one moment."""

    def of(self, layer: int, pictures: IntArray) -> Iterator[Block]:
        """The same of some pictures, by id; of those that a layer keeps nothing of there is nothing."""

    def pictures(self, layer: int) -> IntArray:
        """Ids of what a layer keeps something of, rising, int64 ``(n,)``."""

    @property
    def waiting(self) -> bool:
        """Whether what was put has yet to be written, when a change ends."""

    def engine(self, layer: int) -> VectorEngine | None:
        """The engine that searches a layer's vectors in place; None where files beside the catalogue do."""


class VectorEngine(Protocol):
    """Vectors of a layer, kept by something that finds the nearest itself."""

    @property
    def metric(self) -> Metric:
        """How they are compared."""

    @property
    def dimensions(self) -> int:
        """Of a vector."""

    @property
    def lists(self) -> int:
        """Into how many lists they are divided; 1 where every one is compared."""

    def __len__(self) -> int:
        """How many there are."""

    def fetch(self, pictures: IntArray) -> FloatArray:
        """Vectors of pictures, float32 ``(n, d)``; raises `CollectionDamaged` when one is not there."""

    def nearest(self, query: FloatArray, count: int, *, looked: int, among: IntArray | None) -> IntArray:
        """Ids of those nearest to a query ``(d,)``, int64 ``(m,)``, in as many of the lists as are looked at.

        Among all, or some: there may be fewer than were asked for.
        """

    def settle(self) -> None:
        """Put what was written last to where it is searched fast."""

    def divide(self, lists: int) -> None:
        """Divide them into lists anew."""


class SqliteRows:
    """A table for each layer, beside the others of the catalogue; see `LayerRows`."""

    waiting = False

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, layer: int, manifest: Manifest) -> None:
        """Make its table."""
        self._database.run(layer_schema(layer))

    def drop(self, layer: int) -> None:
        """Drop its table."""
        self._database.run(f"DROP TABLE {layer_table(layer)}")

    def put(self, picture: int, codes: Mapping[int, bytes]) -> None:
        """See `LayerRows`."""
        for layer, code in codes.items():
            # OR REPLACE saves a page of 64 KiB for each row, to take the row back if it fails half-way.
            self._database.run(
                f"INSERT INTO {layer_table(layer)} VALUES (?, ?, ?) "
                "ON CONFLICT (picture) DO UPDATE SET code = excluded.code, checksum = excluded.checksum",
                *(picture, code, bound(crc32(code), picture)),
            )

    def all(self, layer: int) -> Iterator[Block]:
        """See `LayerRows`.

        Raises `CollectionDamaged` where pages lead back to each other, so that there would be no end of rows.
        """
        pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        [(size,)] = self._database.rows(pages)
        for block in self._database.blocks(f"{self._select(layer)} ORDER BY picture"):
            size -= sum(1 + len(row[1]) if isinstance(row[1], bytes) else 1 for row in block)
            if size < 0:
                raise CollectionDamaged(
                    f"{self._database.path} has no end of rows of layer {layer}, for pages lead in a circle: "
                    "restore the collection from a copy, or index again elsewhere"
                )
            yield [(row[0], row[1], intact(*row)) for row in block]

    def of(self, layer: int, pictures: IntArray) -> Iterator[Block]:
        """See `LayerRows`."""
        for start in range(0, len(pictures), 500):  # SQLite takes no statement with very many values
            chunk = pictures[start : start + 500].tolist()
            marks = ", ".join("?" * len(chunk))
            rows = self._database.rows(
                f"{self._select(layer)} WHERE picture IN ({marks}) ORDER BY picture", *chunk
            )
            yield [(row[0], row[1], intact(*row)) for row in rows]

    def pictures(self, layer: int) -> IntArray:
        """See `LayerRows`."""
        return self._database.keys(layer_table(layer), "picture")

    def engine(self, layer: int) -> None:
        """Nothing does."""

    def _select(self, layer: int) -> str:
        """Select what `intact` asks, all of one moment: a writer may bring up what is read."""
        table = layer_table(layer)
        checksum = "NULL" if self._database.version == 1 else f"{table}.checksum"  # version 1 had none
        return f"SELECT picture, code, {checksum}, {VERSION_READ} FROM {table}"


def intact(picture: int, code: object, checksum: int | None, version: int) -> bool:
    """Whether what is stored of a picture is what was written, as far as a version of the tables knows.

    Version 1 kept no checksums; up to version 3 they did not tell whose they were.
    """
    if not isinstance(code, bytes):
        return False
    if version < 4:
        return checksum in (None, crc32(code))
    return checksum is not None and checksum == bound(crc32(code), picture)
