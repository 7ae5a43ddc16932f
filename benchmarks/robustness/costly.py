"""What pictures cost that were made to be costly: ``python -m benchmarks.robustness.costly``.

Each is no larger than what a server takes (32 MiB). One process decodes each as indexing does, and tells the
seconds of the processor that it took, the most memory it had above what it began with, and what came of it.
"""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.sets import RESULTS, markdown
from PIL import Image

from likewise.errors import BadPicture
from likewise.pictures import Resize, load

MOST = 32 << 20
FOLDER = RESULTS / "robustness" / "costly"


def _jpeg(width: int, height: int, *, noise: bool = False, **options: object) -> bytes:
    chance = np.random.default_rng(0)
    shape = (height, width, 3)
    pixels = chance.integers(0, 256, shape, np.uint8) if noise else np.full(shape, 90, np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **options)
    return file.getvalue()


def scans(side: int, count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    whole = _jpeg(side, side, progressive=True, quality=50)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * count + whole[-2:]


def markers() -> bytes:
    """A JPEG with six million empty comments."""
    whole = _jpeg(64, 64)
    return whole[:2] + b"\xff\xfe\x00\x02" * (25 << 18) + whole[2:]


def boxes(kind: bytes) -> bytes:
    """An ISO base media file of nothing but empty boxes."""
    head = struct.pack(">I4s4sI4s", 20, b"ftyp", kind, 0, kind)
    return head + struct.pack(">I4s", 8, b"free") * (31 << 17)


def plain() -> bytes:
    """A plain Netpbm file, of numbers in words."""
    numbers = b"1 " * (15 << 20)
    side = 2200
    return b"P3 %d %d 255\n" % (side, side) + numbers[: 2 * 3 * side * side]


def tile() -> bytes:
    """A TIFF of 64 x 64 pixels in one tile of 23168 x 23168, deflated."""
    packed = zlib.compress(bytes(23168 * 23168), 9)
    tags = [
        (256, 4, 64), (257, 4, 64), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1), (322, 4, 23168),
        (323, 4, 23168), (324, 4, 8 + 2 + 12 * 10 + 4), (325, 4, len(packed)),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0\0\0\0" + packed


def chunks() -> bytes:
    """A PNG of two million empty chunks."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    whole = file.getvalue()
    empty = struct.pack(">I4sI", 0, b"teSt", zlib.crc32(b"teSt"))
    return whole[:33] + empty * 2_600_000 + whole[33:]


def large(mode: str, kind: str, width: int, height: int) -> bytes:
    """A picture of one colour that is as large as is taken."""
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, kind)
    return file.getvalue()


def frames() -> bytes:
    """A GIF of two hundred thousand frames, of which the first counts."""
    file = io.BytesIO()
    Image.new("P", (64, 64)).save(file, "GIF")
    whole = file.getvalue()
    at = whole.index(b",")
    return whole[:at] + whole[at:-1] * 200_000 + b";"


def noisy() -> bytes:
    """A JPEG of noise, arithmetically the dearest honest one."""
    return _jpeg(5000, 4000, noise=True, quality=95, progressive=True)[:MOST]


MADE: dict[str, Callable[[], bytes]] = {
    "JPEG, 600 x 600, 5000 scans": lambda: scans(600, 5000),
    "JPEG, 1700 x 1700, 990 scans": lambda: scans(1700, 990),
    "JPEG, 7000 x 7000, 60 scans": lambda: scans(7000, 52),
    "JPEG, 25 MB of markers": markers,
    "JPEG of noise, 5000 x 4000, progressive": noisy,
    "AVIF of empty boxes, 31 MB": lambda: boxes(b"avif"),
    "HEIC of empty boxes, 31 MB": lambda: boxes(b"heic"),
    "plain PPM, 29 MB": plain,
    "TIFF of one tile of 23168 x 23168": tile,
    "PNG, 2.6 million empty chunks": chunks,
    "PNG, 7000 x 7000, 16 bits": lambda: large("I;16", "PNG", 7000, 7000),
    "PNG, 7000 x 7000, RGBA": lambda: large("RGBA", "PNG", 7000, 7000),
    "WebP, 7000 x 7000": lambda: large("RGB", "WEBP", 7000, 7000),
    "JPEG 2000, 7000 x 7000": lambda: large("RGB", "JPEG2000", 7000, 7000),
    "GIF, 200 000 frames": frames,
}


def told(path: Path) -> None:
    """Decode one, and say what it took."""
    content = path.read_bytes()
    before, begin = _most(), time.process_time()
    try:
        load(content, [Resize("longest", 224)])
        what = "read"
    except BadPicture as problem:
        what = problem.reason
    took = time.process_time() - begin
    print(f"{took:.1f}|{_most() - before:.0f}|{what}")


def _most() -> float:
    """The most memory that this process has had, in MiB."""
    [line] = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main() -> None:
    """Make each, and let a process of its own decode it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (name, make) in enumerate(MADE.items()):
        path = FOLDER / str(number)
        path.write_bytes(make())
        command = [sys.executable, "-m", "benchmarks.robustness.costly", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append([name, f"{path.stat().st_size / 1e6:.1f}", *done.stdout.strip().split("|")])
        print(rows[-1], file=sys.stderr)
        path.unlink()
    print(markdown(["picture", "MB", "seconds", "MiB more", "what came of it"], rows))


if __name__ == "__main__":
    told(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
