"""All vectors of a collection at one moment: in memory, or where they lie when they are many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.collection.layers.remote import RemoteVectors
from likewise.collection.layers.stored_vectors import Shortlist, StoredVectors
from likewise.collection.layers.vector_segments import BLOCK, TAIL, VectorSegments
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.rows import VectorEngine
from likewise.descriptors.transforms import l2
from likewise.errors import UnknownPicture, UsageError
from likewise.ranking import Gallery
from likewise.ranking.exact import Vectors
from likewise.types import FloatArray, IntArray, Metric


@dataclass(frozen=True)
class Snapshot:
    """Vectors and the ids of their pictures.

    Attributes
    ----------
    generation
        Of the catalogue when they were read.
    ids
        int64, shape ``(n,)``, rising.
    vectors
        Finite float32, shape ``(n, d)``, or what stands for it; of length 1, or 0, when the metric is
        ``dot``.
    metric
        How they are compared.
    left_out
        How many rows are damaged.
    """

    generation: int
    ids: IntArray
    vectors: Vectors
    metric: Metric
    left_out: int = 0

    def __post_init__(self) -> None:
        for array in (self.ids, self.vectors):
            if isinstance(array, np.ndarray):
                array.setflags(write=False)  # searches share them

    @classmethod
    def remote(cls, catalogue: Catalogue, engine: VectorEngine, shortlist: Shortlist | None) -> Snapshot:
        """Take what an engine keeps, of which nothing is read."""
        with catalogue.moment():
            generation, live = catalogue.generation, catalogue.ids()
        left_out = max(0, len(live) - len(engine))
        return cls(generation, live, RemoteVectors(engine, live, shortlist), engine.metric, left_out)

    @classmethod
    def load(cls, catalogue: Catalogue, segments: VectorSegments, shortlist: Shortlist | None) -> Snapshot:
        """Map the segments, and read what none holds.

        Damaged rows are left out: one of those must not end searching; verify names it.
        """
        opened = segments.opened(catalogue)
        with catalogue.moment():
            generation, live = catalogue.generation, catalogue.ids()
            left = np.setdiff1d(live, segments.covered(opened), assume_unique=True)
            (newer, codes), damaged = segments.sound(catalogue, left)
        blocks = [segments.vectors(codes[at : at + BLOCK])[0] for at in range(0, len(codes), BLOCK)]
        tail = np.concatenate([np.empty((0, segments.code.dimensions), np.float32), *blocks])
        if not opened:
            return cls(generation, newer, tail, segments.metric, damaged)
        held = np.concatenate([*(segment.ids for segment in opened.values()), newer])
        there = np.flatnonzero(np.isin(held, live))
        there = there[np.argsort(held[there], kind="stable")]
        vectors = StoredVectors(segments, list(opened.values()), tail, there, shortlist)
        return cls(generation, held[there], vectors, segments.metric, damaged)

    @cached_property
    def gallery(self) -> Gallery:
        """The gallery of stages after a search; it keeps the graph of neighbours once one needed it."""
        return Gallery(self.vectors, ids=self.ids, metric=self.metric)

    def only(self, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Snapshot:
        """Part of the rows, by a mask of shape ``(n,)``; few are read into memory."""
        rows = np.flatnonzero(keep)
        few = isinstance(self.vectors, StoredVectors) and len(rows) <= TAIL
        whole = self.vectors
        vectors = whole[rows] if few or isinstance(whole, np.ndarray) else whole.only(rows)
        return replace(self, ids=self.ids[rows], vectors=vectors)

    def exactly(self) -> Snapshot:
        """The same, in which every row is compared."""
        if isinstance(self.vectors, np.ndarray):
            return self
        return replace(self, vectors=self.vectors.exactly())

    def recall(self, k: int) -> float | None:
        """The share of the nearest that a search for ``k`` can be expected to find; None for all."""
        return None if isinstance(self.vectors, np.ndarray) else self.vectors.recall(k)

    def vector(self, picture: int) -> FloatArray:
        """Give the vector of one picture, shape ``(d,)``.

        Raises `UnknownPicture` when no picture has that id.
        """
        row = int(np.searchsorted(self.ids, picture)) if 0 <= picture < 1 << 63 else len(self.ids)
        if row == len(self.ids) or self.ids[row] != picture:
            raise UnknownPicture(f"no picture with the id {picture} can be searched for")
        vector: FloatArray = self.vectors[row]
        return vector

    def fit(self, vector: NDArray[Any]) -> FloatArray:
        """Check that a vector from elsewhere can meet these, and make it as long as they are.

        Raises `UsageError` when it has another number of dimensions, or holds what is no finite number.
        """
        if vector.shape != self.vectors.shape[1:]:
            raise UsageError(f"the vector has {vector.size} numbers, not {self.vectors.shape[1]}")
        if vector.dtype.kind not in "fiu":
            raise UsageError(f"a vector holds numbers, not {vector.dtype}")
        exact = vector.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            fitted: FloatArray = (l2(exact) if self.metric == "dot" else exact).astype(np.float32)
        if not np.isfinite(fitted).all():
            raise UsageError("a query vector holds numbers that are not finite; describe its picture again")
        return fitted


@dataclass(frozen=True)
class Pictures:
    """Pictures of a collection at one moment, row by row, by id.

    Attributes
    ----------
    ids
        int64, shape ``(n,)``.
    vectors
        Finite float32, shape ``(n, d)``, read-only; of length 1, or 0, when the metric is ``dot``.
    metric
        How they are compared.
    paths
        Where their files lie.
    names
        Their paths below the folder that was indexed.
    pixels, bytes
        int64, shape ``(n,)``: width times height, and the size of the file.
    """

    ids: IntArray
    vectors: FloatArray
    metric: Metric
    paths: tuple[Path, ...]
    names: tuple[str, ...]
    pixels: IntArray
    bytes: IntArray
