"""Which patches of two pictures match, and what each pair adds to the score.

Two patches match when they are put in one word and their codes differ little (Li, Kong, Zheng and Tian,
Exploiting hierarchical activations of neural network for image retrieval, ACM Multimedia 2016, equations 3
to 8).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.types import FloatArray, IntArray
from likewise.words.hamming import Codes, Words, distance
from likewise.words.parallel import ParallelColumns, run_starts
from likewise.words.scoring import DEFAULT, Scoring


@dataclass(frozen=True, eq=False)
class Matches(ParallelColumns):
    """Pairs of patches as parallel columns; a pair stands once for each word and layer that it shares.

    Attributes
    ----------
    query, picture
        int64 ``(m,)``: numbers of the query's patch and of the hit's patch.
    layer
        int64 ``(m,)``: number of the layer that made them match.
    distance
        int64 ``(m,)``: bits in which their codes differ.
    weight
        float32 ``(m,)``: what the pair adds to the hit's score.
    """

    query: IntArray
    picture: IntArray
    layer: IntArray
    distance: IntArray
    weight: FloatArray

    def __post_init__(self) -> None:
        shapes = {name: column.shape for name, column in vars(self).items()}
        if any(shape != self.query.shape[:1] for shape in shapes.values()):
            raise UsageError(f"the columns of matches must be of one length: {shapes}")


def match(
    query_words: Words,
    query_codes: Codes,
    words: Words,
    codes: Codes,
    idf: NDArray[np.float64],
    *,
    scoring: Scoring = DEFAULT,
    layer: int = 0,
) -> Matches:
    """Pairs of patches of a query and a picture that share a word, in one layer.

    A pair weighs ``idf^2 exp(-d^2 / sigma^2) / sqrt(tf)``, tf being how often the picture has the word
    (equations 3 to 8 of the paper): the weights of all layers add up to the picture's score. Raises
    `UsageError` when codes do not belong to the words, or a word is not in the codebook.

    Parameters
    ----------
    query_words, words
        Integers ``(n, k)`` and ``(p, j)``: the words that each patch is put in.
    query_codes, codes
        uint64 ``(n, k, bits / 64)`` and ``(p, j, bits / 64)``: its code in each.
    idf
        Of every word of the codebook, ``(W,)`` (equation 4).
    scoring
        Which codes match, and what a pair weighs by them and by whose term frequency: without Hamming
        embedding a word in common is enough and weighs ``idf^2 / sqrt(tf)`` (equation 3).
    layer
        What to write in the column of that name.

    Returns
    -------
    In the order of the query's patches, of their words, then of the picture's patches.
    """
    _check(query_words, query_codes, words, codes, len(idf))
    asked, held = query_words.ravel(), words.ravel()
    order = np.argsort(held, kind="stable")
    begins = np.flatnonzero(run_starts(held[order]))
    sizes = np.diff(begins, append=len(held))
    runs = np.zeros(len(idf), np.int32)  # of each word its place among the picture's, from 1 on
    runs[held[order[begins]]] = np.arange(1, len(begins) + 1)
    shared = np.flatnonzero(runs[asked])
    run = runs[asked[shared]] - 1
    first, tf = begins[run], sizes[run]
    left = np.repeat(shared, tf)
    # within the run of each query word: 0, 1, ... up to its tf
    inside = np.arange(len(left)) - np.repeat(np.cumsum(tf) - tf, tf)
    right = order[np.repeat(first, tf) + inside]
    times = np.repeat(tf, tf)
    away = distance(_flat(query_codes)[left], _flat(codes)[right])
    if scoring.hamming:
        near = away < scoring.threshold
        left, right, away, times = left[near], right[near], away[near], times[near]
    weight = np.square(scoring.half(idf[asked[left]]), dtype=np.float64)
    if scoring.database:
        weight /= np.sqrt(times)
    if scoring.burstiness in ("query", "both"):
        weight /= np.sqrt(np.bincount(asked.astype(np.int64))[asked[left]])
    if scoring.hamming:
        weight *= scoring.strengths[away]
    return Matches(
        left // query_words.shape[1],
        right // words.shape[1],
        np.full(len(left), layer, np.int64),
        away,
        weight.astype(np.float32),
    )


def _flat(codes: Codes) -> Codes:
    return codes.reshape(codes.shape[0] * codes.shape[1], codes.shape[2])


def _check(query_words: Words, query_codes: Codes, words: Words, codes: Codes, count: int) -> None:
    for ids, its in ((query_words, query_codes), (words, codes)):
        if ids.ndim != 2 or its.ndim != 3 or its.shape[:2] != ids.shape:
            raise UsageError(f"codes {its.shape} do not belong to words {ids.shape}: give one code a word")
        if ids.size and (ids.min() < 0 or ids.max() >= count):
            raise UsageError(f"words {ids.min()} to {ids.max()} are not those of a codebook of {count}")
    if query_codes.shape[2] != codes.shape[2]:
        raise UsageError(
            f"codes of {query_codes.shape[2] * 64} and {codes.shape[2] * 64} bits do not compare"
        )
