"""Queries on their way through what may follow a search, and the contract of each such step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from likewise.ranking.gallery import Gallery
from likewise.tables import Option
from likewise.types import Box, FloatArray, IntArray

BLOCK = 1 << 22
"""Places of rankings, or numbers of one vector over the whole gallery, held at once."""


class Localise(Protocol):
    """Finds in which part of a picture the query lies."""

    def __call__(self, query: int, ids: IntArray) -> tuple[FloatArray, list[Box | None]]:
        """Scores ``(m,)`` and boxes of the pictures ``ids`` for a row of the queries.

        A picture whose score is not finite could not be looked at, and keeps its place behind the others.
        """


class Block:
    """Some queries and their ranking so far.

    Attributes
    ----------
    queries
        float32 ``(q, d)``.
    places, scores
        int64 and float32 ``(q, depth)``, best first; places are rows of the gallery.
    start
        Which of all queries the first of these is.
    boxes
        For each query by id of a hit where it was found.
    """

    def __init__(
        self, gallery: Gallery, queries: FloatArray, start: int, depth: int, localiser: Localise | None
    ) -> None:
        self.gallery, self.queries, self.start, self.depth = gallery, queries, start, depth
        self.localiser = localiser
        self.boxes: list[dict[int, Box]] = [{} for _ in queries]
        self.search()

    def search(self) -> None:
        """Ask the gallery for the queries as they are now."""
        ranking = self.gallery.search(self.queries, self.depth)
        self.places, self.scores = ranking.ids, ranking.scores

    def put(self, row: int, head: IntArray, scores: FloatArray) -> None:
        """Let a query's ranking begin with some places, best first, and keep the others behind in order."""
        scores = scores.astype(np.float32)
        order = np.lexsort((head, -scores))
        rest = ~np.isin(self.places[row], head)
        tail, low = self.places[row, rest], self.scores[row, rest].astype(np.float64)
        if len(order) and len(tail):
            edge = np.nextafter(scores[order[-1]], np.float32(-np.inf))
            low = np.minimum(low - max(0.0, low[0] - float(edge)), edge)
        self.places[row] = np.concatenate([head[order], tail])[: self.depth]
        self.scores[row] = np.concatenate([scores[order], low])[: self.depth]


def _never(**_: Option) -> bool:
    return False


def by_alpha(*, alpha: float, **_: Option) -> bool:
    """Whether weights are powers of cosines, as they are but for alpha 0, where all are 1."""
    return alpha > 0


@dataclass(frozen=True)
class Reranking:
    """One step that may follow a search: a name, options, and what it does to a block.

    Attributes
    ----------
    about
        What it does, in a sentence: shells that complete its name, the page and the documentation say it.
    options, bounds
        Defaults, and the smallest and largest value of each.
    run
        ``(block, **options)``, which puts another ranking in the place of the one so far.
    prepare
        ``(gallery, **options)`` to the gallery to search instead: such a step comes first, without ``run``.
    depth
        Which options say how many hits it looks at.
    cosines
        Of the options whether it needs vectors whose inner products are cosines.
    looks
        Whether it looks into the pictures, by the block's localiser.
    """

    name: str
    about: str
    options: Mapping[str, Option]
    bounds: Mapping[str, tuple[float, float]]
    run: Callable[..., None] | None = None
    prepare: Callable[..., Gallery] | None = None
    depth: tuple[str, ...] = field(default=())
    cosines: Callable[..., bool] = _never
    looks: bool = False
