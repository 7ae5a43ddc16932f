"""A collection as it is asked: what is like a query, and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from likewise.collection.layers.comparing import Comparison
from likewise.collection.layers.layer import PatchMatches, Sources
from likewise.collection.layers.layer_set import vector_layer
from likewise.collection.layers.query import Corners, Query, QueryPicture, whole
from likewise.collection.layers.snapshot import Pictures
from likewise.collection.layers.vector_layer import VectorIndex, pictures
from likewise.collection.opened import OpenedCollection
from likewise.collection.searching import Searcher, staged
from likewise.errors import ShardLost, UsageError
from likewise.explaining import Explanation, find_subjects
from likewise.ranking import Stage
from likewise.types import Box, CropScale, FloatArray, Hits, IntArray

T = TypeVar("T")


class AskedCollection(OpenedCollection):
    """A collection that is searched; every answer is of the moment at which it is asked."""

    def search(
        self,
        query: Query | QueryPicture,
        *,
        k: int = 20,
        box: Corners | None = None,
        crop: CropScale = "whole",
        under: str | os.PathLike[str] | None = None,
        where: str | None = None,
        then: Sequence[Stage | str] = (),
        also: Sequence[QueryPicture] = (),
        yes: Sequence[QueryPicture] = (),
        no: Sequence[QueryPicture] = (),
        scoring: Mapping[str, object] | None = None,
        exact: bool = False,
        max_pixels: int | None = None,
    ) -> Hits:
        """Find the pictures most like a query, best first.

        Every picture is compared; of a collection of vectors only so many that a search takes long, but for
        those that differ from the query in few bits: then the hits' ``recall`` tells how many such a search
        finds.

        Parameters
        ----------
        query
            A picture, the id of one in the collection (it finds itself first), a vector of shape ``(d,)``, or
            all of a `Query` in one.
        box, crop, also, yes, no
            The other parts of a `Query`, where only its picture was given.
        under
            Search only in a folder, or where the path matches a glob (see `Selection`).
        where
            Search only pictures of which a filter is true, such as ``taken >= 2019-06 and size > 2MP`` (see
            `likewise.collection.store.filters`). Their order is the one that they have among all,
            but for what the verification of their first hits adds.
        then
            What follows the search, in this order: kinds of `likewise.ranking.Stage`, with options where
            others than the defaults are wanted, such as ``["expand:n=5", "localise"]``. Each layer runs those
            that it can.
        scoring
            For layers of visual words: options of `likewise.words.scoring.Scoring` and
            `likewise.words.fusion.Fusion` that are others than the recipe's, such as
            ``{"hamming": False, "layers": ["pooled"]}``.
        exact
            Compare every picture, however many there are.
        max_pixels
            Largest picture accepted.

        Raises
        ------
        CollectionNotFound, CollectionDamaged
            When there is nothing to search in.
        BadPicture, BadBox, UsageError
            When the query cannot be used.
        ManifestMismatch
            When the query would be described otherwise than the collection was, or the recipe that it was
            opened with has layers that the collection lacks.
        """
        asked = Query.of(query, box=box, crop=crop, also=also, yes=yes, no=no)
        count, stages = whole(k, "k"), staged(then)
        if count < 1:
            raise UsageError(f"k must be at least 1, not {count}")

        def search(asker: Searcher) -> Hits:
            among = asker.sources.chosen(under, where)
            return (asker.exactly() if exact else asker).search(asked, k=count, among=among, stages=stages)

        return self._ask(search, max_pixels, scoring)

    def describe(
        self,
        query: QueryPicture,
        *,
        box: Corners | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> FloatArray:
        """Give the vector of a query, shape ``(d,)``, by the first layer that makes one."""
        return self._vector_index(max_pixels).ask(Query.of(query, box=box, crop=crop))

    def compare(
        self,
        a: Query | QueryPicture,
        b: QueryPicture,
        *,
        box: Corners | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Comparison:
        """Score two pictures, and judge the score by those of other pairs; see `Comparison`.

        ``box`` and ``crop`` concern ``a``; of a whole query no picture competes for the rank.
        """
        asked = Query.of(a, box=box, crop=crop)
        return self._ask(lambda asker: asker.compare(asked, b), max_pixels)

    def shares(
        self, query: Query, picture: QueryPicture, *, max_pixels: int | None = None
    ) -> tuple[float, ...] | None:
        """Shares of a query's pictures in the score of one, before stages; None where that is no sum.

        In the order of the query: its picture, ``also``, ``yes``, ``no``. They add up to the score.
        """
        return self.asker(max_pixels).shares(query, picture)

    def explain(
        self,
        a: QueryPicture,
        b: QueryPicture,
        *,
        box: Corners | None = None,
        crop: CropScale = "whole",
        layer: str | None = None,
        max_pixels: int | None = None,
    ) -> Explanation:
        """Share the similarity of two pictures out among their places; ``box`` and ``crop`` concern ``a``.

        Parameters
        ----------
        layer
            The layer that is asked, the first that can say by default.

        Raises
        ------
        BadPicture, BadBox, UsageError
            When a query is no picture that can be read, or no layer shares out: see
            `likewise.explaining.explain`.
        ManifestMismatch
            When the pictures would be described otherwise than the collection was.
        """
        return self.asker(max_pixels).explain(Query.of(a, box=box, crop=crop), b, layer)

    def matches(
        self,
        a: QueryPicture,
        b: QueryPicture,
        *,
        box: Corners | None = None,
        crop: CropScale = "whole",
        layer: str | None = None,
        scoring: Mapping[str, object] | None = None,
        max_pixels: int | None = None,
    ) -> PatchMatches:
        """Which places of two pictures match, by a layer of visual words.

        Parameters and errors as for `explain` and `search`.
        """
        return self.asker(max_pixels, scoring).matches(Query.of(a, box=box, crop=crop), b, layer)

    def subjects(self, picture: QueryPicture, *, max_pixels: int | None = None) -> list[Box]:
        """Parts of a picture that one may mean by it, the clearest first; errors as for `explain`."""
        index = self._vector_index(max_pixels)
        source = index.sources.source(picture)
        return find_subjects(index.layer.encoder(1), source, max_pixels=max_pixels)

    def warm(self) -> None:
        """Load what a first search waits for: files that layers are searched by, and what describes pictures.

        Errors are those of `search`.
        """
        self.asker()
        for layer in self.layers:
            layer.encoder(1)

    def vectors(self) -> tuple[IntArray, FloatArray]:
        """Ids ``(n,)`` and vectors ``(n, d)`` of all pictures, by id; read-only, for searches share them."""
        snapshot = self._vector_index().snapshot
        return snapshot.ids, np.asarray(snapshot.vectors)

    def pictures(self, under: str | os.PathLike[str] | None = None, where: str | None = None) -> Pictures:
        """All pictures with their vectors, paths and sizes, or some, by ``under`` and ``where`` of `search`.

        Raises
        ------
        UsageError
            When there are none of those.
        """
        index = self._vector_index()
        among = index.sources.chosen(under, where)
        return pictures(index if among is None else index.only(among))

    # --- within ---

    def asker(self, max_pixels: int | None = None, scoring: Mapping[str, object] | None = None) -> Searcher:
        """One moment of the collection, ready to be asked; parameters as for `search`."""
        layers = self._layers()
        layers.complete(self.path)
        recipe = layers.recipe
        if scoring:
            if not recipe.words:
                raise UsageError(f"scoring is for visual words, and {self.path} is a collection of vectors")
            recipe = recipe.scored(scoring)
        sources = Sources(self.path, self._ready(), max_pixels)
        indexes = (
            layer.open(self._load(layer), sources, asked)
            for layer, asked in zip(layers.layers, recipe.layers, strict=True)
        )
        return Searcher(sources, tuple(indexes))

    def _ask(
        self,
        ask: Callable[[Searcher], T],
        max_pixels: int | None = None,
        scoring: Mapping[str, object] | None = None,
    ) -> T:
        """The answer, without the shards of words that are lost meanwhile."""
        while True:
            try:
                return ask(self.asker(max_pixels, scoring))
            except ShardLost:
                self._forget()

    def _vector_index(self, max_pixels: int | None = None) -> VectorIndex:
        layer = vector_layer(self._layers(), self.path)
        return layer.open(self._load(layer), Sources(self.path, self._ready(), max_pixels), layer.recipe)
