"""Evaluation: from a benchmark and a recipe to a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from likewise.descriptors import Encoder, Extractor, Manifest, VectorRecipe
from likewise.descriptors.describing import cached_vectors
from likewise.errors import UsageError
from likewise.evaluation.crops import CropMode, possible_crop, views_of
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.metrics import Rule
from likewise.evaluation.protocol_card import ASKED_WITH, JUDGED, make_card
from likewise.evaluation.runs import Readable, Run, places_kept, readable_of, written
from likewise.evaluation.simulated import with_examples, with_feedback
from likewise.ranking import Gallery, Localiser, Ranked, Stage, rank
from likewise.recipes import Recipe
from likewise.types import FloatArray, ProgressCallback

MakeEncoder: TypeAlias = Callable[[VectorRecipe], Encoder]
"""Makes the encoder of a recipe, such as `likewise.Extractor`."""


@dataclass(frozen=True)
class Material(Readable):
    """A benchmark with the vectors of its pictures, ready to be ranked.

    Attributes
    ----------
    gallery
        float32, shape ``(n, d)``, in the order of the benchmark's gallery.
    queries
        float32, shape ``(q, d)``.
    """

    gallery: FloatArray
    queries: FloatArray


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

    Raises `UsageError` when examples or feedback are asked of more than one vector, and as `evaluate` does.

    Parameters
    ----------
    examples, feedback
        For one vector, see `evaluate`; other parameters as there.
    how
        Engine, device and precision.
    """
    if (recipe.words or len(recipe.layers) > 1) and (examples > 1 or feedback):
        raise UsageError(
            f"--examples and --feedback are for recipes of one vector, and {recipe.name!r} is not: take quick"
        )
    common: dict[str, Any] = {"crop": crop, "out": out, "stages": stages, "progress": progress}
    if len(recipe.layers) > 1:
        from likewise.evaluation.hybrid import evaluate_layers  # loads collections

        return evaluate_layers(benchmark, recipe, **common, **how)
    if not recipe.words:
        extractor = Extractor(recipe.vector, **how)
        return evaluate(benchmark, extractor, examples=examples, feedback=feedback, **common)
    from likewise.evaluation.words import evaluate_words, open_sketcher  # loads inverted indexes
    from likewise.learning import default_vocabulary  # as these

    words = recipe.words[0]
    if not words.vocabulary:
        words = words.with_vocabulary(default_vocabulary(words, progress=progress))
    return evaluate_words(benchmark, words, open_sketcher(words, **how), **common)


def evaluate(
    benchmark: Benchmark,
    encoder: Encoder,
    *,
    crop: CropMode = "box",
    out: Path,
    stages: Sequence[Stage] = (),
    examples: int = 1,
    feedback: int = 0,
    progress: ProgressCallback | None = None,
) -> Run:
    """Rank the gallery for every query, and write the run.

    Vectors are kept in ``<out>/vectors/`` as they are made, so that an interrupted evaluation goes on where
    it stopped, and another crop needs only the queries. A picture that cannot be read is treated as if it
    were missing, and listed with the run's benchmark. Raises `UsageError` when the crop needs boxes and there
    are none, the recipe's receptive field is unknown, no query picture can be read, or the stages do not fit
    the recipe; `BadBox` when a box lies outside its picture; `StorageError` when the folder cannot be
    written.

    Parameters
    ----------
    crop
        What of a query picture is looked for. A benchmark without boxes is run with ``full``.
    stages
        What follows the search, in this order.
    examples
        From how many pictures a question is made: the query's and further right answers, as in
        `likewise.evaluation.simulated.with_examples`.
    feedback
        How many answers a simulated user judges by the ground truth before the rest is ranked again.
    """
    material = gather(benchmark, encoder, crop=crop, out=out, progress=progress)
    files = list(material.benchmark.gallery.values())

    def localiser(queries: FloatArray) -> Localiser:  # it takes longer than all else, and says how far it is
        return Localiser(encoder, queries, files.__getitem__, progress=progress)

    return ranked_run(
        material,
        encoder.recipe,
        encoder.manifest,
        out=out,
        stages=stages,
        examples=examples,
        feedback=feedback,
        localise=localiser if any(stage.kind == "localise" for stage in stages) else None,
    )


def gather(
    benchmark: Benchmark,
    encoder: Encoder,
    *,
    crop: CropMode,
    out: Path,
    progress: ProgressCallback | None = None,
) -> Material:
    """Describe what a benchmark needs; parameters and errors as for `evaluate`."""
    crop = possible_crop(crop, benchmark)
    views = views_of(benchmark, crop, encoder.recipe)
    described = cached_vectors(encoder, views, out / "vectors", progress=progress, note="describing pictures")
    readable, asked, gallery = readable_of(benchmark, crop, views, described)
    vectors = described.vectors
    return Material(**vars(readable), gallery=vectors[gallery], queries=vectors[asked])


def ranked_run(
    material: Material,
    recipe: VectorRecipe,
    manifest: Manifest,
    *,
    out: Path,
    stages: Sequence[Stage] = (),
    examples: int = 1,
    feedback: int = 0,
    rule: Rule = "trapezoid",
    localise: Callable[[FloatArray], Localiser] | None = None,
) -> Run:
    """Rank vectors that are there, and write the run; parameters as for `evaluate`.

    Raises `UsageError` when the stages do not fit the recipe; `StorageError` when the folder cannot be
    written.

    Parameters
    ----------
    recipe, manifest
        How the vectors were made.
    rule
        How average precision is summed in reports, unless they are asked for the other rule.
    localise
        Gives what a ``localise`` stage needs for some query vectors.
    """
    gallery = Gallery(material.gallery, metric="dot" if recipe.distance == "cosine" else "l2")
    benchmark, queries = material.benchmark, material.queries
    if examples != 1:
        benchmark, queries = with_examples(benchmark, material.gallery, queries, examples, unit=gallery.unit)
    kept = places_kept(benchmark)
    own = benchmark.own_places if stages and benchmark.query_in_gallery == "ignored" else None

    def ask(vectors: FloatArray) -> Ranked:
        localiser = localise(vectors) if localise else None
        return rank(gallery, vectors, kept, stages, own=own, localiser=localiser)

    if feedback:
        ranked = with_feedback(benchmark, material.gallery, queries, feedback, ask, unit=gallery.unit)
    else:
        ranked = ask(queries)
    card = make_card(
        benchmark,
        recipe,
        manifest,
        crop=material.crop,
        ranked=ranked.ranking.ids.shape[1],
        rule=rule,
        pictures=material.digests,
        after=_after(stages, examples, feedback),
        warnings=(*[ASKED_WITH] * (examples > 1), *[JUDGED] * (feedback > 0)),
    )
    return written(replace(material, benchmark=benchmark), card, ranked, out)


def _after(stages: Sequence[Stage], examples: int, feedback: int) -> tuple[str, ...]:
    """Steps after the search, in words."""
    before = [f"examples(n={examples})"] if examples > 1 else []
    return (*before, *map(str, stages), *([f"feedback(n={feedback})"] if feedback else []))
