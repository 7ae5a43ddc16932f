"""A Milvus server: where it is, how it is asked, and texts that it keeps under keys.

A collection ``NAME`` there is a set of Milvus' collections: ``NAME_facts`` of texts, and ``NAME_layer_1`` and
so on of vectors. All are read with consistency ``Strong``: what was written before is seen.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, cached_property
from threading import RLock
from typing import Any
from urllib.parse import urlsplit

from likewise.errors import MissingExtra, StorageError, UsageError

SCHEMES = {"milvus": "http", "milvus+tls": "https"}
PORT = 19530

TOGETHER = 1000
"""Rows that are written, or asked for by their keys, at once."""

LONGEST = 65_535
"""Bytes of the longest text."""


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

        Raises `UsageError` when it is none.
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
def server(address: Address) -> MilvusServer:
    """The connection to an address, which all that use it share; Milvus Lite allows one for each file."""
    return MilvusServer(address)


class MilvusServer:
    """A connection whose errors name the address and the remedy; threads may share it.

    Raises `MissingExtra` when Milvus' client is not installed; `StorageError` when nothing answers.
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
        with self._lock if self.address.is_file else nullcontext(), self._translated():
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
        with self._lock if self.address.is_file else nullcontext(), self._translated():
            return list(rows.next())


_FIELDS = ["key", "change", "text", "vector"]


class Texts:
    """Texts under keys, each with the number of the change that wrote it last."""

    KIND = "facts"

    def __init__(self, server: MilvusServer) -> None:
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
        answer = self._server.on(self.KIND, "get", ids=[key], output_fields=["text"])
        return str(answer[0]["text"]) if answer else None

    def since(self, change: int, until: int | None = None) -> Iterator[tuple[str, int, str]]:
        """Keys, changes and texts that were written after a change, and until another."""
        filter = f"change > {change}" + (f" and change <= {until}" if until is not None else "")
        for block in self._server.scan(self.KIND, filter, ["key", "change", "text"]):
            for row in block:
                yield str(row["key"]), int(row["change"]), str(row["text"])

    def forget(self, keys: Sequence[str]) -> None:
        """Delete texts."""
        self._server.on(self.KIND, "delete", ids=list(keys))
