"""An inverted index whose pictures are spread over shards: what each of them finds becomes one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from likewise.types import IntArray, Scores
from likewise.words.hamming import Codes, Words
from likewise.words.index.inverted import WordStatistics
from likewise.words.index.votes import Neighbours
from likewise.words.scoring import DEFAULT, Scoring


class Ask(Protocol):
    """Calls a method of the index of every shard, and gives what each answers, in their order."""

    def __call__(self, method: str, /, *given: Any) -> Sequence[Any]:
        """Raises `ShardLost` when one does not."""


class ShardedIndex:
    """See `likewise.words.index.inverted.WordIndex`; scores are those of one index, to the last bit.

    A picture's score is summed by the shard that holds it, with words weighed as in all of them. Votes weigh
    a feature's neighbours by how many pictures have nearer ones, so they are counted here.

    Parameters
    ----------
    parts
        For each shard the rising ids of its pictures; no picture is in two.
    whole
        How common words are in all of them.
    ask
        Asks the shards.
    """

    def __init__(self, parts: Sequence[IntArray], whole: WordStatistics, ask: Ask) -> None:
        self.pictures: IntArray = np.sort(np.concatenate([np.empty(0, np.int64), *parts]))
        self._places = [np.searchsorted(self.pictures, part) for part in parts]
        self.words = len(whole.sizes)
        self._whole, self._ask = whole, ask

    @property
    def idf(self) -> NDArray[np.float64]:
        """See `WordIndex`."""
        return self._whole.idf

    def scores(self, words: Words, codes: Codes, scoring: Scoring = DEFAULT, *, threads: int = 1) -> Scores:
        """See `WordIndex`; raises `ShardLost`. Each shard takes as many threads as its machine has cores."""
        total = np.zeros(len(self.pictures))
        for places, values in zip(self._places, self._ask("scores", words, codes, scoring), strict=True):
            total[places] = values
        return total

    def neighbours(self, words: Words, codes: Codes, *, threads: int = 1) -> tuple[Neighbours, IntArray]:
        """See `WordIndex`; raises `ShardLost`. Each shard takes as many threads as its machine has cores."""
        compared, below = self._whole.reach(words, 64 * codes.shape[2])
        answers = self._ask("near", words, codes, below)
        parts = [
            replace(pairs, row=places[pairs.row]) for places, pairs in zip(self._places, answers, strict=True)
        ]
        return Neighbours.joined([Neighbours.none(), *parts]), compared
