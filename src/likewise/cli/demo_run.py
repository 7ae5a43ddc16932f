"""The whole thing once: a folder becomes a collection, a picture is searched for, a sheet shows the hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from likewise.collection import AddReport, Collection
from likewise.demoset import read_truth, render
from likewise.drawing.sheets import result_sheet
from likewise.errors import UsageError
from likewise.evaluation.demo_score import DemoScore, score_demo
from likewise.folders import need_pictures
from likewise.pictures import size_of
from likewise.types import Box, Hit, ProgressCallback

_QUERY = ("coffee", "clutter")


@dataclass(frozen=True)
class DemoReport:
    """The demo's results and their paths.

    Attributes
    ----------
    photos, collection, sheet
        The folder that was indexed, the collection made of it, and the drawn sheet.
    query, box, hits
        What was searched for and what was found; the query itself is left out.
    added
        What indexing did.
    score
        The mini-benchmark's score, when the demo's own pictures were used.
    """

    photos: Path
    collection: Path
    sheet: Path
    query: Path
    box: Box | None
    hits: tuple[Hit, ...]
    added: AddReport
    score: DemoScore | None


def run(
    into: Path,
    photos: Path | None = None,
    query: Path | None = None,
    *,
    box: Box | None = None,
    k: int = 10,
    seed: int = 0,
    recipe: str | None = None,
    engine: str = "openvino",
    progress: ProgressCallback | None = None,
) -> DemoReport:
    """Index a folder, search it and draw the hits; run again, it does only what changed.

    Raises `MissingExtra` when the demo set is wanted but the packages that carry its photographs are not
    installed; `UsageError` when there is no picture to index or to search for; `BadPicture` when the query is
    none.

    Parameters
    ----------
    into
        Folder for what the demo makes: ``<photos>.likewise``, ``hits.png``, and without ``photos`` the
        rendered pictures.
    photos
        Folder of pictures; by default the demo set of `likewise.demoset` is rendered.
    query
        Picture to search for, also by its name in ``photos``; by default one of the demo set with its box, or
        the first of ``photos``.
    box
        Part of the query to search for.
    k
        How many hits to find.
    seed
        Of the demo set.
    recipe, engine
        As for `Collection.open`.
    """
    if query is not None:
        query = find_query(query, photos)
    own = photos is None
    if photos is not None:
        need_pictures([photos])
    else:
        photos = into / "demo-set"
        render(photos, seed=seed, progress=progress)
    into.mkdir(parents=True, exist_ok=True)
    path = into / f"{photos.resolve().name}.likewise"
    with Collection.open(path, recipe=recipe, engine=engine) as collection:
        added = collection.add(photos, progress=progress)
        if query is None:
            query, box = _labelled(photos) if own else (_first(collection, photos), box)
        hits = _others(collection.search(query, k=k + 1, box=box, under=photos), query)[:k]
        score = _scored(collection, photos) if own else None
        sheet = into / "hits.png"
        correct = _correct(photos, query) if own else None
        result_sheet(query, box, hits, sheet, correct=correct, read=collection.read)
    return DemoReport(photos, path, sheet, query, box, hits, added, score)


def find_query(query: Path, photos: Path | None) -> Path:
    """The picture to search for, also by its name in ``photos``; looked into before anything is indexed.

    Raises `UsageError` when there is no such file; `BadPicture` when it is no picture.
    """
    places = [query, *([photos / query] if photos else [])]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        inside = f", nor in {photos}" if photos else ""
        raise UsageError(f"the query {query} is not there{inside}: name a picture file")
    size_of(path)
    return path


def _labelled(photos: Path) -> tuple[Path, Box | None]:
    """The demo set's own query: a known thing among clutter."""
    shot = next(shot for shot in read_truth(photos) if (shot.group, shot.kind) == _QUERY)
    return photos / shot.file, Box(*shot.box) if shot.box else None


def _first(collection: Collection, photos: Path) -> Path:
    """The first indexed picture by path."""
    ids, _ = collection.vectors()
    paths = (collection.path_of(int(number)) for number in ids)
    first = min((path for path in paths if path.is_relative_to(photos.resolve())), default=None)
    if first is None:
        raise UsageError(f"{photos} holds no picture that can be indexed; name another folder")
    return first


def _others(hits: Sequence[Hit], query: Path) -> tuple[Hit, ...]:
    """The hits without the query's own file, ranked anew."""
    itself = query.resolve()
    others = (hit for hit in hits if hit.path.resolve() != itself)
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(others, start=1))


def _scored(collection: Collection, photos: Path) -> DemoScore:
    """The mini-benchmark on the vectors that the collection holds."""
    ids, vectors = collection.vectors()
    names = (collection.path_of(int(number)).name for number in ids)
    return score_demo(photos, dict(zip(names, vectors, strict=True)))


def _correct(photos: Path, query: Path) -> set[Path] | None:
    """Paths that show the same thing as the query; None when the query is not of the demo set."""
    truth = read_truth(photos)
    group = next((shot.group for shot in truth if (photos / shot.file).resolve() == query.resolve()), None)
    return {(photos / shot.file).resolve() for shot in truth if shot.group == group} if group else None
