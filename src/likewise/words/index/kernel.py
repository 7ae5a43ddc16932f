"""Scanning the lists of a query's words: with numpy here, or compiled by numba (the extra ``fast``).

Both add to the scores of one segment's pictures, match by match: words rise, within a word the query's
features come in their order, and within a list the postings in theirs. A picture's sum is then the same to
the last bit whichever of the two adds it up, in however many segments its neighbours lie, and whatever share
of the pictures one call takes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import starmap
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.errors import MissingExtra, UsageError
from likewise.types import IntArray, Scores
from likewise.words.hamming import Codes, Pairs, Scan, Words
from likewise.words.index.postings import Numbers
from likewise.words.index.segment import ranges
from likewise.words.parallel import run_starts

BATCH = 1 << 16
"""Postings compared at once by numpy, unless one list has more: what a cache holds."""

PAIRS = 1 << 14
"""Codes that `pairs` compares at once: larger arrays may be given back to the system each time."""

Choice: TypeAlias = Literal["auto", "fastest", "numba", "numpy"]


@dataclass(frozen=True)
class Asked:
    """A query's features by word and code, in whatever order they came.

    Attributes
    ----------
    words
        int64 ``(g,)``: its words, rising.
    firsts
        int64 ``(g + 1,)``: where the features of each word begin, and the end of the last ones.
    codes
        uint64 ``(2, m)``: first halves and second halves, or the only half twice.
    """

    words: IntArray
    firsts: IntArray
    codes: Codes

    @classmethod
    def of(cls, words: Words, codes: Codes, count: int) -> Asked:
        """Take words ``(m,)`` of a codebook of ``count`` and codes ``(m, 1)`` or ``(m, 2)``.

        Raises `UsageError` when they do not fit each other, or the codebook.
        """
        sound = codes.shape in ((len(words), 1), (len(words), 2)) and codes.dtype == np.uint64
        if words.ndim != 1 or not sound:
            raise UsageError(
                f"a query needs words (m,) and uint64 codes (m, 2) or (m, 1), not {words.shape} and "
                f"{codes.dtype} {codes.shape}"
            )
        if len(words) and not 0 <= words.min() <= words.max() < count:
            raise UsageError(f"words {words.min()} to {words.max()} are not those of a codebook of {count}")
        order = np.lexsort((*codes.T[::-1], words))
        unique, firsts = np.unique(words[order], return_index=True)
        halves = np.repeat(codes[order].T, 2 // codes.shape[1], axis=0)
        return cls(unique.astype(np.int64), np.append(firsts, len(words)), np.ascontiguousarray(halves))


@dataclass(frozen=True)
class Lists:
    """The inverted lists of a query's words in one segment.

    Attributes
    ----------
    rows, codes
        Those of the segment.
    begins, ends
        int64 ``(g,)``: where the list of each word lies.
    weights
        float64 ``(g,)``: what a match in each word counts.
    rooted
        Whether a match is divided by the square root of the picture's term frequency.
    halves
        Numbers in a code. The only one of codes of 64 bits is compared twice, so that distances are those of
        128 bits; see `likewise.words.scoring.Scoring.limits`.
    """

    rows: Numbers
    codes: NDArray[np.uint64]
    begins: IntArray
    ends: IntArray
    weights: Scores
    rooted: bool
    halves: int = 2


@dataclass(frozen=True)
class Kernel:
    """Two functions that add to ``scores`` for the rows from ``first`` to before ``last``, and `pairs`.

    ``compare(lists, firsts, codes, strengths, threshold, first, last, scores)`` counts pairs of features
    whose codes differ in fewer than ``threshold`` bits (equation 5 of Li et al., 2016), and
    ``count(lists, first, last, scores)`` counts all pairs (equation 3).
    """

    compare: Callable[..., None]
    count: Callable[..., None]
    near: Scan


def compare(
    lists: Lists,
    firsts: IntArray,
    codes: Codes,
    strengths: Scores,
    threshold: int,
    first: int,
    last: int,
    scores: Scores,
) -> None:
    """Many features of the query at once; see `Kernel`."""
    starts, stops = _within(lists, first, last, len(scores))
    words = np.repeat(np.arange(len(starts)), np.diff(firsts))  # of each feature
    for block in starmap(slice, ranges((stops - starts)[words], BATCH)):
        word = words[block]
        feature, at = _flat(starts[word], stops[word])
        of = word[feature]
        low, high = (lists.begins[of], lists.ends[of]) if lists.halves == 2 else (0, 0)
        away = np.bitwise_count(lists.codes[low + at] ^ codes[0, block][feature])
        away += np.bitwise_count(lists.codes[high + at] ^ codes[1, block][feature])
        (near,) = np.nonzero(away < threshold)
        at, of = at[near], of[near]
        values = strengths[away[near]] * lists.weights[of]
        if lists.rooted:
            values /= np.sqrt(_frequencies(lists.rows, at, lists.begins[of], lists.ends[of]))
        np.add.at(scores, np.minimum(lists.rows[at], len(scores) - 1), values)


def count(lists: Lists, first: int, last: int, scores: Scores) -> None:
    """Many words of the query at once; see `Kernel`."""
    starts, stops = _within(lists, first, last, len(scores))
    for block in starmap(slice, ranges(stops - starts, BATCH)):
        word, at = _flat(starts[block], stops[block])
        rows = lists.rows[at]
        (heads,) = np.nonzero(run_starts(rows, word))
        frequencies = np.diff(heads, append=len(rows))
        values = frequencies * lists.weights[block][word[heads]]
        if lists.rooted:
            values /= np.sqrt(frequencies)
        np.add.at(scores, np.minimum(rows[heads], len(scores) - 1), values)


def _flat(starts: IntArray, stops: IntArray) -> tuple[IntArray, IntArray]:
    """Every place of every list, one list after another: the number of its list, and itself."""
    sizes = stops - starts
    of = np.repeat(np.arange(len(sizes)), sizes)
    return of, np.arange(len(of)) + (starts - (np.cumsum(sizes) - sizes))[of]


def _within(lists: Lists, first: int, last: int, count: int) -> tuple[IntArray, IntArray]:
    """Where the rows from ``first`` to before ``last`` lie in each list."""
    if first == 0 and last == count:
        return lists.begins, lists.ends
    bounds = [
        begin + np.searchsorted(lists.rows[begin:end], [first, last])
        for begin, end in zip(lists.begins, lists.ends, strict=True)
    ]
    starts, stops = np.array(bounds, np.int64).reshape(-1, 2).T
    return starts, stops


def _frequencies(rows: Numbers, at: IntArray, begins: IntArray, ends: IntArray) -> IntArray:
    """How many postings beside each one, and itself, are of the same row in the same list."""
    total = np.ones(len(at), np.int64)
    for step in (-1, 1):
        those, there = np.arange(len(at)), at + step
        while len(those):
            inside = (there >= begins[those]) & (there < ends[those])
            those, there = those[inside], there[inside]
            same = rows[there] == rows[at[those]]
            those, there = those[same], there[same] + step
            total[those] += 1
    return total


def pairs(codes: Codes, begins: IntArray, ends: IntArray, asked: Codes, below: int) -> Pairs:
    """Compare each of some codes with a list of its own, and give those pairs that differ in few bits.

    Returns int64 each, in the order of the codes asked for and then of their lists.

    Parameters
    ----------
    codes
        Those of the segment and, behind them, the `segment.PAD` numbers that a compiled scan reads too.
    begins, ends
        int64 ``(m,)``: where each list lies among its postings.
    asked
        uint64 ``(m, halves)``.
    below
        So many bits are too many.
    """
    halves = asked.shape[1]
    parts = [tuple(np.empty(0, np.int64) for _ in range(3))]
    for block in starmap(slice, ranges(ends - begins, PAIRS)):
        which, at = _flat(begins[block], ends[block])
        low, size = begins[block][which], (ends - begins)[block][which]
        away = np.zeros(len(at), np.uint8)
        for half in range(halves):  # of each list first all first halves
            held = codes[at + (halves - 1) * low + half * size]
            away += np.bitwise_count(asked[block, half][which] ^ held)
        (near,) = np.nonzero(away < below)
        parts.append((block.start + which[near], at[near], away[near].astype(np.int64)))
    which, at, distance = map(np.concatenate, zip(*parts, strict=True))
    return which, at, distance


NUMPY = Kernel(compare, count, pairs)


@cache
def compiled() -> Kernel:
    """The compiled kernel: half a second for the first call in a process, two where none is cached.

    Raises `MissingExtra` when numba is not installed, or not whole.
    """
    try:
        from likewise.words.index.compiled import load  # imports numba
    except (ImportError, OSError) as error:  # the latter where the library is missing that numba compiles by
        raise MissingExtra("the compiled scan of inverted indexes", "fast") from error
    scan, add, near = load()
    return Kernel(unpacked(scan), unpacked(add), near)


def unpacked(function: Callable[..., Any]) -> Callable[..., None]:
    """With `Lists` as columns, for numba knows no dataclasses."""

    def called(lists: Lists, *rest: Any) -> None:
        columns = (lists.rows, lists.codes, lists.begins, lists.ends, lists.weights, lists.rooted)
        function(*columns, lists.halves, *rest)

    return called
