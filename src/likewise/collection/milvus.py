"""Rows of layers, and texts under keys, at a Milvus server: vectors beyond the reach of one machine.

A collection ``NAME`` there is a set of Milvus' collections: ``NAME_facts`` of texts, and ``NAME_layer_1`` and
so on of vectors. All are read with consistency ``Strong``: what was written before is seen. Vectors are
written as float32, which fp32 and fp16 come back from bit by bit.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from threading import RLock
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from likewise.collection.codes import Code
from likewise.collection.database import bound, crc32
from likewise.collection.rows import Block
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.recipe import VectorRecipe
from likewise.errors import CollectionDamaged, MissingExtra, StorageError, UsageError
from likewise.ranking.exact import Metric
from likewise.recipes.recipe import parse_recipe
from likewise.types import FloatArray, IntArray

SCHEMES = {"milvus": "http", "milvus+tls": "https"}
PORT = 19530

TOGETHER = 1000
"""Rows that are written, or asked for by their keys, at once."""

MOST = 16_384
"""Rows that a search gives at most."""

LONGEST = 65_535
"""Bytes of the longest text."""

CODES = ("fp32", "fp16")
"""What float32 gives back as it was."""


@dataclass(frozen=True)
class Address:
    """Where a collection lies: ``milvus://HOST:PORT/NAME``, or of Milvus Lite ``milvus:///FOLDER/FILE.db/NAME``.

    Attributes
    ----------
    uri
        As Milvus' client takes it.
    """

    text: str
    uri: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read one.

        Raises
        ------
        UsageError
            When it is none.
        """
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port or PORT
        except ValueError as error:
            raise UsageError(f"{text} is no address of a store ({error}); {_WANTED}") from error
        above, _, name = parts.path.rpartition("/")
        if parts.scheme not in SCHEMES or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name):
            raise UsageError(f"{text} is no address of a store; {_WANTED}")
        if parts.username or parts.password or parts.query or parts.fragment or bool(host) == bool(above):
            raise UsageError(f"{text} is no address of a store; {_WANTED}")
        return cls(text, f"{SCHEMES[parts.scheme]}://{host}:{port}" if host else above, name)

    @property
    def is_file(self) -> bool:
        """Whether it is one of Milvus Lite."""
        return "://" not in self.uri


_WANTED = (
    "write milvus://HOST:PORT/NAME, with a name of letters, digits and _; a token belongs into $MILVUS_TOKEN"
)


@cache
def server(address: Address) -> Server:
    """The connection to an address, which all that use it share; Milvus Lite allows one for each file."""
    return Server(address)


class Server:
    """A connection whose errors name the address and the remedy; threads may share it.

    Raises
    ------
    MissingExtra
        When Milvus' client is not installed.
    StorageError
        When nothing answers.
    """

    def __init__(self, address: Address) -> None:
        try:
            from pymilvus import MilvusClient  # an extra, and slow to import
        except ModuleNotFoundError as error:
            raise MissingExtra(f"the store {address.text}", "milvus") from error
        for name in ("pymilvus", "grpc._server"):  # which log, with a traceback, what they raise
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.address = address
        self._lock = RLock()
        # Whoever made the collection chose the host: a token goes to the one that it was meant for.
        token = os.environ.get("MILVUS_TOKEN", "") if os.environ.get("MILVUS_URI") == address.uri else ""
        with self._translated():
            self.client: Any = MilvusClient(address.uri, token=token, timeout=30)
        self._loaded: set[str] = set()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except MilvusException as error:
            raise StorageError(
                f"{self.address.text} did not do what it was asked ({error.message}); see that the server "
                "runs and can be reached, then run the same command again: what was committed is safe"
            ) from error

    def ask(self, what: str, *values: Any, **more: Any) -> Any:
        """Call one of the client's functions."""
        with self._lock if self.address.is_file else _nothing(), self._translated():
            return getattr(self.client, what)(*values, **more)

    def on(self, kind: str, what: str, **more: Any) -> Any:
        """Call one of the client's functions for one of Milvus' collections, which has to be loaded."""
        name = self.collection(kind)
        if name not in self._loaded:
            self.ask("load_collection", name)
            self._loaded.add(name)
        return self.ask(what, name, **more)

    def collection(self, kind: str) -> str:
        """The name of one of Milvus' collections."""
        return f"{self.address.name}_{kind}"

    def make(
        self, kind: str, fields: Iterable[tuple[str, str, dict[str, Any]]], index: dict[str, Any]
    ) -> None:
        """Make one of them; the first field is the key."""
        from pymilvus import DataType

        name = self.collection(kind)
        schema = self.client.create_schema(auto_id=False, enable_dynamic_field=False)
        for place, (field, kind_of, more) in enumerate(fields):
            schema.add_field(field, getattr(DataType, kind_of), is_primary=place == 0, **more)
        params = self.client.prepare_index_params()
        params.add_index("vector", **index)
        self.ask("create_collection", name, schema=schema, index_params=params, consistency_level="Strong")

    def scan(self, kind: str, filter: str, fields: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Rows of which a condition is true, in blocks and no order."""
        rows = self.on(
            kind,
            "query_iterator",
            batch_size=TOGETHER,
            filter=filter,
            output_fields=list(fields),
            consistency_level="Strong",
        )
        try:
            while block := self._next(rows):
                yield block
        finally:
            rows.close()

    def _next(self, rows: Any) -> list[dict[str, Any]]:
        with self._lock if self.address.is_file else _nothing(), self._translated():
            return list(rows.next())


@contextmanager
def _nothing() -> Iterator[None]:
    yield


_FIELDS = ["key", "change", "text", "vector"]


class Texts:
    """Texts under keys, each with the number of the change that wrote it last."""

    KIND = "facts"

    def __init__(self, server: Server) -> None:
        self._server = server
        self._known = False

    @cached_property
    def _name(self) -> str:
        return self._server.collection(self.KIND)

    @property
    def address(self) -> str:
        """Of the collection."""
        return self._server.address.text

    @property
    def are_there(self) -> bool:
        """Whether there is room for them; raises `UsageError` where somebody else has taken the name."""
        if self._known:
            return True
        if not self._server.ask("has_collection", self._name):
            return False
        there = self._server.ask("describe_collection", self._name)["fields"]
        if [field["name"] for field in there] != _FIELDS:
            raise UsageError(f"{self._name} at {self.address} is not likewise's: choose another name")
        self._known = True
        return True

    def make(self) -> None:
        """Make room for them, unless there is."""
        if self.are_there:
            return
        text = {"max_length": LONGEST}
        fields = [("key", "VARCHAR", {"max_length": 64}), ("change", "INT64", {}), ("text", "VARCHAR", text)]
        # Milvus keeps no collection without a vector.
        fields.append(("vector", "FLOAT_VECTOR", {"dim": 2}))
        self._server.make(self.KIND, fields, {"index_type": "FLAT", "metric_type": "L2"})

    def write(self, texts: Mapping[str, str], change: int) -> None:
        """Write texts, in place of what there was."""
        for key, text in texts.items():
            if len(text.encode()) > LONGEST:
                raise UsageError(
                    f"what is to be kept as {key} takes more than {LONGEST} bytes, the most that Milvus "
                    f"keeps in one place: make it shorter ({text[:80]}...)"
                )
        rows = [
            {"key": key, "change": change, "text": text, "vector": [0.0, 0.0]} for key, text in texts.items()
        ]
        for start in range(0, len(rows), TOGETHER):
            self._server.on(self.KIND, "upsert", data=rows[start : start + TOGETHER])

    def read(self, key: str) -> str | None:
        """The text under a key."""
        found = self._server.on(self.KIND, "get", ids=[key], output_fields=["text"])
        return str(found[0]["text"]) if found else None

    def since(self, change: int, until: int | None = None) -> Iterator[tuple[str, int, str]]:
        """Keys, changes and texts that were written after a change, and until another."""
        filter = f"change > {change}" + (f" and change <= {until}" if until is not None else "")
        for block in self._server.scan(self.KIND, filter, ["key", "change", "text"]):
            for row in block:
                yield str(row["key"]), int(row["change"]), str(row["text"])

    def forget(self, keys: Sequence[str]) -> None:
        """Delete texts."""
        self._server.on(self.KIND, "delete", ids=list(keys))


@dataclass(frozen=True)
class MilvusLayer:
    """The vectors of one layer; see `likewise.collection.rows.VectorEngine`.

    Attributes
    ----------
    code
        How they are written elsewhere.
    """

    server: Server
    layer: int
    code: Code
    metric: Metric

    @classmethod
    def of(cls, server: Server, layer: int, manifest: Manifest) -> MilvusLayer:
        """The layer of a manifest.

        Raises
        ------
        UsageError
            When it keeps something that Milvus does not.
        """
        [recipe] = parse_recipe(manifest.recipe, origin="the recipe of a layer").layers
        if not isinstance(recipe, VectorRecipe) or recipe.code not in CODES:
            kept = f"vectors in code {recipe.code}" if isinstance(recipe, VectorRecipe) else "visual words"
            raise UsageError(
                f"the layer {recipe.name} keeps {kept}, and {server.address.text} only vectors in code "
                f"{' or '.join(CODES)}: choose such a recipe, for instance with --recipe quick"
            )
        metric: Metric = "l2" if recipe.distance == "l2" else "dot"
        return cls(server, layer, Code(recipe.code, manifest.dimensions), metric)

    @property
    def kind(self) -> str:
        """What its collection is called."""
        return f"layer_{self.layer}"

    @property
    def name(self) -> str:
        """The whole name."""
        return self.server.collection(self.kind)

    @property
    def dimensions(self) -> int:
        """See `VectorEngine`."""
        return self.code.dimensions

    @property
    def lists(self) -> int:
        """See `VectorEngine`."""
        return int(Texts(self.server).read(f"lists/{self.layer}") or 1)

    def make(self) -> None:
        """Make room for them, in place of what a change that was never finished left."""
        self.drop()
        fields: list[tuple[str, str, dict[str, Any]]] = [
            ("picture", "INT64", {}),
            ("checksum", "INT64", {}),
            ("vector", "FLOAT_VECTOR", {"dim": self.dimensions}),
        ]
        self.server.make(self.kind, fields, self._index(1))

    def drop(self) -> None:
        """Forget all of them."""
        self.server.ask("drop_collection", self.name)  # nothing, where it is not there

    def _index(self, lists: int) -> dict[str, Any]:
        kind = {"index_type": "IVF_FLAT", "params": {"nlist": lists}} if lists > 1 else {"index_type": "FLAT"}
        return {**kind, "metric_type": "L2" if self.metric == "l2" else "COSINE"}

    def settle(self) -> None:
        """See `VectorEngine`; a server does it by itself, and wants to be told seldom."""
        if self.server.address.is_file:
            self.server.on(self.kind, "flush")

    def divide(self, lists: int) -> None:
        """See `VectorEngine`; searches wait while it happens."""
        params = self.server.client.prepare_index_params()
        params.add_index("vector", index_name="vector", **self._index(lists))
        self.server.ask("flush", self.name)
        self.server.ask("release_collection", self.name)
        self.server.ask("drop_index", self.name, "vector")
        self.server.ask("create_index", self.name, params)
        self.server.ask("load_collection", self.name)
        Texts(self.server).write({f"lists/{self.layer}": str(lists)}, 0)

    def __len__(self) -> int:
        found = self.server.on(
            self.kind, "query", filter="", output_fields=["count(*)"], consistency_level="Strong"
        )
        return int(found[0]["count(*)"])

    def ids(self) -> IntArray:
        """Ids of all pictures that there is a vector of, rising."""
        found = [
            int(row["picture"])
            for block in self.server.scan(self.kind, "picture >= 0", ["picture"])
            for row in block
        ]
        return np.unique(np.array(found, np.int64))

    def write(self, codes: Mapping[int, bytes]) -> None:
        """Keep vectors, by the ids of their pictures."""
        vectors = self.code.decode(list(codes.values()))
        rows = [
            {"picture": picture, "checksum": bound(crc32(code), picture), "vector": vector.tolist()}
            for (picture, code), vector in zip(codes.items(), vectors, strict=True)
        ]
        for start in range(0, len(rows), TOGETHER):
            self.server.on(self.kind, "upsert", data=rows[start : start + TOGETHER])

    def delete(self, pictures: Sequence[int]) -> None:
        """Forget vectors."""
        for start in range(0, len(pictures), TOGETHER):
            self.server.on(self.kind, "delete", ids=list(pictures[start : start + TOGETHER]))

    def rows(self, pictures: IntArray) -> Iterator[tuple[IntArray, IntArray, FloatArray]]:
        """Ids, checksums and vectors of those of some pictures that there are, in blocks, by id."""
        for start in range(0, len(pictures), TOGETHER):
            wanted = pictures[start : start + TOGETHER].tolist()
            found = self.server.on(self.kind, "get", ids=wanted, consistency_level="Strong")
            kept = sorted(found, key=lambda row: int(row["picture"]))
            ids = np.array([row["picture"] for row in kept], np.int64)
            sums = np.array([row["checksum"] for row in kept], np.int64)
            vectors = np.array([row["vector"] for row in kept], np.float32)
            yield ids, sums, vectors.reshape(len(kept), self.dimensions)

    def fetch(self, pictures: IntArray) -> FloatArray:
        """See `VectorEngine`."""
        found = np.empty((len(pictures), self.dimensions), np.float32)
        wanted, places = np.unique(pictures, return_inverse=True)
        held = np.empty((len(wanted), self.dimensions), np.float32)
        at = 0
        for ids, _, vectors in self.rows(wanted):
            held[at : at + len(ids)] = vectors
            at += len(ids)
        if at < len(wanted):
            raise CollectionDamaged(
                f"{self.server.address.text} has no vectors of {len(wanted) - at} pictures: index their "
                "folders again, which describes what is missing"
            )
        found[:] = held[places]
        return found

    def nearest(self, query: FloatArray, count: int, *, looked: int, among: IntArray | None) -> IntArray:
        """See `VectorEngine`; at most `MOST` are given."""
        found = self.server.on(
            self.kind,
            "search",
            data=[query.tolist()],
            filter="" if among is None else f"picture in {among.tolist()}",
            limit=min(count, MOST),
            search_params={"params": {"nprobe": looked}},
            output_fields=["picture"],
            consistency_level="Strong",
        )
        return np.array([row["picture"] for row in found[0]], np.int64)


class MilvusRows:
    """See `likewise.collection.rows.LayerRows`; what is put waits until `write`."""

    def __init__(self, server: Server, manifest: Callable[[int], Manifest]) -> None:
        self._server, self._manifest = server, manifest
        self._engines: dict[int, MilvusLayer] = {}
        self._waiting: dict[int, dict[int, bytes]] = {}
        self._dropped: list[MilvusLayer] = []

    def engine(self, layer: int) -> MilvusLayer:
        """See `LayerRows`."""
        if layer not in self._engines:
            self._engines[layer] = MilvusLayer.of(self._server, layer, self._manifest(layer))
        return self._engines[layer]

    def add(self, layer: int, manifest: Manifest) -> None:
        """See `LayerRows`."""
        MilvusLayer.of(self._server, layer, manifest).make()

    def drop(self, layer: int) -> None:
        """See `LayerRows`."""
        self._waiting.pop(layer, None)
        self._dropped.append(self.engine(layer))

    def put(self, picture: int, codes: Mapping[int, bytes]) -> None:
        """See `LayerRows`."""
        for layer, code in codes.items():
            self._waiting.setdefault(layer, {})[picture] = code

    @property
    def waiting(self) -> bool:
        """See `LayerRows`."""
        return bool(self._waiting)

    def write(self) -> None:
        """Write what was put."""
        for layer, codes in self._waiting.items():
            self.engine(layer).write(codes)
        self._waiting.clear()

    def forget(self, layers: Sequence[int], pictures: Sequence[int]) -> None:
        """Delete what layers kept of some pictures that are gone, and all of layers that were dropped."""
        for layer in layers if pictures else ():
            self.engine(layer).delete(pictures)
        for engine in self._dropped:
            engine.drop()
        self._dropped.clear()

    def begin(self) -> None:
        """Forget what was put in a change that was never finished."""
        self._waiting.clear()
        self._dropped.clear()
        self._engines.clear()

    def all(self, layer: int) -> Iterator[Block]:
        """See `LayerRows`."""
        return self.of(layer, self.pictures(layer))

    def of(self, layer: int, pictures: IntArray) -> Iterator[Block]:
        """See `LayerRows`."""
        kept = self.engine(layer)
        for ids, sums, vectors in kept.rows(np.unique(pictures)):
            codes = kept.code.encode(vectors)
            yield [
                (picture, code, bound(crc32(code), picture) == checksum)
                for picture, code, checksum in zip(ids.tolist(), codes, sums.tolist(), strict=True)
            ]

    def pictures(self, layer: int) -> IntArray:
        """See `LayerRows`."""
        return self.engine(layer).ids()
