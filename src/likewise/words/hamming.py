"""Hamming embedding: a few bits that tell apart the features of one visual word.

Jegou, Douze and Schmid, Hamming embedding and weak geometric consistency for large scale image search,
ECCV 2008: a feature is projected to as many numbers as there are bits, and each bit says whether its number
lies above the median of the features of the same word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UnknownName, UsageError
from likewise.types import FloatArray, IntArray

Codes: TypeAlias = NDArray[np.uint64]
Words: TypeAlias = NDArray[np.integer[Any]]
Projection: TypeAlias = Literal["random", "pca", "pca-rotation"]

Pairs: TypeAlias = tuple[IntArray, IntArray, IntArray]
"""Of codes that are near: which of those asked for, where the other lies, in how many bits they differ."""

Scan: TypeAlias = Callable[[Codes, IntArray, IntArray, Codes, int], Pairs]
"""How they are found; see `likewise.words.index.kernel.pairs`."""

_ROWS = 4096  # features encoded at once: at 128 bits and three words each, 6 MiB of medians


@dataclass(frozen=True)
class Embedding:
    """A projection, and the medians of every word.

    Attributes
    ----------
    projection
        float32 ``(bits, d)``, rows orthonormal; where there are more bits than numbers, every d of them.
    medians
        float32 ``(words, bits)``.
    """

    projection: FloatArray
    medians: FloatArray

    @classmethod
    def learn(
        cls,
        vectors: FloatArray,
        words: Words,
        count: int,
        *,
        bits: int = 128,
        projection: Projection = "random",
        minimum: int = 10,
        seed: int = 0,
    ) -> Embedding:
        """Learn on features of pictures that are not searched.

        Raises `UnknownName` when there is no such projection; `UsageError` when the bits do not fit, a word
        is not in the codebook, or there are too few features.

        Parameters
        ----------
        vectors
            float32 ``(n, d)``.
        words
            The nearest word of each, ``(n,)``.
        count
            Words in the codebook.
        bits
            Bits of a code, a multiple of 64; at most d but for ``random``.
        projection
            ``random`` (uniform among orthonormal ones; several of them one below the other where there are
            more bits than numbers), ``pca``, or ``pca-rotation``: PCA, then a random rotation, so that all
            bits bear alike.
        minimum
            A word with fewer features takes the medians of all features.
        """
        _check(vectors, words, count, bits, projection)
        rows = _projection(vectors, bits, projection, np.random.default_rng(seed))
        return cls(rows, _medians(vectors @ rows.T, words, count, max(minimum, 1)))

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return len(self.projection)

    def encode(self, vectors: FloatArray, words: Words) -> Codes:
        """Codes of features, each by the medians of the word it is put in.

        Returns uint64 ``(n, m, bits / 64)``; bit i is bit i % 64 of number i // 64. Raises `UsageError` when
        the vectors are not as long as those it was learned on, or a word is not in the codebook.

        Parameters
        ----------
        vectors
            float32 ``(n, d)``.
        words
            Integers ``(n, m)``: the words that each feature is put in.
        """
        if vectors.shape[1] != self.projection.shape[1]:
            raise UsageError(
                f"features of {vectors.shape[1]} numbers do not fit an embedding "
                f"learned on {self.projection.shape[1]}"
            )
        _check_words(words, len(self.medians))
        codes = np.empty((*words.shape, self.bits // 64), np.uint64)
        for begin in range(0, len(vectors), _ROWS):
            rows = slice(begin, begin + _ROWS)
            projected = vectors[rows] @ self.projection.T
            above = projected[:, None] > self.medians[words[rows]]
            codes[rows] = np.packbits(above, axis=-1, bitorder="little").view("<u8")
        return codes


def distance(left: Codes, right: Codes) -> NDArray[np.int64]:
    """Bits in which codes differ (Li et al., Exploiting hierarchical activations, MM 2016, equation 7).

    ``left``, ``right``: uint64 ``(..., bits / 64)``, of shapes that broadcast.
    """
    return np.asarray(np.bitwise_count(left ^ right).sum(axis=-1, dtype=np.int64))


def _check(vectors: FloatArray, words: Words, count: int, bits: int, projection: str) -> None:
    if projection not in get_args(Projection):
        raise UnknownName(f"no projection {projection!r}; there are {', '.join(get_args(Projection))}")
    if bits < 64 or bits % 64:
        raise UsageError(f"{bits} bits: give a multiple of 64")
    if bits > vectors.shape[1] and projection != "random":
        raise UsageError(
            f"{bits} bits of {vectors.shape[1]} numbers: give at most as many bits as numbers, or projection "
            "'random'"
        )
    if len(vectors) <= bits:
        raise UsageError(f"{len(vectors)} features are too few for {bits} bits: give at least {bits + 1}")
    _check_words(words, count)


def _check_words(words: Words, count: int) -> None:
    if words.size and (words.min() < 0 or words.max() >= count):
        raise UsageError(f"words {words.min()} to {words.max()} are not those of a codebook of {count}")


def _projection(vectors: FloatArray, bits: int, name: str, random: np.random.Generator) -> FloatArray:
    if name == "random":
        size = vectors.shape[1]
        blocks = [_orthonormal(size, random) for _ in range(-(-bits // size))]
        return np.concatenate(blocks)[:bits].astype(np.float32)
    rows = _principal(vectors, bits)
    if name == "pca-rotation":
        rows = _orthonormal(bits, random) @ rows
    return np.asarray(rows, np.float32)


def _orthonormal(size: int, random: np.random.Generator) -> NDArray[np.float64]:
    """A matrix drawn uniformly from the orthogonal group."""
    q, r = np.linalg.qr(random.standard_normal((size, size)))
    return np.asarray(q * np.sign(np.diag(r)))  # without the signs QR's own convention shows through


def _principal(vectors: FloatArray, bits: int) -> NDArray[np.float64]:
    """Directions of most variance, as rows, the largest first."""
    _, columns = np.linalg.eigh(np.cov(vectors, rowvar=False, dtype=np.float64))
    return np.asarray(columns[:, ::-1][:, :bits].T)


def _medians(projected: FloatArray, words: Words, count: int, minimum: int) -> FloatArray:
    """Medians of each word's features, ``(count, bits)``; of all features for a word with too few."""
    medians = np.tile(np.median(projected, axis=0).astype(np.float32), (count, 1))
    order = np.argsort(words, kind="stable")
    ends = np.cumsum(np.bincount(words, minlength=count))
    for word, end in enumerate(ends):
        begin = ends[word - 1] if word else 0
        if end - begin >= minimum:
            medians[word] = np.median(projected[order[begin:end]], axis=0)
    return medians
