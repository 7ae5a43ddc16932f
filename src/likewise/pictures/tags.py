"""Directories of tags, in which TIFF files and EXIF blocks keep what they say about themselves.

Nothing here trusts a file: counts are bounded, what lies beyond the end is not there, and directories that
point at each other are read once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

Read: TypeAlias = Callable[[int, int], bytes]
"""Gives up to so many bytes (second) from an offset (first)."""

_KINDS = {
    1: "B", 2: "c", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d",
    13: "I", 16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
"""Types of TIFF 6.0 and BigTIFF, in the letters of `struct`; a ratio is two numbers."""

_MOST_VALUES = 1 << 22
_MOST_ENTRIES = 4096
_MOST_DIRECTORIES = 64


@dataclass(frozen=True)
class Tag:
    """One tag: its type, how many values it has, and where they lie."""

    kind: int
    count: int
    at: int


@dataclass(frozen=True)
class Directory:
    """The tags of one page, or of one part of an EXIF block.

    Attributes
    ----------
    order
        ``<`` or ``>``, as `struct` writes byte orders.
    wide
        Whether offsets have 8 bytes, as in a BigTIFF.
    next
        Offset of the following directory, 0 after the last.
    """

    read: Read
    order: str
    wide: bool
    entries: dict[int, Tag]
    next: int

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def numbers(self, tag: int) -> tuple[float, ...]:
        """The values of a tag; none when it is not there or damaged. A ratio counts as its quotient."""
        entry = self.entries.get(tag)
        if entry is None or entry.count > _MOST_VALUES:
            return ()
        letters = _KINDS[entry.kind].replace("c", "B")
        width = struct.calcsize("=" + letters)
        data = self.read(entry.at, width * entry.count)
        if len(data) < width * entry.count:
            return ()
        values = struct.unpack(self.order + letters * entry.count, data)
        if len(letters) == 1:
            return values
        return tuple(a / b if b else 0.0 for a, b in zip(values[::2], values[1::2], strict=True))

    def whole(self, tag: int) -> tuple[int, ...]:
        """The values of a tag whose values are whole numbers."""
        values = self.numbers(tag)
        return (
            tuple(int(value) for value in values) if all(isinstance(value, int) for value in values) else ()
        )

    def number(self, tag: int, default: int) -> int:
        """The first value of a tag whose values are whole numbers."""
        values = self.whole(tag)
        return values[0] if values else default

    def blob(self, tag: int) -> bytes:
        """The bytes of a tag, whatever they stand for."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        width = struct.calcsize("=" + _KINDS[entry.kind])
        return self.read(entry.at, min(width * entry.count, 1 << 26))

    def text(self, tag: int) -> str:
        """The text of a tag, up to its first zero; no surprise in whatever encoding it is."""
        return self.blob(tag).split(b"\0", 1)[0].decode("utf-8", "replace").strip()


def first(read: Read) -> Directory | None:
    """The first directory of a TIFF file or of an EXIF block; None when there is none."""
    head = read(0, 16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    mark = head[2:4] if order == ">" else head[3:1:-1]
    if mark == b"\0*":
        return directory(read, order, struct.unpack(order + "I", head[4:8])[0], wide=False)
    if mark == b"\0+" and len(head) == 16:
        return directory(read, order, struct.unpack(order + "Q", head[8:16])[0], wide=True)
    return None


def directory(read: Read, order: str, at: int, *, wide: bool = False) -> Directory | None:
    """The directory at an offset, with those of its entries that can be understood."""
    size, head = (20, 8) if wide else (12, 2)
    start = read(at, head)
    if at < 8 or len(start) < head:
        return None
    count = min(struct.unpack(order + ("Q" if wide else "H"), start)[0], _MOST_ENTRIES)
    data = read(at + head, size * count)
    entries: dict[int, Tag] = {}
    inline = 8 if wide else 4
    for place in range(0, len(data) - size + 1, size):
        tag, kind, values = struct.unpack_from(order + ("HHQ" if wide else "HHI"), data, place)
        if kind not in _KINDS:
            continue
        value = place + size - inline
        fits = struct.calcsize("=" + _KINDS[kind]) * values <= inline
        where = (
            at + head + value if fits else struct.unpack_from(order + ("Q" if wide else "I"), data, value)[0]
        )
        entries.setdefault(tag, Tag(kind, values, where))
    tail = read(at + head + size * count, inline)
    following = struct.unpack(order + ("Q" if wide else "I"), tail)[0] if len(tail) == inline else 0
    return Directory(read, order, wide, entries, following)


_SUB_DIRECTORIES = 0x014A


def pages(read: Read) -> Iterator[Directory]:
    """Every page of a TIFF file, each followed by those that it holds, at most 64."""
    page = first(read)
    seen: set[int] = set()
    while page is not None and len(seen) < _MOST_DIRECTORIES:
        yield page
        for at in page.whole(_SUB_DIRECTORIES)[:_MOST_DIRECTORIES]:
            inner = None if at in seen else directory(read, page.order, at, wide=page.wide)
            seen.add(at)
            if inner is not None:
                yield inner
        at = page.next
        if not at or at in seen:
            return
        seen.add(at)
        page = directory(read, page.order, at, wide=page.wide)


ORIENTATION, EXIF, GPS = 0x0112, 0x8769, 0x8825
"""How a picture lies, and where the directories of the shot and of the place are."""


def of_exif(block: bytes) -> Directory | None:
    """The first directory of an EXIF block, with or without what JPEG puts in front of it."""
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    return first(lambda at, count: block[at : at + count])


def orientation(page: Directory | None) -> int:
    """How a picture lies: 1 to 8; 1 as well where nothing, or nonsense, is said of it."""
    value = page.number(ORIENTATION, 1) if page is not None else 1
    return value if 1 <= value <= 8 else 1


def orientation_of(exif: bytes) -> int:
    """The orientation of an EXIF block; 1 when it is damaged: a picture is worth more than its tags."""
    return orientation(of_exif(exif))
