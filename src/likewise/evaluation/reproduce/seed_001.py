"""Seed 001: sums of VGG16's last map on Oxford5k, whitened, with and without query expansion (its table 2).

The report says: pictures at full size, the last maps before the pooling summed over all positions, L2, PCA
and whitening, L2 again, nearest neighbours by Euclidean distance or by the cosine; AP by the step rule. It
does not say how many dimensions were kept, nor how many answers an expansion averages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from likewise.descriptors.estimators import PCAWhitening
from likewise.descriptors.learned import known_by
from likewise.descriptors.recipe import Step, VectorRecipe, load_vector
from likewise.descriptors.transforms import l2
from likewise.errors import StorageError, UsageError
from likewise.evaluation.benchmark import pictures_below
from likewise.evaluation.crops import CropMode
from likewise.evaluation.datasets.buildings import CORRUPT_PARIS, PARIS6K, oxford5k
from likewise.evaluation.evaluate import Material, gather
from likewise.evaluation.reproduce.table import Cell, MakeDescriber, Table, measured, usable
from likewise.evaluation.vectors import Describer, View, describe
from likewise.ranking.stages import Stage
from likewise.types import FloatArray, ProgressCallback

PUBLISHED: dict[tuple[str, str, str], tuple[float, float]] = {
    ("Oxford", "box", "Euclidean"): (0.46, 0.61),
    ("Oxford", "full", "Euclidean"): (0.61, 0.67),
    ("Oxford", "box", "cosine"): (0.44, 0.61),
    ("Oxford", "full", "cosine"): (0.57, 0.66),
    ("Paris", "box", "Euclidean"): (0.579, 0.63),
    ("Paris", "full", "Euclidean"): (0.65, 0.68),
    ("Paris", "box", "cosine"): (0.58, 0.63),
    ("Paris", "full", "cosine"): (0.65, 0.67),
}
"""Mean average precision without and with query expansion."""

RAW = "Euclidean, last L2 left out"
EXPANSION = Stage("expand", {"n": 10})

_WHY_TWO = (
    "unit vectors are ranked alike by both distances; where the report has two numbers, its Euclidean one "
    f"was probably taken without the last normalisation: see the rows {RAW!r}"
)
_COLUMNS = ("whitened on", "query", "distance", "expanded")
_CROPS: tuple[CropMode, ...] = ("box", "full")
_KEPT = 512
_EACH = 4  # vectors to learn an axis from


@dataclass(frozen=True)
class _Learned:
    """A whitening as a file, or why there is none."""

    file: Path | None
    note: str


def seed_001(
    oxford: Path,
    make: MakeDescriber,
    *,
    gt: Path | None = None,
    paris: Path | None = None,
    whiten_on: Path | None = None,
    dimensions: int | None = None,
    out: Path,
    progress: ProgressCallback | None = None,
) -> Table:
    """Measure all sixteen cells of table 2, and what leaving out the last normalisation changes.

    Every picture goes through the network once; vectors are kept in ``<out>/vectors/``, so that an
    interrupted reproduction goes on. Whitenings and recipes are written to ``<out>/seed-001/``.

    Parameters
    ----------
    oxford, gt
        As for `likewise.evaluation.datasets.buildings.oxford5k`; the set may be there in part.
    make
        Makes a describer.
    paris
        Folder with the pictures of Paris6k, whole or in part.
    whiten_on
        Folder of pictures that stand in for Paris.
    dimensions
        To how many dimensions vectors are whitened; by default all 512, or as many as there are a quarter
        of the pictures.

    Raises
    ------
    UsageError
        When the set or a folder to learn on cannot be read, or there are too few pictures for the
        dimensions.
    StorageError
        When a folder cannot be written.
    """
    benchmark = oxford5k(oxford, gt=gt)
    others = _pictures(whiten_on or paris)
    describer = make(load_vector("spoc-raw"))
    materials = {crop: gather(benchmark, describer, crop=crop, out=out, progress=progress) for crop in _CROPS}
    full = materials["full"]
    folder = out / "seed-001"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}") from error
    learned = {
        "Oxford": _learn(
            folder / "oxford.safetensors",
            full.gallery,
            full.digests[len(full.queries) :],
            "Oxford5k",
            dimensions,
        ),
        "Paris": _elsewhere(
            folder / "paris.safetensors", describer, others, whiten_on, dimensions, out, progress
        ),
    }
    cells = [
        _cell(Cell((*setting, expanded), number), learned[setting[0]], materials, describer, out)
        for setting, expanded, number in _numbers()
    ]
    notes = [usable(benchmark, full), *(f"{name}: {one.note}" for name, one in learned.items())]
    return Table(
        "seed 001, table 2: mAP on Oxford5k, step rule",
        _COLUMNS,
        tuple(cells),
        (*notes, _WHY_TWO, *_gaps(cells)),
    )


def _numbers() -> Iterator[tuple[tuple[str, str, str], str, float | None]]:
    """Settings of all cells with the published numbers, then those of the study."""
    for setting, numbers in PUBLISHED.items():
        for expanded, number in zip(("no", "yes"), numbers, strict=True):
            yield setting, expanded, number
    for name, crop, expanded in product(("Oxford", "Paris"), _CROPS, ("no", "yes")):
        yield (name, crop, RAW), expanded, None


def _cell(
    cell: Cell, learned: _Learned, materials: dict[CropMode, Material], describer: Describer, out: Path
) -> Cell:
    """Measure one cell, if there is a whitening for it."""
    if learned.file is None:
        return replace(cell, reason=learned.note)
    recipe = whitened(learned.file, cell.setting[2])
    try:
        learned.file.with_name(f"{recipe.name}.toml").write_text(recipe.to_toml(), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"recipe {recipe.name} cannot be written: {error.strerror}") from error
    material = materials["box" if cell.setting[1] == "box" else "full"]
    stages = (EXPANSION,) if cell.setting[3] == "yes" else ()
    return measured(cell, material, recipe, describer, rule="step", out=out, stages=stages)


def whitened(file: Path, distance: str) -> VectorRecipe:
    """The report's recipe with a whitening, by one of its distances or `RAW`."""
    endings = {"cosine": "", "Euclidean": "-l2", RAW: "-raw"}
    last = () if distance == RAW else (Step("l2"),)
    return replace(
        load_vector("spoc"),
        name=f"spoc-{file.stem}{endings[distance]}",
        transforms=(Step("l2"), Step.whiten(file), *last),
        distance="cosine" if distance == "cosine" else "l2",
    )


def _pictures(folder: Path | None) -> list[Path]:
    """What to learn on; a folder that is not there is refused before hours of work."""
    return [one for one in pictures_below(folder) if one.stem not in CORRUPT_PARIS] if folder else []


def _elsewhere(
    file: Path,
    describer: Describer,
    pictures: list[Path],
    stand_in: Path | None,
    dimensions: int | None,
    out: Path,
    progress: ProgressCallback | None,
) -> _Learned:
    """Whitening learned on Paris, or on what stands in for it."""
    if not pictures:
        return _Learned(None, "not measured: no --paris, and no --whiten-on to stand in for it")
    about = f"{stand_in.resolve().name}, instead of Paris6k" if stand_in else "Paris6k"
    views = [View(picture) for picture in pictures]
    found = describe(describer, views, out / "vectors", progress=progress, note="learning whitening")
    there = [n for n in range(len(views)) if n not in found.failures]
    if not stand_in and len(there) < PARIS6K.pictures:
        about += f" in part ({len(there)} of {PARIS6K.pictures} pictures)"
    return _learn(file, found.vectors[there], [found.digests[n] for n in there], about, dimensions)


def _learn(
    file: Path, vectors: FloatArray, digests: tuple[str, ...] | list[str], about: str, dimensions: int | None
) -> _Learned:
    """Learn a whitening on raw vectors, and write it."""
    sample = l2(vectors)
    try:
        estimator = PCAWhitening(dimensions or _affordable(sample)).fit(sample)
    except ValueError as error:
        raise UsageError(f"whitening cannot be learned on {about}: {error}") from None
    pictures = tuple(sorted({known_by(digest) for digest in digests}))
    estimator.save(file, about=about, pictures=pictures, recipe=load_vector("spoc").to_toml())
    kept = estimator.projection_.shape[1]
    return _Learned(file, f"whitening to {kept} dimensions learned on {len(vectors)} pictures of {about}")


def _affordable(sample: FloatArray) -> int:
    """Axes to keep. As many as n - 1 would make the n pictures of the sample all equally far apart."""
    rank = int(np.linalg.matrix_rank(sample))
    return max(1, min(_KEPT, len(sample) // _EACH, rank - 1))


def _gaps(cells: list[Cell]) -> Iterator[str]:
    """Euclidean minus cosine, as published, as measured, and without the last normalisation."""
    found = {cell.setting: cell.measured for cell in cells}
    for name, crop, (place, expanded) in product(("Oxford", "Paris"), _CROPS, enumerate(("no", "yes"))):
        published = PUBLISHED[name, crop, "Euclidean"][place] - PUBLISHED[name, crop, "cosine"][place]
        near, angle, raw = (found[name, crop, kind, expanded] for kind in ("Euclidean", "cosine", RAW))
        if near is not None and angle is not None and raw is not None:
            yield (
                f"Euclidean minus cosine ({name}, {crop}, expanded: {expanded}): published {published:+.3f}, "
                f"measured {near - angle:+.3f}, without the last L2 {raw - angle:+.3f}"
            )
