"""Questions to indexes of visual words, and what may follow the search there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from likewise.ranking.stages import Stage
from likewise.types import Box, IntArray, Scores
from likewise.words import Fit, Sketch
from likewise.words.index import Layers, QuerySketch


@dataclass(frozen=True, eq=False)
class Answers:
    """Ranked answers to a question.

    Attributes
    ----------
    ids
        Int64 ``(n,)``: pictures of the layers, best first.
    scores
        Float64 ``(n,)``, one for each of them.
    boxes
        Where the query lies in them, by id; of those that were localised.
    """

    ids: IntArray
    scores: Scores
    boxes: dict[int, Box]


def rank_sketches(
    layers: Layers,
    question: Sequence[QuerySketch],
    stages: Sequence[Stage],
    held: Callable[[int], Sketch],
    size: Callable[[int], tuple[int, int]],
    *,
    among: IntArray | None = None,
    threads: int = 1,
) -> Answers:
    """Rank all pictures for a question, then run the stages in the order given.

    ``expand`` asks again with the first hits besides, all of them together as much as one picture. Localised
    hits in which the query is found come first, by how much speaks for that; the others follow in the order
    they had, their scores shifted down where they would not lie below.

    Parameters
    ----------
    held
        Gives what is stored of a picture, by its id.
    size
        Gives its width and height.
    among
        Places of the pictures that are searched among; None for all.
    """
    scores = _scores(layers, question, among, threads)
    boxes: dict[int, Box] = {}
    for stage in stages:
        first = _best(scores, int(stage.options["n" if stage.kind == "expand" else "top"]))
        ids = layers.pictures[first].tolist()
        if stage.kind == "expand":
            question = [*question, *(QuerySketch(held(picture), 1 / len(ids)) for picture in ids)]
            scores = _scores(layers, question, among, threads)
        else:
            fits = [layers.look(question, held(picture), size(picture)).fit for picture in ids]
            scores = _fitted(scores, first, fits)
            boxes |= {picture: fit.box for picture, fit in zip(ids, fits, strict=True) if fit}
    order = _best(scores, len(scores))
    return Answers(layers.pictures[order], scores[order], boxes)


def _scores(layers: Layers, question: Sequence[QuerySketch], among: IntArray | None, threads: int) -> Scores:
    scores = layers.scores(question, threads=threads)
    if among is None:
        return scores
    left = np.full_like(scores, -np.inf)
    left[among] = scores[among]
    return left


def _best(scores: Scores, count: int) -> IntArray:
    """Places of the best, best first; equal ones in the order of their ids."""
    order = np.argsort(-scores, kind="stable")[:count]
    return order[np.isfinite(scores[order])]


def _fitted(scores: Scores, places: IntArray, fitted: Sequence[Fit | None]) -> Scores:
    """Scores by which those with a fit come first."""
    fits = {place: fit.score for place, fit in zip(places.tolist(), fitted, strict=True) if fit}
    if not fits:
        return scores
    changed = scores.copy()
    rest = np.ones(len(scores), bool)
    rest[list(fits)] = False
    edge = np.nextafter(min(fits.values()), -np.inf)
    changed[rest] -= max(0.0, scores[rest].max(initial=-np.inf) - edge)
    changed[list(fits)] = list(fits.values())
    return changed
