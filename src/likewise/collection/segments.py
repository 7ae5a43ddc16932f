"""The inverted indexes of a collection on the disk: which segments there are, and keeping them up to date.

The catalogue holds the sketch of every picture and the list of segments; the files beside it, one for each
segment and layer, can be made again from the sketches at any time. A picture that is gone from the catalogue
is dead in the segments; one that no segment holds yet, or whose segment cannot be read, is asked from a small
index that a reader makes for itself.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likewise.assets import temporary
from likewise.collection import belongings
from likewise.collection.belongings import WORDS
from likewise.collection.catalogue import Catalogue
from likewise.errors import CollectionDamaged, StorageError
from likewise.types import IntArray, Progress, ProgressCallback
from likewise.words.inverted import InvertedIndex
from likewise.words.merging import merge
from likewise.words.postings import Postings
from likewise.words.segment import Segment
from likewise.words.sketch import Sketch, fault_of

SUFFIX = ".words"
_PREFIX = "segments"

BATCH = 64 << 20
"""Bytes of sketches that become one segment at most; building one takes some six times as much memory."""

_OURS = re.compile(rf"\d{{6,}}-\d+{re.escape(SUFFIX)}(\.\w{{8}}\.part)?", re.ASCII)
"""Names of the files that we write: segments, and drafts that a killed writer left."""

_TRIES = 3  # times that a reader asks for the list again when a writer has just replaced a file


@dataclass(frozen=True)
class Segments:
    """The segments of one layer of a collection; here each of its taps is called a layer.

    Attributes
    ----------
    path
        The collection's folder.
    sizes
        For each tap, in the order of the recipe, the words in its codebook.
    layer
        The layer of the collection that they belong to.
    """

    path: Path
    sizes: Mapping[str, int]
    layer: int = 1

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.path / WORDS

    def file(self, name: str, layer: str) -> Path:
        """The file of a segment for a layer."""
        return self.folder / f"{name}-{list(self.sizes).index(layer)}{SUFFIX}"

    # --- reading ---

    def load(self, catalogue: Catalogue) -> tuple[int, dict[str, InvertedIndex], int]:
        """The generation of the catalogue, an index of all pictures for each layer, and what these lack.

        That is the number of pictures that no segment holds and whose sketches are damaged.
        """
        for _ in range(_TRIES):
            names = self._names(catalogue)
            opened = self._opened(names)
            if len(opened) == len(names):
                break
        with catalogue.moment():
            generation, live = catalogue.generation, catalogue.described(self.layer)
            left = np.setdiff1d(live, _covered(opened, self.sizes), assume_unique=True)
            tails = self._tails(catalogue, left)
        indexes = {
            layer: InvertedIndex(size, [one[layer] for one in (*opened.values(), *tails)], live)
            for layer, size in self.sizes.items()
        }
        held = _covered({str(number): tail for number, tail in enumerate(tails)}, self.sizes)
        bare = np.setdiff1d(left, held, assume_unique=True).tolist()  # without any feature, or damaged
        return generation, indexes, sum(catalogue.code_of(self.layer, one) is None for one in bare)

    def _tails(self, catalogue: Catalogue, pictures: IntArray) -> list[dict[str, Segment]]:
        """Segments that only this process sees: their files have no name once they are open."""
        if not len(pictures):
            return []
        with temporary() as folder:
            return [
                self._written(folder, str(number), batch)
                for number, batch in enumerate(self._batches(catalogue, pictures))
            ]

    def _opened(self, names: Sequence[str]) -> dict[str, dict[str, Segment]]:
        """The segments that can be opened."""
        opened = {}
        for name in names:
            with suppress(CollectionDamaged):
                opened[name] = {layer: self._open(name, layer) for layer in self.sizes}
        return opened

    def _open(self, name: str, layer: str) -> Segment:
        segment = Segment.open(self.file(name, layer))
        if segment.extent.words != self.sizes[layer]:
            raise CollectionDamaged(f"{segment.path} is of another codebook; it can be made again")
        return segment

    # --- writing, by whoever holds the lock ---

    def extend(self, catalogue: Catalogue, *, progress: ProgressCallback | None = None) -> None:
        """Bring pictures into segments that none holds yet, and merge small segments.

        A segment that cannot be opened is dropped, and its pictures are brought into another.
        """
        opened = self._opened(self._names(catalogue))
        names = list(opened)
        left = np.setdiff1d(catalogue.described(self.layer), _covered(opened, self.sizes), assume_unique=True)
        done = 0
        for batch in self._batches(catalogue, left):
            name = self._next(catalogue, names)
            self._make_folder()
            self._written(self.folder, name, batch)
            names.append(name)
            self._list(catalogue, names)
            done += len(batch)
            if progress:
                progress(Progress(done, len(left), note="indexing words"))
        self._list(catalogue, self._merged(catalogue, names))
        sweep(self.path, catalogue)

    def optimise(self, catalogue: Catalogue, *, progress: ProgressCallback | None = None) -> None:
        """Make one segment of all, without the pictures that are gone; damaged ones are made again."""
        sound = [
            name
            for name, layers in self._opened(self._names(catalogue)).items()
            if not any(segment.verify() for segment in layers.values())
        ]
        self._list(catalogue, sound)
        self.extend(catalogue, progress=progress)
        names, live = self._names(catalogue), catalogue.described(self.layer)
        dead = np.setdiff1d(_covered(self._opened(names), self.sizes), live, assume_unique=True)
        if len(names) > 1 or len(dead):
            self._list(catalogue, [self._merge(catalogue, names)] if len(live) else [])
        sweep(self.path, catalogue)

    def _merged(self, catalogue: Catalogue, names: list[str]) -> list[str]:
        """Merge from the end what has no twice as large neighbour before it: few segments are left, and a
        posting is written again only as often as the logarithm of their number.
        """
        names = list(names)
        while len(names) > 1:
            before, last = (self._open(name, next(iter(self.sizes))).extent.postings for name in names[-2:])
            if before >= 2 * last or before + last > 1 << 31:
                break
            try:
                names[-2:] = [self._merge(catalogue, names[-2:], among=names)]
            except CollectionDamaged:
                break  # verify names it, and optimise makes it again
        return names

    def _merge(self, catalogue: Catalogue, names: Sequence[str], among: Sequence[str] = ()) -> str:
        new, live = self._next(catalogue, [*names, *among]), catalogue.described(self.layer)
        for layer, size in self.sizes.items():
            segments = [self._open(name, layer) for name in names]
            merge(self.file(new, layer), size, segments, live)
        return new

    def _list(self, catalogue: Catalogue, names: Sequence[str]) -> None:
        text = json.dumps(list(names))
        if text != (catalogue.noted(self._list_name) or "[]"):
            with catalogue.change():
                catalogue.note(self._list_name, text)

    def _next(self, catalogue: Catalogue, names: Sequence[str]) -> str:
        """A name that no segment of any layer has, nor a file that was left over."""
        listed = [name for text in catalogue.notes(_PREFIX) for name in _listed(text)]
        there = [file.name.partition("-")[0] for file in self.folder.glob(f"*{SUFFIX}")]
        numbers = [int(name) for name in (*names, *listed, *there) if name.isdecimal()]
        return f"{max(numbers, default=0) + 1:06}"

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.folder} cannot be made ({error.strerror})") from error

    def _batches(self, catalogue: Catalogue, pictures: IntArray) -> Iterator[list[tuple[int, Sketch]]]:
        """Sketches of pictures, about `BATCH` bytes of them at once; damaged ones are passed over."""
        batch: list[tuple[int, Sketch]] = []
        size = 0
        for picture in pictures.tolist():
            written = catalogue.code_of(self.layer, picture)
            if written is None or fault_of(written, self.sizes):
                continue
            batch.append((picture, Sketch.from_bytes(written, self.sizes)))
            size += len(written)
            if size >= BATCH:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _written(self, folder: Path, name: str, batch: Sequence[tuple[int, Sketch]]) -> dict[str, Segment]:
        segments = {}
        for layer, size in self.sizes.items():
            postings = Postings.join(
                [Postings.of(picture, one.words[layer], one.codes[layer]) for picture, one in batch]
            )
            path = folder / os.path.basename(self.file(name, layer))
            segments[layer] = Segment.write(path, postings, size)
        return segments

    def forget(self, catalogue: Catalogue) -> None:
        """Drop the list, within a change; `sweep` removes the files."""
        catalogue.forget(self._list_name)

    # --- checking ---

    def faults(self, catalogue: Catalogue) -> Iterator[tuple[Path, str]]:
        """Files of segments that are damaged, and how; the folder where their list is."""
        names = self._names(catalogue)
        if json.dumps(names) != (catalogue.noted(self._list_name) or "[]"):
            yield self.folder, "the list of segments cannot be read"
        for name in names:
            for layer in self.sizes:
                path = self.file(name, layer)
                try:
                    found = self._open(name, layer).verify()
                except CollectionDamaged as error:
                    found = [str(error)]
                if found and name in self._names(catalogue):  # else a writer has just replaced it
                    yield from ((path, fault) for fault in found)

    # --- the list ---

    @property
    def _list_name(self) -> str:
        """What the list is called in the catalogue."""
        return _PREFIX if self.layer == 1 else f"{_PREFIX}-{self.layer}"

    def _names(self, catalogue: Catalogue) -> list[str]:
        """Names of the segments; none where the list cannot be read, which `optimise` writes anew."""
        return _listed(catalogue.noted(self._list_name))


def _listed(text: str | None) -> list[str]:
    try:
        names = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    sound = isinstance(names, list) and all(isinstance(name, str) and name.isdecimal() for name in names)
    return names if sound and len(set(names)) == len(names) else []


def sweep(path: Path, catalogue: Catalogue) -> None:
    """Remove segments, and drafts of them, that no layer's list has; who has them open keeps them.

    Whatever else somebody put into the folder stays.
    """
    belongings.check(path)
    folder = path / WORDS
    if not folder.is_dir():
        return
    wanted = {name for text in catalogue.notes(_PREFIX) for name in _listed(text)}
    for file in folder.iterdir():
        draft = file.suffix == ".part"
        if _OURS.fullmatch(file.name) and (draft or file.name.partition("-")[0] not in wanted):
            with suppress(OSError):
                file.unlink()


def _covered(opened: Mapping[str, Mapping[str, Segment]], sizes: Mapping[str, int]) -> IntArray:
    first = next(iter(sizes))
    held = [layers[first].pictures.astype(np.int64) for layers in opened.values()]
    return np.unique(np.concatenate([np.empty(0, np.int64), *held]))
