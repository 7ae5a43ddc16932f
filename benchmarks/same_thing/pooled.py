"""All sets in one collection, as an archive is: who is a stranger to a query is known without a doubt.

    python -m benchmarks.same_thing pooled [SET ...] [RECIPE]

Strangers are the pictures of other sets. How many queries have one for which fewer than so many false hits
are expected tells what that expectation is worth; the labels of a set cannot, for its pictures show the same
squares, shelves and walls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.same_thing.sets import load
from benchmarks.sets import markdown

from likewise.collection.collection import Collection

EXPECTED = (0.05, 0.3, 1.0, 5.0)


def pooled(names: Sequence[str], folder: Path, recipes: Sequence[str]) -> None:
    """Print what becomes of the queries of sets among the pictures of all of them."""
    [recipe] = [name for name in names if name in recipes] or recipes[:1]
    sets = list(load([name for name in names if name not in recipes]))
    files = sorted({file.resolve() for asked in sets for file in asked.gallery})
    place = {file: number for number, file in enumerate(files)}
    rows: list[list[str | float]] = []
    with Collection.open(folder / f"pooled-{recipe}.likewise", recipe=recipe) as collection:
        collection.add(*files)
        places = {picture: place[path.resolve()] for picture, path in collection.paths()}
        for asked in sets:
            own = np.array([place[file.resolve()] for file in asked.gallery])
            here = replace(
                asked,
                gallery=files,
                right=[own[list(right)].tolist() for right in asked.right],
                out=[own[list(out)].tolist() for out in asked.out],
            )
            scores = np.full((len(here.queries), len(files)), -np.inf)
            same, false = np.zeros(scores.shape, bool), np.full(scores.shape, np.inf)
            for row, query in enumerate(here.queries):
                for hit in collection.search(query, k=len(files), box=here.boxes.get(query)):
                    at = row, places[hit.id]
                    scores[at], same[at] = hit.score, hit.verdict == "same"
                    false[at] = np.inf if hit.expected_false is None else hit.expected_false
            strangers = np.delete(false, own, axis=1).min(axis=1, initial=np.inf)
            told = (strangers[:, None] < EXPECTED).mean(axis=0).tolist()
            said = float(np.delete(same, own, axis=1).any(axis=1).mean())
            rows.append([asked.name, here.measured(scores), here.told(same)[1], said, *told])
    head = [f"a stranger below {count:g}" for count in EXPECTED]
    print(f"{recipe}, {len(files):,} pictures\n")
    print(markdown(["", "mAP, N-S", "misses", "a stranger is the same", *head], rows))
