"""Postings: which picture has a feature in which visual word, and with which code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.words.hamming import Codes, Words
from likewise.words.parallel import ParallelColumns

Numbers: TypeAlias = NDArray[np.uint32]

_HALF = np.uint64(32)


@dataclass(frozen=True, eq=False)
class Postings(ParallelColumns):
    """Parallel columns, one row for each word that a feature is put in, in any order.

    Raises `UsageError` when a column has another type or length.

    Attributes
    ----------
    words
        uint32 ``(n,)``.
    pictures
        uint32 ``(n,)``, ids.
    codes
        uint64 ``(n, bits / 64)``: 64 or 128 bits, as `likewise.words.hamming.Embedding.encode` gives them;
        zeros without Hamming embedding.
    """

    words: Numbers
    pictures: Numbers
    codes: Codes

    def __post_init__(self) -> None:
        count = len(self.words)
        wanted: dict[str, tuple[NDArray[Any], type, tuple[int, ...]]] = {
            "words": (self.words, np.uint32, (count,)),
            "pictures": (self.pictures, np.uint32, (count,)),
            "codes": (self.codes, np.uint64, (count, 1 if self.codes.shape[1:] == (1,) else 2)),
        }
        for name, (column, kind, shape) in wanted.items():
            if column.dtype != kind or column.shape != shape:
                raise UsageError(
                    f"{name} of postings must be {kind.__name__} {shape}, not {column.dtype} {column.shape}"
                )

    @classmethod
    def of(cls, picture: int, words: Words, codes: Codes) -> Postings:
        """The postings of one picture.

        Raises `UsageError` when the id or a word is out of bounds, or words and codes disagree.

        Parameters
        ----------
        picture
            Its id, below 2^32.
        words
            Integers ``(n, m)`` or ``(n,)``: the words that each feature is put in.
        codes
            uint64 ``(n, m, bits / 64)`` or ``(n, bits / 64)``.
        """
        if not 0 <= picture < 1 << 32:
            raise UsageError(f"picture id {picture} is not from 0 to {(1 << 32) - 1}")
        if words.size and not 0 <= words.min() <= words.max() < 1 << 32:
            raise UsageError(f"words {words.min()} to {words.max()} are not from 0 to {(1 << 32) - 1}")
        flat = words.astype(np.uint32).ravel()
        return cls(flat, np.full(len(flat), picture, np.uint32), codes.reshape(-1, codes.shape[-1]))

    @classmethod
    def join(cls, parts: Sequence[Postings]) -> Postings:
        """All of them as one; none of them as an empty one."""
        if parts:
            return cls.joined(parts)
        return cls(np.empty(0, np.uint32), np.empty(0, np.uint32), np.empty((0, 2), np.uint64))

    def sorted(self) -> Postings:
        """The same postings by word, picture and code: one order, however they came."""
        keys = self.words.astype(np.uint64) << _HALF | self.pictures
        order = np.argsort(keys)
        keys = keys[order]
        twins = np.zeros(len(keys) + 1, bool)  # few: features of one picture in one word
        twins[1:-1] = keys[1:] == keys[:-1]
        (tied,) = np.nonzero(twins[1:] | twins[:-1])
        rows = order[tied]
        order[tied] = rows[np.lexsort((*self.codes[rows].T[::-1], keys[tied]))]
        return Postings(self.words[order], self.pictures[order], self.codes[order])
