"""Capuano, Extracting features from convolutional neural networks for image retrieval, 2018.

VGG16's fc2 against pool5 on pictures of 224 x 224, L2 or cosine, with and without normalisation. The article
gives no numbers. It names the two layers and the two similarities, and says that dividing by the L2 norm may
help; so the table has every combination on a benchmark of one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from likewise.descriptors import VectorRecipe
from likewise.errors import WeightsMissing
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.evaluate import MakeEncoder, gather
from likewise.evaluation.reproduce.report_table import ReportTable, TableCell, measured, usable
from likewise.registry import lookup
from likewise.types import ProgressCallback

LAYERS = {"fc2": "neural-codes", "pool5": "pool5"}
"""Name of the recipe by layer."""

COMPARED = (("yes", "Euclidean"), ("yes", "cosine"), ("no", "Euclidean"))
"""Whether vectors are normalised, and the distance; the cosine does not care for the former."""

_COLUMNS = ("layer", "L2 normalised", "distance")


def capuano_2018(
    benchmark: Benchmark,
    make: MakeEncoder,
    *,
    layers: Sequence[str] = tuple(LAYERS),
    weights: str = "",
    out: Path,
    progress: ProgressCallback | None = None,
) -> ReportTable:
    """Measure both layers by each way of comparing them; whole pictures are looked for.

    Raises `UsageError` when no query picture can be read; `StorageError` when the folder cannot be written.

    Parameters
    ----------
    make
        Makes an encoder.
    layers
        Which of `LAYERS`.
    weights
        Name of a set of VGG16's weights; empty for the first.
    out
        Vectors are kept in ``<out>/vectors/``: an interrupted reproduction goes on.
    """
    cells: list[TableCell] = []
    notes: tuple[str, ...] = ()
    for layer in layers:
        name = lookup("layer", layer, LAYERS)
        wanted = [TableCell((layer, *compared)) for compared in COMPARED]
        try:
            encoder = make(replace(VectorRecipe.load(f"{name}-raw"), weights=weights))
        except WeightsMissing as error:
            cells += [replace(cell, reason=f"not measured: {error}") for cell in wanted]
            continue
        material = gather(benchmark, encoder, crop="full", out=out, progress=progress)
        notes = (usable(benchmark, material),)
        for cell in wanted:
            recipe = replace(_recipe(name, *cell.setting[1:]), weights=weights)
            cells.append(measured(cell, material, recipe, encoder, rule="trapezoid", out=out))
    return ReportTable(
        f"Capuano 2018: {benchmark.measure} on {benchmark.name}", _COLUMNS, tuple(cells), notes
    )


def _recipe(name: str, normalised: str, distance: str) -> VectorRecipe:
    """A layer's recipe, compared like that."""
    if normalised == "no":
        return VectorRecipe.load(f"{name}-raw")
    recipe = VectorRecipe.load(name)
    return recipe if distance == "cosine" else replace(recipe, name=f"{name}-l2", distance="l2")
