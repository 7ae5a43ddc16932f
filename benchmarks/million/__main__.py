"""What a million vectors take to be searched: ``python -m benchmarks.million [PICTURES]``.

A collection as `quick` makes it, of made-up vectors: each is a mixture of a picture of the demo set with two
of the thirty nearest to it, disturbed number by number. It is written once and kept below ``results``. Times
are medians; memory is what a process has written. ``growth`` makes collections of a shorter recipe instead,
from a thousand pictures to ten million (see `benchmarks.million.growth`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import numpy as np
from benchmarks.sets import DEMO, RESULTS, demo_set, describe, markdown

from likewise.collection.collection import Collection
from likewise.collection.store.catalogue import Content, FilePlace
from likewise.collection.store.codes import Code
from likewise.demoset import rendering
from likewise.descriptors.extractor import Extractor
from likewise.descriptors.recipe import VectorRecipe
from likewise.folders import Stamp
from likewise.recipes import load_recipe
from likewise.types import FloatArray

FOLDER = RESULTS / "million"
TOGETHER = 10_000
QUERIES = 100
CLIENTS, PROCESSES, SECONDS = 32, 4, 10


class Mixtures:
    """Vectors like those of pictures, as many as are wanted: by default of those that `quick` describes."""

    def __init__(self, seed: int, base: FloatArray | None = None) -> None:
        self._base = described() if base is None else base
        alike = self._base @ self._base.T
        np.fill_diagonal(alike, -1)
        self._near = np.argsort(-alike, axis=1)[:, :30]
        self._chance = np.random.default_rng(seed)

    def __call__(self, count: int) -> FloatArray:
        """float32 ``(count, d)``, of length 1."""
        chance = self._chance
        own = chance.integers(len(self._base), size=count)
        first, second = (self._base[self._near[own, chance.integers(30, size=count)]] for _ in range(2))
        a, b = chance.random((2, count, 1), np.float32)
        mixed = (1 - np.float32(0.7) * a) * self._base[own] + a * first + b / 2 * second
        mixed *= np.exp(np.float32(0.25) * chance.standard_normal(mixed.shape, np.float32))
        vectors: FloatArray = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
        return vectors


def described() -> FloatArray:
    """Vectors of the demo set as `quick` describes it, float32 ``(n, d)``."""
    return describe(Extractor(load_recipe("quick").vector), demo_set().pictures)


def make(path: Path, count: int, recipe: VectorRecipe | None = None, base: FloatArray | None = None) -> float:
    """Write the collection; give the seconds that its files took, once the rows were there."""
    fill(path, count, recipe or load_recipe("quick").vector, Mixtures(1, base))
    with Collection.open(path) as collection:
        start = time.perf_counter()
        collection.optimise()
        return time.perf_counter() - start


def fill(path: Path, count: int, recipe: VectorRecipe, mixtures: Mixtures, together: int = TOGETHER) -> None:
    """Bring a collection to so many pictures, so many a commit; nothing is described but one of them."""
    photo = rendering.render(DEMO)[0]
    with Collection.open(path, recipe=recipe) as collection:
        if not collection.exists:
            collection.add(photo)  # for its layer
        code = Code.of(recipe, collection.manifest.dimensions)
        with collection._writing() as catalogue:
            catalogue._database.rows("PRAGMA cache_size = -1000000")  # KiB: the index by content is random
            with catalogue.change():
                root = catalogue.add_root("/photos")
            for begin in range(catalogue.count(), count, together):
                with catalogue.change():
                    rows = code.encode(mixtures(min(together, count - begin)))
                    for number, row in enumerate(rows, begin):
                        place = FilePlace(root, f"{number // 1000:05}/{number:08}.jpg".encode())
                        content = Content(sha256(b"%d" % number).digest(), number, 480, {1: row})
                        catalogue.insert(place, Stamp(100_000, number, number), content)


def private() -> float:
    """MB that this process has written: pages of files are the system's, which takes them back at need."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty"):
            return int(line.split()[1]) / 1e3
    raise RuntimeError("this system does not tell")


def median(work: Callable[[], object], times: int = 20) -> float:
    """Milliseconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(1e3 * (time.perf_counter() - start))
    return float(np.median(taken))


def cold(path: Path) -> None:
    """Print seconds to the first hits, of the processor and by the clock, MB of its own, and MB read.

    For a process of its own; what is read are blocks of the disk.
    """
    clock, processor = time.perf_counter(), time.process_time()
    with Collection.open(path) as collection:
        collection.search(1000, k=20)
        spans = time.process_time() - processor, time.perf_counter() - clock
        print(*spans, private(), 512e-6 * getrusage(RUSAGE_SELF).ru_inblock)


def dropped(path: Path) -> tuple[float, float]:
    """Have the system forget what it holds of a collection's files; MB that it still holds, and of them all.

    Only Linux can be asked so; what another process has mapped stays.
    """
    files = [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    command = ["fincore", "--bytes", "--noheadings", "--output", "RES", *map(str, files)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return sum(map(int, told.split())) / 1e6, sum(file.stat().st_size for file in files) / 1e6


def from_disk(path: Path) -> list[float]:
    """What `cold` prints where files are not in memory, and of these what `dropped` gives: medians."""
    told = [[*dropped(path), *said(apart("cold", str(path)))] for _ in range(3)]
    left = np.median(told, axis=0).tolist()
    return [*left[2:], *left[:2]]


def client(path: Path, seconds: float) -> None:
    """Search by several threads for a while; print how many answers there were, and the memory."""
    from threading import Thread

    answers: list[float] = []
    with Collection.open(path) as collection:
        collection.search(1, k=20)
        end = time.monotonic() + seconds

        def ask(seed: int) -> None:
            chance = np.random.default_rng(seed)
            while time.monotonic() < end:
                start = time.perf_counter()
                collection.search(int(chance.integers(1000, len(collection))), k=20)
                answers.append(time.perf_counter() - start)

        threads = [Thread(target=ask, args=(seed,)) for seed in range(CLIENTS // PROCESSES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(len(answers), 1e3 * float(np.quantile(answers, 0.95)), private())


def apart(*arguments: str) -> subprocess.Popen[str]:
    """A process of this module."""
    command = [sys.executable, "-m", "benchmarks.million", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> list[float]:
    """The numbers that it prints."""
    return [float(word) for word in process.communicate()[0].split()]


def during(path: Path) -> None:
    """Print how long searches take alone, and while a tenth more pictures come and files are merged."""
    with Collection.open(path) as collection:
        count = len(collection)
        before = _paces(collection, lambda spans: len(spans) < 500)
        grown = apart("grow", str(path), str(count + count // 10))
        beside = _paces(collection, lambda _: grown.poll() is None)
    ratio = np.quantile(beside, 0.95) / np.quantile(before, 0.95)
    rows = [
        [name, str(len(spans)), *np.quantile(spans, (0.5, 0.95))]
        for name, spans in (("alone", before), ("during a build", beside))
    ]
    print(markdown([f"{count:,} pictures", "searches", "median, ms", "p95, ms"], rows))
    print(f"\n{ratio:.2f} times the p95")


def _paces(collection: Collection, go_on: Callable[[list[float]], bool]) -> list[float]:
    """Milliseconds of one search by id after the other."""
    chance, spans = np.random.default_rng(3), list[float]()
    while go_on(spans):
        picture = int(chance.integers(1000, 5000))
        start = time.perf_counter()
        collection.search(picture, k=20)
        spans.append(1e3 * (time.perf_counter() - start))
    return spans


def recall(collection: Collection, queries: FloatArray, where: str | None = None) -> float:
    """Share of the ten nearest that a search finds."""
    found = []
    for query in queries:
        near, all_ = (
            {hit.id for hit in collection.search(query, k=10, exact=exact, where=where)}
            for exact in (False, True)
        )
        found.append(len(near & all_) / max(1, len(all_)))
    return float(np.mean(found))


def main() -> None:
    """Print the tables."""
    count = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    path = FOLDER / f"{count}.likewise"
    files = make(path, count)
    table: list[list[str | float]] = [["files made and measured, s", files]]
    first = [said(apart("cold", str(path))) for _ in range(3)]
    _, seconds, memory, _ = np.median(first, axis=0).tolist()
    table.append(["first search of a process, s", seconds])
    table.append(["memory of that process but for mapped files, MB", memory])
    _, seconds, _, read, *_ = from_disk(path)
    table.append(["the same from the disk, s", seconds])
    table.append(["what it reads, MB", read])
    queries = Mixtures(2)(QUERIES)
    with Collection.open(path) as collection:
        told = collection.search(queries[0], k=10).recall
        table.append(["a search by id, ms", median(lambda: collection.search(5000, k=20))])
        table.append(["a search by a vector, ms", median(lambda: collection.search(queries[1], k=20))])
        exact = median(lambda: collection.search(queries[1], k=20, exact=True), 5)
        table.append(["the same with --exact, ms", exact])
        table.append(["recall@10 that it tells", told or 1.0])
        table.append([f"recall@10 of {QUERIES} queries from elsewhere", recall(collection, queries)])
        for share in (50, 10, 1):
            where = f"width < {count * share // 100}"
            search = partial(collection.search, queries[1], k=20, where=where)
            table.append([f"among {share} %, ms", median(search, 5)])
            table.append([f"recall@10 among {share} %", recall(collection, queries[:10], where)])
    answers = [said(one) for one in [apart("client", str(path), str(SECONDS)) for _ in range(PROCESSES)]]
    busy = f"{CLIENTS} clients of {PROCESSES} processes"
    table.append([f"{busy}, answers a second", sum(one[0] for one in answers) / SECONDS])
    table.append(["their 95th percentile, ms", max(one[1] for one in answers)])
    table.append(
        ["memory of each process but for mapped files, MB", float(np.mean([one[2] for one in answers]))]
    )
    print(markdown([f"{count:,} pictures", ""], table))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["cold", path]:
            cold(Path(path))
        case ["disk", path]:
            head = ["s of the processor", "by the clock", "its memory, MB", "read, MB", "MB left", "of files"]
            print(markdown(head, [from_disk(Path(path))]))
        case ["growth", *sizes]:
            from benchmarks.million.growth import growth  # which imports this module

            growth([int(size) for size in sizes])
        case ["during", path]:
            during(Path(path))
        case ["grow", path, count]:
            make(Path(path), int(count))
        case ["client", path, seconds]:
            client(Path(path), float(seconds))
        case _:
            main()
