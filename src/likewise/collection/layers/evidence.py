"""Evidence: what the scores of several layers say together, and what that means in this collection.

Each layer turns its scores into evidence that a picture shows the same thing rather than another: logarithms
of how much likelier its score is then. Those of different layers add up, so that none has to be sure, and one
that finds nothing takes nothing away from the others. The forms are fixed and measured in what is usual for
the query at hand; the figures below were chosen on one half of the queries on buildings, record covers and
the demo set, together for all three, and `benchmarks.same_thing` tells what they are worth on the other half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.types import Scores

Verdict: TypeAlias = Literal["same", "alike", "nothing"]

VERIFIED = 50
"""First hits that are verified."""

EXPANDED = 20
"""First hits that are verified by way of the surest one."""

FILLED = 0.5
"""Share of a hit that what was asked for has to fill, if others are to be found by way of it."""

SURE, DOUBTFUL = 0.05, 0.3
"""False hits to be expected: with fewer a verified picture shows the same thing, with fewer one is alike."""

_SLOPE = 3.5  # nats for each standard deviation by which a similarity lies above what is usual
_VOTES = 1.5  # nats for each time that votes are e times what is usual
_STRAY = 30.0  # votes for a picture of another thing, where few pictures are there to tell
_MATCHES = 1000  # votes that a share of 1 counts as: a picture has about as many features
_FITS, _FIT = 5.0, 10.0  # keypoints of one fit lie on the same edges and forms: they count less and less
_REACH, _DEPENDENT = 0.01, 18.0  # share of other things that fit at all; nats by which 1 of e fit more
_USUAL = (0.45, 0.1)  # similarity of two photographs, and its deviation, where few pictures are there to tell
_TAIL = (3.0, 1.4)  # evidence that 1 of 10 pictures of other things reaches; by how much 1 of e of these more
_FEW = 10  # pictures that those figures count as
_SLOWER = 1.25  # times slower than to the third quartile that of other things falls off to the ninth decile


def of_similarities(similarities: Scores) -> Scores:
    """Evidence of the similarities of a query and every picture, ``(n,)``.

    A similarity says much where it is unusual for this query: it is measured in deviations from the median,
    by the median absolute deviation, which a few pictures of the same thing do not move.
    """
    similarities = np.asarray(similarities, np.float64)
    known = similarities[np.isfinite(similarities)]
    count = len(known)
    middle = _shrunk(float(np.median(known)) if count else 0.0, _USUAL[0], count)
    spread = 1.4826 * float(np.median(np.abs(known - middle))) if count else 0.0
    return _SLOPE * (similarities - middle) / max(_shrunk(spread, _USUAL[1], count), 1e-6)


def of_votes(votes: Scores) -> Scores:
    """Evidence of the votes of keypoints, ``(n,)``; see `likewise.words.index.votes`.

    The more there is in a query, the more votes go astray: what counts is how many times those of the median
    picture they are.
    """
    votes = np.maximum(votes, 0.0)
    known = votes[np.isfinite(votes)]
    stray = _shrunk(float(np.median(known)) if len(known) else 0.0, _STRAY, len(known))
    return _VOTES * np.log1p(votes / (1.0 + stray))


def of_matches(shares: Scores) -> Scores:
    """Evidence of scores that are shares of what a picture gives itself, ``(n,)``: as of so many votes."""
    return of_votes(_MATCHES * np.asarray(shares, np.float64))


def of_fit(score: float) -> float:
    """Evidence of a fit, by the nats above what pictures of other things reach."""
    return _FITS * math.log1p(score / _FIT)


def together(layers: Sequence[Scores]) -> Scores:
    """The sum over layers, ``(n,)``; one that knows nothing of a picture, NaN, gives it its least."""
    total = np.zeros(len(layers[0]))
    for layer in layers:
        total += completed(layer)
    return total


def completed(layer: Scores) -> Scores:
    """Evidence with the least that a layer gives in place of what it does not know, NaN, ``(n,)``."""
    known = np.isfinite(layer)
    return np.where(known, layer, layer[known].min(initial=np.inf) if known.any() else 0.0)


def expanded(total: Scores, via: Scores, surest: float) -> Scores:
    """Evidence with that by way of a hit that is sure, ``(n,)``: the mean of the two where that is more.

    No way by the hit is surer than the hit is, ``surest``. This is query expansion by what was verified (Chum
    et al., Total Recall, ICCV 2007), with evidence in place of vectors.
    """
    return np.asarray(total + np.maximum(np.minimum(via, surest) - total, 0.0) / 2)


def candidates(total: Scores, layers: Sequence[Scores], count: int = VERIFIED) -> NDArray[np.int64]:
    """Places of the pictures to verify: half of them the best of all, and the best of each layer."""
    best = [np.argsort(-total, kind="stable")]
    best += [np.argsort(-np.nan_to_num(layer, nan=-np.inf), kind="stable") for layer in layers]
    ranks = np.stack([order[:count] for order in best], axis=1).ravel()
    first = np.concatenate([best[0][: count // 2], ranks])
    _, at = np.unique(first, return_index=True)
    return np.asarray(first[np.sort(at)][:count], np.int64)


def expected_false(total: Scores) -> Scores:
    """How many pictures of other things are to be expected above each score, ``(n,)``.

    The pictures that are asked are their own measure: most of them show other things. From the median on
    their evidence falls off exponentially, as between the median and the ninth decile of it, or the third
    quartile where more than a tenth show the same thing. Where more than half have none of it, as of a query
    of few keypoints, the rest are too few to tell: it falls off no faster than is usual.
    """
    count = len(total)
    if not count:
        return np.empty(0)
    middle, quartile, decile = np.quantile(total, (0.5, 0.75, 0.9))
    slope = min(float(decile - middle) / math.log(5), _SLOWER * float(quartile - middle) / math.log(2))
    if middle == total.min():
        slope = max(slope, _TAIL[1])
    high = float(middle) + slope * math.log(5)
    high = max(high, _shrunk(high, _TAIL[0], count))
    tail = 0.1 * np.exp(-(total - high) / max(_shrunk(slope, _TAIL[1], count), 1e-6))
    return np.asarray(max(count, _FEW) * np.minimum(tail, 1.0))


def false_fits(score: float, count: int) -> float:
    """How many of so many pictures of other things are to be expected to fit as well.

    One in a hundred reaches the floor of a layer, above which scores are counted, and fewer what lies higher:
    by chance ``exp(-score)`` of those, but keypoints of one fit are not independent, and other buildings have
    windows too.
    """
    return count * _REACH * math.exp(-score / _DEPENDENT)


def false_together(one: float, other: float, count: int) -> float:
    """How many false hits are to be expected of so many by two signs together, by what each expects alone.

    Where the signs say nothing of each other, a picture of another thing has shares that multiply to ``c`` or
    less in ``c (1 - ln c)`` of cases (Fisher, Statistical Methods for Research Workers, 1932, section 21.1).
    """
    share = min(one / count, 1.0) * min(other / count, 1.0)
    return count * share * (1 - math.log(share)) if share > 0 else 0.0


def verdict(false: float, verified: bool) -> Verdict:
    """The verdict on a hit, by how many false ones are to be expected, and whether keypoints fit."""
    if false < SURE and verified:
        return "same"
    return "alike" if false < DOUBTFUL else "nothing"


def _shrunk(measured: float, usual: float, count: int) -> float:
    return (count * measured + _FEW * usual) / (count + _FEW)
