"""An inverted index: from the words of a query to scores of the pictures that share them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise, starmap
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from likewise.errors import CollectionDamaged, MissingExtra, UsageError
from likewise.types import IntArray, Scores
from likewise.words.hamming import Codes, Pairs, Scan, Words
from likewise.words.index.kernel import NUMPY, Asked, Choice, Kernel, Lists, compiled
from likewise.words.index.merging import check
from likewise.words.index.postings import Numbers
from likewise.words.index.segment import Segment, ranges
from likewise.words.index.votes import Neighbours, near, reach
from likewise.words.parallel import run_starts
from likewise.words.scoring import DEFAULT, Scoring

WORTH = 50_000_000
"""Postings that numpy scans in the time that it takes to load the compiled kernel."""

SHARE = 200_000
"""Postings that are worth a thread of their own."""


class WordIndex(Protocol):
    """The interface of an inverted index, wherever its pictures lie."""

    @property
    def words(self) -> int:
        """Words in the codebook."""

    @property
    def pictures(self) -> IntArray:
        """int64 ``(n,)``: rising ids, in the order of the scores."""

    @property
    def idf(self) -> NDArray[np.float64]:
        """``ln(N / n)`` of each word that n of N pictures have (equation 4), else 0; ``(words,)``."""

    def scores(self, words: Words, codes: Codes, scoring: Scoring = DEFAULT, *, threads: int = 1) -> Scores:
        """See `InvertedIndex.scores`."""

    def neighbours(self, words: Words, codes: Codes, *, threads: int = 1) -> tuple[Neighbours, IntArray]:
        """See `InvertedIndex.neighbours`."""


@dataclass(frozen=True, eq=False)
class WordStatistics:
    """How common words are.

    Attributes
    ----------
    pictures
        How many there are.
    frequencies
        How many of them have each word, int64 ``(words,)``.
    sizes
        How many features they have in each word, int64 ``(words,)``.
    """

    pictures: int
    frequencies: IntArray
    sizes: IntArray

    def __add__(self, other: WordStatistics) -> WordStatistics:
        """Those of both together, which share no picture."""
        return WordStatistics(
            self.pictures + other.pictures, self.frequencies + other.frequencies, self.sizes + other.sizes
        )

    @cached_property
    def idf(self) -> NDArray[np.float64]:
        """``ln(N / n)`` of each word that n of N pictures have (equation 4), else 0; ``(words,)``."""
        counts = self.frequencies
        return np.where(counts > 0, np.log(max(self.pictures, 1) / np.maximum(counts, 1)), 0.0)

    def reach(self, words: Words, bits: int) -> tuple[IntArray, int]:
        """With how many features those of a query are compared, and below how many bits one has a vote.

        Returns int64 ``(m,)``, and bits. ``words``: integers ``(m, k)``: words of each feature.
        """
        compared = self.sizes[words].sum(axis=1)
        return compared, reach(float(compared.mean()), bits) if len(compared) else 0


class InvertedIndex:
    """Segments and the pictures of them that still exist.

    Raises `CollectionDamaged` when two segments hold the same picture; `UsageError` when a segment was made
    with another codebook; `MissingExtra` when numba is asked for and not installed.

    Parameters
    ----------
    words
        Words in the codebook.
    segments
        In any order. A picture lies in one of them.
    live
        Rising ids of the pictures that exist; the others in the segments do not count. All by default.
    kernel
        ``numba`` or ``numpy``; ``auto`` begins with numpy and goes on with numba, if it is installed, once so
        much has been scanned that loading it pays; ``fastest`` takes numba from the first query on, if it is
        installed. Scores do not depend on it.
    """

    def __init__(
        self,
        words: int,
        segments: Sequence[Segment],
        live: NDArray[np.integer[Any]] | None = None,
        *,
        kernel: Choice = "auto",
    ) -> None:
        for segment in segments:
            check(segment, words)
        self.words, self.segments = words, tuple(segments)
        self.pictures = self._all() if live is None else np.asarray(live, np.int64)
        """int64 ``(n,)``: rising ids, in the order of the scores."""
        self._places = [segment.places(self.pictures) for segment in segments]
        self._whole: WordStatistics | None = None
        self._choice: Choice = kernel
        self._scanned = 0
        self._norms: dict[tuple[str, float], Scores] = {}
        self._check()

    def _all(self) -> IntArray:
        pictures = [segment.pictures for segment in self.segments]
        return np.unique(np.concatenate([np.empty(0, np.uint32), *pictures])).astype(np.int64)

    def _check(self) -> None:
        held = np.zeros(len(self.pictures), np.uint8)
        for places in self._places:
            held[places[places >= 0]] += 1
        (twice,) = np.nonzero(held > 1)
        if len(twice):
            raise CollectionDamaged(
                f"picture {self.pictures[twice[0]]} lies in two segments: make the segments again"
            )
        self.missing = self.pictures[held == 0]
        """int64: ids of live pictures that no segment holds, as those without postings."""

    @cached_property
    def statistics(self) -> WordStatistics:
        """How common words are in the live pictures."""
        frequencies, sizes = np.zeros(self.words, np.int64), np.zeros(self.words, np.int64)
        for segment, places in zip(self.segments, self._places, strict=True):
            frequencies += segment.frequencies
            sizes += segment.sizes()
            dead = places < 0
            if dead.any():
                _take_off(segment, dead, frequencies, sizes)
        return WordStatistics(len(self.pictures), frequencies, sizes)

    @property
    def whole(self) -> WordStatistics:
        """How common words are in the collection, of which these pictures may be a part."""
        return self._whole or self.statistics

    def within(self, whole: WordStatistics) -> InvertedIndex:
        """The same as a part of a collection in which words are so common."""
        part = copy(self)
        part._whole, part._norms = whole, {}
        return part

    @property
    def idf(self) -> NDArray[np.float64]:
        """``ln(N / n)`` of each word that n of N pictures have (equation 4), else 0; ``(words,)``."""
        return self.whole.idf

    def scores(self, words: Words, codes: Codes, scoring: Scoring = DEFAULT, *, threads: int = 1) -> Scores:
        """Score every live picture (equations 3 to 8 of Li et al., 2016 for one layer).

        Returns float64 ``(n,)``, in the order of `pictures`; 0 for pictures that share nothing with the
        query. Raises `UsageError` when words and codes do not fit each other, the codebook or the codes of
        the segments, or there is no thread.

        Parameters
        ----------
        words
            Integers ``(m,)``: a row for each word that a feature of the query is put in.
        codes
            uint64 ``(m, bits / 64)``.
        threads
            How many share the work; scores are the same to the last bit for any number of them.
        """
        if threads < 1:
            raise UsageError(f"threads must be at least 1, not {threads}")
        for segment in self.segments:
            if len(segment.rows) and codes.shape[1:] != (segment.extent.halves,):
                raise UsageError(f"codes {codes.shape} are not of the length of those in {segment.path}")
        asked = Asked.of(words, codes, self.words)
        counts = np.diff(asked.firsts)
        weights = scoring.weights(self.idf[asked.words], counts)
        if not scoring.hamming:
            weights *= counts
        lists = [_lists(segment, asked, weights, scoring.database) for segment in self.segments]
        sums = [np.zeros(len(segment.pictures)) for segment in self.segments]
        self._scan(asked, lists, sums, scoring, threads)
        total = np.zeros(len(self.pictures))
        for places, values in zip(self._places, sums, strict=True):
            total[places[places >= 0]] = values[places >= 0]
        if scoring.normalisation != "none":
            norms = self.norms(scoring)
            np.divide(total, norms, out=total, where=norms > 0)
        return total

    def neighbours(self, words: Words, codes: Codes, *, threads: int = 1) -> tuple[Neighbours, IntArray]:
        """Features of live pictures that are near to those of a query, and with how many each was compared.

        Returns neighbours, whose rows are places in `pictures`, and int64 ``(m,)``. Those with no vote are
        left out.

        Parameters
        ----------
        words, codes
            Integers ``(m, k)`` and uint64 ``(m, k, bits / 64)``: words of each feature, its code in each.
        threads
            How many share the work, where it is compiled.
        """
        compared, below = self.whole.reach(words, 64 * codes.shape[2])
        return self.near(words, codes, below, threads=threads), compared

    def near(self, words: Words, codes: Codes, below: int, *, threads: int = 1) -> Neighbours:
        """Features of live pictures whose codes differ from those of a query in fewer bits than ``below``."""
        kernel = self._kernel(sum(int(segment.sizes()[words].sum()) for segment in self.segments))
        scan = kernel.near if kernel is NUMPY else partial(_shared, kernel.near, threads)
        parts = [Neighbours.none()]
        for segment, places in zip(self.segments, self._places, strict=True):
            segment.read_soon(words)
            pairs = near(words, codes, segment, below, scan)
            pairs = replace(pairs, row=places[np.minimum(pairs.row, len(places) - 1)])  # if it is damaged
            parts.append(pairs.take(pairs.row >= 0))
        return Neighbours.joined(parts)

    def _scan(
        self, asked: Asked, lists: Sequence[Lists], sums: Sequence[Scores], scoring: Scoring, threads: int
    ) -> None:
        sizes = [int(((part.ends - part.begins) * np.diff(asked.firsts)).sum()) for part in lists]
        scan = self._kernel(sum(sizes))

        def share(task: tuple[Lists, Scores, int, int]) -> None:
            part, scores, first, last = task
            if scoring.hamming:
                limits = scoring.limits(part.halves)
                scan.compare(part, asked.firsts, asked.codes, *limits, first, last, scores)
            else:
                scan.count(part, first, last, scores)

        tasks = [
            (part, scores, first, last)
            for part, scores, size in zip(lists, sums, sizes, strict=True)
            for first, last in pairwise(_shares(len(scores), min(threads, 1 + size // SHARE)))
            if size
        ]
        if threads == 1 or len(tasks) < 2:
            for task in tasks:
                share(task)
        else:
            with ThreadPoolExecutor(min(threads, len(tasks))) as pool:
                list(pool.map(share, tasks))

    def _kernel(self, comparisons: int) -> Kernel:
        self._scanned += comparisons
        if self._choice == "numpy" or (self._choice == "auto" and self._scanned < WORTH):
            return NUMPY
        try:
            return compiled()
        except MissingExtra:
            if self._choice == "numba":
                raise
            return NUMPY

    def norms(self, scoring: Scoring) -> Scores:
        """Norms that divide scores of the live pictures, float64 ``(n,)``; see `Scoring`."""
        key = scoring.normalisation, scoring.power
        if key not in self._norms:
            part = _PARTS[scoring.normalisation]
            values = scoring.half(self.idf) if scoring.normalisation == "l2" else self.idf
            total = np.zeros(len(self.pictures))
            for segment, places in zip(self.segments, self._places, strict=True):
                sums = np.zeros(len(segment.pictures))
                for words, rows, frequencies in _runs(segment):
                    np.add.at(sums, rows, part(values[words], frequencies))
                total[places[places >= 0]] = sums[places >= 0]
            self._norms[key] = np.sqrt(total)
        return self._norms[key]


_PARTS: dict[str, Callable[[Scores, IntArray], Scores]] = {
    "l2": lambda values, frequencies: np.square(frequencies * values),
    "sqrt-idf": lambda values, _: values,
}


def _lists(segment: Segment, asked: Asked, weights: Scores, rooted: bool) -> Lists:
    begins, ends = (segment.offsets[asked.words + step].astype(np.int64) for step in (0, 1))
    ends = np.where(weights > 0, ends, begins)  # a word that all pictures have counts nothing: it is not read
    segment.read_soon(asked.words[weights > 0])
    return Lists(segment.rows, segment.codes, begins, ends, weights, rooted, segment.extent.halves)


def _shared(
    scan: Scan, threads: int, codes: Codes, begins: IntArray, ends: IntArray, asked: Codes, below: int
) -> Pairs:
    """A scan by several threads, each with about as much of the work; see `kernel.pairs`."""
    done = np.cumsum(ends - begins)
    parts = min(threads, 1 + int(done[-1]) // SHARE) if len(done) else 1
    bounds = np.searchsorted(done, _shares(int(done[-1]), parts)[1:-1]).tolist() if parts > 1 else []

    def share(block: slice) -> Pairs:
        which, at, distance = scan(codes, begins[block], ends[block], asked[block], below)
        return which + block.start, at, distance

    slices = list(starmap(slice, pairwise([0, *bounds, len(asked)])))
    with ThreadPoolExecutor(len(slices)) as pool:
        which, at, distance = map(np.concatenate, zip(*pool.map(share, slices), strict=True))
    return which, at, distance


def _shares(count: int, parts: int) -> list[int]:
    return [count * part // parts for part in range(parts + 1)]


def _runs(segment: Segment) -> Iterator[tuple[IntArray, Numbers, IntArray]]:
    """Word, row and term frequency of each picture in each word, range of words by range."""
    for first, last in ranges(segment.sizes()):
        rows = segment.members(first, last)
        words = np.repeat(np.arange(first, last), segment.sizes(first, last))
        (starts,) = np.nonzero(run_starts(rows, words))
        yield words[starts], rows[starts], np.diff(starts, append=len(rows))


def _take_off(segment: Segment, dead: NDArray[np.bool_], frequencies: IntArray, sizes: IntArray) -> None:
    """Take the features of dead pictures off those of each word, and the pictures."""
    for first, last in ranges(segment.sizes()):
        rows = segment.members(first, last)
        (at,) = np.nonzero(dead[rows])
        words = np.searchsorted(segment.offsets, at + int(segment.offsets[first]), side="right") - 1
        frequencies -= np.bincount(words[run_starts(rows[at], words)], minlength=len(frequencies))
        sizes -= np.bincount(words, minlength=len(sizes))
