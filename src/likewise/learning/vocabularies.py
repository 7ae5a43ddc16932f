"""Vocabularies of visual words, learned from a folder of pictures that are not searched."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations_with_replacement
from pathlib import Path

import numpy as np
from PIL import Image

from likewise.arrays.artifacts import Sample, fingerprint, known_by
from likewise.demoset import altered, render_scenes
from likewise.descriptors.describing import describe_batches
from likewise.errors import BadPicture, UsageError
from likewise.files import cache_dir, sha256_file, temporary
from likewise.learning.samples import Chosen, choose
from likewise.local import LocalExtractor, LocalFeatures
from likewise.types import FloatArray, Progress, ProgressCallback, Scores
from likewise.words import Learning, Vocabulary, WordsRecipe
from likewise.words.index import InvertedIndex, Segment

PER_WORD = 50
"""Features that a word is learned from, if there are as many."""

DEFAULT_WORDS = 1000
DEFAULT_PICTURES = 240
"""Of the vocabulary that is learned from rendered pictures where no other is named."""

_VERSION = 2  # raise when the same recipe would learn another default vocabulary
_PAIRS = 60  # pictures that are looked for in another view, to learn how much each layer counts
_CLEARLY = 0.03  # of mean reciprocal rank
_STEPS = 10  # parts into which the weights of the layers are cut when they are tried, fewer for many layers
_TRIALS = 20_000


@dataclass(frozen=True)
class LearnedVocabulary:
    """A vocabulary, and how it went.

    Attributes
    ----------
    features
        How many features it was learned from, in each layer.
    recalls
        For each layer, how many of the exactly nearest words approximate assignment finds, as a share.
    failures
        Pictures that could not be read, and why.
    """

    vocabulary: Vocabulary
    features: int
    recalls: dict[str, float]
    failures: dict[Path, BadPicture]


def learn_vocabulary(
    extractor: LocalExtractor,
    chosen: Chosen,
    recipe: WordsRecipe,
    how: Learning,
    *,
    progress: ProgressCallback | None = None,
) -> LearnedVocabulary:
    """Learn codebooks, embeddings and the weights of layers from pictures.

    Each layer's features are sampled evenly over the pictures, `PER_WORD` for each word. The weights are
    those with which pictures of the sample are best found again from altered views of themselves.
    ``extractor``: finds local features as the recipe says. Raises `UsageError` when no picture can be read,
    or they have too few features for so many words.
    """
    report = progress or (lambda _: None)
    most = max(1, -(-how.words * PER_WORD // len(chosen.files)))
    random = np.random.default_rng(how.seed)
    kept: dict[str, list[FloatArray]] = {tap: [] for tap in extractor.taps}
    digests, failures = set[str](), dict[Path, BadPicture]()
    batches = describe_batches(
        chosen.files, extractor.prepare, lambda batch: [extractor.describe(image) for image in batch]
    )
    for number, (file, features) in enumerate(chain.from_iterable(batches), 1):
        if isinstance(features, BadPicture):
            failures[file] = features
        else:
            rows = np.sort(random.permutation(len(features))[:most])
            for tap, vectors in features.vectors.items():
                kept[tap].append(vectors[rows].astype(np.float16))  # a code is a sign: halves are enough
            digests.add(known_by(sha256_file(file)))
        report(Progress(number, len(chosen.files), len(failures), note="describing local features"))
    if not digests:
        first = next(iter(failures.values()))
        raise UsageError(f"none of {len(failures)} pictures can be read, the first: {first}")
    origin = Sample(
        fingerprint(np.concatenate(next(iter(kept.values())))),
        sum(map(len, next(iter(kept.values())))),
        chosen.about,
        tuple(sorted(digests)),
        replace(recipe, vocabulary={}).to_toml(),
    )
    layers, recalls = {}, {}
    for tap in extractor.taps:
        vectors = np.concatenate(kept.pop(tap)).astype(np.float32)
        layers[tap], recalls[tap] = how.layer(vectors, f"learning the words of {tap}", report)
    vocabulary = Vocabulary(layers, origin)
    files = [file for file in chosen.files if file not in failures]
    scales = _scales(extractor, files, recipe, vocabulary, report)
    layers = {tap: replace(layer, scale=scales[tap]) for tap, layer in layers.items()}
    return LearnedVocabulary(Vocabulary(layers, origin), origin.samples, recalls, failures)


def _scales(
    extractor: LocalExtractor,
    files: Sequence[Path],
    recipe: WordsRecipe,
    vocabulary: Vocabulary,
    report: Callable[[Progress], None],
) -> dict[str, float]:
    """Factors of the layers' scores.

    First all layers are brought to one size: that of what scores among the best wrong answers. Then weights
    are tried that sum to 1; where altered views do not find their pictures clearly better with others, all
    layers count alike.
    """
    count = min(2 * _PAIRS, len(files))
    spread = [files[number * len(files) // count] for number in range(count)]
    wanted, others = spread[::2], spread[1::2] or spread
    report(Progress(0, len(wanted), note="weighing the layers"))
    held = [extractor.describe(extractor.prepare(file)) for file in wanted]
    asked = extractor.sized(recipe.asked_features)
    views = [asked.describe(asked.prepare(view)) for view in _views(extractor, wanted, others)]
    tables = [_table(tap, held, views, recipe, vocabulary) for tap in vocabulary.layers]
    wrong = [_wrong(table).max(axis=1) for table in tables]
    # few features leave most views without a single wrong match, and the median at 0
    sizes = [float(np.median(best)) or float(best.mean()) or 1.0 for best in wrong]
    scaled = np.stack([table / size for table, size in zip(tables, sizes, strict=True)])
    weights = np.full(len(tables), 1 / len(tables))
    best = max(_weights(len(tables)), key=lambda shares: _margin(np.tensordot(shares, scaled, 1)))
    if _margin(np.tensordot(best, scaled, 1)) > _margin(np.tensordot(weights, scaled, 1)) + _CLEARLY:
        weights = best
    scales = zip(vocabulary.layers, weights, sizes, strict=True)
    return {tap: float(weight / size) for tap, weight, size in scales}


def _views(extractor: LocalExtractor, files: Sequence[Path], others: Sequence[Path]) -> Iterator[Image.Image]:
    """An altered view of each picture, laid on one of the others."""
    for number, file in enumerate(files):
        picture, behind = (
            Image.fromarray(extractor.prepare(path).pixels[0])
            for path in (file, others[number % len(others)])
        )
        yield altered(np.random.default_rng([_VERSION, number]), picture, behind)


def _table(
    tap: str,
    held: Sequence[LocalFeatures],
    views: Sequence[LocalFeatures],
    recipe: WordsRecipe,
    vocabulary: Vocabulary,
) -> Scores:
    """Scores of every picture for every view in one layer, float64 ``(n, n)``."""
    size = len(vocabulary.layers[tap].codebook)
    stored = enumerate(vocabulary.sketch(one, recipe.stored, (tap,)) for one in held)
    asked = [vocabulary.sketch(one, recipe.asked, (tap,)) for one in views]
    with temporary() as folder:
        index = InvertedIndex(size, [Segment.of(folder / "words", tap, stored, size)])
        scores = [index.scores(*one.copies(tap), recipe.scoring) for one in asked]
    return np.stack(scores)


def _wrong(table: Scores) -> Scores:
    return np.where(np.eye(len(table), dtype=bool), 0, table)


def _weights(count: int) -> list[Scores]:
    """Weights of so many layers that sum to 1, in steps, even ones first."""
    steps = next(steps for steps in range(_STEPS, 0, -1) if math.comb(count + steps - 1, steps) <= _TRIALS)
    shares = combinations_with_replacement(range(count), steps)
    every = [np.bincount(share, minlength=count) / steps for share in shares]
    return sorted(every, key=np.var)


def _margin(table: Scores) -> float:
    """How well views find their pictures: mean reciprocal rank, and a little for being far ahead."""
    right = np.diag(table)
    ranks = 1 + (_wrong(table) >= right[:, None]).sum(axis=1)
    ahead = right / np.maximum(right + _wrong(table).max(axis=1), 1e-12)
    return float((1 / ranks).mean() + 1e-3 * ahead.mean())


def default_vocabulary(recipe: WordsRecipe, *, progress: ProgressCallback | None = None) -> Path:
    """The vocabulary for who names none: learned once from rendered pictures, and kept in the cache.

    It is small, and its pictures show the backgrounds of the demo set: one that is learned from photographs
    like those to be searched is better. Raises `MissingExtra` when it is not there and the packages that
    carry the photographs are not installed; `StorageError` when the cache cannot be written.
    """
    bare = replace(recipe, name="", about="", vocabulary={})  # its scoring counts: weights are learned by it
    key = hashlib.sha256(f"{_VERSION} {bare.to_toml()}".encode()).hexdigest()[:16]
    path = cache_dir() / "vocabularies" / f"{key}.safetensors"
    if path.is_file():
        return path
    folder = cache_dir() / "vocabularies" / f"scenes-{_VERSION}"
    render_scenes(folder, DEFAULT_PICTURES, progress=progress)
    extractor = recipe.features.open()
    about = replace(choose(folder), about="rendered scenes")
    how = Learning(words=DEFAULT_WORDS)
    learned = learn_vocabulary(extractor, about, recipe, how, progress=progress)
    learned.vocabulary.save(path)
    return path
