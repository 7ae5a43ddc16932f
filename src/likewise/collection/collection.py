"""The collection: the object that users meet first."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from likewise.collection.asked import AskedCollection
from likewise.collection.indexing import Indexing
from likewise.collection.layers.encoders import EncoderFactory, Encoders
from likewise.collection.layers.layer import CollectionLayer
from likewise.collection.layers.layer_set import LayerSet, fit, ready
from likewise.collection.layers.selecting import named
from likewise.collection.layers.words_shards import Shards
from likewise.collection.moving import MovedFile, contents, rows, take_over
from likewise.collection.pending import Options, Prune
from likewise.collection.reports import AddReport
from likewise.collection.store.annotating import Annotated, AnnotationTable, annotate
from likewise.collection.store.catalogue import Catalogue, Content, FilePlace
from likewise.collection.store.removal import RemovedPicture, put_back, take_out
from likewise.collection.store.stores import located
from likewise.descriptors import Extractor, Manifest
from likewise.errors import ManifestMismatch, UsageError
from likewise.files.system import cores
from likewise.folders import resolve
from likewise.recipes import LayerRecipe, Recipe, as_recipe
from likewise.types import ProgressCallback
from likewise.words import WordsExtractor


class Collection(AskedCollection):
    """A folder that holds what layers keep of pictures, which lie wherever they lie.

    Made by `open`. Any number of processes may search while one adds; threads may share one object. Use it
    as a context manager, or `close` it.
    """

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        recipe: str | Recipe | LayerRecipe | None = None,
        engine: str = "openvino",
        precision: str | None = None,
        device: str = "cpu",
        extractor_factory: EncoderFactory | None = None,
        store: str | None = None,
        shards: Shards | None = None,
    ) -> Collection:
        """Open a collection, or name one that `add` will make: nothing is written before.

        Parameters
        ----------
        path
            Its folder, ``photos.likewise`` by custom; or the address of a store, which a folder in the cache
            follows.
        recipe
            A recipe, the name of a shipped one, or a path; by default the collection's own, else ``default``.
            One of visual words may score otherwise than the collection's own.
        engine, precision, device
            What describes pictures; ``precision`` is the collection's own, or ``f32``, unless it is given.
        extractor_factory
            Another way to make what describes pictures.
        store
            The server that is to keep it, ``milvus://HOST:PORT/NAME``; by default the folder's, or none.
        shards
            What searches its visual words, such as `likewise.scale.RayShards`; by default this process.

        Raises
        ------
        ManifestMismatch
            When the collection was made by another recipe.
        CollectionDamaged, CollectionError
            When what lies there cannot be read, or was written by a newer version.
        """
        factories = {
            "vector": extractor_factory or partial(Extractor, engine=engine, device=device),
            "words": partial(WordsExtractor, engine=engine, device=device),
        }
        wanted = None if recipe is None else as_recipe(recipe)
        return cls(
            located(os.fspath(path)),
            recipe=wanted,
            precision=precision,
            encoders=Encoders(str(path), factories, precision),
            store=store,
            shards=shards,
        )

    # --- changing ---

    def add(
        self,
        *sources: str | os.PathLike[str],
        prune: Prune = False,
        retry: bool = False,
        checksum: bool = False,
        progress: ProgressCallback | None = None,
        max_pixels: int | None = None,
        inside: Sequence[str | os.PathLike[str]] = (),
        exclude: Sequence[str] = (),
        include: Sequence[str] = (),
    ) -> AddReport:
        """Index the pictures in folders, or single files; only what changed since is worked on.

        What is committed stays, whatever happens later; run it again to go on. A file that cannot be
        indexed becomes a row of `failures` and stops nothing.

        Parameters
        ----------
        prune
            Forget pictures below the sources whose files are gone; a source that was indexed may be gone too.
            What lies in a folder, or on a mount point, that holds none of its pictures any more stays, and is
            counted as ``away``: it may be out of reach. ``all`` forgets that as well.
        retry
            Try files again that failed and have not changed.
        checksum
            Read every file, also those whose size and times are as before.
        progress
            Called after each commit with what is committed, out of the files that need a look.
        max_pixels
            Largest picture accepted.
        inside
            Folders, if any, that the sources have to lie in and no link may lead out of: what really lies
            elsewhere fails.
        exclude, include
            Patterns of names to be left out from now on (see `likewise.folders.Excludes`), and of
            those to be left out no longer. Both are remembered; ``prune`` forgets what was indexed before.

        Raises
        ------
        UsageError
            When a source does not exist, or lies outside.
        CollectionLocked
            When another process is writing.
        ManifestMismatch
            When the network's weights or the precision are not those of the collection.
        StorageError
            When the disk is full or cannot be written.
        """
        begin = time.monotonic()  # learning words of the pictures belongs to it
        bounds = tuple(os.path.realpath(folder) for folder in inside)
        paths = resolve(sources, known=self._knows if prune else None, inside=bounds)
        recipe, threads = ready(self.recipe, progress), cores()
        for layer in self._layers().missing if self.exists else recipe.layers:
            self._encoders.open(layer, None, threads)  # what cannot be described leaves nothing behind
        with self._writing() as catalogue:
            layers = self._fitted(catalogue, recipe)
            run = Indexing(
                catalogue,
                self._store.reader,
                layers,
                paths,
                options=Options(prune, retry, checksum, max_pixels, bounds),
                threads=threads,
                progress=progress,
                exclude=exclude,
                include=include,
            )
            report = run.run()
        return replace(report, seconds=time.monotonic() - begin)

    def _fitted(
        self, catalogue: Catalogue, recipe: Recipe, given: Sequence[Manifest] = ()
    ) -> tuple[CollectionLayer, ...]:
        """The layers of a recipe, those added that are missing, and others dropped if it was asked for."""
        made = catalogue.is_signed
        if made:
            self._attach()  # somebody may have made it meanwhile, by another recipe
        if self._recipe or not made:
            with catalogue.change():
                dropped = fit(catalogue, self.path, self._encoders, recipe, given)
            for layer in dropped:
                layer.clear(catalogue)
            self._attach()
        layers = self._layers().layers
        for precision in (layer.manifest.precision for layer in layers):
            if self._precision not in (None, precision):
                raise ManifestMismatch(
                    f"{self.path} was made with precision {precision}, not {self._precision}: "
                    "leave the precision out to use its own, or index into a new collection"
                )
        return layers

    def rows(self) -> Iterator[MovedFile]:
        """All files that it knows and what it keeps of them, for `take_over` of another one."""
        return rows(self._ready(), self.layers)

    def contents(self, paths: Sequence[str]) -> dict[str, Content]:
        """Contents of the pictures at some absolute paths, by those; what is not sound is left out."""
        return contents(self._ready(), self.layers, paths)

    def take_over(
        self,
        given: Iterable[MovedFile],
        manifests: Sequence[Manifest],
        *,
        roots: Sequence[str] = (),
        progress: ProgressCallback | None = None,
    ) -> AddReport:
        """Take rows of another collection: nothing is read or described; what is known already stays.

        Parameters
        ----------
        manifests
            How the rows were made, layer by layer.
        roots
            Folders below which their paths are kept.

        Raises
        ------
        ManifestMismatch
            When they were made otherwise than this collection is.
        CollectionDamaged
            When a row is none that such a collection has; what was committed before stays.
        CollectionLocked, StorageError
            As for `add`.
        """
        with self._writing() as catalogue:
            if catalogue.is_signed:
                self._attach()  # somebody may have made it meanwhile
                self._layers().exact(self.path)
            layers = self._fitted(catalogue, self.recipe, manifests)
            return take_over(catalogue, layers, given, manifests, roots=roots, progress=progress)

    def remove(self, *pictures: int | str | os.PathLike[str]) -> int:
        """Forget pictures, by id, path, folder or glob; their files stay, and indexing would add them again.

        Paths, folders and globs also name failures, which are forgotten with them.

        Returns
        -------
        int
            How many pictures and failures were forgotten.

        Raises
        ------
        UsageError
            When one of the arguments names nothing in the collection.
        """
        catalogue = self._ready()
        chosen: set[int] = set()
        failed: set[FilePlace] = set()
        for picture in pictures:
            ids, failures = named(catalogue, picture)
            if not ids and not failures:
                raise UsageError(f"nothing in {self.path} is called {picture}")
            chosen.update(ids)
            failed.update(failures)
        with self._writing() as writer, writer.change():
            for place in failed:
                writer.forgive(place)
            return writer.delete(chosen) + len(failed)

    def annotate(self, table: str | os.PathLike[str]) -> Annotated:
        """Note columns of one's own, for filters to ask for: a CSV file with a column ``file`` and others.

        An empty cell takes back what was said of a picture. What is said stays with a picture whose file is
        moved, renamed or edited.

        Raises
        ------
        UsageError
            When it is no such table.
        CollectionLocked
            When another process is writing.
        """
        read = AnnotationTable.read(Path(table))
        self._ready()
        with self._writing() as catalogue, catalogue.change():
            return annotate(catalogue, read)

    def optimise(self, progress: ProgressCallback | None = None) -> None:
        """Make what layers are searched by anew where that is faster, or where it is damaged.

        Layers of visual words get one segment a tap, and many vectors one, without pictures that are gone.

        Raises
        ------
        CollectionLocked
            When another process is writing.
        StorageError
            When the disk is full or cannot be written.
        """
        self._ready()
        with self._writing() as catalogue:
            for layer in LayerSet.of(catalogue, self.path, self._encoders).layers:
                layer.optimise(catalogue, progress=progress)

    def take_out(self, *pictures: int) -> list[RemovedPicture]:
        """Forget pictures by their ids, and give what `put_back` needs to have them again as they were.

        Ids of no picture are passed over.
        """
        self._ready()
        with self._writing() as writer, writer.change():
            return take_out(writer, pictures)

    def put_back(self, removed: Sequence[RemovedPicture]) -> int:
        """Have pictures again that `take_out` forgot, with their ids and vectors; give how many came back.

        A picture whose file was indexed again meanwhile is passed over.
        """
        self._ready()
        with self._writing() as writer, writer.change():
            return put_back(writer, removed)
