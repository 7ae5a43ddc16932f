"""The inverted indexes of a layer of visual words, one for each of its taps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from likewise.collection.layers.segments import Segments
from likewise.collection.store.belongings import WORDS
from likewise.collection.store.catalogue import Catalogue
from likewise.errors import CollectionDamaged
from likewise.files import temporary
from likewise.types import IntArray
from likewise.words import Sketch
from likewise.words.index import InvertedIndex, Segment, merge

BATCH = 64 << 20
"""Bytes of sketches that become one segment at most; building one takes some six times as much memory."""

Taps: TypeAlias = dict[str, Segment]
"""A segment of each tap."""

Sketches: TypeAlias = list[tuple[int, Sketch]]


@dataclass(frozen=True)
class WordsSegments(Segments[Taps, Sketches]):
    """See `likewise.collection.layers.segments.Segments`.

    Attributes
    ----------
    sizes
        For each tap, in the order of the recipe, the words in its codebook.
    """

    FOLDER, LIST, NOTE = WORDS, "segments", "indexing words"

    sizes: Mapping[str, int]

    most = 1 << 31

    def load(self, catalogue: Catalogue) -> tuple[int, dict[str, InvertedIndex], int]:
        """The generation of the catalogue, an index of all pictures for each tap, and what these lack.

        That is the number of pictures that no segment holds and whose sketches are damaged.
        """
        opened = self.opened(catalogue)
        with catalogue.moment():
            generation, live = catalogue.generation, catalogue.ids()
            left = np.setdiff1d(live, self.covered(opened), assume_unique=True)
            tails: list[Taps] = []
            if len(left):  # segments that only this process sees: they have no name once they are open
                with temporary() as folder:
                    tails = self.written(folder, catalogue, left)
            return generation, *self.indexed(catalogue, live, [*opened.values(), *tails])

    def written(self, folder: Path, catalogue: Catalogue, pictures: IntArray, name: str = "") -> list[Taps]:
        """Segments of some pictures in a folder, whose names begin so."""
        batches = enumerate(self.batches(catalogue, pictures))
        return [self.write(folder, f"{name}{number}", batch) for number, batch in batches]

    def indexed(
        self, catalogue: Catalogue, live: IntArray, segments: Sequence[Taps]
    ) -> tuple[dict[str, InvertedIndex], int]:
        """Indexes of those of some pictures that there are, by tap, and how many are left out as damaged."""
        covered = self.covered(dict(enumerate(segments)))
        # without any feature, or damaged; or not described yet
        bare = np.setdiff1d(live, covered, assume_unique=True)
        blocks = catalogue.rows.of(self.layer, bare) if len(bare) else ()
        rows = [row for block in blocks for row in block]
        kept = np.array([picture for picture, _, _ in rows], np.int64)
        there = np.intersect1d(live, np.concatenate([covered, kept]))
        indexes = {
            tap: InvertedIndex(size, [segment[tap] for segment in segments], there)
            for tap, size in self.sizes.items()
        }
        return indexes, sum(not intact for _, _, intact in rows)

    def files(self, name: str) -> list[Path]:
        """See `Segments`."""
        return [self.folder / self._file(name, number) for number in range(len(self.sizes))]

    def _file(self, name: str, number: int) -> str:
        return f"{name}-{number}.{self.FOLDER}"

    def open(self, name: str) -> Taps:
        """See `Segments`."""
        taps = zip(self.sizes.items(), self.files(name), strict=True)
        return {tap: self._open(path, size) for (tap, size), path in taps}

    def _open(self, path: Path, size: int) -> Segment:
        segment = Segment.open(path)
        if segment.extent.words != size:
            raise CollectionDamaged(f"{segment.path} is of another codebook; it can be made again")
        return segment

    def held(self, segment: Taps) -> IntArray:
        """See `Segments`."""
        return segment[next(iter(self.sizes))].pictures.astype(np.int64)

    def weight(self, segment: Taps) -> int:
        """Postings of the first tap."""
        return segment[next(iter(self.sizes))].extent.postings

    def damage(self, name: str) -> list[tuple[Path, str]]:
        """See `Segments`."""
        faults: list[tuple[Path, str]] = []
        for path, size in zip(self.files(name), self.sizes.values(), strict=True):
            try:
                faults += [(path, fault) for fault in self._open(path, size).verify()]
            except CollectionDamaged as error:
                faults.append((path, str(error)))
        return faults

    def batches(self, catalogue: Catalogue, pictures: IntArray) -> Iterator[Sketches]:
        """Sketches of pictures, about `BATCH` bytes of them at once; damaged ones are passed over."""
        batch: Sketches = []
        size = 0
        for block in catalogue.rows.of(self.layer, pictures):
            for picture, written, intact in block:
                if not intact or Sketch.fault_of(written, self.sizes) or not isinstance(written, bytes):
                    continue
                batch.append((picture, Sketch.from_bytes(written, self.sizes)))
                size += len(written)
                if size >= BATCH:
                    yield batch
                    batch, size = [], 0
        if batch:
            yield batch

    def write(self, folder: Path, name: str, batch: Sketches) -> Taps:
        """See `Segments`."""
        return {
            tap: Segment.of(folder / self._file(name, number), tap, batch, size)
            for number, (tap, size) in enumerate(self.sizes.items())
        }

    def join(self, name: str, segments: Sequence[Taps], live: IntArray) -> None:
        """See `Segments`."""
        for (tap, size), path in zip(self.sizes.items(), self.files(name), strict=True):
            merge(path, size, [segment[tap] for segment in segments], live)
