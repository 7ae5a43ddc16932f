"""Rows of files that another collection takes without reading or describing anything."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from likewise.collection.layers.layer import CollectionLayer
from likewise.collection.pending import Task, TaskOutcome, settle
from likewise.collection.reports import AddReport
from likewise.collection.store.catalogue import Catalogue, Content, FilePlace
from likewise.descriptors import Manifest
from likewise.errors import BadPicture, CollectionDamaged, ManifestMismatch
from likewise.files.paths import relative, within
from likewise.folders import NO_STAMP, Stamp
from likewise.types import IntArray, Progress, ProgressCallback

TOGETHER = 1000
"""Rows that are committed at once."""


@dataclass(frozen=True)
class MovedFile:
    """A file, and what came of it.

    Attributes
    ----------
    path
        Absolute.
    content
        The ``codes`` of which stand in the order of the layers; or why there is nothing.
    annotations, added
        What somebody says of it, and when it came.
    """

    path: str
    stamp: Stamp
    content: Content | BadPicture
    annotations: Mapping[str, str] = field(default_factory=dict)
    added: str | None = field(default=None, compare=False)


def rows(catalogue: Catalogue, layers: Sequence[CollectionLayer]) -> Iterator[MovedFile]:
    """All files that a catalogue knows, and what it keeps of them: pictures by id, then failures.

    A picture whose row is damaged, or of which a layer keeps nothing sound, is left out, as if it had not
    been indexed yet.
    """
    roots, unsound = catalogue.roots(), set(catalogue.unsound())
    places = catalogue.places()
    while block := list(islice(places, TOGETHER)):
        ids = np.array([row for row, _, _ in block if row not in unsound], np.int64)
        kept = _kept(catalogue, layers, ids)
        for row, root, path in block:
            picture, size = catalogue.picture(FilePlace(root, path)), catalogue.size_of(row)
            codes = {place: held[row] for place, held in enumerate(kept) if row in held}
            if row not in unsound and picture and size and len(codes) == len(layers):
                facts = catalogue.facts
                content = Content(picture.sha256, *size, codes, facts.of(row))
                said, added = facts.annotations(row), facts.added(row)
                yield MovedFile(catalogue.absolute(roots, root, path), picture.stamp, content, said, added)
    for failure in catalogue.failures():
        place_there = catalogue.place(str(failure.path))
        stamp = catalogue.failed(place_there) if place_there else None
        yield MovedFile(str(failure.path), stamp or NO_STAMP, BadPicture(failure.message, failure.reason))


def _kept(
    catalogue: Catalogue, layers: Sequence[CollectionLayer], pictures: IntArray
) -> list[dict[int, bytes]]:
    """Sound codes of pictures, by id, of each layer."""
    return [
        {
            picture: code
            for block in catalogue.rows.of(layer.id, pictures)
            for picture, code, intact in block
            if intact and isinstance(code, bytes) and not layer.fault(code)
        }
        for layer in layers
    ]


def contents(
    catalogue: Catalogue, layers: Sequence[CollectionLayer], paths: Sequence[str]
) -> dict[str, Content]:
    """Contents of the pictures at some absolute paths, by those, but for what is damaged."""
    places = {path: place for path in paths if (place := catalogue.place(path))}
    pictures = {path: picture for path, place in places.items() if (picture := catalogue.picture(place))}
    kept = _kept(catalogue, layers, np.array([picture.id for picture in pictures.values()], np.int64))
    return {
        path: Content(
            picture.sha256,
            *(catalogue.size_of(picture.id) or (0, 0)),
            {place: held[picture.id] for place, held in enumerate(kept) if picture.id in held},
        )
        for path, picture in pictures.items()
    }


def take_over(
    catalogue: Catalogue,
    layers: Sequence[CollectionLayer],
    given: Iterable[MovedFile],
    manifests: Sequence[Manifest],
    *,
    roots: Iterable[str] = (),
    progress: ProgressCallback | None = None,
) -> AddReport:
    """Write rows of another collection; the caller holds the lock.

    Parameters
    ----------
    manifests
        How they were made, layer by layer.
    roots
        Folders, if any, below which paths are kept; what lies in none is kept below its own folder.

    Raises
    ------
    ManifestMismatch
        When they were made otherwise than the layers are.
    CollectionDamaged
        When a row is none that such a collection has. What was committed before stays.
    """
    if differences := difference([layer.manifest for layer in layers], manifests):
        raise ManifestMismatch(f"{catalogue.folder} was made otherwise than what it is given: {differences}")
    begin, counts = time.monotonic(), Counter[str]()
    with catalogue.change():
        for root in roots:
            catalogue.add_root(root)
    left = iter(given)
    while block := list(islice(left, TOGETHER)):
        with catalogue.change():
            places = _Places(catalogue)
            for row in block:
                kind = settle(catalogue, _outcome(places, layers, row))
                counts[kind] += 1
                if kind in _NEW:
                    _say(catalogue, places.of(row.path), row)
        if progress:
            progress(Progress(counts.total(), 0, counts["failed"]))
    for layer in layers:
        layer.index(catalogue)
    by_kind: dict[str, Any] = dict(counts)
    return AddReport(**by_kind, seconds=time.monotonic() - begin)


_NEW = ("added", "copied", "changed")
"""Words of `settle` for pictures that were not there."""


def _say(catalogue: Catalogue, place: FilePlace, row: MovedFile) -> None:
    """Note what somebody said of a picture elsewhere, and when it came there."""
    if (row.annotations or row.added) and (picture := catalogue.picture(place)):
        catalogue.facts.annotate(picture.id, row.annotations)
        if row.added:
            catalogue.facts.arrived(picture.id, row.added)


def difference(ones: Sequence[Manifest], others: Sequence[Manifest]) -> str:
    """Why rows made by some layers and by others are not of one kind; empty when they are."""
    if len(ones) != len(others):
        return f"{len(others)} layers against {len(ones)}"
    return "; ".join(
        filter(None, (manifest.difference(other) for manifest, other in zip(ones, others, strict=True)))
    )


class _Places:
    """Where paths lie, without asking the catalogue for its roots each time."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue, self._roots = catalogue, catalogue.roots()

    def of(self, path: str) -> FilePlace:
        folder, name = os.path.split(path)
        if not os.path.isabs(path) or os.path.normpath(path) != path or not name:
            raise CollectionDamaged(f"{path!r} is no absolute path of a file: extract this shard again")
        if not any(within(folder, root) for root in self._roots.values()):
            self._catalogue.add_root(folder)  # which may take up others
            self._roots = self._catalogue.roots()
        root, held = next((root, held) for root, held in self._roots.items() if within(folder, held))
        return FilePlace(root, os.fsencode(relative(path, held)))


def _outcome(places: _Places, layers: Sequence[CollectionLayer], row: MovedFile) -> TaskOutcome:
    place = places.of(row.path)
    if isinstance(row.content, BadPicture):
        return TaskOutcome(Task(row.path, place, row.stamp, row.content), row.content)
    codes: Mapping[int, bytes] = {layer.id: row.content.codes[number] for number, layer in enumerate(layers)}
    for layer in layers:
        if fault := layer.fault(codes[layer.id]):
            raise CollectionDamaged(f"{row.path} has {fault}: extract this shard again")
    content = replace(row.content, codes=codes)
    return TaskOutcome(Task(row.path, place, row.stamp, sha256=content.sha256, seen=False), content)
