"""A collection in a folder and the same at a Milvus server: ``python -m benchmarks.stores [ROWS] [ADDRESS]``.

Rows of random vectors as `quick` keeps them. Without an address it is Milvus Lite, a process of its own on
this machine, whose times say little about a server.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from benchmarks.sets import RESULTS, markdown
from benchmarks.shards.__main__ import shards

from likewise.collection import Collection
from likewise.scale import ingest

FOLDER = RESULTS / "stores"
SEARCHES = 20


def timed(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock


def answers(collection: Collection) -> tuple[float, list[list[Path]]]:
    """Median seconds of a search by a vector, and the paths that each finds."""
    queries = np.random.default_rng(1).standard_normal((SEARCHES, 1280)).astype(np.float32)
    collection.search(queries[0], k=10)
    seconds, found = [], []
    for query in queries:
        clock = time.perf_counter()
        hits = collection.search(query, k=10)
        seconds.append(time.perf_counter() - clock)
        found.append([hit.path for hit in hits])
    return median(seconds), found


def main() -> None:
    """Print the table."""
    rows = int(sys.argv[1]) if sys.argv[1:] else 10_000
    shutil.rmtree(FOLDER, ignore_errors=True)
    shards(FOLDER / "x.shards", rows)
    address = sys.argv[2] if sys.argv[2:] else f"milvus://{(FOLDER / 'lite.db').absolute()}/bench"
    here, there, other = (FOLDER / name for name in ("here.likewise", "there.likewise", "other.likewise"))
    table: list[list[str | float]] = [
        ["ingest into a folder, s", timed(lambda: ingest([FOLDER / "x.shards"], here))],
        ["ingest into the server, s", timed(lambda: ingest([FOLDER / "x.shards"], there, store=address))],
        ["the tables of another machine, s", timed(lambda: Collection.open(other, store=address).close())],
        ["their bytes a picture", sum(file.stat().st_size for file in other.iterdir()) / rows],
    ]
    with Collection.open(here) as folder, Collection.open(other) as server:
        (first, wanted), (second, found) = answers(folder), answers(server)
    table += [
        ["a search of the folder, ms", first * 1e3],
        ["a search of the server, ms", second * 1e3],
        ["answers that are the same", sum(one == two for one, two in zip(wanted, found, strict=True))],
    ]
    print(markdown([f"{rows:,} pictures, {SEARCHES} searches", address.partition(":")[0]], table))


if __name__ == "__main__":
    main()
