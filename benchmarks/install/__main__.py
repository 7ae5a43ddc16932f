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
from collections.abc import Sequence
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


LOADED = """
import contextlib, io, sys
from likewise.cli import main
sys.argv[0] = "likewise"
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
print(*sorted({name.split(".")[0] for name in sys.modules} & {*sys.stdin.read().split()}), sep=", ")
"""


def sizes(site: Path) -> dict[str, int]:
    """Megabytes of the largest packages, by the names under which they are imported."""
    folders = {path.name: megabytes(path) for path in site.iterdir() if path.is_dir()}
    return {name: round(size) for name, size in sorted(folders.items(), key=lambda one: -one[1]) if size > 9}


def loaded(python: Path, packages: dict[str, int], *command: str | Path, **more: str) -> str:
    """Which of the packages a command loads."""
    asked = [python, "-c", LOADED, *command]
    names = " ".join(packages)
    return subprocess.run(
        asked, check=True, input=names, capture_output=True, text=True, env={**os.environ, **more}
    ).stdout.strip()


def main() -> None:
    """Print one row of the table, what is in it, and what commands load of that."""
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
        alone = {"PYTHONPATH": "", "LIKEWISE_CACHE": str(place / "cache")}
        kept = place / "photos.likewise"
        index: list[str | Path] = ["index", place / "photos", "--into", kept]
        indexed = timed(binaries / "likewise", *index, **alone)
        commands: dict[str, Sequence[str | Path]] = {
            "info": ["info", kept],
            "index": index,
            "search": ["search", place / "photos" / "0.jpg", "--in", kept],
            "duplicates": ["duplicates", "--in", kept],
            "cluster": ["cluster", "--in", kept],
        }
        (site,) = {Path(path) for path in (place / "env").rglob("site-packages")}
        packages = sizes(site)
        lines = [
            f"| `likewise {name}` | {loaded(binaries / 'python', packages, *command, **alone)} |"
            for name, command in commands.items()
        ]
    seconds = " | ".join(f"{clock:.0f} ({processor:.0f})" for clock, processor in (installed, indexed))
    print(f"| likewise{extras} | {size:.0f} | {seconds} |\n")
    print(", ".join(f"{name} {size}" for name, size in packages.items()), "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
