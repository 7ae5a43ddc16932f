"""Evaluation of recipes of several layers: the runs of its layers as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from likewise.assets import sha256_file
from likewise.errors import UsageError
from likewise.evaluation.crops import CropMode
from likewise.evaluation.evaluate import Readable, written
from likewise.evaluation.runs import Run
from likewise.ranking.evidence import Scores, of_matches, of_similarities, of_votes, together
from likewise.ranking.stages import Ranked
from likewise.recipes.recipe import LayerRecipe, Recipe
from likewise.types import Box, Ranking
from likewise.words.recipe import WordsRecipe


def fuse_runs(recipe: Recipe, runs: Sequence[Run], *, out: Path) -> Run:
    """Put the runs of a recipe's layers together as a search does that verifies nothing; write that as a run.

    Parameters
    ----------
    runs
        One for each layer, in their order, of one benchmark.

    Raises
    ------
    UsageError
        When a layer could not read what another could.
    StorageError
        When the folder cannot be written.
    """
    first = runs[0]
    if any(run.benchmark != first.benchmark for run in runs):
        raise UsageError(
            f"the layers of {recipe.name!r} could not read the same pictures of {first.benchmark.name}: take "
            "those away that one of them cannot read"
        )
    ranked = np.empty_like(first.ranked)
    scores = np.empty_like(first.scores)
    for query in range(len(first.ranked)):
        total = together(
            [_evidence(layer, _scores(run, query)) for layer, run in zip(recipe.layers, runs, strict=True)]
        )
        best = np.argsort(-total, kind="stable")[: ranked.shape[1]]
        ranked[query], scores[query] = best, total[best]
    card = replace(
        first.card,
        recipe=recipe.name,
        recipe_hash=recipe.hash,
        network=recipe.network,
        parts=tuple(f"{run.card.recipe}: {part}" for run in runs for part in run.card.parts),
        warnings=tuple(dict.fromkeys(warning for run in runs for warning in run.card.warnings)),
        words={
            **{name: fact for run in runs for name, fact in run.card.words.items()},
            "layers": "; ".join(f"{layer.name} ({layer.hash[:12]})" for layer in recipe.layers),
        },
    )
    pictures = [query.picture for query in first.benchmark.queries]
    digests = tuple(sha256_file(file) for file in (*pictures, *first.benchmark.gallery.values()))
    readable = Readable(first.benchmark, cast(CropMode, first.card.crop), first.boxes, digests)
    boxes = tuple(_boxes(runs, query) for query in range(len(ranked)))
    return written(readable, card, Ranked(Ranking(ranked.astype(np.int64), scores), boxes), out)


def _evidence(layer: LayerRecipe, scores: Scores) -> Scores:
    """What they say beside other layers."""
    if not isinstance(layer, WordsRecipe):
        return of_similarities(scores)
    return of_votes(scores) if layer.scoring.votes else of_matches(scores)


def _scores(run: Run, query: int) -> NDArray[np.float64]:
    """What a query gives every picture of the gallery; NaN for those whose places were not kept."""
    scores = np.full(len(run.benchmark.gallery), np.nan)
    scores[run.ranked[query]] = run.scores[query]
    return scores


def _boxes(runs: Sequence[Run], query: int) -> dict[int, Box]:
    """Where a query was found, by places in the gallery; the first layer that looked for it says so."""
    return {
        place: box
        for run in reversed(runs)
        if run.found is not None
        for rank, place in enumerate(run.ranked[query, : run.found.shape[1]].tolist())
        if (box := run.box(query, rank))
    }
