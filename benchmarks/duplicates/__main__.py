"""Near pairs among 100 000 vectors: ``python -m benchmarks.duplicates run``, then ``table``.

In a collection of 100 000 vectors of 1 280 numbers in groups about random centres, of which one in twenty has
a near copy, near pairs are looked for by a process of its own that tells its largest resident size: all above
a threshold, and the 16 nearest of each. With fewer rows the comparison takes turns with that of whole
vectors, tile by tile, and with the range search of faiss. What is found among pictures is measured by
`benchmarks.duplicates.shares`.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Annotated, Any

import faiss
import numpy as np
import typer
from benchmarks.sets import RESULTS, markdown

from likewise.collection import Collection
from likewise.collection.store.belongings import CATALOGUE
from likewise.collection.store.catalogue import Catalogue, Content, FilePlace
from likewise.collection.store.codes import Code
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.recipe import VectorRecipe
from likewise.downstream.duplicates.judging import NEAREST
from likewise.downstream.linking import close_pairs, linked, nearest_pairs
from likewise.folders import NO_STAMP
from likewise.types import FloatArray, IntArray

FOLDER = RESULTS / "duplicates"
TURNS, WHOLE = FOLDER / "turns.json", FOLDER / "whole.json"
DIMENSIONS, GROUP, COPIED = 1280, 50, 20
LATENT = 64
"""Numbers in which pictures differ much; in the others they differ little, as those of a network do."""

NEAR = 0.25
"""How far a near copy is moved."""

THRESHOLD = 0.93
"""Similarity that links two, about what altered copies of photographs lead to."""

RADIUS = (2 - 2 * THRESHOLD) ** 0.5
"""The same as a distance."""

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run(
    rows: Annotated[int, typer.Option(help="Pictures of the collection.")] = 100_000,
    few: Annotated[int, typer.Option(help="Vectors in the turns.")] = 20_000,
    repetitions: Annotated[int, typer.Option(help="Turns.")] = 5,
) -> None:
    """Compare with other ways, then search a whole collection."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    TURNS.write_text(_apart("turns", str(few), str(repetitions)), encoding="utf-8")
    _apart("make", str(rows))
    WHOLE.write_text(_apart("search"), encoding="utf-8")


def _apart(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.duplicates", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _vectors(rows: int) -> FloatArray:
    """Unit vectors; the last of `COPIED` are near copies of as many others."""
    random = np.random.default_rng(0)
    axes = random.standard_normal((LATENT, DIMENSIONS)).astype(np.float32)
    centres = random.standard_normal((-(-rows // GROUP), LATENT)).astype(np.float32)
    vectors = np.empty((rows, DIMENSIONS), np.float32)
    for start in range(0, rows, 5000):
        some = np.arange(start, min(rows, start + 5000))
        inner = centres[some % len(centres)] + random.standard_normal((len(some), LATENT)).astype(np.float32)
        block = inner @ axes + 2 * random.standard_normal((len(some), DIMENSIONS)).astype(np.float32)
        vectors[some] = block / np.linalg.norm(block, axis=1, keepdims=True)
    copies = rows // COPIED
    moved = random.standard_normal((copies, DIMENSIONS)).astype(np.float32)
    moved *= NEAR / np.linalg.norm(moved, axis=1, keepdims=True)
    vectors[-copies:] = vectors[:copies] + moved
    vectors[-copies:] /= np.linalg.norm(vectors[-copies:], axis=1, keepdims=True)
    return vectors


@app.command(hidden=True)
def turns(rows: int, repetitions: int) -> None:
    """Print the seconds of three ways in each turn."""
    vectors = _vectors(rows)
    ways: dict[str, Callable[[], object]] = {
        "likewise": lambda: linked(vectors, RADIUS),
        "whole vectors": lambda: _tiles(vectors),
        "faiss range search": lambda: _range_search(vectors),
    }
    measured: list[dict[str, Any]] = []
    for _ in range(repetitions):
        measured.append({name: _cost(way) for name, way in ways.items()})
        print(measured[-1], file=sys.stderr)
    pairs = {name: way() for name, way in ways.items() if name != "likewise"}
    print(json.dumps({"rows": rows, "turns": measured, "pairs": pairs}))


def _tiles(vectors: FloatArray) -> int:
    """Pairs by inner products of whole vectors, tile by tile."""
    count = 0
    for start in range(0, len(vectors), 1024):
        for begin in range(start, len(vectors), 8192):
            near = vectors[start : start + 1024] @ vectors[begin : begin + 8192].T >= THRESHOLD
            count += int(np.count_nonzero(np.triu(near, start - begin + 1)))
    return count


def _range_search(vectors: FloatArray) -> int:
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    limits = index.range_search(vectors, THRESHOLD)[0]
    return (int(limits[-1]) - len(vectors)) // 2


def _cost(way: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    way()
    return time.perf_counter() - wall, time.process_time() - processor


@app.command(hidden=True)
def make(rows: int) -> None:
    """Write a collection whose vectors are made up, and whose files are not there."""
    shutil.rmtree(FOLDER / "made.likewise", ignore_errors=True)
    (FOLDER / "made.likewise").mkdir(parents=True)
    recipe = VectorRecipe.load("default")
    code = Code.of(recipe, DIMENSIONS)
    told = (recipe.to_toml(), recipe.hash, recipe.network, "0" * 64, "openvino", "f32", "0", DIMENSIONS)
    catalogue = Catalogue.writer(FOLDER / "made.likewise" / CATALOGUE)
    with catalogue.change():
        catalogue.add_layer(Manifest(*told))
        root = catalogue.add_root("/nowhere")
        for number, written in enumerate(code.encode(_vectors(rows))):
            content = Content(number.to_bytes(32), 640, 480, {1: written})
            catalogue.insert(FilePlace(root, b"%d.jpg" % number), NO_STAMP, content)
    catalogue.close()


@app.command(hidden=True)
def search() -> None:
    """Print what looking for near pairs took, and how much of what was planted is among them."""
    with Collection.open(FOLDER / "made.likewise") as collection:
        vectors = collection.vectors()[1]
    copies = len(vectors) // COPIED
    planted = {(number, len(vectors) - copies + number) for number in range(copies)}
    ways: dict[str, Callable[[], tuple[IntArray, FloatArray]]] = {
        f"above {THRESHOLD}": lambda: close_pairs(vectors, RADIUS),
        f"the {NEAREST} nearest": lambda: nearest_pairs(vectors, NEAREST),
    }
    measured = []
    for name, way in ways.items():
        wall, processor = time.perf_counter(), time.process_time()
        pairs = {(first, second) for first, second in way()[0].tolist()}
        seconds = time.perf_counter() - wall, time.process_time() - processor
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        found = len(planted & pairs)
        measured.append({"way": name, "seconds": seconds, "peak": peak, "found": found, "pairs": len(pairs)})
    print(json.dumps({"rows": len(vectors), "planted": len(planted), "ways": measured}))


@app.command()
def table() -> None:
    """Print the tables."""
    measured = json.loads(TURNS.read_text(encoding="utf-8"))
    rows = []
    for name in measured["turns"][0]:
        costs = [turn[name] for turn in measured["turns"]]
        ratios = [turn[name][1] / turn["likewise"][1] for turn in measured["turns"]]
        spread = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append([name, *(f"{median(one[what] for one in costs):.1f}" for what in (0, 1)), spread])
    print(f"{measured['rows']} vectors:\n")
    print(markdown(["way", "seconds", "of processor", "processor time to likewise's"], rows))
    whole = json.loads(WHOLE.read_text(encoding="utf-8"))
    print(f"\nA collection of {whole['rows']}, in which {whole['planted']} have a near copy:\n")
    head = ["pairs", "seconds", "of processor", "peak MiB so far", "planted found", "pairs in all"]
    cells = [
        [
            one["way"],
            *(f"{seconds:.0f}" for seconds in one["seconds"]),
            *(f"{one['peak'] / 2**20:.0f}", str(one["found"]), str(one["pairs"])),
        ]
        for one in whole["ways"]
    ]
    print(markdown(head, cells))


if __name__ == "__main__":
    app()
