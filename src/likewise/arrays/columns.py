"""Arrays in one file, mapped into memory: written whole or not at all, with a digest of each.

The file is a header of `HEADER` bytes, JSON padded with spaces, and then the columns, each from a multiple of
64 bytes on and filled up with zeros. Processes that map it share one copy in memory, and what is not asked
for is never read.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from likewise.errors import CollectionDamaged, StorageError
from likewise.files import replacing
from likewise.files.system import NO_WAIT, descriptor_of

HEADER = 1024

_ALIGNED = 64  # bytes
_BLOCK = 1 << 22  # bytes hashed at once


@dataclass(frozen=True)
class ColumnLayout:
    """The places of a file's columns.

    Attributes
    ----------
    format
        Told in the header.
    facts
        Numbers told in the header, from which the shapes follow.
    columns
        Shape and type of each column, little-endian, in the order of the file.
    """

    format: str
    facts: Mapping[str, int]
    columns: Mapping[str, tuple[tuple[int, ...], str]]

    @cached_property
    def places(self) -> dict[str, tuple[int, int]]:
        """First byte of each column, and how many it has."""
        begin, places = HEADER, {}
        for name, (shape, kind) in self.columns.items():
            size = math.prod(shape) * np.dtype(kind).itemsize
            places[name] = (begin, size)
            begin += _filled(size)
        return places

    @property
    def length(self) -> int:
        """How many bytes the file has."""
        return max((begin + _filled(size) for begin, size in self.places.values()), default=HEADER)

    def header(self, digests: Mapping[str, str]) -> bytes:
        """The first bytes of the file."""
        facts = {"format": self.format, **self.facts, "sha256": dict(digests)}
        return json.dumps(facts).encode().ljust(HEADER)


class ColumnWriter:
    """Columns that grow side by side in one file, and their digests."""

    def __init__(self, file: IO[bytes], layout: ColumnLayout) -> None:
        self._file, self._layout = file, layout
        self._ends = {name: begin for name, (begin, _) in layout.places.items()}
        self._hashes = {name: hashlib.sha256() for name in layout.columns}

    def put(self, name: str, values: NDArray[Any]) -> None:
        """Append to a column, in its type."""
        self._append(name, values.astype(self._layout.columns[name][1], copy=False).tobytes())

    def _append(self, name: str, content: bytes) -> None:
        self._file.seek(self._ends[name])
        self._file.write(content)
        self._hashes[name].update(content)
        self._ends[name] += len(content)

    def finish(self) -> None:
        """Fill the columns up, and write the header."""
        for name, (begin, _) in self._layout.places.items():
            done = self._ends[name] - begin
            self._append(name, bytes(_filled(done) - done))
        self._file.seek(0)
        self._file.write(
            self._layout.header({name: digest.hexdigest() for name, digest in self._hashes.items()})
        )


@contextmanager
def writing_columns(path: Path, layout: ColumnLayout) -> Iterator[ColumnWriter]:
    """Write a file whose columns the block puts, whole or not at all.

    Raises `StorageError` when it cannot be written.
    """
    with replacing(path) as draft, draft.open("wb") as file:
        columns = ColumnWriter(file, layout)
        yield columns
        columns.finish()


@dataclass(frozen=True, eq=False)
class ColumnFile:
    """An open file; its arrays are read-only views of it.

    ``what``: what it should be, for errors.
    """

    path: Path
    what: str
    layout: ColumnLayout
    digests: Mapping[str, str]
    arrays: Mapping[str, NDArray[Any]]
    mapped: mmap.mmap

    @classmethod
    def open(
        cls, path: Path, what: str, layout_of: Callable[[Mapping[str, Any]], ColumnLayout]
    ) -> ColumnFile:
        """Map a file into memory; reads its header, and the columns when they are used.

        ``layout_of``: the layout that facts of a header lead to; may raise what looking into JSON raises.
        Raises `CollectionDamaged` when it is gone, cut short, or no such file; `StorageError` when it cannot
        be read.
        """
        with _file(path, what) as file:  # which may lose its name meanwhile
            layout, digests = _header(path, what, file, layout_of)
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        content = np.frombuffer(mapped, np.uint8)
        arrays = {
            name: content[begin : begin + size].view(kind).reshape(shape)
            for (name, (shape, kind)), (begin, size) in zip(
                layout.columns.items(), layout.places.values(), strict=True
            )
        }
        return cls(path, what, layout, digests, arrays, mapped)

    def read_around(self, name: str, *, wanted: bool) -> None:
        """Whether the system is to read more of a column from the disk than is wanted, as it does at first.

        Around rows here and there it would read megabytes each.
        """
        begin, size = self.layout.places[name]
        begin, end = begin - begin % mmap.PAGESIZE, begin + size
        if sys.platform != "win32" and end > begin:  # Windows has no such advice
            self.mapped.madvise(mmap.MADV_NORMAL if wanted else mmap.MADV_RANDOM, begin, end - begin)

    def read_soon(self, name: str, begins: NDArray[Any], ends: NDArray[Any]) -> None:
        """Have the system read parts of a column from the disk at once, and nothing around them.

        ``begins``, ``ends``: integers ``(n,)``, rising: of each part the first number and the one behind the
        last.
        """
        if sys.platform == "win32":  # has no such advice
            return
        begin, _ = self.layout.places[name]
        width = np.dtype(self.layout.columns[name][1]).itemsize
        filled = ends > begins
        first = (begin + begins[filled].astype(np.int64) * width) // mmap.PAGESIZE
        last = -(-(begin + ends[filled].astype(np.int64) * width) // mmap.PAGESIZE)
        apart = np.flatnonzero(first[1:] > last[:-1]) + 1  # the others share a page, or follow one another
        for pages in np.split(np.stack([first, last], axis=1), apart):
            if len(pages):
                at, end = int(pages[0, 0]) * mmap.PAGESIZE, int(pages[-1, 1]) * mmap.PAGESIZE
                self.mapped.madvise(mmap.MADV_WILLNEED, at, min(end, len(self.mapped)) - at)

    def damaged(self, why: str) -> CollectionDamaged:
        """The error that it is not what it should be."""
        return _damaged(self.path, self.what, why)

    def faults(self) -> list[str]:
        """Faults of the damaged columns, each with the path; none when every byte is as written."""
        faults = []
        with _file(self.path, self.what) as file:
            for name, (begin, size) in self.layout.places.items():
                file.seek(begin)
                if _digest(file, _filled(size)) != self.digests[name]:
                    faults.append(f"{self.path}: column {name} is damaged")
        return faults


def _filled(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


@contextmanager
def _file(path: Path, what: str) -> Iterator[BufferedReader]:
    """A regular file, no pipe that would be waited for, and no link that leads elsewhere."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            raise StorageError(f"cannot read {path}: it is a folder")
        if not stat.S_ISREG(mode):
            raise _damaged(path, what, "it is no regular file")
        descriptor = descriptor_of(path, os.O_RDONLY | NO_WAIT, follow=False)
    except FileNotFoundError as error:
        raise _damaged(path, what, "it is gone") from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    with open(descriptor, "rb") as file:
        yield file


def _header(
    path: Path, what: str, file: BufferedReader, layout_of: Callable[[Mapping[str, Any]], ColumnLayout]
) -> tuple[ColumnLayout, dict[str, str]]:
    try:
        content = file.read(HEADER)
        size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        header = json.loads(content)
        layout = layout_of(header)
        digests = {name: str(header["sha256"][name]) for name in layout.columns}
        length = layout.length
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise _damaged(path, what, f"its first {HEADER} bytes are not the header of one") from error
    if content != layout.header(digests):
        raise _damaged(path, what, f"its header is not one of the format {layout.format!r}")
    if size != length:
        raise _damaged(path, what, f"it has {size:,} bytes instead of {length:,}")
    return layout, digests


def _damaged(path: Path, what: str, why: str) -> CollectionDamaged:
    return CollectionDamaged(f"{path} is no {what}: {why}; it can be made again")


def _digest(file: IO[bytes], size: int) -> str:
    digest = hashlib.sha256()
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()
