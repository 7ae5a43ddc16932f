"""Vectors of a layer in files that processes share: codes as the catalogue has them, and few bits of each.

A file holds a row for each of its pictures, by id: the code, the length of the vector, and the `BITS` signs
of its projections on random directions, once the mean is taken off (Charikar, Similarity estimation
techniques from rounding algorithms, STOC 2002: two of these strings differ in a share of ``theta / pi`` of
their bits).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from likewise.arrays import ColumnFile, ColumnLayout, writing_columns
from likewise.collection.layers.segments import Segments
from likewise.collection.store.belongings import VECTORS
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.codes import Code
from likewise.errors import CollectionDamaged
from likewise.types import FloatArray, IntArray, Metric, UInt8Array

FORMAT = "likewise vectors 1"

BITS = 512
"""Of each vector: 64 bytes."""

BATCH = 1 << 26
"""Bytes of codes that become one segment at most, and that are held in memory to write it."""

TAIL = 16_384
"""So many pictures that no segment holds are read into memory; more become one."""

BLOCK = 2048
"""Rows that are read, and written, at once."""

SAMPLE = 20_000
"""Rows whose mean is taken off."""

Rows: TypeAlias = tuple[IntArray, UInt8Array]
"""Ids, int64 ``(n,)``, rising, and codes, uint8 ``(n, width)``."""


class Batch:
    """Rows for one segment."""

    def __init__(self, rows: Rows) -> None:
        self.ids, self.codes = rows

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class VectorSegment:
    """An open file; its arrays are read-only views of it.

    Attributes
    ----------
    ids
        int64 ``(n,)``, rising.
    codes
        uint8 ``(n, width)``.
    lengths
        float32 ``(n,)``: of the vectors that the codes stand for.
    bits
        uint8 ``(n, BITS / 8)``.
    centre, planes
        float32 ``(d,)`` and ``(BITS, d)``: what is taken off, and the directions.
    """

    file: ColumnFile
    ids: IntArray
    codes: UInt8Array
    lengths: FloatArray
    bits: UInt8Array
    centre: FloatArray
    planes: FloatArray

    @classmethod
    def open(cls, path: Path, code: Code) -> VectorSegment:
        """Map one into memory.

        Raises `CollectionDamaged` when it is gone, cut short, of another code, or no segment; `StorageError`
        when it cannot be read.
        """
        file = ColumnFile.open(path, "segment of vectors", lambda facts: _layout(_count(facts), code))
        segment = cls(file, **file.arrays)
        if (segment.ids[1:] <= segment.ids[:-1]).any():
            raise file.damaged("its pictures do not rise")
        return segment

    def signs(self, vectors: FloatArray) -> UInt8Array:
        """The bits of vectors ``(n, d)``."""
        return signs(vectors, self.centre, self.planes)


def signs(vectors: FloatArray, centre: FloatArray, planes: FloatArray) -> UInt8Array:
    """On which side of each plane through the centre vectors ``(n, d)`` lie, uint8 ``(n, BITS / 8)``."""
    return np.packbits((vectors - centre) @ planes.T > 0, axis=1)


def directions(dimensions: int) -> FloatArray:
    """Random directions, float32 ``(BITS, d)``; at right angles where there is room for that."""
    chance = np.random.default_rng(0).standard_normal((max(BITS, dimensions), dimensions))
    if dimensions >= BITS:
        chance = np.linalg.qr(chance[:, :BITS])[0].T
    planes: FloatArray = chance.astype(np.float32)
    return planes


def lengths_of(vectors: FloatArray) -> FloatArray:
    """Of each row of ``(n, d)``; not finite where the row is not."""
    with np.errstate(invalid="ignore", over="ignore"):
        lengths: FloatArray = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    return lengths


def divided(numbers: FloatArray, lengths: FloatArray) -> FloatArray:
    """Divide by lengths that are not 0: storing has moved those of unit vectors by some 1e-4."""
    divisors = np.where(lengths > 0, lengths, np.float32(1))
    quotients: FloatArray = np.divide(numbers, divisors, dtype=np.float32)
    return quotients


def compared(vectors: FloatArray, metric: Metric) -> tuple[FloatArray, FloatArray]:
    """Stored vectors ``(n, d)`` as they are compared, of the same shape, and their lengths ``(n,)``."""
    lengths = lengths_of(vectors)
    return (divided(vectors, lengths[:, np.newaxis]) if metric == "dot" else vectors), lengths


def _count(facts: Mapping[str, Any]) -> int:
    count = int(facts["pictures"])
    if count < 0:
        raise ValueError(f"{count} pictures")
    return count


def _layout(count: int, code: Code) -> ColumnLayout:
    dimensions = code.dimensions
    return ColumnLayout(
        FORMAT,
        {"pictures": count, "width": code.width, "dimensions": dimensions, "bits": BITS},
        {
            "ids": ((count,), "<i8"),
            "codes": ((count, code.width), "u1"),
            "lengths": ((count,), "<f4"),
            "bits": ((count, BITS // 8), "u1"),
            "centre": ((dimensions,), "<f4"),
            "planes": ((BITS, dimensions), "<f4"),
        },
    )


@dataclass(frozen=True)
class VectorSegments(Segments[VectorSegment, Batch]):
    """See `likewise.collection.layers.segments.Segments`.

    Attributes
    ----------
    code
        How the vectors are written.
    metric
        How they are compared.
    """

    FOLDER, LIST, NOTE = VECTORS, "vectors", "writing vectors"

    code: Code
    metric: Metric

    @cached_property
    def most(self) -> int:
        """As many rows as 4 GiB of codes."""
        return (1 << 32) // self.code.width

    def files(self, name: str) -> list[Path]:
        """See `Segments`."""
        return [self.folder / f"{name}-0.{self.FOLDER}"]

    def open(self, name: str) -> VectorSegment:
        """See `Segments`."""
        return VectorSegment.open(self.files(name)[0], self.code)

    def held(self, segment: VectorSegment) -> IntArray:
        """See `Segments`."""
        return segment.ids

    def weight(self, segment: VectorSegment) -> int:
        """Rows."""
        return len(segment.ids)

    def damage(self, name: str) -> list[tuple[Path, str]]:
        """See `Segments`."""
        try:
            return [(self.files(name)[0], fault) for fault in self.open(name).file.faults()]
        except CollectionDamaged as error:
            return [(self.files(name)[0], str(error))]

    def batches(self, catalogue: Catalogue, pictures: IntArray) -> Iterator[Batch]:
        """See `Segments`."""
        most = max(1, BATCH // self.code.width)
        for start in range(0, len(pictures), most):
            ids, codes = self.sound(catalogue, pictures[start : start + most])[0]
            if len(ids):
                yield Batch((ids, codes))

    def sound(self, catalogue: Catalogue, pictures: IntArray) -> tuple[Rows, int]:
        """Rows of pictures whose vectors are there and finite, and how many are damaged."""
        ids: list[int] = []
        codes, damaged = bytearray(), 0
        for block in catalogue.rows.of(self.layer, pictures):
            for picture, written, intact in block:
                if intact and isinstance(written, bytes) and self.code.fits(written):
                    ids.append(picture)
                    codes += written
                else:
                    damaged += 1
        rows = np.frombuffer(codes, np.uint8).reshape(len(ids), self.code.width)
        finite = np.concatenate(
            [np.empty(0, bool), *(np.isfinite(lengths_of(block)) for block in self._decoded(rows))]
        )
        if not finite.all():  # else there is no need of a copy
            return (np.array(ids, np.int64)[finite], rows[finite]), damaged + int((~finite).sum())
        return (np.array(ids, np.int64), rows), damaged

    def _decoded(self, codes: UInt8Array) -> Iterator[FloatArray]:
        return (self.code.decode(codes[at : at + BLOCK]) for at in range(0, len(codes), BLOCK))

    def write(self, folder: Path, name: str, batch: Batch) -> VectorSegment:
        """See `Segments`."""
        return self._write(folder / self.files(name)[0].name, batch.ids, lambda places: batch.codes[places])

    def join(self, name: str, segments: Sequence[VectorSegment], live: IntArray) -> None:
        """See `Segments`; what is not as it was written is not taken over."""
        for segment in segments:
            if faults := segment.file.faults():
                raise CollectionDamaged(f"{faults[0]}; make the segment again")
        kept = [np.flatnonzero(np.isin(part.ids, live)) for part in segments]
        ids = np.concatenate([part.ids[rows] for part, rows in zip(segments, kept, strict=True)])
        order = np.argsort(ids, kind="stable")
        sources = np.repeat(np.arange(len(kept)), [len(rows) for rows in kept])[order]
        rows = np.concatenate(kept)[order]

        def codes(places: IntArray) -> UInt8Array:
            out = np.empty((len(places), self.code.width), np.uint8)
            for number, part in enumerate(segments):
                of_this = sources[places] == number
                out[of_this] = part.codes[rows[places[of_this]]]
            return out

        self._write(self.files(name)[0], ids[order], codes)

    def _write(self, path: Path, ids: IntArray, codes: Callable[[IntArray], UInt8Array]) -> VectorSegment:
        """Write rows, whose codes are given for places among the ids."""
        places = np.arange(len(ids))
        sample = places[:: max(1, len(places) // SAMPLE)]
        blocks = np.array_split(sample, max(1, -(-len(sample) // BLOCK)))
        sums = [self.vectors(codes(block))[0].sum(axis=0, dtype=np.float64) for block in blocks]
        centre: FloatArray = (np.sum(sums, axis=0) / len(sample)).astype(np.float32)
        planes = directions(self.code.dimensions)
        with writing_columns(path, _layout(len(ids), self.code)) as columns:
            columns.put("ids", ids)
            columns.put("centre", centre)
            columns.put("planes", planes)
            for block in np.array_split(places, max(1, -(-len(places) // BLOCK))):
                written = codes(block)
                vectors, lengths = self.vectors(written)
                columns.put("codes", written)
                columns.put("lengths", lengths)
                columns.put("bits", signs(vectors, centre, planes))
        return VectorSegment.open(path, self.code)

    def vectors(self, codes: UInt8Array) -> tuple[FloatArray, FloatArray]:
        """Codes ``(n, width)`` as they are compared, float32 ``(n, d)``, and their lengths ``(n,)``."""
        return compared(self.code.decode(codes), self.metric)
