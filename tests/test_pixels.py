"""PNG and BMP, every kind that their specifications have: written here byte by byte, with the pixels by hand.

OpenCV, whose decoders are libpng and one of its own, is asked as well wherever it reads the kind; and for
JPEG and WebP, of which it has the decoders in builds of its own.
"""

from __future__ import annotations

import io
import struct
import zlib
from itertools import product
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from likewise.pictures.loading import load
from likewise.pictures.resize import Resize
from likewise.types import UInt8Array

WIDTH, HEIGHT = 11, 9  # neither is a multiple of a byte's pixels or of Adam7's steps
FULL = Resize("full", 1)

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
KINDS = [
    *((GREY, bits) for bits in (1, 2, 4, 8, 16)),
    *((RGB, bits) for bits in (8, 16)),
    *((PALETTE, bits) for bits in (1, 2, 4, 8)),
    *((GREY_ALPHA, bits) for bits in (8, 16)),
    *((RGBA, bits) for bits in (8, 16)),
]
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


def pixels(data: bytes) -> UInt8Array:
    return load(data, [FULL]).pixels[0]


def by_opencv(data: bytes, how: int = cv2.IMREAD_COLOR) -> UInt8Array:
    found = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    assert found is not None
    order = [0] if found.ndim == 2 else [2, 1, 0, 3][: found.shape[2]]
    return np.ascontiguousarray(found.reshape(*found.shape[:2], -1)[..., order], np.uint8)


def over_white(colours: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Colours ``(h, w, c)`` over white, by opacity ``(h, w)`` of 255, exactly."""
    share = alpha[..., None] / 255
    return colours * share + 255 * (1 - share)


# --- PNG ---


def samples_of(kind: int, bits: int, *, colours: int = 0) -> NDArray[np.int64]:
    top = colours or 1 << bits
    shape = (HEIGHT, WIDTH, CHANNELS[kind])
    found = np.random.default_rng([kind, bits]).integers(0, top, shape)
    found[0, :2] = [[0] * shape[2], [top - 1] * shape[2]]
    return found


def packed(rows: NDArray[np.int64], bits: int) -> list[bytes]:
    """Each row of samples ``(w, c)`` as PNG has it, the first sample in the highest bits."""
    found = []
    for row in rows:
        flat = row.ravel()
        if bits == 16:
            found.append(flat.astype(">u2").tobytes())
            continue
        digits = (flat[:, None] >> np.arange(bits - 1, -1, -1)) & 1
        found.append(np.packbits(digits.ravel().astype(np.uint8)).tobytes())
    return found


PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
"""Adam7: first column and row, and steps (PNG 1.2, 2.6)."""


def filtered(lines: list[bytes], wide: int) -> bytes:
    """Lines with the five filters in turn (PNG 1.2, 6); ``wide`` is the bytes of a whole pixel."""
    out, above = b"", bytes(len(lines[0])) if lines else b""
    for number, line in enumerate(lines):
        left = bytes(wide) + line[:-wide] if len(line) > wide else bytes(len(line))
        corner = bytes(wide) + above[:-wide] if len(above) > wide else bytes(len(above))
        kind = number % 5
        guess = [guessed(kind, *three) for three in zip(left, above, corner, strict=True)]
        out += bytes([kind]) + bytes((one - two) % 256 for one, two in zip(line, guess, strict=True))
        above = line
    return out


def guessed(kind: int, a: int, b: int, c: int) -> int:
    if kind == 4:
        far = [(abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c)]
        return min(far)[2]
    return (0, a, b, (a + b) // 2)[kind]


def png(kind: int, bits: int, samples: NDArray[np.int64], *, interlaced: bool, **chunks: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, kind, 0, 0, interlaced)
    wide = max(1, CHANNELS[kind] * bits // 8)
    parts = [samples[y::down, x::across] for x, y, across, down in PASSES] if interlaced else [samples]
    data = b"".join(filtered(packed(part, bits), wide) for part in parts if part.size)
    more = b"".join(chunk(name.encode(), chunks[name]) for name in ("PLTE", "tRNS") if name in chunks)
    ends = chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + ends


def made(kind: int, bits: int, *, transparent: bool, interlaced: bool) -> tuple[bytes, NDArray[Any]]:
    """A file, and its pixels ``(h, w, 3)`` before they are rounded."""
    colours = min(1 << bits, 200) if kind == PALETTE else 0
    samples, top = samples_of(kind, bits, colours=colours), (1 << bits) - 1
    chunks: dict[str, bytes] = {}
    alpha = np.full((HEIGHT, WIDTH), 255.0)
    if kind == PALETTE:
        table = np.random.default_rng(bits).integers(0, 256, (colours, 3))
        chunks["PLTE"] = table.astype(np.uint8).tobytes()
        shown = table[samples[..., 0]].astype(float)
        if transparent:  # the table may be shorter than that of the colours
            opaque = np.array([0, 128, *[255] * (colours - 2)])
            chunks["tRNS"] = opaque[:2].astype(np.uint8).tobytes()
            alpha = opaque[samples[..., 0]].astype(float)
    else:
        shown = samples * 255 / top
        if kind in (GREY_ALPHA, RGBA):
            alpha, shown = shown[..., -1], shown[..., :-1]
        elif transparent:
            chunks["tRNS"] = samples[3, 4].astype(">u2").tobytes()
            alpha = np.where((samples == samples[3, 4]).all(axis=-1), 0.0, 255.0)
    return png(kind, bits, samples, interlaced=interlaced, **chunks), over_white(shown, alpha)


ALL = [(*kind, clear) for kind in KINDS for clear in (False, True) if not clear or kind[0] < GREY_ALPHA]


@pytest.mark.parametrize("interlaced", [False, True], ids=["rows", "Adam7"])
@pytest.mark.parametrize(("kind", "bits", "transparent"), ALL)
def test_png(kind: int, bits: int, transparent: bool, interlaced: bool) -> None:
    data, exact = made(kind, bits, transparent=transparent, interlaced=interlaced)
    shown = pixels(data).astype(float)
    exact = np.broadcast_to(exact, shown.shape)
    veiled = transparent or kind in (GREY_ALPHA, RGBA)
    step = (0.5, 1.0, 2.0)[
        (bits == 16) + veiled
    ]  # of colours of 16 bits the higher byte is taken, and of opacity
    assert np.abs(shown - exact).max() <= step


@pytest.mark.parametrize("interlaced", [False, True], ids=["rows", "Adam7"])
@pytest.mark.parametrize(
    ("kind", "bits"), [one for one in KINDS if one[1] <= 8 and one[0] in (GREY, RGB, PALETTE)]
)
def test_png_against_libpng(kind: int, bits: int, interlaced: bool) -> None:
    data, _ = made(kind, bits, transparent=False, interlaced=interlaced)
    assert np.array_equal(pixels(data), by_opencv(data))


# --- BMP ---


def bmp(
    bits: int,
    rows: bytes,
    *,
    table: bytes = b"",
    compression: int = 0,
    masks: tuple[int, ...] = (),
    down: bool = False,
    size: int = 40,
) -> bytes:
    """A BMP of a BITMAPINFOHEADER, or of a V4 header (108 bytes) that holds four masks."""
    height = -HEIGHT if down else HEIGHT
    head = struct.pack(
        "<IiiHHIIiiII", size, WIDTH, height, 1, bits, compression, len(rows), 0, 0, len(table) // 4, 0
    )
    head += struct.pack(f"<{len(masks)}I", *masks)
    head += bytes(max(0, size - len(head)))
    start = 14 + len(head) + len(table)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + table + rows


def lines(rows: list[bytes], *, down: bool) -> bytes:
    """Rows filled up to 4 bytes, the lowest first unless they go down."""
    full = [row + bytes(-len(row) % 4) for row in rows]
    return b"".join(full if down else full[::-1])


NUMBERS = np.random.default_rng(3).integers(0, 1 << 32, (HEIGHT, WIDTH), dtype=np.uint64).astype(np.int64)
MASKS = {"555": (0x7C00, 0x3E0, 0x1F), "565": (0xF800, 0x7E0, 0x1F)}


def channel(numbers: NDArray[np.int64], mask: int) -> NDArray[Any]:
    low = (mask & -mask).bit_length() - 1
    return ((numbers & mask) >> low) * 255 / (mask >> low)


@pytest.mark.parametrize(("bits", "down"), [*product((1, 4, 8), (False, True))])
def test_bmp_with_a_table(bits: int, down: bool) -> None:
    table = np.random.default_rng(bits).integers(0, 256, (1 << bits, 4), dtype=np.uint8)
    table[:, 3] = 0
    numbers = NUMBERS % (1 << bits)
    data = bmp(bits, lines(packed(numbers[..., None], bits), down=down), table=table.tobytes(), down=down)
    assert np.array_equal(pixels(data), table[numbers][..., 2::-1])


@pytest.mark.parametrize(("name", "down"), [*product(("plain", "555", "565"), (False, True))])
def test_bmp_of_sixteen_bits(name: str, down: bool) -> None:
    masks = MASKS.get(name, MASKS["555"])
    numbers = NUMBERS & (0x7FFF if name != "565" else 0xFFFF)
    rows = lines([row.astype("<u2").tobytes() for row in numbers], down=down)
    data = bmp(
        16, rows, compression=0 if name == "plain" else 3, masks=() if name == "plain" else masks, down=down
    )
    exact = np.stack([channel(numbers, mask) for mask in masks], axis=-1)
    assert np.abs(pixels(data) - exact).max() <= 1


@pytest.mark.parametrize("down", [False, True])
def test_bmp_of_three_and_four_bytes(down: bool) -> None:
    colours = np.stack([NUMBERS >> 16 & 255, NUMBERS >> 8 & 255, NUMBERS & 255], axis=-1)
    three = lines([row[:, ::-1].astype(np.uint8).tobytes() for row in colours], down=down)
    four = lines([row.astype("<u4").tobytes() for row in NUMBERS & 0xFFFFFF], down=down)
    for data in (bmp(24, three, down=down), bmp(32, four, down=down)):
        assert np.array_equal(pixels(data), colours)
        assert np.array_equal(pixels(data), by_opencv(data))


def test_bmp_with_opacity() -> None:
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    data = bmp(
        32,
        lines([row.astype("<u4").tobytes() for row in NUMBERS], down=False),
        compression=3,
        masks=masks,
        size=108,
    )
    red, green, blue, alpha = (channel(NUMBERS, mask) for mask in masks)
    assert np.abs(pixels(data) - over_white(np.stack([red, green, blue], axis=-1), alpha)).max() <= 1


@pytest.mark.parametrize("bits", [4, 8])
def test_bmp_run_lengths(bits: int) -> None:
    """Runs, single pixels in the absolute mode, ends of lines and of the bitmap ([MS-WMF] 3.1.6)."""
    table = np.random.default_rng(bits).integers(0, 256, (16, 4), dtype=np.uint8)
    numbers = np.sort(NUMBERS % 16, axis=1)
    code = b""
    for row in numbers[::-1].tolist():
        code += bytes([3, row[0] * (17 if bits == 4 else 1)])  # three times the first
        rest = row[3:]
        body = (
            bytes(rest)
            if bits == 8
            else bytes(16 * a + b for a, b in zip(rest[::2], rest[1::2], strict=True))
        )
        code += bytes([0, len(rest)]) + body + bytes(len(body) % 2) + b"\0\0"
    numbers[:, :3] = numbers[:, :1]
    data = bmp(bits, code + b"\0\x01", table=table.tobytes(), compression={8: 1, 4: 2}[bits])
    assert np.array_equal(pixels(data), table[numbers][..., 2::-1])


# --- JPEG and WebP ---


def drawn() -> Image.Image:
    """Smooth colours, in which a wrong upsampling or matrix shows and noise does not."""
    coarse = np.random.default_rng(8).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((61, 47), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize(
    ("mode", "more"),
    [("RGB", {}), ("L", {}), ("RGB", {"keep_rgb": True}), ("RGB", {"restart_marker_rows": 1})],
)
def test_jpeg(mode: str, more: dict[str, Any], subsampling: str, progressive: bool) -> None:
    out = io.BytesIO()
    subsampling = "4:4:4" if more.get("keep_rgb") else subsampling
    drawn().convert(mode).save(
        out, "JPEG", quality=90, subsampling=subsampling, progressive=progressive, **more
    )
    other = by_opencv(out.getvalue()).astype(int)
    shown = pixels(out.getvalue()).astype(int)
    assert np.abs(shown - other).max() <= 2
    assert np.abs(shown - np.asarray(drawn().convert(mode).convert("RGB"))).mean() < 3


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
def test_webp(mode: str, lossless: bool) -> None:
    picture = drawn().convert(mode)
    if mode == "RGBA":
        picture.putalpha(drawn().convert("L"))
    out = io.BytesIO()
    picture.save(out, "WEBP", lossless=lossless, quality=95, exact=True)
    shown = pixels(out.getvalue()).astype(float)
    other = by_opencv(out.getvalue(), cv2.IMREAD_UNCHANGED)
    for source, most in ((np.asarray(picture), 1 if lossless else 60), (other, 2)):
        alpha = source[..., 3] if mode == "RGBA" else np.full(source.shape[:2], 255)
        assert np.abs(shown - over_white(source[..., :3], alpha)).max() <= most
