"""What three and five judgements are worth: ``python -m benchmarks.feedback``.

A simulated person says of the first hits of each query whether they show the same thing. Scored is how what
is right and was not judged stands among what was not judged, by several weights of yes and no. With
``several`` behind it, see `benchmarks.feedback.several`.
"""

from __future__ import annotations

import sys

import numpy as np
from benchmarks.feedback.several import several
from benchmarks.same_thing.__main__ import FOLDER
from benchmarks.same_thing.sets import Asked, load
from benchmarks.sets import markdown

from likewise.collection import Collection
from likewise.evaluation import metrics
from likewise.ranking.feedback import refined
from likewise.types import FloatArray

SETS = ("demo", "tmbud", "cdcovers")
WEIGHTS = (
    (0.0, 0.0),
    (0.75, 0.15),
    (0.75, 0.3),
    (0.75, 0.5),
    (0.75, 0.75),
    (0.75, 0.9),
    (1.5, 0.5),
    (0.5, 0.75),
)
TOGETHER = 6
"""Queries that stand together in one half or the other."""


def vectors_of(asked: Asked) -> FloatArray:
    """The vectors of `default` in the order of the gallery, of a collection that `same_thing` makes."""
    with Collection.open(FOLDER / f"{asked.name}-default.likewise", recipe="default") as collection:
        collection.add(*asked.gallery)
        ids, vectors = collection.vectors()
        row = {collection.path_of(picture): number for number, picture in enumerate(ids.tolist())}
    return vectors[[row[path.resolve()] for path in asked.gallery]]


def scored(asked: Asked, vectors: FloatArray, judged: int, beta: float, gamma: float) -> list[str]:
    """MAP of what is left, of one half of the queries and of the other."""
    halves: tuple[list[float], list[float]] = [], []
    for query, right in enumerate(asked.right):
        others = np.delete(np.arange(len(vectors)), query)
        ranked = others[np.argsort(-(vectors[others] @ vectors[query]), kind="stable")]
        seen, left = ranked[:judged], ranked[judged:]
        told = np.isin(seen, right)
        wanted = np.setdiff1d(right, seen)
        if len(wanted):
            yes, no = vectors[seen[told]], vectors[seen[~told]]
            moved = refined(vectors[query], yes, no, unit=True, beta=beta, gamma=gamma)
            order = left[np.argsort(-(vectors[left] @ moved), kind="stable")]
            halves[query // TOGETHER % 2].append(metrics.average_precision(order, wanted.tolist()))
    return [f"{np.mean(half):.3f}" for half in halves]


def main() -> None:
    """Print the table."""
    sets = [(asked, vectors_of(asked)) for asked in load(SETS)]
    for judged in (3, 5):
        rows = [
            [f"{beta:g}", f"{gamma:g}", *(" / ".join(scored(*one, judged, beta, gamma)) for one in sets)]
            for beta, gamma in WEIGHTS
        ]
        print(markdown([f"yes, {judged} judged", "no", *(asked.name for asked, _ in sets)], rows), "\n")


if __name__ == "__main__":
    (several if sys.argv[1:] == ["several"] else main)()
