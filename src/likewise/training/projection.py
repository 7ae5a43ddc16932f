"""A linear layer on the vectors of a recipe, trained so that pictures of one group come together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from likewise.arrays.artifacts import fingerprint
from likewise.descriptors import Step, VectorRecipe
from likewise.descriptors.transforms import Origin, Whitening
from likewise.errors import UsageError
from likewise.learning import Gathered
from likewise.training.own import Split
from likewise.training.retrieval import LearnedWeights, RetrievalSettings, learn
from likewise.types import FloatArray, ProgressCallback


def fit_projection(
    gathered: Gathered,
    split: Split,
    recipe: VectorRecipe,
    settings: RetrievalSettings,
    folder: Path,
    *,
    dim: int | None = None,
    progress: ProgressCallback | None = None,
) -> tuple[VectorRecipe, LearnedWeights]:
    """Train a linear layer on the vectors of a recipe, whose network stays as it is.

    It begins as the projection on the first ``dim`` principal axes of the vectors about 0, a mere rotation,
    and is written as a transform of the recipe, as whitenings are. Raises `UsageError` when ``dim`` is longer
    than the vectors, or the folder holds another training; `MissingExtra` when pytorch-metric-learning is not
    installed; `StorageError` when the folder cannot be written.

    Parameters
    ----------
    gathered
        Vectors ``(n, d)`` with their groups.
    split
        Places in them.
    dim
        Length of the new vectors; as long as the old ones for None.
    """
    vectors = torch.from_numpy(gathered.vectors)
    length = vectors.shape[1]
    if dim is not None and not 1 <= dim <= length:
        raise UsageError(f"cannot project vectors of {length} numbers to {dim}: give 1 to {length}")
    layer = nn.Linear(length, dim or length, bias=False)
    layer.weight.data = torch.from_numpy(_axes(gathered.vectors[list(split.train)], dim or length))
    learned = learn(
        layer,
        lambda places, _: vectors[list(places)],
        gathered.groups or (),
        split,
        settings,
        folder,
        {"what": f"projection to {dim or length}", "vectors": fingerprint(gathered.vectors)},
        progress=progress,
    )
    origin = Origin(
        fingerprint(gathered.vectors[list(split.train)]),
        len(split.train),
        gathered.about,
        gathered.pictures,
        recipe.to_toml(),
        exponent=0.0,
        shrinkage=0.0,
        method="probe",
    )
    file = folder / "projection.safetensors"
    Whitening(np.zeros(length, np.float32), np.ascontiguousarray(learned.tensors["weight"].T), origin).save(
        file
    )
    named = {**Step.whiten(file).options, "file": file.name}
    steps = (*recipe.transforms, Step("whiten", named), Step("l2"))
    return replace(recipe, name=f"{recipe.name}-projected", transforms=steps), learned


def _axes(vectors: FloatArray, count: int) -> FloatArray:
    """The first principal axes about 0, float32 ``(count, d)``, orthonormal."""
    rows = vectors.astype(np.float64)
    values, axes = np.linalg.eigh(rows.T @ rows)
    return np.ascontiguousarray(axes[:, np.argsort(-values)[:count]].T, np.float32)
