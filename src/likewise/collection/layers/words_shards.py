"""A layer of visual words that is searched by several processes, each with a part of the pictures.

The catalogue stays the one truth: a shard reads from it what the layer keeps of its pictures, and follows it.
How common words are is summed over the shards and given to each, so that scores are those of one process.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np

from likewise.collection.layers.words_segments import Taps, WordsSegments
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.stores import store_of
from likewise.errors import ShardLost, UsageError
from likewise.files import temporary
from likewise.files.system import cores
from likewise.types import IntArray, Scores
from likewise.words.index import InvertedIndex, ShardedIndex, WordStatistics, merge

log = logging.getLogger("likewise.collection")

STATES = 4
"""Moments that a shard remembers: searches that began at one end at it."""

States: TypeAlias = dict[int, Mapping[str, InvertedIndex]]
"""By number, of one moment the index of each tap."""


@dataclass(frozen=True)
class ShardPart:
    """The pictures of one shard: those whose id leaves ``number`` when it is divided by ``shards``.

    Attributes
    ----------
    path
        The folder of the collection, under which every machine has to find it.
    sizes
        For each tap the words in its codebook.
    """

    path: Path
    layer: int
    sizes: Mapping[str, int]
    number: int
    shards: int

    def among(self, pictures: IntArray) -> IntArray:
        """Those of some pictures that are its own."""
        own: IntArray = pictures[pictures % self.shards == self.number]
        return own


@dataclass(frozen=True)
class ShardCounts:
    """Counts of a shard's words and pictures.

    Attributes
    ----------
    pictures, statistics
        For each tap the rising ids of its pictures, and how common words are in them.
    left
        How many pictures it leaves out, for what is kept of them is damaged.
    """

    generation: int
    pictures: Mapping[str, IntArray]
    statistics: Mapping[str, WordStatistics]
    left: int


class WordsShard:
    """One shard, in the process where it lives; its methods are called one after the other."""

    def __init__(self, part: ShardPart) -> None:
        self.part = part
        self._words = WordsSegments(part.path, part.layer, part.sizes)
        self._segments: list[Taps] = []
        self._indexes: Mapping[str, InvertedIndex] = {}
        self._loaded: ShardCounts | None = None
        self._states: States = {}
        self._number = self._merges = 0
        self._room = ExitStack()
        self._folder = self._room.enter_context(temporary())

    def load(self) -> ShardCounts:
        """Bring it up to the catalogue."""
        with closing(store_of(self.part.path).reader()) as catalogue, catalogue.moment():
            generation = catalogue.generation
            if self._loaded and self._loaded.generation == generation:
                return self._loaded
            live = self.part.among(catalogue.ids())
            held = self._words.covered(dict(enumerate(self._segments)))
            fresh = np.setdiff1d(live, held, assume_unique=True)
            self._segments += self._words.written(self._folder, catalogue, fresh, f"{generation}-")
            self._merge(live)
            self._indexes, left = self._words.indexed(catalogue, live, self._segments)
        pictures = {tap: index.pictures for tap, index in self._indexes.items()}
        statistics = {tap: index.statistics for tap, index in self._indexes.items()}
        self._loaded = ShardCounts(generation, pictures, statistics, left)
        return self._loaded

    def _merge(self, live: IntArray) -> None:
        """Merge small segments; whoever searches the old ones still has them open."""
        first = self._words.mergeable(self._segments)
        small = self._segments[first:]
        if len(small) < 2:
            return
        self._merges += 1
        merged = {
            tap: merge(
                self._folder / f"merged-{self._merges}-{tap}",
                size,
                [segments[tap] for segments in small],
                live,
            )
            for tap, size in self.part.sizes.items()
        }
        self._segments[first:] = [merged]
        for old in (segment for taps in small for segment in taps.values()):
            old.path.unlink()

    def close(self) -> None:
        """Remove its files."""
        self._room.close()

    def weigh(self, generation: int, whole: Mapping[str, WordStatistics]) -> int:
        """Weigh words as they are in all shards; the number of this state, by which it is asked.

        Raises `ShardLost` when it has loaded another generation since.
        """
        if not self._loaded or self._loaded.generation != generation:
            raise self._moved
        self._number += 1
        self._states[self._number] = {tap: index.within(whole[tap]) for tap, index in self._indexes.items()}
        self._states.pop(self._number - STATES, None)
        return self._number

    def scores(self, state: int, tap: str, *query: Any) -> Scores:
        """See `InvertedIndex.scores`; a query as there."""
        return self._at(state)[tap].scores(*query, threads=cores())

    def near(self, state: int, tap: str, *query: Any) -> Any:
        """See `InvertedIndex.near`; a query as there."""
        return self._at(state)[tap].near(*query, threads=cores())

    def _at(self, state: int) -> Mapping[str, InvertedIndex]:
        try:
            return self._states[state]
        except KeyError:
            raise self._moved from None

    @property
    def _moved(self) -> ShardLost:
        return ShardLost(f"shard {self.part.number + 1} of {self.part.shards} has moved on: ask again")


class Shards(ABC):
    """The shards of a collection's layers of words: where they live, and which of them answer.

    Raises `UsageError` when that is none.

    Parameters
    ----------
    count
        How many each layer has.
    """

    LOST: ClassVar[type[Exception] | tuple[type[Exception], ...]]
    """Raised by calls of a shard that is gone."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise UsageError(f"{count} shards cannot be asked: give 1 or more")
        self.count = count
        self._layers: dict[int, SpreadWords] = {}

    @abstractmethod
    def start(self, part: ShardPart) -> Any:
        """Begin a shard somewhere, without waiting for it."""

    @abstractmethod
    def call(self, shard: Any, method: str, *given: Any) -> Future[Any]:
        """Call a method of a `WordsShard`; calls to one are answered in their order."""

    @abstractmethod
    def stop(self, shard: Any) -> None:
        """End a shard, which may be gone already."""

    def load(self, words: WordsSegments, catalogue: Catalogue) -> tuple[int, dict[str, ShardedIndex], int]:
        """See `WordsSegments.load`; pictures of shards that do not answer are left out, and counted.

        Where there are such the generation is -1, which no catalogue has: the next search asks them again.
        """
        if words.layer not in self._layers:
            self._layers[words.layer] = SpreadWords(self, words)
        return self._layers[words.layer].load(catalogue)

    def close(self) -> None:
        """End all of them."""
        for layer in self._layers.values():
            layer.close()
        self._layers.clear()


class SpreadWords:
    """The shards of one layer."""

    def __init__(self, shards: Shards, words: WordsSegments) -> None:
        self._shards = shards
        count, path = shards.count, words.path.absolute()
        self._parts = [
            ShardPart(path, words.layer, dict(words.sizes), number, count) for number in range(count)
        ]
        self._running = [shards.start(part) for part in self._parts]
        self._coming: dict[int, Future[ShardCounts]] = {}

    def load(self, catalogue: Catalogue) -> tuple[int, dict[str, ShardedIndex], int]:
        """See `Shards.load`."""
        there = [number for number in range(len(self._parts)) if self._is_there(number)]
        calls = {number: self._call(number, "load") for number in there}
        counts = {number: loaded for number, call in calls.items() if (loaded := self._loaded(number, call))}
        wholes = {tap: self._whole(tap, counts.values()) for tap in self._parts[0].sizes}
        weighed = {number: (shard.generation, wholes) for number, shard in counts.items()}
        states = dict(zip(counts, self._answers("weigh", weighed), strict=True))
        indexes = {}
        for tap, whole in wholes.items():
            pictures = [shard.pictures[tap] for shard in counts.values()]
            indexes[tap] = ShardedIndex(pictures, whole, partial(self._ask, states, tap))
        live = catalogue.ids()
        away = [part for part in self._parts if part.number not in counts]
        left = sum(shard.left for shard in counts.values()) + sum(len(part.among(live)) for part in away)
        generation = -1 if away else min(shard.generation for shard in counts.values())
        return generation, indexes, left

    def _whole(self, tap: str, counts: Iterable[ShardCounts]) -> WordStatistics:
        size = self._parts[0].sizes[tap]
        nothing = WordStatistics(0, np.zeros(size, np.int64), np.zeros(size, np.int64))
        return sum((shard.statistics[tap] for shard in counts), nothing)

    def _is_there(self, number: int) -> bool:
        """Whether a shard was not lost, or is there again."""
        coming = self._coming.get(number)
        if coming is None:
            return True
        if coming.done():
            del self._coming[number]
            if self._loaded(number, coming):
                return True
        return False

    def _loaded(self, number: int, call: Future[Any]) -> ShardCounts | None:
        try:
            loaded: ShardCounts = call.result()
            return loaded
        except self._shards.LOST as error:
            self._lose(number, error)
            return None

    def _lose(self, number: int, error: Exception) -> None:
        """Begin a shard that is gone anew; until it has read its part, searches go on without."""
        if number in self._coming:
            return
        part = self._parts[number]
        name = f"shard {number + 1} of {part.shards} of {part.path}"
        log.warning("%s does not answer (%s): its pictures are left out until it does", name, error)
        self._shards.stop(self._running[number])
        self._running[number] = self._shards.start(part)
        self._coming[number] = self._call(number, "load")

    def _call(self, number: int, method: str, *given: Any) -> Future[Any]:
        return self._shards.call(self._running[number], method, *given)

    def _ask(self, states: Mapping[int, int], tap: str, method: str, /, *given: Any) -> list[Any]:
        return self._answers(method, {number: (state, tap, *given) for number, state in states.items()})

    def _answers(self, method: str, given: Mapping[int, Sequence[Any]]) -> list[Any]:
        """Answers of shards, by their numbers, to what each is given; raises `ShardLost`."""
        calls = {number: self._call(number, method, *args) for number, args in given.items()}
        answers, lost = [], ""
        for number, call in calls.items():
            try:
                answers.append(call.result())
            except self._shards.LOST as error:
                self._lose(number, error)
                lost = f"shard {number + 1} of {len(self._parts)} does not answer"
        if lost:
            raise ShardLost(lost)
        return answers

    def close(self) -> None:
        """End them."""
        for shard in self._running:
            self._shards.stop(shard)
