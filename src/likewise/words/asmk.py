"""Aggregated selective matching: all features of a picture in one word as one code.

Tolias, Avrithis and Jegou, To aggregate or not to aggregate: selective match kernels for image search, ICCV
2013, in its binary form. A word that fills a picture counts once, and codes that agree well count
for more than many that agree a little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.types import IntArray
from likewise.words.hamming import Codes, Words, distance


def aggregate(words: Words, codes: Codes) -> tuple[IntArray, Codes]:
    """Each word of a picture once, with the bits that most of its features there have.

    Parameters
    ----------
    words
        Integers ``(n, k)``: the words that each feature is put in.
    codes
        uint64 ``(n, k, bits / 64)``: its code in each.

    Returns
    -------
    tuple
        The words, rising, int64 ``(m,)``, and their codes, uint64 ``(m, bits / 64)``. Where as many features
        have a bit as have it not, the first of them decides: a fixed choice would make unlike pictures alike.

    Raises
    ------
    UsageError
        When the codes do not belong to the words.
    """
    if codes.ndim != 3 or codes.shape[:2] != words.shape:
        raise UsageError(f"codes {codes.shape} do not belong to words {words.shape}: give one code a word")
    order = np.argsort(words, axis=None, kind="stable")
    found, starts, counts = np.unique(words.ravel()[order], return_index=True, return_counts=True)
    if not len(found):
        return found.astype(np.int64), np.empty((0, codes.shape[2]), np.uint64)
    rows = np.ascontiguousarray(codes.reshape(words.size, -1)[order], "<u8")
    bits = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little")
    have = np.add.reduceat(bits, starts, axis=0, dtype=np.int64) * 2
    most = np.where(have == counts[:, None], bits[starts], have > counts[:, None])
    packed = np.packbits(most.astype(bool), axis=1, bitorder="little").view("<u8")
    return found.astype(np.int64), packed.astype(np.uint64)


def scores(
    query_words: IntArray,
    query_codes: Codes,
    pictures: IntArray,
    words: IntArray,
    codes: Codes,
    weights: NDArray[np.floating],
    count: int,
    *,
    alpha: float = 3.0,
    threshold: float = 0.0,
) -> NDArray[np.float64]:
    """How alike a query and pictures are: 1 for the same words with the same codes, 0 for nothing in common.

    A word in common counts ``weight u^alpha`` where ``u = 1 - 2 d / bits`` lies above the threshold; the sum
    is divided by the square roots of the sums of weights of the words of both.

    Parameters
    ----------
    query_words, query_codes
        What `aggregate` gave for the query: ``(a,)`` and ``(a, bits / 64)``.
    pictures, words, codes
        What it gave for the pictures, in columns of one length: the picture's number, its word, its code.
    weights
        Of every word of the codebook, ``(W,)``: idf, or ones.
    count
        Pictures in all.

    Returns
    -------
    float64 ``(count,)``.

    Raises
    ------
    UsageError
        When a word is not in the codebook, or a picture not among the ``count``.
    """
    for name, numbers, limit in (
        ("word", query_words, len(weights)),
        ("word", words, len(weights)),
        ("picture", pictures, count),
    ):
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < limit:
            raise UsageError(f"{name}s {numbers.min()} to {numbers.max()} are not among {limit}")
    norm = np.bincount(pictures, weights[words], count) * float(weights[query_words].sum())
    place = np.searchsorted(query_words, words)
    shared = np.flatnonzero(np.append(query_words, -1)[place] == words)
    away = distance(query_codes[place[shared]], codes[shared])
    alike = 1 - 2 * away / (64 * codes.shape[1])
    gain = np.where(alike > threshold, weights[words[shared]] * np.abs(alike) ** alpha, 0.0)
    sums = np.bincount(pictures[shared], gain, count)
    return np.asarray(np.divide(sums, np.sqrt(norm), out=np.zeros(count), where=norm > 0))
