"""Queries on their side or upside down, for a detector that is not made for that, and for SIFT beside it.

    python -m benchmarks.same_thing turned [SET ...]

Every other query is turned by 90 degrees, the rest by 180. XFeat is asked as it is, and with the query in
four turns: of the votes for a picture, and of its fits, the most count.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from benchmarks.same_thing.sets import Asked, load
from benchmarks.sets import markdown
from PIL import Image, ImageOps

from likewise.collection.collection import Collection
from likewise.collection.layers.layer import LayerHits, LayerIndex, Located
from likewise.collection.layers.query import Query
from likewise.collection.searching import Searcher
from likewise.words.index.layers import QuerySketch

SYSTEMS = {
    "xfeat": (("xfeat",), 1),
    "xfeat, four turns": (("xfeat",), 4),
    "sift": (("sift",), 1),
    "default": (("vector", "sift"), 1),
    "best": (("vector", "sift", "xfeat"), 1),
    "best, xfeat in four turns": (("vector", "sift", "xfeat"), 4),
}
"""Layers of `best`, and in how many turns XFeat is asked."""


@dataclass(frozen=True)
class Turned:
    """A layer that is asked with the query in some turns, in degrees."""

    index: LayerIndex
    turns: Sequence[int]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.index, name)

    def ask(self, query: Query) -> list[Any]:
        """A question for each turn; the picture that was turned stays one of the collection's."""
        with Image.open(str(query.picture)) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
        asked = [
            self.index.ask(replace(query, picture=upright.rotate(turn, expand=True) if turn else upright))
            for turn in self.turns
        ]
        own = self.index.sources.own(query.picture)  # type: ignore[attr-defined]
        return [
            [replace(one, own=own) for one in question] if self.index.verifies else question
            for question in asked
        ]

    def question_of(self, picture: int) -> list[Any]:
        """What is kept of a picture, as it stands."""
        return [self.index.question_of(picture)]

    def search(self, question: Sequence[Any], k: int, stages: Sequence[Any]) -> LayerHits:
        """The highest score of each picture."""
        answers = [self.index.search(one, k, stages) for one in question]
        scores = np.stack([answer.scores[np.argsort(answer.ids)] for answer in answers]).max(axis=0)
        ids = np.sort(answers[0].ids)
        order = np.argsort(-scores, kind="stable")
        return LayerHits(ids[order], scores[order])

    def locate(self, question: Sequence[Sequence[QuerySketch]], picture: int) -> Located | None:
        """The best one."""
        found = [one for asked in question if (one := self.index.locate(asked, picture))]
        return max(found, key=lambda one: one.fit.score, default=None)


def turned(names: Sequence[str], folder: Path) -> None:
    """Print mAP, right first hits and seconds of processor a query, upright and turned."""
    for asked in load(names):
        rows: list[list[str | float]] = []
        with Collection.open(folder / f"{asked.name}-best.likewise", recipe="best") as collection:
            collection.add(*asked.gallery)
            place = {file.resolve(): number for number, file in enumerate(asked.gallery)}
            places = {picture: place[file.resolve()] for picture, file in collection.paths()}
            for system, (layers, ways) in SYSTEMS.items():
                row: list[str | float] = [system]
                for angles in ((0, 0), (90, 180)):
                    row += _scored(asked, collection.asker(), places, layers, ways, angles)
                rows.append(row)
                print(asked.name, *row, flush=True)
        print(markdown([asked.name, *("mAP", "first", "s a query") * 2], rows))


def _scored(
    asked: Asked,
    searcher: Searcher,
    places: dict[int, int],
    layers: Sequence[str],
    ways: int,
    angles: tuple[int, int],
) -> list[float]:
    """MAP, share of right first hits and seconds by some layers; angles of every other query."""
    chosen = [index for index in searcher.indexes if index.name in layers]
    scores = np.full((len(asked.queries), len(asked.gallery)), -np.inf)
    begin = time.process_time()
    for number, file in enumerate(asked.queries):
        first = angles[number % 2]
        turns = [first + 360 // ways * way for way in range(ways)]
        indexes = [Turned(one, turns if one.name == "xfeat" else turns[:1]) for one in chosen]
        asker = replace(searcher, indexes=cast(tuple[LayerIndex, ...], tuple(indexes)))
        for hit in asker.search(Query(file), k=len(asked.gallery), among=None, stages=()):
            scores[number, places[hit.id]] = hit.score
    seconds = (time.process_time() - begin) / len(asked.queries)
    first_hits = replace(asked, measure="first").measured(scores)
    return [asked.measured(scores), first_hits, seconds]
