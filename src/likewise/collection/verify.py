"""Checking a collection from end to end."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from likewise.collection.layers.flaws import Flaw
from likewise.collection.layers.layer import CollectionLayer
from likewise.collection.reach import lies_in, out_of_reach
from likewise.collection.reports import VerifyReport
from likewise.collection.store.catalogue import Catalogue
from likewise.errors import CollectionDamaged
from likewise.files.paths import is_gone
from likewise.progress import Meter
from likewise.types import ProgressCallback


def verify(
    catalogue: Catalogue, layers: Sequence[CollectionLayer], progress: ProgressCallback | None = None
) -> VerifyReport:
    """Check the catalogue, all that every layer keeps, and that pictures' files are there."""
    faults: list[Flaw] = []
    checks = (
        _integrity(catalogue),
        _lost(catalogue),
        _rows(catalogue),
        _values(catalogue),
        _failures(catalogue),
        *(layer.verify(catalogue) for layer in layers),
        _facts(catalogue),
        _annotations(catalogue),
        _files(catalogue, progress or (lambda _: None)),
    )
    checked = 0
    for check in checks:
        try:
            faults.extend(check)
            if any("2nd reference to page" in fault.message for fault in faults):
                break  # pages may lead in a circle: whoever reads on may never end
            checked = catalogue.count()
        except CollectionDamaged as error:  # so damaged that not all of it can be read
            faults.append(Flaw("database", "catalogue", str(error)))
    return VerifyReport(list(dict.fromkeys(faults)), checked)


def _integrity(catalogue: Catalogue) -> Iterator[Flaw]:
    for text in catalogue.integrity():
        yield Flaw(
            "database", "catalogue", f"{text}: restore the collection from a copy, or index again elsewhere"
        )


def _lost(catalogue: Catalogue) -> Iterator[Flaw]:
    if lost := catalogue.lost:
        yield Flaw("commits-lost", "catalogue", lost.told(catalogue.folder))


def _rows(catalogue: Catalogue) -> Iterator[Flaw]:
    for picture in catalogue.unsound():
        what = f"the row of picture {picture} is not what was written, or one that no picture has"
        yield Flaw("row-damaged", f"id {picture}", f"{what}: index its folder again, or remove it by its id")


def _values(catalogue: Catalogue) -> Iterator[Flaw]:
    """Values that cannot be, and rows of small tables that are not what was written."""
    named = set()
    for name, read in (
        ("meta generation", lambda: catalogue.generation),
        ("meta changed", lambda: catalogue.changed),
        ("roots", catalogue.roots),
        ("pictures", catalogue.last_given),
    ):
        try:
            read()
        except CollectionDamaged as error:
            named.add(name)
            yield Flaw("database", "catalogue", str(error))
    for table, key in catalogue.unwritten():
        if f"{table} {key}" not in named:
            kind, what, remedy = _UNWRITTEN[table]
            yield Flaw(kind, f"{table} {key}", f"{what.format(key)} is not what was written: {remedy}")


_UNWRITTEN = {
    "meta": ("note-damaged", "what is noted as {}", "the next index does without it"),
    "roots": (
        "root-damaged",
        "the path of folder {}",
        "index a folder again, which puts it right if the file `committed` tells what it was; else restore "
        "the collection from a copy",
    ),
    "layers": (
        "layer-damaged",
        "the manifest of layer {}",
        "restore the collection from a copy, or index again elsewhere",
    ),
}
"""By table: the kind of fault, what is meant, and the remedy."""


def _failures(catalogue: Catalogue) -> Iterator[Flaw]:
    for place, error in catalogue.unsound_failures():
        where = f"root {place.root!r}, path {place.path!r}"
        message = f"a file that failed cannot be told ({error.__cause__!r}): the next index forgets it"
        yield Flaw("failure-damaged", where, message)


def _facts(catalogue: Catalogue) -> Iterator[Flaw]:
    """Only what is damaged: what a picture lacks the next indexing reads."""
    for picture in catalogue.facts.damaged():
        file = _named(catalogue, picture)
        message = f"what {file} says of its picture is not what was read: index its folder again"
        yield Flaw("facts-damaged", file, message)


def _annotations(catalogue: Catalogue) -> Iterator[Flaw]:
    for picture, column in catalogue.facts.unsaid():
        file = _named(catalogue, picture)
        message = f"what is said of {file} in column {column} is not what was written: annotate it again"
        yield Flaw("annotation-damaged", file, message)


def _named(catalogue: Catalogue, picture: object) -> str:
    """Where a picture is, or its id, which in a damaged row may be anything."""
    known = catalogue.where([picture]).get(picture) if isinstance(picture, int) else None
    return known or f"id {picture}"


def _files(catalogue: Catalogue, progress: ProgressCallback) -> Iterator[Flaw]:
    total, roots = catalogue.count(), catalogue.roots()
    tell = Meter(progress, total, note="files")
    away = _away(catalogue)
    for folder, count in away.items():
        message = (
            f"{folder} holds none of its {count} pictures: mount its disk, or, if they are gone for good, "
            f"`likewise index {shlex.quote(folder)} --prune-all`"
        )
        yield Flaw("folder-away", folder, message)
    for done, (picture, root, path) in enumerate(catalogue.places(), 1):
        try:
            file = catalogue.absolute(roots, root, path)
        except CollectionDamaged as error:
            what = f"picture {picture} has no path that can be read ({error.__cause__!r})"
            remedy = "remove it by its id, or let `likewise index --prune` forget it"
            yield Flaw("path-damaged", f"id {picture}", f"{what}: {remedy}")
        else:
            if not lies_in(file, away) and is_gone(file):
                again = f"`likewise index {shlex.quote(roots[root])} --prune`"
                yield Flaw("file-missing", file, f"{file} is gone: remove it, or let {again} forget it")
        if done % 1000 == 0 or done == total:
            tell(done)


def _away(catalogue: Catalogue) -> dict[str, int]:
    try:
        return out_of_reach(catalogue)
    except CollectionDamaged:  # of which there is a fault of its own
        return {}
