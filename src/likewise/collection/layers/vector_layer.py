"""The layer that keeps a vector of each picture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from likewise.collection.layers import remote
from likewise.collection.layers.comparing import Comparison, compare, scores
from likewise.collection.layers.encoders import Encoders
from likewise.collection.layers.evidence import of_similarities
from likewise.collection.layers.flaws import Flaw, paired, row_fault, segment_faults, signed
from likewise.collection.layers.layer import LayerHits, PatchMatches, Sources
from likewise.collection.layers.query import Query, QueryPicture, is_number, is_vector, whole
from likewise.collection.layers.remote import RemoteVectors
from likewise.collection.layers.snapshot import Pictures, Snapshot
from likewise.collection.layers.stored_vectors import ASKED, EXACT, SURE, Shortlist, StoredVectors, measured
from likewise.collection.layers.vector_segments import BITS, TAIL, VectorSegments
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.codes import Code
from likewise.collection.store.rows import VectorEngine
from likewise.descriptors import Encoder, Manifest, VectorRecipe
from likewise.errors import BadPicture, UsageError
from likewise.explaining import Explanation, check, explain
from likewise.pictures import Loaded
from likewise.ranking import Localiser, Stage, rank
from likewise.ranking.feedback import combined, refined, shares
from likewise.types import Box, CropScale, FloatArray, IntArray, Metric, ProgressCallback, Scores

LISTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Of the lists of an engine, how many are tried to be looked at."""

TOLERANCE = 0.01
"""How far from 1 a length may be: fp16 moves it by 5e-4 at most, int8 by some thousandths."""


@dataclass(frozen=True)
class VectorLayer:
    """See `likewise.collection.layers.layer.CollectionLayer`."""

    id: int
    recipe: VectorRecipe
    manifest: Manifest
    folder: Path
    encoders: Encoders

    @classmethod
    def ready(cls, recipe: VectorRecipe, progress: ProgressCallback | None) -> VectorRecipe:
        """The recipe of a layer that is to be added: it needs nothing more."""
        return recipe

    @cached_property
    def _code(self) -> Code:
        return Code.of(self.recipe, self.manifest.dimensions)

    @property
    def code(self) -> str:
        """As the recipe names it."""
        return self.recipe.code

    def keep(self, given: VectorRecipe) -> None:
        """Nothing."""

    def encoder(self, streams: int) -> Encoder:
        """See `CollectionLayer`."""
        return cast(Encoder, self.encoders.open(self.recipe, self.manifest, streams))

    def encode(self, loaded: Sequence[Loaded]) -> list[bytes | BadPicture]:
        """Vectors in their code; one that is not finite when it is read is refused."""
        vectors = self.encoder(1).describe(loaded)
        codes = self._code.encode(vectors)
        finite = np.isfinite(vectors.sum(axis=1)) & np.isfinite(self._code.decode(codes).sum(axis=1))
        unfit = BadPicture(f"its vector is not finite when it is written as {self._code.name}")
        return [code if good else unfit for code, good in zip(codes, finite.tolist(), strict=True)]

    def fault(self, code: object) -> str:
        """See `CollectionLayer`."""
        if self._code.fits(code):
            return ""
        size = f"{len(code)} bytes" if isinstance(code, bytes) else f"type {type(code).__name__}"
        return f"a vector of {size}, not {self._code.width} bytes"

    @cached_property
    def segments(self) -> VectorSegments:
        """The files in which vectors lie, where they are many."""
        metric: Metric = "l2" if self.recipe.distance == "l2" else "dot"
        return VectorSegments(self.folder, self.id, self._code, metric)

    def index(self, catalogue: Catalogue, *, progress: ProgressCallback | None = None) -> None:
        """Bring segments, or an engine, up to the catalogue, and see how long a list by bits has to be."""
        if engine := catalogue.rows.engine(self.id):
            engine.settle()
        else:
            self.segments.extend(catalogue, progress=progress, least=TAIL)
            self._measure(catalogue)

    def optimise(self, catalogue: Catalogue, *, progress: ProgressCallback | None = None) -> None:
        """Make one segment of all, or have an engine divide them into lists."""
        if engine := catalogue.rows.engine(self.id):
            self._divide(catalogue, engine)
        else:
            self.segments.optimise(catalogue, progress=progress, least=TAIL)
            self._measure(catalogue)

    def _divide(self, catalogue: Catalogue, engine: VectorEngine) -> None:
        """Have vectors divided into as many lists as each has rows; see how many have to be looked at."""
        rows = len(engine)
        lists = math.isqrt(rows) if rows * engine.dimensions > EXACT else 1
        engine.divide(lists)
        shortlist = remote.measured(RemoteVectors(engine, catalogue.ids()), ASKED, LISTS, SURE)
        with catalogue.change():
            self._tell(catalogue, rows, shortlist)

    def _measure(self, catalogue: Catalogue) -> None:
        """Note how long shortlists have to be, unless that is known of about as many pictures."""
        if not self.segments.names(catalogue):
            return  # all of them are compared, in memory
        rows, known = catalogue.count(), self._measured(catalogue).get("rows")
        if rows * self._code.dimensions <= EXACT or (type(known) is int and abs(rows - known) < known // 4):
            return
        vectors = Snapshot.load(catalogue, self.segments, None).vectors
        if not isinstance(vectors, StoredVectors):
            return
        shortlist = measured(vectors, self.segments.metric)
        with catalogue.change():
            self._tell(catalogue, rows, shortlist)

    def _tell(self, catalogue: Catalogue, rows: int, shortlist: Shortlist | None) -> None:
        document = {"rows": rows} | (
            {"length": shortlist.length, "recall": shortlist.recall} if shortlist else {}
        )
        catalogue.note(self._note, json.dumps(document))

    @property
    def _note(self) -> str:
        return f"shortlist-{self.id}"

    def _measured(self, catalogue: Catalogue) -> dict[str, Any]:
        with suppress(ValueError, RecursionError):
            parsed = json.loads(catalogue.noted(self._note) or "{}")
            return parsed if isinstance(parsed, dict) else {}
        return {}

    def shortlist(self, catalogue: Catalogue) -> Shortlist | None:
        """How the nearest are found without comparing all; None where that is not known."""
        note = self._measured(catalogue)
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            length, recall = int(note["length"]), float(note["recall"])
            if length > 0 and 0 <= recall <= 1:
                return Shortlist(length, recall)
        return None

    def searched(self, catalogue: Catalogue) -> str:
        """See `CollectionLayer`."""
        shortlist = self.shortlist(catalogue)
        if shortlist and (engine := catalogue.rows.engine(self.id)):
            return (
                f"{shortlist.length:,} of {engine.lists:,} lists are looked at, which held "
                f"{shortlist.recall:.1%} of the ten nearest; all are with --exact"
            )
        if not shortlist or catalogue.count() * self._code.dimensions <= EXACT:
            return "every vector is compared"
        return (
            f"shortlists of {shortlist.length:,} by {BITS} bits, which held {shortlist.recall:.1%} of the "
            "ten nearest; all are compared with --exact"
        )

    def load(self, catalogue: Catalogue, shards: object = None) -> tuple[int, Snapshot]:
        """All vectors, in memory or where they lie; they need no shards."""
        shortlist = self.shortlist(catalogue)
        if engine := catalogue.rows.engine(self.id):
            snapshot = Snapshot.remote(catalogue, engine, shortlist)
        else:
            snapshot = Snapshot.load(catalogue, self.segments, shortlist)
        return snapshot.generation, snapshot

    def open(self, loaded: Snapshot, sources: Sources, recipe: VectorRecipe) -> VectorIndex:
        """See `CollectionLayer`; how a vector is scored its recipe fixes."""
        return VectorIndex(recipe.name, self, loaded, sources)

    def drop(self, catalogue: Catalogue) -> None:
        """See `CollectionLayer`."""
        self.segments.forget(catalogue)
        catalogue.forget(self._note)
        catalogue.drop_layer(self.id)

    def clear(self, catalogue: Catalogue) -> None:
        """Remove its segments."""
        VectorSegments.sweep(self.folder, catalogue)

    def verify(self, catalogue: Catalogue) -> Iterator[Flaw]:
        """See `CollectionLayer`."""
        yield from signed(self.manifest, self.recipe)
        yield from paired(catalogue, self.id)
        steps = self.recipe.transforms
        unit = bool(steps) and steps[-1].kind == "l2" and self.recipe.code != "pq"  # pq keeps no lengths
        for block in catalogue.rows.all(self.id):
            sound = []
            for picture, written, intact in block:
                if fault := self.fault(written):
                    yield row_fault(catalogue, "vector-length", picture, f"has {fault}")
                elif not intact:
                    what = "has a vector whose bytes are not those that were written"
                    yield row_fault(catalogue, "vector-damaged", picture, what)
                else:
                    sound.append((picture, cast(bytes, written)))
            vectors = self._code.decode([written for _, written in sound])
            yield from _numbers(catalogue, [picture for picture, _ in sound], vectors, unit=unit)
        yield from segment_faults(self.segments, catalogue)


def _numbers(
    catalogue: Catalogue, pictures: Sequence[int], vectors: FloatArray, *, unit: bool
) -> Iterator[Flaw]:
    finite = np.isfinite(vectors).all(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = np.linalg.norm(vectors, axis=1)
    odd = finite & (lengths > 0) & (np.abs(lengths - 1) > TOLERANCE)  # a picture without features stays zero
    for row in np.flatnonzero(~finite).tolist():
        what = "has a vector with numbers that are not finite"
        yield row_fault(catalogue, "vector-not-finite", pictures[row], what)
    for row in np.flatnonzero(odd).tolist() if unit else ():
        what = f"has a vector of length {lengths[row]:.3g}, not 1"
        yield row_fault(catalogue, "vector-not-normalised", pictures[row], what)


@dataclass(frozen=True)
class VectorIndex:
    """See `likewise.collection.layers.layer.LayerIndex`; a question is a vector, shape ``(d,)``."""

    name: str
    layer: VectorLayer
    snapshot: Snapshot
    sources: Sources

    verifies = False

    @property
    def ids(self) -> IntArray:
        """See `LayerIndex`."""
        return self.snapshot.ids

    @property
    def left_out(self) -> int:
        """See `LayerIndex`."""
        return self.snapshot.left_out

    def only(self, ids: IntArray) -> VectorIndex:
        """See `LayerIndex`."""
        return replace(self, snapshot=self.snapshot.only(np.isin(self.snapshot.ids, ids)))

    def exactly(self) -> VectorIndex:
        """See `LayerIndex`."""
        return replace(self, snapshot=self.snapshot.exactly())

    def takes(self, query: Query) -> bool:
        """Every query."""
        return True

    def check(self, stage: Stage) -> None:
        """There is no stage that is not for vectors."""

    def ask(self, query: Query) -> FloatArray:
        """Describe what is asked for, or take the vector that is there already, shape ``(d,)``."""
        vector = self.vector(query.picture, box=query.box, crop=query.crop)
        unit = self.snapshot.metric == "dot"
        if query.also:
            vector = combined(np.stack([vector, *map(self.vector, query.also)]), unit=unit)
        if query.yes or query.no:
            vector = refined(vector, self._stack(query.yes), self._stack(query.no), unit=unit)
        return vector

    def vector(
        self, picture: QueryPicture, *, box: Box | None = None, crop: CropScale = "whole"
    ) -> FloatArray:
        """The vector of one picture."""
        if is_number(picture) and box is None:
            return self.snapshot.vector(whole(picture, "an id"))
        if isinstance(picture, np.ndarray) and is_vector(picture):
            if box is not None:
                raise UsageError("a box belongs to a picture: it cannot be given with a vector")
            return self.snapshot.fit(picture)
        source = self.sources.source(picture)
        encoder = self.layer.encoder(1)
        loaded = encoder.prepare(source, box=box, crop=crop, max_pixels=self.sources.max_pixels)
        vector: FloatArray = encoder.describe([loaded])[0]
        return vector

    def _stack(self, pictures: Sequence[QueryPicture]) -> FloatArray:
        vectors = [self.vector(picture) for picture in pictures]
        return np.stack(vectors) if vectors else np.empty((0, self.snapshot.vectors.shape[1]), np.float32)

    def question_of(self, picture: int) -> FloatArray:
        """See `LayerIndex`."""
        return self.snapshot.vector(picture)

    def search(self, question: FloatArray, k: int, stages: Sequence[Stage]) -> LayerHits:
        """See `LayerIndex`."""
        queries, localiser = question[np.newaxis], None
        if any(stage.kind == "localise" for stage in stages):
            encoder, limit = self.layer.encoder(1), self.sources.max_pixels
            localiser = Localiser(encoder, queries, self.sources.found, max_pixels=limit)
        ranked = rank(self.snapshot.gallery, queries, k, stages, localiser=localiser)
        boxes: Mapping[int, Box] = ranked.boxes[0] if ranked.boxes else {}
        recall = self.snapshot.recall(k)
        return LayerHits(ranked.ranking.ids[0], ranked.ranking.scores[0], dict(boxes), recall)

    def evidence(self, scores: NDArray[Any]) -> Scores:
        """How unusual they are for this query."""
        return of_similarities(scores)

    def locate(self, question: FloatArray, picture: QueryPicture) -> None:
        """It cannot tell."""

    def against(self, question: FloatArray, picture: QueryPicture) -> float:
        """See `LayerIndex`."""
        other = self.vector(picture)
        return float(scores(question[np.newaxis], other[np.newaxis], self.snapshot.metric)[0])

    def compare(self, query: Query, picture: QueryPicture) -> Comparison:
        """The score against those of random pairs of the collection."""
        vectors = self.ask(query), self.vector(picture)
        return compare(*vectors, self.snapshot, own=self.sources.owned(*query.pictures, picture))

    def shares(self, query: Query, picture: QueryPicture) -> tuple[float, ...] | None:
        """See `LayerIndex`; distances are no sums."""
        if self.snapshot.metric != "dot":
            return None
        first = self.vector(query.picture, box=query.box, crop=query.crop)
        wanted = np.stack([first, *map(self.vector, query.also)])
        given = shares(wanted, self._stack(query.yes), self._stack(query.no), self.vector(picture))
        return tuple(given.tolist())

    def explain(self, query: Query, picture: QueryPicture) -> Explanation:
        """See `LayerIndex`; errors as for `likewise.explaining.explain`."""
        check(self.layer.recipe)
        sources = [self.sources.source(shown) for shown in (query.picture, picture)]
        limit = self.sources.max_pixels
        return explain(self.layer.encoder(1), *sources, box=query.box, crop=query.crop, max_pixels=limit)

    def matches(self, query: Query, picture: QueryPicture) -> PatchMatches:
        """It cannot: what it knows is the share of each place."""
        raise UsageError(f"{self.sources.path} is a collection of vectors, not of visual words")


def pictures(index: VectorIndex) -> Pictures:
    """All that an index can find, with where they lie and how large they are."""
    snapshot, catalogue = index.snapshot, index.sources.catalogue
    sizes = catalogue.sizes()
    places = {row: (Path(path), name) for row, path, name in catalogue.paths()}
    there = np.array([row in places and row in sizes for row in snapshot.ids.tolist()], np.bool_)
    if not there.all():  # some were removed a moment ago
        snapshot = snapshot.only(there)
    ids = snapshot.ids.tolist()
    return Pictures(
        ids=snapshot.ids,
        vectors=np.asarray(snapshot.vectors),
        metric=snapshot.metric,
        paths=tuple(places[row][0] for row in ids),
        names=tuple(places[row][1] for row in ids),
        pixels=np.array([sizes[row][0] for row in ids], np.int64),
        bytes=np.array([sizes[row][1] for row in ids], np.int64),
    )
