"""Scanning inverted lists: ``python -m benchmarks.words_kernel run``, then ``table``.

Every turn asks for other words, so that no kernel finds in the cache what the one before it read.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numba
import numpy as np
import typer
from benchmarks.sets import RESULTS, markdown
from benchmarks.words_kernel.plain import load as load_plain
from benchmarks.words_kernel.votes import pairs, queries
from numpy.typing import NDArray

from likewise.words.index.kernel import NUMPY, Asked, Kernel, Lists, compiled
from likewise.words.index.segment import Chunk, Segment, create, ranges
from likewise.words.scoring import Scoring

FOLDER = RESULTS / "words_kernel"
FILE = FOLDER / "measured.json"
WORDS = 20_000
FEATURES = 1404
"""Of a query: 468 patches, as a picture of 1024 x 768 pixels has, in three words each."""
EACH = 300
"""Postings of a picture."""
SCORING = Scoring()

FIRST = """
import json, sys, time
start = time.process_time()
import numba
imported = time.process_time()
from likewise.words.index.kernel import compiled
compiled()
print(json.dumps([imported - start, time.process_time() - imported]))
"""

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run(
    postings: Annotated[list[int] | None, typer.Option(help="Sizes of the index.")] = None,
    turns: Annotated[int, typer.Option(help="How often each is measured.")] = 200,
) -> None:
    """Make the indexes that are not there, and measure on one core."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    measured = [measure(count, turns) for count in postings or [1_000_000, 20_000_000]]
    starts = {name: [_start(name) for _ in range(5)] for name in ("nothing cached", "cached")}
    FILE.write_text(json.dumps({"scans": measured, "starts": starts}, indent=1), encoding="utf-8")


def _index(count: int) -> Segment:
    """An index with lists of about equal lengths, whose codes are random; written once."""
    path = FOLDER / f"{count}.words"
    if path.exists():
        return Segment.open(path)
    random = np.random.default_rng(0)
    pictures = np.arange(max(count // EACH, 1), dtype=np.uint32)
    sizes = random.multinomial(count, np.full(WORDS, 1 / WORDS))
    return create(path, pictures, sizes, _chunks(random, sizes, len(pictures)))


def _chunks(random: np.random.Generator, sizes: NDArray[np.int64], pictures: int) -> Iterator[Chunk]:
    for first, last in ranges(sizes):
        words = np.repeat(np.arange(first, last), sizes[first:last])
        chosen = random.integers(0, pictures, len(words))
        rows: NDArray[np.uint32] = chosen[np.lexsort((chosen, words))].astype(np.uint32)
        codes = random.integers(0, 2**64, (len(words), 2), np.uint64)
        yield first, last, rows, codes


def measure(count: int, turns: int) -> dict[str, Any]:
    """Nanoseconds of processor a posting, by kind of scan, once a turn; ``read`` only reads the lists."""
    segment = _index(count)
    segment.verify()  # so that its pages are in memory
    random = np.random.default_rng(1)
    plain = load_plain(FOLDER / "plain")
    kinds: dict[str, Callable[..., object]] = {
        "numba": lambda *query: _scan(compiled(), *query),
        "numba, plain loops": lambda *query: _scan(plain, *query),
        "read": lambda asked, lists, scores: _read(lists.codes, lists.begins, lists.ends),
        "numpy": lambda *query: _scan(NUMPY, *query),
    }
    nanoseconds: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(-2, turns):
        for name in random.permutation(list(kinds)):
            if name == "numpy" and turn > 30:
                continue
            asked, lists = _query(segment, random)
            scores = np.zeros(len(segment.pictures))
            start = time.thread_time()
            kinds[name](asked, lists, scores)
            seconds = time.thread_time() - start
            if turn >= 0:  # the first ones compile
                nanoseconds[name].append(seconds / (lists.ends - lists.begins).sum() * 1e9)
    print({"postings": count} | {name: median(some) for name, some in nanoseconds.items()}, file=sys.stderr)
    return {"postings": count, **nanoseconds}


def _query(segment: Segment, random: np.random.Generator) -> tuple[Asked, Lists]:
    words = random.choice(WORDS, FEATURES, replace=False)
    asked = Asked.of(words, random.integers(0, 2**64, (FEATURES, 2), np.uint64), WORDS)
    begins, ends = (segment.offsets[asked.words + step].astype(np.int64) for step in (0, 1))
    weights = random.random(FEATURES)
    return asked, Lists(segment.rows, segment.codes, begins, ends, weights, SCORING.database)


def _scan(kernel: Kernel, asked: Asked, lists: Lists, scores: NDArray[np.float64]) -> None:
    limits = (SCORING.strengths, SCORING.threshold)
    kernel.compare(lists, asked.firsts, asked.codes, *limits, 0, len(scores), scores)


def _sum(codes: NDArray[np.uint64], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> np.uint64:
    """Both halves of each list at once, as the scan reads them."""
    total = np.uint64(0)
    for word in range(len(begins)):
        begin, end = begins[word], ends[word]
        low, high = codes[2 * begin : begin + end], codes[begin + end : 2 * end]
        for at in range(len(low)):
            total += low[at] + high[at]
    return total


_read: Callable[..., np.uint64] = numba.njit(_sum, error_model="numpy")


def _start(name: str) -> list[float]:
    """Processor seconds of importing numba and of loading the kernel in a process of its own."""
    cache = FOLDER / "cache"
    if name == "nothing cached":
        shutil.rmtree(cache, ignore_errors=True)
    command = [sys.executable, "-c", FIRST]
    environment = os.environ | {"LIKEWISE_CACHE": str(cache)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return list(json.loads(done.stdout))


@app.command()
def votes(
    collection: Annotated[
        Path | None, typer.Argument(help="One whose recipe votes, such as default.")
    ] = None,
    pictures: Annotated[Path | None, typer.Argument(help="A folder of queries.")] = None,
) -> None:
    """Compare codes for votes of keypoints, and print the table; of whole queries, where those are given."""
    print(pairs())
    if collection and pictures:
        print("\n" + queries(collection, sorted(pictures.iterdir())))


@app.command()
def table() -> None:
    """Print the tables: medians over the turns."""
    measured = json.loads(FILE.read_text(encoding="utf-8"))
    head = ["postings", "kernel", "ns a posting (least)", "of reading them"]
    rows = []
    for scan in measured["scans"]:
        reading = median(scan["read"])
        for name in ("read", "numba", "numba, plain loops", "numpy"):
            of = median(scan[name])
            rows.append(
                [f"{scan['postings']:,}", name, f"{of:.2f} ({min(scan[name]):.2f})", f"{of / reading:.2f}"]
            )
    print(markdown(head, rows))
    head = ["first use in a process", "import numba, s", "load the kernel, s"]
    starts = measured["starts"].items()
    print(
        "\n"
        + markdown(
            head, [[name, *(f"{median(of):.2f}" for of in zip(*some, strict=True))] for name, some in starts]
        )
    )


if __name__ == "__main__":
    app()
