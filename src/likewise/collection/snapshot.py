"""All vectors of a collection at one moment, in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from likewise.collection.catalogue import Catalogue
from likewise.collection.codes import Code
from likewise.descriptors.transforms import l2
from likewise.errors import UsageError
from likewise.ranking.exact import Metric
from likewise.ranking.gallery import Gallery
from likewise.types import FloatArray, IntArray


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
        Finite float32, shape ``(n, d)``; of length 1, or 0, when the metric is ``dot``.
    metric
        How they are compared.
    left_out
        How many rows are damaged.
    """

    generation: int
    ids: IntArray
    vectors: FloatArray
    metric: Metric
    left_out: int = 0

    def __post_init__(self) -> None:
        for array in (self.ids, self.vectors):
            array.setflags(write=False)  # searches share them

    @classmethod
    def load(cls, catalogue: Catalogue, layer: int, code: Code, metric: Metric) -> Snapshot:
        """Read them but for damaged rows: one of those must not end searching; verify names it."""
        with catalogue.moment():
            generation, count, at = catalogue.generation, catalogue.code_count(layer), 0
            ids, vectors = np.empty(count, np.int64), np.empty((count, code.dimensions), np.float32)
            for block in catalogue.codes(layer):
                sound = [(row, written) for row, written, intact in block if intact and code.fits(written)]
                ids[at : at + len(sound)] = [picture for picture, _ in sound]
                vectors[at : at + len(sound)] = code.decode([cast(bytes, written) for _, written in sound])
                at += len(sound)
        ids, vectors = ids[:at], vectors[:at]
        with np.errstate(invalid="ignore", over="ignore"):
            lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
            if (
                metric == "dot"
            ):  # storing has moved the lengths by some 1e-4: another picture might rank before itself
                vectors /= np.where(lengths > 0, lengths, 1)[:, np.newaxis]
        finite = np.isfinite(lengths)
        found = cls(generation, ids, vectors, metric, count - int(np.count_nonzero(finite)))
        return found if finite.all() else found.only(finite)

    @cached_property
    def gallery(self) -> Gallery:
        """What stages after a search work on; it keeps the graph of neighbours once one needed it."""
        return Gallery(self.vectors, ids=self.ids, metric=self.metric)

    def only(self, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Snapshot:
        """Part of the rows, by a mask of shape ``(n,)``."""
        return replace(self, ids=self.ids[keep], vectors=self.vectors[keep])

    def vector(self, picture: int) -> FloatArray:
        """Give the vector of one picture, shape ``(d,)``.

        Raises
        ------
        UsageError
            When no picture has that id.
        """
        row = int(np.searchsorted(self.ids, picture)) if 0 <= picture < 1 << 63 else len(self.ids)
        if row == len(self.ids) or self.ids[row] != picture:
            raise UsageError(f"no picture with the id {picture} can be searched for")
        vector: FloatArray = self.vectors[row]
        return vector

    def fit(self, vector: NDArray[Any]) -> FloatArray:
        """Check that a vector from elsewhere can meet these, and make it as long as they are.

        Raises
        ------
        UsageError
            When it has another number of dimensions, or holds what is no finite number.
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
