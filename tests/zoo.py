"""A folder of bad and odd files, made on the spot, with what must become of each."""

from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

JPEG_CUTS = {"header": 0.0, "10": 0.1, "50": 0.5, "99": 0.99}


def make_zoo(folder: Path) -> dict[Path, str]:
    """Fill a folder; no two of its readable files have the same bytes.

    Returns
    -------
    dict
        For each path ``indexed``, or the reason that `likewise.errors.BadPicture` gives when it is loaded by
        its path. A folder walk goes into ``folder.jpg`` instead of loading it, and finds a picture there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    zoo: dict[Path, str] = {}
    for name, (content, outcome) in {**_damaged(), **_odd(), **_oriented(), **_named()}.items():
        (folder / name).write_bytes(content)
        zoo[folder / name] = outcome
    return zoo | _special(folder)


def photo(seed: int, *, width: int = 120, height: int = 90) -> NDArray[np.uint8]:
    """A picture with soft colours, an edge and a little noise, shape ``(height, width, 3)``."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin((x * a + y * b) / 9 + c) for a, b, c in rng.uniform(-1, 1, (3, 3))]
    pixels = 128 + 60 * np.stack(waves, axis=-1) + rng.normal(0, 3, (height, width, 3))
    pixels[height // 3 : height // 2, width // 4 : width // 2] = rng.uniform(0, 255, 3)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def encode(picture: Image.Image | NDArray[np.uint8], form: str, **options: object) -> bytes:
    """The bytes of a picture file."""
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def exif_of(orientation: int) -> bytes:
    """An EXIF block that holds nothing but the orientation."""
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">HHI", orientation, 0, 0)


def without_adobe_marker(jpeg: bytes) -> bytes:
    """A JPEG less its APP14 segment, as encoders that are not Adobe's write CMYK."""
    start = jpeg.index(b"\xff\xee\x00\x0eAdobe")
    return jpeg[:start] + jpeg[start + 16 :]


def bomb_png(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few bytes whose header promises very many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _damaged() -> dict[str, tuple[bytes, str]]:
    jpeg = encode(photo(1), "JPEG")
    files = {
        "empty.jpg": (b"", "empty"),
        "one-byte.jpg": (b"\xff", "not-a-picture"),
        "text.jpg": (b"This is a shopping list, not a picture.\n" * 20, "not-a-picture"),
        "page.png": (b"<!doctype html><title>404</title>", "not-a-picture"),
        "zeros.jpg": (bytes(5000), "not-a-picture"),
        "bomb.png": (bomb_png(), "too-large"),
        "corrupt.png": (_corrupt_png(), "broken"),
    }
    for name, part in JPEG_CUTS.items():
        files[f"cut-{name}.jpg"] = (jpeg[: max(20, int(part * len(jpeg)))], "truncated")
    cuts: dict[str, dict[str, object]] = {"png": {}, "gif": {}, "bmp": {}, "webp": {}, "avif": {}}
    for suffix, options in cuts.items():
        if suffix in ("webp", "avif") and not features.check(suffix):
            continue
        whole = encode(photo(2), suffix.upper(), **options)
        files[f"cut.{suffix}"] = (whole[: len(whole) // 2], "truncated")
    whole = encode(photo(2), "TIFF", compression="tiff_lzw")
    return files | {"cut.tif": (whole[: len(whole) // 2], "truncated")}


def _corrupt_png() -> bytes:
    """A PNG of sound structure whose compressed data is noise."""
    header = struct.pack(">IIBBBBB", 40, 30, 8, 2, 0, 0, 0)
    noise = np.random.default_rng(3).bytes(3000)
    chunks = [(b"IHDR", header), (b"IDAT", noise), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _odd() -> dict[str, tuple[bytes, str]]:
    """Sound files that are seldom tried."""
    ramp = np.linspace(0, 65535, 120 * 90).reshape(90, 120)
    grey16 = Image.fromarray(ramp.astype(np.uint16))
    rgb = Image.fromarray(photo(4))
    alpha = Image.fromarray((ramp / 257).astype(np.uint8))
    frames = [Image.fromarray(photo(seed)) for seed in (5, 6, 7)]
    moving: dict[str, object] = {"save_all": True, "append_images": frames[1:], "duration": 50}
    rgba, grey = rgb.copy(), rgb.convert("L")
    rgba.putalpha(alpha)
    palette = Image.fromarray(photo(8)).quantize(16)
    cmyk = encode(Image.fromarray(photo(9)).convert("CMYK"), "JPEG")
    files = {
        "1x1.png": encode(photo(10, width=1, height=1), "PNG"),
        "1x5000.png": encode(photo(11, width=1, height=5000), "PNG"),
        "5000x1.jpg": encode(photo(12, width=5000, height=1), "JPEG"),
        "grey16.png": encode(grey16, "PNG"),
        "grey16.tif": encode(grey16, "TIFF"),
        "grey16.pgm": encode(grey16, "PPM"),
        "float.tif": encode(Image.fromarray((ramp / 65535).astype(np.float32)), "TIFF"),
        "cmyk.jpg": cmyk,
        "cmyk-not-adobe.jpg": without_adobe_marker(cmyk),
        "progressive.jpg": encode(photo(13), "JPEG", progressive=True),
        "grey.jpg": encode(grey, "JPEG"),
        "animated.gif": encode(frames[0], "GIF", **moving),
        "animated.png": encode(frames[0], "PNG", **moving),
        "palette.png": encode(palette, "PNG"),
        "palette-transparency.png": encode(palette, "PNG", transparency=bytes([0, 128, 255])),
        "palette-transparency.gif": encode(palette, "GIF", transparency=3),
        "la.png": encode(Image.merge("LA", (grey, alpha)), "PNG"),
        "rgba.png": encode(rgba, "PNG"),
        "rgb-transparency.png": encode(rgb, "PNG", transparency=(128, 128, 128)),
        "one-bit.png": encode(rgb.convert("1"), "PNG"),
        "picture.bmp": encode(photo(14), "BMP"),
        "picture.tiff": encode(photo(15), "TIFF", compression="tiff_deflate"),
        "picture.jp2": encode(photo(16), "JPEG2000"),
        "picture.ppm": encode(photo(17), "PPM"),
        "capitals.JPG": encode(photo(18), "JPEG"),
        "really-a-png.jpg": encode(photo(19), "PNG"),
        "trailing-garbage.jpg": encode(photo(20), "JPEG") + b"junk" * 100,
    }
    if features.check("webp"):
        files["animated.webp"] = encode(frames[0], "WEBP", **moving)
    if features.check("avif"):
        files["picture.avif"] = encode(photo(21), "AVIF")
    files |= _heic()
    return {name: (content, "indexed") for name, content in files.items()}


def _heic() -> dict[str, bytes]:
    """A HEIC file, where the plug-in is there and can write."""
    try:
        import pillow_heif
    except ImportError:
        return {}
    if not pillow_heif.libheif_info()["encoders"]:
        return {}
    pixels, file = photo(22), io.BytesIO()
    pillow_heif.from_bytes("RGB", (pixels.shape[1], pixels.shape[0]), pixels.tobytes()).save(file)
    return {"picture.heic": file.getvalue()}


def _oriented() -> dict[str, tuple[bytes, str]]:
    files = {f"exif-{o}.jpg": encode(photo(23), "JPEG", exif=exif_of(o)) for o in range(1, 9)}
    noise = b"Exif\0\0" + np.random.default_rng(24).bytes(400)
    beyond = b"Exif\0\0II*\0" + struct.pack("<I", 0xFFFFFFF0)
    long_list = b"Exif\0\0II*\0" + struct.pack("<IHHHI", 8, 60_000, 0x0110, 2, 0x7FFFFFFF) + b"\xff" * 20
    for name, block in {"noise": noise, "beyond": beyond, "long": long_list}.items():
        files[f"exif-broken-{name}.jpg"] = encode(photo(25), "JPEG", exif=block)
    return {name: (content, "indexed") for name, content in files.items()}


def _named() -> dict[str, tuple[bytes, str]]:
    """Sound files whose names are hard."""
    names = [
        "żółw 亀 🐢.jpg",
        "two\nlines.jpg",
        " space .jpg",
        "-dash.jpg",
        "quote'\".jpg",
        "[star*?].jpg",
        "100%.jpg",
        os.fsdecode(b"undecodable-\xff\xfe.jpg"),
    ]
    return {name: (encode(photo(30 + i), "JPEG"), "indexed") for i, name in enumerate(names)}


def _special(folder: Path) -> dict[Path, str]:
    """What is no plain readable file."""
    locked, loop, dangling, fifo, inside = (
        folder / name
        for name in ("locked.jpg", "loop.jpg", "dangling.jpg", "fifo.jpg", "folder.jpg/inside.jpg")
    )
    locked.write_bytes(encode(photo(40), "JPEG"))
    locked.chmod(0)
    loop.symlink_to(loop.name)
    dangling.symlink_to("nowhere.jpg")
    pipes: dict[Path, str] = {}
    if sys.platform != "win32":  # it has none in folders
        os.mkfifo(fifo)
        pipes[fifo] = "unreadable"
    inside.parent.mkdir()
    inside.write_bytes(encode(photo(41), "JPEG"))
    return {
        locked: "indexed" if os.access(locked, os.R_OK) else "unreadable",  # nothing is locked for root
        loop: "unreadable",
        dangling: "vanished",
        **pipes,
        inside.parent: "unreadable",
        inside: "indexed",
    }
