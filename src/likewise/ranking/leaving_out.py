"""Rankings of galleries that hold the pictures asked with, as if those were not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from likewise.ranking.gallery import Gallery
from likewise.ranking.reranking import Localise
from likewise.ranking.stages import Ranked, Stage, rank
from likewise.types import Box, FloatArray, IntArray, Ranking


def rank_others(
    gallery: Gallery,
    queries: FloatArray,
    own: Sequence[int | None],
    k: int,
    stages: Sequence[Stage],
    *,
    localiser: Localise | None = None,
) -> Ranked:
    """Rank each query in the gallery without its own row.

    That row is no hit that the query is expanded with, no neighbour, and mixed into no other vector: what
    comes out is what a picture would get that is not in the gallery yet. Leaving it out of the finished
    ranking instead flatters whatever mixes vectors, since the right answers then hold a part of the query.
    Parameters and errors as for `likewise.ranking.stages.rank`, and besides:

    Parameters
    ----------
    own
        For each query its row of the gallery, or None. It is put at the end of the ranking, where there is
        room for it.
    """
    width = min(k, len(gallery))
    ids, scores, boxes = list[IntArray](), list[FloatArray](), list[Mapping[int, Box]]()
    for number, row in enumerate(own):
        there = gallery if row is None else gallery.without(row)
        one = partial(_of_query, localiser, number) if localiser else None
        found = rank(there, queries[number : number + 1], k, stages, localiser=one)
        ranking = found.ranking
        if row is not None and ranking.ids.shape[1] < width:
            ranking = _with_last(ranking, int(gallery.ids[row]))
        ids.append(ranking.ids)
        scores.append(ranking.scores)
        boxes += found.boxes
    return Ranked(Ranking(np.concatenate(ids), np.concatenate(scores)), tuple(boxes))


def _of_query(localiser: Localise, number: int, _: int, ids: IntArray) -> tuple[FloatArray, list[Box | None]]:
    """Ask for a row of all queries where `rank` knows of one query only."""
    return localiser(number, ids)


def _with_last(ranking: Ranking, name: int) -> Ranking:
    """One ranking with an id behind all others."""
    lowest = ranking.scores[0, -1] if ranking.scores.size else np.float32(0)
    score = np.nextafter(lowest, np.float32(-np.inf))
    return Ranking(np.append(ranking.ids, [[name]], axis=1), np.append(ranking.scores, [[score]], axis=1))
