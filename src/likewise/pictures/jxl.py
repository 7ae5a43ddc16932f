"""JPEG XL files: the size is read here (ISO/IEC 18181-1, B.2), pixels by libjxl once that is known.

pillow-jxl-plugin decodes a file as soon as it is opened, whatever its size.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from PIL import Image

from likewise.errors import BadPicture
from likewise.pictures.colour import to_eight_bits
from likewise.pictures.metadata import Metadata
from likewise.pictures.stored import Factor
from likewise.pictures.stream import Stream
from likewise.pictures.tags import of_exif
from likewise.pictures.tiff import Unsupported
from likewise.pictures.upright import TURNS

BARE, BOXED = b"\xff\n", b"\0\0\0\x0cJXL \r\n\x87\n"

_MODES = frozenset({"L", "LA", "RGB", "RGBA", "I;16", "F"})
_PER_PIXEL = 24
"""Bytes of a pixel that decoding takes: 14 were measured at most, of lossy RGBA."""

_MOST_BOXES = 1000
_MOST_SAID = 1 << 20
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@dataclass(frozen=True)
class JxlPicture:
    """A JPEG XL file; see `likewise.pictures.stored.Stored`."""

    stream: Stream
    size: tuple[int, int]
    turned: int
    _profiles: list[bytes] = field(default_factory=list, compare=False)

    format = "JXL"
    orientation = 1  # libjxl turns what it decodes, and what EXIF says of that does not count

    @property
    def profile(self) -> bytes:
        """The ICC profile, once it is decoded."""
        return self._profiles[-1] if self._profiles else b""

    @property
    def metadata(self) -> Metadata:
        """EXIF and XMP, where they are not packed."""
        boxes = {kind: self.stream.at(at, min(size, _MOST_SAID)) for kind, at, size in _boxes(self.stream)}
        exif = boxes.get(b"Exif", b"")
        skipped = int.from_bytes(exif[:4], "big") if exif[4:6] in (b"II", b"MM") else -4
        return Metadata(of_exif(exif[4 + skipped :]) if exif else None, boxes.get(b"xml ", b""))

    def cost(self, factor: Factor) -> int:
        """Bytes that decoding takes."""
        del factor
        return self.size[0] * self.size[1] * _PER_PIXEL + 2 * self.stream.length

    def decode(self, factor: Factor) -> tuple[Image.Image, int]:
        """The picture in mode L or RGB."""
        del factor
        from pillow_jxl import Decoder  # the extra "jxl"

        whole = self.stream.at(0, self.stream.length)
        is_jpeg, info, data, profile, _ = Decoder(num_threads=0)(whole)
        if is_jpeg:  # one that was packed without a loss, and lies as its pixels did
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as jpeg:
                image = to_eight_bits(jpeg)
                profile = jpeg.info.get("icc_profile", profile)
            image = image.transpose(TURNS[self.turned]) if self.turned in TURNS else image
        elif info.mode in _MODES:
            image = to_eight_bits(Image.frombytes(info.mode, (info.width, info.height), data))
        else:
            raise Unsupported(f"JPEG XL of mode {info.mode}")
        self._profiles.append(profile or b"")
        return image, 1


def jxl(stream: Stream, name: str) -> JxlPicture:
    """Read the header; raises `BadPicture` where the optional package is missing."""
    try:
        import pillow_jxl  # noqa: F401
    except ImportError:
        message = f"{name} is JPEG XL, which needs an optional package: pip install 'likewise[jxl]'"
        raise BadPicture(message, "unreadable") from None
    bits = _Bits(_codestream(stream)[2:])
    height, width = _sides(bits)
    turned = 1 + bits.take(3) if not bits.take(1) and bits.take(1) else 1
    return JxlPicture(stream, (width, height) if turned < 5 else (height, width), turned)


def _codestream(stream: Stream) -> bytes:
    """Its first bytes, which a file of boxes may have in several."""
    if stream.at(0, 2) == BARE:
        return stream.at(0, 64)
    head = b""
    for kind, at, size in _boxes(stream):
        if kind == b"jxlc":
            return stream.at(at, min(size, 64))
        if kind == b"jxlp":  # a part, behind its number
            head += stream.at(at + 4, min(max(size - 4, 0), 64))
        if len(head) >= 64:
            break
    return head


def _boxes(stream: Stream) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place and size of what each box holds."""
    at, length = 0, stream.length
    if stream.at(0, 2) == BARE:
        return
    for _ in range(_MOST_BOXES):
        head = stream.at(at, 16)
        if len(head) < 8:
            return
        size, start = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, start = int.from_bytes(head[8:], "big"), 16
        size = size or length - at
        if size < start:
            return
        yield head[4:8], at + start, size - start
        at += size


class _Bits:
    """Numbers of some bits, the lowest first."""

    def __init__(self, data: bytes) -> None:
        self._bits, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        """The next number of so many bits."""
        self._left -= count
        if self._left < 0:
            raise EOFError("it ends in its header")
        value = self._bits & (1 << count) - 1
        self._bits >>= count
        return value


def _sides(bits: _Bits) -> tuple[int, int]:
    """Height and width as they are stored."""
    small = bits.take(1)
    height = _side(bits, small=small)
    ratio = bits.take(3)
    if not ratio:
        return height, _side(bits, small=small)
    across, down = _RATIOS[ratio - 1]
    return height, height * across // down


def _side(bits: _Bits, *, small: int) -> int:
    return 8 * (1 + bits.take(5)) if small else 1 + bits.take((9, 13, 18, 30)[bits.take(2)])
