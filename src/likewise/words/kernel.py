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
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.errors import MissingExtra, UsageError
from likewise.words.hamming import Codes, Words
from likewise.words.postings import Numbers

Choice: TypeAlias = Literal["auto", "numba", "numpy"]
Counts: TypeAlias = NDArray[np.int64]
Scores: TypeAlias = NDArray[np.float64]


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
        uint64 ``(2, m)``: first halves and second halves.
    """

    words: Counts
    firsts: Counts
    codes: Codes

    @classmethod
    def of(cls, words: Words, codes: Codes, count: int) -> Asked:
        """Take words ``(m,)`` of a codebook of ``count`` and codes ``(m, 2)``.

        Raises
        ------
        UsageError
            When they do not fit each other, or the codebook.
        """
        if words.ndim != 1 or codes.shape != (len(words), 2) or codes.dtype != np.uint64:
            raise UsageError(
                f"a query needs words (m,) and uint64 codes (m, 2), not {words.shape} and "
                f"{codes.dtype} {codes.shape}"
            )
        if len(words) and not 0 <= words.min() <= words.max() < count:
            raise UsageError(f"words {words.min()} to {words.max()} are not those of a codebook of {count}")
        order = np.lexsort((codes[:, 1], codes[:, 0], words))
        unique, firsts = np.unique(words[order], return_index=True)
        return cls(
            unique.astype(np.int64), np.append(firsts, len(words)), np.ascontiguousarray(codes[order].T)
        )


@dataclass(frozen=True)
class Lists:
    """What a scan reads: the lists of a query's words in one segment.

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
    """

    rows: Numbers
    codes: NDArray[np.uint64]
    begins: Counts
    ends: Counts
    weights: Scores
    rooted: bool


@dataclass(frozen=True)
class Kernel:
    """Two functions that add to ``scores`` for the rows from ``first`` to before ``last``.

    ``compare(lists, firsts, codes, strengths, threshold, first, last, scores)`` counts pairs of features
    whose codes differ in fewer than ``threshold`` bits (equation 5 of seed 002), and
    ``count(lists, first, last, scores)`` counts all pairs (equation 3).
    """

    compare: Callable[..., None]
    count: Callable[..., None]


def compare(
    lists: Lists,
    firsts: Counts,
    codes: Codes,
    strengths: Scores,
    threshold: int,
    first: int,
    last: int,
    scores: Scores,
) -> None:
    """Feature by feature of the query; see `Kernel`."""
    for word, (begin, end, weight) in enumerate(zip(lists.begins, lists.ends, lists.weights, strict=True)):
        rows = lists.rows[begin:end]
        low, high = lists.codes[2 * begin : begin + end], lists.codes[begin + end : 2 * end]
        start, stop = np.searchsorted(rows, [first, last])
        for one, other in codes[:, firsts[word] : firsts[word + 1]].T:
            away = np.bitwise_count(low[start:stop] ^ one)
            away += np.bitwise_count(high[start:stop] ^ other)
            (hits,) = np.nonzero(away < threshold)
            if len(hits):
                found = rows[start:stop][hits]
                values = strengths[away[hits]] * weight
                if lists.rooted:
                    values /= np.sqrt(np.searchsorted(rows, found, "right") - np.searchsorted(rows, found))
                np.add.at(scores, np.minimum(found, len(scores) - 1), values)


def count(lists: Lists, first: int, last: int, scores: Scores) -> None:
    """Word by word of the query; see `Kernel`."""
    for begin, end, weight in zip(lists.begins, lists.ends, lists.weights, strict=True):
        rows = lists.rows[begin:end]
        start, stop = np.searchsorted(rows, [first, last])
        found, frequencies = np.unique(rows[start:stop], return_counts=True)
        values = frequencies * weight
        if lists.rooted:
            values /= np.sqrt(frequencies)
        scores[np.minimum(found, len(scores) - 1)] += values


NUMPY = Kernel(compare, count)


@cache
def compiled() -> Kernel:
    """The compiled kernel: half a second for the first call in a process, two where none is cached.

    Raises
    ------
    MissingExtra
        When numba is not installed.
    """
    try:
        from likewise.words.compiled import load  # imports numba
    except ImportError as error:
        raise MissingExtra("the compiled scan of inverted indexes", "fast") from error
    return Kernel(*(_unpacked(function) for function in load()))


def _unpacked(function: Callable[..., Any]) -> Callable[..., None]:
    """With `Lists` as columns, for numba knows no dataclasses."""

    def called(lists: Lists, *rest: Any) -> None:
        columns = (lists.rows, lists.codes, lists.begins, lists.ends, lists.weights, lists.rooted)
        function(*columns, *rest)

    return called
