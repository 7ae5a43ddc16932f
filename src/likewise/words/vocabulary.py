"""A vocabulary: for each layer of a recipe a codebook, a Hamming embedding, and how much the layer counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.artifacts import Sample, read, write
from likewise.errors import BadRecipe, BadWeights
from likewise.types import FloatArray
from likewise.words.codebook import Codebook
from likewise.words.hamming import Embedding
from likewise.words.recipe import WordsRecipe, parse_words_recipe


@dataclass(frozen=True)
class VocabularyLayer:
    """What was learned for one tap.

    Attributes
    ----------
    scale
        What the layer's scores are multiplied by when layers are fused.
    """

    codebook: Codebook
    embedding: Embedding
    scale: float = 1.0


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
        """What each layer's scores are multiplied by."""
        return {tap: layer.scale for tap, layer in self.layers.items()}

    def save(self, path: Path, *, packed: bool = False) -> None:
        """Write it as a safetensors file; equal vocabularies give equal bytes.

        Parameters
        ----------
        packed
            In an eighth of the room: centres in steps of 1/127 of their largest number, the projection in
            half precision, and no medians, in whose place a reader takes the projected centres: the mean of
            a word's features, where they were learned.

        Raises
        ------
        StorageError
            When the file cannot be written.
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

        Raises
        ------
        WeightsMissing
            When there is no such file.
        BadWeights
            When the file has another digest or holds no vocabulary.
        """
        tensors, origin = read(path, "vocabulary", sha256=sha256)
        try:
            sample = Sample(**origin)
            keys = {name.rpartition(".")[0] for name in tensors}
            ordered = sorted(keys, key=lambda key: int(key.split(".")[0]))
            layers = {key.partition(".")[2]: _layer(tensors, key, sample) for key in ordered}
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise BadWeights(f"{path} holds no vocabulary: {error}") from error
        if not layers:
            raise BadWeights(f"{path} holds no vocabulary: it has no layer")
        return cls(layers, sample)

    def expect(self, recipe: WordsRecipe, what: str) -> None:
        """Refuse a recipe whose features are not those that this was learned on; their sizes may differ.

        Raises
        ------
        BadRecipe
            When network, weights, taps, pooling, mode, or the size of a patch differ, or what keypoints are.
        """
        if tuple(self.layers) != recipe.features.taps:
            raise BadRecipe(
                f"{what} has the layers {', '.join(self.layers)}, and recipe {recipe.name!r} reads "
                f"{', '.join(recipe.features.taps)}: learn one for this recipe"
            )
        learned = parse_words_recipe(self.origin.recipe, origin=what).features
        for key in ("network", "weights", "pool", "mode", "size", "detector", "upright", "encoder"):
            before, now = getattr(learned, key, "absent"), getattr(recipe.features, key, "absent")
            if before != now:
                raise BadRecipe(
                    f"{what} was learned with {key} {before!r}, and recipe {recipe.name!r} has {now!r}: "
                    "learn one for this recipe"
                )


@cache
def vocabulary_of(file: str, sha256: str) -> Vocabulary:
    """The vocabulary in a file, read once; raises as `Vocabulary.load` does."""
    return Vocabulary.load(Path(file), sha256=sha256)


def recipe_vocabulary(recipe: WordsRecipe) -> Vocabulary:
    """The vocabulary that a recipe names.

    Raises
    ------
    BadRecipe
        When it names none, or one that was learned for other patches.
    WeightsMissing, BadWeights
        When the file cannot be read.
    """
    if not recipe.vocabulary:
        raise BadRecipe(
            f"recipe {recipe.name!r} has no vocabulary: learn one with "
            f"`likewise words learn FOLDER --recipe {recipe.name} -o FILE` and name it with --words FILE"
        )
    file, sha256 = (str(recipe.vocabulary[key]) for key in ("file", "sha256"))
    found = vocabulary_of(file, sha256)
    found.expect(recipe, f"vocabulary {file}")
    return found


def _whole(layer: VocabularyLayer) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "centres", layer.codebook.centres
    yield "projection", layer.embedding.projection
    yield "medians", layer.embedding.medians


def _packed(layer: VocabularyLayer) -> Iterator[tuple[str, NDArray[Any]]]:
    step = np.abs(layer.codebook.centres).max(initial=np.finfo(np.float32).tiny) / np.float32(127)
    yield "centres", np.rint(layer.codebook.centres / step).astype(np.int8)
    yield "step", np.array([step], np.float32)
    yield "projection", layer.embedding.projection.astype(np.float16)


def _layer(tensors: Mapping[str, FloatArray], key: str, origin: Sample) -> VocabularyLayer:
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
    if not all(np.isfinite(one).all() for one in (centres, projection, medians)) or probes < 0:
        raise ValueError(f"{key} has numbers that are not finite, or {probes} probes")
    if not (np.isfinite(scale) and scale >= 0):
        raise ValueError(f"{key} has scale {scale}")
    return VocabularyLayer(Codebook(centres, probes), Embedding(projection, medians, origin), scale)
