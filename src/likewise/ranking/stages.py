"""Stages that may follow a search, by name and with options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from likewise.errors import UsageError
from likewise.ranking.exact import check
from likewise.ranking.gallery import Gallery
from likewise.ranking.reranking import BLOCK, STAGES, Block, Localise, Reranking
from likewise.registry import lookup
from likewise.tables import Option, settle
from likewise.types import Box, FloatArray, IntArray, Ranking


@dataclass(frozen=True)
class Stage:
    """One step after the search.

    Raises `UsageError` when there is no such kind or option, or a value is of the wrong kind or out of
    bounds.

    Attributes
    ----------
    kind
        A key of `likewise.ranking.reranking.STAGES`.
    options
        All of its options; those that are not given take their defaults.
    """

    kind: str
    options: Mapping[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        what = self.reranking
        settled = settle(self.options, what.options, f"stage {self.kind!r}", what.bounds)
        object.__setattr__(self, "options", settled)

    @property
    def reranking(self) -> Reranking:
        """The re-ranking that it names; raises `UnknownName` where there is none."""
        return lookup("stage", self.kind, STAGES)

    @classmethod
    def parse(cls, text: str) -> Stage:
        """Read ``expand`` or ``expand:n=10,alpha=3``.

        Raises `UsageError` as the class, and when the text is not of that form.
        """
        kind, _, rest = text.partition(":")
        defaults = lookup("stage", kind.strip(), STAGES).options
        options: dict[str, Option] = {}
        for part in rest.split(",") if rest.strip() else ():
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals or key in options:
                fault = "is given twice" if key in options else "is not of the form key=value"
                raise UsageError(f"{part.strip()!r} in stage {text!r} {fault}; write {kind}:key=value,...")
            options[key] = _value(value, defaults.get(key))
        return cls(kind.strip(), options)

    def check_words(self) -> None:
        """Refuse, with a `UsageError`, what works on vectors only, where visual words are searched."""
        if self.kind not in ("expand", "localise"):
            raise UsageError(f"stage {self} works on vectors: for visual words there are expand and localise")
        if self.options.get("alpha"):
            raise UsageError(f"stage {self} has an alpha, which visual words do not know: leave it out")
        if self.options.get("own") is False:
            raise UsageError(f"stage {self} leaves the query out, which visual words cannot: leave own out")

    def __str__(self) -> str:
        """Numbers always, switches where they are not as by default."""
        numbers = [f"{key}={value:g}" for key, value in self.options.items() if type(value) is not bool]
        turned = [
            f"{key}={str(value).lower()}"
            for key, value in self.options.items()
            if type(value) is bool and value != self.reranking.options[key]
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
    own: Sequence[int | None] | None = None,
    localiser: Localise | None = None,
) -> Ranked:
    """Search, then run the stages in the order given.

    A stage that orders only the first hits leaves the others behind these, in the order they had. Their
    scores are shifted down where they would not lie below, and then mean no more than that order. Each query
    is ranked as if it were asked alone. Queries are taken in blocks of `BLOCK` places. Raises `UsageError` as
    `likewise.ranking.exact.search`, when an augment stage is not the first, a localise stage has no
    localiser, or a stage needs cosines and the vectors have other lengths than 1.

    Parameters
    ----------
    queries
        Finite float32, shape ``(q, d)``.
    k
        How many hits a query gets.
    own
        For each query its row of the gallery, or None. Such a query is ranked as if its row were not there:
        it is no hit that the query is expanded with, no neighbour, and mixed into no other vector. To leave
        it out of the finished ranking instead flatters whatever mixes vectors, since the right answers then
        hold a part of the query. It is put at the end of the ranking, where there is room for it.
    localiser
        What a localise stage asks.
    """
    if own is not None:
        return _rank_others(gallery, queries, own, k, stages, localiser)
    check(gallery.vectors, queries, k)
    _fits(gallery, stages, localiser)
    if stages and (prepare := stages[0].reranking.prepare):
        gallery, stages = prepare(gallery, **stages[0].options), stages[1:]
    depth = max([k, *(int(stage.options[key]) for stage in stages for key in stage.reranking.depth)])
    depth = min(depth, max(1, len(gallery)))
    step = max(1, BLOCK // depth)
    blocks = []
    for start in range(0, max(1, len(queries)), step):
        block = Block(gallery, queries[start : start + step], start, depth, localiser)
        for stage in stages if len(gallery) else ():
            if run := stage.reranking.run:
                run(block, **stage.options)
        blocks.append(_ranked(block, k))
    return _joined(blocks)


def _joined(blocks: Sequence[Ranked]) -> Ranked:
    ids = np.concatenate([block.ranking.ids for block in blocks])
    scores = np.concatenate([block.ranking.scores for block in blocks])
    return Ranked(Ranking(ids, scores), tuple(boxes for block in blocks for boxes in block.boxes))


def _fits(gallery: Gallery, stages: Sequence[Stage], localiser: Localise | None) -> None:
    for place, stage in enumerate(stages):
        what = stage.reranking
        if what.prepare and place:
            raise UsageError(f"stage {stage} changes the gallery before it is searched; put it first")
        if what.looks and localiser is None:
            raise UsageError(f"stage {stage} needs the pictures themselves, and only vectors are at hand")
        if what.cosines(**stage.options) and not gallery.unit:
            raise UsageError(
                f"stage {stage} is made of cosines, and these vectors are compared by l2 at lengths other "
                "than 1; take a recipe with distance = 'cosine', or one that ends with an l2 transform"
            )


def _ranked(block: Block, k: int) -> Ranked:
    """The first ``k`` places as ids, and their boxes."""
    ids = block.gallery.ids[block.places[:, :k]]
    kept = (
        {name: boxes[name] for name in row if name in boxes}
        for row, boxes in zip(ids.tolist(), block.boxes, strict=True)
    )
    return Ranked(Ranking(ids, block.scores[:, :k]), tuple(kept))


def _rank_others(
    gallery: Gallery,
    queries: FloatArray,
    own: Sequence[int | None],
    k: int,
    stages: Sequence[Stage],
    localiser: Localise | None,
) -> Ranked:
    """Rank each query in the gallery without its own row."""
    width, rankings = min(k, len(gallery)), []
    for number, row in enumerate(own):
        there = gallery if row is None else gallery.without(row)
        localise = partial(_of_query, localiser, number) if localiser else None
        ranked = rank(there, queries[number : number + 1], k, stages, localiser=localise)
        if row is not None and ranked.ranking.ids.shape[1] < width:
            ranked = replace(ranked, ranking=_with_last(ranked.ranking, int(gallery.ids[row])))
        rankings.append(ranked)
    return _joined(rankings)


def _of_query(localiser: Localise, number: int, _: int, ids: IntArray) -> tuple[FloatArray, list[Box | None]]:
    """Ask for a row of all queries where `rank` knows of one query only."""
    return localiser(number, ids)


def _with_last(ranking: Ranking, name: int) -> Ranking:
    """One ranking with an id behind all others."""
    lowest = ranking.scores[0, -1] if ranking.scores.size else np.float32(0)
    score = np.nextafter(lowest, np.float32(-np.inf))
    return Ranking(np.append(ranking.ids, [[name]], axis=1), np.append(ranking.scores, [[score]], axis=1))
