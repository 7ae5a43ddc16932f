"""Evaluation of recipes of several layers: a collection of the gallery is made and asked, as a user would."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from likewise.collection import Collection, Query, Searcher
from likewise.collection.store import Entry
from likewise.descriptors.describing import CachedArrays, PictureView
from likewise.errors import BadBox, BadPicture, UsageError
from likewise.evaluation.crops import CropMode, possible_crop, views_of
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.protocol_card import ProtocolCard, make_card
from likewise.evaluation.runs import Run, places_kept, readable_of, written
from likewise.files import sha256_file
from likewise.pictures import size_of
from likewise.ranking import Ranked, Stage
from likewise.recipes import Recipe
from likewise.types import Hit, Hits, Progress, ProgressCallback, Ranking


def evaluate_layers(
    benchmark: Benchmark,
    recipe: Recipe,
    *,
    crop: CropMode = "box",
    stages: Sequence[Stage] = (),
    out: Path,
    progress: ProgressCallback | None = None,
    **how: Any,
) -> Run:
    """Index the gallery into a collection below ``<out>/collections``, search for every query, write the run.

    What is searched is all that a search does: layers are asked together and the first hits verified. An
    interrupted evaluation goes on where it stopped. A query's own picture, where the protocol ignores it, is
    searched with the others and not scored; stages that follow the search work as if it were not there.
    Raises `UsageError` when the crop is ``widened`` or needs boxes and there are none, nothing can be read,
    or there is a stage that no layer can run; `BadBox` when a box lies outside its picture; `StorageError`
    when the folder cannot be written.

    Parameters
    ----------
    crop
        What of a query picture is looked for; ``widened`` would be another for each layer.
    stages
        What follows the search, see `likewise.collection.collection.Collection.search`.
    how
        Engine, device and precision, as for `likewise.collection.collection.Collection.open`.
    """
    crop = possible_crop(crop, benchmark)
    if crop == "widened":
        raise UsageError(f"crop 'widened' is for one layer, and {recipe.name!r} has several: use --crop box")
    views = views_of(benchmark, crop, recipe.layers[0])
    asked = views[: len(benchmark.queries)]
    _check_boxes(asked)
    files = [file.absolute() for file in benchmark.gallery.values()]
    with Collection.open(_folder(out, recipe, files), recipe=recipe, **how) as collection:
        collection.add(*dict.fromkeys(files), progress=progress)
        failures = _unread(collection, files, len(asked))
        asker, answers = collection.asker(), list[Hits]()
        left_out = bool(stages) and benchmark.query_in_gallery == "ignored"
        for number, view in enumerate(asked):
            if progress:
                progress(Progress(number, len(asked), note="searching"))
            own = collection.at(view.picture.resolve()) if left_out else []
            try:
                answers.append(_asked(asker, view, max(1, len(files)), stages, own))
            except BadPicture as problem:
                failures[number] = problem
                answers.append(Hits([], 0))
        digests = ("" if n in failures else sha256_file(view.picture) for n, view in enumerate(views))
        described = CachedArrays(tuple(digests), failures, ())
        readable, kept, _ = readable_of(benchmark, crop, views, described)
        ranked = _ranked(readable.benchmark, [answers[number] for number in kept])
        cards = [
            make_card(
                readable.benchmark,
                layer.recipe,
                layer.manifest,
                crop=crop,
                ranked=ranked.ranking.ids.shape[1],
                pictures=readable.digests,
                after=tuple(map(str, stages)),
            )
            for layer in collection.layers
        ]
    return written(readable, _together(recipe, cards), ranked, out)


def _asked(asker: Searcher, view: PictureView, k: int, stages: Sequence[Stage], own: Sequence[Entry]) -> Hits:
    """The hits of a query; its own picture, which the stages do not see, follows them."""
    query = Query(view.picture, view.box)
    if not own:
        return asker.search(query, k=k, among=None, stages=stages)
    others = np.setdiff1d(asker.ids, [entry.id for entry in own])
    hits = asker.search(query, k=k, among=others, stages=stages)
    last = hits[-1].score if hits else 0.0
    return Hits([*hits, *(Hit(entry.id, entry.path, last, len(hits) + 1) for entry in own)], hits.left_out)


def _check_boxes(views: Sequence[PictureView]) -> None:
    """Look before all is indexed whether boxes lie in their pictures; what cannot be read comes later."""
    for view in views:
        if view.box is not None:
            with suppress(BadPicture):
                try:
                    view.box.clip(*size_of(view.picture))
                except BadBox as problem:
                    raise BadBox(f"{view.picture}: {problem}") from None


def _folder(out: Path, recipe: Recipe, files: Sequence[Path]) -> Path:
    gallery = hashlib.sha256("\n".join(map(str, files)).encode("utf-8", "surrogateescape")).hexdigest()
    return out / "collections" / f"{recipe.hash[:12]}-{gallery[:12]}.likewise"


def _unread(collection: Collection, files: Sequence[Path], before: int) -> dict[int, BadPicture]:
    """Why pictures of the gallery are not in the collection, by number, behind so many queries."""
    known = {
        failure.path.resolve(): BadPicture(failure.message, failure.reason)
        for failure in collection.failures()
    }
    return {
        before + number: known[file] for number, file in enumerate(map(Path.resolve, files)) if file in known
    }


def _ranked(benchmark: Benchmark, answers: Sequence[Hits]) -> Ranked:
    """Rankings of places in the gallery; of one file under two names each has its place."""
    places: dict[Path, list[int]] = {}
    for place, file in enumerate(benchmark.gallery.values()):
        places.setdefault(file.resolve(), []).append(place)
    kept = places_kept(benchmark)
    ids, scores, boxes = [], [], []
    for hits in answers:
        at = [(place, hit) for hit in hits for place in places.get(hit.path.resolve(), ())][:kept]
        ids.append([place for place, _ in at])
        scores.append([hit.score for _, hit in at])
        boxes.append({place: hit.box for place, hit in at if hit.box})
    return Ranked(Ranking(np.array(ids, np.int64), np.array(scores, np.float32)), tuple(boxes))


def _together(recipe: Recipe, cards: Sequence[ProtocolCard]) -> ProtocolCard:
    """The card of all layers."""
    layers = "; ".join(f"{layer.name} ({layer.hash[:12]})" for layer in recipe.layers)
    return replace(
        cards[0],
        recipe=recipe.name,
        recipe_hash=recipe.hash,
        network=recipe.network,
        parts=tuple(f"{card.recipe}: {part}" for card in cards for part in card.parts),
        warnings=tuple(dict.fromkeys(warning for card in cards for warning in card.warnings)),
        words={name: fact for card in cards for name, fact in card.words.items()} | {"layers": layers},
    )
