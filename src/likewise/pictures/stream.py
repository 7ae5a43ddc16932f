"""A file as decoders read it."""

from __future__ import annotations

import io
from typing import IO, Any

from PIL import ImageFile

from likewise.pictures.budget import MOST_READS

_MOST_BOXES = 10_000


class Stream:
    """A binary file that remembers whether more was asked of it than it holds, and is not asked for ever."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._reads = 0
        self.ran_out = False

    def read(self, size: int = -1) -> bytes:
        """Read on from where it is."""
        self._reads += 1
        if self._reads > MOST_READS:
            raise ValueError(f"it is in more than {MOST_READS} pieces")
        data = self._file.read(size)
        # Decoders ask for large blocks, of which the last is short in an intact file too.
        if (size > 0 and not data) or len(data) < size < ImageFile.MAXBLOCK:
            self.ran_out = True
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def at(self, start: int, count: int) -> bytes:
        """Up to so many bytes from an offset."""
        if not 0 <= start < 1 << 62:
            return b""
        self._file.seek(start)
        return self._file.read(count)

    def expect(self, start: int, count: int) -> bytes:
        """So many bytes from an offset, or fewer if they are not there, which is remembered."""
        data = self.at(start, count)
        self.ran_out = self.ran_out or len(data) < count
        return data

    @property
    def length(self) -> int:
        """Bytes in all."""
        return self._file.seek(0, io.SEEK_END)

    def is_cut(self) -> bool:
        """Whether the file ends before its decoder or its container says it does."""
        length, head = self.length, self.at(0, 12)
        if head[:4] == b"RIFF":
            return int.from_bytes(head[4:8], "little") + 8 > length
        if head[4:8] == b"ftyp":
            return self._ends_of_boxes(length) > length
        return self.ran_out

    def _ends_of_boxes(self, length: int) -> int:
        """Where the last top-level box of an ISO base media file (AVIF, HEIC) should end."""
        at = 0
        for _ in range(_MOST_BOXES):
            if at >= length:
                return at
            head = self.at(at, 16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if size < 8:  # 0: to the end of the file; else not a box at all
                return length
            at += size
        return length
