"""Runs are files: the rankings of one recipe on one benchmark with their protocol card, scored in reports.

A run is a pair ``<out>/<benchmark>/<recipe>-<crop>-<identity>.json`` and ``.npz``. Its identity is a digest
of everything that could change a ranking or its score: the content of the pictures, queries, boxes and
answers, recipe, weights, engine, precision and version. The JSON file holds the card and the benchmark; the
npz file holds ``ranked`` (int32, places in the gallery) and ``scores`` (float32), both ``(q, k)``, the names
``gallery`` and ``queries``, and where the queries were found in their first ``m`` answers, if that was looked
for: ``found`` (float32, ``(q, m, 4)``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.arrays import read_arrays
from likewise.descriptors.describing import CachedArrays, PictureView
from likewise.errors import BadPicture, UsageError
from likewise.evaluation.crops import CropMode
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery, MissingFiles
from likewise.evaluation.protocol_card import ProtocolCard
from likewise.files import made_folder, replacing
from likewise.files.reading import as_indexed
from likewise.ranking import Ranked
from likewise.types import Box, FloatArray

FORMAT = 1
KEPT = 1 << 25
"""Places of all rankings together that a run keeps: 256 MiB, all 10 000 of a gallery for 3 000 queries."""

_ALWAYS_KEPT = 1000
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes
    ----------
    path
        Its JSON file.
    boxes
        What of each query picture was looked for; None for all of it.
    ranked
        int32, shape ``(q, k)``: places in ``benchmark.gallery``, best first.
    scores
        float32, shape ``(q, k)``.
    found
        float32, shape ``(q, m, 4)``: where the queries were found in their first ``m`` answers, in pixels of
        these pictures' upright originals; NaN where nowhere. None when that was not looked for.
    digests
        sha256 of each picture, by its absolute path.
    """

    path: Path
    card: ProtocolCard
    benchmark: Benchmark
    boxes: tuple[Box | None, ...]
    ranked: NDArray[np.int32]
    scores: FloatArray
    found: FloatArray | None = None
    digests: Mapping[str, str] = field(default_factory=dict, repr=False)

    def content(self, picture: Path) -> bytes | str:
        """The bytes of a picture's file, or its path where that is very large.

        Raises `BadPicture` when it cannot be read, or is not what was ranked: a run may come from somebody
        else, and must not name files of yours to be shown.
        """
        path = str(picture.absolute())
        digest = self.digests.get(path, "")
        if not _DIGEST.fullmatch(digest):
            raise BadPicture(f"{self.path} does not tell what {path} held: run it again", "changed")
        return as_indexed(path, bytes.fromhex(digest))

    def box(self, query: int, rank: int) -> Box | None:
        """Where a query was found in the answer at a 0-based rank."""
        if self.found is None or rank >= self.found.shape[1] or np.isnan(self.found[query, rank, 0]):
            return None
        return Box(*self.found[query, rank].tolist())


@dataclass(frozen=True)
class Readable:
    """A benchmark as far as its pictures can be read, and what of the queries is looked for.

    Attributes
    ----------
    benchmark
        Without the pictures that could not be read.
    crop
        What of the queries was described.
    boxes
        What of each query picture was described; None for all of it.
    digests
        Sha256 of the files, queries first.
    """

    benchmark: Benchmark
    crop: CropMode
    boxes: tuple[Box | None, ...]
    digests: tuple[str, ...]


def places_kept(benchmark: Benchmark) -> int:
    """How many places of each ranking a run keeps."""
    return min(len(benchmark.gallery), max(_ALWAYS_KEPT, KEPT // len(benchmark.queries)))


def readable_of(
    benchmark: Benchmark, crop: CropMode, views: Sequence[PictureView], described: CachedArrays
) -> tuple[Readable, list[int], list[int]]:
    """The rest when views could not be described, with the numbers of its queries and of its gallery.

    Raises `UsageError` when nothing is left.
    """
    left = benchmark.without(described.failures) if described.failures else benchmark
    still = {query.name for query in left.queries}
    asked = [n for n, query in enumerate(benchmark.queries) if query.name in still]
    gallery = [n for n in range(len(benchmark.queries), len(views)) if n not in described.failures]
    if not gallery:
        raise UsageError("no picture of the gallery can be read")
    boxes = tuple(views[n].box for n in asked)
    digests = tuple(described.digests[n] for n in (*asked, *gallery))
    return Readable(left, crop, boxes, digests), asked, gallery


def run_path(readable: Readable, card: ProtocolCard, out: Path) -> Path:
    """The file of a run, named after everything that could change it."""
    parts = (card.recipe or "recipe", readable.crop, _identity(card, readable)[:8])
    name = "-".join(map(plain_name, parts))
    return out / plain_name(readable.benchmark.name) / f"{name}.json"


def plain_name(name: str) -> str:
    """A name as a part of a file's name."""
    return re.sub(r"[^\w.+-]+", "_", name, flags=re.ASCII)


def written(readable: Readable, card: ProtocolCard, found: Ranked, out: Path) -> Run:
    """The run as a file.

    Raises `StorageError` when the folder cannot be written.
    """
    ranked, scores = found.ranking.ids.astype(np.int32), found.ranking.scores
    path = run_path(readable, card, out)
    benchmark = readable.benchmark
    digests = {
        str(picture.absolute()): digest[:64]  # of a view, the box follows
        for picture, digest in zip(benchmark.pictures, readable.digests, strict=True)
    }
    run = Run(path, card, benchmark, readable.boxes, ranked, scores, box_array(found), digests)
    write_run(run)
    return run


def _identity(card: ProtocolCard, readable: Readable) -> str:
    """Digest of everything that could change a ranking or what is right in it; where files lie cannot."""
    document = _as_json(readable.benchmark)
    document["gallery"] = list(readable.benchmark.gallery)
    for query in document["queries"]:
        del query["picture"]
    cut = [box and asdict(box) for box in readable.boxes]
    told_by_card = {**asdict(card), "recipe": ""}
    for added in ("after", "words"):  # runs were named before anything could follow a search or had words
        if not told_by_card[added]:
            del told_by_card[added]
    facts = {"card": told_by_card, "benchmark": document, "pictures": readable.digests, "boxes": cut}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def box_array(ranked: Ranked) -> FloatArray | None:
    """The boxes of rankings as `Run.found`."""
    places = [
        (query, rank, astuple(ranked.boxes[query][id_]))
        for query, ids in enumerate(ranked.ranking.ids.tolist())
        for rank, id_ in enumerate(ids)
        if id_ in ranked.boxes[query]
    ]
    if not places:
        return None
    boxes = np.full((len(ranked.boxes), 1 + max(rank for _, rank, _ in places), 4), np.nan, np.float32)
    for query, rank, box in places:
        boxes[query, rank] = box
    return boxes


def write_run(run: Run) -> None:
    """Write both files of a run, the JSON file last: where it lies, the run is whole.

    Raises `StorageError` when the folder cannot be written.
    """
    document = {
        "format": FORMAT,
        "card": asdict(run.card),
        "boxes": [box and astuple(box) for box in run.boxes],
        "digests": dict(run.digests),
        "benchmark": _as_json(run.benchmark),
    }
    gallery = np.array(list(run.benchmark.gallery))
    queries = np.array([query.name for query in run.benchmark.queries])
    made_folder(run.path.parent)
    with replacing(run.path.with_suffix(".npz")) as part, part.open("wb") as file:
        arrays: dict[str, Any] = {"ranked": run.ranked, "scores": run.scores, "found": run.found}
        there = {name: array for name, array in arrays.items() if array is not None}
        np.savez(file, gallery=gallery, queries=queries, **there)
    with replacing(run.path) as part:
        part.write_text(json.dumps(document, indent=1), encoding="utf-8")


def read_run(path: Path) -> Run:
    """Read a run by its JSON file.

    Raises `UsageError` when it is not there, is no run, or was written by another version.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["format"] != FORMAT:
            raise UsageError(
                f"{path} was written by another version (format {document['format']}): run it again"
            )
        card = ProtocolCard(**{key: _frozen(value) for key, value in document["card"].items()})
        benchmark = _benchmark(document["benchmark"])
        boxes = tuple(box and Box(*box) for box in document["boxes"])
        digests = {str(path): str(digest) for path, digest in document.get("digests", {}).items()}
        check = partial(_check, path, len(benchmark.queries), len(benchmark.gallery))
        arrays = read_arrays(path.with_suffix(".npz"), ("ranked", "scores", "found"), check)
        ranked, scores, found = arrays["ranked"], arrays["scores"], arrays.get("found")
    except OSError as error:
        raise UsageError(f"run {path} cannot be read: {error.filename}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise UsageError(f"{path} is not the file of a run, RUN.json, or its RUN.npz is damaged") from error
    within = not ranked.size or (ranked.min() >= 0 and ranked.max() < len(benchmark.gallery))
    if ranked.shape != scores.shape or len(ranked) != len(boxes) or not within:
        raise UsageError(f"{path} and its .npz file do not belong together: run it again")
    return Run(path, card, benchmark, boxes, ranked, scores, found, digests)


def _check(
    path: Path, queries: int, gallery: int, name: str, shape: tuple[int, ...], kind: np.dtype[Any]
) -> None:
    """Refuse an array that cannot be one of a run, by its header."""
    wanted = {"ranked": ("int32", 2), "scores": ("float32", 2), "found": ("float32", 3)}[name]
    if (
        (kind.name, len(shape)) != wanted
        or shape[0] != queries
        or shape[1] > gallery
        or shape[2:] not in ((), (4,))
    ):
        what = f"{name} is of the type {kind.name} and the shape {shape}"
        raise UsageError(f"{path} and its .npz file do not belong together ({what}): run it again")


def _as_json(benchmark: Benchmark) -> dict[str, Any]:
    """A benchmark as what JSON knows; files by their absolute paths, sets as sorted lists."""
    document = asdict(benchmark)
    document["gallery"] = {name: str(file.absolute()) for name, file in benchmark.gallery.items()}
    document["queries"] = [_query_json(query) for query in benchmark.queries]
    return document


def _query_json(query: BenchmarkQuery) -> dict[str, Any]:
    return {
        "name": query.name,
        "picture": str(query.picture.absolute()),
        "box": query.box and astuple(query.box),
        "positives": sorted(query.positives),
        "junk": sorted(query.junk),
        "group": query.group,
    }


def _benchmark(document: Mapping[str, Any]) -> Benchmark:
    """The inverse of `_as_json`."""
    plain = {key: _frozen(value) for key, value in document.items()}
    plain["gallery"] = {name: Path(file) for name, file in document["gallery"].items()}
    plain["queries"] = tuple(_query(query) for query in document["queries"])
    plain["missing"] = tuple(
        MissingFiles(**{key: _frozen(value) for key, value in missing.items()})
        for missing in document["missing"]
    )
    return Benchmark(**plain)


def _query(document: Mapping[str, Any]) -> BenchmarkQuery:
    return BenchmarkQuery(
        name=document["name"],
        picture=Path(document["picture"]),
        box=document["box"] and Box(*document["box"]),
        positives=frozenset(document["positives"]),
        junk=frozenset(document["junk"]),
        group=document["group"],
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
