"""TIFF: which page is the picture, where its numbers lie, and what they mean.

Codecs (LZW, fax, JPEG, ...) are libtiff's, by way of Pillow, which is handed each strip or tile as a small
file of plain bytes. What the bytes stand for is worked out here, some rows at a time, by TIFF 6.0: depth and
format of samples, planes, predictor, photometric interpretation. What is not proven to be right is refused.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, TiffImagePlugin, WebPImagePlugin

from likewise.pictures.metadata import Metadata, iptc_of_resources
from likewise.pictures.numbers import Range, eight_bits, over_white
from likewise.pictures.stored import Factor
from likewise.pictures.tags import EXIF, Directory, Read, orientation, pages
from likewise.types import UInt8Array

Samples: TypeAlias = NDArray[Any]
"""Numbers of a strip or tile, shape ``(rows, columns, samples)``."""

SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
FILL_ORDER, STRIPS, ORIENTED, SAMPLES, ROWS, STRIP_BYTES, PLANAR = 266, 273, 274, 277, 278, 279, 284
T4, T6, PREDICTOR, COLOURS, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES = (
    292,
    293,
    317,
    320,
    322,
    323,
    324,
    325,
)
INKS, EXTRA, FORMAT, TABLES, JPEG_AT, JPEG_BYTES, SUBSAMPLING, BLACK_WHITE = (
    332,
    338,
    339,
    347,
    513,
    514,
    530,
    532,
)
ICC, XMP, IPTC, RESOURCES = 34675, 700, 33723, 34377

NONE, FAX, LZW, OLD_JPEG, JPEG, DEFLATE, WEBP = 1, (2, 3, 4), 5, 6, 7, (8, 32946), 50001
BY_BYTES = {NONE, LZW, *DEFLATE, 32773, 34925, 50000}
"""Compressions that give back the bytes they were given: none, LZW, deflate, PackBits, LZMA, Zstandard."""

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK, YCBCR, LAB, ICC_LAB = 0, 1, 2, 3, 4, 5, 6, 8, 9
COLOURED = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, LAB: 3, ICC_LAB: 3}
"""Samples that a photometric interpretation takes; those after them are extra."""

_MOST_SAMPLES = 64


class Unsupported(Exception):
    """An intact file of a kind that is not read."""


@dataclass(frozen=True)
class PageLayout:
    """Where the numbers of a page lie and what they are.

    Attributes
    ----------
    chunk
        Width and height of a tile, or of a strip.
    samples, bits
        Numbers of a pixel, and bits of each.
    kind
        Sample format: 1 unsigned, 2 signed, 3 floating point.
    alpha
        Which sample is opacity, -1 for none, and whether colours are multiplied by it already.
    """

    width: int
    height: int
    chunk: tuple[int, int]
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    compression: int
    photometric: int
    samples: int
    bits: int
    kind: int
    planar: bool
    predictor: int
    reverse: bool
    alpha: int
    premultiplied: bool
    subsampling: tuple[int, int]

    @property
    def planes(self) -> int:
        """How many planes lie one after the other."""
        return self.samples if self.planar else 1

    @property
    def together(self) -> int:
        """How many samples of a pixel lie together."""
        return 1 if self.planar else self.samples

    def row_bytes(self) -> int:
        """Bytes of a row of a chunk, once it is expanded."""
        return (self.chunk[0] * self.together * self.bits + 7) // 8

    @property
    def colours(self) -> int:
        """Channels of the picture that comes of it: grey, RGB or CMYK."""
        if self.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO):
            return 1
        return 4 if self.photometric == CMYK else 3


def layout(page: Directory) -> PageLayout:
    """Read and check what a page says of itself.

    Raises `Unsupported` when it is of a kind that is not read; `ValueError` when it contradicts itself.
    """
    width, height = page.number(WIDTH, 0), page.number(HEIGHT, 0)
    compression, photometric = page.number(COMPRESSION, NONE), page.number(PHOTOMETRIC, WHITE_IS_ZERO)
    if compression == OLD_JPEG:
        photometric = YCBCR
    samples = page.number(SAMPLES, 3 if compression == OLD_JPEG else 1)
    _check_kind(page, compression, photometric, samples)
    bits = page.whole(BITS) or (8 if compression in (OLD_JPEG, JPEG, WEBP) else 1,)
    kinds = page.whole(FORMAT) or (1,)
    if len(set(bits[:samples])) != 1 or len(set(kinds[:samples])) != 1:
        raise Unsupported(f"samples of different depth {bits}")
    kind = 1 if kinds[0] == 4 else kinds[0]  # 4: undefined
    planar = page.number(PLANAR, 1) == 2 and samples > 1
    tiled = TILES in page
    chunk = (width, min(page.number(ROWS, height) or height, height))
    if tiled:
        chunk = (page.number(TILE_WIDTH, 0), page.number(TILE_HEIGHT, 0))
    if min(width, height, *chunk, samples, bits[0]) < 1:
        raise ValueError("its sizes are missing or nought")
    alpha, premultiplied = _alpha(page, photometric, samples)
    across, down = (*page.whole(SUBSAMPLING), 2, 2)[:2] if photometric == YCBCR else (1, 1)
    offsets, counts = _places(page, tiled)
    page_layout = PageLayout(
        width=width,
        height=height,
        chunk=chunk,
        offsets=offsets,
        counts=counts,
        compression=compression,
        photometric=photometric,
        samples=samples,
        bits=bits[0],
        kind=kind,
        planar=planar,
        predictor=page.number(PREDICTOR, 1) if compression in BY_BYTES else 1,
        reverse=page.number(FILL_ORDER, 1) == 2,
        alpha=alpha,
        premultiplied=premultiplied,
        subsampling=(across, down),
    )
    _check_numbers(page_layout, page)
    return page_layout


def _check_kind(page: Directory, compression: int, photometric: int, samples: int) -> None:
    if compression not in {*BY_BYTES, *FAX, OLD_JPEG, JPEG, WEBP}:
        raise Unsupported(f"compression {compression}")
    if photometric not in COLOURED:
        raise Unsupported(f"photometric interpretation {photometric}")
    if not COLOURED[photometric] <= samples <= _MOST_SAMPLES:
        raise Unsupported(f"{samples} samples a pixel for photometric interpretation {photometric}")
    if photometric == CMYK and page.number(INKS, 1) != 1:
        raise Unsupported("inks that are not cyan, magenta, yellow and black")


_DEPTHS = {1: {*range(1, 17), 32}, 2: {8, 16, 32}, 3: {16, 32, 64}}
"""Bits that are read of unsigned, signed and floating samples."""


def _check_numbers(layout: PageLayout, page: Directory) -> None:
    if layout.bits not in _DEPTHS.get(layout.kind, ()):
        raise Unsupported(f"sample format {layout.kind} of {layout.bits} bits")
    if layout.compression in (JPEG, OLD_JPEG, WEBP) and (layout.bits, layout.kind) != (8, 1):
        raise Unsupported(f"{layout.bits} bits a sample in JPEG or WebP")
    if layout.compression in FAX and (layout.bits, layout.samples) != (1, 1):
        raise Unsupported("fax compression of more than black and white")
    if layout.photometric in (LAB, ICC_LAB) and (layout.bits, layout.kind) != (8, 1):
        if (layout.bits, layout.kind) != (8, 2):
            raise Unsupported(f"CIE L*a*b* of {layout.bits} bits")
    if layout.photometric == PALETTE and (layout.bits > 16 or layout.kind != 1):
        raise Unsupported(f"a palette of {layout.bits} bits")
    if layout.photometric == YCBCR and layout.compression not in (JPEG, OLD_JPEG):
        _check_ycbcr(layout, page)
    if layout.predictor not in (1, 2, 3) or (layout.predictor == 2 and layout.bits not in (8, 16, 32, 64)):
        raise Unsupported(f"predictor {layout.predictor} of {layout.bits} bits")
    if layout.predictor == 3 and layout.kind != 3:
        raise Unsupported("the floating point predictor of whole numbers")


def _check_ycbcr(layout: PageLayout, page: Directory) -> None:
    black_white = page.numbers(BLACK_WHITE) or (0, 255, 128, 255, 128, 255)
    plain = (layout.bits, layout.kind, layout.samples, layout.planar, layout.predictor) == (8, 1, 3, False, 1)
    if not plain or tuple(black_white) != (0, 255, 128, 255, 128, 255) or layout.compression == WEBP:
        raise Unsupported("Y'CbCr of this depth, order or range")
    if not {*layout.subsampling} <= {1, 2, 4}:
        raise ValueError(f"subsampling by {layout.subsampling}")


def _alpha(page: Directory, photometric: int, samples: int) -> tuple[int, bool]:
    """Which sample is opacity, and whether colours are multiplied by it. One of no stated meaning is none."""
    coloured = COLOURED[photometric]
    extra = page.whole(EXTRA)
    if samples > coloured and not extra and photometric == RGB and samples == 4:
        return 3, False  # as many programs write it
    for place, meaning in enumerate(extra[: samples - coloured]):
        if meaning in (1, 2):
            return coloured + place, meaning == 1
    return -1, False


def _places(page: Directory, tiled: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    offsets, counts = page.whole(TILES if tiled else STRIPS), page.whole(TILE_BYTES if tiled else STRIP_BYTES)
    return offsets, counts or (1 << 62,) * len(offsets)


@dataclass(frozen=True)
class TiffPicture:
    """A page of a TIFF file; see `likewise.pictures.stored.Stored`."""

    read: Read
    page: Directory
    layout: PageLayout
    orientation: int
    length: int

    format = "TIFF"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as it is stored."""
        return self.layout.width, self.layout.height

    @property
    def profile(self) -> bytes:
        """The ICC profile."""
        return self.page.blob(ICC)

    @property
    def metadata(self) -> Metadata:
        """Metadata of the page, or where it has none of the first one."""
        first = next(pages(self.read), self.page)
        page = self.page if any(tag in self.page for tag in (EXIF, XMP, IPTC, RESOURCES)) else first
        return Metadata(page, page.blob(XMP), page.blob(IPTC) or iptc_of_resources(page.blob(RESOURCES)))

    def cost(self, factor: Factor) -> int:
        """Bytes that decoding takes: the picture, a row of chunks, and some rows in all their forms."""
        del factor
        this = self.layout
        rows = min(this.chunk[1], _ROWS) if this.compression == NONE else this.chunk[1]
        across = -(-this.width // this.chunk[0])
        chunks = across * this.planes * this.row_bytes() * rows
        samples = across * this.chunk[0] * min(this.chunk[1], _ROWS) * this.samples * _PER_SAMPLE
        return this.width * this.height * (1 if this.colours == 1 else 4) + 3 * chunks + samples

    def decode(self, factor: Factor) -> tuple[Image.Image, int]:
        """The picture in mode L, RGB or CMYK."""
        del factor
        if self.layout.compression == OLD_JPEG:
            return self._old_jpeg(), 1
        how = self._range
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[self.layout.colours]
        hidden = self._hidden
        image = Image.new(mode, self.size)
        for y, band in self._bands():
            pixels = self._shown(band, how, hidden=hidden)
            image.paste(Image.fromarray(pixels, mode), (0, y))
        return image, 1

    # --- from samples to colours ---

    @cached_property
    def _range(self) -> Range:
        """Black and white where the depth does not say it: the whole picture is looked at."""
        this = self.layout
        if this.kind == 1 and this.bits <= 16:
            return Range(0, (1 << this.bits) - 1)
        coloured = COLOURED[this.photometric]
        return Range.of((band[..., :coloured] for _, band in self._bands()), whole=this.kind == 1)

    @cached_property
    def _hidden(self) -> bool:
        """Whether there is opacity, and it is nought everywhere: then it means nothing."""
        alpha = self.layout.alpha
        return alpha >= 0 and not any(band[..., alpha].any() for _, band in self._bands())

    def _shown(self, band: Samples, how: Range, *, hidden: bool) -> UInt8Array:
        this = self.layout
        coloured = COLOURED[this.photometric]
        if this.photometric == PALETTE:
            pixels = self._colours[np.minimum(band[..., 0], len(self._colours) - 1)]
        elif this.photometric in (LAB, ICC_LAB):
            pixels = _from_lab(band[..., :3], signed=this.photometric == LAB)
        elif this.photometric == YCBCR and this.compression != JPEG:
            pixels = np.asarray(Image.fromarray(np.ascontiguousarray(band), "YCbCr").convert("RGB"))
        else:
            pixels = eight_bits(band[..., :coloured], how)
        if this.photometric == WHITE_IS_ZERO:
            pixels = 255 - pixels
        if this.alpha >= 0 and not hidden:
            opaque = Range(0, 1) if this.kind == 3 else Range(0, (1 << this.bits) - 1)
            alpha = eight_bits(band[..., this.alpha : this.alpha + 1], opaque)
            white = 0 if this.photometric == CMYK else 255
            pixels = over_white(pixels, alpha, premultiplied=this.premultiplied, white=white)
        return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)

    @cached_property
    def _colours(self) -> UInt8Array:
        """The palette, shape ``(n, 3)``; some programs write it in 8 bits, which its values tell."""
        values = np.array(self.page.whole(COLOURS), np.uint32)
        if len(values) == 0 or len(values) % 3:
            raise ValueError("its palette is missing or of a wrong length")
        values = values.reshape(3, -1).T
        return np.ascontiguousarray(values if values.max() < 256 else (values + 128) // 257).astype(np.uint8)

    # --- from the file to samples ---

    def _bands(self) -> Iterator[tuple[int, Samples]]:
        """Rows of the picture from the top: where they begin, and their samples."""
        this = self.layout
        width, height = this.chunk
        across, down = -(-this.width // width), -(-this.height // height)
        if len(this.offsets) < across * down * this.planes:
            wanted = across * down * this.planes
            raise ValueError(f"{len(this.offsets)} strips or tiles where {wanted} belong")
        tiled = TILES in self.page
        for row in range(down):
            tall = height if tiled else min(height, this.height - row * height)
            kept = min(height, this.height - row * height)
            for start, rows in self._portions(tall):
                parts = [
                    [
                        self._chunk((plane * down + row) * across + column, tall, start, rows)
                        for column in range(across)
                    ]
                    for plane in range(this.planes)
                ]
                for begin in range(0, min(rows, kept - start), _ROWS):
                    cut = slice(begin, min(begin + _ROWS, kept - start))
                    planes = [
                        np.concatenate([self._samples(chunk[cut]) for chunk in line], 1) for line in parts
                    ]
                    yield row * height + start + begin, np.concatenate(planes, 2)[:, : this.width]

    def _portions(self, tall: int) -> Iterator[tuple[int, int]]:
        """Rows of a chunk that are read at once: few where the file can be entered anywhere."""
        this = self.layout
        step = _ROWS if this.compression == NONE and this.photometric != YCBCR else tall
        return ((start, min(step, tall - start)) for start in range(0, tall, step))

    def _chunk(self, number: int, tall: int, start: int, rows: int) -> UInt8Array:
        """Rows of a strip or tile: bytes, ``(rows, bytes)``, or samples, ``(rows, columns, samples)``."""
        this = self.layout
        at, count = this.offsets[number], this.counts[number]
        if this.compression in (JPEG, WEBP):
            return self._foreign(self._data(at, count), tall)
        if this.photometric == YCBCR:
            return _unpacked(self._expanded(at, count, self._ycbcr_bytes(tall), tall), this, tall)
        wanted = this.row_bytes() * rows
        if this.compression == NONE:
            at, count = at + start * this.row_bytes(), wanted
        return self._expanded(at, count, wanted, rows).reshape(rows, -1)

    def _samples(self, rows: UInt8Array) -> Samples:
        return rows if rows.ndim == 3 else _numbers(rows, self.layout, self.page.order)

    def _ycbcr_bytes(self, tall: int) -> int:
        across, down = self.layout.subsampling
        return -(-self.layout.chunk[0] // across) * -(-tall // down) * (across * down + 2)

    def _data(self, at: int, count: int) -> bytes:
        """Bytes of the file; a cut one is found out here."""
        data = self.read(at, min(count, self.length))
        if len(data) < count and at + count > self.length and count < 1 << 62:
            raise EOFError("it ends before its pixels do")
        return data

    def _expanded(self, at: int, count: int, wanted: int, rows: int) -> UInt8Array:
        """The bytes that a strip or tile was made of, as many as are wanted."""
        this, data = self.layout, self._data(at, count)
        if this.compression in FAX:
            tags: _Tags = {T4: self.page.number(T4, 0), T6: self.page.number(T6, 0)}
            tags |= {BITS: 1, PHOTOMETRIC: BLACK_IS_ZERO}
            bits = _by_libtiff(data, this, (this.chunk[0], rows), tags)
            return np.packbits(np.asarray(bits), axis=1).ravel()
        if this.compression not in (NONE, *DEFLATE):
            size = wanted // rows, rows
            return np.asarray(_by_libtiff(data, this, size, {BITS: 8, PHOTOMETRIC: BLACK_IS_ZERO})).ravel()
        data = data.translate(_REVERSED) if this.reverse else data
        if this.compression in DEFLATE:
            data = zlib.decompressobj().decompress(data, wanted)
        if len(data) < wanted:
            raise ValueError(f"a strip or tile gives {len(data)} bytes where {wanted} belong")
        return np.frombuffer(data, np.uint8, wanted)

    def _foreign(self, data: bytes, tall: int) -> UInt8Array:
        """A strip or tile that is a picture file of its own; those of JPEG may share tables."""
        this = self.layout
        if this.compression == WEBP:
            image: Image.Image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
        else:
            photometric = BLACK_IS_ZERO if this.together == 1 else this.photometric
            tags: _Tags = {BITS: (8,) * this.together, PHOTOMETRIC: photometric}
            if this.photometric == YCBCR:
                tags[SUBSAMPLING] = this.subsampling
            if TABLES in self.page:
                tags[TABLES] = self.page.blob(TABLES)
            image = _by_libtiff(data, this, (this.chunk[0], tall), tags)
        if image.size != (this.chunk[0], tall):
            raise ValueError(f"a strip or tile of {image.size} pixels, not {(this.chunk[0], tall)}")
        pixels = np.asarray(image)
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        if pixels.shape[2] != this.together:
            raise Unsupported(f"{pixels.shape[2]} samples in a strip, not {this.together}")
        return pixels

    def _old_jpeg(self) -> Image.Image:
        """The picture of a file from before TIFF 6.0's supplement: one whole JPEG within."""
        at, count = self.page.number(JPEG_AT, 0), self.page.number(JPEG_BYTES, 0)
        data = self.read(at, count)
        if not at or not data.startswith(b"\xff\xd8"):
            raise Unsupported("JPEG of the old style, in parts")
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        if image.size != self.size or image.mode not in ("L", "RGB"):
            raise Unsupported("JPEG of the old style, in parts")
        image.load()
        return image


_ROWS = 64
"""Rows that are worked on at once where that can be chosen."""

_PER_SAMPLE = 48
"""Bytes that a sample takes while it is turned into 8 bits."""

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def tiff(read: Read, length: int) -> TiffPicture:
    """The page that is the picture: the first that is no reduced copy and no mask of another one.

    Raises `Unsupported` or `ValueError` when there is none that can be read.
    """
    top: Directory | None = None
    for page in pages(read):
        top = top or page
        if not page.number(SUBFILE, 0) & 0b101 and page.number(OLD_SUBFILE, 1) != 2 and WIDTH in page:
            return TiffPicture(
                read, page, layout(page), orientation(page if ORIENTED in page else top), length
            )
    if top is None:
        raise EOFError("it has no directory")
    return TiffPicture(read, top, layout(top), orientation(top), length)


def _by_libtiff(data: bytes, this: PageLayout, size: tuple[int, int], tags: _Tags) -> Image.Image:
    """Have libtiff expand a strip or tile, handed over as a file of its own."""
    bits = tags[BITS]
    fields: _Tags = {
        WIDTH: size[0],
        HEIGHT: size[1],
        ROWS: size[1],
        COMPRESSION: this.compression,
        FILL_ORDER: 2 if this.reverse else 1,
        SAMPLES: len(bits) if isinstance(bits, tuple) else 1,
        STRIP_BYTES: len(data),
        **tags,
    }
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(_file(fields, data)))
    image.im = Image.new(image.mode, image.size, None).im  # without a look at its size, which we took
    image.load()
    return image


_Tags: TypeAlias = dict[int, int | tuple[int, ...] | bytes]


def _file(fields: _Tags, data: bytes) -> bytes:
    """A TIFF file of one strip."""
    values = {tag: _value(value) for tag, value in fields.items()} | {STRIPS: (4, 1, b"")}
    start = 8 + 2 + 12 * len(values) + 4
    beside = b"".join(value for _, (_, _, value) in sorted(values.items()) if len(value) > 4)
    entries, at = b"", start
    for tag, (kind, count, value) in sorted(values.items()):
        if tag == STRIPS:
            value = struct.pack("<I", start + len(beside))
        entries += struct.pack("<HHI", tag, kind, count)
        entries += value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", at)
        at += len(value) if len(value) > 4 else 0
    head = struct.pack("<2sHIH", b"II", 42, 8, len(values))
    return b"".join((head, entries, bytes(4), beside, data))


def _value(value: int | tuple[int, ...] | bytes) -> tuple[int, int, bytes]:
    """Type, count and bytes of a tag."""
    if isinstance(value, bytes):
        return 7, len(value), value
    if isinstance(value, tuple):
        return 3, len(value), struct.pack(f"<{len(value)}H", *value)
    return (3, 1, struct.pack("<H", value)) if value < 1 << 16 else (4, 1, struct.pack("<I", value))


def _numbers(lines: UInt8Array, this: PageLayout, order: str) -> Samples:
    """The samples of each pixel in rows of bytes, predictor undone."""
    rows, count = len(lines), this.chunk[0] * this.together
    if this.predictor == 3:
        values = _from_float_predictor(lines, this, count)
    elif this.bits in (8, 16, 32, 64):
        letter = {1: "u", 2: "i", 3: "f"}[this.kind]
        width = this.bits // 8
        values = np.ascontiguousarray(lines[:, : count * width]).view(f"{order}{letter}{width}")
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
    else:
        values = _loose(lines, this.bits, count)
    values = values.reshape(rows, this.chunk[0], this.together)
    if this.predictor == 2:
        whole = values.view(f"u{this.bits // 8}")
        values = np.cumsum(whole, axis=1, dtype=whole.dtype).view(values.dtype)
    return values


def _loose(lines: UInt8Array, bits: int, count: int) -> Samples:
    """Numbers of any number of bits, the highest first; each row begins with a byte of its own."""
    single = np.unpackbits(lines, axis=1, count=count * bits).reshape(len(lines), count, bits)
    if bits == 1:
        return single
    values = np.zeros((len(lines), count), np.uint8 if bits <= 8 else np.uint16)
    for place in range(bits):
        values <<= 1
        values |= single[..., place]
    return values


def _from_float_predictor(lines: UInt8Array, this: PageLayout, count: int) -> Samples:
    """Floating point numbers whose bytes lie in planes, highest first, each the difference to the one before.

    Adobe Photoshop TIFF Technical Note 3.
    """
    width = this.bits // 8
    sums = np.cumsum(lines.reshape(len(lines), -1, this.together), axis=1, dtype=np.uint8)
    planes = sums.reshape(len(lines), width, count).transpose(0, 2, 1)
    return np.ascontiguousarray(planes).view(f">f{width}")[..., 0].astype(f"f{width}")


def _unpacked(data: UInt8Array, this: PageLayout, tall: int) -> UInt8Array:
    """Y'CbCr as it is packed where colours are coarser: the Y' of a block, then its Cb and its Cr."""
    across, down = this.subsampling
    wide, high = -(-this.chunk[0] // across), -(-tall // down)
    blocks = data.reshape(high, wide, across * down + 2)
    luma = blocks[..., :-2].reshape(high, wide, down, across).transpose(0, 2, 1, 3)
    pixels = np.empty((high * down, wide * across, 3), np.uint8)
    pixels[..., 0] = luma.reshape(high * down, wide * across)
    pixels[..., 1:] = blocks[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
    return pixels[:tall, : this.chunk[0]]


def _from_lab(lab: Samples, *, signed: bool) -> UInt8Array:
    """CIE L*a*b* (D50) in 8 bits to sRGB; a* and b* are signed, or from 128."""
    from PIL import ImageCms  # loads LittleCMS

    shifted = np.ascontiguousarray(lab).view(np.uint8).copy()
    if not signed:
        shifted[..., 1:] ^= 128
    image = Image.frombytes("LAB", shifted.shape[1::-1], shifted.tobytes(), "raw", "LAB")
    white = ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(white, ImageCms.createProfile("sRGB"), "LAB", "RGB")
    return np.asarray(ImageCms.applyTransform(image, transform))
