"""Asking the layers of a collection, one or several, for one query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from likewise.collection.layers.comparing import Comparison
from likewise.collection.layers.evidence import (
    EXPANDED,
    FILLED,
    SURE,
    VERIFIED,
    candidates,
    completed,
    expanded,
    expected_false,
    false_fits,
    false_together,
    together,
    verdict,
)
from likewise.collection.layers.layer import LayerHits, LayerIndex, Located, PatchMatches, Sources
from likewise.collection.layers.query import Query, QueryPicture, is_number, whole
from likewise.errors import CollectionDamaged, UsageError
from likewise.explaining import Explanation
from likewise.ranking import Stage
from likewise.types import Hit, Hits, IntArray, Scores
from likewise.words import Fit

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

    def search(self, query: Query, *, k: int, among: IntArray | None, stages: Sequence[Stage]) -> Hits:
        """The ``k`` best, best first, among pictures of some ids, or of all.

        See `likewise.collection.collection.Collection.search`.
        """
        asked = self._for(query)
        chains = asked.stages(stages)
        questions = [index.ask(query) for index in asked.indexes]
        alone = len(asked.indexes) == 1 and not asked.indexes[0].verifies
        if among is not None and (alone or stages):
            asked, among = replace(asked, indexes=tuple(one.only(among) for one in asked.indexes)), None
        plain = not (query.also or query.yes or query.no or query.box or stages)
        own = whole(query.picture, "an id") if plain and is_number(query.picture) else None
        if alone:
            [index] = asked.indexes
            answer = index.search(questions[0], k, chains[0])
            if own is not None and own in index.ids:
                answer = _itself_first(answer, own)
            return asked._hits(answer)
        verified = max([VERIFIED, *(int(one.options["top"]) for one in stages if one.kind == "localise")])
        return asked._weighed(query, questions, chains, k, among, verified, own)

    def _weighed(
        self,
        query: Query,
        questions: Sequence[Any],
        chains: Sequence[Sequence[Stage]],
        k: int,
        among: IntArray | None,
        verified: int,
        own: int | None,
    ) -> Hits:
        """Hits by the evidence of all layers together, the first of them verified.

        What is usual for the query is measured on all pictures, whichever of them it is searched among. The
        surest hit of these is then asked as well, unless hits were judged.
        """
        answers = self._answers(questions, chains)
        parts = self._evidence(answers)
        total = together(parts)
        pool = np.arange(len(total)) if among is None else np.flatnonzero(np.isin(self.ids, among))
        first = candidates(total[pool], [part[pool] for part in parts], verified)
        fits = self._fits(questions, pool[first])
        for place, located in fits.items():
            total[place] += located.evidence
        if not (query.yes or query.no):
            total = self._expanded(query, total, fits)
        false = _false(total, fits)
        itself = self.ids[pool] == own
        given = {name: completed(part) for name, part in zip(self._names, parts, strict=True)}
        total[pool[itself]] = total[pool].max(initial=-np.inf)  # nothing is more surely the same thing
        order = pool[np.lexsort((~itself, -total[pool]))]
        # above a hit are to be expected no more than above those below it
        false[order] = np.minimum.accumulate(false[order][::-1])[::-1]
        best = order[:k]
        boxes = {picture: box for answer in reversed(answers) for picture, box in answer.boxes.items()}
        known = [self._aligned(answer.ids, answer.scores) for answer in answers]
        hits = self._hits(LayerHits(self.ids[best], total[best], boxes))
        rows = np.searchsorted(self.ids, [hit.id for hit in hits]).tolist()
        weighed = [
            replace(
                hit,
                scores={name: float(scores[row]) for name, scores in zip(self._names, known, strict=True)},
                evidence=_shares(
                    hit.score, {name: float(part[row]) for name, part in given.items()}, fits.get(row)
                ),
                expected_false=float(false[row]),
                **_found(false[row], fits.get(row)),
            )
            for hit, row in zip(hits, rows, strict=True)
        ]
        return Hits(weighed, hits.left_out)

    def _expanded(self, query: Query, total: Scores, fits: Mapping[int, Located]) -> Scores:
        """Evidence with that by way of the surest hit that leads on."""
        false, own = _false(total, fits), self.sources.own(query.picture)
        for place in sorted(fits, key=lambda place: -total[place]):
            picture = int(self.ids[place])
            if picture == own or false[place] >= SURE or not self._leads_on(picture, fits[place].fit):
                continue
            try:
                questions = [index.question_of(picture) for index in self.indexes]
            except (CollectionDamaged, UsageError):  # or removed a moment ago
                continue
            parts = self._evidence(self._answers(questions, [()] * len(questions)))
            via = together(parts)
            for at, located in self._fits(questions, candidates(via, parts, EXPANDED)).items():
                via[at] += located.evidence
            return expanded(total, via, total[place])
        return total

    def _leads_on(self, picture: int, fit: Fit) -> bool:
        """Whether a hit shows little else than what was asked for, and is no copy, which finds the same."""
        size = self.sources.catalogue.size_of(picture)
        if size is None:
            return False
        copy = (np.equal(fit.outline, 0) | np.equal(fit.outline, size)).all()
        width, height = fit.box.x2 - fit.box.x1, fit.box.y2 - fit.box.y1
        return not copy and width * height > FILLED * size[0] * size[1]

    @property
    def _names(self) -> list[str]:
        return [index.name for index in self.indexes]

    def _answers(self, questions: Sequence[Any], chains: Sequence[Sequence[Stage]]) -> list[LayerHits]:
        """Scores of all pictures, layer by layer."""
        return [
            index.search(question, max(1, len(index.ids)), steps)
            for index, question, steps in zip(self.indexes, questions, chains, strict=True)
        ]

    def _evidence(self, answers: Sequence[LayerHits]) -> list[Scores]:
        """Their evidence for the pictures in the order of `ids`; NaN where a layer knows nothing."""
        return [
            self._aligned(answer.ids, index.evidence(answer.scores))
            for index, answer in zip(self.indexes, answers, strict=True)
        ]

    def _aligned(self, ids: IntArray, values: NDArray[Any]) -> Scores:
        aligned = np.full(len(self.ids), np.nan)
        aligned[np.searchsorted(self.ids, ids)] = values
        return aligned

    def _fits(self, questions: Sequence[Any], places: IntArray) -> dict[int, Located]:
        """Where the query lies in pictures, by their places in `ids`; by the layer in which it fits best."""
        fits: dict[int, Located] = {}
        for index, question in zip(self.indexes, questions, strict=True):
            for place in places.tolist() if index.verifies else ():
                match = index.locate(question, int(self.ids[place]))
                if match is not None:
                    fits[place] = max(match, fits.get(place, match), key=lambda located: located.fit.score)
        return fits

    def compare(self, query: Query, picture: QueryPicture) -> Comparison:
        """Score two pictures; see `likewise.collection.collection.Collection.compare`.

        Several layers score together. Quantiles and percentile are then of the scores of all pictures for
        this very query, as they are for visual words.
        """
        asked = self._for(query)
        if len(asked.indexes) == 1 and not asked.indexes[0].verifies:
            return asked.indexes[0].compare(query, picture)
        questions = [index.ask(query) for index in asked.indexes]
        total = together(
            [
                asked._with(index, answer, index.against(question, picture))
                for index, question, answer in zip(
                    asked.indexes, questions, asked._answers(questions, [()] * len(questions)), strict=True
                )
            ]
        )
        fits = [
            located
            for index, question in zip(asked.indexes, questions, strict=True)
            if (located := index.locate(question, picture))
        ]
        if fits:  # by the layer in which it fits best, as `_fits`
            total[-1] += max(fits, key=lambda located: located.fit.score).evidence
        others = total[:-1][~np.isin(asked.ids, self.sources.owned(*query.pictures, picture))]
        return Comparison.among(float(total[-1]), others, others)

    def shares(self, query: Query, picture: QueryPicture) -> tuple[float, ...] | None:
        """Shares of a query's pictures in the score of one, before any stages.

        In the order of the query: its picture, ``also``, ``yes``, ``no``. They add up to the score. None
        where that is not the likeness of one vector.
        """
        asked = self._for(query)
        return asked.indexes[0].shares(query, picture) if len(asked.indexes) == 1 else None

    def explain(self, query: Query, picture: QueryPicture, layer: str | None = None) -> Explanation:
        """Share the similarity of two pictures out among places, by one layer or the first that can.

        Raises `UsageError` when there is no such layer, or none can.
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

    def exactly(self) -> Searcher:
        """The same, in which every picture is compared."""
        return replace(self, indexes=tuple(index.exactly() for index in self.indexes))

    def stages(self, stages: Sequence[Stage]) -> list[list[Stage]]:
        """For each layer those of the stages that it can run.

        Where a layer verifies hits, it localises them too: then no other layer does. Raises `UsageError` when
        there is one that none can run.
        """
        chains: list[list[Stage]] = [[] for _ in self.indexes]
        for stage in stages:
            if stage.kind == "localise" and any(index.verifies for index in self.indexes):
                continue
            refusals = []
            for index, steps in zip(self.indexes, chains, strict=True):
                try:
                    index.check(stage)
                except UsageError as refusal:
                    refusals.append(refusal)
                else:
                    steps.append(stage)
            if len(refusals) == len(self.indexes):
                raise refusals[0]
        return chains

    @cached_property
    def ids(self) -> IntArray:
        """All pictures that some layer can find, rising, int64 ``(n,)``."""
        ids: IntArray = np.unique(np.concatenate([index.ids for index in self.indexes]))
        return ids

    def _for(self, query: Query) -> Searcher:
        """The layers that can be asked for this; where none can, the first says why."""
        able = tuple(index for index in self.indexes if index.takes(query))
        return replace(self, indexes=able or self.indexes[:1])

    def _with(self, index: LayerIndex, answer: LayerHits, score: float) -> Scores:
        """The evidence for the pictures of `ids`, and for one more behind them, of the score given."""
        evidence = index.evidence(np.append(answer.scores, score))
        return np.append(self._aligned(answer.ids, evidence[:-1]), evidence[-1])

    def _hits(self, answer: LayerHits) -> Hits:
        ids = answer.ids.tolist()
        paths = self.sources.catalogue.where(ids)
        hits = [
            Hit(picture, Path(paths[picture]), score, rank, answer.boxes.get(picture))
            for rank, (picture, score) in enumerate(zip(ids, answer.scores.tolist(), strict=True), 1)
            if picture in paths  # unless it was removed a moment ago
        ]
        return Hits(hits, max(index.left_out for index in self.indexes), answer.recall)


_SAME = 1e-6
"""Difference of two scores that is rounding, as a share of the higher one where that is above 1."""


def _itself_first(answer: LayerHits, own: int) -> LayerHits:
    """An answer in which the picture that was asked by its id comes before copies of it.

    Copies have its score, up to rounding; where they are so many that it was cut off, it replaces the last.
    """
    ids, scores = answer.ids.tolist(), answer.scores.tolist()
    row = ids.index(own) if own in ids else len(ids) - 1
    least = scores[row] + _SAME * max(1.0, abs(scores[row]))
    first = next(place for place, score in enumerate(scores) if score <= least)
    if own not in ids and first:  # others are better than it, or it than none of these
        return answer
    order = [*range(first), row, *(place for place in range(first, len(ids)) if place != row)]
    moved = answer.ids[order]
    moved[first] = own
    return replace(answer, ids=moved, scores=answer.scores[order])


def _false(total: Scores, fits: Mapping[int, Located]) -> Scores:
    """How many false hits are to be expected above each picture, by what layers give and by its fit."""
    count, given = len(total), total.copy()
    for place, located in fits.items():
        given[place] -= located.evidence
    false = expected_false(given)
    for place, located in fits.items():
        false[place] = false_together(false[place], false_fits(located.fit.score, count), count)
    return false


def _shares(score: float, layers: dict[str, float], located: Located | None) -> dict[str, float]:
    """Shares of a score: those of layers, of the fit, and the rest, which is by way of another hit."""
    shares = layers | ({"fit": located.evidence} if located else {})
    rest = score - sum(shares.values())
    return shares | ({"expansion": rest} if rest > _SAME * max(1.0, abs(score)) else {})


def _found(false: float, located: Located | None) -> dict[str, Any]:
    """The fields of a hit that follow from whether it was found by a fit."""
    if located is None:
        return {"verdict": verdict(false, verified=False)}
    fit = located.fit
    outline = tuple((float(x), float(y)) for x, y in fit.outline)
    return {
        "verdict": verdict(false, verified=True),
        "box": fit.box,
        "inliers": fit.count,
        "outline": outline,
    }


def staged(then: Sequence[Stage | str]) -> list[Stage]:
    """Stages, those in words read.

    Raises `UsageError` when one cannot be understood, or something is given where a list of them belongs.
    """
    if isinstance(then, str) or not isinstance(then, Iterable):
        raise UsageError(f"stages are a list: [{str(then)!r}]")
    if odd := [stage for stage in then if not isinstance(stage, str | Stage)]:
        raise UsageError(f"a stage is a text such as 'expand:n=5', not {odd[0]!r}")
    return [stage if isinstance(stage, Stage) else Stage.parse(stage) for stage in then]
