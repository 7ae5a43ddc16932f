"""How large to take a part of a picture: ``python -m benchmarks.part [RECIPE ...]``.

Each picture of the demo set is searched for by the box around its thing, resized by the factor of its whole
picture or as a picture on its own, and so are the queries of Oxford where those pictures are. Scored are mAP
without the query's own picture, and how often that picture comes first where it is not left out.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from benchmarks.same_thing.__main__ import FOLDER
from benchmarks.same_thing.sets import Asked, load
from benchmarks.sets import DEMO, markdown

from likewise.collection import Collection
from likewise.demoset import rendering
from likewise.evaluation import metrics
from likewise.types import Box

SETS = ("demo", "oxford")
CROPS: tuple[Literal["whole", "own"], ...] = ("whole", "own")


def boxes_of(asked: Asked) -> dict[Path, Box]:
    """Where the thing is in each query."""
    if asked.boxes:
        return dict(asked.boxes)
    shots = rendering.read_truth(DEMO)
    there = {(DEMO / shot.file).resolve(): Box(*shot.box) for shot in shots if shot.box and shot.group}
    return {query: there[query.resolve()] for query in asked.queries if query.resolve() in there}


def scored(asked: Asked, recipe: str, crop: Literal["whole", "own"]) -> tuple[float, float]:
    """MAP without the query's own picture, and the share of queries whose own picture comes first."""
    boxes, found, first = boxes_of(asked), [], []
    place = {path.resolve(): number for number, path in enumerate(asked.gallery)}
    with Collection.open(FOLDER / f"{asked.name}-default.likewise", recipe="default") as collection:
        collection.add(*asked.gallery)
    with Collection.open(FOLDER / f"{asked.name}-default.likewise", recipe=recipe) as collection:
        for query, right, out in zip(asked.queries, asked.right, asked.out, strict=True):
            if query not in boxes or not right:
                continue
            hits = collection.search(query, k=len(place), box=boxes[query], crop=crop)
            order = np.array([place[hit.path] for hit in hits])
            own = place[query.resolve()]
            first.append(order[0] == own)
            left = order[~np.isin(order, [own, *out])]
            found.append(metrics.average_precision(left, [one for one in right if one != own]))
    return float(np.mean(found)), float(np.mean(first))


def main(recipes: Sequence[str]) -> None:
    """Print the table."""
    rows: list[list[str | float]] = []
    for asked in load(SETS):
        for recipe in recipes or ("quick", "default"):
            for crop in CROPS:
                rows.append([asked.name, recipe, crop, *scored(asked, recipe, crop)])
                print(*rows[-1], file=sys.stderr, flush=True)
    print(markdown(["set", "recipe", "size of the part", "mAP", "own picture first"], rows))


if __name__ == "__main__":
    main(sys.argv[1:])
