"""Peak memory of indexing few files and many: ``python -m benchmarks.memory run``, then ``table``.

Each run is a process of its own, which tells its largest resident size.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from benchmarks.sets import RESULTS, markdown
from PIL import Image

FOLDER = RESULTS / "memory"
FILE = FOLDER / "measured.json"
SIDES = (64, 128)
"""Sides of the pictures are drawn from these, and from all between them."""

ONE = """
import json, resource, sys, time
from likewise.collection.collection import Collection

with Collection.open(sys.argv[2], recipe="quick") as collection:
    report = collection.add(sys.argv[1])
used = resource.getrusage(resource.RUSAGE_SELF)
peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"files": report.added, "peak": peak, "seconds": report.seconds}))
"""

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run(
    files: Annotated[list[int] | None, typer.Option(help="How many files.")] = None,
    repetitions: Annotated[int, typer.Option(help="How often each is measured.")] = 3,
) -> None:
    """Index folders of different lengths, taking turns."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    counts = files or [2000, 20_000]
    measured = []
    for _ in range(repetitions):
        for count in counts:
            folder = make(FOLDER / f"{count}", count)
            measured.append(_index(folder, FOLDER / "collection"))
            print(measured[-1], file=sys.stderr)
    FILE.write_text(json.dumps(measured, indent=1), encoding="utf-8")


def make(folder: Path, count: int) -> Path:
    """Write small JPEG files of different shapes, no two of them alike."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(count)
    for number in range(count):
        width, height = rng.integers(*SIDES, 2)
        coarse = Image.fromarray(rng.integers(0, 255, (6, 6, 3), np.uint8))
        path = folder / f"{number // 1000:02}" / f"{number:06}.jpg"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            coarse.resize((width, height), Image.Resampling.BICUBIC).save(path, "JPEG", quality=80)
    return folder


def _index(folder: Path, into: Path) -> dict[str, Any]:
    shutil.rmtree(into, ignore_errors=True)
    command = [sys.executable, "-c", ONE, str(folder), str(into)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


@app.command()
def table() -> None:
    """Print the table: medians over the repetitions."""
    measured = json.loads(FILE.read_text(encoding="utf-8"))
    counts = sorted({one["files"] for one in measured})
    peaks = {n: [one["peak"] / 2**20 for one in measured if one["files"] == n] for n in counts}
    rows = [[f"{n}", _of(peaks[n]), f"{median(peaks[n]) / median(peaks[counts[0]]):.3f}"] for n in counts]
    print(markdown(["files", "peak in MiB (least to most)", f"of that for {counts[0]}"], rows))


def _of(values: list[float]) -> str:
    return f"{median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


if __name__ == "__main__":
    app()
