"""Pairs of contents: which may be copies by their vectors, and which are by their pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from likewise.downstream.duplicates.dismissed import Dismissed
from likewise.downstream.duplicates.kinds import Link, Shots, link
from likewise.downstream.duplicates.links import DuplicateFile
from likewise.downstream.duplicates.pixels import HALF, one_shape, overlay
from likewise.downstream.duplicates.turned import turned_pairs
from likewise.downstream.linking import apart, close_pairs, nearest_pairs
from likewise.progress import Meter
from likewise.types import FloatArray, IntArray, ProgressCallback

NEAREST = 16
"""Neighbours of a picture that are looked at pixel by pixel."""


ALIKE = Link("alike", "as similar as was asked for")
OF_GROUP = Link("alike", "goes with others of the group")


class ContentPair(NamedTuple):
    """Two contents by their numbers, the lower one first, and the distance of their vectors."""

    first: int
    second: int
    distance: float


@dataclass(frozen=True)
class CopyDistances:
    """How far apart the vectors of copies may be.

    Attributes
    ----------
    near
        Of copies that may have been altered in any way.
    sizes
        Of copies of another size: small pictures are described as they are, and half of one lies far away.
    given
        Whether ``near`` was given, and links pictures whatever their pixels say.
    """

    near: float
    sizes: float
    given: bool = False


@dataclass
class Judge:
    """Says of two contents what the one is to the other; each pair is looked at once.

    Attributes
    ----------
    files
        A file of each content.
    vectors
        Of the contents, ``(n, d)``.
    dismissed
        What is no duplicate, as a person said.
    matching
        Pairs ``(p, 2)`` whose keypoints match: one may be a part of the other, wherever their vectors lie.
    refused
        Pairs that were found and had been dismissed.
    """

    files: Sequence[DuplicateFile]
    vectors: FloatArray
    reach: CopyDistances
    dismissed: Dismissed
    matching: IntArray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    shots: Shots = field(default_factory=Shots)
    refused: set[tuple[int, int]] = field(default_factory=set)
    _known: dict[tuple[int, int], Link | None] = field(default_factory=dict)
    _closer: dict[tuple[int, int], bool] = field(default_factory=dict)

    @property
    def looked_at(self) -> int:
        """How many pairs were looked at."""
        return len(self._known)

    def candidates(
        self, among: IntArray, *, turned: bool = False, progress: ProgressCallback | None = None
    ) -> list[ContentPair]:
        """Pairs among some contents whose vectors let them be copies, the closest first."""
        if len(among) < 2:
            return []
        vectors, report = self.vectors[among], Meter(progress, note="comparing")
        if self.reach.given:
            pairs, distances = close_pairs(vectors, self.reach.near, report=report)
        else:
            pairs, distances = nearest_pairs(vectors, NEAREST, report=report)
        candidates = {
            pair
            for pair in _named(among[pairs], distances)
            if pair.distance <= self.reach.near or self._another_size(pair)
        }
        matching = self.matching[np.isin(self.matching, among).all(axis=1)]
        candidates |= set(_named(matching, apart(self.vectors, matching)))
        if turned:
            places = among[turned_pairs([self.files[row] for row in among.tolist()], self.shots)]
            candidates |= set(_named(places, apart(self.vectors, places)))
        return sorted(candidates, key=self.order)

    def look(
        self, pairs: Sequence[ContentPair], progress: ProgressCallback | None = None
    ) -> dict[ContentPair, Link]:
        """The pairs that are linked, with what the second is to the first."""
        report, links = Meter(progress, len(pairs), note="looking at pixels"), dict[ContentPair, Link]()
        for done, pair in enumerate(self._by_neighbourhood(pairs), 1):
            if link := self._link(pair):
                links[pair] = link
            if done % 50 == 0 or done == len(pairs):
                report(done)
        return links

    def joins(self, link: Link) -> bool:
        """Whether a link makes two contents one picture: as a copy, or by the similarity that was given."""
        return link.copies or self.reach.given

    def copies(self, first: int, second: int) -> bool:
        """Whether two contents go together, also where they are not among each other's nearest."""
        low, high = sorted((first, second))
        linked = self._link(
            ContentPair(low, high, float(np.linalg.norm(self.vectors[low] - self.vectors[high])))
        )
        return linked is not None and self.joins(linked)

    def holds(self, whole: int, part: int) -> bool:
        """Whether the pixels of a content hold those of another one, wherever their vectors lie."""
        if self.copies(whole, part):
            return True
        key = min(whole, part), max(whole, part)
        if key not in self._closer:
            linked = link(self.files[key[0]], self.files[key[1]], self.shots)
            self._closer[key] = linked is not None and linked.copies
        return self._closer[key]

    def overlap(self, first: int, second: int) -> bool:
        """Whether two parts of one picture show the same in at least half of each, or one holds the other."""
        if self.holds(first, second):
            return True
        shots = [self.shots.get(self.files[row]) for row in (first, second)]
        if None in shots:
            return False
        a, b = (shot.small for shot in shots if shot)
        return overlay(a, b, covered=HALF) is not None

    def keeps_apart(self, first: int, second: int) -> bool:
        """Whether a person said that two contents are no duplicates."""
        return (self.files[first].sha256, self.files[second].sha256) in self.dismissed

    def told(self, kept: DuplicateFile, other: DuplicateFile) -> Link:
        """The link of a file to the one kept of its group."""
        linked = link(kept, other, self.shots) or link(other, kept, self.shots)
        return linked or (ALIKE if self.reach.given else OF_GROUP)

    def _link(self, pair: ContentPair) -> Link | None:
        key = pair.first, pair.second
        if key not in self._known:
            self._known[key] = self._linked(pair)
        return self._known[key]

    def _linked(self, pair: ContentPair) -> Link | None:
        a, b = self.files[pair.first], self.files[pair.second]
        near = pair.distance <= self.reach.near
        cut = near or pair[:2] in self._matching or not self._another_size(pair)
        linked = link(a, b, self.shots, near=cut)
        if self.reach.given and not near and linked is not None and not linked.copies:
            return None  # two shots that are less alike than was asked for
        if linked is None and self.reach.given and near:
            linked = ALIKE
        if linked is not None and (a.sha256, b.sha256) in self.dismissed:
            self.refused.add((pair.first, pair.second))
            return None
        return linked

    @cached_property
    def _matching(self) -> set[tuple[int, int]]:
        return {(first, second) for first, second in self.matching.tolist()}

    def _another_size(self, pair: ContentPair) -> bool:
        """Whether one may be the other at another size, though their vectors are far apart."""
        if pair.distance > self.reach.sizes:
            return False
        sizes = [(self.files[row].width, self.files[row].height) for row in pair[:2]]
        return sizes[0] != sizes[1] and one_shape(*sizes)

    def order(self, pair: ContentPair) -> tuple[float, str, str]:
        """Equally close pairs by what they hold, so that the order of indexing does not matter."""
        low, high = sorted((self.files[pair.first].sha256, self.files[pair.second].sha256))
        return round(pair.distance, 5), low, high

    def _by_neighbourhood(self, pairs: Sequence[ContentPair]) -> Iterator[ContentPair]:
        """The pairs so ordered that files which go together come together, and are decoded once."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import reverse_cuthill_mckee

        if not pairs:
            return iter(())
        ends = np.array([pair[:2] for pair in pairs])
        links = coo_array((np.ones(len(ends)), ends.T), shape=(len(self.files),) * 2).tocsr()
        place = np.empty(len(self.files), np.int64)
        place[reverse_cuthill_mckee((links + links.T).tocsr(), symmetric_mode=True)] = np.arange(len(place))
        order = np.lexsort((place[ends].max(axis=1), place[ends].min(axis=1)))
        return (pairs[row] for row in order.tolist())


def _named(pairs: IntArray, distances: FloatArray) -> Iterator[ContentPair]:
    """Pairs from arrays ``(p, 2)`` and ``(p,)``."""
    rows = zip(pairs.tolist(), distances.tolist(), strict=True)
    return (ContentPair(first, second, distance) for (first, second), distance in rows)
