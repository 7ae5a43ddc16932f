"""A sweep: every tap, pooling and whitening of a network scored on one benchmark, from one pass over it."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from likewise.descriptors import Encoder
from likewise.descriptors.describing import CachedArrays, PictureView, cached_vectors
from likewise.descriptors.transforms import l2
from likewise.errors import UsageError
from likewise.evaluation.crops import CropMode
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.evaluate import MakeEncoder, Material, gather
from likewise.evaluation.metrics import mean_average_precision
from likewise.evaluation.protocol_card import ProtocolCard, make_card
from likewise.evaluation.reports.score import score
from likewise.evaluation.reports.significance import bootstrap_interval, sign_flip_test
from likewise.evaluation.runs import places_kept
from likewise.evaluation.sweeps.grid import Grid
from likewise.files import replacing
from likewise.pictures import Loaded, pictures_below
from likewise.ranking.exact import search
from likewise.types import FloatArray, ProgressCallback

TIMED = 8
"""Pictures on which the milliseconds are measured."""

_REPEATS = 4
_BYTES = 2  # of a number, as collections keep it by default (fp16)


@dataclass(frozen=True)
class SweepCell:
    """One tap, pooling and whitening, and what came of them.

    Attributes
    ----------
    whitened
        To how many dimensions; None where vectors are left as they are.
    dimensions, bytes
        Length of a vector, and its bytes as collections keep it by default, in fp16.
    milliseconds
        From a resized picture to its vector, one picture at a time: the median over some pictures, of each
        the shortest of some runs. It is measured once a tap, with the first pooling.
    score
        By the measure of the benchmark; None where the cell is not possible.
    interval
        95 % bootstrap interval of the score.
    p
        How often chance alone would make a difference from the best cell as large as this one: a two-sided
        sign-flip test over the queries, 1 for the best cell itself.
    reason
        Why the cell is not possible; else empty.
    """

    tap: str
    pool: str
    whitened: int | None
    dimensions: int
    bytes: int
    milliseconds: float
    score: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Sweep:
    """Results of a sweep.

    Attributes
    ----------
    card
        How all cells were made: what it says of recipe and dimensions is true of none alone.
    taps
        In the order of the network.
    cells
        The best first, the shorter of equal ones first; those that are not possible last.
    """

    card: ProtocolCard
    taps: tuple[str, ...]
    cells: tuple[SweepCell, ...]

    @property
    def possible(self) -> tuple[SweepCell, ...]:
        """The cells that have a score."""
        return tuple(cell for cell in self.cells if cell.score is not None)

    def write_table(self, path: Path) -> None:
        """Write the cells as CSV, in their order.

        Raises `StorageError` when the file cannot be written.
        """
        with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(SweepCell)])
            writer.writeheader()
            for cell in self.cells:
                interval = " ".join(f"{bound:.6f}" for bound in cell.interval or ())
                writer.writerow(asdict(cell) | {"interval": interval})


def sweep(
    benchmark: Benchmark,
    grid: Grid,
    make: MakeEncoder,
    *,
    whiten_on: Path | None = None,
    crop: CropMode = "box",
    out: Path,
    progress: ProgressCallback | None = None,
) -> Sweep:
    """Score every cell of a grid on a benchmark.

    Every picture goes through the network once, whatever the number of cells: one recipe with a part for each
    tap and pooling gives all vectors side by side. They are kept in ``<out>/vectors/``, so that a sweep that
    was interrupted goes on, and other dimensions take seconds. Raises `UsageError` when there are dimensions
    and no folder to learn on or the other way round, or no query picture can be read; `BadRecipe` when the
    network cannot take pictures resized like that; `StorageError` when the folder cannot be written.

    Parameters
    ----------
    make
        Makes the encoder of a recipe, such as `likewise.Extractor`.
    whiten_on
        Folder with the pictures that whitening is learned on, for each tap and pooling alone; it should hold
        other pictures than the benchmark does. Needed where the grid names dimensions.
    crop
        What of a query is looked for.
    """
    if bool(grid.dimensions) != (whiten_on is not None):
        raise UsageError("whitening needs both: dimensions, and a folder of pictures to learn it on")
    views = [PictureView(file) for file in pictures_below(whiten_on)] if whiten_on else []
    encoder = make(grid.recipe)
    material = gather(benchmark, encoder, crop=crop, out=out, progress=progress)
    sample = cached_vectors(encoder, views, out / "vectors", progress=progress, note="learning whitening")
    known = np.delete(sample.vectors, list(sample.failures), axis=0)
    times = _milliseconds(grid, make, _some(material))
    trials = list(_trials(grid, material, known, times))
    return Sweep(_card(material, encoder, whiten_on, sample), grid.taps, _ordered(trials))


def _values(
    material: Material, columns: slice, change: Callable[[FloatArray], FloatArray]
) -> NDArray[np.float64]:
    """The score of each query by some columns of the vectors, NaN for one without an answer."""
    gallery, queries = (change(vectors[:, columns]) for vectors in (material.gallery, material.queries))
    return score(material.benchmark, search(gallery, queries, places_kept(material.benchmark)).ids).values


def _some(material: Material) -> list[Path]:
    """A few pictures of the gallery, spread evenly."""
    files = list(material.benchmark.gallery.values())
    count = min(TIMED, len(files))
    return [files[number * len(files) // count] for number in range(count)]


def _milliseconds(grid: Grid, make: MakeEncoder, files: Sequence[Path]) -> dict[str, float]:
    """By tap, how long a picture takes from its pixels to its vector."""
    times = {}
    for tap in grid.taps:
        pool = next(pool for name, pool in grid.columns if name == tap)
        encoder = make(grid.only((tap, pool)))
        loaded = [encoder.prepare(file) for file in files]
        times[tap] = 1000 * median(_seconds(encoder, picture) for picture in loaded)
    return times


def _seconds(encoder: Encoder, loaded: Loaded) -> float:
    """The shortest of some runs: the first is slower, and machines do other work between."""
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        encoder.describe([loaded])
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _trials(
    grid: Grid, material: Material, sample: FloatArray, times: Mapping[str, float]
) -> Iterator[tuple[SweepCell, NDArray[np.float64]]]:
    """Every cell with the scores of its queries, of which one that is not possible has none."""
    for (tap, pool), columns in grid.columns.items():
        for wanted in (None, *grid.dimensions):
            size = wanted or columns.stop - columns.start
            cell = SweepCell(tap, pool, wanted, size, _BYTES * size, times[tap])
            try:
                change = _whitening(sample[:, columns], wanted)
            except ValueError as error:
                yield replace(cell, reason=str(error)), np.empty(0)
            else:
                yield cell, _values(material, columns, change)


def _whitening(sample: FloatArray, wanted: int | None) -> Callable[[FloatArray], FloatArray]:
    """The transforms of vectors: L2, and whitening with L2 again where wanted.

    Raises `ValueError` when the sample does not vary in so many directions.
    """
    if wanted is None:
        return l2
    if wanted > sample.shape[1]:
        raise ValueError(f"its vectors have only {sample.shape[1]} numbers")
    from likewise.descriptors.estimators import PCAWhitening  # loads scikit-learn

    learned = PCAWhitening(wanted).fit(l2(sample))
    return lambda vectors: l2(learned.transform(l2(vectors)))


def _ordered(trials: Sequence[tuple[SweepCell, NDArray[np.float64]]]) -> tuple[SweepCell, ...]:
    """The cells with their scores, best first, each compared with the best."""
    possible = [(cell, mean_average_precision(values), values) for cell, values in trials if not cell.reason]
    possible.sort(key=lambda trial: (-trial[1], trial[0].dimensions, trial[0].milliseconds))
    best = possible[0][2]
    scored = [
        replace(cell, score=value, interval=bootstrap_interval(values), p=sign_flip_test(values - best).p)
        for cell, value, values in possible
    ]
    return (*scored, *(cell for cell, _ in trials if cell.reason))


def _card(material: Material, encoder: Encoder, whiten_on: Path | None, sample: CachedArrays) -> ProtocolCard:
    """The protocol of all cells, with what whitening was learned on."""
    card = make_card(
        material.benchmark,
        encoder.recipe,
        encoder.manifest,
        crop=material.crop,
        ranked=places_kept(material.benchmark),
    )
    if whiten_on is None:
        return card
    count = len(sample.digests) - len(sample.failures)
    shared = len({*material.digests}.intersection(sample.digests))
    warning = f"whitening was learned on {shared} pictures of this very test set"
    return replace(
        card,
        whitening=f"learned on {count} pictures below {whiten_on}, for each tap and pooling alone",
        warnings=(*card.warnings, warning) if shared else card.warnings,
    )
