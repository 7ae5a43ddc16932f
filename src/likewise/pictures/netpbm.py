"""Netpbm's formats: bits, grey and colours (PBM, PGM, PPM), in bytes or as plain text, and floats (PFM)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.pictures.metadata import Metadata
from likewise.pictures.numbers import Range, eight_bits
from likewise.pictures.stored import Factor
from likewise.pictures.tags import Read
from likewise.types import UInt8Array

_ROWS = 64
_HEAD = 1 << 16
_TEXT = 1 << 20
_MOST_DIGITS = 9


@dataclass(frozen=True)
class NetpbmPicture:
    """A picture whose header has been read; see `likewise.pictures.stored.Stored`.

    Attributes
    ----------
    kind
        The letter or digit of its mark, ``P4`` say.
    top
        The number that stands for white; for floats, of which no number does, its sign is the byte order.
    start
        Where the pixels begin.
    """

    read: Read
    kind: str
    size: tuple[int, int]
    top: float
    start: int

    format = "PPM"
    orientation = 1
    profile = b""
    metadata = Metadata()

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colours."""
        return 3 if self.kind in "36F" else 1

    def cost(self, factor: Factor) -> int:
        """Bytes that decoding takes."""
        del factor
        width, height = self.size
        plain = width * height * self.channels * 2 + 48 * _TEXT if self.kind in "123" else 0
        return width * height * (4 if self.channels == 3 else 1) + width * _ROWS * self.channels * 32 + plain

    def decode(self, factor: Factor) -> tuple[Image.Image, int]:
        """The picture in mode L or RGB."""
        del factor
        how = Range(0, self.top)
        if self.kind in "fF":
            how = Range.of(rows for _, rows in self._bands())
        image = Image.new("RGB" if self.channels == 3 else "L", self.size)
        for y, rows in self._bands():
            image.paste(Image.fromarray(self._shown(rows, how)), (0, y))
        return image, 1

    def _shown(self, rows: NDArray[Any], how: Range) -> UInt8Array:
        if self.kind not in "fF":
            rows = np.minimum(rows, int(self.top)).astype(rows.dtype)
        pixels = eight_bits(rows, how)
        pixels = 255 - pixels if self.kind in "14" else pixels
        return np.ascontiguousarray(pixels[..., 0] if self.channels == 1 else pixels)

    def _bands(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Rows from the top, or from the bottom: where they begin, and their numbers ``(rows, w, c)``."""
        height = self.size[1]
        values = self._plain() if self.kind in "123" else None
        for y in range(0, height, _ROWS):
            rows = min(_ROWS, height - y)
            if values is not None:
                yield y, values[y : y + rows]
            elif self.kind in "fF":
                yield height - y - rows, self._binary(y, rows)[::-1]
            else:
                yield y, self._binary(y, rows)

    def _binary(self, y: int, rows: int) -> NDArray[Any]:
        width = self.size[0]
        if self.kind == "4":
            packed = self._bytes(y * ((width + 7) // 8), rows * ((width + 7) // 8)).reshape(rows, -1)
            return np.unpackbits(packed, axis=1, count=width)[..., None]
        letters = ">u2" if self.top > 255 else "u1"
        if self.kind in "fF":
            letters = "<f4" if self.top < 0 else ">f4"
        number: np.dtype[Any] = np.dtype(letters)
        line = width * self.channels * number.itemsize
        values = self._bytes(y * line, rows * line).view(number)
        return values.astype(number.newbyteorder("="), copy=False).reshape(rows, width, self.channels)

    def _bytes(self, at: int, count: int) -> UInt8Array:
        data = self.read(self.start + at, count)
        if len(data) < count:
            raise EOFError("it ends before its pixels do")
        return np.frombuffer(data, np.uint8)

    def _plain(self) -> NDArray[np.uint16]:
        """The numbers of plain text, which may hold comments, ``(h, w, c)``."""
        width, height = self.size
        values = np.empty(width * height * self.channels, np.uint16)
        filled, at, rest = 0, self.start, b""
        while filled < len(values):
            block = self.read(at, _TEXT)
            at += len(block)
            text, rest = _whole_words(rest + block, last=len(block) < _TEXT)
            numbers = _bits(text) if self.kind == "1" else _numbers(text)
            numbers = numbers[: len(values) - filled]
            values[filled : filled + len(numbers)] = numbers
            filled += len(numbers)
            if len(block) < _TEXT and filled < len(values):
                raise EOFError("it ends before its pixels do")
        return values.reshape(height, width, self.channels)


def _whole_words(text: bytes, *, last: bool) -> tuple[bytes, bytes]:
    """Text without comments up to where a line, or a number, surely ends, and the rest."""
    end = len(text)
    if not last:
        end = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        if not end and b"#" not in text:
            end = max(text.rfind(b" "), text.rfind(b"\t")) + 1
        if not end and len(text) > 2 * _TEXT:
            raise ValueError("a comment or number without an end")
    return re.sub(rb"#[^\r\n]*", b" ", text[:end]), text[end:]


def _bits(text: bytes) -> NDArray[np.uint8]:
    digits = np.frombuffer(b"".join(text.split()), np.uint8) - ord("0")
    if digits.size and digits.max() > 1:
        raise ValueError("something else than 0 and 1 among its pixels")
    return digits


def _numbers(text: bytes) -> NDArray[np.int64]:
    if re.search(rb"[^0-9\s]|[0-9]{%d}" % (_MOST_DIGITS + 1), text):
        raise ValueError("something else than numbers among its pixels")
    values = np.fromstring(text.decode("ascii"), np.int64, sep=" ") if text.strip() else np.empty(0, np.int64)
    return np.minimum(values, 65535)


MARK = re.compile(rb"P([1-6fF])[\s#]")
_WORD = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*([^\s#]+)")


def netpbm(read: Read) -> NetpbmPicture:
    """Read the header.

    Raises `ValueError` or `EOFError` when it is damaged, or cut.
    """
    head = read(0, _HEAD)
    kind, at = head[1:2].decode("ascii"), 2
    words: list[bytes] = []
    while len(words) < (2 if kind in "14" else 3):
        match = _WORD.match(head, at)
        if match is None or (match.end() == len(head) < _HEAD):
            raise EOFError("its header is cut")
        words.append(match[1])
        at = match.end()
    if any(len(word) > _MOST_DIGITS for word in words[:2]):
        raise ValueError("its sizes are no numbers")
    top = 1.0 if kind in "14" else float(words[2])
    if kind not in "fF" and not (top == int(top) and 0 < top < 65536):
        raise ValueError(f"its greatest number is {top}, not one of 1 to 65535")
    if kind in "fF" and (not np.isfinite(top) or top == 0):
        raise ValueError(f"its scale is {top}")
    return NetpbmPicture(read, kind, (int(words[0]), int(words[1])), top, at + 1)
