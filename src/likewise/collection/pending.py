"""Pending work: files that differ from what the catalogue knows of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from likewise.collection.layers.layer import CollectionLayer
from likewise.collection.reach import lies_in
from likewise.collection.store.catalogue import Catalogue, Content, FilePlace, PictureRow
from likewise.collection.store.committed import MOST
from likewise.collection.store.fact_tables import FACTS
from likewise.errors import BadPicture
from likewise.files.paths import is_gone, is_respelt, opens, relative, within
from likewise.folders import USUAL, Excludes, Stamp, WalkedFile, look, walk

ROW = -1
"""Stands beside the ids of layers, and `FACTS`, for the row of the picture itself."""

Prune: TypeAlias = bool | Literal["all"]
"""Whether to forget what is gone; ``all``: also where a folder holds none of its pictures any more."""

Verdict: TypeAlias = Literal["unchanged", "failed", "todo"]


@dataclass(frozen=True)
class Options:
    """How to add: see `likewise.collection.collection.Collection.add`."""

    prune: Prune = False
    retry: bool = False
    checksum: bool = False
    max_pixels: int | None = None
    inside: tuple[str, ...] = ()
    excludes: Excludes = USUAL


@dataclass(frozen=True)
class Task:
    """A file to look into.

    Attributes
    ----------
    problem
        What keeps it from being read.
    lacking
        The layers that keep nothing of the picture that was there, or something damaged; `FACTS` where those
        are to be read, and `ROW` where the catalogue's row of it is damaged.
    sha256
        Of its content, once it was read.
    seen
        Whether its file was looked at here: what is told of elsewhere says nothing about what is gone.
    """

    path: str
    place: FilePlace
    stamp: Stamp
    problem: BadPicture | None = None
    lacking: frozenset[int] = frozenset()
    sha256: bytes = b""
    seen: bool = True


@dataclass(frozen=True)
class TaskOutcome:
    """The outcome of a task: a content, of which all layers keep something, or what is wrong."""

    task: Task
    content: Content | BadPicture


Lacking: TypeAlias = Mapping[int, frozenset[int]]
"""Ids of pictures to the layers, `FACTS` or `ROW`, that keep nothing of them, or something damaged."""


def lacking(catalogue: Catalogue, layers: Sequence[CollectionLayer]) -> Lacking:
    """The pictures that have to be looked at again: every row that is stored here is read."""
    lacks: dict[int, frozenset[int]] = {}
    for layer in layers:
        damaged = [
            picture
            for block in (() if catalogue.rows.engine(layer.id) else catalogue.rows.all(layer.id))
            for picture, code, intact in block
            if not intact or layer.fault(code)
        ]
        for picture in (*catalogue.unpaired(layer.id)[0], *damaged):
            lacks[picture] = lacks.get(picture, frozenset()) | {layer.id}
    for picture in catalogue.facts.lacking():
        lacks[picture] = lacks.get(picture, frozenset()) | {FACTS}
    for picture in catalogue.unsound():
        lacks[picture] = lacks.get(picture, frozenset()) | {ROW}
    return lacks


def plan(
    catalogue: Catalogue,
    sources: Sequence[str],
    options: Options,
    lacks: Lacking,
    passed: Counter[str] | None = None,
) -> Iterator[tuple[Verdict, Task]]:
    """Walk the sources, whose roots the catalogue has, and say of each file what is to be done with it.

    Pictures elsewhere of which something is lacking follow, as far as their files are there and may be read.
    Files that are passed over are counted in ``passed``, by suffix.
    """
    roots = catalogue.roots()
    for source in sources:
        root, folder = next((root, folder) for root, folder in roots.items() if within(source, folder))
        for file in (
            walk(source, options.inside, excludes=options.excludes, passed=passed)
            if os.path.isdir(source)
            else [look(source, options.inside)]
        ):
            place = FilePlace(root, os.fsencode(relative(file.path, folder)))
            yield _judge(catalogue, file, place, options, lacks)
    for path in catalogue.where(lacks.keys() - catalogue.misplaced()).values():
        place_there = None if lies_in(path, sources) or is_gone(path) else catalogue.place(path)
        file = look(path, options.inside)
        if place_there and not file.problem:  # nobody asked for it here, so it is no failure either
            yield _judge(catalogue, file, place_there, options, lacks)


def _judge(
    catalogue: Catalogue, file: WalkedFile, place: FilePlace, options: Options, lacks: Lacking
) -> tuple[Verdict, Task]:
    picture = catalogue.picture(place)
    less = lacks.get(picture.id, frozenset()) if picture else frozenset()
    task = Task(file.path, place, file.stamp, file.problem, less)
    if picture and picture.stamp == file.stamp and not (options.checksum or less):
        return "unchanged", task
    if not options.retry and catalogue.failed(place) == file.stamp:
        return "failed", task
    return "todo", task


def overcome(catalogue: Catalogue, sources: Sequence[str], away: Iterable[str]) -> list[FilePlace]:
    """Places of failures that stand no longer: the file is gone, or was a folder, which opens now.

    Those whose rows are damaged are among them: a file that still fails will be noted again.
    Nothing is known of what lies in one of the folders that are ``away``.
    """
    paths = [str(failure.path) for failure in catalogue.failures()]
    asked = [path for path in paths if lies_in(path, sources) and not lies_in(path, away)]
    stale = [path for path in asked if is_gone(path) or opens(path)]
    damaged = [place for place, _ in catalogue.unsound_failures()]
    return damaged + [place for path in stale if (place := catalogue.place(path))]


def gone(catalogue: Catalogue, sources: Sequence[str], away: Iterable[str], excludes: Excludes) -> list[int]:
    """Ids of the pictures below the sources whose files are no longer there, or are left out by now.

    What lies in one of the folders that are ``away`` is not among them. A picture without a path that could
    be one is: no file is its own.
    """
    return catalogue.misplaced() + [
        row
        for row, path, below in catalogue.paths()
        if lies_in(path, sources)
        and not lies_in(path, away)
        and (is_gone(path) or excludes.hold(path, path[: len(path) - len(below)]))
    ]


def settle(catalogue: Catalogue, outcome: TaskOutcome) -> str:
    """Write what became of a file; give the word under which `AddReport` counts it.

    A picture whose content changed gets a new id: segments hold what it showed before under the old one.
    """
    place, stamp, content = outcome.task.place, outcome.task.stamp, outcome.content
    known = catalogue.picture(place)
    if isinstance(content, BadPicture):
        catalogue.fail(place, stamp, content)
        # A file that is out of reach for now keeps its vector, and so does one that is as it was, which one
        # layer more cannot describe; one that holds something else now must not.
        same = known and known.sha256 == outcome.task.sha256
        if known and not same and content.reason not in ("unreadable", "vanished"):
            catalogue.delete([known.id])
        return "failed"
    catalogue.forgive(place)
    if known and (_is_another(catalogue, known, outcome.task, content) or not 1 <= known.id <= MOST):
        said, came = catalogue.facts.annotations(known.id), catalogue.facts.added(known.id)
        catalogue.delete([known.id])
        picture = catalogue.insert(place, stamp, content)
        catalogue.facts.annotate(picture, said)
        catalogue.facts.arrived(picture, came)
        return "changed"
    if known:
        return _renew(catalogue, known, outcome.task, content)
    holders = catalogue.holders(content.sha256)
    for holder, path in holders if outcome.task.seen else ():
        if path is None or is_gone(path) or is_respelt(path, outcome.task.path):
            catalogue.move(holder, place, stamp, content)
            return "moved"
    catalogue.insert(place, stamp, content)
    return "copied" if holders else "added"


def _is_another(catalogue: Catalogue, known: PictureRow, task: Task, content: Content) -> bool:
    """Whether a file shows something else than it did; a row that is damaged may only say so."""
    if known.sha256 == content.sha256:
        return False
    kept = all(catalogue.code_of(layer, known.id) == code for layer, code in content.codes.items())
    return ROW not in task.lacking or not kept


def _renew(catalogue: Catalogue, known: PictureRow, task: Task, content: Content) -> str:
    if ROW in task.lacking:
        catalogue.replace(known.id, task.place, task.stamp, content)
        return "completed"
    if known.stamp != task.stamp:
        catalogue.move(known.id, task.place, task.stamp, content)
    if task.lacking:
        catalogue.rows.put(known.id, {layer: content.codes[layer] for layer in task.lacking - {FACTS}})
        if content.facts and FACTS in task.lacking:
            catalogue.facts.keep(known.id, content.facts)
        return "completed"
    return "unchanged"
