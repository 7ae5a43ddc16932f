"""A collection as it lies on the disk: its layers, and what it can tell of its pictures."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any, NoReturn, Self

from likewise.collection.layers.encoders import Encoders
from likewise.collection.layers.layer import CollectionLayer, Sources
from likewise.collection.layers.layer_set import LayerSet
from likewise.collection.layers.query import is_number, whole
from likewise.collection.layers.words_shards import Shards
from likewise.collection.reports import Info, VerifyReport
from likewise.collection.store import belongings
from likewise.collection.store.catalogue import Catalogue, Entry, FailedFile
from likewise.collection.store.committed import Committed
from likewise.collection.store.filters import Filter
from likewise.collection.store.known import FacetCounts, Known, facets
from likewise.collection.store.stores import store_of
from likewise.collection.verify import verify
from likewise.descriptors import Manifest
from likewise.errors import CollectionDamaged, CollectionNotFound, ManifestMismatch, UsageError
from likewise.files.reading import as_indexed
from likewise.recipes import Recipe, as_recipe
from likewise.types import ProgressCallback

log = logging.getLogger("likewise.collection")


class OpenedCollection:
    """A collection as it lies on the disk, or a place where there is none yet.

    Threads may share one object. Use it as a context manager, or `close` it.

    Parameters
    ----------
    recipe
        Which layers are asked, and how; the collection's own for None.
    precision
        What the collection has to be made with; anything for None.
    encoders
        What describes pictures.
    store
        The server that is to keep it; that of the folder, or none, for None.
    shards
        What searches visual words; this process for None.
    """

    def __init__(
        self,
        path: Path,
        *,
        recipe: Recipe | None,
        precision: str | None,
        encoders: Encoders,
        store: str | None = None,
        shards: Shards | None = None,
    ) -> None:
        self.path = path
        self._store = store_of(path, store)
        self._recipe, self._precision, self._encoders = recipe, precision, encoders
        self._shards = shards
        self._catalogue: Catalogue | None = None
        self._loaded: dict[int, tuple[int, Any]] = {}
        self._openings = 0
        self._lock, self._process = RLock(), os.getpid()
        committed = Committed.read(path)  # before the catalogue: a writer may go on meanwhile
        self._attach()
        if lost := self._catalogue.lost if self._catalogue else committed:
            log.warning("%s", lost.told(path))

    def close(self) -> None:
        """Let go of the catalogue and of the vectors in memory."""
        with self._lock:
            if self._catalogue:
                self._catalogue.close()
            self._catalogue = None
            self._loaded.clear()
            self._encoders.close()
            if self._shards:
                self._shards.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<likewise.Collection {str(self.path)!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be copied or sent to another process: open its path there")

    def __len__(self) -> int:
        catalogue = self._current()
        return catalogue.count() if catalogue else 0

    def __bool__(self) -> bool:
        return True  # an empty collection is not nothing

    @property
    def exists(self) -> bool:
        """Whether it is on the disk."""
        return self._current() is not None

    @property
    def manifest(self) -> Manifest:
        """How its vectors were made, or its first layer where none makes a vector."""
        layers = self.layers
        return next((layer for layer in layers if layer.recipe in self.recipe.vectors), layers[0]).manifest

    @property
    def layers(self) -> tuple[CollectionLayer, ...]:
        """Its layers, in the order of its recipe."""
        return self._layers().layers

    @property
    def recipe(self) -> Recipe:
        """The recipe of its pictures."""
        return self._layers().recipe if self._catalogue else self._recipe or as_recipe("default")

    @cached_property
    def uploads(self) -> Path:
        """Where a server keeps pictures that were sent to be added: a folder in its own."""
        return Path(os.path.realpath(self.path)) / belongings.UPLOADS

    def make_uploads(self) -> Path:
        """The same, made unless it is there; raises `CollectionDamaged` where a link is in its place."""
        belongings.check(self.uploads.parent)
        self.uploads.mkdir(parents=True, exist_ok=True)
        return self.uploads

    # --- telling ---

    def entries(self, pictures: Sequence[int]) -> list[Entry]:
        """Those of the pictures that there are, in the order given, with what their files held."""
        return self._ready().entries(pictures)

    def at(self, path: str | os.PathLike[str]) -> list[Entry]:
        """The picture whose file has this absolute path, if there is one."""
        catalogue = self._ready()
        place = catalogue.place(os.fspath(path))
        picture = place and catalogue.picture(place)
        return catalogue.entries([picture.id]) if picture else []

    def page(
        self,
        start: int = 0,
        count: int = 100,
        *,
        folder: str | os.PathLike[str] | None = None,
        where: str | None = None,
        newest: bool = False,
    ) -> tuple[list[Entry], int]:
        """Some of the pictures, by path or the newest first, and how many there are in all.

        Parameters
        ----------
        folder
            Only those in this folder, an absolute path.
        where
            Only those of which a filter is true.

        Raises
        ------
        BadFilter
            When it cannot be understood.
        """
        catalogue = self._ready()
        chosen = None if where is None else catalogue.facts.filter(where)
        below = None if folder is None else catalogue.place(os.fspath(folder))
        if folder is not None and below is None:
            return [], 0
        return catalogue.page(start, count, below=below, where=chosen, newest=newest)

    @property
    def generation(self) -> int:
        """How many changes were committed to it."""
        return self._ready().generation

    @property
    def moment(self) -> tuple[int, int]:
        """A mark of its present state, unlike any other in this process, also when it was made anew."""
        with self._lock:
            generation = self._ready().generation
            return self._openings, generation

    def roots(self) -> list[Path]:
        """The folders that were indexed, by path; none before the collection is made."""
        catalogue = self._current()
        return [Path(root) for root in sorted(catalogue.roots().values())] if catalogue else []

    def paths(self) -> Iterator[tuple[int, Path]]:
        """Id and file of every picture, by id."""
        return ((picture, Path(path)) for picture, path, _ in self._ready().paths())

    def info(self) -> Info:
        """Give the collection in a few numbers."""
        layers = self._layers()
        return Info.of(self.path, self._store.address, self._ready(), layers.recipe.name, layers.layers)

    def holds(self, path: str | os.PathLike[str]) -> bool:
        """Whether a file, by its absolute path, was indexed, or tried to be."""
        catalogue = self._ready()
        place = catalogue.place(os.fspath(path))
        return bool(place and (catalogue.picture(place) or catalogue.failed(place) is not None))

    def known(self, picture: int) -> Known:
        """Facts of a picture: of its file, and of columns of one's own.

        Raises
        ------
        UsageError
            When no picture has that id.
        """
        self.path_of(picture)
        return Known.of(self._ready(), picture)

    def filter(self, text: str) -> Filter:
        """A filter over these pictures, read; raises `BadFilter`."""
        return self._ready().facts.filter(text)

    def facets(self, where: str | None = None) -> list[FacetCounts]:
        """How many pictures there are of each year, camera, lens, rating and folder.

        Parameters
        ----------
        where
            Count only those of which a filter is true.

        Raises
        ------
        BadFilter
            When it cannot be understood.
        """
        return facets(self._ready().facts, where)

    def count(self, under: str | os.PathLike[str] | None = None, where: str | None = None) -> int:
        """How many pictures lie in a folder or match a glob, and have a filter true of them.

        Raises
        ------
        BadFilter
            When it cannot be understood.
        """
        among = Sources(self.path, self._ready()).among(under, where)
        return len(self) if among is None else len(among)

    def columns(self) -> dict[str, int]:
        """Columns of one's own, and of how many pictures each says something."""
        return self._ready().facts.columns()

    def failures(self) -> list[FailedFile]:
        """Files that could not be indexed, and why."""
        return self._ready().failures()

    def verify(self, progress: ProgressCallback | None = None) -> VerifyReport:
        """Check the catalogue, all that every layer keeps, and that pictures' files are there."""
        catalogue = self._ready()
        return verify(catalogue, LayerSet.of(catalogue, self.path, self._encoders).layers, progress)

    def path_of(self, picture: int) -> Path:
        """Where the file of a picture lies.

        Raises
        ------
        UsageError
            When no picture has that id.
        """
        return Sources(self.path, self._ready()).path_of(picture)

    def read(self, picture: int | str | os.PathLike[str], inside: Sequence[str] = ()) -> bytes | str:
        """Content of a picture's file, or its path where that is more than 256 MiB.

        Parameters
        ----------
        picture
            An id, or the absolute path of an indexed file.
        inside
            Real folders, if any, in one of which the file has to lie really.

        Raises
        ------
        UsageError
            When there is no such picture.
        BadPicture
            When the file cannot be read, is not what was indexed, or lies elsewhere.
        """
        entries = self.entries([whole(picture, "an id")]) if is_number(picture) else self.at(str(picture))
        if not entries and is_number(picture) and self._ready().has(whole(picture, "an id")):
            raise CollectionDamaged(
                f"the picture {picture} of {self.path} cannot be read, for its path is none: "
                "`likewise verify` tells more"
            )
        if not entries:
            raise UsageError(f"no picture in {self.path} is called {picture}")
        return as_indexed(str(entries[0].path), bytes.fromhex(entries[0].sha256), inside)

    # --- within ---

    def _attach(self) -> None:
        """Open the catalogue for reading, if there is one, and see that it goes with the recipe wanted.

        One that was deleted, or replaced by another file, is let go.
        """
        with self._lock:
            if self._catalogue and not self._catalogue.follow():
                self.close()
            if not self._catalogue:
                self._open()

    def _current(self) -> Catalogue | None:
        """The catalogue, if there is one now; another thread may close it."""
        self._stay()
        with self._lock:
            self._attach()
            return self._catalogue

    def _open(self) -> None:
        belongings.check(self.path)
        try:
            catalogue = self._store.reader()
        except CollectionNotFound:
            return
        if not catalogue.is_signed:  # whoever began it never got to its first picture
            catalogue.close()
            return
        self._catalogue = catalogue
        self._openings += 1
        try:
            LayerSet.of(catalogue, self.path, self._encoders, self._recipe)
        except ManifestMismatch:
            self.close()
            raise

    def _stay(self) -> None:
        """Refuse a fork of the process: threads of libraries do not live on there, and it would hang."""
        if os.getpid() != self._process:
            raise UsageError(
                f"{self.path} was opened before this process was forked: start processes with "
                "multiprocessing.get_context('spawn'), and open it in each"
            )

    def _ready(self) -> Catalogue:
        self._stay()
        with self._lock:
            catalogue = self._current()  # it may have been made since
            if catalogue is None:
                raise CollectionNotFound(f"{self.path} holds no collection: index a folder into it first")
            return catalogue

    def _layers(self) -> LayerSet:
        """The layers that are asked."""
        return LayerSet.of(self._ready(), self.path, self._encoders, self._recipe)

    def _load(self, layer: CollectionLayer) -> Any:
        """The index of a layer, read again when the catalogue has moved on."""
        with self._lock:
            catalogue = self._ready()
            held = self._loaded.get(layer.id)
            if held is None or held[0] != catalogue.generation:
                generation, loaded = layer.load(catalogue, self._shards)
                self._loaded[layer.id] = generation, loaded
                return loaded
            return held[1]

    def _forget(self) -> None:
        """Load layers again when they are asked next."""
        with self._lock:
            self._loaded.clear()

    def _knows(self, path: str) -> bool:
        return self.exists and self._ready().place(path) is not None

    def _writing(self) -> AbstractContextManager[Catalogue]:
        return self._store.writer()
