"""Votes of neighbours: how much a feature's likeness to one picture says, beside its likeness to the others.

Li et al. (Multi-layer Orderless Fusion, 2016) weigh a match by the bits in which the codes differ, the same
in every collection. A vote asks instead how many features of other things are as near: those that are
expected by chance, and those that were seen. It is the local contrast of Lowe's ratio test (IJCV 2004,
section 7.1), and a burst of equal features on either side counts little, as in Jegou, Douze and Schmid, On
the burstiness of visual elements, CVPR 2009.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from likewise.types import IntArray
from likewise.words.hamming import Codes, Scan, Words
from likewise.words.index.kernel import pairs
from likewise.words.index.segment import Segment
from likewise.words.parallel import ParallelColumns, run_starts

CHANCE = {64: NormalDist(31.0, 5.3), 128: NormalDist(64.0, 10.2)}
"""In how many bits codes of features differ that share a word and nothing else, by how many they have.

64 bits as `benchmarks.vocabularies chance` finds them for both vocabularies that ship; 128 of RootSIFT and a
vocabulary that does not.
"""

_WEAKEST = 20.0  # expected neighbours by chance from which on a vote (5 per cent of a nat) is not counted
_SHARE = 0.1  # of the features of a word: those that are nearer are looked at
_FEWEST = 0.1  # expected by chance at least: no feature says more than log 11, however near


@dataclass(frozen=True, eq=False)
class Neighbours(ParallelColumns):
    """Pairs of a query's features and features of pictures, as parallel columns.

    Attributes
    ----------
    feature
        int64 ``(m,)``: number of the query's feature.
    row
        int64 ``(m,)``: of the picture.
    distance
        int64 ``(m,)``: bits in which their codes differ.
    """

    feature: IntArray
    row: IntArray
    distance: IntArray

    @classmethod
    def none(cls) -> Neighbours:
        """None at all."""
        return cls(*(np.empty(0, np.int64) for _ in range(3)))


@cache
def chances(bits: int) -> NDArray[np.float64]:
    """Share of the features of a word that are as near by chance, by bits that differ, ``(bits + 1,)``."""
    return np.array([CHANCE[bits].cdf(away + 0.5) for away in range(bits + 1)])


def reach(compared: float, bits: int) -> int:
    """Below how many bits a neighbour has a vote, when a feature is compared with so many by their codes.

    Never beyond what one in ten reaches by chance.
    """
    shares = chances(bits)
    return int(np.searchsorted(shares, min(_SHARE, _WEAKEST / max(compared, 1.0))))


def near(words: Words, codes: Codes, lists: Segment, below: int, scan: Scan = pairs) -> Neighbours:
    """Neighbours of a query's features in the lists of their words: codes of under ``below`` bits.

    Parameters
    ----------
    words, codes
        Integers ``(n, m)`` and uint64 ``(n, m, bits / 64)``.
    scan
        The ``near`` of a `likewise.words.index.kernel.Kernel`; all find the same, in the same order.
    """
    order = np.argsort(words.ravel(), kind="stable")
    asked, feature = words.ravel()[order], order // words.shape[1]
    begins = lists.offsets[asked].astype(np.int64)
    parts = codes.reshape(len(order), codes.shape[2])[order]
    which, at, distance = scan(lists.codes, begins, begins + lists.sizes()[asked], parts, below)
    return Neighbours(feature[which], lists.rows[at].astype(np.int64), distance)


def votes(
    neighbours: Neighbours, compared: IntArray, count: int, bits: int, own: int | None = None
) -> NDArray[np.float64]:
    """The votes for each of ``count`` pictures, float64 ``(count,)``.

    A feature votes for a picture by its nearest neighbour there, ``log(1 + 1 / n)``: n is how many features
    are expected to be as near by chance, and how many pictures have one that is nearer.

    Parameters
    ----------
    compared
        int64 ``(features,)``: with how many features each of the query's was compared.
    own
        Row of the query's own picture: what is as near there says nothing against the others.
    """
    order = np.lexsort((neighbours.distance, neighbours.row, neighbours.feature))
    feature, row = neighbours.feature[order], neighbours.row[order]
    order = order[run_starts(feature, row)]
    is_own = neighbours.row[order] == (-1 if own is None else own)
    by_own = np.lexsort((neighbours.distance[order], is_own, neighbours.feature[order]))
    order, is_own = order[by_own], is_own[by_own]  # of each feature its own picture last
    feature, away = neighbours.feature[order], neighbours.distance[order]
    begins = np.searchsorted(feature, feature)
    nearer = np.where(is_own, 0, _tied(np.arange(len(order)) - begins, feature, away))
    expected = np.maximum(chances(bits)[away] * compared[feature], _FEWEST) + nearer
    return np.asarray(np.bincount(neighbours.row[order], np.log1p(1 / expected), count), np.float64)


def _tied(place: IntArray, feature: IntArray, away: IntArray) -> IntArray:
    """Places where those of one feature that are equally near share the first."""
    starts = np.flatnonzero(run_starts(feature, away))
    return np.asarray(np.repeat(place[starts], np.diff(starts, append=len(place))))
