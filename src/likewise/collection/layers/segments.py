"""Files by which a layer is searched, beside the catalogue: which there are, and keeping them up to date.

The catalogue holds the truth, what the layer keeps of every picture, and the list of segments; the files can
be made again from it at any time. A segment never changes once it is listed: what comes is written into
another, small ones are merged, and only then does the list change. A picture that is gone from the catalogue
is dead in the segments; one that no segment holds yet, or whose segment cannot be read, is read from the
catalogue by whoever searches.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from likewise.collection.store import belongings
from likewise.collection.store.catalogue import Catalogue
from likewise.errors import CollectionDamaged
from likewise.files import made_folder
from likewise.types import IntArray, Progress, ProgressCallback

Segment = TypeVar("Segment")
Batch = TypeVar("Batch", bound=Sized)

TRIES = 3
"""Times that a reader asks for the list again when a writer has just replaced a file."""


@dataclass(frozen=True)
class Segments(ABC, Generic[Segment, Batch]):
    """The segments of one layer of a collection.

    Attributes
    ----------
    path
        The collection's folder.
    layer
        The layer that they belong to.
    """

    FOLDER: ClassVar[str]
    """Where the files lie, in the collection's folder; their names end so too."""

    LIST: ClassVar[str]
    """Key of the first layer's list in the catalogue."""

    NOTE: ClassVar[str]
    """What extending them is, in a few words."""

    path: Path
    layer: int

    # --- what kinds differ in ---

    @abstractmethod
    def files(self, name: str) -> list[Path]:
        """The files of a segment."""

    @abstractmethod
    def open(self, name: str) -> Segment:
        """Open a segment; raises `CollectionDamaged`."""

    @abstractmethod
    def held(self, segment: Segment) -> IntArray:
        """The pictures that it holds, int64 ``(n,)``, rising."""

    @abstractmethod
    def weight(self, segment: Segment) -> int:
        """How large it is."""

    @abstractmethod
    def damage(self, name: str) -> list[tuple[Path, str]]:
        """Its files that are damaged, and how."""

    @abstractmethod
    def batches(self, catalogue: Catalogue, pictures: IntArray) -> Iterator[Batch]:
        """Rows of the catalogue, as many at once as go into one segment; no damaged ones."""

    @abstractmethod
    def write(self, folder: Path, name: str, batch: Batch) -> Segment:
        """Write a segment into a folder, and open it."""

    @abstractmethod
    def join(self, name: str, segments: Sequence[Segment], live: IntArray) -> None:
        """Write several segments as one, without the pictures that are gone."""

    @property
    @abstractmethod
    def most(self) -> int:
        """How large a segment may become by merging."""

    # --- reading ---

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.path / self.FOLDER

    def opened(self, catalogue: Catalogue) -> dict[str, Segment]:
        """The segments that can be opened, by name; asks again while a writer replaces some."""
        opened: dict[str, Segment] = {}
        for _ in range(TRIES):
            names = self.names(catalogue)
            opened = self._opened(names)
            if len(opened) == len(names):
                break
        return opened

    def _opened(self, names: Sequence[str]) -> dict[str, Segment]:
        opened = {}
        for name in names:
            with suppress(CollectionDamaged):
                opened[name] = self.open(name)
        return opened

    def covered(self, segments: Mapping[Any, Segment]) -> IntArray:
        """All pictures that some segments hold, rising."""
        held = np.concatenate([np.empty(0, np.int64), *map(self.held, segments.values())])
        held.sort(kind="stable")  # of runs that rise already, a tenth of the time of np.unique
        first: IntArray = held[np.diff(held, prepend=held[:1] - 1) != 0]
        return first

    def names(self, catalogue: Catalogue) -> list[str]:
        """Names of the segments; none where the list cannot be read, which `optimise` writes anew."""
        return _listed(catalogue.noted(self._list_name))

    # --- writing, by whoever holds the lock ---

    def extend(
        self, catalogue: Catalogue, *, progress: ProgressCallback | None = None, least: int = 1
    ) -> None:
        """Bring pictures into segments that none holds yet, and merge small segments.

        A segment that cannot be opened is dropped, and its pictures are brought into another.

        Parameters
        ----------
        least
            How many pictures are worth a segment.
        """
        opened = self._opened(self.names(catalogue))
        names = list(opened)
        left = np.setdiff1d(catalogue.ids(), self.covered(opened), assume_unique=True)
        left = left[:0] if len(left) < least else left
        done = 0
        for batch in self.batches(catalogue, left):
            name = self._next(catalogue, names)
            made_folder(self.folder)
            self.write(self.folder, name, batch)
            names.append(name)
            self._list(catalogue, names)
            done += len(batch)
            if progress:
                progress(Progress(done, len(left), note=self.NOTE))
        self._list(catalogue, self._merged(catalogue, names))
        self.sweep(self.path, catalogue)

    def optimise(
        self, catalogue: Catalogue, *, progress: ProgressCallback | None = None, least: int = 1
    ) -> None:
        """Make one segment of all, without the pictures that are gone; damaged ones are made again."""
        opened = self._opened(self.names(catalogue))
        self._list(catalogue, [name for name in opened if not self.damage(name)])
        self.extend(catalogue, progress=progress, least=least)
        names, live = self.names(catalogue), catalogue.ids()
        dead = np.setdiff1d(self.covered(self._opened(names)), live, assume_unique=True)
        if len(names) > 1 or len(dead):
            self._list(catalogue, [self._merge(catalogue, names)] if len(live) else [])
        self.sweep(self.path, catalogue)

    def forget(self, catalogue: Catalogue) -> None:
        """Drop the list, within a change; `sweep` removes the files."""
        catalogue.forget(self._list_name)

    @classmethod
    def sweep(cls, path: Path, catalogue: Catalogue) -> None:
        """Remove segments, and drafts of them, that no layer's list has; who has them open keeps them.

        Whatever else somebody put into the folder stays.
        """
        belongings.check(path)
        folder = path / cls.FOLDER
        if not folder.is_dir():
            return
        wanted = {name for text in catalogue.notes(cls.LIST) for name in _listed(text)}
        ours = re.compile(rf"\d{{6,}}-\d+\.{cls.FOLDER}(\.\w{{8}}\.part)?", re.ASCII)
        for file in folder.iterdir():
            draft = file.suffix == ".part"
            if ours.fullmatch(file.name) and (draft or file.name.partition("-")[0] not in wanted):
                with suppress(OSError):
                    file.unlink()

    def mergeable(self, segments: Sequence[Segment]) -> int:
        """From which on segments are to be one: from the end those with no twice as large neighbour before.

        Few are left so, and a row is written again only as often as the logarithm of their number.
        """
        first, total = len(segments), 0
        while first:
            weight = self.weight(segments[first - 1])
            if total and (weight >= 2 * total or total + weight > self.most):
                break
            first -= 1
            total += weight
        return first

    def _merged(self, catalogue: Catalogue, names: list[str]) -> list[str]:
        """Merge those that are small, all at once."""
        first = self.mergeable([self.open(name) for name in names])
        if first >= len(names) - 1:
            return names
        try:
            return [*names[:first], self._merge(catalogue, names[first:], among=names)]
        except CollectionDamaged:
            return names  # verify names it, and optimise makes it again

    def _merge(self, catalogue: Catalogue, names: Sequence[str], among: Sequence[str] = ()) -> str:
        new = self._next(catalogue, [*names, *among])
        self.join(new, [self.open(name) for name in names], catalogue.ids())
        return new

    def _list(self, catalogue: Catalogue, names: Sequence[str]) -> None:
        text = json.dumps(list(names))
        if text != (catalogue.noted(self._list_name) or "[]"):
            with catalogue.change():
                catalogue.note(self._list_name, text)

    def _next(self, catalogue: Catalogue, names: Sequence[str]) -> str:
        """A name that no segment of any layer has, nor a file that was left over."""
        listed = [name for text in catalogue.notes(self.LIST) for name in _listed(text)]
        there = [file.name.partition("-")[0] for file in self.folder.glob(f"*.{self.FOLDER}")]
        numbers = [int(name) for name in (*names, *listed, *there) if name.isdecimal()]
        return f"{max(numbers, default=0) + 1:06}"

    # --- checking ---

    def faults(self, catalogue: Catalogue) -> Iterator[tuple[Path, str]]:
        """Files of segments that are damaged, and how; the folder where their list is."""
        names = self.names(catalogue)
        if json.dumps(names) != (catalogue.noted(self._list_name) or "[]"):
            yield self.folder, "the list of segments cannot be read"
        for name in names:
            faults = self.damage(name)
            if faults and name in self.names(catalogue):  # else a writer has just replaced it
                yield from faults

    @property
    def _list_name(self) -> str:
        """The list's key in the catalogue."""
        return self.LIST if self.layer == 1 else f"{self.LIST}-{self.layer}"


def _listed(text: str | None) -> list[str]:
    try:
        names = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    sound = isinstance(names, list) and all(isinstance(name, str) and name.isdecimal() for name in names)
    return names if sound and len(set(names)) == len(names) else []
