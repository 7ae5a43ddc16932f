"""One immutable file of an inverted index: postings by word, mapped into memory.

A `likewise.arrays.ColumnFile` of these columns:

- ``pictures``: uint32, the ids of its pictures, rising
- ``offsets``: uint32, where the list of each word begins, and the end of the last one
- ``frequencies``: uint32, how many pictures each word has
- ``rows``: uint32 for each posting, its picture's place among ``pictures``
- ``codes``: uint64, for each word the first halves of its codes and then the second halves, so that one
  vector instruction reads eight; at the end eight zeros, that it may read too far. Codes of 64 bits have one
  half, and ``halves`` in the header says so

Within a word postings are ordered by picture and code, so equal postings give equal bytes, in whatever order
they came. That is 20 bytes a posting, or 12 with short codes. The term frequency is not written: the postings
of a picture in a word lie side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.arrays import ColumnFile, ColumnLayout, writing_columns
from likewise.errors import UsageError
from likewise.words.hamming import Codes
from likewise.words.index.postings import Numbers, Postings
from likewise.words.sketch import Sketch

FORMAT = "likewise words 1"
PAD = 8
"""Numbers after the last code."""

CHUNK = 1 << 20
"""Postings worked on at once, unless one word has more: some 100 MiB."""

Chunk: TypeAlias = tuple[int, int, Numbers, Codes]
"""Postings of the words from the first to before the second number: rows ``(n,)``, codes ``(n, halves)``."""


@dataclass(frozen=True)
class Extent:
    """How many there are of each; it says where in the file every column lies."""

    words: int
    pictures: int
    postings: int
    halves: int = 2

    @cached_property
    def layout(self) -> ColumnLayout:
        """Of the file; that codes have two halves is not told, as it was before they could have one."""
        facts = {"words": self.words, "pictures": self.pictures, "postings": self.postings}
        counts = {
            "pictures": (self.pictures, "<u4"),
            "offsets": (self.words + 1, "<u4"),
            "frequencies": (self.words, "<u4"),
            "rows": (self.postings, "<u4"),
            "codes": (self.halves * self.postings + PAD, "<u8"),
        }
        return ColumnLayout(
            FORMAT,
            facts | ({"halves": self.halves} if self.halves != 2 else {}),
            {name: ((count,), kind) for name, (count, kind) in counts.items()},
        )

    @classmethod
    def told(cls, facts: Mapping[str, Any]) -> Extent:
        """Read from what a header says."""
        words, pictures, postings = (int(facts[name]) for name in ("words", "pictures", "postings"))
        return cls(words, pictures, postings, int(facts["halves"]) if "halves" in facts else 2)


@dataclass(frozen=True, eq=False)
class Segment:
    """An open segment; its arrays are read-only views of the file.

    Attributes
    ----------
    pictures
        uint32 ``(p,)``, rising ids.
    offsets
        uint32 ``(words + 1,)``.
    frequencies
        uint32 ``(words,)``: pictures of each word.
    rows
        uint32 ``(n,)``: places among ``pictures``.
    codes
        uint64 ``(halves n + 8,)``: of the word from ``b`` to ``e``, first halves at ``2 b``, second at
        ``b + e``; only halves at ``b``.
    """

    file: ColumnFile
    extent: Extent
    pictures: Numbers
    offsets: Numbers
    frequencies: Numbers
    rows: Numbers
    codes: NDArray[np.uint64]

    @property
    def path(self) -> Path:
        """Of the file."""
        return self.file.path

    @classmethod
    def write(cls, path: Path, postings: Postings, words: int) -> Segment:
        """Write a segment, whole or not at all, and open it.

        Raises `UsageError` when a word is not in the codebook; `StorageError` when it cannot be written.

        Parameters
        ----------
        postings
            At least all postings of every picture that is in it; a picture lies in one segment.
        words
            Words in the codebook.
        """
        if len(postings) and postings.words.max() >= words:
            raise UsageError(f"word {postings.words.max()} is not in a codebook of {words} words")
        ordered = postings.sorted()
        pictures = np.unique(ordered.pictures)
        rows = np.searchsorted(pictures, ordered.pictures).astype(np.uint32)
        counts = np.bincount(ordered.words, minlength=words)
        return create(path, pictures, counts, [(0, words, rows, ordered.codes)], ordered.codes.shape[1])

    @classmethod
    def of(cls, path: Path, layer: str, sketches: Iterable[tuple[int, Sketch]], words: int) -> Segment:
        """Write one of the features of some pictures in one layer; see `write`.

        ``sketches``: with the id of each picture.
        """
        parts = [
            Postings.of(picture, sketch.words[layer], sketch.codes[layer]) for picture, sketch in sketches
        ]
        return cls.write(path, Postings.join(parts), words)

    @classmethod
    def open(cls, path: Path) -> Segment:
        """Map a segment into memory; reads its header, and the columns when they are used.

        Raises `CollectionDamaged` when it is gone, cut short, or no segment; `StorageError` when it cannot be
        read.
        """
        file = ColumnFile.open(path, "segment of visual words", lambda facts: Extent.told(facts).layout)
        segment = cls(file, Extent.told(file.layout.facts), **file.arrays)
        for name in ("pictures", "offsets", "frequencies"):  # all of them are read, and small
            file.read_soon(name, np.zeros(1, np.int64), np.array([len(file.arrays[name])]))
        offsets = segment.offsets
        if offsets[0] or offsets[-1] != segment.extent.postings or (offsets[1:] < offsets[:-1]).any():
            raise file.damaged("its offsets do not rise from 0 to the number of postings")
        if (segment.pictures[1:] <= segment.pictures[:-1]).any():
            raise file.damaged("its pictures do not rise")
        return segment

    def verify(self) -> list[str]:
        """Faults of the damaged columns, each with the path; none when every byte is as written."""
        return self.file.faults()

    def read_soon(self, words: NDArray[np.integer[Any]]) -> None:
        """Have the system read the lists of words from the disk at once, and nothing around them.

        Around each it would read up to megabytes. What was asked for before is left to it: it is in memory
        still, or had to go.
        """
        if self._asked[words].all():
            return
        fresh = np.unique(words[~self._asked[words]]).astype(np.int64)
        self._asked[fresh] = True
        begins, ends = (self.offsets[fresh + step].astype(np.int64) for step in (0, 1))
        self.file.read_soon("rows", begins, ends)
        self.file.read_soon("codes", self.extent.halves * begins, self.extent.halves * ends)

    @cached_property
    def _asked(self) -> NDArray[np.bool_]:
        """Of which words lists were asked for, bool ``(words,)``."""
        return np.zeros(self.extent.words, bool)

    def members(self, first: int, last: int) -> Numbers:
        """Rows of the words from ``first`` to before ``last``; none of a damaged file points outside."""
        rows = self.rows[self.offsets[first] : self.offsets[last]]
        return np.minimum(rows, np.uint32(max(len(self.pictures) - 1, 0)))

    def members_codes(self, first: int, last: int) -> Codes:
        """Codes ``(n, halves)`` of the same postings."""
        halves = self.extent.halves
        begin, end = (halves * int(self.offsets[word]) for word in (first, last))
        return self.codes[begin:end][_places(self.sizes(first, last), halves)]

    def sizes(self, first: int = 0, last: int | None = None) -> NDArray[np.int64]:
        """How many postings each word has, of those from ``first`` to before ``last``."""
        end = self.extent.words if last is None else last
        offsets = self.offsets[first : end + 1].astype(np.int64)
        return offsets[1:] - offsets[:-1]

    def places(self, live: NDArray[Any]) -> NDArray[np.int64]:
        """Where its pictures lie among rising ids, ``(p,)``; -1 for those that are not there."""
        if not len(live):
            return np.full(len(self.pictures), -1)
        places = np.minimum(np.searchsorted(live, self.pictures), len(live) - 1)
        return np.where(live[places] == self.pictures, places, -1)


def create(
    path: Path, pictures: Numbers, counts: NDArray[np.int64], chunks: Iterable[Chunk], halves: int = 2
) -> Segment:
    """Write a segment from chunks that come in the order of its words, and open it.

    Raises `UsageError` when there are more postings than one segment can hold; `StorageError` when it cannot
    be written.

    Parameters
    ----------
    pictures
        uint32 ``(p,)``, rising ids.
    counts
        int64 ``(words,)``: postings of each word.
    chunks
        Together all words; within a word rows rise, and codes for equal rows.
    halves
        Numbers of 64 bits in a code, 1 or 2.
    """
    extent = Extent(len(counts), len(pictures), int(counts.sum()), halves)
    if extent.postings > (1 << 32) - PAD:
        raise UsageError(f"{extent.postings:,} postings are too many for one segment: write several")
    frequencies = np.zeros(len(counts), np.uint32)
    with writing_columns(path, extent.layout) as columns:
        columns.put("pictures", pictures)
        columns.put("offsets", np.concatenate([[0], np.cumsum(counts)]))
        for first, last, rows, codes in chunks:
            sizes = counts[first:last]
            frequencies[first:last] = _frequencies(rows, sizes)
            columns.put("rows", rows)
            parted = np.empty(halves * len(rows), np.uint64)
            parted[_places(sizes, halves)] = codes
            columns.put("codes", parted)
        columns.put("frequencies", frequencies)
        columns.put("codes", np.zeros(PAD, np.uint64))
    return Segment.open(path)


def ranges(sizes: NDArray[np.int64], most: int = CHUNK) -> Iterator[tuple[int, int]]:
    """Lists one after another, as many at once as have ``most`` postings together, or one that has more."""
    ends = np.cumsum(sizes)
    first = 0
    while first < len(sizes):
        full = ends[first] - sizes[first] + most
        last = max(first + 1, int(np.searchsorted(ends, full, side="right")))
        yield first, last
        first = last


def _places(sizes: NDArray[np.int64], halves: int) -> NDArray[np.int64]:
    """Where the halves of each code lie, ``(n, halves)``, when lists of these sizes follow one another."""
    starts = np.cumsum(sizes) - sizes
    first = np.arange(sizes.sum()) + (halves - 1) * np.repeat(starts, sizes)
    return np.stack([first + half * np.repeat(sizes, sizes) for half in range(halves)], axis=1)


def _frequencies(rows: Numbers, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many different rows each list has."""
    ends = np.concatenate([[0], np.cumsum(sizes)])
    fresh = np.ones(len(rows) + 1, bool)
    fresh[1:-1] = rows[1:] != rows[:-1]
    fresh[ends] = True
    seen = np.concatenate([[0], np.cumsum(fresh[:-1])])
    return np.asarray(seen[ends[1:]] - seen[ends[:-1]])
