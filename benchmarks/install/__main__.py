"""What an installation takes: megabytes and seconds until a folder of pictures is indexed, from nothing.

Run it as ``python benchmarks/install [EXTRA ...]`` in the project's folder. It builds the wheel, installs it
with pip into an environment of its own without any constraints, and indexes pictures there. pip may take
packages from its cache: then seconds are those of unpacking and compiling. Processor seconds, which a busy
machine does not stretch, stand beside those of the clock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np
from PIL import Image

PICTURES = 100
SIDES = (640, 480)


def timed(*command: str | Path, **more: str) -> tuple[float, float]:
    """Run a command: seconds by the clock, and of the processor in it and in what it started."""
    start, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **more})
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, spent


def megabytes(folder: Path) -> float:
    """What a folder takes on the disk, in 2^20 bytes."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) / 2**20


def render(folder: Path) -> None:
    """Write pictures of smooth noise."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(PICTURES):
        coarse = random.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(SIDES, Image.Resampling.BICUBIC).save(folder / f"{number}.jpg")


def main() -> None:
    """Print one row of the table."""
    extras = f"[{','.join(sys.argv[1:])}]" if sys.argv[1:] else ""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", place, "."], check=True
        )
        (wheel,) = place.glob("likewise-*.whl")
        venv.create(place / "env", with_pip=True)
        binaries = place / "env" / ("Scripts" if os.name == "nt" else "bin")
        installed = timed(
            binaries / "python", "-m", "pip", "install", "-q", f"{wheel}{extras}", PYTHONPATH=""
        )
        size = megabytes(place / "env")
        render(place / "photos")
        indexed = timed(
            binaries / "likewise",
            "index",
            place / "photos",
            PYTHONPATH="",
            LIKEWISE_CACHE=str(place / "cache"),
        )
    seconds = " | ".join(f"{clock:.0f} ({processor:.0f})" for clock, processor in (installed, indexed))
    print(f"| likewise{extras} | {size:.0f} | {seconds} |")


if __name__ == "__main__":
    main()
