"""TIFF by its table: photometric x planes x depth x format x compression, by pixel against what was written.

What libtiff and ImageMagick make of the same files is compared in the tests marked ``tools``.
"""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from likewise.errors import BadPicture
from likewise.pictures import Resize, load, size_of
from likewise.types import UInt8Array

FULL = [Resize("full")]
HEIGHT, WIDTH = 50, 67  # of no multiple of 16, the side of a tile


def pixels_of(source: Any) -> UInt8Array:
    return load(source, FULL).pixels[0]


def colours(channels: int = 3) -> UInt8Array:
    """Ramps that differ in every channel and in both directions, shape ``(50, 67, channels)``."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    ramps = [x * 3, y * 5, (x + y) * 2, 255 - x - 2 * y, (x * y) % 256]
    return np.dstack(ramps[:channels]).clip(0, 255).astype(np.uint8)


def written(array: NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, metadata=None, **options)
    return file.getvalue()


DEEP: dict[str, Any] = {  # how 0..255 is written in each depth, over the whole of its range
    "uint8": lambda a: a,
    "uint16": lambda a: a.astype(np.uint16) * 257,
    "uint32": lambda a: a.astype(np.uint32) * 16843009,
    "int16": lambda a: (a.astype(np.int32) * 257 - 32768).astype(np.int16),
    "float16": lambda a: (a / 255).astype(np.float16),
    "float32": lambda a: (a / 255).astype(np.float32),
    "float64": lambda a: a / 255,
}
LAID: dict[str, dict[str, Any]] = {
    "strip": {},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
    "deflate": {"compression": "zlib", "rowsperstrip": 9},
    "deflate tiles": {"compression": "zlib", "tile": (32, 16)},
    "predictor": {"compression": "zlib", "predictor": True},
}
PLAIN = {"uint8", "uint16"}


def laid_out(laid: str, depth: str) -> dict[str, Any]:
    """Options of `written`; the predictor of floats has a test of its own."""
    options = dict(LAID[laid])
    if depth.startswith("float"):
        options.pop("predictor", None)
    return options


def full_range(array: UInt8Array, depth: str) -> UInt8Array:
    """With the least and the greatest number in it, where a depth is stretched from one to the other."""
    if depth not in PLAIN:
        array = array.copy()
        array[0, 0], array[0, 1] = 0, 255
    return array


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("laid", LAID)
@pytest.mark.parametrize("depth", DEEP)
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_rgb(planar: str, depth: str, laid: str, order: str) -> None:
    wanted = full_range(colours(), depth)
    stored = DEEP[depth](wanted)
    stored = np.ascontiguousarray(np.moveaxis(stored, 2, 0)) if planar == "separate" else stored
    file = written(stored, photometric="rgb", planarconfig=planar, byteorder=order, **laid_out(laid, depth))
    assert np.array_equal(pixels_of(file), wanted)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("laid", LAID)
@pytest.mark.parametrize("depth", DEEP)
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_grey(photometric: str, depth: str, laid: str, order: str) -> None:
    wanted = full_range(colours()[..., 0], depth)
    stored = DEEP[depth](255 - wanted if photometric == "miniswhite" else wanted)
    file = written(stored, photometric=photometric, byteorder=order, **laid_out(laid, depth))
    assert np.array_equal(pixels_of(file)[..., 0], wanted)


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("extra", ["unspecified", "assocalpha", "unassalpha"])
@pytest.mark.parametrize("channels", [1, 3])
def test_extra_samples(channels: int, extra: str, planar: str, depth: str, bigtiff: bool) -> None:
    plain, alpha = colours(channels), colours(4)[..., 3:]
    shown = plain * (alpha / 255) + 255 - alpha if extra != "unspecified" else plain
    first = np.round(plain * (alpha / 255)).astype(np.uint8) if extra == "assocalpha" else plain
    stored = DEEP[depth](np.dstack([first, alpha]))
    stored = np.ascontiguousarray(np.moveaxis(stored, 2, 0)) if planar == "separate" else stored
    photometric = "rgb" if channels == 3 else "minisblack"
    file = written(
        stored, photometric=photometric, planarconfig=planar, extrasamples=[extra], bigtiff=bigtiff
    )
    assert np.abs(pixels_of(file) - shown).max() <= 1


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("laid", LAID)
def test_cmyk(planar: str, depth: str, laid: str) -> None:
    inks = colours(4)
    wanted = (255 - inks[..., :3].astype(float)) * (255 - inks[..., 3:]) / 255
    stored = DEEP[depth](inks)
    stored = np.ascontiguousarray(np.moveaxis(stored, 2, 0)) if planar == "separate" else stored
    file = written(stored, photometric="separated", planarconfig=planar, **LAID[laid])
    assert np.abs(pixels_of(file) - wanted).max() <= 1


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("laid", LAID)
def test_palette(depth: int, laid: str) -> None:
    rng = np.random.default_rng(depth)
    wide = rng.integers(0, 65536, (3, 1 << depth), np.uint16)
    index = rng.integers(0, 1 << depth, (HEIGHT, WIDTH)).astype(f"uint{depth}")
    file = written(index, photometric="palette", colormap=wide, **LAID[laid])
    assert np.array_equal(pixels_of(file), np.moveaxis((wide[:, index] + np.uint32(128)) // 257, 0, 2))


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("fill", [1, 2])
def test_depths_between(bits: int, samples: int, fill: int) -> None:
    top = (1 << bits) - 1
    values = np.random.default_rng(bits).integers(0, top + 1, (HEIGHT, WIDTH, samples))
    shifts = np.arange(bits - 1, -1, -1)
    single = (values.reshape(HEIGHT, -1, 1) >> shifts & 1).astype(np.uint8).reshape(HEIGHT, -1)
    packed = np.packbits(single, axis=1, bitorder="big" if fill == 1 else "little").tobytes()
    file = by_hand(packed, {258: [bits] * samples, 262: 2 if samples == 3 else 1, 266: fill, 277: samples})
    expected = np.floor(values * 255 / top + 0.5)
    assert np.array_equal(pixels_of(file), np.broadcast_to(expected, (HEIGHT, WIDTH, 3)))


def by_hand(data: bytes, tags: dict[int, Any], *, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """A little-endian TIFF of one strip; tags of several numbers are SHORTs."""
    entries = {256: size[0], 257: size[1], 259: 1, 273: 8, 278: size[1], 279: len(data)} | tags
    body, beside = b"", b""
    at = 8 + len(data) + 2 + 12 * len(entries) + 4
    for tag, value in sorted(entries.items()):
        if isinstance(value, list):
            packed = struct.pack(f"<{len(value)}H", *value)
            inline = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", at + len(beside))
            beside += b"" if len(packed) <= 4 else packed
            body += struct.pack("<HHI", tag, 3, len(value)) + inline
        else:
            body += struct.pack("<HHII", tag, 4, 1, value)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    return head + data + struct.pack("<H", len(entries)) + body + bytes(4) + beside


@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("samples", [1, 3])
def test_the_predictor_of_floats(bits: int, samples: int) -> None:
    wanted = full_range(colours(samples), "float32")
    lines = b""
    for row in (wanted / 255).astype(f">f{bits // 8}"):
        planes = [row.reshape(-1).view(np.uint8)[byte :: bits // 8] for byte in range(bits // 8)]
        line = np.concatenate(planes).astype(int)
        line[samples:] = line[samples:] - line[:-samples]
        lines += (line % 256).astype(np.uint8).tobytes()
    tags = {258: [bits] * samples, 259: 8, 262: 2 if samples == 3 else 1, 277: samples, 317: 3, 339: 3}
    got = pixels_of(by_hand(zlib.compress(lines), tags))
    assert np.array_equal(got[..., :samples], wanted)


@pytest.mark.parametrize("across", [1, 2, 4])
@pytest.mark.parametrize("down", [1, 2, 4])
def test_ycbcr_with_coarse_colours(across: int, down: int) -> None:
    high, wide = -(-HEIGHT // down), -(-WIDTH // across)
    luma = np.random.default_rng(3).integers(0, 256, (high * down, wide * across), np.uint8)
    chroma = np.random.default_rng(4).integers(100, 156, (high, wide, 2), np.uint8)
    blocks = luma.reshape(high, down, wide, across).transpose(0, 2, 1, 3).reshape(high, wide, -1)
    data = np.concatenate([blocks, chroma], axis=2).tobytes()
    file = by_hand(data, {258: [8, 8, 8], 262: 6, 277: 3, 530: [across, down]})
    blue, red = np.moveaxis(chroma.repeat(down, 0).repeat(across, 1)[:HEIGHT, :WIDTH] - 128.0, 2, 0)
    y = luma[:HEIGHT, :WIDTH].astype(float)  # ITU-R BT.601
    rgb = np.dstack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue])
    assert np.abs(pixels_of(file) - rgb.clip(0, 255)).max() <= 1.5


@pytest.mark.parametrize(("lab", "rgb"), [((255, 0, 0), 255), ((0, 0, 0), 0), ((137, 0, 0), 128)])
@pytest.mark.parametrize("photometric", [8, 9])
def test_lab(lab: tuple[int, int, int], rgb: int, photometric: int) -> None:
    shift = 0 if photometric == 8 else 128
    data = bytes([lab[0], lab[1] + shift, lab[2] + shift]) * 16
    file = by_hand(data, {258: [8, 8, 8], 262: photometric, 277: 3}, size=(4, 4))
    assert np.abs(pixels_of(file).astype(int) - rgb).max() <= 1  # L* of 137 / 2.55 is the grey of 128


@pytest.mark.parametrize("first", [{254: 1}, {255: 2}, {254: 4}])
def test_the_picture_is_the_first_page_that_is_no_reduced_copy(first: dict[int, int]) -> None:
    [(tag, value)] = first.items()
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as out:
        out.write(
            colours()[::4, ::4], photometric="rgb", metadata=None, extratags=[(tag, 4, 1, value, False)]
        )
        out.write(colours(), photometric="rgb", metadata=None)
    assert size_of(file.getvalue()) == (WIDTH, HEIGHT)
    assert np.array_equal(pixels_of(file.getvalue()), colours())


def test_the_picture_may_lie_in_a_directory_within() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as out:
        out.write(colours()[::4, ::4], photometric="rgb", subifds=1, subfiletype=1, metadata=None)
        out.write(colours(), photometric="rgb", metadata=None)
    assert np.array_equal(pixels_of(file.getvalue()), colours())
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as out:  # a pyramid: the other way round
        out.write(colours(), photometric="rgb", subifds=1, metadata=None)
        out.write(colours()[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    assert np.array_equal(pixels_of(file.getvalue()), colours())


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ({262: 32803}, "photometric"),  # a colour filter array
        ({262: 34892}, "photometric"),  # linear raw
        ({262: 32845}, "photometric"),  # LogLuv
        ({259: 34676}, "compression"),  # SGI LogLuv
        ({259: 50002}, "compression"),  # JPEG XL
        ({258: [5, 6, 5]}, "depth"),
        ({339: [6, 6, 6]}, "format"),  # complex
        ({262: 5, 277: 4, 258: [8] * 4, 332: 2}, "inks"),
        ({277: 2, 258: [8, 8]}, "samples"),
        ({262: 8, 258: [16] * 3}, "L.a.b."),
        ({262: 6, 532: [16, 235, 128, 240, 128, 240]}, "range"),
        ({317: 3}, "predictor"),
        ({317: 9}, "predictor"),
    ],
)
def test_what_is_not_known_to_be_read_right_is_unsupported(tags: dict[int, Any], what: str) -> None:
    plain = {258: [8, 8, 8], 262: 2, 277: 3} | tags
    if 317 in tags or 259 in tags:
        plain |= {259: tags.get(259, 8)}
    with pytest.raises(BadPicture, match=f"not read: .*{what}") as caught:
        load(by_hand(bytes(WIDTH * HEIGHT * 8), plain), FULL)
    assert caught.value.reason == "unsupported"


def test_a_whole_jpeg_of_the_old_style() -> None:
    smooth = np.asarray(Image.fromarray(colours()).resize((64, 48)))
    jpeg = io.BytesIO()
    Image.fromarray(smooth).save(jpeg, "JPEG", quality=95)
    data = jpeg.getvalue()
    tags = {259: 6, 258: [8, 8, 8], 262: 6, 277: 3, 513: 8, 514: len(data)}
    got = pixels_of(by_hand(data, tags, size=(64, 48)))
    assert np.abs(got.astype(int) - smooth).mean() < 3
    with pytest.raises(BadPicture, match="old style"):
        load(by_hand(data, tags | {513: 0}, size=(64, 48)), FULL)


def test_a_huge_tile_of_a_small_picture_is_refused_before_it_is_made() -> None:
    tags = {258: [8, 8, 8], 262: 2, 277: 3, 322: 23168, 323: 23168, 324: 8, 325: 9, 259: 8}
    with pytest.raises(BadPicture, match="MiB to decode") as caught:
        load(by_hand(b"x\x9c\x03\0\0\0\0\1", tags, size=(64, 64)), FULL)
    assert caught.value.reason == "too-large"


# --- against libtiff and ImageMagick ------------------------------------------------------------------------

PHOTOMETRICS: dict[str, tuple[Any, dict[str, Any]]] = {
    "grey": (lambda: colours()[..., 0], {"photometric": "minisblack"}),
    "white": (lambda: colours()[..., 0], {"photometric": "miniswhite"}),
    "rgb": (colours, {"photometric": "rgb"}),
    "cmyk": (lambda: colours(4), {"photometric": "separated"}),
    "rgba": (lambda: colours(4), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
}


def run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.tools
@pytest.mark.parametrize("order", ["-B", "-L"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("form", [["-s", "-r", "7"], ["-s"], ["-t", "-w", "32", "-l", "16"]])
@pytest.mark.parametrize("codec", ["none", "lzw", "lzw:2", "zip", "zip:2", "packbits", "lzma:2", "zstd:2"])
@pytest.mark.parametrize("depth", ["uint8", "uint16"])
@pytest.mark.parametrize("photometric", PHOTOMETRICS)
def test_lossless_codecs_of_libtiff(
    tmp_path: Path, photometric: str, depth: str, codec: str, form: list[str], planar: str, order: str
) -> None:
    make, options = PHOTOMETRICS[photometric]
    plain, out = tmp_path / "plain.tif", tmp_path / "out.tif"
    stored = DEEP[depth](make())
    if planar == "separate" and stored.ndim == 3:
        if depth == "uint16" and "-t" in form:
            pytest.skip("tiffcp makes no tiles of planes of 16 bits; test_rgb and test_cmyk have them")
        options = options | {"planarconfig": "separate"}
        stored = np.ascontiguousarray(np.moveaxis(stored, 2, 0))
    plain.write_bytes(written(stored, **options))
    run("tiffcp", "-c", codec, *form, order, plain, out)
    assert np.array_equal(pixels_of(out), pixels_of(plain))
    if photometric != "cmyk":  # of which each has a formula of its own
        run("convert", out, "-background", "white", "-flatten", "-depth", "8", tmp_path / "magick.ppm")
        by_magick = np.asarray(Image.open(tmp_path / "magick.ppm").convert("RGB")).astype(int)
        assert np.abs(pixels_of(out) - by_magick).max() <= 1


@pytest.mark.tools
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("fill", ["msb2lsb", "lsb2msb"])
@pytest.mark.parametrize("codec", ["none", "g3", "g3:2d", "g3:1d:fill", "g4", "lzw", "packbits", "zip"])
def test_black_and_white_of_libtiff(tmp_path: Path, photometric: str, fill: str, codec: str) -> None:
    shape = np.asarray(Image.fromarray(colours()[..., 0]).convert("1"))
    plain, out = tmp_path / "plain.tif", tmp_path / "out.tif"
    white = {"minisblack": 1, "miniswhite": 0}[photometric]
    data = np.packbits(shape if white else ~shape, axis=1).tobytes()
    plain.write_bytes(by_hand(data, {258: 1, 262: white, 277: 1}))
    run("tiffcp", "-c", codec, "-f", fill, "-r", "9", plain, out)
    assert np.array_equal(pixels_of(out)[..., 0] > 0, shape)


@pytest.mark.tools
@pytest.mark.parametrize("form", [["-s", "-r", "16"], ["-t", "-w", "32", "-l", "16"]])
@pytest.mark.parametrize("photometric", ["grey", "rgb", "cmyk"])
@pytest.mark.parametrize("codec", ["jpeg:90", "jpeg:r:90"])
def test_jpeg_of_libtiff(tmp_path: Path, photometric: str, codec: str, form: list[str]) -> None:
    make, options = PHOTOMETRICS[photometric]
    plain, out = tmp_path / "plain.tif", tmp_path / "out.tif"
    plain.write_bytes(written(make(), **options))
    run("tiffcp", "-c", codec, *form, plain, out)
    run("tiffcp", "-c", "none", out, tmp_path / "expanded.tif")
    if photometric != "rgb" or codec == "jpeg:r:90":
        assert np.array_equal(pixels_of(out), pixels_of(tmp_path / "expanded.tif"))
    run("tiff2rgba", "-c", "none", out, tmp_path / "rgba.tif")
    if photometric != "cmyk":
        by_libtiff = tifffile.imread(tmp_path / "rgba.tif")[..., :3].astype(int)
        assert np.abs(pixels_of(out) - by_libtiff).max() <= 3


@pytest.mark.tools
def test_lab_of_imagemagick(tmp_path: Path) -> None:
    lab = np.dstack([colours()[..., 0], (colours()[..., 1] // 4), (colours()[..., 2] // 4)]).astype(np.uint8)
    lab[..., 1:] += 96  # from -32 to 31 where 128 is nought
    path, signed = tmp_path / "lab.tif", lab ^ np.array([0, 128, 128], np.uint8)
    path.write_bytes(by_hand(signed.tobytes(), {258: [8, 8, 8], 262: 8, 277: 3}))
    icc = by_hand(lab.tobytes(), {258: [8, 8, 8], 262: 9, 277: 3})
    assert np.array_equal(pixels_of(icc), pixels_of(path))
    run("convert", path, "-depth", "8", tmp_path / "magick.ppm")
    by_magick = np.asarray(Image.open(tmp_path / "magick.ppm").convert("RGB")).astype(int)
    assert np.abs(pixels_of(path) - by_magick).mean() < 3
