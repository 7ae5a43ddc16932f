"""A vocabulary: for each layer of a recipe a codebook, a Hamming embedding, and how much the layer counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.arrays.artifacts import Sample, read, write
from likewise.errors import BadPicture, BadRecipe, BadWeights
from likewise.local import LocalFeatures
from likewise.types import FloatArray, Progress, ProgressCallback
from likewise.words.codebook import Codebook, Seeding, learn_codebook
from likewise.words.hamming import Embedding, Projection
from likewise.words.recipe import WordsRecipe
from likewise.words.sketch import Sketch


@dataclass(frozen=True)
class VocabularyLayer:
    """The vocabulary of one tap.

    ``scale``: what the layer's scores are multiplied by when layers are fused.
    """

    codebook: Codebook
    embedding: Embedding
    scale: float = 1.0


@dataclass(frozen=True)
class Learning:
    """How a vocabulary is learned.

    Attributes
    ----------
    words
        Words of each layer.
    projection, bits, minimum
        As for `likewise.words.hamming.Embedding.learn`.
    seeding, iterations, seed
        As for `likewise.words.codebook.learn_codebook`.
    """

    words: int = 20_000
    seeding: Seeding = "sampled"
    projection: Projection = "random"
    bits: int = 128
    minimum: int = 10
    iterations: int = 10
    seed: int = 0

    def layer(
        self, vectors: FloatArray, note: str, progress: ProgressCallback
    ) -> tuple[VocabularyLayer, float]:
        """A layer of the features of some pictures, and how many nearest words are found of it, as a share.

        Parameters
        ----------
        vectors
            float32 ``(n, d)``.
        note
            What to say of each iteration of k-means that is done.
        """

        def report(done: int) -> None:
            progress(Progress(done, self.iterations, note=note))

        codebook = learn_codebook(
            vectors,
            self.words,
            seeding=self.seeding,
            iterations=self.iterations,
            seed=self.seed,
            report=report,
        )
        words = codebook.assign(vectors)[:, 0].astype(np.int64)
        embedding = Embedding.learn(
            vectors,
            words,
            self.words,
            bits=self.bits,
            projection=self.projection,
            minimum=self.minimum,
            seed=self.seed,
        )
        sample = vectors[:: max(1, len(vectors) // 2000)]
        return VocabularyLayer(codebook, embedding), codebook.recall(sample)


@dataclass(frozen=True)
class Vocabulary:
    """Codebooks, embeddings and scales by tap, in the order of the recipe, and what they were learned on."""

    layers: Mapping[str, VocabularyLayer]
    origin: Sample

    @property
    def sizes(self) -> dict[str, int]:
        """Words of each layer."""
        return {tap: len(layer.codebook) for tap, layer in self.layers.items()}

    @property
    def scales(self) -> dict[str, float]:
        """Factors of each layer's scores."""
        return {tap: layer.scale for tap, layer in self.layers.items()}

    def save(self, path: Path, *, packed: bool = False) -> None:
        """Write it as a safetensors file; equal vocabularies give equal bytes.

        Raises `StorageError` when the file cannot be written.

        Parameters
        ----------
        packed
            In an eighth of the room: centres in steps of 1/127 of their largest number, the projection in
            half precision, and no medians, in whose place a reader takes the projected centres: the mean of
            a word's features, where they were learned.
        """
        tensors = {}
        for number, (tap, layer) in enumerate(self.layers.items()):
            key = f"{number}.{tap}"
            tensors[f"{key}.probes"] = np.array([layer.codebook.probes], np.int64)
            tensors[f"{key}.scale"] = np.array([layer.scale])
            tensors |= {f"{key}.{name}": array for name, array in (_packed if packed else _whole)(layer)}
        write(path, tensors, self.origin)

    @classmethod
    def load(cls, path: Path, *, sha256: str | None = None) -> Vocabulary:
        """Read what `save` wrote.

        Raises `WeightsMissing` when there is no such file; `BadWeights` when the file has another digest or
        holds no vocabulary.
        """
        tensors, origin = read(path, "vocabulary", sha256=sha256)
        try:
            sample = Sample(**origin)
            keys = {name.rpartition(".")[0] for name in tensors}
            ordered = sorted(keys, key=lambda key: int(key.split(".")[0]))
            layers = {key.partition(".")[2]: _layer(tensors, key) for key in ordered}
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise BadWeights(f"{path} holds no vocabulary: {error}") from error
        if not layers:
            raise BadWeights(f"{path} holds no vocabulary: it has no layer")
        return cls(layers, sample)

    @classmethod
    def of(cls, recipe: WordsRecipe) -> Vocabulary:
        """The vocabulary that a recipe names.

        Raises `BadRecipe` when it names none, or one that was learned for other patches; `WeightsMissing` or
        `BadWeights` when the file cannot be read.
        """
        if not recipe.vocabulary:
            raise BadRecipe(
                f"recipe {recipe.name!r} has no vocabulary: learn one with "
                f"`likewise words learn FOLDER --recipe {recipe.name} -o FILE` and name it with --words FILE"
            )
        file, sha256 = (str(recipe.vocabulary[key]) for key in ("file", "sha256"))
        vocabulary = _opened(file, sha256)
        vocabulary.expect(recipe, f"vocabulary {file}")
        return vocabulary

    def expect(self, recipe: WordsRecipe, what: str) -> None:
        """Refuse a recipe whose features are not those that this was learned on; their sizes may differ.

        Raises `BadRecipe` when network, weights, taps, pooling, mode, or the size of a patch differ, or what
        keypoints are.
        """
        if tuple(self.layers) != recipe.features.taps:
            raise BadRecipe(
                f"{what} has the layers {', '.join(self.layers)}, and recipe {recipe.name!r} reads "
                f"{', '.join(recipe.features.taps)}: learn one for this recipe"
            )
        learned = WordsRecipe.parse(self.origin.recipe, origin=what).features
        for key in ("network", "weights", "pool", "mode", "size", "detector", "upright", "encoder"):
            before, now = getattr(learned, key, "absent"), getattr(recipe.features, key, "absent")
            if before != now:
                raise BadRecipe(
                    f"{what} was learned with {key} {before!r}, and recipe {recipe.name!r} has {now!r}: "
                    "learn one for this recipe"
                )

    def sketch(self, features: LocalFeatures, nearest: int, layers: Sequence[str] | None = None) -> Sketch:
        """Put each feature in its ``nearest`` words, and code it in each; in all layers or in some.

        Raises `UsageError` when a codebook has fewer words; `BadPicture` when a feature is not finite.
        """
        words, codes = {}, {}
        for tap in layers or self.layers:
            layer, vectors = self.layers[tap], features.vectors[tap]
            if not np.isfinite(vectors).all():
                raise BadPicture(f"it has features in {tap} that are not finite")
            words[tap] = layer.codebook.assign(vectors, nearest)
            codes[tap] = layer.embedding.encode(vectors, words[tap])
        return Sketch(features.boxes, words, codes, features.points)


@cache
def _opened(file: str, sha256: str) -> Vocabulary:
    """The vocabulary in a file, read once; raises as `Vocabulary.load` does."""
    return Vocabulary.load(Path(file), sha256=sha256)


def _whole(layer: VocabularyLayer) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "centres", layer.codebook.centres
    yield "projection", layer.embedding.projection
    yield "medians", layer.embedding.medians


def _packed(layer: VocabularyLayer) -> Iterator[tuple[str, NDArray[Any]]]:
    step = np.abs(layer.codebook.centres).max(initial=np.finfo(np.float32).tiny) / np.float32(127)
    yield "centres", np.rint(layer.codebook.centres / step).astype(np.int8)
    yield "step", np.array([step], np.float32)
    yield "projection", layer.embedding.projection.astype(np.float16)


def _layer(tensors: Mapping[str, FloatArray], key: str) -> VocabularyLayer:
    centres, projection = (tensors[f"{key}.{name}"].astype(np.float32) for name in ("centres", "projection"))
    if f"{key}.medians" in tensors:
        medians = tensors[f"{key}.medians"].astype(np.float32)
    else:
        centres *= tensors[f"{key}.step"][0]
        medians = centres @ projection.T
    if centres.ndim != 2 or projection.ndim != 2 or medians.shape != (len(centres), len(projection)):
        raise ValueError(f"{key} has centres {centres.shape}, medians {medians.shape}")
    if projection.shape[1] != centres.shape[1] or len(projection) not in (64, 128):
        raise ValueError(f"{key} has centres {centres.shape} and a projection {projection.shape}")
    probes, scale = int(tensors[f"{key}.probes"][0]), float(tensors[f"{key}.scale"][0])
    if not all(np.isfinite(array).all() for array in (centres, projection, medians)) or probes < 0:
        raise ValueError(f"{key} has numbers that are not finite, or {probes} probes")
    if not (np.isfinite(scale) and scale >= 0):
        raise ValueError(f"{key} has scale {scale}")
    return VocabularyLayer(Codebook(centres, probes), Embedding(projection, medians), scale)
