"""One immutable file of an inverted index: postings by word, mapped into memory.

The file is a header of `HEADER` bytes, JSON padded with spaces, and then the columns, each from a multiple of
64 bytes on and filled up with zeros:

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

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.assets import replacing
from likewise.errors import CollectionDamaged, StorageError, UsageError
from likewise.system import NO_WAIT, descriptor_of
from likewise.words.hamming import Codes
from likewise.words.postings import Numbers, Postings

HEADER = 1024
FORMAT = "likewise words 1"
PAD = 8
"""Numbers after the last code."""

CHUNK = 1 << 20
"""Postings worked on at once, unless one word has more: some 100 MiB."""

Chunk: TypeAlias = tuple[int, int, Numbers, Codes]
"""Postings of the words from the first to before the second number: rows ``(n,)``, codes ``(n, halves)``."""

_ALIGNED = 64  # bytes
_BLOCK = 1 << 22  # bytes hashed at once


@dataclass(frozen=True)
class Extent:
    """How many there are of each; it says where in the file every column lies."""

    words: int
    pictures: int
    postings: int
    halves: int = 2

    @cached_property
    def columns(self) -> dict[str, tuple[int, int, str]]:
        """First byte, count and type of each column, in the order of the file."""
        counts = {
            "pictures": (self.pictures, "<u4"),
            "offsets": (self.words + 1, "<u4"),
            "frequencies": (self.words, "<u4"),
            "rows": (self.postings, "<u4"),
            "codes": (self.halves * self.postings + PAD, "<u8"),
        }
        begin, columns = HEADER, {}
        for name, (count, kind) in counts.items():
            columns[name] = (begin, count, kind)
            begin += _filled(count * int(kind[-1]))
        return columns

    @property
    def bytes(self) -> int:
        """Length of the file."""
        begin, count, kind = self.columns["codes"]
        return begin + _filled(count * int(kind[-1]))


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

    path: Path
    extent: Extent
    pictures: Numbers
    offsets: Numbers
    frequencies: Numbers
    rows: Numbers
    codes: NDArray[np.uint64]
    digests: dict[str, str]

    @classmethod
    def write(cls, path: Path, postings: Postings, words: int) -> Segment:
        """Write a segment, whole or not at all, and open it.

        Parameters
        ----------
        postings
            At least all postings of every picture that is in it; a picture lies in one segment.
        words
            Words in the codebook.

        Raises
        ------
        UsageError
            When a word is not in the codebook.
        StorageError
            When it cannot be written.
        """
        if len(postings) and postings.words.max() >= words:
            raise UsageError(f"word {postings.words.max()} is not in a codebook of {words} words")
        ordered = postings.sorted()
        pictures = np.unique(ordered.pictures)
        rows = np.searchsorted(pictures, ordered.pictures).astype(np.uint32)
        counts = np.bincount(ordered.words, minlength=words)
        return create(path, pictures, counts, [(0, words, rows, ordered.codes)], ordered.codes.shape[1])

    @classmethod
    def open(cls, path: Path) -> Segment:
        """Map a segment into memory; reads its header, and the columns when they are used.

        Raises
        ------
        CollectionDamaged
            When it is gone, cut short, or no segment.
        StorageError
            When it cannot be read.
        """
        with _file(path) as file:  # which may lose its name meanwhile
            extent, digests = _header(path, file)
            content = np.memmap(file, np.uint8, "r").view(np.ndarray)
        views: dict[str, Any] = {
            name: content[begin : begin + count * int(kind[-1])].view(kind)
            for name, (begin, count, kind) in extent.columns.items()
        }
        segment = cls(path, extent, **views, digests=digests)
        offsets = segment.offsets
        if offsets[0] or offsets[-1] != extent.postings or (offsets[1:] < offsets[:-1]).any():
            raise _damaged(path, "its offsets do not rise from 0 to the number of postings")
        if (segment.pictures[1:] <= segment.pictures[:-1]).any():
            raise _damaged(path, "its pictures do not rise")
        return segment

    def verify(self) -> list[str]:
        """What is wrong with each damaged column, with the path; nothing when every byte is as written."""
        faults = []
        with _file(self.path) as file:
            for name, (begin, count, kind) in self.extent.columns.items():
                file.seek(begin)
                if _digest(file, _filled(count * int(kind[-1]))) != self.digests[name]:
                    faults.append(f"{self.path}: column {name} is damaged")
        return faults

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
        found = np.minimum(np.searchsorted(live, self.pictures), len(live) - 1)
        return np.where(live[found] == self.pictures, found, -1)


def create(
    path: Path, pictures: Numbers, counts: NDArray[np.int64], chunks: Iterable[Chunk], halves: int = 2
) -> Segment:
    """Write a segment from chunks that come in the order of its words, and open it.

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

    Raises
    ------
    UsageError
        When there are more postings than one segment can hold.
    StorageError
        When it cannot be written.
    """
    extent = Extent(len(counts), len(pictures), int(counts.sum()), halves)
    if extent.postings > (1 << 32) - PAD:
        raise UsageError(f"{extent.postings:,} postings are too many for one segment: write several")
    frequencies = np.zeros(len(counts), np.uint32)
    with replacing(path) as draft, draft.open("wb") as file:
        columns = _Columns(file, extent)
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
        columns.finish()
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


class _Columns:
    """Columns that grow side by side in one file, and their digests."""

    def __init__(self, file: IO[bytes], extent: Extent) -> None:
        self._file, self._extent = file, extent
        self._ends = {name: begin for name, (begin, _, _) in extent.columns.items()}
        self._hashes = {name: hashlib.sha256() for name in extent.columns}

    def put(self, name: str, values: NDArray[Any]) -> None:
        self._append(name, values.astype(self._extent.columns[name][2], copy=False).tobytes())

    def _append(self, name: str, content: bytes) -> None:
        self._file.seek(self._ends[name])
        self._file.write(content)
        self._hashes[name].update(content)
        self._ends[name] += len(content)

    def finish(self) -> None:
        for name, (begin, _, _) in self._extent.columns.items():
            done = self._ends[name] - begin
            self._append(name, bytes(_filled(done) - done))
        self._file.seek(0)
        self._file.write(
            _written(self._extent, {name: one.hexdigest() for name, one in self._hashes.items()})
        )


def _filled(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


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


def _written(extent: Extent, digests: dict[str, str]) -> bytes:
    facts = {name: value for name, value in asdict(extent).items() if (name, value) != ("halves", 2)}
    header = {"format": FORMAT, **facts, "sha256": digests}
    return json.dumps(header).encode().ljust(HEADER)


@contextmanager
def _file(path: Path) -> Iterator[BufferedReader]:
    """A segment's file: a regular one, no pipe that would be waited for, and no link that leads elsewhere."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            raise StorageError(f"cannot read {path}: it is a folder")
        if not stat.S_ISREG(mode):
            raise _damaged(path, "it is no regular file")
        descriptor = descriptor_of(path, os.O_RDONLY | NO_WAIT, follow=False)
    except FileNotFoundError as error:
        raise _damaged(path, "it is gone") from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    with open(descriptor, "rb") as file:
        yield file


def _header(path: Path, file: BufferedReader) -> tuple[Extent, dict[str, str]]:
    try:
        content = file.read(HEADER)
        size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        header = json.loads(content)
        words, pictures, postings = (int(header[name]) for name in ("words", "pictures", "postings"))
        extent = Extent(words, pictures, postings, int(header["halves"]) if "halves" in header else 2)
        digests = {name: str(header["sha256"][name]) for name in extent.columns}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise _damaged(path, f"its first {HEADER} bytes are not the header of one") from error
    if content != _written(extent, digests):
        raise _damaged(path, f"its header is not one of the format {FORMAT!r}")
    if size != extent.bytes:
        raise _damaged(path, f"it has {size:,} bytes instead of {extent.bytes:,}")
    return extent, digests


def _damaged(path: Path, why: str) -> CollectionDamaged:
    return CollectionDamaged(f"{path} is no segment of visual words: {why}; it can be made again")


def _digest(file: IO[bytes], size: int) -> str:
    digest = hashlib.sha256()
    for block in _blocks(file, size):
        digest.update(block)
    return digest.hexdigest()


def _blocks(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        yield block
        size -= len(block)
