"""Evaluation of a recipe, whatever its layers keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from likewise.descriptors import Extractor
from likewise.errors import UsageError
from likewise.evaluation.crops import CropMode
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.evaluate import evaluate
from likewise.evaluation.runs import Run
from likewise.ranking import Stage
from likewise.recipes import Recipe
from likewise.types import ProgressCallback


def evaluate_recipe(
    benchmark: Benchmark,
    recipe: Recipe,
    *,
    crop: CropMode = "box",
    out: Path,
    stages: Sequence[Stage] = (),
    examples: int = 1,
    feedback: int = 0,
    progress: ProgressCallback | None = None,
    **how: Any,
) -> Run:
    """Rank the gallery for every query by a vector, visual words or several layers, and write the run.

    Raises `UsageError` when examples or feedback are asked of visual words, and as `evaluate` does.

    Parameters
    ----------
    examples, feedback
        For one vector, see `likewise.evaluation.evaluate.evaluate`; other parameters as there.
    how
        Engine, device and precision.
    """
    if recipe.words and (examples > 1 or feedback):
        raise UsageError(
            f"--examples and --feedback are for one vector, and {recipe.name!r} has words: take quick"
        )
    common: dict[str, Any] = {"crop": crop, "out": out, "stages": stages, "progress": progress}
    if len(recipe.layers) > 1:
        from likewise.evaluation.hybrid import evaluate_layers  # loads collections

        return evaluate_layers(benchmark, recipe, **common, **how)
    if recipe.vectors:
        extractor = Extractor(recipe.vector, **how)
        return evaluate(benchmark, extractor, examples=examples, feedback=feedback, **common)
    from likewise.evaluation.words import evaluate_words, open_sketcher  # loads inverted indexes
    from likewise.learning import default_vocabulary  # as these

    words = recipe.words[0]
    if not words.vocabulary:
        words = words.with_vocabulary(default_vocabulary(words, progress=progress))
    return evaluate_words(benchmark, words, open_sketcher(words, **how), **common)
