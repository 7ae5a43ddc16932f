"""How matches of visual words become a score: equations 3 to 8 of Li et al., 2016, and variants by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.registry import lookup

Burstiness: TypeAlias = Literal["none", "database", "query", "both"]
Normalisation: TypeAlias = Literal["none", "l2", "sqrt-idf"]

BITS = 128
"""Of the longest codes."""


@dataclass(frozen=True)
class Scoring:
    """The defaults are those of Li et al., Exploiting hierarchical activations, MM 2016.

    Raises `UsageError` when a number is out of bounds; `UnknownName` when there is no such variant.

    Attributes
    ----------
    hamming
        Compare codes (equation 5); else every pair of features in one word matches fully (equation 3).
    threshold
        Codes match when they differ in fewer bits.
    sigma
        Bits: a match counts ``exp(-d^2 / sigma^2)`` (equation 6).
    burstiness
        ``database`` divides a match by the square root of the number of features that the picture has in the
        word (equation 8), ``query`` by that of the query, ``both`` by both, ``none`` by nothing.
    normalisation
        What a picture's score is divided by: ``none`` (the paper), ``l2`` (the length of its vector of term
        frequency times idf, as VISE does) or ``sqrt-idf`` (the square root of the sum of the idf of its
        words, as ASMK does).
    power
        A match counts idf to this power: 2 in the paper, 0 counts all words alike.
    votes
        Rank by `likewise.words.index.votes` instead, for keypoints: the rest weighs only matches that
        are verified and shown.
    floor
        With votes: nats of a fit (see `likewise.words.verification.verify`) that a hundredth of the pictures
        of other things reach. What lies above is evidence.
    """

    hamming: bool = True
    threshold: int = 52
    sigma: float = 30.0
    burstiness: Burstiness = "database"
    normalisation: Normalisation = "none"
    power: float = 2.0
    votes: bool = False
    floor: float = 15.0

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= BITS + 1:
            raise UsageError(f"threshold {self.threshold} must be from 1 to {BITS + 1} bits")
        if not 0 < self.sigma < float("inf"):
            raise UsageError(f"sigma {self.sigma} must be a positive number of bits")
        if not 0 <= self.power <= 10:
            raise UsageError(f"power {self.power} of idf must be from 0 to 10")
        if not 0 <= self.floor <= 10_000:
            raise UsageError(f"floor {self.floor} of a fit must be from 0 to 10000 nats")
        lookup("burstiness", self.burstiness, dict.fromkeys(get_args(Burstiness)))
        lookup("normalisation", self.normalisation, dict.fromkeys(get_args(Normalisation)))

    @cached_property
    def strengths(self) -> NDArray[np.float64]:
        """How much a match counts by the bits d in which its codes differ, ``(129,)`` (equations 5 and 6).

        ``exp(-d^2 / sigma^2)`` below the threshold, else 0.
        """
        away = np.arange(BITS + 1)
        return np.where(away < self.threshold, np.exp(-np.square(away / self.sigma)), 0.0)

    def limits(self, halves: int) -> tuple[NDArray[np.float64], int]:
        """`strengths` and `threshold` for codes of so many halves: distances of one half come doubled."""
        if halves == 2:
            return self.strengths, self.threshold
        strengths = np.zeros_like(self.strengths)
        strengths[::2] = self.strengths[: BITS // 2 + 1]
        return strengths, 2 * self.threshold

    def half(self, idf: NDArray[np.float64]) -> NDArray[np.float64]:
        """Either side's factor in a match's weight, the product of both; shape of ``idf``."""
        return np.power(idf, self.power / 2)

    @property
    def database(self) -> bool:
        """Whether matches are divided by the root of the picture's term frequency."""
        return self.burstiness in ("database", "both")

    def weights(self, idf: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Weights of a match in words of this idf, ``(g,)``, in which a query has ``counts`` features."""
        powers = np.power(idf, self.power)
        return powers / np.sqrt(counts) if self.burstiness in ("query", "both") else powers


DEFAULT = Scoring()
