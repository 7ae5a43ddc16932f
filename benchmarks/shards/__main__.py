"""How fast described shards become a collection: ``python -m benchmarks.shards [ROWS]``.

Rows of random vectors as `quick` keeps them, a thousand in a shard, are ingested; the same bytes are written
to a file, and flushed, for comparison.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from benchmarks.sets import RESULTS, markdown

from likewise.collection.moving import MovedFile
from likewise.collection.store.catalogue import Content
from likewise.descriptors.extractor import Extractor
from likewise.folders import Stamp
from likewise.recipes import load_recipe
from likewise.scale import ingest
from likewise.scale.parquet import ShardHead, write

FOLDER = RESULTS / "shards"
IN_A_SHARD = 1000


def shards(folder: Path, rows: int) -> int:
    """Write them; give the bytes of their vectors."""
    recipe = load_recipe("quick")
    manifest = Extractor(recipe.vector).manifest
    head = ShardHead("/photos", recipe.to_toml(), (manifest,), ("fp16",))
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for begin in range(0, rows, IN_A_SHARD):
        vectors = random.standard_normal((IN_A_SHARD, manifest.dimensions), np.float32)
        codes = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
        some = [
            MovedFile(
                f"/photos/{begin + number:09}.jpg",
                Stamp(1, 1, 1),
                Content(hashlib.sha256(code.tobytes()).digest(), 640, 480, {0: code.tobytes()}),
            )
            for number, code in enumerate(codes)
        ]
        write(folder / f"{begin:09}.parquet", head, some)
    return rows * 2 * manifest.dimensions


def poured(file: Path, size: int) -> None:
    """Write so many bytes, and flush them."""
    block = os.urandom(1 << 20)
    with file.open("wb") as out:
        for _ in range(size >> 20):
            out.write(block)
        out.flush()
        os.fsync(out.fileno())


def main() -> None:
    """Print the table."""
    rows = int(sys.argv[1]) if sys.argv[1:] else 20_000
    shutil.rmtree(FOLDER, ignore_errors=True)
    size = shards(FOLDER / "x.shards", rows)
    table: list[list[str | float]] = []
    for name, work in (
        ("ingest", lambda: ingest([FOLDER / "x.shards"], FOLDER / "x.likewise")),
        ("ingest again, nothing new", lambda: ingest([FOLDER / "x.shards"], FOLDER / "x.likewise")),
        ("write the bytes of the vectors", lambda: poured(FOLDER / "bytes", size)),
    ):
        clock, processor = time.perf_counter(), time.process_time()
        work()
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
        table.append([name, clock, processor, f"{rows / processor:,.0f}"])
    print(markdown([f"{rows:,} pictures", "s", "s of processor", "pictures a second of it"], table))


if __name__ == "__main__":
    main()
