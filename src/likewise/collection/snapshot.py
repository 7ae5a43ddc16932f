"""All vectors of a collection at one moment, in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likewise.collection.catalogue import Catalogue
from likewise.collection.codes import Code
from likewise.errors import UsageError
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
        Finite float32, shape ``(n, d)``; of length 1, or 0, when they are unit vectors.
    """

    generation: int
    ids: IntArray
    vectors: FloatArray

    @classmethod
    def load(cls, catalogue: Catalogue, code: Code, *, unit: bool) -> Snapshot:
        """Read them but for damaged rows: one of those must not end searching; verify names it."""
        with catalogue.moment():
            generation, count, at = catalogue.generation, catalogue.code_count(), 0
            ids, vectors = np.empty(count, np.int64), np.empty((count, code.dimensions), np.float32)
            for block in catalogue.codes():
                sound = [row for row in block if len(row[1]) == code.width]
                ids[at : at + len(sound)] = [picture for picture, _ in sound]
                vectors[at : at + len(sound)] = code.decode([written for _, written in sound])
                at += len(sound)
        found = cls(generation, ids[:at], vectors[:at])
        with np.errstate(invalid="ignore", over="ignore"):
            lengths = np.sqrt(np.einsum("nd,nd->n", found.vectors, found.vectors))
            if (
                unit
            ):  # storing has moved the lengths by some 1e-4, enough to rank another picture before itself
                found.vectors[:] /= np.where(lengths > 0, lengths, 1)[:, np.newaxis]
        finite = np.isfinite(lengths)
        return found if finite.all() else found.only(finite)

    def only(self, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Snapshot:
        """Part of the rows, by a mask of shape ``(n,)``."""
        return Snapshot(self.generation, self.ids[keep], self.vectors[keep])

    def vector(self, picture: int) -> FloatArray:
        """Give the vector of one picture, shape ``(d,)``.

        Raises
        ------
        UsageError
            When no picture has that id.
        """
        row = int(np.searchsorted(self.ids, picture))
        if row == len(self.ids) or self.ids[row] != picture:
            raise UsageError(f"no picture with the id {picture} can be searched for")
        vector: FloatArray = self.vectors[row]
        return vector

    def fit(self, vector: FloatArray, *, unit: bool) -> FloatArray:
        """Check that a vector from elsewhere can meet these, and make it as long as they are.

        Raises
        ------
        UsageError
            When it has another number of dimensions.
        """
        if vector.shape != self.vectors.shape[1:]:
            raise UsageError(f"the vector has {vector.size} numbers, not {self.vectors.shape[1]}")
        length = np.float32(np.linalg.norm(vector))
        fitted: FloatArray = vector / length if unit and length > 0 else vector
        return fitted
