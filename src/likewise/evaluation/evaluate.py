"""Evaluation: from a benchmark and a recipe to a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from likewise.descriptors.recipe import Recipe
from likewise.errors import BadPicture, UsageError
from likewise.evaluation.benchmark import Benchmark, Missing, Query
from likewise.evaluation.card import Card, make_card
from likewise.evaluation.crops import CropMode, possible_crop, query_view
from likewise.evaluation.runs import Run, as_json, plain_name, write_run
from likewise.evaluation.vectors import Described, Describer, View, describe
from likewise.ranking.exact import search
from likewise.types import Box, FloatArray, ProgressCallback, Ranking

KEPT = 1 << 25
"""Places of all rankings together that a run keeps: 256 MiB, all 10 000 of a gallery for 3 000 queries."""

_ALWAYS_KEPT = 1000


def evaluate(
    benchmark: Benchmark,
    describer: Describer,
    *,
    crop: CropMode = "box",
    out: Path,
    progress: ProgressCallback | None = None,
) -> Run:
    """Rank the gallery for every query, and write the run.

    Vectors are kept in ``<out>/vectors/`` as they are made, so that an interrupted evaluation goes on where
    it stopped, and another crop needs only the queries. A picture that cannot be read is treated as if it
    were missing, and listed with the run's benchmark.

    Parameters
    ----------
    crop
        What of a query picture is looked for. A benchmark without boxes is run with ``full``.

    Raises
    ------
    UsageError
        When the crop needs boxes and there are none, the recipe's receptive field is unknown, or no query
        picture can be read.
    BadBox
        When a box lies outside its picture.
    StorageError
        When the folder cannot be written.
    """
    crop = possible_crop(crop, benchmark)
    queries = [query_view(query, crop, describer.recipe) for query in benchmark.queries]
    views = [*queries, *(View(file) for file in benchmark.gallery.values())]
    described = describe(describer, views, out / "vectors", progress=progress, note="describing pictures")
    whole, benchmark = benchmark, _without_failures(benchmark, described)
    still = {query.name for query in benchmark.queries}
    asked = [n for n, query in enumerate(whole.queries) if query.name in still]
    found = [n for n in range(len(queries), len(views)) if n not in described.failures]
    ranking = _rank(described.vectors[found], described.vectors[asked], describer.recipe)
    card = make_card(benchmark, describer.recipe, describer.manifest, crop=crop, ranked=ranking.ids.shape[1])
    digests = [described.digests[n] for n in (*asked, *found)]
    boxes = tuple(queries[n].box for n in asked)
    identity = _identity(card, benchmark, digests, boxes)
    name = "-".join(plain_name(part) for part in (describer.recipe.name or "recipe", crop, identity[:8]))
    path = out / plain_name(benchmark.name) / f"{name}.json"
    run = Run(path, card, benchmark, boxes, ranking.ids.astype(np.int32), ranking.scores)
    write_run(run)
    return run


def _rank(gallery: FloatArray, queries: FloatArray, recipe: Recipe) -> Ranking:
    """Rank all pictures, or as many as are kept of a gallery that is large for so many queries."""
    if not len(gallery):
        raise UsageError("no picture of the gallery can be read")
    kept = max(_ALWAYS_KEPT, KEPT // len(queries))
    return search(gallery, queries, kept, metric="l2" if recipe.distance == "l2" else "dot")


def _without_failures(benchmark: Benchmark, described: Described) -> Benchmark:
    """The benchmark without the pictures that could not be read, which are listed as missing."""
    count = len(benchmark.queries)
    names = list(benchmark.gallery)
    lost = {names[n - count]: why for n, why in described.failures.items() if n >= count}
    unread = [
        Missing("", (name,), f"cannot be read ({why.reason}): not ranked") for name, why in lost.items()
    ]
    gaps = [
        _gap(query, described.failures.get(number), lost.keys(), benchmark)
        for number, query in enumerate(benchmark.queries)
    ]
    return replace(
        benchmark,
        gallery={name: file for name, file in benchmark.gallery.items() if name not in lost},
        queries=tuple(
            replace(query, positives=query.positives - lost.keys(), junk=query.junk - lost.keys())
            for query, gap in zip(benchmark.queries, gaps, strict=True)
            if not (gap and gap.left_out)
        ),
        missing=(*benchmark.missing, *unread, *(gap for gap in gaps if gap)),
    )


def _gap(
    query: Query, unasked: BadPicture | None, lost: Collection[str], benchmark: Benchmark
) -> Missing | None:
    """What unreadable pictures do to one query, if anything."""
    if unasked is not None:
        own = next((n for n, file in benchmark.gallery.items() if file == query.picture), query.picture.name)
        why = f"the query picture cannot be read ({unasked.reason}): left out"
        return Missing(query.name, (own,), why, left_out=True)
    files = tuple(sorted(query.positives.intersection(lost)))
    if not files:
        return None
    all_, there = len(query.positives), len(query.positives) - len(files)
    if benchmark.measure == "N-S":
        why = f"{there} of {all_} positives can be read: left out, it could not reach {all_}"
        return Missing(query.name, files, why, left_out=True)
    return Missing(query.name, files, f"{there} of {all_} positives can be read: AP is over the {there}")


def _identity(card: Card, benchmark: Benchmark, digests: Sequence[str], boxes: Sequence[Box | None]) -> str:
    """Digest of everything that could change a ranking or what is right in it; where files lie cannot."""
    told = as_json(benchmark)
    told["gallery"] = list(benchmark.gallery)
    for query in told["queries"]:
        del query["picture"]
    cut = [box and asdict(box) for box in boxes]
    facts = {"card": {**asdict(card), "recipe": ""}, "benchmark": told, "pictures": digests, "boxes": cut}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
