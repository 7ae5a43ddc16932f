"""Aggregating Deep Features for Visually Similar Image Retrieval, table 2: sums of VGG16's last map.

The report says: pictures at full size, the last maps summed over all positions, L2, PCA and whitening, L2
again, nearest neighbours by Euclidean distance or by the cosine, and an expansion whose query is the mean of
the top-ranked pictures; Oxford5k, AP by the step rule. It does not say how many dimensions were kept, nor how
many answers an expansion averages: both can be swept. Its table 1 puts Conv5 in the row of the fifth max-pool
(``pool5``, stride 32), its formula divides by 2 ** 4, which is the map before that (``relu5_3``): either can
be measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from likewise.arrays.artifacts import known_by
from likewise.descriptors import Encoder, Part, Step, VectorRecipe
from likewise.descriptors.describing import PictureView, cached_vectors
from likewise.descriptors.estimators import PCAWhitening
from likewise.descriptors.transforms import l2
from likewise.errors import StorageError, UsageError
from likewise.evaluation.crops import CropMode
from likewise.evaluation.datasets.buildings import CORRUPT_PARIS, PARIS6K, oxford5k
from likewise.evaluation.evaluate import MakeEncoder, Material, gather
from likewise.evaluation.reproduce.report_table import ReportTable, TableCell, measured, usable
from likewise.files import made_folder
from likewise.networks import find
from likewise.pictures import pictures_below
from likewise.ranking import Stage
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
TAPS = ("relu5_3", "pool5")
"""Candidates for the report's Conv5."""

POOLS = {"sum": "spoc", "gem": "gem", "rmac": "rmac"}
"""The report's pooling and two others, by their names in recipes."""

BEST = ("sum", "Paris", "full", "Euclidean")
"""The setting of the best published number, whose answers are drawn; on Oxford where there is no Paris."""

_WHY_TWO = (
    "unit vectors are ranked alike by both distances; where the report has two numbers, its Euclidean one "
    f"was probably taken without the last normalisation: see the rows {RAW!r}"
)
_COLUMNS = ("pool", "whitened on", "to", "query", "distance", "expanded")
_CROPS: tuple[CropMode, ...] = ("box", "full")
_KEPT = 512
_EACH = 4  # vectors to learn an axis from


@dataclass(frozen=True)
class OpenChoices:
    """Choices the report leaves open.

    Attributes
    ----------
    tap
        One of `TAPS`, or another tap of VGG16.
    weights
        Name of a set of VGG16's weights; empty for the first.
    dimensions
        To how many dimensions vectors are whitened, each in turn; without any, to all 512, or to as many as
        there are a quarter of the pictures to learn on.
    expansions
        How many answers an expansion averages, each in turn.
    """

    tap: str = TAPS[0]
    weights: str = ""
    dimensions: tuple[int, ...] = ()
    expansions: tuple[int, ...] = (10,)

    @property
    def recipe(self) -> VectorRecipe:
        """All poolings side by side, each as it comes from the map."""
        raw = VectorRecipe.load("spoc-raw")
        tap = find(raw.network).tap(self.tap).name
        return replace(raw, weights=self.weights, parts=tuple(Part(tap, pool) for pool in POOLS.values()))


@dataclass(frozen=True)
class _Learned:
    """A whitening as a file, or why there is none."""

    file: Path | None
    note: str
    kept: int = 0


def aggregating_deep_features(
    oxford: Path,
    make: MakeEncoder,
    *,
    gt: Path | None = None,
    paris: Path | None = None,
    whiten_on: Path | None = None,
    settings: OpenChoices | None = None,
    out: Path,
    progress: ProgressCallback | None = None,
) -> ReportTable:
    """Measure all sixteen cells of table 2, what the last normalisation changes, and two other poolings.

    Every picture goes through the network once; vectors are kept in ``<out>/vectors/``, so that an
    interrupted reproduction goes on. Whitenings and recipes are written to
    ``<out>/aggregating-deep-features/``. Raises `UsageError` when the set or a folder to learn on cannot be
    read, or there are too few pictures for the dimensions; `UnknownName` when VGG16 has no such tap or
    weights; `StorageError` when a folder cannot be written.

    Parameters
    ----------
    oxford, gt
        As for `likewise.evaluation.datasets.buildings.oxford5k`; the set may be there in part.
    make
        Makes an encoder.
    paris
        Folder with the pictures of Paris6k, whole or in part.
    whiten_on
        Folder of pictures that stand in for Paris.
    """
    settings = settings or OpenChoices()
    benchmark = oxford5k(oxford, gt=gt)
    below = whiten_on or paris  # a folder that is not there is refused before hours of work
    others = [file for file in pictures_below(below) if file.stem not in CORRUPT_PARIS] if below else []
    encoder = make(settings.recipe)
    materials = {crop: gather(benchmark, encoder, crop=crop, out=out, progress=progress) for crop in _CROPS}
    full = materials["full"]
    folder = made_folder(out / "aggregating-deep-features")
    digests = full.digests[len(full.queries) :]
    samples = {"Oxford": _Sample(full.gallery, digests, "Oxford5k")}
    if others:
        samples["Paris"] = _elsewhere(encoder, others, whiten_on, out, progress)
    trial = _Trial(encoder, materials, samples, settings, folder, out)
    lengths = settings.dimensions or (None,)
    cells = [cell for pool, wanted in product(POOLS, lengths) for cell in trial(pool, wanted)]
    notes = [usable(benchmark, full), f"Conv5 is {settings.recipe.parts[0].tap}", *dict.fromkeys(trial.notes)]
    return ReportTable(
        "Aggregating Deep Features, table 2: mAP on Oxford5k, step rule",
        _COLUMNS,
        tuple(cells),
        (*notes, _WHY_TWO, *_gaps(cells)),
    )


def best_run(table: ReportTable) -> Path | None:
    """The run of the setting that published best, expanded, or of the nearest to it that was measured."""
    pool, where, crop, distance = BEST
    runs = [
        cell.run
        for place in (where, "Oxford")
        for cell in table.cells
        if cell.setting[:2] == (pool, place) and cell.setting[3:5] == (crop, distance)
        if cell.setting[5] != "no" and cell.run
    ]
    return runs[0] if runs else None


@dataclass(frozen=True)
class _Sample:
    """Vectors to learn a whitening on."""

    vectors: FloatArray
    digests: Sequence[str]
    about: str


class _Trial:
    """One pooling after another, whitened to one length after another."""

    def __init__(
        self,
        encoder: Encoder,
        materials: Mapping[CropMode, Material],
        samples: Mapping[str, _Sample],
        settings: OpenChoices,
        folder: Path,
        out: Path,
    ) -> None:
        self.encoder, self.materials, self.samples = encoder, materials, samples
        self.settings, self.folder, self.out = settings, folder, out
        self.notes: list[str] = []

    def __call__(self, pool: str, wanted: int | None) -> Iterator[TableCell]:
        """The cells of a pooling and a length; the distances of unit vectors are told apart for sums only."""
        width = self.materials["full"].gallery.shape[1] // len(POOLS)
        columns = slice(width * list(POOLS).index(pool), width * (1 + list(POOLS).index(pool)))
        learned = {place: self._learned(place, pool, wanted, columns) for place in ("Oxford", "Paris")}
        self.notes += [f"{place}: {whitening.note}" for place, whitening in learned.items()]
        distances = ("Euclidean", "cosine", RAW) if pool == "sum" else ("cosine",)
        for distance, place, crop in product(distances, learned, _CROPS):
            for n in (None, *self.settings.expansions):
                whitening = learned[place]
                setting = (pool, place, str(whitening.kept or wanted or "-"), crop, distance, str(n or "no"))
                published = PUBLISHED.get((place, crop, distance)) if pool == "sum" else None
                cell = TableCell(setting, published[n is not None] if published else None)
                yield self._measured(cell, whitening, columns, n)

    def _measured(self, cell: TableCell, learned: _Learned, columns: slice, n: int | None) -> TableCell:
        if learned.file is None:
            return replace(cell, reason=learned.note)
        pool, _, _, crop, distance, _ = cell.setting
        recipe = whitened(self.settings, pool, learned.file, distance)
        try:
            learned.file.with_name(f"{recipe.name}.toml").write_text(recipe.to_toml(), encoding="utf-8")
        except OSError as error:
            raise StorageError(f"recipe {recipe.name} cannot be written: {error.strerror}") from error
        whole = self.materials["box" if crop == "box" else "full"]
        material = replace(whole, gallery=whole.gallery[:, columns], queries=whole.queries[:, columns])
        stages = (Stage("expand", {"n": n, "own": False}),) if n else ()
        return measured(cell, material, recipe, self.encoder, rule="step", out=self.out, stages=stages)

    def _learned(self, place: str, pool: str, wanted: int | None, columns: slice) -> _Learned:
        """Learn a whitening on raw vectors, and write it."""
        if place not in self.samples:
            return _Learned(None, "not measured: no --paris, and no --whiten-on to stand in for it")
        sample = self.samples[place]
        vectors = l2(sample.vectors[:, columns])
        try:
            estimator = PCAWhitening(wanted or _affordable(vectors)).fit(vectors)
        except ValueError as error:
            raise UsageError(f"whitening cannot be learned on {sample.about}: {error}") from None
        several = wanted if len(self.settings.dimensions) > 1 else None
        parts = (place.lower(), "" if pool == "sum" else pool, several)
        file = self.folder / f"{'-'.join(str(part) for part in parts if part)}.safetensors"
        pictures = tuple(sorted({known_by(digest) for digest in sample.digests}))
        plain = _plain(self.settings, pool)
        estimator.save(file, about=sample.about, pictures=pictures, recipe=plain.to_toml())
        kept = estimator.projection_.shape[1]
        note = f"{pool} whitened to {kept} dimensions, learned on {len(vectors)} pictures of {sample.about}"
        return _Learned(file, note, kept)


def _plain(settings: OpenChoices, pool: str) -> VectorRecipe:
    """The report's recipe before whitening, with one of the poolings."""
    tap = settings.recipe.parts[0].tap
    return replace(VectorRecipe.load("spoc"), weights=settings.weights, parts=(Part(tap, POOLS[pool]),))


def whitened(settings: OpenChoices, pool: str, file: Path, distance: str) -> VectorRecipe:
    """The report's recipe with a whitening, by one of its distances or `RAW`."""
    endings = {"cosine": "", "Euclidean": "-l2", RAW: "-raw"}
    last = () if distance == RAW else (Step("l2"),)
    return replace(
        _plain(settings, pool),
        name=f"spoc-{file.stem}{endings[distance]}",
        transforms=(Step("l2"), Step.whiten(file), *last),
        distance="cosine" if distance == "cosine" else "l2",
    )


def _elsewhere(
    encoder: Encoder,
    pictures: list[Path],
    stand_in: Path | None,
    out: Path,
    progress: ProgressCallback | None,
) -> _Sample:
    """Vectors of Paris, or of what stands in for it."""
    about = f"{stand_in.resolve().name}, instead of Paris6k" if stand_in else "Paris6k"
    views = [PictureView(picture) for picture in pictures]
    cached = cached_vectors(encoder, views, out / "vectors", progress=progress, note="learning whitening")
    there = [n for n in range(len(views)) if n not in cached.failures]
    if not stand_in and len(there) < PARIS6K.pictures:
        about += f" in part ({len(there)} of {PARIS6K.pictures} pictures)"
    return _Sample(cached.vectors[there], [cached.digests[n] for n in there], about)


def _affordable(sample: FloatArray) -> int:
    """Axes to keep. As many as n - 1 would make the n pictures of the sample all equally far apart."""
    rank = int(np.linalg.matrix_rank(sample))
    return max(1, min(_KEPT, len(sample) // _EACH, rank - 1))


def _gaps(cells: Sequence[TableCell]) -> Iterator[str]:
    """Euclidean minus cosine of the sums, as published, as measured, and without the last normalisation."""
    measured = {cell.setting: cell.measured for cell in cells}
    for pool, place, kept, crop, distance, expanded in measured:
        if (pool, distance) != ("sum", "cosine"):
            continue
        near, angle, raw = (
            measured[pool, place, kept, crop, kind, expanded] for kind in ("Euclidean", "cosine", RAW)
        )
        if near is None or angle is None or raw is None:
            continue
        column = int(expanded != "no")
        published = PUBLISHED[place, crop, "Euclidean"][column] - PUBLISHED[place, crop, "cosine"][column]
        yield (
            f"Euclidean minus cosine ({place}, to {kept}, {crop}, expanded: {expanded}): published "
            f"{published:+.3f}, measured {near - angle:+.3f}, without the last L2 {raw - angle:+.3f}"
        )
