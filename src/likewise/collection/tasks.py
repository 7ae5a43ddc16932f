"""What there is to do: files that differ from what the catalogue knows of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from likewise.collection.catalogue import Catalogue, Content, Picture, Place, relative
from likewise.collection.walk import Found, Stamp, is_gone, look, opens, walk, within
from likewise.errors import BadPicture

Verdict: TypeAlias = Literal["unchanged", "failed", "todo"]


@dataclass(frozen=True)
class Options:
    """How to add: see `likewise.collection.collection.Collection.add`."""

    prune: bool = False
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


def overcome(catalogue: Catalogue, sources: Sequence[str]) -> list[Place]:
    """Places of failures that stand no longer: the file is gone, or was a folder, which opens now."""
    paths = [str(failure.path) for failure in catalogue.failures()]
    stale = [path for path in paths if _covered(path, sources) and (is_gone(path) or opens(path))]
    return [place for path in stale if (place := catalogue.place(path))]


def gone(catalogue: Catalogue, sources: Sequence[str]) -> list[int]:
    """Ids of the pictures below the sources whose files are no longer there."""
    return [row for row, path, _ in catalogue.paths() if _covered(path, sources) and is_gone(path)]


def _covered(path: str, sources: Sequence[str]) -> bool:
    return any(within(path, source) for source in sources)


def settle(catalogue: Catalogue, outcome: Outcome) -> str:
    """Write what became of a file; give the word under which `AddReport` counts it."""
    place, stamp, content = outcome.task.place, outcome.task.stamp, outcome.content
    known = catalogue.picture(place)
    if isinstance(content, BadPicture):
        catalogue.fail(place, stamp, content)
        # A file that is out of reach for now keeps its vector; one that holds something else now must not.
        if known and content.reason not in ("unreadable", "vanished"):
            catalogue.delete([known.id])
        return "failed"
    catalogue.forgive(place)
    if known:
        return _renew(catalogue, known, outcome.task.stamp, content, fresh=outcome.fresh)
    holders = catalogue.holders(content.sha256)
    for holder, path in holders:
        if is_gone(path):
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
