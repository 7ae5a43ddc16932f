"""What shorter vectors save and what they lose: ``run``, then ``table`` or ``quantisers``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from statistics import median
from typing import Any, TypeVar

import faiss
import numpy as np
import typer
from benchmarks.sets import (
    DISTRACTORS,
    RESULTS,
    TRAINING,
    Groups,
    Vectors,
    describe_all,
    load,
    load_sets,
    markdown,
    save,
)

from likewise.arrays.artifacts import Sample
from likewise.collection.store.codes import Code
from likewise.descriptors.estimators import PCAWhitening
from likewise.descriptors.extractor import Extractor
from likewise.descriptors.transforms import Whitening, l2
from likewise.descriptors.transforms.quantiser import Quantiser
from likewise.evaluation import metrics
from likewise.learning.quantisers import learn_pieces
from likewise.ranking.exact import search
from likewise.types import FloatArray

FILE = RESULTS / "compression" / "vectors.safetensors"
GALLERY, ASKED, REPEATS = 100_000, 100, 7
CODES = ("fp32", "fp16", "int8")
BYTES = (128, 64, 32, 16)
DIMENSIONS = (256, 128, 64)

_LEARNED_ON, _HELD_OUT = (TRAINING, DISTRACTORS), ("tmbud", "cdcovers")

T = TypeVar("T")

app = typer.Typer(help=__doc__, add_completion=False)


@dataclass(frozen=True)
class Variant:
    """One way to make vectors shorter: a projection or none, then a code."""

    title: str
    code: Code
    projection: Whitening | None = None

    def project(self, vectors: FloatArray) -> FloatArray:
        """Queries, as they meet the gallery."""
        return l2(self.projection(vectors)) if self.projection else vectors

    def stored(self, vectors: FloatArray) -> FloatArray:
        """Vectors of a gallery, as a collection reads them back."""
        return l2(self.code.decode(self.code.encode(self.project(vectors))))


@app.command()
def run() -> None:
    """Describe the sets and the pictures to learn on with the default recipe."""
    sets = [one for one in load_sets() if isinstance(one, Groups) or one.name in (TRAINING, DISTRACTORS)]
    save(FILE, describe_all(Extractor("default", streams=2), sets))


@app.command()
def table() -> None:
    """Learn, score and time every variant, and print the table."""
    vectors = load(FILE)
    sets = [one for one in load_sets() if isinstance(one, Groups)]
    variants = _variants(np.concatenate([vectors[TRAINING], vectors[DISTRACTORS]]))
    best = {one.name: _score(one, vectors, variants[0]) for one in sets}
    rows = []
    for variant in variants:
        print(variant.title, file=sys.stderr)
        cells = [
            f"{(got := _score(one, vectors, variant)):.3f} ({got - best[one.name]:+.3f})" for one in sets
        ]
        rows.append([variant.title, str(variant.code.width), *_times(variant, variants[0]), *cells])
    head = ["vectors", "bytes a picture", "reading 100 000, s", "search, of fp32", *best]
    print(markdown(head, rows))


@app.command()
def quantisers() -> None:
    """Set ours beside faiss.ProductQuantizer: seconds of the processor on one thread, and squared errors."""
    faiss.omp_set_num_threads(1)
    vectors = load(FILE)
    sample, held = (np.concatenate([vectors[name] for name in names]) for names in (_LEARNED_ON, _HELD_OUT))
    many = _random(20_000, sample.shape[1])
    rows = []
    for count in BYTES:
        pieces, learning = _worked(partial(learn_pieces, sample, count))
        ours = Quantiser(pieces, Sample("", len(sample)))
        other: Any = faiss.ProductQuantizer(sample.shape[1], count, 8)  # its stubs tell of C++
        other.cp.min_points_per_centroid = 1
        _, training = _worked(partial(other.train, sample))
        errors = (
            _error(held, ours.decode(ours.encode(held))),
            _error(held, other.decode(other.compute_codes(held))),
        )
        faiss.copy_array_to_vector(pieces.ravel(), other.centroids)  # now both have our pieces
        other.sync_transposed_centroids()
        codes, encoding = _worked(partial(ours.encode, many))
        others, computing = _worked(partial(other.compute_codes, many))
        seconds = [f"{one:.2f}" for one in (learning, training, encoding, computing)]
        differing = f"{int((codes != others).sum())} of {codes.size:,}"
        rows.append([str(count), *seconds, *(f"{one:.4f}" for one in errors), differing])
    pairs = ("learn, ours", "faiss", "encode, ours", "faiss", "error, ours", "faiss")
    print(markdown(["bytes", *pairs, "codes that differ"], rows))


def _worked(action: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    return action(), time.process_time() - start


def _error(vectors: FloatArray, decoded: FloatArray) -> float:
    return float(np.square(decoded - vectors).sum(axis=1).mean())


def _variants(sample: FloatArray) -> list[Variant]:
    whole = sample.shape[1]
    found = [Variant(code, Code(code, whole)) for code in CODES]
    found += [Variant(f"PQ {count}", _pq(sample, count)) for count in BYTES]
    for exponent, dimensions in product((0.0, 0.5), DIMENSIONS):
        fitted = PCAWhitening(dimensions, exponent=exponent).fit(sample).learned()
        name = f"{'PCA-whitened' if exponent else 'PCA'} {dimensions}"
        found.append(Variant(f"{name}, fp16", Code("fp16", dimensions), fitted))
        if dimensions == max(DIMENSIONS):
            found.append(Variant(f"{name}, PQ 64", _pq(l2(fitted(sample)), 64), fitted))
    return found


def _pq(sample: FloatArray, count: int) -> Code:
    return Code("pq", sample.shape[1], Quantiser(learn_pieces(sample, count), Sample("", len(sample))))


def _score(one: Groups, vectors: Vectors, variant: Variant) -> float:
    """Mean AP, the query left out: queries keep their precision, as pictures asked for do."""
    asked, stored = variant.project(vectors[one.name]), variant.stored(vectors[one.name])
    labels = np.array([label or "" for label in one.labels])
    ranked = search(stored, asked, len(stored)).ids
    found = [
        metrics.average_precision(
            ranked[n], np.flatnonzero((labels == label) & (np.arange(len(labels)) != n)), [n]
        )
        for n, label in enumerate(labels)
        if label
    ]
    return metrics.mean_average_precision(found)


def _times(variant: Variant, plain: Variant) -> list[str]:
    """Seconds to decode a gallery, and the time of exact search as a share of fp32's in paired repeats."""
    reading = _reading(variant.code)
    own, other = (_random(GALLERY, one.code.dimensions) for one in (variant, plain))
    pairs = [(_searching(own), _searching(other)) for _ in range(REPEATS)]
    return [f"{reading:.2f}", f"{median(mine / theirs for mine, theirs in pairs):.2f}"]


def _reading(code: Code) -> float:
    codes = code.encode(_random(GALLERY, code.dimensions))
    return min(_seconds(lambda: code.decode(codes)) for _ in range(3))


def _searching(gallery: FloatArray) -> float:
    return _seconds(lambda: search(gallery, gallery[:ASKED], 20))


def _random(count: int, dimensions: int) -> FloatArray:
    return l2(np.random.default_rng(0).standard_normal((count, dimensions), np.float32))


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    app()
