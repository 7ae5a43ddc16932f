"""A collection of visual words at one moment, ready to be asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from likewise.collection.asking import Corners, Query, as_picture, corners, is_number, whole
from likewise.collection.catalogue import Catalogue
from likewise.collection.reports import Comparison
from likewise.collection.selecting import Selection
from likewise.collection.walk import real_path
from likewise.engines import cores
from likewise.errors import CollectionDamaged, UsageError
from likewise.ranking.sketches import answer, check_stages
from likewise.ranking.stages import Stage
from likewise.types import Box, CropScale, FloatArray, Hit, IntArray
from likewise.words.extractor import WordsExtractor
from likewise.words.geometry import Fit
from likewise.words.layers import Asked, Layers
from likewise.words.matching import Matches
from likewise.words.sketch import Sketch
from likewise.words.vocabulary import Vocabulary

BETA, GAMMA = 0.75, 0.15
"""How much pictures that were said yes and no to count beside the query (Rocchio 1971)."""

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)


@dataclass(frozen=True, eq=False)
class PatchMatches:
    """Which patches of two pictures match.

    Attributes
    ----------
    score
        Of the second picture when the first is asked for: the weights of all matches together.
    layers
        Names of the layers that matches are numbered by.
    first, second
        float32 ``(n, 4)``: boxes of the patches of either picture, in pixels of the upright original.
    matches, fit
        See `likewise.words.layers.Found`.
    """

    score: float
    layers: tuple[str, ...]
    first: FloatArray
    second: FloatArray
    matches: Matches
    fit: Fit | None


@dataclass(frozen=True)
class SketchSearcher:
    """Asks the indexes of a collection of visual words.

    Attributes
    ----------
    path
        Where the collection lies, for messages.
    extractor
        Gives what describes pictures; called only when a query needs it.
    chosen
        Places of the pictures that are searched among; None for all.
    max_pixels
        Largest picture accepted.
    """

    path: Path
    catalogue: Catalogue
    layers: Layers
    vocabulary: Vocabulary
    extractor: Callable[[], WordsExtractor]
    max_pixels: int | None = None
    chosen: IntArray | None = None

    def search(
        self,
        query: Query,
        *,
        k: int,
        box: Corners | None,
        crop: CropScale,
        under: str | os.PathLike[str] | None,
        stages: Sequence[Stage],
        also: Sequence[Query],
        yes: Sequence[Query],
        no: Sequence[Query],
    ) -> list[Hit]:
        """See `likewise.collection.collection.Collection.search`."""
        check_stages(stages)
        asker = self.under(under) if under is not None else self
        question = asker.question(query, box=box, crop=crop, also=also, yes=yes, no=no)
        return asker.find(question, k, stages)

    def under(self, where: str | os.PathLike[str]) -> SketchSearcher:
        """The same for the pictures in a folder or matching a glob.

        Raises
        ------
        UsageError
            When there are none.
        """
        ids = list(Selection(where).ids(self.catalogue))
        (places,) = np.nonzero(np.isin(self.layers.pictures, ids))
        if not len(places):
            raise UsageError(f"nothing in {self.path} lies under {os.fspath(where)!r}")
        return replace(self, chosen=places)

    def question(
        self,
        query: Query,
        *,
        box: Corners | None = None,
        crop: CropScale = "whole",
        also: Sequence[Query] = (),
        yes: Sequence[Query] = (),
        no: Sequence[Query] = (),
    ) -> list[Asked]:
        """The pictures of a question, what was said yes to counting less, and no to against them.

        Raises
        ------
        BadPicture, BadBox, UsageError
            When a query cannot be used.
        """
        area = corners(box)
        wanted = [Asked(self.sketch(query, box=area, crop=crop), box=area)]
        wanted += [Asked(self.sketch(one)) for one in also]
        judged = [Asked(self.sketch(one), BETA / len(yes)) for one in yes]
        judged += [Asked(self.sketch(one), -GAMMA / len(no)) for one in no]
        return wanted + judged

    def sketch(self, query: Query, *, box: Box | None = None, crop: CropScale = "whole") -> Sketch:
        """A query's features in the words that queries get.

        A picture of the collection is described again from its file; if that is gone, what was kept of it
        is taken.
        """
        if is_number(query):
            row = whole(query, "an id")
            file = self.catalogue.where([row]).get(row)
            if file is None:
                raise UsageError(f"no picture in {self.path} has the id {row}")
            if box is None and not os.path.exists(file):
                return self.kept(row)
            query = file
        if isinstance(query, np.ndarray) and query.ndim == 1:
            raise UsageError("a collection of visual words has no vectors: give a picture as the query")
        return self.extractor().ask(as_picture(query), box=box, crop=crop, max_pixels=self.max_pixels)

    def kept(self, picture: int) -> Sketch:
        """What the collection has of a picture.

        Raises
        ------
        CollectionDamaged
            When it cannot be read.
        """
        written = self.catalogue.code_of(picture)
        if written is None:
            raise CollectionDamaged(f"picture {picture} of {self.path} was removed a moment ago")
        return Sketch.from_bytes(written, self.vocabulary.sizes)

    def find(self, question: Sequence[Asked], k: int, stages: Sequence[Stage]) -> list[Hit]:
        """The ``k`` best after all stages, best first, and where in them the query was found."""
        among, threads = self.chosen, cores()
        found = answer(self.layers, question, stages, self.kept, self._size, among=among, threads=threads)
        ids, scores = self.layers.pictures[found.places[:k]].tolist(), found.scores[:k].tolist()
        paths = self.catalogue.where(ids)
        return [
            Hit(picture, Path(paths[picture]), score, rank, found.boxes.get(picture))
            for rank, (picture, score) in enumerate(zip(ids, scores, strict=True), 1)
            if picture in paths  # unless it was removed a moment ago
        ]

    def _size(self, picture: int) -> tuple[int, int]:
        size = self.catalogue.size_of(picture)
        if size is None:
            raise CollectionDamaged(f"picture {picture} of {self.path} was removed a moment ago")
        return size

    def compare(self, a: Query, b: Query, *, box: Corners | None, crop: CropScale) -> Comparison:
        """What ``b`` scores when ``a`` is asked for, against the scores of the collection's pictures.

        Quantiles and percentile are of the scores of all pictures for this very question.
        """
        asker = replace(self, layers=self.layers.summed())
        question = asker.question(a, box=box, crop=crop)
        held, size = self._held(b)
        similarity = float(asker.layers.look(question, held, size).matches.weight.sum(dtype=np.float64))
        own = [place for query in (a, b) for place in self._own(query)]
        others = np.delete(asker.layers.scores(question, threads=cores()), own)
        return Comparison(
            similarity,
            dict(zip(SHARES, np.quantile(others, SHARES).tolist(), strict=True)) if len(others) else {},
            100 * float(np.mean(others < similarity)) if len(others) else None,
            1 + int(np.count_nonzero(others > similarity)),
        )

    def matches(self, a: Query, b: Query, *, box: Corners | None, crop: CropScale) -> PatchMatches:
        """See `likewise.collection.collection.Collection.matches`."""
        question = self.question(a, box=box, crop=crop)
        held, size = self._held(b)
        found = self.layers.look(question, held, size)
        score = float(found.matches.weight.sum(dtype=np.float64))
        boxes = question[0].sketch.boxes, held.boxes
        return PatchMatches(score, self.layers.layers, *boxes, found.matches, found.fit)

    def _held(self, query: Query) -> tuple[Sketch, tuple[int, int]]:
        """A picture as the collection keeps it, or would keep it, and its width and height."""
        if is_number(query):
            picture = whole(query, "an id")
            return self.kept(picture), self._size(picture)
        extractor = self.extractor()
        loaded = extractor.prepare(as_picture(query), max_pixels=self.max_pixels)
        return extractor.describe([loaded])[0], (loaded.width, loaded.height)

    def _own(self, query: Query) -> list[int]:
        """Place of a query that is a picture of the collection."""
        if is_number(query):
            picture = whole(query, "an id")
        elif isinstance(query, str | os.PathLike):
            place = self.catalogue.place(real_path(query))
            known = place and self.catalogue.picture(place)
            if not known:
                return []
            picture = known.id
        else:
            return []
        return np.flatnonzero(self.layers.pictures == picture).tolist()
