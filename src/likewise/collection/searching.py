"""Asking the layers of a collection, one or several, for one query."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from likewise.collection.comparing import SHARES
from likewise.collection.layer import Answer, LayerIndex, PatchMatches, Sources
from likewise.collection.query import Query, QueryPicture
from likewise.collection.reports import Comparison
from likewise.errors import UsageError
from likewise.inspection.explain import Explanation
from likewise.ranking.layers import LayerScores, fused
from likewise.ranking.stages import Stage
from likewise.types import Hit, Hits, IntArray

T = TypeVar("T")


@dataclass(frozen=True)
class Searcher:
    """One moment of a collection, ready to be asked.

    Attributes
    ----------
    indexes
        The layers that are asked, at least one.
    """

    sources: Sources
    indexes: tuple[LayerIndex, ...]

    def search(
        self, query: Query, *, k: int, under: str | os.PathLike[str] | None, stages: Sequence[Stage]
    ) -> Hits:
        """The ``k`` best, best first; see `likewise.collection.collection.Collection.search`."""
        asked = self._for(query)
        work = asked.stages(stages)
        questions = [index.ask(query) for index in asked.indexes]
        asked = asked if under is None else asked.under(under)
        if len(asked.indexes) == 1:
            return asked._hits(asked.indexes[0].search(questions[0], k, work[0]), [])
        answers = [
            index.search(question, max(1, len(index.ids)), steps)
            for index, question, steps in zip(asked.indexes, questions, work, strict=True)
        ]
        scores = asked._aligned(answers)
        total = fused(scores)
        best = np.argsort(-total, kind="stable")[:k]
        boxes = {picture: box for answer in reversed(answers) for picture, box in answer.boxes.items()}
        return asked._hits(Answer(asked.ids[best], total[best], boxes), scores)

    def compare(self, query: Query, picture: QueryPicture) -> Comparison:
        """Score two pictures; see `likewise.collection.collection.Collection.compare`.

        Several layers score together. Quantiles and percentile are then of the scores of all pictures for
        this very query, as they are for visual words.
        """
        asked = self._for(query)
        if len(asked.indexes) == 1:
            return asked.indexes[0].compare(query, picture)
        questions = [index.ask(query) for index in asked.indexes]
        answers = [
            index.search(question, max(1, len(index.ids)), ())
            for index, question in zip(asked.indexes, questions, strict=True)
        ]
        pair = [
            index.against(question, picture) for index, question in zip(asked.indexes, questions, strict=True)
        ]
        total = fused(
            [
                replace(one, scores=np.append(one.scores, score))
                for one, score in zip(asked._aligned(answers), pair, strict=True)
            ]
        )
        similarity = float(total[-1])
        own = [row for one in (query.picture, picture) if (row := self.sources.own(one)) is not None]
        others = total[:-1][~np.isin(asked.ids, own)]
        return Comparison(
            similarity,
            dict(zip(SHARES, np.quantile(others, SHARES).tolist(), strict=True)) if len(others) else {},
            100 * float(np.mean(others < similarity)) if len(others) else None,
            1 + int(np.count_nonzero(others > similarity)),
        )

    def explain(self, query: Query, picture: QueryPicture, layer: str | None = None) -> Explanation:
        """Share the similarity of two pictures out among places, by one layer or the first that can.

        Raises
        ------
        UsageError
            When there is no such layer, or none can.
        """
        return self._first(lambda index: index.explain(query, picture), layer)

    def matches(self, query: Query, picture: QueryPicture, layer: str | None = None) -> PatchMatches:
        """Which places of two pictures match; layers and errors as for `explain`."""
        return self._first(lambda index: index.matches(query, picture), layer)

    def _first(self, ask: Callable[[LayerIndex], T], layer: str | None) -> T:
        chosen = [index for index in self.indexes if layer in (None, index.name)]
        if not chosen:
            known = ", ".join(index.name for index in self.indexes)
            raise UsageError(f"{self.sources.path} has no layer {layer!r}: its layers are {known}")
        *others, last = chosen
        for index in others:
            with suppress(UsageError):
                return ask(index)
        return ask(last)

    def under(self, where: str | os.PathLike[str]) -> Searcher:
        """The same for the pictures in a folder or matching a glob.

        Raises
        ------
        UsageError
            When there are none.
        """
        chosen = self.sources.under(where)
        return replace(self, indexes=tuple(index.only(chosen) for index in self.indexes))

    def stages(self, stages: Sequence[Stage]) -> list[list[Stage]]:
        """For each layer those of the stages that it can run.

        Raises
        ------
        UsageError
            When there is one that none can run.
        """
        work: list[list[Stage]] = [[] for _ in self.indexes]
        for stage in stages:
            refusals = []
            for index, steps in zip(self.indexes, work, strict=True):
                try:
                    index.check(stage)
                except UsageError as refusal:
                    refusals.append(refusal)
                else:
                    steps.append(stage)
            if len(refusals) == len(self.indexes):
                raise refusals[0]
        return work

    @property
    def ids(self) -> IntArray:
        """All pictures that some layer can find, rising, int64 ``(n,)``."""
        found: IntArray = np.unique(np.concatenate([index.ids for index in self.indexes]))
        return found

    def _for(self, query: Query) -> Searcher:
        """The layers that can be asked for this; where none can, the first says why."""
        able = tuple(index for index in self.indexes if index.takes(query))
        return replace(self, indexes=able or self.indexes[:1])

    def _aligned(self, answers: Sequence[Answer]) -> list[LayerScores]:
        """What the layers gave, in the order of `ids`; NaN where a layer knows nothing of a picture."""
        ids = self.ids
        aligned = []
        for index, answer in zip(self.indexes, answers, strict=True):
            scores = np.full(len(ids), np.nan)
            scores[np.searchsorted(ids, answer.ids)] = answer.scores
            aligned.append(LayerScores(index.name, index.local, scores))
        return aligned

    def _hits(self, answer: Answer, scores: Sequence[LayerScores]) -> Hits:
        ids, ranked = answer.ids.tolist(), answer.scores.tolist()
        paths = self.sources.catalogue.where(ids)
        rows = np.searchsorted(self.ids, answer.ids).tolist() if scores else ids
        hits = Hits(
            Hit(
                picture,
                Path(paths[picture]),
                score,
                rank,
                answer.boxes.get(picture),
                scores={one.name: float(one.scores[row]) for one in scores} if scores else None,
            )
            for rank, (picture, score, row) in enumerate(zip(ids, ranked, rows, strict=True), 1)
            if picture in paths  # unless it was removed a moment ago
        )
        hits.left_out = max(index.left_out for index in self.indexes)
        return hits


def staged(then: Sequence[Stage | str]) -> list[Stage]:
    """Stages, those in words read.

    Raises
    ------
    UsageError
        When one cannot be understood, or a text is given where a list of them belongs.
    """
    if isinstance(then, str | Stage):
        raise UsageError(f"stages are a list: [{str(then)!r}]")
    return [stage if isinstance(stage, Stage) else Stage.parse(stage) for stage in then]
