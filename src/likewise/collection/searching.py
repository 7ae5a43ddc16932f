"""Asking a collection: from what callers give to a vector, and from vectors to hits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likewise.collection.asking import Corners, Query, as_picture, corners, is_number, whole
from likewise.collection.catalogue import Catalogue
from likewise.collection.describing import MapDescriber
from likewise.collection.selecting import Selection
from likewise.collection.snapshot import Snapshot
from likewise.collection.walk import real_path
from likewise.errors import BadPicture, UsageError
from likewise.pictures import Source
from likewise.ranking.feedback import combined, refined
from likewise.ranking.localise import Localiser
from likewise.ranking.stages import Stage, rank
from likewise.types import Box, CropScale, FloatArray, Hit


@dataclass(frozen=True)
class Searcher:
    """One moment of a collection, ready to be asked.

    Attributes
    ----------
    path
        Where the collection lies, for messages.
    describer
        Gives what describes pictures; called only when a query needs it.
    max_pixels
        Largest picture accepted.
    """

    path: Path
    catalogue: Catalogue
    snapshot: Snapshot
    describer: Callable[[], MapDescriber]
    max_pixels: int | None = None

    def under(self, where: str | os.PathLike[str]) -> Searcher:
        """The same for the pictures in a folder or matching a glob.

        Raises
        ------
        UsageError
            When there are none.
        """
        chosen = list(Selection(where).ids(self.catalogue))
        snapshot = self.snapshot.only(np.isin(self.snapshot.ids, chosen))
        if not len(snapshot.ids):
            raise UsageError(f"nothing in {self.path} lies under {os.fspath(where)!r}")
        return Searcher(self.path, self.catalogue, snapshot, self.describer, self.max_pixels)

    def vector(self, query: Query, *, box: Corners | None = None, crop: CropScale = "whole") -> FloatArray:
        """Describe a query, or take the vector that is there already, shape ``(d,)``.

        Raises
        ------
        BadPicture, BadBox, UsageError
            When the query cannot be used.
        """
        area = corners(box)
        if is_number(query) and area is None:
            return self.snapshot.vector(whole(query, "an id"))
        if isinstance(query, np.ndarray) and query.ndim == 1:
            if area is not None:
                raise UsageError("a box belongs to a picture: it cannot be given with a vector")
            return self.snapshot.fit(query)
        source = self.source(query)
        describer = self.describer()
        loaded = describer.prepare(source, box=area, crop=crop, max_pixels=self.max_pixels)
        vector: FloatArray = describer.describe([loaded])[0]
        return vector

    def source(self, query: Query) -> Source:
        """Give the picture that a query is, or the file of the one whose id it is.

        Raises
        ------
        UsageError
            When it is no picture.
        """
        if is_number(query):
            return path_of(self.catalogue, self.path, whole(query, "an id"))
        if isinstance(query, np.ndarray) and query.ndim == 1:
            raise UsageError("a vector has no places: give a picture, or the id of one in the collection")
        return as_picture(query)

    def refined(
        self, vector: FloatArray, *, also: Sequence[Query], yes: Sequence[Query], no: Sequence[Query]
    ) -> FloatArray:
        """A query vector that other pictures of the same thing, and judged ones, have made better."""
        unit = self.snapshot.metric == "dot"
        if also:
            vector = combined(np.stack([vector, *map(self.vector, also)]), unit=unit)
        if yes or no:
            vector = refined(vector, self._stack(yes), self._stack(no), unit=unit)
        return vector

    def find(self, vector: FloatArray, k: int, stages: Sequence[Stage]) -> list[Hit]:
        """The ``k`` nearest after all stages, best first, where they lie, and where in them it was found."""
        localiser = None
        if any(stage.kind == "localise" for stage in stages):
            queries = vector[np.newaxis]
            localiser = Localiser(self.describer(), queries, self._file, max_pixels=self.max_pixels)
        found = rank(self.snapshot.gallery, vector[np.newaxis], k, stages, localiser=localiser)
        boxes: Mapping[int, Box] = found.boxes[0] if found.boxes else {}
        ids, scores = found.ranking.ids[0].tolist(), found.ranking.scores[0].tolist()
        paths = self.catalogue.where(ids)
        return [
            Hit(picture, Path(paths[picture]), score, place, boxes.get(picture))
            for place, (picture, score) in enumerate(zip(ids, scores, strict=True), 1)
            if picture in paths  # unless it was removed a moment ago
        ]

    def own(self, query: Query) -> int | None:
        """Id of a query that is a picture of the collection."""
        if is_number(query):
            return whole(query, "an id")
        if not isinstance(query, str | os.PathLike):
            return None
        place = self.catalogue.place(real_path(query))
        picture = place and self.catalogue.picture(place)
        return picture.id if picture else None

    def _file(self, picture: int) -> Path:
        paths = self.catalogue.where([picture])
        if not paths:
            raise BadPicture(f"the picture {picture} was removed a moment ago", "vanished")
        return Path(paths[picture])

    def _stack(self, queries: Sequence[Query]) -> FloatArray:
        vectors = [self.vector(query) for query in queries]
        return np.stack(vectors) if vectors else np.empty((0, self.snapshot.vectors.shape[1]), np.float32)


def staged(then: Sequence[Stage | str]) -> list[Stage]:
    """Stages, those in words read.

    Raises
    ------
    UsageError
        When one cannot be understood, or a text is given where a list of them belongs.
    """
    if isinstance(then, str | Stage):
        raise UsageError(f"stages are a list: [{str(then)!r}]")
    return [stage if isinstance(stage, Stage) else Stage.parse(stage) for stage in then]


def path_of(catalogue: Catalogue, where: Path, picture: int) -> Path:
    """Where the file of a picture lies, by its id in the collection ``where``.

    Raises
    ------
    UsageError
        When no picture has that id.
    """
    row = whole(picture, "an id")
    paths = catalogue.where([row])
    if not paths:
        raise UsageError(f"no picture in {where} has the id {row}")
    return Path(paths[row])
