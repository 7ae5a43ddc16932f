"""The inverted indexes of all layers, asked together: scores, matches, and where a query lies in a hit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likewise.types import Box, IntArray, Scores
from likewise.words.codebook import WordArray
from likewise.words.geometry import Fit, fit, to_edge
from likewise.words.hamming import Codes
from likewise.words.index.inverted import WordIndex
from likewise.words.index.votes import Neighbours, votes
from likewise.words.matching import Matches, match
from likewise.words.recipe import WordsRecipe
from likewise.words.sketch import Sketch
from likewise.words.verification import verify


@dataclass(frozen=True, eq=False)
class QuerySketch:
    """One picture of a question.

    Attributes
    ----------
    sketch
        Its features in as many words as the recipe says for either side; of a picture as it was stored, in
        those that were stored.
    weight
        What its scores are multiplied by; below 0 for a picture that is not wanted.
    box
        What of the picture was asked for.
    own
        Its id among the pictures that are searched, if it is one of them.
    """

    sketch: Sketch
    weight: float = 1.0
    box: Box | None = None
    own: int | None = None


def _shares(question: Sequence[QuerySketch]) -> list[float]:
    """The weights of a question's pictures, in a sum of 1 of those that are wanted."""
    wanted = sum(query.weight for query in question if query.weight > 0)
    return [query.weight / wanted for query in question]


@dataclass(frozen=True, eq=False)
class VerifiedHit:
    """A hit that was looked at closely.

    Attributes
    ----------
    matches
        Of the question's first picture; ``weight`` is the share that a pair has in the hit's score, or under
        rule ``rank``, which has no shares, what it adds to the plain sum.
    fit
        The transform on which most of them agree; None where there is none.
    """

    matches: Matches
    fit: Fit | None


@dataclass(frozen=True, eq=False)
class Layers:
    """Indexes of the same pictures, one for each layer.

    Attributes
    ----------
    indexes
        By tap, in the order of the recipe.
    scales
        By tap, what rule ``scaled`` multiplies by.
    """

    recipe: WordsRecipe
    indexes: Mapping[str, WordIndex]
    scales: Mapping[str, float]

    @property
    def pictures(self) -> IntArray:
        """Rising ids, int64 ``(n,)``."""
        return next(iter(self.indexes.values())).pictures

    @property
    def layers(self) -> tuple[str, ...]:
        """Those that are asked; under rule ``scaled`` without those of scale 0, unless there is no other."""
        fusion = self.recipe.fusion
        chosen = fusion.chosen(tuple(self.indexes))
        heavy = tuple(layer for layer in chosen if self.scales[layer] > 0)
        return heavy if heavy and fusion.fusion == "scaled" else chosen

    def summed(self) -> Layers:
        """The same with scores that are sums over pairs of patches, which those of rule ``rank`` are not."""
        if self.recipe.fusion.fusion != "rank":
            return self
        return replace(self, recipe=self.recipe.scored({"fusion": "plain"}))

    def scores(self, question: Sequence[QuerySketch], *, threads: int = 1) -> Scores:
        """Score every picture, float64 ``(n,)``, in the order of `pictures`.

        A picture that has nothing of what the question's pictures have scores 0, and one that is asked for
        alone scores 1 itself: scores for each are divided by its own. Those for several are averaged by their
        weights, so that a box with few patches counts as much as a whole picture; what is not wanted is taken
        off. Of votes the logarithms are averaged, as what they are evidence of. Rule ``rank`` gives sums of
        places instead.
        """
        total = np.zeros(len(self.pictures))
        scales = {layer: self._scale(layer) for layer in self.layers}
        counted = self.recipe.scoring.votes and self.recipe.fusion.fusion != "rank"
        for query, factor in zip(question, self._factors(question), strict=True):
            fused = self.recipe.fusion.fuse(self._of(query, threads), scales)
            total += factor * (np.log1p(fused) if counted else fused)
        return np.expm1(total) if counted else total

    def _of(self, asked: QuerySketch, threads: int) -> dict[str, Scores]:
        """Scores of each layer that is asked (equation 8 of Li et al., 2016 before the sum over layers)."""
        by_layer = {}
        for layer in self.layers:
            if self.recipe.scoring.votes:
                by_layer[layer] = self._votes(asked, layer, threads)
                continue
            words, codes = _copies(asked.sketch, layer, self.recipe.asked)
            by_layer[layer] = self.indexes[layer].scores(
                words.ravel(), codes.reshape(-1, codes.shape[2]), self.recipe.scoring, threads=threads
            )
        return by_layer

    def _votes(self, asked: QuerySketch, layer: str, threads: int, held: Matches | None = None) -> Scores:
        """Votes for every picture in one layer, and for one more behind them whose matches are given."""
        words, codes = _copies(asked.sketch, layer, self.recipe.asked)
        near, compared = self.indexes[layer].neighbours(words, codes, threads=threads)
        count = len(self.pictures)
        if held is not None:
            near = Neighbours.joined([near, Neighbours(held.query, np.full(len(held), count), held.distance)])
            count += 1
        return votes(near, compared, count, 64 * codes.shape[2], self._place(asked.own))

    def _place(self, picture: int | None) -> int | None:
        """Where a picture stands in `pictures`, if it does."""
        if picture is None:
            return None
        place = int(np.searchsorted(self.pictures, picture))
        return place if place < len(self.pictures) and self.pictures[place] == picture else None

    def _factors(self, question: Sequence[QuerySketch]) -> list[float]:
        """Factors of the scores for each picture of a query."""
        if self.recipe.fusion.fusion == "rank":
            return [query.weight for query in question]
        if self.recipe.scoring.votes:  # a picture's votes for itself depend on the collection
            return _shares(question)
        return [
            share / (self._self(query.sketch) or 1.0)
            for query, share in zip(question, _shares(question), strict=True)
        ]

    def _self(self, sketch: Sketch) -> float:
        """The score of a picture for itself, before division."""
        total = 0.0
        for number, layer in enumerate(self.layers):
            held = sketch.words[layer][:, : self.recipe.stored]
            weight = float(self._match(sketch, sketch, layer, number).weight.sum(dtype=np.float64))
            total += self._scale(layer) * weight / self._norm(held, layer)
        return total

    def votes_for(self, question: Sequence[QuerySketch], sketch: Sketch) -> float:
        """The score that `scores` would give a picture that is not in the index."""
        total = 0.0
        for query, factor in zip(question, self._factors(question), strict=True):
            given = 0.0
            for number, layer in enumerate(self.layers):
                pairs = self._match(query.sketch, sketch, layer, number)
                given += self._scale(layer) * float(self._votes(query, layer, 1, pairs)[-1])
            total += factor * math.log1p(given)
        return math.expm1(total)

    def look(self, question: Sequence[QuerySketch], sketch: Sketch, size: tuple[int, int]) -> VerifiedHit:
        """Which patches of a question's first picture match which of a hit, and where it lies in the hit.

        Parameters
        ----------
        sketch
            Of the hit.
        size
            Width and height of the hit.
        """
        asked, share = question[0], self._factors(question)[0]
        parts = []
        for number, layer in enumerate(self.layers):
            pairs = self._match(asked.sketch, sketch, layer, number)
            factor = share * self._scale(layer) / self._norm(sketch.words[layer], layer)
            weight = (pairs.weight * factor).astype(np.float32)
            parts.append(Matches(pairs.query, pairs.picture, pairs.layer, pairs.distance, weight))
        matches = Matches.joined(parts)
        query, other = asked.sketch, sketch
        if query.points is None or other.points is None or not len(matches):
            fitted = fit(query.boxes, other.boxes, matches, size, box=asked.box)
        else:
            fitted = verify(query.points, other.points, matches, size, asked.box or query.extent)
        if fitted and asked.box is None:
            fitted = to_edge(fitted, other.extent, size)
        return VerifiedHit(matches, fitted)

    def fits(
        self, question: Sequence[QuerySketch], sketch: Sketch, size: tuple[int, int]
    ) -> list[tuple[float, Fit]]:
        """Where pictures of a question lie in a hit, each with its share: those whose fit is above the floor.

        Parameters as for `look`; scores are the nats above the floor.
        """
        fits = []
        for query, share in zip(question, _shares(question), strict=True):
            lies = self.look([replace(query, weight=1.0)], sketch, size).fit
            if lies and lies.score > self.recipe.scoring.floor:
                fits.append((share, replace(lies, score=lies.score - self.recipe.scoring.floor)))
        return fits

    def _match(self, asked: Sketch, held: Sketch, layer: str, number: int) -> Matches:
        return match(
            *_copies(asked, layer, self.recipe.asked),
            *_copies(held, layer, self.recipe.stored),
            self.indexes[layer].idf,
            scoring=self.recipe.scoring,
            layer=number,
        )

    def _scale(self, layer: str) -> float:
        return (self.scales[layer] or 1.0) if self.recipe.fusion.fusion == "scaled" else 1.0

    def _norm(self, words: NDArray[np.uint32], layer: str) -> float:
        """The divisor of the score of a picture with these words."""
        scoring = self.recipe.scoring
        if scoring.normalisation == "none" or not words.size:
            return 1.0
        held, counts = np.unique(words, return_counts=True)
        idf = self.indexes[layer].idf[held]
        parts = np.square(counts * scoring.half(idf)) if scoring.normalisation == "l2" else idf
        return float(np.sqrt(parts.sum())) or 1.0


def _copies(sketch: Sketch, layer: str, count: int) -> tuple[WordArray, Codes]:
    """Words and codes of the nearest ``count`` words of each patch."""
    return sketch.words[layer][:, :count], sketch.codes[layer][:, :count]
