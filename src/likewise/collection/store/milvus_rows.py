"""Rows of layers at a Milvus server: vectors beyond the reach of one machine.

They are written as float32, which fp32 and fp16 come back from bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise.collection.store.codes import Code
from likewise.collection.store.database import bound, crc32
from likewise.collection.store.milvus import TOGETHER, MilvusServer, Texts
from likewise.collection.store.rows import MOST, Block
from likewise.descriptors import Manifest, VectorRecipe
from likewise.errors import CollectionDamaged, UsageError
from likewise.recipes import parse_recipe
from likewise.types import FloatArray, IntArray, Metric

CODES = ("fp32", "fp16")
"""What float32 gives back as it was."""


@dataclass(frozen=True)
class MilvusLayer:
    """The vectors of one layer; see `likewise.collection.store.rows.VectorEngine`.

    Attributes
    ----------
    code
        How they are written elsewhere.
    """

    server: MilvusServer
    layer: int
    code: Code
    metric: Metric

    @classmethod
    def of(cls, server: MilvusServer, layer: int, manifest: Manifest) -> MilvusLayer:
        """The layer of a manifest.

        Raises `UsageError` when it keeps something that Milvus does not.
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
        """Kind of its rows, a part of the name of its collection."""
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
        answer = self.server.on(
            self.kind, "query", filter="", output_fields=["count(*)"], consistency_level="Strong"
        )
        return int(answer[0]["count(*)"])

    def ids(self) -> IntArray:
        """Ids of all pictures that there is a vector of, rising."""
        ids = [
            int(row["picture"])
            for block in self.server.scan(self.kind, "picture >= 0", ["picture"])
            for row in block
        ]
        return np.unique(np.array(ids, np.int64))

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
            answer = self.server.on(self.kind, "get", ids=wanted, consistency_level="Strong")
            kept = sorted(answer, key=lambda row: int(row["picture"]))
            ids = np.array([row["picture"] for row in kept], np.int64)
            sums = np.array([row["checksum"] for row in kept], np.int64)
            vectors = np.array([row["vector"] for row in kept], np.float32)
            yield ids, sums, vectors.reshape(len(kept), self.dimensions)

    def fetch(self, pictures: IntArray) -> FloatArray:
        """See `VectorEngine`."""
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
        rows: FloatArray = held[places]
        return rows

    def nearest(self, query: FloatArray, count: int, *, looked: int, among: IntArray | None) -> IntArray:
        """See `VectorEngine`; at most `MOST` are given."""
        answer = self.server.on(
            self.kind,
            "search",
            data=[query.tolist()],
            filter="" if among is None else f"picture in {among.tolist()}",
            limit=min(count, MOST),
            search_params={"params": {"nprobe": looked}},
            output_fields=["picture"],
            consistency_level="Strong",
        )
        return np.array([row["picture"] for row in answer[0]], np.int64)


class MilvusRows:
    """See `likewise.collection.store.rows.LayerRows`; what is put waits until `write`."""

    def __init__(self, server: MilvusServer, manifest: Callable[[int], Manifest]) -> None:
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
