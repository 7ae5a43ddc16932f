"""Evaluation of recipes of visual words: from a benchmark to a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise.descriptors.describing import CachedArrays, PictureView, cached_arrays
from likewise.evaluation.crops import CropMode, possible_crop, views_of
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.protocol_card import make_card
from likewise.evaluation.runs import Readable, Run, places_kept, read_run, readable_of, run_path, written
from likewise.files import temporary
from likewise.files.system import cores
from likewise.pictures import Loaded, size_of
from likewise.ranking import Ranked, Stage, rank_sketches
from likewise.types import Box, FloatArray, IntArray, Progress, ProgressCallback, Ranking, Scores
from likewise.words import Sketch, Vocabulary, WordsExtractor, WordsRecipe
from likewise.words.index import InvertedIndex, Layers, QuerySketch, Segment


@dataclass(frozen=True)
class Sketched(Readable):
    """A benchmark with the sketches of its pictures, each in as many words as either side may need.

    ``gallery``: in the order of the benchmark's gallery.
    """

    gallery: tuple[Sketch, ...]
    queries: tuple[Sketch, ...]


def open_sketcher(
    recipe: WordsRecipe, *, engine: str = "openvino", device: str = "cpu", precision: str = "f32"
) -> WordsExtractor:
    """Open what describes pictures as `sketch` needs it; parameters and errors as for `WordsExtractor`."""
    return WordsExtractor(replace(recipe, assign="both"), engine=engine, device=device, precision=precision)


def evaluate_words(
    benchmark: Benchmark,
    recipe: WordsRecipe,
    sketcher: WordsExtractor,
    *,
    crop: CropMode = "box",
    out: Path,
    stages: Sequence[Stage] = (),
    progress: ProgressCallback | None = None,
) -> Run:
    """Rank the gallery for every query by visual words, and write the run.

    Sketches are kept in ``<out>/sketches/`` as they are made, so that an interrupted evaluation goes on where
    it stopped, and another scoring or other layers describe nothing again. Raises `UsageError` when the crop
    needs boxes and there are none, no query picture can be read, or a stage is for vectors; `BadBox` when a
    box lies outside its picture; `StorageError` when the folder cannot be written.

    Parameters
    ----------
    recipe
        How sketches are compared; its features and vocabulary are those of the sketcher.
    sketcher
        What `open_sketcher` gives.
    crop
        As for `likewise.evaluation.evaluate.evaluate`; ``widened`` is by half of the largest patch, so that
        patches whose centre lies in the box are whole.
    stages
        What follows the search, ``expand`` or ``localise``.
    """
    for stage in stages:
        stage.check_words()
    sketched = sketch(benchmark, sketcher, crop=crop, out=out, progress=progress)
    return words_run(sketched, recipe, sketcher, out=out, stages=stages, progress=progress)


def sketch(
    benchmark: Benchmark,
    sketcher: WordsExtractor,
    *,
    crop: CropMode,
    out: Path,
    progress: ProgressCallback | None = None,
) -> Sketched:
    """Describe what a benchmark needs; parameters and errors as for `evaluate_words`."""
    crop = possible_crop(crop, benchmark)
    views = views_of(benchmark, crop, sketcher.recipe)
    count = len(benchmark.queries)
    parts = [
        _looked_up(extractor, part, out, progress)
        for extractor, part in ((sketcher.asking, views[:count]), (sketcher, views[count:]))
    ]
    described = CachedArrays.joined(parts)
    readable, asked, gallery = readable_of(benchmark, crop, views, described)
    sizes = sketcher.vocabulary.sizes
    sketches = [
        None if array is None else Sketch.from_bytes(array.tobytes(), sizes) for array in described.arrays
    ]
    return Sketched(
        **vars(readable),
        gallery=tuple(entry for entry in (sketches[n] for n in gallery) if entry is not None),
        queries=tuple(entry for entry in (sketches[n] for n in asked) if entry is not None),
    )


def _looked_up(
    sketcher: WordsExtractor, views: Sequence[PictureView], out: Path, progress: ProgressCallback | None
) -> CachedArrays:
    def prepare(view: PictureView) -> tuple[Loaded, Box | None]:
        return sketcher.prepare(view.picture, box=view.box), view.box

    def make(prepared: Sequence[tuple[Loaded, Box | None]]) -> list[NDArray[np.uint8]]:
        made = (sketcher.sketch(loaded, box=box) for loaded, box in prepared)
        return [np.frombuffer(entry.to_bytes(), np.uint8) for entry in made]

    folder = out / "sketches"
    return cached_arrays(
        sketcher.manifest, views, prepare, make, folder, progress=progress, note="describing local features"
    )


def words_run(
    sketched: Sketched,
    recipe: WordsRecipe,
    sketcher: WordsExtractor,
    *,
    out: Path,
    stages: Sequence[Stage] = (),
    again: bool = True,
    progress: ProgressCallback | None = None,
) -> Run:
    """Rank sketches that are there, and write the run; parameters and errors as for `evaluate_words`.

    ``again``: when False, a run that is there is taken, if it was made of the same pictures in the same way.
    """
    benchmark = sketched.benchmark
    card = make_card(
        benchmark,
        recipe,
        sketcher.manifest,
        crop=sketched.crop,
        ranked=places_kept(benchmark),
        pictures=sketched.digests,
        after=tuple(map(str, stages)),
    )
    path = run_path(sketched, card, out)
    if not again and path.is_file():
        return read_run(path)
    ranked = _ranked(sketched, recipe, sketcher.vocabulary, stages, progress)
    return written(sketched, card, ranked, out)


def _ranked(
    sketched: Sketched,
    recipe: WordsRecipe,
    vocabulary: Vocabulary,
    stages: Sequence[Stage],
    progress: ProgressCallback | None,
) -> Ranked:
    """Rank every query; one whose own picture is ignored is asked as if that were not in the gallery."""
    benchmark = sketched.benchmark
    kept = places_kept(benchmark)
    stored = [picture.narrowed(recipe.stored) for picture in sketched.gallery]
    asked = [picture.narrowed(recipe.asked) for picture in sketched.queries]
    files = list(benchmark.gallery.values())
    own = benchmark.own_places if benchmark.query_in_gallery == "ignored" else [None] * len(asked)
    with temporary() as folder:
        segments = _segments(stored, recipe.fusion.chosen(tuple(vocabulary.sizes)), vocabulary, folder)
        every = np.arange(len(benchmark.gallery))

        def layers_of(live: IntArray) -> Layers:
            indexes = {
                tap: InvertedIndex(vocabulary.sizes[tap], [segment], live, kernel="fastest")
                for tap, segment in segments.items()
            }
            return Layers(recipe, indexes, vocabulary.scales)

        whole, rows = layers_of(every), []
        for number, (query, box, place) in enumerate(zip(asked, sketched.boxes, own, strict=True)):
            question = [QuerySketch(query, box=box)]
            layers = whole if place is None else layers_of(np.delete(every, place))
            ranking = rank_sketches(
                layers, question, stages, stored.__getitem__, lambda n: size_of(files[n]), threads=cores()
            )
            rows.append((*_row(ranking.ids, ranking.scores, place, kept), ranking.boxes))
            if progress and stages:
                progress(Progress(number + 1, len(asked), note="ranking"))
    ids, scores, boxes = zip(*rows, strict=True)
    return Ranked(Ranking(np.stack(ids), np.stack(scores)), boxes)


def _segments(
    stored: Sequence[Sketch], taps: Sequence[str], vocabulary: Vocabulary, folder: Path
) -> dict[str, Segment]:
    """An index of each layer; what lies on the disk is only for as long as the folder is there."""
    return {
        tap: Segment.of(folder / f"{number}.words", tap, enumerate(stored), vocabulary.sizes[tap])
        for number, tap in enumerate(taps)
    }


def _row(ids: IntArray, exact: Scores, own: int | None, kept: int) -> tuple[IntArray, FloatArray]:
    """One ranking; the query's own picture, if it is ignored, stands at the end of it."""
    scores = exact.astype(np.float32)
    if own is not None:
        lowest = scores[-1] if len(scores) else np.float32(0)
        ids = np.append(ids, own)
        scores = np.append(scores, np.nextafter(lowest, np.float32(-np.inf)))
    return ids[:kept], scores[:kept]
