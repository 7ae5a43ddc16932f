"""Where the query lies in a hit: one transform on which as many matches as possible agree.

Spatial verification after Philbin, Chum, Isard, Sivic and Zisserman (Object retrieval with large
vocabularies and fast spatial matching, CVPR 2007), for dense patches. Matches vote for scale, turn and place,
as in the weak geometric consistency of Jegou, Douze and Schmid (Hamming embedding and weak geometric
consistency for large scale image search, ECCV 2008, section 4). What has most votes is refined on the matches
that agree with it: the random sample consensus of Fischler and Bolles (Communications of the ACM 1981), with
votes in the place of random samples, so that the same matches give the same fit.

Points are complex numbers, in patches: the unit is the usual patch of the picture, so that its resolution
does not matter. A transform is ``a z + b conj(z) + c``: a similarity where b is 0, mirrored where |b| > |a|.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.types import Box, FloatArray, IntArray
from likewise.words.matching import Matches
from likewise.words.parallel import ParallelColumns, run_starts
from likewise.words.voting import Complex, Floats, vote

LEAST = 3
"""Fewer matches than these, of different patches on either side, are no fit."""

LARGEST = 8.0
"""A query is found up to so many times as large, or as small, as it was, measured in patches."""

_OCTAVES = 1.5  # a match bears with a scale that differs so much from the one that its patches' sizes say
_STRONGEST = 1000  # matches that vote
_TRIED = 12  # hypotheses that are refined
_TOLERANCE = 0.35  # sides of a patch: how far its centre may lie from where the transform puts it
_TOLERANCES = (2.0, 1.5, 1.2, 1.0, 1.0, 1.0)  # of the rounds of refining, in tolerances
_LEVER = 0.2  # scale and turn as voted count as much as a match at this squared distance, in patches
_STIFFNESS = 1.0  # the same for being a similarity
_EVEN = 0.25  # power of weights: evened out, one heavy pair does not outvote several that agree
_AT_EDGE = 0.04  # of the hit's longer side: how far corners may lie inside its features, or beyond its edge
_TILT = 1 / 3  # |b| / |a| at most: one direction shortened to a half, as by a view 60 degrees from the side


@dataclass(frozen=True)
class Fit:
    """Where a query lies in a hit.

    Attributes
    ----------
    transform
        float64 ``(2, 3)``: from pixels (x, y, 1) of the query to pixels (x, y) of the hit; of keypoints
        ``(3, 3)``, a homography.
    inliers
        bool ``(m,)``: the matches that agree with it, each patch in one pair at most.
    score
        How much speaks for it, to be compared between the hits of one query: the sum of the fourth roots of
        the weights of the pairs that agree, times how many they are. A few heavy pairs often agree on
        something by chance; many light ones do not.
    box
        Where the query, or the box asked for, lies in the hit; clipped to it.
    outline
        float64 ``(4, 2)``: x and y of its corners in the hit, clockwise from its upper left one; not clipped.
    """

    transform: Floats
    inliers: NDArray[np.bool_]
    score: float
    box: Box
    outline: Floats

    @property
    def count(self) -> int:
        """How many matches agree."""
        return int(self.inliers.sum())


def fit(
    query_boxes: FloatArray,
    hit_boxes: FloatArray,
    matches: Matches,
    size: tuple[int, int],
    *,
    box: Box | None = None,
) -> Fit | None:
    """Find the transform from a query to a hit on which matches agree best.

    It is a similarity, or an affine transform that is near to one; never a mirrored one. Raises `UsageError`
    when boxes are empty or not finite, or matches are of patches that are not there.

    Parameters
    ----------
    query_boxes, hit_boxes
        float32 ``(n, 4)`` and ``(p, 4)``: left, top, right, bottom of all their patches, in pixels of the
        upright originals.
    matches
        Of these patches, of one layer or several, in any order.
    size
        Width and height of the hit.
    box
        What of the query was asked for; all that its patches cover by default.

    Returns
    -------
    None when fewer than `LEAST` different patches of both agree on anything, or when what was asked for would
    lie outside the hit.
    """
    _check(query_boxes, hit_boxes, matches)
    if len(matches) < LEAST:
        return None
    asked, held = _Frame.of(query_boxes), _Frame.of(hit_boxes)
    pairs, of_row = _paired(matches, asked.patches(query_boxes), held.patches(hit_boxes))
    best = _best(pairs)
    if best is None:
        return None
    coefficients, kept, score = best
    inliers = np.isin(of_row, np.flatnonzero(kept))
    transform = _pixels(coefficients, asked, held)
    region = box or Box(
        *(float(x) for x in (*query_boxes[:, :2].min(axis=0), *query_boxes[:, 2:].max(axis=0)))
    )
    outline = corners(region) @ transform[:, :2].T + transform[:, 2]
    bounds = around(outline, size)
    return Fit(transform, inliers, score, bounds, outline) if bounds else None


def to_edge(found: Fit, extent: Box, size: tuple[int, int]) -> Fit:
    """The same fit, with the hit's own edge as the outline where that goes around all that the hit has.

    What is known of a whole query is where its features are, and it has more of them than are kept of a hit.
    Where they end, at each corner, between where those of a whole hit do and its edge, both show the same.

    Parameters
    ----------
    extent
        The rectangle around all features of the hit.
    size
        Width and height of the hit.
    """
    edge, held = corners(Box(0, 0, *size)), corners(extent)
    away = _AT_EDGE * max(size)
    low, high = np.minimum(edge, held) - away, np.maximum(edge, held) + away
    for turns in range(len(edge)):  # a copy that lies on its side begins at another corner
        outline = np.roll(found.outline, turns, axis=0)
        if np.all((low <= outline) & (outline <= high)):
            return replace(found, box=Box(0, 0, *size), outline=np.roll(edge, -turns, axis=0))
    return found


def corners(region: Box) -> Floats:
    """Upper left, upper right, lower right, lower left, ``(4, 2)``."""
    x1, y1, x2, y2 = region.x1, region.y1, region.x2, region.y2
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], np.float64)


def around(outline: Floats, size: tuple[int, int]) -> Box | None:
    """The upright rectangle around an outline, clipped to a picture; None when it lies outside."""
    (x1, y1), (x2, y2) = (side(np.clip(outline, 0, size), axis=0).tolist() for side in (np.min, np.max))
    return Box(x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


@dataclass(frozen=True)
class _Frame:
    """Pixels as patches: ``(pixels - origin) / unit``."""

    origin: complex
    unit: float

    @classmethod
    def of(cls, boxes: FloatArray) -> _Frame:
        centres, sides = _centres(boxes)
        return cls(complex(centres.mean()), float(np.median(sides)))

    def patches(self, boxes: FloatArray) -> tuple[Complex, Floats]:
        """Centres and sides."""
        centres, sides = _centres(boxes)
        return (centres - self.origin) / self.unit, sides / self.unit


def _centres(boxes: FloatArray) -> tuple[Complex, Floats]:
    """Centres and longer sides: a patch that a border cuts keeps one side whole."""
    left, top, right, bottom = boxes.astype(np.float64).T
    return (left + right) / 2 + 1j * ((top + bottom) / 2), np.maximum(right - left, bottom - top)


@dataclass(frozen=True, eq=False)
class _PatchPairs(ParallelColumns):
    """Matches of the same two patches as one, sorted by query's patch, then hit's patch.

    ``design`` is ``(m, 3)``: z, conj(z) and 1, so that ``design @ (a, b, c)`` is where a transform puts them.
    """

    query: IntArray
    hit: IntArray
    weight: Floats
    design: Complex
    target: Complex
    side: Floats
    octaves: Floats


def _paired(
    matches: Matches, asked: tuple[Complex, Floats], held: tuple[Complex, Floats]
) -> tuple[_PatchPairs, IntArray]:
    """The pairs, and the pair of each match: -1 for one that weighs nothing."""
    order = np.lexsort((matches.weight, matches.layer, matches.picture, matches.query))
    order = order[matches.weight[order] > 0]
    query, hit = matches.query[order], matches.picture[order]
    new = run_starts(query, hit)
    of_row = np.full(len(matches), -1)
    of_row[order] = np.cumsum(new) - 1
    query, hit = query[new], hit[new]
    weight = np.bincount(of_row[order], matches.weight[order], len(query)).astype(np.float64) ** _EVEN
    z, sides = asked[0][query], held[1][hit]
    design = np.stack([z, z.conj(), np.ones(len(z))], axis=1)
    octaves = np.log2(sides / asked[1][query])
    return _PatchPairs(query, hit, weight, design, held[0][hit], sides, octaves), of_row


def _best(pairs: _PatchPairs) -> tuple[Complex, NDArray[np.bool_], float] | None:
    """Of the hypothesis with the highest score: coefficients ``(3,)``, the pairs that agree, the score."""
    if len(pairs.query) < LEAST:
        return None
    strongest = np.sort(np.argsort(-pairs.weight, kind="stable")[:_STRONGEST])
    voters = pairs.take(strongest)
    voted = vote(voters.design[:, 0], voters.target, voters.octaves, voters.weight)
    best = None
    for coefficients in _refined(voted, voters):
        kept = _one_to_one(_agreement(coefficients[None], pairs)[0], pairs)
        score = float(pairs.weight[kept].sum() * kept.sum())
        if kept.sum() >= LEAST and (best is None or score > best[2]) and _sane(coefficients):
            best = coefficients, kept, score
    return best


def _agreement(coefficients: Complex, pairs: _PatchPairs, times: float = 1.0) -> Floats:
    """How well each pair agrees with each transform, ``(h, m)``: 1 at best, 0 from so many tolerances on."""
    away = np.abs(coefficients @ pairs.design.T - pairs.target) / pairs.side / (times * _TOLERANCE)
    octaves = np.log2(np.maximum(np.abs(coefficients[:, :1]), 1e-9)) - pairs.octaves
    return np.asarray(np.maximum(0, 1 - np.square(away) - np.square(octaves / _OCTAVES)))


def _refined(voted: Complex, pairs: _PatchPairs) -> Complex:
    """The best hypotheses, fitted to the pairs that agree with them, in rounds that ask for more and more."""
    support = _support(_agreement(voted, pairs, _TOLERANCES[0]), pairs)
    voted = voted[np.argsort(-support, kind="stable")[:_TRIED]]
    refined = voted
    for times in _TOLERANCES:
        agreement = _agreement(refined, pairs, times)
        refined = _least_squares(agreement * pairs.weight, pairs, voted)
    return refined


def _support(agreement: Floats, pairs: _PatchPairs) -> Floats:
    """At most what each hypothesis can weigh when a patch counts once, ``(h,)``."""
    mass = agreement * pairs.weight
    sums = []
    for patch in (pairs.query, pairs.hit):
        order = np.argsort(patch, kind="stable")
        starts = np.flatnonzero(np.diff(patch[order], prepend=-1))
        sums.append(np.maximum.reduceat(mass[:, order], starts, axis=1).sum(axis=1))
    return np.asarray(np.minimum(*sums))


def _least_squares(mass: Floats, pairs: _PatchPairs, voted: Complex) -> Complex:
    """Weighted least squares for each row of mass ``(h, m)``, drawn towards what was voted for.

    A few patches close together say little about scale, turn and tilt, which the votes then decide.
    """
    total = np.maximum(mass.sum(axis=1), 1e-300)
    typical = np.square(mass).sum(axis=1) / total  # the weight of a usual match among them
    products = pairs.design.conj()[:, :, None] * pairs.design[:, None, :]
    left = (mass @ products.reshape(-1, 9)).reshape(-1, 3, 3)
    right = mass @ (pairs.design.conj() * pairs.target[:, None])
    left[:, 0, 0] += _LEVER * typical
    left[:, 1, 1] += _STIFFNESS * typical
    right[:, 0] += _LEVER * typical * voted[:, 0]
    solved = voted.copy()
    able = typical > 0
    solved[able] = np.linalg.solve(left[able], right[able][:, :, None])[:, :, 0]
    tilt = np.abs(solved[:, 1]) / np.maximum(_TILT * np.abs(solved[:, 0]), 1e-300)
    solved[:, 1] /= np.maximum(tilt, 1)
    return solved


def _one_to_one(agreement: Floats, pairs: _PatchPairs) -> NDArray[np.bool_]:
    """Each patch in one pair, the best first: a query's patch that matches many at one place counts once."""
    kept = np.zeros(len(agreement), bool)
    mass = agreement * pairs.weight
    queries, hits = set(), set()
    for row in np.argsort(-mass, kind="stable")[: np.count_nonzero(mass)].tolist():
        query, hit = int(pairs.query[row]), int(pairs.hit[row])
        if query not in queries and hit not in hits:
            kept[row] = True
            queries.add(query)
            hits.add(hit)
    return kept


def _sane(coefficients: Complex) -> bool:
    """Whether it neither mirrors nor shrinks nor enlarges beyond reason."""
    a, b = abs(complex(coefficients[0])), abs(complex(coefficients[1]))
    return LARGEST**-2 <= a**2 - b**2 <= LARGEST**2


def _pixels(coefficients: Complex, asked: _Frame, held: _Frame) -> Floats:
    """The transform as ``(2, 3)`` in pixels."""
    a, b = coefficients[:2] * held.unit / asked.unit
    c = held.origin + held.unit * coefficients[2] - a * asked.origin - b * asked.origin.conjugate()
    return np.array([[(a + b).real, (b - a).imag, c.real], [(a + b).imag, (a - b).real, c.imag]])


def _check(query_boxes: FloatArray, hit_boxes: FloatArray, matches: Matches) -> None:
    for boxes, patches in ((query_boxes, matches.query), (hit_boxes, matches.picture)):
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise UsageError(f"boxes of patches are {boxes.shape}: give left, top, right, bottom of each")
        if not (np.isfinite(boxes).all() and (boxes[:, 2:] > boxes[:, :2]).all()):
            raise UsageError("a patch's box is empty or not finite")
        if len(patches) and not 0 <= patches.min() <= patches.max() < len(boxes):
            raise UsageError(
                f"matches of patches {patches.min()} to {patches.max()} do not belong to {len(boxes)} boxes"
            )
    if not np.isfinite(matches.weight).all():
        raise UsageError("a match's weight is not finite")
