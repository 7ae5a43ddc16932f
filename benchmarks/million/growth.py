"""How everything grows from a thousand pictures to ten million: ``python -m benchmarks.million growth``.

Times are of the processor, of all threads, so that other work beside it matters less; the first search is
told by the clock as well.

Vectors are `quick`'s, by the first 128 principal directions of the demo set and in 8 bits: what somebody with
so many pictures would take. Each collection is made anew, measured and left below ``results``.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.million.__main__ import FOLDER, Mixtures, apart, described, fill, recall, said
from benchmarks.sets import markdown

from likewise.collection.collection import Collection
from likewise.descriptors.estimators import PCAWhitening
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import l2
from likewise.recipes import load_recipe
from likewise.types import FloatArray

SIZES = tuple(10**power for power in range(3, 8))
DIMENSIONS = 128
TOGETHER = 100_000
QUERIES = 20
MORE = 1000

FIGURES = (
    "rows, s",
    "files, s",
    "bytes a picture",
    "first search, s",
    "by the clock, s",
    "its memory, MB",
    "a search, ms",
    "--exact, ms",
    "recall@10",
    f"{MORE:,} more, s",
    "written for them, MB",
)


def growth(sizes: Sequence[int]) -> None:
    """Print a line for each size, and by which power of the size each figure grows."""
    recipe, base = short()
    rows = []
    for size in sizes or SIZES:
        rows.append(measured(size, recipe, base))
        print(size, *rows[-1], file=sys.stderr, flush=True)
    table: list[list[str | float]] = [
        [f"{size:,}", *row] for size, row in zip(sizes or SIZES, rows, strict=True)
    ]
    powers = slopes(np.array(sizes or SIZES), np.array(rows))
    last = slopes(np.array(sizes or SIZES)[-2:], np.array(rows)[-2:])
    print(markdown(["pictures", *FIGURES], [*table, ["slope", *powers], ["of the last two", *last]]))


def slopes(sizes: np.ndarray[tuple[int], np.dtype[np.int64]], figures: FloatArray) -> list[float]:
    """By which power of the size each column of figures ``(sizes, n)`` grows, by least squares."""
    return [float(slope) for slope in np.polyfit(np.log(sizes), np.log(np.maximum(figures, 1e-9)), 1)[0]]


def short() -> tuple[VectorRecipe, FloatArray]:
    """The recipe, and vectors of the demo set as it describes them, float32 ``(n, 128)``."""
    long, quick = described(), load_recipe("quick").vector
    path = FOLDER / "short.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    learned = PCAWhitening(DIMENSIONS, exponent=0).fit(long).learned(recipe=quick.to_toml())
    learned.save(path)
    return replace(quick.whitened(path), name="short", code="int8"), l2(learned(long)).astype(np.float32)


def measured(size: int, recipe: VectorRecipe, base: FloatArray) -> list[float]:
    """The figures of a collection of so many pictures, in the order of `FIGURES`."""
    path = FOLDER / f"short-{size}.likewise"
    shutil.rmtree(path, ignore_errors=True)
    mixtures = Mixtures(1, base)
    spans = [_seconds(lambda: fill(path, size, recipe, mixtures, TOGETHER)), _seconds(lambda: _files(path))]
    held = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / size
    first = np.median([said(apart("cold", str(path))) for _ in range(3)], axis=0).tolist()[:3]
    queries = Mixtures(2, base)(QUERIES)
    with Collection.open(path) as collection:
        search = _milliseconds(lambda: collection.search(queries[0], k=10), 20)
        exact = _milliseconds(lambda: collection.search(queries[0], k=10, exact=True), 5)
        found = recall(collection, queries)
    written, more = _written(), _seconds(lambda: _more(path, size, recipe, mixtures))
    return [*spans, held, *first, search, exact, found, more, _written() - written]


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _milliseconds(work: Callable[[], object], times: int) -> float:
    return 1e3 * float(np.median([_seconds(work) for _ in range(times)]))


def _files(path: Path) -> None:
    with Collection.open(path) as collection:
        collection.optimise()


def _more(path: Path, size: int, recipe: VectorRecipe, mixtures: Mixtures) -> None:
    """Bring some more in as `likewise.collection.moving.take_over` does, in one commit."""
    fill(path, size + MORE, recipe, mixtures, MORE)
    with Collection.open(path) as collection, collection._writing() as catalogue:
        for layer in collection.layers:
            layer.index(catalogue)


def _written() -> float:
    """MB that this process has written."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("wchar")).split()[1]) / 1e6
