"""The layer that keeps a sketch of each picture: local features in visual words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from likewise.collection.layers.comparing import Comparison
from likewise.collection.layers.encoders import Encoders
from likewise.collection.layers.evidence import of_fit, of_matches, of_votes
from likewise.collection.layers.flaws import AGAIN, Flaw, paired, row_fault, segment_faults, signed
from likewise.collection.layers.layer import LayerHits, Located, PatchMatches, Sources
from likewise.collection.layers.query import Query, QueryPicture, as_picture, is_number, is_vector, whole
from likewise.collection.layers.words_segments import WordsSegments
from likewise.collection.layers.words_shards import Shards
from likewise.collection.store.belongings import vocabulary_of
from likewise.collection.store.catalogue import Catalogue
from likewise.descriptors import Manifest
from likewise.errors import BadPicture, CollectionDamaged, UnknownPicture, UsageError, WeightsError
from likewise.explaining import Explanation
from likewise.files import replacing
from likewise.files.system import cores
from likewise.learning import default_vocabulary
from likewise.pictures import Loaded
from likewise.ranking import Stage, rank_sketches
from likewise.ranking.feedback import judged_weights
from likewise.types import Box, CropScale, IntArray, ProgressCallback, Scores
from likewise.words import Sketch, Vocabulary, WordsExtractor, WordsRecipe
from likewise.words.index import Layers, QuerySketch, WordIndex


@dataclass(frozen=True)
class WordsLayer:
    """See `likewise.collection.layers.layer.CollectionLayer`.

    Attributes
    ----------
    recipe
        Its vocabulary is the layer's own copy, so that nothing else is needed to search it.
    """

    id: int
    recipe: WordsRecipe
    manifest: Manifest
    folder: Path
    encoders: Encoders

    code = "words"

    def __post_init__(self) -> None:
        copy = {**self.recipe.vocabulary, "file": str(self._vocabulary_file)}
        object.__setattr__(self, "recipe", replace(self.recipe, vocabulary=copy))

    @classmethod
    def ready(cls, recipe: WordsRecipe, progress: ProgressCallback | None) -> WordsRecipe:
        """The recipe of a layer that is to be added, with the default vocabulary if it names none."""
        if recipe.vocabulary:
            return recipe
        return recipe.with_vocabulary(default_vocabulary(recipe, progress=progress))

    @property
    def _vocabulary_file(self) -> Path:
        return (self.folder / vocabulary_of(self.id)).absolute()

    @property
    def vocabulary(self) -> Vocabulary:
        """Codebooks and embeddings."""
        return Vocabulary.of(self.recipe)

    @property
    def segments(self) -> WordsSegments:
        """The files of its inverted indexes."""
        return WordsSegments(self.folder, self.id, self.vocabulary.sizes)

    def keep(self, given: WordsRecipe) -> None:
        """Copy the vocabulary of the recipe by which the layer is added."""
        with replacing(self._vocabulary_file) as draft:
            shutil.copyfile(str(given.vocabulary["file"]), draft)

    def encoder(self, streams: int) -> WordsExtractor:
        """See `CollectionLayer`."""
        return cast(WordsExtractor, self.encoders.open(self.recipe, self.manifest, streams))

    def encode(self, loaded: Sequence[Loaded]) -> list[bytes | BadPicture]:
        """Sketches as bytes."""
        return [sketch.to_bytes() for sketch in self.encoder(1).describe(loaded)]

    def fault(self, code: object) -> str:
        """See `CollectionLayer`."""
        return Sketch.fault_of(code, self.vocabulary.sizes)

    def index(self, catalogue: Catalogue, *, progress: ProgressCallback | None = None) -> None:
        """Bring the segments up to the catalogue."""
        self.segments.extend(catalogue, progress=progress)

    def optimise(self, catalogue: Catalogue, *, progress: ProgressCallback | None = None) -> None:
        """Make one segment of all."""
        self.segments.optimise(catalogue, progress=progress)

    def load(self, catalogue: Catalogue, shards: Shards | None = None) -> tuple[int, tuple[Layers, int]]:
        """Inverted indexes, and how many pictures these leave out."""
        indexes: Mapping[str, WordIndex]
        if shards:
            generation, indexes, left_out = shards.load(self.segments, catalogue)
        else:
            generation, indexes, left_out = self.segments.load(catalogue)
        return generation, (Layers(self.recipe, indexes, self.vocabulary.scales), left_out)

    def open(self, loaded: tuple[Layers, int], sources: Sources, recipe: WordsRecipe) -> WordsIndex:
        """See `CollectionLayer`."""
        layers, left_out = loaded
        scored = replace(layers, recipe=replace(self.recipe, scoring=recipe.scoring, fusion=recipe.fusion))
        return WordsIndex(recipe.name, self, scored, sources, left_out)

    def drop(self, catalogue: Catalogue) -> None:
        """See `CollectionLayer`."""
        self.segments.forget(catalogue)
        catalogue.drop_layer(self.id)

    def clear(self, catalogue: Catalogue) -> None:
        """Remove its segments and its vocabulary."""
        WordsSegments.sweep(self.folder, catalogue)
        with suppress(OSError):
            self._vocabulary_file.unlink()

    def searched(self, catalogue: Catalogue) -> str:
        """See `CollectionLayer`."""
        return "every word of a query is looked up"

    def verify(self, catalogue: Catalogue) -> Iterator[Flaw]:
        """See `CollectionLayer`."""
        yield from signed(self.manifest, self.recipe)
        yield from paired(catalogue, self.id)
        file, digest = (str(self.recipe.vocabulary[key]) for key in ("file", "sha256"))
        try:
            vocabulary = Vocabulary.load(Path(file), sha256=digest)
        except WeightsError as error:
            message = f"{error}: copy the file there that the pictures were indexed with"
            yield Flaw("vocabulary", file, message)
        else:
            yield from self._sketches(catalogue, WordsSegments(self.folder, self.id, vocabulary.sizes))

    def _sketches(self, catalogue: Catalogue, segments: WordsSegments) -> Iterator[Flaw]:
        for block in catalogue.rows.all(self.id):
            for picture, written, intact in block:
                fault = Sketch.fault_of(written, segments.sizes)
                if fault or not intact:
                    why = fault or "its bytes are not those that were written"
                    yield row_fault(catalogue, "sketch-damaged", picture, f"has no sound sketch ({why})")
        yield from segment_faults(segments, catalogue)


@dataclass(frozen=True)
class WordsIndex:
    """See `likewise.collection.layers.layer.LayerIndex`; a question is a list of weighted sketches.

    Attributes
    ----------
    left
        How many pictures no index holds because their sketches are damaged.
    chosen
        Places of the pictures that are searched among; None for all.
    """

    name: str
    layer: WordsLayer
    layers: Layers
    sources: Sources
    left: int
    chosen: IntArray | None = None

    @property
    def verifies(self) -> bool:
        """Keypoints have scales and angles, which make that cheap."""
        return self.layers.recipe.scoring.votes

    @property
    def left_out(self) -> int:
        """See `LayerIndex`."""
        return self.left

    @property
    def ids(self) -> IntArray:
        """See `LayerIndex`."""
        return self.layers.pictures if self.chosen is None else self.layers.pictures[self.chosen]

    def only(self, ids: IntArray) -> WordsIndex:
        """See `LayerIndex`; what the other pictures hold still tells how rare a word is."""
        return replace(self, chosen=np.flatnonzero(np.isin(self.layers.pictures, ids)))

    def exactly(self) -> WordsIndex:
        """It is."""
        return self

    def takes(self, query: Query) -> bool:
        """Whether it is a picture."""
        return not is_vector(query.picture)

    def check(self, stage: Stage) -> None:
        """See `LayerIndex`."""
        stage.check_words()

    def ask(self, query: Query) -> list[QuerySketch]:
        """The pictures of a question, what was said yes to counting less, and no to against them."""
        first = self.sketch(query.picture, box=query.box, crop=query.crop)
        wanted = [QuerySketch(first, box=query.box, own=self.sources.own(query.picture))]
        wanted += [self._asked(picture) for picture in query.also]
        yes, no = judged_weights(len(query.yes), len(query.no))
        judged = [self._asked(picture, yes) for picture in query.yes] + [
            self._asked(picture, no) for picture in query.no
        ]
        return wanted + judged

    def _asked(self, picture: QueryPicture, weight: float = 1.0) -> QuerySketch:
        return QuerySketch(self.sketch(picture), weight, own=self.sources.own(picture))

    def sketch(self, picture: QueryPicture, *, box: Box | None = None, crop: CropScale = "whole") -> Sketch:
        """A picture's features in the words that queries get.

        A picture of the collection is described again from its file; if that is gone or holds something else,
        what was kept of it is taken.
        """
        if is_number(picture):
            row = whole(picture, "an id")
            try:
                picture = self.sources.content(row)
            except BadPicture as problem:
                if box is None and problem.reason in ("vanished", "changed"):
                    return self.kept(row)
                raise
        if is_vector(picture):
            raise UsageError(
                f"layer {self.name!r} of {self.sources.path} holds visual words: give a picture as the query"
            )
        encoder, limit = self.layer.encoder(1), self.sources.max_pixels
        return encoder.ask(as_picture(picture), box=box, crop=crop, max_pixels=limit)

    def kept(self, picture: int) -> Sketch:
        """The sketch that the collection keeps of a picture.

        Raises `UnknownPicture` when no picture has that id, or none any more; `CollectionDamaged` when it
        cannot be read.
        """
        written = self.sources.catalogue.code_of(self.layer.id, picture)
        if written is not None:
            return Sketch.from_bytes(
                written, {tap: index.words for tap, index in self.layers.indexes.items()}
            )
        if not self.sources.catalogue.has(picture):
            raise UnknownPicture(f"no picture in {self.sources.path} has the id {picture}")
        raise CollectionDamaged(
            f"the sketch of picture {picture} of {self.sources.path} is gone or damaged: {AGAIN}"
        )

    def question_of(self, picture: int) -> list[QuerySketch]:
        """See `LayerIndex`."""
        return [QuerySketch(self.kept(picture), own=picture)]

    def search(self, question: Sequence[QuerySketch], k: int, stages: Sequence[Stage]) -> LayerHits:
        """See `LayerIndex`."""
        among, size = self.chosen, self.sources.size
        ranked = rank_sketches(self.layers, question, stages, self.kept, size, among=among, threads=cores())
        return LayerHits(ranked.ids[:k], ranked.scores[:k], ranked.boxes)

    def evidence(self, scores: NDArray[Any]) -> Scores:
        """That of votes, where there are some."""
        return of_votes(scores) if self.layers.recipe.scoring.votes else of_matches(scores)

    def locate(self, question: Sequence[QuerySketch], picture: QueryPicture) -> Located | None:
        """See `LayerIndex`; None too where what is kept is damaged, or gone."""
        try:
            held = self._held(picture)
        except (CollectionDamaged, UnknownPicture):
            return None
        fits = self.layers.fits(question, *held)
        best = max((fit for share, fit in fits if share > 0), key=lambda fit: fit.score, default=None)
        against = max((fit.score for share, fit in fits if share < 0), default=0.0)
        if best is None or best.score <= against:
            return None
        evidence = sum(share * of_fit(fit.score) for share, fit in fits)
        return Located(replace(best, score=best.score - against), max(0.0, evidence))

    def against(self, question: Sequence[QuerySketch], picture: QueryPicture) -> float:
        """See `LayerIndex`."""
        held, size = self._held(picture)
        if self.layers.recipe.scoring.votes:
            return self.layers.votes_for(question, held)
        return float(self.layers.look(question, held, size).matches.weight.sum(dtype=np.float64))

    def compare(self, query: Query, picture: QueryPicture) -> Comparison:
        """The picture's score for the query, against the scores of the collection's.

        Quantiles and percentile are of the scores of all pictures for this very question.
        """
        asker = replace(self, layers=self.layers.summed())
        question = asker.ask(query)
        similarity = asker.against(question, picture)
        own = self.sources.owned(*query.pictures, picture)
        scores = asker.layers.scores(question, threads=cores())
        others = scores[~np.isin(self.layers.pictures, own)]
        return Comparison.among(similarity, others, others)

    def shares(self, query: Query, picture: QueryPicture) -> None:
        """It cannot tell: votes of several pictures are counted together."""

    def explain(self, query: Query, picture: QueryPicture) -> Explanation:
        """It cannot: what it knows is which patches match."""
        raise UsageError(
            f"layer {self.name!r} of {self.sources.path} holds visual words: ask for its matches instead"
        )

    def matches(self, query: Query, picture: QueryPicture) -> PatchMatches:
        """Which patches match."""
        question = self.ask(query)
        held, size = self._held(picture)
        look = self.layers.look(question, held, size)
        score = float(look.matches.weight.sum(dtype=np.float64))
        boxes = question[0].sketch.boxes, held.boxes
        return PatchMatches(score, self.layers.layers, *boxes, look.matches, look.fit)

    def _held(self, picture: QueryPicture) -> tuple[Sketch, tuple[int, int]]:
        """A picture as the collection keeps it, or would keep it, and its width and height."""
        if is_number(picture):
            row = whole(picture, "an id")
            return self.kept(row), self.sources.size(row)
        encoder = self.layer.encoder(1)
        loaded = encoder.prepare(as_picture(picture), max_pixels=self.sources.max_pixels)
        return encoder.describe([loaded])[0], (loaded.width, loaded.height)
