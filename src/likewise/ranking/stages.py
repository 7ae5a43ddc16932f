"""What may follow a search, by name and with options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np

from likewise.descriptors.tables import Option, settle
from likewise.errors import UsageError
from likewise.ranking.exact import best, check
from likewise.ranking.expansion import mixed
from likewise.ranking.gallery import Gallery
from likewise.ranking.reciprocal import reciprocal
from likewise.registry import lookup
from likewise.types import Box, FloatArray, IntArray, Ranking

STAGES: dict[str, dict[str, Option]] = {
    "augment": {"n": 10, "alpha": 0.0},
    "expand": {"n": 10, "alpha": 0.0, "own": True},
    "reciprocal": {"k1": 20, "k2": 6, "weight": 0.3, "top": 100},
    "diffuse": {"k": 50, "kq": 10, "alpha": 0.99, "gamma": 3.0, "top": 1000, "iterations": 20},
    "localise": {"top": 50},
}
"""Options with their defaults, by kind of stage.

augment
    Every gallery vector becomes a mean of itself and its ``n`` neighbours, before anything is asked.
expand
    The query becomes a mean of itself and the first ``n`` hits, or with ``own=false`` of the hits alone, and
    is asked again.
reciprocal
    The first ``top`` hits are ordered by how much of their neighbourhood they share with the query.
diffuse
    Similarity flows from the first ``kq`` hits along the graph of ``k`` neighbours, among the first ``top``
    hits or, with 0, in the whole gallery.
localise
    The first ``top`` hits are ordered by the part of them that fits best, and say where it is.
"""

BOUNDS: dict[str, dict[str, tuple[float, float]]] = {
    "augment": {"n": (1, 10_000), "alpha": (0, 100)},
    "expand": {"n": (1, 10_000), "alpha": (0, 100), "own": (False, True)},
    "reciprocal": {"k1": (1, 10_000), "k2": (1, 10_000), "weight": (0, 1), "top": (1, 2000)},
    "diffuse": {
        "k": (1, 10_000),
        "kq": (1, 10_000),
        "alpha": (0, 0.9999),
        "gamma": (0.01, 100),
        "top": (0, 1_000_000),
        "iterations": (1, 10_000),
    },
    "localise": {"top": (1, 100_000)},
}
"""Smallest and largest value of each option."""

BLOCK = 1 << 22
"""Places of rankings, or numbers of one vector over the whole gallery, held at once."""


@dataclass(frozen=True)
class Stage:
    """One step after the search.

    Attributes
    ----------
    kind
        A key of `STAGES`.
    options
        All of its options; those that are not given take their defaults.

    Raises
    ------
    UsageError
        When there is no such kind or option, or a value is of the wrong kind or out of bounds.
    """

    kind: str
    options: Mapping[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        defaults = lookup("stage", self.kind, STAGES)
        settled = settle(self.options, defaults, f"stage {self.kind!r}", BOUNDS[self.kind])
        object.__setattr__(self, "options", settled)

    @classmethod
    def parse(cls, text: str) -> Stage:
        """Read ``expand`` or ``expand:n=10,alpha=3``.

        Raises
        ------
        UsageError
            As the class, and when the text is not of that form.
        """
        kind, _, rest = text.partition(":")
        defaults = lookup("stage", kind.strip(), STAGES)
        options: dict[str, Option] = {}
        for part in rest.split(",") if rest.strip() else ():
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals or key in options:
                fault = "is given twice" if key in options else "is not of the form key=value"
                raise UsageError(f"{part.strip()!r} in stage {text!r} {fault}; write {kind}:key=value,...")
            options[key] = _value(value, defaults.get(key))
        return cls(kind.strip(), options)

    def __str__(self) -> str:
        """Numbers always, switches where they are not as by default."""
        numbers = [f"{key}={value:g}" for key, value in self.options.items() if type(value) is not bool]
        turned = [
            f"{key}={str(value).lower()}"
            for key, value in self.options.items()
            if type(value) is bool and value != STAGES[self.kind][key]
        ]
        return f"{self.kind}({', '.join(numbers + turned)})"


def _value(text: str, default: Option | None) -> Option:
    """A value of the default's kind; a text that is none is left for the check of options to name."""
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return type(default)(text) if isinstance(default, int | float) else text
    except ValueError:
        return text


class Localise(Protocol):
    """Finds in which part of a picture the query lies."""

    def __call__(self, query: int, ids: IntArray) -> tuple[FloatArray, list[Box | None]]:
        """Scores ``(m,)`` and boxes of the pictures ``ids`` for a row of the queries.

        A picture whose score is not finite could not be looked at, and keeps its place behind the others.
        """


@dataclass(frozen=True)
class Ranked:
    """Rankings, and where in the hits the queries were found.

    Attributes
    ----------
    ranking
        The ids are the gallery's.
    boxes
        A table for each query: id of a hit to the box found, in pixels of the hit's upright original. The
        tables are empty without a localise stage.
    """

    ranking: Ranking
    boxes: tuple[Mapping[int, Box], ...]


def rank(
    gallery: Gallery,
    queries: FloatArray,
    k: int,
    stages: Sequence[Stage] = (),
    *,
    localiser: Localise | None = None,
) -> Ranked:
    """Search, then run the stages in the order given.

    A stage that orders only the first hits leaves the others behind these, in the order they had. Their
    scores are shifted down where they would not lie below, and then mean no more than that order. Each query
    is ranked as if it were asked alone. Queries are taken in blocks of `BLOCK` places.

    Parameters
    ----------
    queries
        Finite float32, shape ``(q, d)``.
    k
        How many hits a query gets.
    localiser
        What a localise stage asks.

    Raises
    ------
    UsageError
        As `likewise.ranking.exact.search`; when an augment stage is not the first, a localise stage has no
        localiser, or a stage needs cosines and the vectors have other lengths than 1.
    """
    check(gallery.vectors, queries, k)
    _fits(gallery, stages, localiser)
    if stages and stages[0].kind == "augment":
        gallery, stages = gallery.augmented(**dict[str, Any](stages[0].options)), stages[1:]
    depth = max([k, *(int(stage.options.get(key, 0)) for stage in stages for key in ("n", "kq", "top"))])
    depth = min(depth, max(1, len(gallery)))
    step = max(1, BLOCK // depth)
    blocks = []
    for start in range(0, max(1, len(queries)), step):
        block = _Block(gallery, queries[start : start + step], start, depth, localiser)
        for stage in stages if len(gallery) else ():
            block.run(stage)
        blocks.append(block.ranked(k))
    return _joined(blocks)


def _joined(blocks: Sequence[Ranked]) -> Ranked:
    ids = np.concatenate([block.ranking.ids for block in blocks])
    scores = np.concatenate([block.ranking.scores for block in blocks])
    return Ranked(Ranking(ids, scores), tuple(boxes for block in blocks for boxes in block.boxes))


def _fits(gallery: Gallery, stages: Sequence[Stage], localiser: Localise | None) -> None:
    for place, stage in enumerate(stages):
        if stage.kind == "augment" and place:
            raise UsageError(f"stage {stage} changes the gallery before it is searched; put it first")
        if stage.kind == "localise" and localiser is None:
            raise UsageError(f"stage {stage} needs the pictures themselves, and only vectors are at hand")
        cosines = stage.kind == "diffuse" or (
            stage.kind in ("augment", "expand") and float(stage.options["alpha"]) > 0
        )
        if cosines and not gallery.unit:
            raise UsageError(
                f"stage {stage} is made of cosines, and these vectors are compared by l2 at lengths other "
                "than 1; take a recipe with distance = 'cosine', or one that ends with an l2 transform"
            )


class _Block:
    """Some queries on their way through the stages; places are rows of the gallery."""

    def __init__(
        self, gallery: Gallery, queries: FloatArray, start: int, depth: int, localiser: Localise | None
    ) -> None:
        self.gallery, self.queries, self.start, self.depth = gallery, queries, start, depth
        self.localiser = localiser
        self.boxes: list[dict[int, Box]] = [{} for _ in queries]
        self._search()

    def _search(self) -> None:
        found = self.gallery.search(self.queries, self.depth)
        self.places, self.scores = found.ids, found.scores

    def run(self, stage: Stage) -> None:
        """Put the ranking that the stage makes in the place of the one so far."""
        options = dict[str, Any](stage.options)
        match stage.kind:
            case "expand":
                self._expand(**options)
            case "reciprocal":
                self._reciprocal(**options)
            case "diffuse":
                self._diffuse(**options)
            case _:
                self._localise(**options)

    def ranked(self, k: int) -> Ranked:
        """The first ``k`` places as ids, and their boxes."""
        ids = self.gallery.ids[self.places[:, :k]]
        kept = (
            {name: boxes[name] for name in row if name in boxes}
            for row, boxes in zip(ids.tolist(), self.boxes, strict=True)
        )
        return Ranked(Ranking(ids, self.scores[:, :k]), tuple(kept))

    def _expand(self, n: int, alpha: float, own: bool) -> None:
        vectors, unit = self.gallery.vectors, self.gallery.unit
        near = self.places[:, :n]
        self.queries = mixed(self.queries, vectors, near, alpha=alpha, unit=unit, own_weight=float(own))
        self._search()

    def _reciprocal(self, top: int, **options: Any) -> None:
        for row, query in enumerate(self.queries):
            head = self.places[row, :top]
            self._put(row, head, reciprocal(query, self.gallery.vectors[head], **options))

    def _localise(self, top: int) -> None:
        localiser = cast(Localise, self.localiser)  # `rank` has refused its absence
        for row in range(len(self.queries)):
            head = self.places[row, :top]
            ids = self.gallery.ids[head]
            scores, boxes = localiser(self.start + row, ids)
            self.boxes[row].update({name: box for name, box in zip(ids.tolist(), boxes, strict=True) if box})
            seen = np.isfinite(scores)
            self._put(row, head[seen], scores[seen])

    def _diffuse(self, top: int, kq: int, **options: Any) -> None:
        gamma, vectors = np.float32(options["gamma"]), self.gallery.vectors
        near = self.places[:, : min(kq, top or kq)]
        pairs = zip(near, self.queries, strict=True)
        cosines = np.array([vectors[rows] @ query for rows, query in pairs], np.float32).reshape(near.shape)
        sources = np.maximum(cosines, 0) ** gamma
        if top:
            self._diffuse_shortlists(sources, top, options)
        else:
            self._diffuse_everywhere(sources, near, **options)

    def _diffuse_shortlists(self, near: FloatArray, top: int, options: Mapping[str, Any]) -> None:
        from likewise.ranking import diffusion  # loads scipy

        heads = self.places[:, :top].copy()
        sources = np.zeros(heads.shape, np.float32)
        sources[:, : near.shape[1]] = near
        flows = diffusion.over_shortlists(self.gallery.neighbours, heads, sources, **options)
        for row, (head, flow) in enumerate(zip(heads, flows, strict=True)):
            self._put(row, head[flow > 0], flow[flow > 0])

    def _diffuse_everywhere(
        self, weights: FloatArray, near: IntArray, *, k: int, gamma: float, alpha: float, iterations: int
    ) -> None:
        from likewise.ranking import diffusion  # loads scipy

        graph, everything = self.gallery.graph(k, gamma), np.arange(len(self.gallery.vectors))
        step = max(1, BLOCK // len(everything))
        for start in range(0, len(near), step):
            rows = slice(start, start + step)
            sources = np.zeros((len(near[rows]), len(everything)), np.float32)
            np.put_along_axis(sources, near[rows], weights[rows], axis=1)
            for row, flow in enumerate(diffusion.diffuse(graph, sources, alpha, iterations), start):
                head = best(flow, everything, self.depth)
                head = head[flow[head] > 0]
                self._put(row, head, flow[head])

    def _put(self, row: int, head: IntArray, scores: FloatArray) -> None:
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
