"""What there is to do: files that differ from what the catalogue knows of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from likewise.collection.catalogue import Catalogue, Content, Picture, Place, relative
from likewise.collection.reach import lies_in
from likewise.collection.walk import Found, Stamp, is_gone, is_respelt, look, opens, walk, within
from likewise.errors import BadPicture

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
    inside: str | None = None


@dataclass(frozen=True)
class Task:
    """A file to look into, what keeps it from being read, and its content's sha256 once it was."""

    path: str
    place: Place
    stamp: Stamp
    problem: BadPicture | None = None
    sha256: bytes = b""


@dataclass(frozen=True)
class Outcome:
    """What became of a task: a content, fresh from the network or known before, or what is wrong."""

    task: Task
    content: Content | BadPicture
    fresh: bool = False


def plan(catalogue: Catalogue, sources: Sequence[str], options: Options) -> Iterator[tuple[Verdict, Task]]:
    """Walk the sources, whose roots the catalogue has, and say of each file what is to be done with it."""
    roots = catalogue.roots()
    for source in sources:
        root, folder = next((root, folder) for root, folder in roots.items() if within(source, folder))
        for found in (
            walk(source, options.inside) if os.path.isdir(source) else [look(source, options.inside)]
        ):
            place = Place(root, os.fsencode(relative(found.path, folder)))
            yield _judge(catalogue, found, place, options)


def _judge(catalogue: Catalogue, found: Found, place: Place, options: Options) -> tuple[Verdict, Task]:
    picture = catalogue.picture(place)
    task = Task(found.path, place, found.stamp, found.problem)
    if picture and picture.stamp == found.stamp and not options.checksum:
        return "unchanged", task
    if not options.retry and catalogue.failed(place) == found.stamp:
        return "failed", task
    return "todo", task


def overcome(catalogue: Catalogue, sources: Sequence[str], away: Iterable[str]) -> list[Place]:
    """Places of failures that stand no longer: the file is gone, or was a folder, which opens now.

    Nothing is known of what lies in one of the folders that are ``away``.
    """
    paths = [str(failure.path) for failure in catalogue.failures()]
    asked = [path for path in paths if lies_in(path, sources) and not lies_in(path, away)]
    stale = [path for path in asked if is_gone(path) or opens(path)]
    return [place for path in stale if (place := catalogue.place(path))]


def gone(catalogue: Catalogue, sources: Sequence[str], away: Iterable[str]) -> list[int]:
    """Ids of the pictures below the sources whose files are no longer there; none in what is ``away``."""
    return [
        row
        for row, path, _ in catalogue.paths()
        if lies_in(path, sources) and not lies_in(path, away) and is_gone(path)
    ]


def settle(catalogue: Catalogue, outcome: Outcome, *, anew: bool = False) -> str:
    """Write what became of a file; give the word under which `AddReport` counts it.

    Parameters
    ----------
    anew
        Give a picture whose content changed a new id: the segments of an inverted index still hold what it
        showed before under the old one.
    """
    place, stamp, content = outcome.task.place, outcome.task.stamp, outcome.content
    known = catalogue.picture(place)
    if isinstance(content, BadPicture):
        catalogue.fail(place, stamp, content)
        # A file that is out of reach for now keeps its vector; one that holds something else now must not.
        if known and content.reason not in ("unreadable", "vanished"):
            catalogue.delete([known.id])
        return "failed"
    catalogue.forgive(place)
    if known and anew and known.sha256 != content.sha256:
        catalogue.delete([known.id])
        catalogue.insert(place, stamp, content)
        return "changed"
    if known:
        return _renew(catalogue, known, outcome.task.stamp, content, fresh=outcome.fresh)
    holders = catalogue.holders(content.sha256)
    for holder, path in holders:
        if is_gone(path) or is_respelt(path, outcome.task.path):
            catalogue.move(holder, place, stamp)
            return "moved"
    catalogue.insert(place, stamp, content)
    return "copied" if holders else "added"


def _renew(catalogue: Catalogue, known: Picture, stamp: Stamp, content: Content, *, fresh: bool) -> str:
    same = known.sha256 == content.sha256
    if fresh or not same:
        catalogue.replace(known.id, stamp, content)
    elif known.stamp != stamp:
        catalogue.touch(known.id, stamp)
    return "unchanged" if same else "changed"
