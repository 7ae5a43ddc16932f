"""Codebooks: visual words learned by approximate k-means, and the words nearest to a feature.

Philbin, Chum, Isard, Sivic and Zisserman, Object retrieval with large vocabularies and fast spatial
matching, CVPR 2007: k-means in which each feature is assigned approximately. Here the centres lie in lists
of an inverted file; as many of the lists are looked into as a recall of `RECALL` takes, which is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UnknownName, UsageError
from likewise.types import FloatArray

Seeding: TypeAlias = Literal["sampled", "k-means++"]
WordArray: TypeAlias = NDArray[np.uint32]

EXACT = 4096
"""Words up to which every centre is compared."""

LARGEST = 100_000
"""Words that a codebook has at most."""

RECALL = 0.99
"""Share of the exactly nearest words that approximate assignment finds, at least."""

_AIM = 0.995  # of the recall on features that were learned from, so that others reach RECALL
_PROBE_ON = 2000  # features that the lists to look into are counted on
_NEAREST = 3  # words that a feature is put in, in the paper: what the recall is measured for
_PLUS_PLUS_ON = 8  # features a word that k-means++ chooses among


@dataclass(frozen=True)
class Codebook:
    """Centres of visual words.

    Attributes
    ----------
    centres
        float32 ``(words, d)``.
    probes
        Lists looked into by approximate assignment; 0 when every centre is compared.
    """

    centres: FloatArray
    probes: int = 0

    def __len__(self) -> int:
        return len(self.centres)

    def assign(self, vectors: FloatArray, count: int = 1) -> WordArray:
        """The words nearest to features by Euclidean distance, nearest first.

        Returns uint32 ``(n, count)``. Raises `UsageError` when the features are not as long as the centres,
        or there are fewer words than wanted.

        Parameters
        ----------
        vectors
            float32 ``(n, d)``.
        count
            Words for each: multiple assignment (Philbin et al., Lost in quantization, CVPR 2008).
        """
        if vectors.shape[1] != self.centres.shape[1]:
            raise UsageError(
                f"features of {vectors.shape[1]} numbers do not fit a codebook of {self.centres.shape[1]}"
            )
        if not 1 <= count <= len(self):
            raise UsageError(f"{count} words for each feature: give 1 to {len(self)}, as many as there are")
        return _nearest(self._index, vectors, count, self.centres)

    def recall(self, vectors: FloatArray) -> float:
        """Share of the exactly nearest words that `assign` finds for some features."""
        count = min(_NEAREST, len(self))
        exact = _nearest(_index(self.centres, 0), vectors, count, self.centres)
        return _shared(exact, self.assign(vectors, count))

    @cached_property
    def _index(self) -> Any:
        return _index(self.centres, self.probes)


def learn_codebook(
    vectors: FloatArray,
    count: int,
    *,
    seeding: Seeding = "sampled",
    iterations: int = 10,
    seed: int = 0,
    report: Callable[[int], None] | None = None,
) -> Codebook:
    """Learn words by approximate k-means.

    The same features, options and version of faiss give the same words. A word that loses all of its features
    takes half of those of the one that is spread most. Raises `UnknownName` when there is no such seeding;
    `UsageError` when there are too few different features, or too many words are wanted.

    Parameters
    ----------
    vectors
        float32 ``(n, d)``; some 30 for each word are wanted, as many as words are needed.
    count
        How many words, up to `LARGEST`.
    seeding
        First centres: features ``sampled`` at random, or spread out by ``k-means++`` among a sample of them
        (Arthur and Vassilvitskii, SODA 2007).
    report
        Called with the number of each iteration that is done.
    """
    if seeding not in get_args(Seeding):
        raise UnknownName(f"no seeding {seeding!r}; there are {', '.join(get_args(Seeding))}")
    if not 1 <= count <= LARGEST:
        raise UsageError(f"{count} words: give 1 to {LARGEST}")
    if len(vectors) < count:
        raise UsageError(
            f"{len(vectors)} features are too few for {count} words: learn from more pictures, or fewer words"
        )
    vectors = np.ascontiguousarray(vectors, np.float32)
    random = np.random.default_rng(seed)
    centres = _seeds(vectors, count, seeding, random)
    probes = 0
    for number in range(iterations):
        probes = _probes(centres, vectors, random, probes)
        words = _nearest(_index(centres, probes), vectors, 1, centres)[:, 0]
        centres = _means(vectors, words, centres)
        if report:
            report(number + 1)
    return Codebook(centres, _probes(centres, vectors, random, probes))


def _seeds(vectors: FloatArray, count: int, seeding: Seeding, random: np.random.Generator) -> FloatArray:
    if seeding == "sampled":
        return vectors[np.sort(random.permutation(len(vectors))[:count])]
    sample = vectors[random.permutation(len(vectors))[: _PLUS_PLUS_ON * count]]
    centres = np.empty((count, vectors.shape[1]), np.float32)
    squares = np.einsum("nd,nd->n", sample, sample)
    away = np.full(len(sample), np.inf, np.float32)
    for place in range(count):
        sums = np.cumsum(away, dtype=np.float64)
        if place and sums[-1] > 0:
            chosen = min(int(np.searchsorted(sums, random.random() * sums[-1], "right")), len(sample) - 1)
        else:  # the first, or fewer different features than words: any will do
            chosen = int(random.integers(len(sample)))
        centres[place] = sample[chosen]
        # |x|^2 - 2 x c + |c|^2 reads the sample once; it may come out a little below 0
        np.minimum(away, np.maximum(squares - 2 * (sample @ centres[place]) + squares[chosen], 0), out=away)
        away[chosen] = 0
    return centres


def _means(vectors: FloatArray, words: NDArray[Any], before: FloatArray) -> FloatArray:
    """Mean of each word's features; empty words are repaired."""
    count = len(before)
    sizes = np.bincount(words, minlength=count)
    order = np.argsort(words, kind="stable")
    begins = np.cumsum(sizes) - sizes
    full = np.flatnonzero(sizes)
    centres = before.copy()
    sums = np.add.reduceat(vectors[order], begins[full], axis=0, dtype=np.float64)
    centres[full] = (sums / sizes[full, None]).astype(np.float32)
    empty = np.flatnonzero(sizes == 0)
    if not len(empty):
        return centres
    held = np.split(order, begins[1:])
    spread = np.array([_spread(vectors[members]) for members in held])
    for word in empty.tolist():
        widest = int(spread.argmax())
        if not spread[widest]:
            break  # each has features of one kind
        members = held[widest]
        half = _half(vectors[members])
        for taker, taken in ((widest, members[~half]), (word, members[half])):
            held[taker] = taken
            centres[taker] = vectors[taken].mean(axis=0)
            spread[taker] = _spread(vectors[taken])
    return centres


def _spread(members: FloatArray) -> float:
    """Sum of squared distances of features from their mean; 0 for equal ones, whatever is rounded."""
    if len(members) < 2 or (members == members[0]).all():
        return 0.0
    return float(members.var(axis=0, dtype=np.float64).sum()) * len(members)


def _half(members: FloatArray) -> NDArray[np.bool_]:
    """The half of some features that lies further along the coordinate in which they vary most."""
    along = members[:, members.var(axis=0).argmax()]
    half = np.zeros(len(members), bool)
    half[np.argsort(along, kind="stable")[(len(members) + 1) // 2 :]] = True
    return half


def _probes(centres: FloatArray, vectors: FloatArray, random: np.random.Generator, before: int) -> int:
    """How many lists approximate assignment has to look into; 0 when there are few words.

    Centres moved little since ``before``, how many it had to be in the last iteration.
    """
    if len(centres) <= EXACT:
        return 0
    sample = vectors[random.permutation(len(vectors))[:_PROBE_ON]]
    exact = _nearest(_index(centres, 0), sample, _NEAREST, centres)
    index = _index(centres, max(1, before * 3 // 4))
    while _shared(exact, _nearest(index, sample, _NEAREST, centres)) < _AIM and index.nprobe < index.nlist:
        index.nprobe = min(index.nlist, index.nprobe + max(1, index.nprobe // 4))
    return int(index.nprobe)


def _shared(exact: WordArray, approximate: WordArray) -> float:
    return float((exact[:, :, None] == approximate[:, None, :]).any(axis=2).mean())


def _index(centres: FloatArray, probes: int) -> Any:
    """Faiss's index of the centres: all of them compared, or in lists of which ``probes`` are looked into."""
    import faiss  # 0.2 s that only words pay

    dimensions = centres.shape[1]
    index: Any = faiss.IndexFlatL2(dimensions)
    if probes:
        index = faiss.IndexIVFFlat(index, dimensions, round(len(centres) ** 0.5))
        index.cp.max_points_per_centroid = len(centres)
        index.train(centres)
        index.nprobe = probes
    index.add(centres)
    return index


def _nearest(index: Any, vectors: FloatArray, count: int, centres: FloatArray) -> WordArray:
    nearest = index.search(np.ascontiguousarray(vectors, np.float32), count)[1]
    if nearest.size and nearest.min() < 0:  # the lists that were looked into hold fewer centres than wanted
        lost = (nearest < 0).any(axis=1)
        nearest[lost] = _index(centres, 0).search(np.ascontiguousarray(vectors[lost], np.float32), count)[1]
    return np.asarray(nearest, np.uint32)
