"""Checking a collection from end to end."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from likewise.collection.catalogue import Catalogue
from likewise.collection.codes import Code
from likewise.collection.pace import Pace
from likewise.collection.reach import lies_in, out_of_reach
from likewise.collection.reports import Fault, VerifyReport
from likewise.collection.segments import Segments
from likewise.collection.walk import is_gone
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.recipe import VectorRecipe
from likewise.errors import CollectionDamaged, WeightsError
from likewise.recipes.recipe import LayerRecipe
from likewise.types import FloatArray, Progress, ProgressCallback
from likewise.words.recipe import WordsRecipe
from likewise.words.sketch import fault_of
from likewise.words.vocabulary import Vocabulary

TOLERANCE = 0.01
"""How far from 1 a length may be: fp16 moves it by 5e-4 at most, int8 by some thousandths."""

_AGAIN = "remove it and index its file again"


def verify(
    catalogue: Catalogue,
    manifest: Manifest,
    recipe: LayerRecipe,
    folder: Path,
    progress: ProgressCallback | None = None,
) -> VerifyReport:
    """Check the catalogue, every vector or sketch, the segments in ``folder``, and pictures' files."""
    faults: list[Fault] = []
    checks = (
        _integrity(catalogue),
        _values(catalogue),
        _manifest(manifest, recipe),
        _pairs(catalogue),
        _rows(catalogue, manifest, recipe, folder),
        _files(catalogue, progress or (lambda _: None)),
    )
    checked = 0
    for check in checks:
        try:
            faults.extend(check)
            checked = catalogue.count()
        except CollectionDamaged as error:  # so damaged that not all of it can be read
            faults.append(Fault("database", "catalogue", str(error)))
    return VerifyReport(list(dict.fromkeys(faults)), checked)


def _integrity(catalogue: Catalogue) -> Iterator[Fault]:
    for text in catalogue.integrity():
        yield Fault(
            "database", "catalogue", f"{text}: restore the collection from a copy, or index again elsewhere"
        )


def _values(catalogue: Catalogue) -> Iterator[Fault]:
    for read in (
        lambda: catalogue.generation,
        lambda: catalogue.changed,
        catalogue.roots,
        catalogue.failures,
    ):
        try:
            read()
        except CollectionDamaged as error:
            yield Fault("database", "catalogue", str(error))


def _rows(catalogue: Catalogue, manifest: Manifest, recipe: LayerRecipe, folder: Path) -> Iterator[Fault]:
    if isinstance(recipe, WordsRecipe):
        return _words(catalogue, recipe, folder)
    return _vectors(catalogue, recipe, Code.of(recipe, manifest.dimensions))


def _words(catalogue: Catalogue, recipe: WordsRecipe, folder: Path) -> Iterator[Fault]:
    file = str(recipe.vocabulary["file"])
    try:
        vocabulary = Vocabulary.load(Path(file), sha256=str(recipe.vocabulary["sha256"]))
    except WeightsError as error:
        yield Fault("vocabulary", file, f"{error}: copy the file there that the pictures were indexed with")
    else:
        yield from _sketches(catalogue, Segments(folder, vocabulary.sizes))


def _sketches(catalogue: Catalogue, segments: Segments) -> Iterator[Fault]:
    for block in catalogue.codes():
        for picture, written in block:
            if fault := fault_of(written, segments.sizes):
                yield _fault(catalogue, "sketch-damaged", picture, f"has no sound sketch ({fault})")
    for path, fault in segments.faults(catalogue):
        message = f"{fault}; `likewise optimise` makes it again from the catalogue"
        yield Fault("segment-damaged", str(path), message)


def _manifest(manifest: Manifest, recipe: LayerRecipe) -> Iterator[Fault]:
    if recipe.hash != manifest.recipe_hash:
        message = (
            f"the recipe is not the one that made the vectors: {recipe.hash}, not {manifest.recipe_hash}"
        )
        yield Fault("manifest", "recipe", message)


def _pairs(catalogue: Catalogue) -> Iterator[Fault]:
    bare, stray = catalogue.unpaired()
    for picture in bare:
        yield _fault(catalogue, "vector-missing", picture, "has no vector")
    for picture in stray:
        yield Fault("vector-stray", f"id {picture}", f"vector {picture} has no picture")


def _vectors(catalogue: Catalogue, recipe: VectorRecipe, code: Code) -> Iterator[Fault]:
    # pq keeps no lengths
    unit = bool(recipe.transforms) and recipe.transforms[-1].kind == "l2" and recipe.code != "pq"
    for block in catalogue.codes():
        for picture, written in block:
            if not code.fits(written):
                size = (
                    f"{len(written)} bytes"
                    if isinstance(written, bytes)
                    else f"type {type(written).__name__}"
                )
                what = f"has a vector of {size}, not {code.width} bytes"
                yield _fault(catalogue, "vector-length", picture, what)
        sound = [row for row in block if code.fits(row[1])]
        yield from _numbers(catalogue, sound, code.decode([written for _, written in sound]), unit=unit)


def _numbers(
    catalogue: Catalogue, rows: Sequence[tuple[int, bytes]], vectors: FloatArray, *, unit: bool
) -> Iterator[Fault]:
    finite = np.isfinite(vectors).all(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = np.linalg.norm(vectors, axis=1)
    odd = finite & (lengths > 0) & (np.abs(lengths - 1) > TOLERANCE)  # a picture without features stays zero
    for row in np.flatnonzero(~finite).tolist():
        yield _fault(
            catalogue, "vector-not-finite", rows[row][0], "has a vector with numbers that are not finite"
        )
    for row in np.flatnonzero(odd).tolist() if unit else ():
        what = f"has a vector of length {lengths[row]:.3g}, not 1"
        yield _fault(catalogue, "vector-not-normalised", rows[row][0], what)


def _files(catalogue: Catalogue, progress: ProgressCallback) -> Iterator[Fault]:
    total, pace, roots = catalogue.count(), Pace(), catalogue.roots()
    away = _away(catalogue)
    for folder, count in away.items():
        message = (
            f"{folder} holds none of its {count} pictures: mount its disk, or, if they are gone for good, "
            f"`likewise index {shlex.quote(folder)} --prune-all`"
        )
        yield Fault("folder-away", folder, message)
    for done, (picture, root, path) in enumerate(catalogue.places(), 1):
        try:
            file = catalogue.absolute(roots, root, path)
        except CollectionDamaged as error:
            what = f"picture {picture} has no path that can be read: remove it by its id"
            yield Fault("path-damaged", f"id {picture}", f"{what} ({error.__cause__!r})")
        else:
            if not lies_in(file, away) and is_gone(file):
                again = f"`likewise index {shlex.quote(roots[root])} --prune`"
                yield Fault("file-missing", file, f"{file} is gone: remove it, or let {again} forget it")
        if done % 1000 == 0 or done == total:
            progress(Progress(done, total, remaining=pace.remaining(done, total), note="files"))


def _away(catalogue: Catalogue) -> dict[str, int]:
    try:
        return out_of_reach(catalogue)
    except CollectionDamaged:  # of which there is a fault of its own
        return {}


def _fault(catalogue: Catalogue, kind: str, picture: int, what: str) -> Fault:
    try:
        path = catalogue.where([picture]).get(picture, f"id {picture}")
    except CollectionDamaged:  # of which there is a fault of its own
        path = f"id {picture}"
    return Fault(kind, path, f"{path} {what}: {_AGAIN}")
