"""JPEG files: decoded smaller where that is enough, bounded in scans, and read without their last marker."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from PIL import Image, JpegImagePlugin

from likewise.pictures.budget import check_scans
from likewise.pictures.colour import to_eight_bits
from likewise.pictures.stored import Factor, PillowPicture
from likewise.pictures.stream import Stream
from likewise.pictures.tiff import Unsupported


class JpegFile(JpegImagePlugin.JpegImageFile):
    """A JPEG whose EXIF block is kept but not parsed.

    Pillow looks into it for the resolution, and warns when the block is broken.
    """

    def _read_dpi_from_exif(self) -> None:
        return


@dataclass(frozen=True, kw_only=True)
class JpegPicture(PillowPicture):
    """A JPEG file; see `likewise.pictures.stored.Stored`."""

    stream: Stream
    name: str

    def cost(self, factor: Factor) -> int:
        """Bytes that decoding takes; several scans are held as coefficients of 2 bytes until the last.

        Raises `BadPicture` when it has so many scans that it takes too long.
        """
        width, height = self.size
        check_scans(self.name, width * height, self._scans)
        small = -(-width // factor) * -(-height // factor)
        shown = small * ((1 if self.image.mode == "L" else 4) + self._converted())
        if self._scans < 2:
            return shown
        _, across, down, _ = zip(*self._file.layer, strict=True)
        samples = sum(a * b for a, b in zip(across, down, strict=True)) / (max(across) * max(down))
        return shown + int(2 * width * height * samples)

    def decode(self, factor: Factor) -> tuple[Image.Image, int]:
        """The picture in mode L, RGB or CMYK."""
        try:
            return _decoded(self._file, factor)
        except OSError:
            data = self.stream.at(0, self.stream.length).rstrip(_END[:1])
            start = max((at for _, at in _segments(self.stream)), default=0)
            if data.endswith((_END, bytes(_TAIL))) or not all(_is_whole(data, start, self._file)):
                raise
            return self._without_end(data, factor)

    def _without_end(self, data: bytes, factor: Factor) -> tuple[Image.Image, int]:
        """Decode a file that lacks its last marker, if it lacks nothing else.

        A decoder that is given other bytes where data end shows something else, unless it has all of the
        pixels by then.
        """
        image, chosen = _decoded(JpegFile(io.BytesIO(data + _END)), factor)
        other, _ = _decoded(JpegFile(io.BytesIO(data + b"\x5a\xa5\x33" * 1000 + _END)), factor)
        if not np.array_equal(np.asarray(image), np.asarray(other)):
            raise EOFError("it ends before its pixels do")
        return image, chosen

    @property
    def _file(self) -> JpegFile:
        return cast(JpegFile, self.image)

    @cached_property
    def _scans(self) -> int:
        """Scans that decoders go through, counted without the EXIF thumbnail.

        Where the first one brings all components whole they stop after it; then the file is not gone through,
        which takes a tenth of what decoding it does.
        """
        segments = list(_segments(self.stream))
        start = max((at for _, at in segments), default=0)
        frames = [marker for marker, _ in segments if marker in _FRAMES]
        first = self.stream.at(start + 4, 1)
        if len(frames) == 1 and frames[0] in _AT_ONCE and first == bytes([len(self._file.layer)]):
            return 1
        count, last = 0, b""
        for at in range(start, self.stream.length, _BLOCK):
            block = last + self.stream.at(at, _BLOCK)
            count += block.count(b"\xff\xda")
            last = block[-1:]
        return count


_END = b"\xff\xd9"
_TAIL = 8
"""So many zeros at the end were never written: a card that lost them gives them back."""

_BLOCK = 1 << 20


def _decoded(image: JpegFile, factor: Factor) -> tuple[Image.Image, int]:
    width, height = image.size
    chosen = 1
    if factor > 1:
        drafted = image.draft(None, (max(1, width // factor), max(1, height // factor)))
        chosen = round(width / drafted[1][2]) if drafted else 1  # less, when a side is under ``factor``
    # Pillow takes every JPEG for Adobe's, which store 255 - ink
    return to_eight_bits(image, inverted="adobe" not in image.info), chosen


_READ = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
"""Frames that are read (ITU-T T.81, table B.1): baseline, extended, progressive; by Huffman or arithmetic."""

_AT_ONCE = frozenset({0xC0, 0xC1, 0xC9})
"""Those of them whose scans bring their components whole: all but the progressive ones."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_MOST_SEGMENTS = 100_000


def check_frame(stream: Stream) -> None:
    """See that a JPEG file is of a kind that is read.

    Raises `Unsupported` when it is not: 12 bits a sample, or lossless.
    """
    for marker, at in _segments(stream):
        if marker in _FRAMES:
            bits = stream.at(at + 4, 1)
            if marker not in _READ or bits not in (b"", b"\x08"):
                raise Unsupported(f"a JPEG of frame {marker - 0xC0} and {int.from_bytes(bits)} bits a sample")
            return


def _segments(stream: Stream) -> Iterator[tuple[int, int]]:
    """Markers up to the first scan, and where they begin."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        head = stream.at(at, 4)
        if len(head) < 4:
            return
        if head[0] != 0xFF or head[1] == 0xFF:
            at += 1
            continue
        yield head[1], at
        if head[1] == 0xDA:
            return
        at += 2 if head[1] in _ALONE else 2 + int.from_bytes(head[2:], "big")


def _is_whole(data: bytes, at: int, image: JpegFile) -> Iterator[bool]:
    """For each component, whether scans bring its first and its last coefficient to the last bit."""
    brought: set[tuple[int, int]] = set()
    while 0 <= at < len(data) - 4:
        count = data[at + 4]
        ids = data[at + 5 : at + 5 + 2 * count : 2]
        head = data[at + 5 + 2 * count : at + 8 + 2 * count]
        if len(head) == 3 and not head[2] & 15:
            ends = {head[0], head[1]} & {0, 63}
            brought.update((component, end) for component in ids for end in ends)
        at = data.find(b"\xff\xda", at + 2)
    return ((layer[0], end) in brought for layer in image.layer for end in (0, 63))
