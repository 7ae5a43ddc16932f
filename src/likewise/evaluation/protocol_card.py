"""The protocol card: everything that has to be known to compare a score with another one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import singledispatch

from likewise.arrays.artifacts import Sample
from likewise.descriptors import Manifest, Part, VectorRecipe
from likewise.evaluation.crops import CropMode
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.metrics import Rule
from likewise.pictures import Resize
from likewise.recipes import LayerRecipe
from likewise.tables import Option
from likewise.words import Vocabulary, WordsRecipe

_CROPS: dict[str, str] = {
    "box": "box (the official box, scaled by the factor of its whole picture)",
    "full": "full (whole query pictures)",
    "widened": "widened (the official box and half a receptive field, {margin:g} resized pixels, around it)",
    "legacy-crow": "legacy-crow (right and bottom of the box taken for width and height)",
}
_OWN_PICTURE: dict[str, str] = {
    "counts": "ranked, and counts as a positive",
    "ignored": "ignored, as if it were not in the gallery",
    "absent": "not in the gallery",
}
LEGACY = (
    "the crop is wrong on purpose: it reaches far beyond the official box; compare it with runs of the same "
    "crop only"
)
ASKED_WITH = (
    "examples were taken from the right answers, which counted as junk then: compare it with runs of as many "
    "examples only"
)
JUDGED = "the ground truth was consulted: a simulated user judged the first answers of each query"


@dataclass(frozen=True)
class ProtocolCard:
    """How a run was made.

    Attributes
    ----------
    missing
        Files that the ground truth names and that are not there or cannot be read.
    left_out
        Queries that could not be asked for that reason.
    ranked
        How many pictures of each ranking were kept; what comes after them counts as never found.
    margin
        Pixels of the resized picture by which the crop ``widened`` reaches beyond the box; 0 for others.
    rule
        How average precision is summed unless a report is asked for the other rule.
    whitening
        What it was learned on; ``none`` without one.
    distance
        How vectors are compared; empty for visual words.
    warnings
        What makes the score incomparable with published ones.
    after
        What followed the search, in this order.
    words
        Facts that only visual words have, by name; empty for vectors.
    """

    benchmark: str
    measure: str
    gallery: int
    distractors: int
    queries: int
    left_out: int
    missing: int
    surplus: int
    query_in_gallery: str
    ranked: int
    rule: Rule
    crop: str
    margin: float
    recipe: str
    recipe_hash: str
    network: str
    weights_hash: str
    parts: tuple[str, ...]
    resize: str
    scales: tuple[float, ...]
    transforms: tuple[str, ...]
    whitening: str
    distance: str
    dimensions: int
    engine: str
    precision: str
    version: str
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)

    def facts(self, rule: Rule | None = None) -> dict[str, str]:
        """The card in words, with the rule that the score was made by."""
        facts = {
            "data set": f"{self.benchmark}, reported by {self.measure}",
            "gallery": f"{self.gallery} pictures, {self.distractors} of them distractors",
            "queries": f"{self.queries}, {self.left_out} left out",
            "missing": f"{self.missing} files of the ground truth; {self.surplus} surplus files not used",
            "own picture": _OWN_PICTURE[self.query_in_gallery],
            "crop": _CROPS[self.crop].format(margin=self.margin),
            "AP rule": rule or self.rule,
            "ranked": "all" if self.ranked == self.gallery else f"the first {self.ranked} for each query",
            "recipe": f"{self.recipe} ({self.recipe_hash[:12]})",
            "network": f"{self.network}, weights {self.weights_hash[:12]}",
            "tap": "; ".join(self.parts),
            "resize": f"{self.resize}; scales {', '.join(f'{scale:g}' for scale in self.scales)}",
            **self.words,
            "transforms": ", ".join(self.transforms) or "none",
            "whitening": self.whitening,
            "distance": self.distance and f"{self.distance} on {self.dimensions} dimensions",
            "then": ", ".join(self.after),
            "engine": f"{self.engine}, {self.precision}",
            "version": f"likewise {self.version}",
            "notes": "; ".join(self.notes),
            "warning": "; ".join(self.warnings),
        }
        return {name: fact for name, fact in facts.items() if fact}


def make_card(
    benchmark: Benchmark,
    recipe: LayerRecipe,
    manifest: Manifest,
    *,
    crop: CropMode,
    ranked: int,
    rule: Rule = "trapezoid",
    pictures: Collection[str] = (),
    after: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> ProtocolCard:
    """Write down how a run is made.

    ``pictures``: sha256 of the files, to tell whether a whitening or a vocabulary was learned on them. Raises
    `WeightsMissing` or `BadWeights` when a whitening or a vocabulary that the recipe names cannot be read.
    """
    of_recipe = _facts(recipe)
    legacy = (LEGACY,) if crop == "legacy-crow" else ()
    return ProtocolCard(
        benchmark=benchmark.name,
        measure=benchmark.measure,
        gallery=len(benchmark.gallery),
        distractors=benchmark.distractors,
        queries=len(benchmark.queries),
        left_out=sum(missing.left_out for missing in benchmark.missing),
        missing=len({name for missing in benchmark.missing for name in missing.files}),
        surplus=len(benchmark.surplus),
        query_in_gallery=benchmark.query_in_gallery,
        ranked=ranked,
        rule=rule,
        crop=crop,
        margin=recipe.receptive_field / 2 if crop == "widened" else 0,
        recipe=recipe.name,
        recipe_hash=recipe.hash if of_recipe.words else manifest.recipe_hash,
        network=manifest.network,
        weights_hash=manifest.weights_hash,
        parts=of_recipe.parts,
        resize=_resize(of_recipe.resize),
        scales=of_recipe.scales,
        transforms=of_recipe.transforms,
        whitening=of_recipe.whitening,
        distance=of_recipe.distance,
        dimensions=manifest.dimensions,
        engine=manifest.engine,
        precision=manifest.precision,
        version=manifest.version,
        notes=benchmark.notes,
        warnings=(*legacy, *_leaks(of_recipe, pictures), *warnings),
        after=after,
        words=of_recipe.words,
    )


@dataclass(frozen=True)
class _Facts:
    """Facts of a recipe, in the words of the card.

    Attributes
    ----------
    learned
        What it has that was learned, a ``whitening`` or a ``vocabulary``.
    origins
        On what.
    """

    parts: tuple[str, ...]
    resize: Resize
    scales: tuple[float, ...]
    transforms: tuple[str, ...]
    learned: str
    origins: tuple[Sample, ...]
    whitening: str = ""
    distance: str = ""
    words: Mapping[str, str] = field(default_factory=dict)


@singledispatch
def _facts(recipe: LayerRecipe) -> _Facts:
    raise NotImplementedError(f"no card for recipes of kind {recipe.kind}")


@_facts.register
def _(recipe: VectorRecipe) -> _Facts:
    learned = [step.whitening for step in recipe.transforms] + [part.whitening for part in recipe.parts]
    origins = tuple(whitening.origin for whitening in learned if whitening)
    return _Facts(
        parts=tuple(_part(part) for part in recipe.parts),
        resize=recipe.resize,
        scales=recipe.scales,
        transforms=tuple(_with_options(step.kind, step.options) for step in recipe.transforms),
        learned="whitening",
        origins=origins,
        whitening="; ".join(map(_in_words, origins)) or "none",
        distance=recipe.distance,
    )


@_facts.register
def _(recipe: WordsRecipe) -> _Facts:
    features, vocabulary = recipe.features, Vocabulary.of(recipe)
    layers, scoring, fusion = vocabulary.layers, recipe.scoring, recipe.fusion
    asked = fusion.chosen(tuple(layers))
    sizes = ", ".join(f"{len(layers[tap].codebook)} in {tap}" for tap in layers)
    compared = (
        f"Hamming codes of {layers[asked[0]].embedding.bits} bits" if scoring.hamming else "words alone"
    )
    unused = ("hamming",) if scoring.hamming else ("hamming", "threshold", "sigma")
    options = {key: value for key, value in asdict(scoring).items() if key not in unused}
    weights = (f"{tap} times {layers[tap].scale:.4g}" if fusion.fusion == "scaled" else tap for tap in asked)
    digest = str(recipe.vocabulary["sha256"])
    return _Facts(
        parts=features.parts,
        resize=features.resize,
        scales=features.scales,
        transforms=features.transforms,
        learned="vocabulary",
        origins=(vocabulary.origin,),
        words={
            **features.told,
            **_query_size(recipe),
            "words": sizes,
            "vocabulary": f"{_in_words(vocabulary.origin)} ({digest[:12]})",
            "assignment": f"queries in {recipe.asked} words, gallery in {recipe.stored}",
            "scoring": _with_options(compared, options),
            "fusion": f"{fusion.fusion} of {', '.join(weights)}",
        },
    )


def _query_size(recipe: WordsRecipe) -> dict[str, str]:
    if recipe.query is None:
        return {}
    scales = ", ".join(f"{scale:g}" for scale in recipe.query.scales)
    return {"queries as": f"{_resize(recipe.asked_features.resize)} at {recipe.query.size}; scales {scales}"}


def _part(part: Part) -> str:
    weight = "" if part.weight == 1 else f", weight {part.weight:g}"
    return f"{part.tap}, {_with_options(part.pool, part.options)}{weight}"


def _with_options(name: str, options: Mapping[str, Option]) -> str:
    """``gem(p=3.0)``; where a file lies does not matter, and a digest is known by its first digits."""
    given = [f"{key}={str(value)[:12]}" for key, value in options.items() if key != "file" and value != ""]
    return f"{name}({', '.join(given)})" if given else name


def _resize(resize: Resize) -> str:
    size = f" {resize.size}" if resize.size else ""
    exact = ", JPEGs decoded whole" if resize.exact else ""
    return (
        f"{resize.policy}{size}, {'smaller pictures enlarged' if resize.enlarge else 'never enlarged'}{exact}"
    )


def _in_words(origin: Sample) -> str:
    return f"learned on {origin.samples} vectors of {origin.about or 'pictures that its file does not name'}"


def _leaks(facts: _Facts, pictures: Collection[str]) -> Iterator[str]:
    """One line for each whitening or vocabulary that has seen the pictures it is tested on."""
    for origin in facts.origins:
        if seen := origin.seen(pictures):
            yield f"the {facts.learned} was learned on {seen} pictures of this very test set"
