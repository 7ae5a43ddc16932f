"""Peak memory and processor time of decoding, by kind: ``python -m benchmarks.decoding run``, then ``table``.

Each picture is decoded in a process of its own, to 512 pixels as for a network; what the process held before
is subtracted from its largest resident size (Linux: VmRSS, VmHWM), and held against what `likewise.pictures`
reckons.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import typer
from benchmarks.sets import RESULTS, markdown
from PIL import Image

FOLDER = RESULTS / "decoding"
FILE = FOLDER / "measured.json"
WIDTH, HEIGHT = 4000, 3000

ONE = """
import json, re, sys, time
from likewise.pictures import Resize, load
from likewise.pictures.decode import opened
from likewise.pictures.resize import reduction
import PIL.ImageCms, numpy

data = open(sys.argv[1], "rb").read()
load(numpy.zeros((600, 600, 3), numpy.uint8), [Resize("longest", 512)])
with opened(data) as picture:
    wanted = Resize("longest", 512).target(*picture.size)
    reckoned = picture.cost(reduction(picture.size, [round(side) for side in wanted]))
    size = picture.size

def kept(name):
    return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024

before, start = kept("VmRSS"), time.process_time()
load(data, [Resize("longest", 512)])
after = kept("VmHWM")
print(json.dumps({"pixels": size[0] * size[1], "bytes": len(data), "peak": after - before,
                  "reckoned": reckoned, "seconds": time.process_time() - start}))
"""

app = typer.Typer(help=__doc__, add_completion=False)


def rgb() -> Image.Image:
    """Soft shapes with some noise, of 12 megapixels."""
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8))
    return coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def tiff(depth: str, **options: Any) -> bytes:
    import tifffile

    array = np.asarray(rgb())
    scale = {"uint8": 1, "uint16": 257, "uint32": 16843009, "float32": 1 / 255}[depth]
    file = io.BytesIO()
    tifffile.imwrite(
        file, (array * np.array(scale)).astype(depth), photometric="rgb", metadata=None, **options
    )
    return file.getvalue()


def plain_ppm() -> bytes:
    small = np.asarray(rgb().resize((WIDTH // 2, HEIGHT // 2)))
    return b"P3 %d %d 255\n" % (WIDTH // 2, HEIGHT // 2) + b" ".join(
        b"%d" % v for v in small.reshape(-1).tolist()
    )


def with_alpha() -> Image.Image:
    image = rgb()
    image.putalpha(image.convert("L"))
    return image


def deep_grey() -> Image.Image:
    return Image.fromarray(np.asarray(rgb().convert("L")).astype(np.uint16) * 257)


def deep_png() -> bytes:
    """RGB of 16 bits, which Pillow does not write."""
    import struct
    import zlib

    rows = (np.asarray(rgb()).astype(">u2") * 257).reshape(HEIGHT, -1).view(np.uint8)
    data = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes(), 1)
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", data), (b"IEND", b"")]
    made = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def heic() -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return saved(rgb().resize((WIDTH // 4, HEIGHT // 4)), "HEIF", quality=50)


KINDS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: saved(rgb(), "JPEG", quality=90),
    "JPEG, progressive": lambda: saved(rgb(), "JPEG", quality=90, progressive=True),
    "JPEG, CMYK": lambda: saved(rgb().convert("CMYK"), "JPEG", quality=90),
    "PNG, RGB": lambda: saved(rgb(), "PNG", compress_level=1),
    "PNG, RGB of 16 bits": deep_png,
    "PNG, RGBA": lambda: saved(with_alpha(), "PNG", compress_level=1),
    "PNG, grey of 16 bits": lambda: saved(deep_grey(), "PNG", compress_level=1),
    "PNG, palette": lambda: saved(rgb().quantize(64), "PNG", compress_level=1),
    "GIF": lambda: saved(rgb().quantize(64), "GIF"),
    "BMP": lambda: saved(rgb(), "BMP"),
    "WebP": lambda: saved(rgb(), "WEBP", quality=75, method=0),
    "WebP, lossless with alpha": lambda: saved(with_alpha(), "WEBP", lossless=True, method=0),
    "AVIF": lambda: saved(rgb(), "AVIF", quality=50, speed=10),
    "HEIC, a sixteenth of the pixels": heic,
    "JPEG 2000": lambda: saved(rgb(), "JPEG2000"),
    "PPM": lambda: saved(rgb(), "PPM"),
    "PPM, plain, a quarter of the pixels": plain_ppm,
    "TIFF, RGB, one strip, none": lambda: tiff("uint8"),
    "TIFF, RGB, one strip, LZW": lambda: saved(rgb(), "TIFF", compression="tiff_lzw"),
    "TIFF, RGB, one strip, deflate": lambda: tiff("uint8", compression="zlib", rowsperstrip=HEIGHT),
    "TIFF, RGB of 16 bits, none": lambda: tiff("uint16"),
    "TIFF, RGB of 16 bits, one strip, deflate": lambda: tiff(
        "uint16", compression="zlib", rowsperstrip=HEIGHT
    ),
    "TIFF, RGB of 16 bits, tiles, deflate": lambda: tiff("uint16", compression="zlib", tile=(256, 256)),
    "TIFF, RGB of 32 bits, none": lambda: tiff("uint32"),
    "TIFF, RGB of floats, none": lambda: tiff("float32"),
    "TIFF, RGB, JPEG": lambda: saved(rgb(), "TIFF", compression="jpeg"),
}


@app.command()
def run(only: Annotated[str, typer.Option(help="Only kinds that hold this text.")] = "") -> None:
    """Write one picture of each kind, and decode it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    measured = json.loads(FILE.read_text(encoding="utf-8")) if only and FILE.exists() else {}
    for kind, make in KINDS.items():
        if only not in kind:
            continue
        path = FOLDER / "picture"
        path.write_bytes(make())
        done = subprocess.run(
            [sys.executable, "-c", ONE, str(path)], check=True, capture_output=True, text=True
        )
        measured[kind] = json.loads(done.stdout)
        print(kind, measured[kind], file=sys.stderr)
        path.unlink()
        FILE.write_text(json.dumps(measured, indent=1), encoding="utf-8")


@app.command()
def table() -> None:
    """Print the table."""
    rows = [
        [
            *(
                kind,
                f"{one['pixels'] / 1e6:.0f}",
                f"{one['bytes'] / 2**20:.1f}",
                f"{one['peak'] / 2**20:.0f}",
            ),
            *(
                f"{one['reckoned'] / 2**20:.0f}",
                f"{one['peak'] / one['pixels']:.1f}",
                f"{one['seconds']:.2f}",
            ),
        ]
        for kind, one in json.loads(FILE.read_text(encoding="utf-8")).items()
    ]
    heads = ["kind", "megapixels", "file, MiB", "peak, MiB", "reckoned, MiB", "bytes a pixel", "processor, s"]
    print(markdown(heads, rows))


if __name__ == "__main__":
    app()
