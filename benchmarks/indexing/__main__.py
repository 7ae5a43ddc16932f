"""From JPEG files to committed vectors: ``python -m benchmarks.indexing run``, then ``table``."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
import typer
from benchmarks.indexing.passes import FOLDER, passes
from benchmarks.indexing.pictures import make, photographs
from benchmarks.sets import DEMO, markdown

from likewise.descriptors.extractor import Extractor
from likewise.files.system import cores

FILE = FOLDER / "measured.json"
SIZES = {"640x480": (640, 480), "1024x768": (1024, 768), "4000x3000": (4000, 3000)}
COUNTS = {"640x480": 400, "1024x768": 200, "4000x3000": 60}
SPEED = [
    "pictures",
    "KB a file",
    "indexed/s",
    "bare/s",
    "loop/s",
    "of bare",
    "in CPU",
    "times loop",
    "in CPU",
]
COST = ["pictures", "all", "read + hash", "decode + resize", "network", "commit", "the rest", "obvious loop"]

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run(
    photos: Annotated[Path | None, typer.Option(help="Photographs to resave; else the demo set's.")] = None,
    repetitions: Annotated[int, typer.Option(help="How often each is timed.")] = 5,
    only: Annotated[str | None, typer.Option(help="One size: " + ", ".join(SIZES))] = None,
    count: Annotated[int | None, typer.Option(help="Pictures of each size.")] = None,
) -> None:
    """Time every set of pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    sources = photographs(photos, DEMO)
    torch.set_num_threads(cores())
    extractor = Extractor("default", streams=cores())
    measured = _measured() if only else {}
    for name in [only] if only else SIZES:
        wanted = count or COUNTS[name]
        print(f"{name}: {wanted} pictures", file=sys.stderr)
        paths = make(FOLDER / f"{name}-{wanted}", SIZES[name], wanted, sources)
        found = passes(extractor, paths, repetitions)
        mean = sum(path.stat().st_size for path in paths) / len(paths)
        measured[name] = {"pictures": wanted, "bytes": mean, "passes": [asdict(one) for one in found]}
        FILE.write_text(json.dumps(measured, indent=1), encoding="utf-8")


def _measured() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text(encoding="utf-8"))) if FILE.exists() else {}


@app.command()
def table() -> None:
    """Print the tables: medians over the repetitions; a ratio is that of passes of one repetition."""
    measured = _measured()
    print(markdown(SPEED, [_speed(name, one) for name, one in measured.items()]))
    print("\nMilliseconds of processor time a picture; opening the network, once a run, is left out:\n")
    print(markdown(COST, [_cost(name, one) for name, one in measured.items()]))
    opened = [seconds for one in measured.values() for seconds in _per_picture(one, "cpu")["open"]]
    print(f"\nOpening the network: {median(opened):.2f} s of processor time.")


def _per_picture(measured: Any, what: str) -> dict[str, list[float]]:
    """Seconds a picture by the kind of pass, one a repetition."""
    found = defaultdict(list)
    for one in measured["passes"]:
        found[one["what"]].append(one[what] / one["pictures"])
    return found


def _speed(name: str, measured: Any) -> list[str]:
    wall, cpu = _per_picture(measured, "wall"), _per_picture(measured, "cpu")
    return [
        name,
        f"{measured['bytes'] / 1e3:.0f}",
        *(f"{1 / median(wall[what]):.1f}" for what in ("index", "bare", "loop")),
        *(_ratio(seconds["bare"], seconds["index"]) for seconds in (wall, cpu)),
        *(_ratio(seconds["loop"], seconds["index"]) for seconds in (wall, cpu)),
    ]


def _ratio(one: list[float], other: list[float]) -> str:
    return f"{median(a / b for a, b in zip(one, other, strict=True)):.2f}"


def _cost(name: str, measured: Any) -> list[str]:
    cpu = {what: 1e3 * median(seconds) for what, seconds in _per_picture(measured, "cpu").items()}
    indexed = cpu["index"] - cpu["open"] / measured["pictures"]
    parts = [cpu[what] for what in ("read", "prepare", "bare", "commit")]
    return [name, *(f"{part:.1f}" for part in (indexed, *parts, indexed - sum(parts), cpu["loop"]))]


if __name__ == "__main__":
    app()
