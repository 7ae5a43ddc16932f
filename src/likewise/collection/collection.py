"""The collection: the object that users meet first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import cast

from likewise.assets import replacing
from likewise.collection import belongings
from likewise.collection.asking import Corners, Query, corners, whole
from likewise.collection.belongings import CATALOGUE, LOCK, UPLOADS, VOCABULARY
from likewise.collection.catalogue import Catalogue, Entry, Failure, Place
from likewise.collection.codes import Code
from likewise.collection.describing import (
    AnyDescriber,
    DescriberFactory,
    MapDescriber,
    WordsFactory,
    open_extractor,
    open_words,
    recipe_of,
)
from likewise.collection.indexing import Indexing
from likewise.collection.lock import writing
from likewise.collection.removal import Removed, put_back, take_out
from likewise.collection.reports import AddReport, Comparison, Info, Pictures, VerifyReport
from likewise.collection.searching import Searcher, path_of, staged
from likewise.collection.segments import Segments
from likewise.collection.selecting import named
from likewise.collection.sketches import PatchMatches, SketchSearcher
from likewise.collection.snapshot import Snapshot
from likewise.collection.tasks import Options, Prune
from likewise.collection.verify import verify
from likewise.collection.walk import resolve
from likewise.descriptors.manifest import Manifest
from likewise.engines import cores
from likewise.errors import CollectionNotFound, ManifestMismatch, StorageError, UsageError
from likewise.inspection.explain import Explanation, check, explain
from likewise.ranking.exact import Metric
from likewise.ranking.stages import Stage
from likewise.recipes.recipe import LayerRecipe, Recipe, as_recipe
from likewise.types import CropScale, FloatArray, Hit, IntArray, ProgressCallback
from likewise.words.extractor import WordsExtractor
from likewise.words.layers import Layers
from likewise.words.recipe import WordsRecipe
from likewise.words.vocabulary import recipe_vocabulary


class Collection:
    """A folder that holds the vectors of pictures, which lie wherever they lie.

    Made by `open`. Any number of processes may search while one adds; threads may share one object. Use it
    as a context manager, or `close` it.
    """

    def __init__(
        self,
        path: Path,
        *,
        recipe: LayerRecipe | None,
        precision: str | None,
        factory: DescriberFactory,
        words_factory: WordsFactory,
    ) -> None:
        self.path = path
        self._recipe, self._precision = recipe, precision
        self._factory, self._words_factory = factory, words_factory
        self._describer: AnyDescriber | None = None
        self._streams = 0
        self._catalogue: Catalogue | None = None
        self._snapshot: Snapshot | None = None
        self._layers: tuple[int, Layers] | None = None
        self._lock = RLock()
        self._attach()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        recipe: str | Recipe | LayerRecipe | None = None,
        engine: str = "openvino",
        precision: str | None = None,
        device: str = "cpu",
        extractor_factory: DescriberFactory | None = None,
    ) -> Collection:
        """Open a collection, or name one that `add` will make: nothing is written before.

        Parameters
        ----------
        path
            Its folder, ``photos.likewise`` by custom.
        recipe
            A recipe, the name of a shipped one, or a path; by default the collection's own, else ``default``.
            One of visual words may score otherwise than the collection's own.
        engine, precision, device
            What describes pictures; ``precision`` is the collection's own, or ``f32``, unless it is given.
        extractor_factory
            Another way to make what describes pictures.

        Raises
        ------
        ManifestMismatch
            When the collection was made by another recipe.
        CollectionDamaged, CollectionError
            When what lies there cannot be read, or was written by a newer version.
        """
        wanted = None if recipe is None else as_recipe(recipe).layers[0]
        factory = extractor_factory or partial(open_extractor, engine=engine, device=device)
        words = partial(open_words, engine=engine, device=device)
        return cls(Path(path), recipe=wanted, precision=precision, factory=factory, words_factory=words)

    def close(self) -> None:
        """Let go of the catalogue and of the vectors in memory."""
        with self._lock:
            if self._catalogue:
                self._catalogue.close()
            self._catalogue = self._snapshot = self._describer = self._layers = None

    def __enter__(self) -> Collection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        catalogue = self._catalogue  # another thread may close it
        return catalogue.count() if catalogue else 0

    def __bool__(self) -> bool:
        return True  # an empty collection is not nothing

    @property
    def exists(self) -> bool:
        """Whether it is on the disk."""
        return self._catalogue is not None

    @property
    def manifest(self) -> Manifest:
        """How its vectors were made."""
        return self._ready().manifest

    @property
    def recipe(self) -> Recipe:
        """What describes its pictures."""
        return Recipe.of(self._layer)

    @property
    def _layer(self) -> LayerRecipe:
        catalogue, wanted = self._catalogue, self._recipe
        if not catalogue:
            return wanted or as_recipe("default").layers[0]
        own = recipe_of(catalogue.manifest, self.path)
        if isinstance(own, WordsRecipe) and isinstance(wanted, WordsRecipe):
            return replace(wanted, vocabulary=own.vocabulary)  # alike in all but how it asks and scores
        return own

    # --- changing ---

    def add(
        self,
        *sources: str | os.PathLike[str],
        prune: Prune = False,
        retry: bool = False,
        checksum: bool = False,
        progress: ProgressCallback | None = None,
        max_pixels: int | None = None,
        inside: str | os.PathLike[str] | None = None,
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
            A folder that no link may lead out of: what really lies elsewhere fails.

        Raises
        ------
        UsageError
            When a source does not exist.
        CollectionLocked
            When another process is writing.
        ManifestMismatch
            When the network's weights or the precision are not those of the collection.
        StorageError
            When the disk is full or cannot be written.
        """
        paths = resolve(sources, known=self._knows if prune else None)
        if isinstance(self._recipe, WordsRecipe) and not (self.exists or self._recipe.vocabulary):
            from likewise.evaluation.vocabularies import default_vocabulary  # loads scikit-learn

            file = default_vocabulary(self._recipe, progress=progress)
            self._recipe = self._recipe.with_vocabulary(file)
        threads = cores()
        bounds = None if inside is None else os.path.realpath(inside)
        options = Options(prune, retry, checksum, max_pixels, bounds)
        manifest = None if self.exists else self._describe_with(threads).manifest
        with self._writing() as catalogue:
            if manifest and not catalogue.is_signed:
                self._keep_vocabulary()
                with catalogue.change():
                    catalogue.sign(manifest)
            elif manifest:  # somebody else made it meanwhile: ours has to be checked against it
                self._describer = None
            self._attach()
            if self._precision not in (None, self.manifest.precision):
                raise ManifestMismatch(
                    f"{self.path} was made with precision {self.manifest.precision}, not {self._precision}: "
                    "leave the precision out to use its own, or index into a new collection"
                )
            segments = self._segments()
            run = Indexing(
                *(catalogue, self.path / CATALOGUE, lambda: self._describe_with(threads), paths),
                options=options,
                threads=threads,
                progress=progress,
                committed=segments.following(catalogue) if segments else None,
                anew=segments is not None,
            )
            report = run.run()
            if segments:
                segments.extend(catalogue)
            return report

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
        failed: set[Place] = set()
        for picture in pictures:
            found, failures = named(catalogue, picture)
            if not found and not failures:
                raise UsageError(f"nothing in {self.path} is called {picture}")
            chosen.update(found)
            failed.update(failures)
        with self._writing() as writer, writer.change():
            for place in failed:
                writer.forgive(place)
            return writer.delete(chosen) + len(failed)

    def optimise(self, progress: ProgressCallback | None = None) -> None:
        """Make one segment a layer of a collection of visual words, without the pictures that are gone.

        Segments that are damaged are made again. A collection of vectors has none, and is left as it is.

        Raises
        ------
        CollectionLocked
            When another process is writing.
        StorageError
            When the disk is full or cannot be written.
        """
        self._ready()
        if segments := self._segments():
            with self._writing() as catalogue:
                segments.optimise(catalogue, progress=progress)

    def take_out(self, *pictures: int) -> list[Removed]:
        """Forget pictures by their ids, and give what `put_back` needs to have them again as they were.

        Ids of no picture are passed over.
        """
        self._ready()
        with self._writing() as writer, writer.change():
            return take_out(writer, pictures)

    def put_back(self, removed: Sequence[Removed]) -> int:
        """Have pictures again that `take_out` forgot, with their ids and vectors; give how many came back.

        A picture whose file was indexed again meanwhile is passed over.
        """
        self._ready()
        with self._writing() as writer, writer.change():
            return put_back(writer, removed)

    # --- searching ---

    def describe(
        self,
        query: Query,
        *,
        box: Corners | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> FloatArray:
        """Give the vector that `search` would search for, shape ``(d,)``; parameters and errors as there."""
        return self._vector_asker(max_pixels).vector(query, box=box, crop=crop)

    def search(
        self,
        query: Query,
        *,
        k: int = 20,
        box: Corners | None = None,
        crop: CropScale = "whole",
        under: str | os.PathLike[str] | None = None,
        then: Sequence[Stage | str] = (),
        also: Sequence[Query] = (),
        yes: Sequence[Query] = (),
        no: Sequence[Query] = (),
        scoring: Mapping[str, object] | None = None,
        max_pixels: int | None = None,
    ) -> list[Hit]:
        """Find the pictures most like a query, best first; every vector is compared.

        Parameters
        ----------
        query
            A picture, the id of one in the collection (it finds itself first), or a vector of shape ``(d,)``.
        box
            Part of the picture to search for, in pixels of the upright original.
        crop
            How that part is resized: by the factor of its whole picture, or as a picture on its own.
        under
            Search only in a folder, or where the path matches a glob (see `Selection`).
        then
            What follows the search, in this order: kinds of `likewise.ranking.stages`, with options where
            others than the defaults are wanted, such as ``["expand:n=5", "localise"]``.
        also
            More pictures of the same thing; the mean of all vectors is searched for.
        yes, no
            Pictures that were judged: those to be found more of, and those to be found less of.
        scoring
            For a collection of visual words: options of `likewise.words.scoring.Scoring` and
            `likewise.words.fusion.Fusion` that are others than the recipe's, such as
            ``{"hamming": False, "layers": ["pooled"]}``.
        max_pixels
            Largest picture accepted.

        Raises
        ------
        CollectionNotFound, CollectionDamaged
            When there is nothing to search in.
        BadPicture, BadBox, UsageError
            When the query cannot be used.
        ManifestMismatch
            When the query would be described otherwise than the collection was.
        """
        return self.asker(max_pixels, scoring).search(
            query,
            k=whole(k, "k"),
            box=box,
            crop=crop,
            under=under,
            stages=staged(then),
            also=also,
            yes=yes,
            no=no,
        )

    def compare(
        self,
        a: Query,
        b: Query,
        *,
        box: Corners | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Comparison:
        """Score two pictures, and judge the score by the scores of random pairs of the collection.

        ``box`` and ``crop`` concern ``a``.
        """
        return self.asker(max_pixels).compare(a, b, box=box, crop=crop)

    def explain(
        self,
        a: Query,
        b: Query,
        *,
        box: Corners | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Explanation:
        """Share the similarity of two pictures out among their places; ``box`` and ``crop`` concern ``a``.

        Raises
        ------
        BadPicture, BadBox, UsageError
            When a query is no picture that can be read, or the recipe does not share out: see
            `likewise.inspection.explain.explain`.
        ManifestMismatch
            When the pictures would be described otherwise than the collection was.
        """
        recipe = self._layer
        if isinstance(recipe, WordsRecipe):
            raise UsageError(f"{self.path} is a collection of visual words: ask for its matches instead")
        check(recipe)
        asker = self._vector_asker(max_pixels)
        sources = [asker.source(query) for query in (a, b)]
        describer = cast(MapDescriber, self._describe_with(1))
        return explain(describer, *sources, box=corners(box), crop=crop, max_pixels=max_pixels)

    def matches(
        self,
        a: Query,
        b: Query,
        *,
        box: Corners | None = None,
        crop: CropScale = "whole",
        scoring: Mapping[str, object] | None = None,
        max_pixels: int | None = None,
    ) -> PatchMatches:
        """Which patches of two pictures match, in a collection of visual words.

        ``box`` and ``crop`` concern ``a``.

        Raises
        ------
        BadPicture, BadBox, UsageError
            When a query is no picture that can be read, or the collection is one of vectors.
        ManifestMismatch
            When the pictures would be described otherwise than the collection was.
        """
        return self._words_asker(max_pixels, scoring).matches(a, b, box=box, crop=crop)

    def vectors(self) -> tuple[IntArray, FloatArray]:
        """Ids ``(n,)`` and vectors ``(n, d)`` of all pictures, by id; read-only, for searches share them."""
        snapshot = self._vectors()
        return snapshot.ids, snapshot.vectors

    def pictures(self, under: str | os.PathLike[str] | None = None) -> Pictures:
        """All pictures with their vectors, paths and sizes, or those in a folder or matching a glob.

        Raises
        ------
        UsageError
            When ``under`` names none.
        """
        searcher = self._vector_asker(None)
        return (searcher if under is None else searcher.under(under)).pictures()

    def path_of(self, picture: int) -> Path:
        """Where the file of a picture lies.

        Raises
        ------
        UsageError
            When no picture has that id.
        """
        return path_of(self._ready(), self.path, picture)

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
        newest: bool = False,
    ) -> tuple[list[Entry], int]:
        """Some of the pictures, by path or the newest first, and how many there are in all.

        Parameters
        ----------
        folder
            Only those in this folder, an absolute path.
        """
        catalogue = self._ready()
        below = None if folder is None else catalogue.place(os.fspath(folder))
        if folder is not None and below is None:
            return [], 0
        return catalogue.page(start, count, below=below, newest=newest)

    @property
    def generation(self) -> int:
        """How many changes were committed to it."""
        return self._ready().generation

    def roots(self) -> list[Path]:
        """The folders that were indexed, by path; none before the collection is made."""
        catalogue = self._catalogue
        return [Path(root) for root in sorted(catalogue.roots().values())] if catalogue else []

    def paths(self) -> Iterator[tuple[int, Path]]:
        """Id and file of every picture, by id."""
        return ((picture, Path(path)) for picture, path, _ in self._ready().paths())

    def info(self) -> Info:
        """Give the collection in a few numbers."""
        return Info.of(self.path, self._ready(), self._layer)

    def failures(self) -> list[Failure]:
        """Files that could not be indexed, and why."""
        return self._ready().failures()

    def verify(self, progress: ProgressCallback | None = None) -> VerifyReport:
        """Check catalogue, manifest, vectors or sketches, segments, and that pictures' files are there."""
        return verify(self._ready(), self.manifest, self._layer, self.path, progress)

    # --- within ---

    def _attach(self) -> None:
        """Open the catalogue for reading, if there is one, and see that it goes with the recipe wanted."""
        with self._lock:
            if not self._catalogue:
                self._open()

    def _open(self) -> None:
        belongings.check(self.path)
        try:
            catalogue = Catalogue.reader(self.path / CATALOGUE)
        except CollectionNotFound:
            return
        if not catalogue.is_signed:  # whoever began it never got to its first picture
            catalogue.close()
            return
        self._catalogue = catalogue
        wanted, own = self._recipe, recipe_of(catalogue.manifest, self.path)
        if isinstance(wanted, WordsRecipe) and isinstance(own, WordsRecipe) and not wanted.vocabulary:
            wanted = replace(wanted, vocabulary=own.vocabulary)
        if wanted and wanted.hash != catalogue.manifest.recipe_hash:
            difference = Recipe.of(own).difference(Recipe.of(wanted))
            self.close()
            raise ManifestMismatch(
                f"{self.path} was made by another recipe ({difference}); "
                "leave the recipe out to use its own, or index into a new collection"
            )

    def _ready(self) -> Catalogue:
        with self._lock:
            self._attach()  # it may have been made since
            if self._catalogue is None:
                raise CollectionNotFound(f"{self.path} holds no collection: index a folder into it first")
            return self._catalogue

    def _knows(self, path: str) -> bool:
        return self.exists and self._ready().place(path) is not None

    @contextmanager
    def _writing(self) -> Iterator[Catalogue]:
        file = self.path / CATALOGUE
        belongings.check(self.path)
        try:
            if not file.exists() and self.path.exists() and set(os.listdir(self.path)) - {LOCK, UPLOADS}:
                raise UsageError(f"{self.path} holds other files: name a new folder for the collection")
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.path} cannot be made ({error.strerror})") from error
        with writing(self.path / LOCK), closing(Catalogue.writer(file)) as catalogue:
            yield catalogue

    def _describe_with(self, streams: int) -> AnyDescriber:
        """Give what describes pictures, for so many threads at once, checked against the manifest."""
        with self._lock:
            if self._describer is None or self._streams < streams:
                manifest = self._catalogue and self._catalogue.manifest
                precision = self._precision or (manifest.precision if manifest else "f32")
                describer = self._made(precision, streams)
                if manifest and (difference := manifest.difference(describer.manifest)):
                    raise ManifestMismatch(f"{self.path} was made another way: {difference}")
                self._describer, self._streams = describer, streams
            return self._describer

    def _made(self, precision: str, streams: int) -> AnyDescriber:
        recipe = self._layer
        if isinstance(recipe, WordsRecipe):
            return self._words_factory(recipe, precision=precision, streams=streams)
        return self._factory(recipe, precision=precision, streams=streams)

    def _keep_vocabulary(self) -> None:
        """Copy the vocabulary of the recipe beside the catalogue."""
        if isinstance(self._recipe, WordsRecipe):
            with replacing(self.path / VOCABULARY) as draft:
                shutil.copyfile(str(self._recipe.vocabulary["file"]), draft)

    def _segments(self) -> Segments | None:
        """The segments of a collection of visual words."""
        recipe = self._layer
        if not isinstance(recipe, WordsRecipe):
            return None
        return Segments(self.path, recipe_vocabulary(recipe).sizes)

    def asker(
        self, max_pixels: int | None = None, scoring: Mapping[str, object] | None = None
    ) -> Searcher | SketchSearcher:
        """One moment of the collection, ready to be asked; parameters as for `search`."""
        self._ready()
        if isinstance(self._layer, WordsRecipe):
            return self._words_asker(max_pixels, scoring)
        if scoring:
            raise UsageError(f"scoring is for visual words, and {self.path} is a collection of vectors")
        return self._vector_asker(max_pixels)

    def _vector_asker(self, max_pixels: int | None) -> Searcher:
        describer = cast(Callable[[], MapDescriber], partial(self._describe_with, 1))
        return Searcher(self.path, self._ready(), self._vectors(), describer, max_pixels)

    def _words_asker(self, max_pixels: int | None, scoring: Mapping[str, object] | None) -> SketchSearcher:
        catalogue, layers = self._ready(), self._words()
        layers = replace(layers, recipe=layers.recipe.scored(scoring or {}))
        extractor = cast(Callable[[], WordsExtractor], partial(self._describe_with, 1))
        vocabulary = recipe_vocabulary(layers.recipe)
        return SketchSearcher(self.path, catalogue, layers, vocabulary, extractor, max_pixels)

    def _words(self) -> Layers:
        with self._lock:
            catalogue, recipe, segments = self._ready(), self._layer, self._segments()
            if self._layers is None or self._layers[0] != catalogue.generation:
                if not isinstance(recipe, WordsRecipe) or segments is None:
                    raise UsageError(f"{self.path} is a collection of vectors, not of visual words")
                generation, indexes = segments.load(catalogue)
                self._layers = generation, Layers(recipe, indexes, recipe_vocabulary(recipe).scales)
            return self._layers[1]

    def _vectors(self) -> Snapshot:
        with self._lock:
            catalogue, recipe = self._ready(), self._layer
            if isinstance(recipe, WordsRecipe):
                raise UsageError(
                    f"{self.path} is a collection of visual words, which has no vectors: index the pictures "
                    "with another recipe for this"
                )
            if self._snapshot is None or self._snapshot.generation != catalogue.generation:
                metric: Metric = "l2" if recipe.distance == "l2" else "dot"
                code = Code.of(recipe, self.manifest.dimensions)
                self._snapshot = Snapshot.load(catalogue, code, metric)
            return self._snapshot
