"""Geometric verification: whether keypoints of a hit lie as in the query, and where the query is then.

Each match of two keypoints, with their scales and angles, is a whole similarity: where it puts the query, how
large and how turned (Lowe, Distinctive image features from scale-invariant keypoints, IJCV 2004, section 7.3;
Philbin et al., Object retrieval with large vocabularies and fast spatial matching, CVPR 2007, section 4). The
strongest are all tried, so that nothing is drawn at random and the same matches give the same answer. What
has most support is fitted again to the matches that agree, as an affine transform first and then, where they
are many, as a homography: local optimisation, after Chum, Matas and Kittler (DAGM 2003). All pairs of one
word may agree, also those too weak to propose anything: that is guided matching.

Points are complex numbers, in pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.types import Box, FloatArray, IntArray
from likewise.words.geometry import Fit, around, corners
from likewise.words.matching import Matches
from likewise.words.parallel import run_starts
from likewise.words.voting import Complex, Floats

Mask: TypeAlias = NDArray[np.bool_]

LEAST = 4
"""Fewer matches than these, of different keypoints on either side, are no fit: three fit any affine one."""

HOMOGRAPHY = 12
"""Matches from which on a homography is tried."""

_PROPOSE = 48  # strongest matches, each of which is tried
_REFINED = 2  # hypotheses that are optimised
_PAIRS = 400  # strongest pairs, those that may agree
_TOLERANCE = 0.012  # of the hit's longer side: how far a match may lie from where the transform puts it
_LOOSE = 0.15  # of the distance from the match that proposes: its scale and angle are as uncertain as that
_OCTAVES, _TURN = 0.75, math.radians(30)  # by which scale and angle of a match may differ from the transform
_ROUNDS = (2.0, 1.5, 1.0)  # tolerances of the rounds of optimisation
_LARGEST = 12.0  # times as large, or as small
_TILT = 4.0  # longest to shortest side of what a square becomes
_CERTAIN = 0.1  # how uncertain the scale of a single match is, as a share of it
_CROSS = np.array([1, -1, 1j, -1j])
_ERROR = 1 / 3  # of the tolerance: the usual error of a position


def verify(
    asked: FloatArray,
    held: FloatArray,
    matches: Matches,
    size: tuple[int, int],
    region: Box,
) -> Fit | None:
    """Find the transform from a query to a hit on which most matches agree.

    Raises `UsageError` when keypoints are not finite or have no scale, or matches are of keypoints that are
    not there.

    Parameters
    ----------
    asked, held
        float32 ``(n, 4)`` and ``(p, 4)``: x and y, scale, and angle in radians of all keypoints of the query
        and of the hit, in pixels of the upright originals.
    matches
        Of these keypoints, in any order; those that weigh most propose, all of them may agree.
    size
        Width and height of the hit, in pixels.
    region
        What of the query was asked for: its outline in the hit is given.

    Returns
    -------
    The fit, of which the score is its evidence: how improbable it is that so many of so many matches agree by
    chance, in nats, that is minus the logarithm of how many such fits are to be expected of matches laid at
    random (Moisan and Stival, A probabilistic criterion to detect rigid point matches, IJCV 2004, with the
    tail of the binomial bounded as by Hoeffding 1963).

    None when fewer than `LEAST` matches agree on anything that a camera could have done, neither mirrored nor
    collapsed, when all that agree lie on one line or one spot, or the outline outside the hit.
    """
    _check(asked, held, matches)
    pairs = _KeypointPairs.of(asked, held, matches)
    if len(pairs.query) < LEAST:
        return None
    near = _TOLERANCE * max(size)
    best: tuple[int, Floats, IntArray] | None = None
    for proposal in _proposed(pairs, near):
        fitted = _optimised(proposal, pairs, near, region)
        if fitted is not None and (best is None or len(fitted[1]) > best[0]):
            best = len(fitted[1]), *fitted
    if best is None:
        return None
    _, transform, rows = best
    inliers = np.zeros(len(matches), bool)
    inliers[pairs.row[rows]] = True
    evidence = _evidence(len(rows), pairs, transform, near, size)
    moved, _ = _projected(transform, _corners(region))
    outline = np.stack([moved.real, moved.imag], axis=1)
    box = around(outline, size)
    return Fit(transform, inliers, evidence, box, outline) if box else None


@dataclass(frozen=True, eq=False)
class _KeypointPairs:
    """Pairs of keypoints, each once, sorted by the query's keypoint.

    ``turn`` is the complex number that a similarity multiplies by: how much larger, and how turned.
    """

    row: IntArray
    query: IntArray
    hit: IntArray
    weight: Floats
    point: Complex
    target: Complex
    turn: Complex

    @classmethod
    def of(cls, asked: FloatArray, held: FloatArray, matches: Matches) -> _KeypointPairs:
        order = np.lexsort((-matches.weight, matches.picture, matches.query))
        query, hit = matches.query[order], matches.picture[order]
        new = run_starts(query, hit)
        row, query, hit = order[new], query[new], hit[new]
        if len(row) > _PAIRS:
            strongest = np.sort(np.argsort(-matches.weight[row], kind="stable")[:_PAIRS])
            row, query, hit = row[strongest], query[strongest], hit[strongest]
        one, other = asked.astype(np.float64)[query], held.astype(np.float64)[hit]
        turn = other[:, 2] / one[:, 2] * np.exp(1j * (other[:, 3] - one[:, 3]))
        point, target = one[:, 0] + 1j * one[:, 1], other[:, 0] + 1j * other[:, 1]
        return cls(row, query, hit, matches.weight[row].astype(np.float64), point, target, turn)

    def alike(self, turn: Complex) -> Mask:
        """Which pairs bear with each scale and turn, ``(h, m)``: ``turn`` is ``(h, 1)``."""
        ratio = self.turn / turn
        square = np.square(ratio.real) + np.square(ratio.imag)
        size = (square > 4.0**-_OCTAVES) & (square < 4.0**_OCTAVES)
        turned = (ratio.real > 0) & (np.square(ratio.real) > math.cos(_TURN) ** 2 * square)
        return np.asarray(size & turned)


def _proposed(pairs: _KeypointPairs, near: float) -> Complex:
    """Coefficients a, b, c of ``a z + b conj(z) + c`` of the similarities with most support, ``(h, 3)``.

    A keypoint of the query supports one once.
    """
    seeds = np.argsort(-pairs.weight, kind="stable")[:_PROPOSE]
    turn, shift = pairs.turn[seeds, None], pairs.point - pairs.point[seeds, None]
    away = np.abs(turn * shift + pairs.target[seeds, None] - pairs.target)
    agree = (away < near + _LOOSE * np.abs(turn * shift)) & pairs.alike(turn)
    starts = np.flatnonzero(np.diff(pairs.query, prepend=-1))
    count = np.logical_or.reduceat(agree, starts, axis=1).sum(axis=1)
    chosen = seeds[np.argsort(-count, kind="stable")[:_REFINED]]
    chosen = chosen[: np.count_nonzero(count >= LEAST)]
    a = pairs.turn[chosen]
    return np.stack([a, np.zeros_like(a), pairs.target[chosen] - a * pairs.point[chosen]], axis=1)


def _optimised(
    proposal: Complex, pairs: _KeypointPairs, near: float, region: Box
) -> tuple[Floats, IntArray] | None:
    """The transform fitted to what agrees with it, ``(3, 3)``, and the pairs that do."""
    affine = proposal
    alike = pairs.alike(proposal[:1, None])[0]
    for times in _ROUNDS:
        away = np.abs(_moved(affine, pairs.point) - pairs.target)
        affine = _least_squares(alike & (away < times * near), proposal, pairs, near)
    best = _kept(_matrix(affine), alike, pairs, near, region)
    if best is not None and len(best[1]) >= HOMOGRAPHY:
        projective = _homography(pairs, best[1])
        better = projective is not None and _kept(projective, alike, pairs, near, region)
        if better and len(better[1]) >= len(best[1]):
            return better
    return best


def _moved(affine: Complex, points: Complex) -> Complex:
    a, b, c = affine
    return np.asarray(a * points + b * points.conj() + c)


def _least_squares(agree: Mask, proposal: Complex, pairs: _KeypointPairs, near: float) -> Complex:
    """An affine transform, drawn towards the proposal as far as that is certain.

    Few points close together say little about scale, turn and tilt: there the scale and angle of the match
    that proposed are better.
    """
    if not agree.any():
        return proposal
    z, w = pairs.point[agree], pairs.target[agree]
    middle, goal = z.mean(), w.mean()
    z, w = z - middle, w - goal
    stiff = (_ERROR * near / (_CERTAIN * abs(proposal[0]))) ** 2
    square, cross = float(np.square(np.abs(z)).sum()), (z.conj() ** 2).sum()
    # two equations, solved by hand: they are many and small, and `solve` is made for few and large ones
    square, left, right = square + stiff, (z.conj() * w).sum() + stiff * proposal[0], (z * w).sum()
    scale = square**2 - abs(cross) ** 2
    a, b = (square * left - cross * right) / scale, (square * right - cross.conjugate() * left) / scale
    return np.array([a, b, goal - a * middle - b * middle.conjugate()])


def _matrix(affine: Complex) -> Floats:
    a, b, c = affine
    return np.array(
        [[(a + b).real, (b - a).imag, c.real], [(a + b).imag, (a - b).real, c.imag], [0.0, 0.0, 1.0]]
    )


def _homography(pairs: _KeypointPairs, rows: IntArray) -> Floats | None:
    """Least squares of the pairs that agree."""
    import cv2  # 0.1 s that only verified searches pay

    points, targets = (np.stack([z.real, z.imag], axis=1)[rows] for z in (pairs.point, pairs.target))
    homography, _ = cv2.findHomography(points, targets, 0)
    return (
        None
        if homography is None or not np.isfinite(homography).all()
        else np.asarray(homography, np.float64)
    )


def _projected(transform: Floats, points: Complex) -> tuple[Complex, Floats]:
    """Where a homography puts points, and by what it divides them: above 0 before the camera."""
    x, y, depth = transform @ np.stack([points.real, points.imag, np.ones(len(points))])
    with np.errstate(divide="ignore", invalid="ignore"):
        return (x + 1j * y) / depth, depth


def _kept(
    transform: Floats, alike: Mask, pairs: _KeypointPairs, near: float, region: Box
) -> tuple[Floats, IntArray] | None:
    """The transform and the pairs that agree with it, each keypoint in one; None where it is no fit."""
    moved, _ = _projected(transform, pairs.point)
    away = np.abs(moved - pairs.target)
    rows = np.flatnonzero(alike & (away < near))
    if len(rows) < LEAST or not _possible(transform, region):
        return None
    for side in (pairs.point, pairs.target):  # the nearest of each place on either side
        rows = rows[np.lexsort((away[rows], side[rows].imag, side[rows].real))]
        rows = rows[np.diff(side[rows], prepend=np.inf) != 0]
    rows = np.sort(rows)
    if len(rows) < LEAST or not (_spread(pairs.target[rows]) > near and _spread(pairs.point[rows]) > 0):
        return None
    return transform, rows


def _spread(points: Complex) -> float:
    """How far points lie from the line that fits them best: twice the root of the mean square."""
    z = points - points.mean()
    square, cross = (np.square(z.real) + np.square(z.imag)).mean(), abs(np.square(z).mean())
    return math.sqrt(max(0.0, 2 * float(square - cross)))  # half the difference is the least eigenvalue


def _corners(region: Box) -> Complex:
    return np.asarray(corners(region) @ (1, 1j))


def _possible(transform: Floats, region: Box) -> bool:
    """Whether a camera could have done it: nothing mirrored, folded, collapsed or tilted beyond reason."""
    square = _corners(region)
    middle, step = square.mean(), 1e-3 * abs(square[2] - square[0])
    moved, depth = _projected(transform, np.concatenate([square, middle + step * _CROSS]))
    if not (depth[:4] > 0).all():
        return False
    first, second, third, fourth, *around = moved.tolist()
    sides = second - first, third - second, fourth - third, first - fourth
    if not all((one.conjugate() * other).imag > 0 for one, other in pairwise((*sides, sides[0]))):
        return False
    right, down = (around[0] - around[1]) / (2 * step), (around[2] - around[3]) / (2 * step)
    turned, mirrored = abs(right - 1j * down) / 2, abs(right + 1j * down) / 2  # what it does to z, to conj(z)
    long, short = turned + mirrored, abs(turned - mirrored)
    return bool(1 / _LARGEST < short <= long < _LARGEST and long < _TILT * short)


def _evidence(
    count: int, pairs: _KeypointPairs, transform: Floats, near: float, size: tuple[int, int]
) -> float:
    """Minus the logarithm of how many fits as good are to be expected by chance.

    A pair agrees by chance when it lies within the tolerance of where it should, anywhere in the hit, and its
    scale and turn bear with the transform as those of so many pairs do.
    """
    moved, _ = _projected(transform, np.array([pairs.point.mean(), pairs.point.mean() + 1]))
    total = len(pairs.query)
    alike = pairs.alike(np.diff(moved)[:, None]).mean()
    chance = min(0.5, math.pi * near**2 / (size[0] * size[1]) * max(float(alike), 1 / total))
    share = count / total
    if share <= chance:
        return 0.0
    against = (1 - share) * math.log((1 - share) / (1 - chance)) if share < 1 else 0.0
    divergence = share * math.log(share / chance) + against
    return max(0.0, total * divergence - math.log(total))


def _check(asked: FloatArray, held: FloatArray, matches: Matches) -> None:
    for places, those in ((asked, matches.query), (held, matches.picture)):
        if places.ndim != 2 or places.shape[1] != 4:
            raise UsageError(f"places of keypoints are {places.shape}: give x, y, scale and angle of each")
        if not (np.isfinite(places).all() and (places[:, 2] > 0).all()):
            raise UsageError("a keypoint's place is not finite, or it has no scale")
        if len(those) and not 0 <= those.min() <= those.max() < len(places):
            raise UsageError(
                f"matches of keypoints {those.min()} to {those.max()} do not belong to {len(places)} places"
            )
