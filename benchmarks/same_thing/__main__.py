"""The same thing, found: recipes of likewise beside the script that one would write with OpenCV.

    python -m benchmarks.same_thing run [SET ...] [SYSTEM ...]     # all of them unless some are named
    python -m benchmarks.same_thing table [SET ...]
    python -m benchmarks.same_thing refiled                        # record covers by what they show
    python -m benchmarks.same_thing rules [SET ...]                # see benchmarks/same_thing/rules.py
    python -m benchmarks.same_thing sized SET [PICTURES]           # see benchmarks/same_thing/sized.py
    python -m benchmarks.same_thing pooled [SET ...] [RECIPE]      # see benchmarks/same_thing/pooled.py
    python -m benchmarks.same_thing turned [SET ...]               # see benchmarks/same_thing/turned.py

A run leaves the score of each picture of the gallery for each query, so that `table` measures nothing again.
Sets are those of `benchmarks.sets`, and `clutter`, the queries of `benchmarks.clutter`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from benchmarks.same_thing.pooled import pooled
from benchmarks.same_thing.rules import rules
from benchmarks.same_thing.script import Script
from benchmarks.same_thing.sets import Asked, best_possible, by_what_they_show, load
from benchmarks.same_thing.sized import sized
from benchmarks.same_thing.turned import turned
from benchmarks.same_thing.vise import Vise
from benchmarks.sets import markdown
from numpy.typing import NDArray

from likewise.collection.collection import Collection

FOLDER = Path("benchmarks/results/same_thing")
RECIPES = ("default", "quick", "best", "sift")
SCRIPTS: dict[str, type[Script] | type[Vise]] = {"OpenCV script": Script, "VISE's way": Vise}
SYSTEMS = (*RECIPES[:2], *SCRIPTS, *RECIPES[2:])


def run(names: Sequence[str]) -> None:
    """Ask every query of every system that was not asked yet."""
    systems = [system for system in SYSTEMS if system in names] or SYSTEMS
    for asked in load([name for name in names if name not in systems]):
        for system in systems:
            file = _file(asked, system)
            if file.exists():
                continue
            begin = time.process_time()
            search, size = (_script if system in SCRIPTS else _recipe)(asked, system)
            indexed = (time.process_time() - begin) / len(asked.gallery)
            begin = time.process_time()
            found = [search(query) for query in asked.queries]
            query = (time.process_time() - begin) / len(asked.queries)
            scores, verdicts = (np.stack(part) for part in zip(*found, strict=True))
            costs = {"indexed": indexed, "query": query, "bytes": size / len(asked.gallery)}
            np.savez(file, scores=scores, verdicts=verdicts, costs=json.dumps(costs))
            print(f"{asked.name}, {system}: {asked.measured(scores)}", flush=True)


def _file(asked: Asked, system: str) -> Path:
    return FOLDER / f"{asked.name}-{system.replace(' ', '-')}.npz"


Answers = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""A score for each picture of the gallery, and whether it was said to be the same thing."""


def _recipe(asked: Asked, name: str) -> tuple[Callable[[Path], Answers], int]:
    folder = FOLDER / f"{asked.name}-{name}.likewise"
    collection = Collection.open(folder, recipe=name)
    collection.add(*asked.gallery)
    paths = {picture: path for picture, path in collection.paths()}
    place = {path.resolve(): number for number, path in enumerate(asked.gallery)}
    places = {picture: place[path.resolve()] for picture, path in paths.items()}

    def search(query: Path) -> Answers:
        scores, same = np.full(len(asked.gallery), -np.inf), np.zeros(len(asked.gallery), bool)
        for hit in collection.search(query, k=len(asked.gallery), box=asked.boxes.get(query)):
            scores[places[hit.id]], same[places[hit.id]] = hit.score, hit.verdict == "same"
        return scores, same

    return search, sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _script(asked: Asked, name: str) -> tuple[Callable[[Path], Answers], int]:
    script = SCRIPTS[name](asked.gallery, apart=asked.measure == "map" and not asked.boxes)

    def search(query: Path) -> Answers:
        scores = script.scores(query, asked.boxes.get(query))
        return scores, scores >= script.SAME

    return search, script.bytes


def table(names: Sequence[str]) -> None:
    """Print scores, then costs, then what is said of queries whose thing is not there."""
    rows: dict[str, list[str | float]] = {}
    costs: list[list[str | float]] = []
    opened: list[list[str | float]] = []
    sets = list(load(names))
    for system in SYSTEMS:
        row: list[str | float] = [system]
        for asked in sets:
            if not _file(asked, system).exists():
                row.append("-")
                continue
            kept = np.load(_file(asked, system))
            row.append(asked.measured(kept["scores"]))
            cost = json.loads(str(kept["costs"]))
            costs.append([system, asked.name, cost["indexed"], cost["query"], f"{cost['bytes']:,.0f}"])
            opened.append([system, asked.name, *asked.told(kept["verdicts"])])
        rows[system] = row
    print(markdown(["", *(asked.name for asked in sets)], rows.values()), "\n")
    print(markdown(["", "set", "s a picture", "s a query", "bytes a picture"], costs), "\n")
    print(markdown(["", "set", "false alarms", "misses"], opened))


def refiled(_: Sequence[str]) -> None:
    """Print scores of record covers by their numbers and by what they show, and what is possible."""
    for asked in load(["cdcovers", "clutter, photographs"]):
        shown = by_what_they_show(asked)
        best = best_possible(asked, shown), best_possible(shown, shown)
        rows: list[list[str | float]] = [["right ones first", *best, "", ""]]
        for system in SYSTEMS:
            if _file(asked, system).exists():
                kept = np.load(_file(asked, system))
                told = shown.told(kept["verdicts"])
                rows.append([system, asked.measured(kept["scores"]), shown.measured(kept["scores"]), *told])
        head = [asked.name, "by their numbers", "by what they show", "false alarms", "misses"]
        print(markdown(head, rows), "\n")


def among(names: Sequence[str]) -> None:
    """Print what a query costs among many pictures."""
    (asked,) = load(names[:1])
    sized(asked, FOLDER, int(names[1]) if names[1:] else 10_000)


if __name__ == "__main__":
    commands: dict[str, Callable[[Sequence[str]], None]] = {
        "run": run,
        "table": table,
        "refiled": refiled,
        "rules": partial(rules, folder=FOLDER),
        "sized": among,
        "pooled": partial(pooled, folder=FOLDER, recipes=RECIPES),
        "turned": partial(turned, folder=FOLDER),
    }
    commands[sys.argv[1]](sys.argv[2:])
