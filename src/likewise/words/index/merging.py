"""Several segments as one, without the pictures that are gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.errors import CollectionDamaged, UsageError
from likewise.words.index.postings import Numbers
from likewise.words.index.segment import CHUNK, Chunk, Segment, create, ranges


def merge(
    path: Path, words: int, segments: Sequence[Segment], live: NDArray[np.integer[Any]] | None = None
) -> Segment:
    """Write the postings of the live pictures of several segments as one segment, range of words by range.

    The bytes are those that `Segment.write` makes of all these postings at once. Raises `CollectionDamaged`
    when a segment is damaged, which is found before anything is written, or two hold the same picture;
    `UsageError` when a segment was made with another codebook, or there are too many postings for one
    segment; `StorageError` when it cannot be written.

    Parameters
    ----------
    words
        Words in the codebook.
    live
        Rising ids of the pictures to keep; all of them by default.
    """
    for segment in segments:
        check(segment, words)
        if faults := segment.verify():
            raise CollectionDamaged(f"{faults[0]}; make the segment again")
    alive = [
        np.ones(len(segment.pictures), bool) if live is None else segment.places(live) >= 0
        for segment in segments
    ]
    kept = [segment.pictures[mask] for segment, mask in zip(segments, alive, strict=True)]
    pictures = np.sort(np.concatenate([np.empty(0, np.uint32), *kept]))
    (twice,) = np.nonzero(pictures[1:] == pictures[:-1])
    if len(twice):
        raise CollectionDamaged(f"picture {pictures[twice[0]]} lies in two segments: make them again")
    parts = list(ranges(sum((segment.sizes() for segment in segments), np.zeros(words, np.int64)), CHUNK))
    counts = np.zeros(words, np.int64)
    for segment, mask in zip(segments, alive, strict=True):
        for first, last in parts:
            counts[first:last] += _counts(segment, mask, first, last)
    halves = max((segment.extent.halves for segment in segments), default=2)
    return create(path, pictures, counts, _chunks(segments, alive, pictures, parts, halves), halves)


def check(segment: Segment, words: int) -> None:
    """Refuse a segment that was made with another codebook."""
    if segment.extent.words != words:
        raise UsageError(f"{segment.path} has {segment.extent.words} words; the codebook has {words}")


def _counts(segment: Segment, alive: NDArray[np.bool_], first: int, last: int) -> NDArray[np.int64]:
    kept = np.concatenate([[0], np.cumsum(alive[segment.members(first, last)])])
    begins = segment.offsets[first : last + 1] - segment.offsets[first]
    return np.asarray(kept[begins[1:]] - kept[begins[:-1]])


def _chunks(
    segments: Sequence[Segment],
    alive: Sequence[NDArray[np.bool_]],
    pictures: Numbers,
    parts: Sequence[tuple[int, int]],
    halves: int,
) -> Iterator[Chunk]:
    rows_of = [np.searchsorted(pictures, segment.pictures) for segment in segments]
    for first, last in parts:
        keys, codes = [np.empty(0, np.uint64)], [np.empty((0, halves), np.uint64)]
        for segment, mask, rows in zip(segments, alive, rows_of, strict=True):
            members = segment.members(first, last)
            words = np.repeat(np.arange(first, last), segment.sizes(first, last))
            kept = mask[members]
            keys.append((words << 32 | rows[members])[kept].astype(np.uint64))
            codes.append(segment.members_codes(first, last)[kept])
        key = np.concatenate(keys)
        order = np.argsort(key, kind="stable")  # equal keys are of one segment, where codes rise
        yield first, last, key[order].astype(np.uint32), np.concatenate(codes)[order]
