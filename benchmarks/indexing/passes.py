"""What is timed: indexing, the bare network, the obvious loop, and the parts of indexing one by one.

They take turns in one process, so that a neighbour on the machine meets them alike.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from benchmarks.sets import RESULTS
from PIL import Image

from likewise.collection.collection import Collection
from likewise.collection.indexing import BUCKET
from likewise.collection.store.belongings import CATALOGUE
from likewise.collection.store.catalogue import Catalogue, Content, FilePlace
from likewise.descriptors.extractor import Extractor, program_of
from likewise.descriptors.recipe import VectorRecipe
from likewise.engines.torch_module import ProgramModule
from likewise.files.system import cores
from likewise.folders import look
from likewise.networks import find
from likewise.networks.weights.files import locate
from likewise.pictures import Loaded

FOLDER = RESULTS / "indexing"
LOOPED = 24
"""Pictures of each set that the obvious loop gets: it is slow, and its pace does not change."""


@dataclass(frozen=True)
class Pass:
    """One turn: what ran, over how many pictures, in how many seconds of clock and of processor."""

    what: str
    pictures: int
    wall: float
    cpu: float


def timed(what: str, pictures: int, work: Callable[[], object]) -> Pass:
    """Run some work and take its time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Pass(what, pictures, time.perf_counter() - wall, time.process_time() - cpu)


def index(paths: Sequence[Path], into: Path, recipe: VectorRecipe | str = "quick") -> None:
    """Add the pictures' folder to a fresh collection, which opens its own extractor."""
    shutil.rmtree(into, ignore_errors=True)
    with Collection.open(into, recipe=recipe) as collection:
        report = collection.add(paths[0].parent)
    if report.added != len(paths):
        raise SystemExit(f"{into}: {report} is not {len(paths)} added pictures")


def bare(extractor: Extractor, ready: Sequence[Loaded]) -> None:
    """Describe prepared pictures, in as many threads and buckets as indexing, which shares out the last."""
    size = min(BUCKET, -(-len(ready) // cores()))
    buckets = [ready[start : start + size] for start in range(0, len(ready), size)]
    with ThreadPoolExecutor(cores()) as pool:
        for _ in pool.map(extractor.describe, buckets):
            pass


class Loop:
    """What anyone would write first: each picture opened, resized and run through torch, one by one."""

    def __init__(self, extractor: Extractor) -> None:
        recipe = extractor.recipe
        card = find(recipe.network)
        file = locate(card, recipe.weights)
        self.network = ProgramModule(program_of(recipe, file)).eval()

    def run(self, paths: Iterable[Path], ready: Iterable[Loaded]) -> list[np.ndarray]:
        """Give the vectors; ``ready`` tells the sizes."""
        vectors = []
        with torch.inference_mode():
            for path, sizes in zip(paths, ready, strict=False):
                picture = Image.open(path).convert("RGB")
                vector = np.zeros(1, np.float32)
                for height, width, _ in (pixels.shape for pixels in sizes.pixels):
                    small = picture.resize((width, height), Image.Resampling.BILINEAR)
                    [pooled] = self.network(torch.from_numpy(np.array(small))[None])
                    vector = vector + (pooled / pooled.norm()).numpy()[0]
                vectors.append(vector / np.linalg.norm(vector))
        return vectors


def check(extractor: Extractor, vectors: Sequence[np.ndarray], ready: Sequence[Loaded]) -> None:
    """Make sure that the obvious loop computes the same thing."""
    closest = np.min(np.sum(extractor.describe(ready[: len(vectors)]) * np.stack(vectors), axis=1))
    if closest < 0.98:  # the loop resizes without the decoder's help, which moves the vectors a little
        raise SystemExit(f"the loop's vectors are others: similarity {closest:.4f}")


def passes(extractor: Extractor, paths: Sequence[Path], repetitions: int) -> list[Pass]:
    """Everything about one set of pictures."""
    contents = [path.read_bytes() for path in paths]  # fills the page cache as well
    ready = [extractor.prepare(content) for content in contents]
    some = paths[:LOOPED]
    loop = Loop(extractor)
    check(extractor, loop.run(some[:4], ready), ready)
    bare(extractor, ready[: 2 * BUCKET])
    into = FOLDER / "collection"
    works: dict[str, tuple[int, Callable[[], object]]] = {
        "index": (len(paths), lambda: index(paths, into)),
        "bare": (len(paths), lambda: bare(extractor, ready)),
        "loop": (len(some), lambda: loop.run(some, ready)),
        "read": (len(paths), lambda: [_digest(path) for path in paths]),
        "prepare": (len(paths), lambda: [extractor.prepare(content) for content in contents]),
        "open": (1, lambda: Extractor(extractor.recipe, streams=cores()).dimensions),
        "commit": (len(paths), lambda: replay(into)),
    }
    return [timed(what, *work) for _ in range(repetitions) for what, work in works.items()]


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def replay(source: Path) -> None:
    """Commit the rows of a collection once more, in transactions of a bucket each, as indexing did."""
    into = FOLDER / "replay"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    old, new = Catalogue.reader(source / CATALOGUE), Catalogue.writer(into / CATALOGUE)
    with new.change():
        new.add_layer(old.layers()[0].manifest)
        root = new.add_root("/")
    codes = [old.code_of(1, row) or b"" for row, _, _ in old.paths()]
    rows = list(zip(old.paths(), codes, strict=True))
    for start in range(0, len(rows), BUCKET):
        with new.change():
            for (_, path, _), code in rows[start : start + BUCKET]:
                place = FilePlace(root, os.fsencode(path[1:]))
                digest = hashlib.sha256(path.encode()).digest()
                new.insert(place, look(path).stamp, Content(digest, 0, 0, {1: code}))
    old.close()
    new.close()
