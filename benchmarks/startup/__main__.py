"""Processor time of commands that must answer at once: ``python -m benchmarks.startup``.

Each is a process of its own, and what is counted is its user and system time, with its threads.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import IO, Annotated, cast

import numpy as np
import typer
from benchmarks.sets import DEMO, RESULTS, markdown

from likewise.client import Client
from likewise.collection.store.belongings import CATALOGUE
from likewise.collection.store.catalogue import Catalogue, Content, FilePlace
from likewise.collection.store.codes import Code
from likewise.demoset import rendering
from likewise.descriptors.extractor import Extractor
from likewise.folders import Stamp

FOLDER = RESULTS / "startup"
BLOCK = 1000
LIKEWISE = [sys.executable, "-m", "likewise"]


def run(
    repetitions: Annotated[int, typer.Option(help="How often each is run.")] = 9,
    pictures: Annotated[int, typer.Option(help="Size of the collection that is searched.")] = 10_000,
) -> None:
    """Time every command, in turns."""
    collection = make(FOLDER / f"{pictures}.likewise", pictures)
    query = str(rendering.render(DEMO)[0])
    search = [*LIKEWISE, "search", query, "--in", str(collection), "--json"]
    commands: dict[str, tuple[list[str], float | None]] = {
        "`likewise --help`": ([*LIKEWISE, "--help"], 0.3),
        "`likewise --version`": ([*LIKEWISE, "--version"], None),
        "`python -c 'import likewise'`": ([sys.executable, "-c", "import likewise"], 0.3),
        "`python -c pass`": ([sys.executable, "-c", "pass"], None),
        f"`likewise search`, {pictures} pictures": (search, 1.5),
        f"`Collection.search` by id, {pictures} pictures": (
            [sys.executable, "-c", BY_ID, str(collection)],
            None,
        ),
    }
    subprocess.run(search, check=True, stdout=subprocess.DEVNULL)  # compiles the network, once for all
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(repetitions):
        for name, (command, _goal) in commands.items():
            times[name].append(cost(command))
    rows = [_row(name, times[name], goal) for name, (_, goal) in commands.items()]
    print(markdown(["command", "CPU s, median", "least", "most", "wall s", "goal"], rows))
    found = [answers(collection, Path(query), wait) for _ in range(repetitions) for wait in (0.0, 5.0)]
    columns = ["asked after s", "address s", "first answer s", "second s"]
    print(
        markdown(
            columns,
            [
                [wait, *(median(one[part] for one in found if one[0] == wait) for part in (1, 2, 3))]
                for wait in (0.0, 5.0)
            ],
        )
    )


BY_ID = "import sys, likewise; likewise.Collection.open(sys.argv[1]).search(1)"


def answers(collection: Path, query: Path, wait: float) -> tuple[float, float, float, float]:
    """Until a server tells its address, and until it answers two searches, the first after a while."""
    line = [*LIKEWISE, "serve", str(collection), "--port", "0", "--state", str(FOLDER / "state")]
    start = time.perf_counter()
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as server:
        try:
            client = Client(cast(IO[str], server.stdout).readline().split()[0], token="")
            [served] = client.collections()
            told = time.perf_counter() - start
            time.sleep(wait)
            times = []
            for _ in range(2):
                begin = time.perf_counter()
                client.search(served["name"], query.read_bytes(), k=20)
                times.append(time.perf_counter() - begin)
        finally:
            server.terminate()
    return wait, told, times[0], times[1]


def cost(command: Sequence[str]) -> tuple[float, float]:
    """Processor and wall seconds of a command."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command} ended with {child.returncode}")
    return used.ru_utime + used.ru_stime, wall


def _row(name: str, times: Sequence[tuple[float, float]], goal: float | None) -> list[str | float]:
    cpu = [one for one, _ in times]
    wall = median(one for _, one in times)
    return [name, median(cpu), min(cpu), max(cpu), wall, f"{goal}" if goal else ""]


def make(path: Path, pictures: int) -> Path:
    """Write a collection of random unit vectors, as if so many pictures had been indexed."""
    extractor, rng = Extractor("default"), np.random.default_rng(0)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    code = Code(extractor.recipe.code, extractor.dimensions)
    catalogue = Catalogue.writer(path / CATALOGUE)
    with catalogue.change():
        catalogue.add_layer(extractor.manifest)
        root = catalogue.add_root("/photographs")
    for start in range(0, pictures, BLOCK):
        vectors = rng.standard_normal((BLOCK, code.dimensions), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        with catalogue.change():
            for number, written in enumerate(code.encode(vectors)[: pictures - start], start):
                place = FilePlace(root, f"{number // 100:04}/IMG_{number:06}.jpg".encode())
                content = Content(rng.bytes(32), 4000, 3000, {1: written})
                catalogue.insert(place, Stamp(4_000_000 + number, number, number), content)
    catalogue.close()
    return path


if __name__ == "__main__":
    typer.run(run)
