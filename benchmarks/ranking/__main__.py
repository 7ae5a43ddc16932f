"""Ranking 1 000 queries against 100 000 x 512: ``python -m benchmarks.ranking run``, then ``table``.

Exact search takes turns with a faiss flat index in one process. Each stage runs in a process of its own, that
tells its largest resident size.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Annotated, Any

import faiss
import numpy as np
import typer
from benchmarks.sets import RESULTS, markdown

from likewise.ranking.exact import search
from likewise.ranking.gallery import Gallery
from likewise.ranking.stages import Stage, rank

FOLDER = RESULTS / "ranking"
VECTORS, QUERIES = FOLDER / "vectors.npy", FOLDER / "queries.npy"
EXACT, AFTER = FOLDER / "exact.json", FOLDER / "stages.json"
STAGES = ["", "expand", "expand:alpha=3", "reciprocal", "diffuse", "augment", "diffuse:top=0"]
GROUP = 50
"""Pictures of one thing."""

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run(
    rows: Annotated[int, typer.Option(help="Vectors in the gallery.")] = 100_000,
    dimensions: Annotated[int, typer.Option(help="Numbers in a vector.")] = 512,
    queries: Annotated[int, typer.Option(help="How many are asked.")] = 1000,
    repetitions: Annotated[int, typer.Option(help="Turns of exact search and faiss.")] = 9,
) -> None:
    """Time exact search, then every stage."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    _apart("make", str(rows), str(dimensions), str(queries))
    EXACT.write_text(_apart("exact", str(repetitions)), encoding="utf-8")
    measured = []
    for stage in STAGES:
        measured.append(json.loads(_apart("one", "--stage", stage)))
        print(measured[-1], file=sys.stderr)
        AFTER.write_text(json.dumps(measured), encoding="utf-8")


def _apart(*arguments: str) -> str:
    """What a command of this module prints; this process stays small, for its size would count as theirs."""
    command = [sys.executable, "-m", "benchmarks.ranking", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@app.command(hidden=True)
def make(rows: int, dimensions: int, queries: int) -> None:
    """Write unit vectors in groups about random centres, and queries beside the first vectors."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((-(-rows // GROUP), dimensions), np.float32)
    vectors = random.standard_normal((rows, dimensions), np.float32)
    vectors += centres[np.arange(rows) % len(centres)]
    asked = vectors[:queries] + random.standard_normal((queries, dimensions), np.float32)
    for path, some in ((VECTORS, vectors), (QUERIES, asked)):
        np.save(path, some / np.linalg.norm(some, axis=1, keepdims=True))


@app.command(hidden=True)
def exact(repetitions: int) -> None:
    """Print the seconds of exact search and of faiss in each turn, by the number of hits."""
    vectors, asked = np.load(VECTORS), np.load(QUERIES)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    measured = []
    for k in (10, 100):
        ours, theirs = partial(search, vectors, asked, k), partial(index.search, asked, k)
        same = float((ours().ids == theirs()[1]).mean())
        turns = [(_cost(ours), _cost(theirs)) for _ in range(repetitions)]
        measured.append({"k": k, "turns": turns, "same": same})
    print(json.dumps(measured))


def _cost(ask: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds, the latter of all threads."""
    wall, processor = time.perf_counter(), time.process_time()
    ask()
    return time.perf_counter() - wall, time.process_time() - processor


@app.command(hidden=True)
def one(stage: Annotated[str, typer.Option()] = "") -> None:
    """Run a stage in this process, and print what it took."""
    vectors, asked = np.load(VECTORS), np.load(QUERIES)
    gallery, stages = Gallery(vectors), [Stage.parse(stage)] if stage else []
    alone, together = (partial(rank, gallery, some, 100, stages) for some in (asked[:1], asked))
    asks = {"first": alone, "again": alone, "all": together, "warm": together}
    figures: dict[str, Any] = {what: _cost(ask) for what, ask in asks.items()}
    unit = 1 if sys.platform == "darwin" else 1024
    figures["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(json.dumps({"stage": str(stages[0]) if stages else "none", **figures}))


@app.command()
def table() -> None:
    """Print the tables."""
    head = ["hits", "likewise s", "faiss s", "ratio (least to most)", "of processor time", "same hits"]
    print(markdown(head, [_turns(one) for one in json.loads(EXACT.read_text(encoding="utf-8"))]))
    measured = json.loads(AFTER.read_text(encoding="utf-8"))
    head = ["stage", "first query", "the same again", "all", "all again", "peak MiB", "more than none"]
    print("\nSeconds, and in brackets those of the processor with all threads:")
    print("\n" + markdown(head, [_row(one, measured[0]) for one in measured]))


def _turns(measured: Any) -> list[str]:
    seconds = [median(turn[who][0] for turn in measured["turns"]) for who in (0, 1)]
    shown = []
    for what in (0, 1):
        ratios = [ours[what] / theirs[what] for ours, theirs in measured["turns"]]
        shown.append(f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    return [f"{measured['k']}", *(f"{one:.2f}" for one in seconds), *shown, f"{measured['same']:.5f}"]


def _row(measured: Any, plain: Any) -> list[str]:
    costs = (measured[what] for what in ("first", "again", "all", "warm"))
    seconds = [f"{wall:.3f} ({processor:.3f})" for wall, processor in costs]
    more = (measured["peak"] - plain["peak"]) / 2**20
    return [f"`{measured['stage']}`", *seconds, f"{measured['peak'] / 2**20:.0f}", f"{more:.0f}"]


if __name__ == "__main__":
    app()
