"""Flaws of what a layer keeps, with their remedies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from likewise.collection.layers.segments import Segments
from likewise.collection.store.catalogue import Catalogue
from likewise.descriptors import Manifest
from likewise.errors import CollectionDamaged
from likewise.recipes import LayerRecipe

AGAIN = "remove it and index its file again"
"""The remedy for a row that is damaged."""


@dataclass(frozen=True)
class Flaw:
    """Something wrong with a collection.

    Attributes
    ----------
    kind
        ``database``, ``commits-lost``, ``row-damaged``, ``manifest``, ``vector-missing``, ``vector-stray``,
        ``vector-length``, ``vector-damaged``, ``vector-not-finite``, ``vector-not-normalised``,
        ``sketch-damaged``, ``segment-damaged``, ``vocabulary``, ``facts-damaged``,
        ``failure-damaged``, ``path-damaged``, ``file-missing`` or ``folder-away``.
    subject
        What it is about: a path, or the catalogue.
    message
        A sentence with the remedy.
    """

    kind: str
    subject: str
    message: str


def row_fault(catalogue: Catalogue, kind: str, picture: int, what: str, remedy: str = AGAIN) -> Flaw:
    """A fault of what is kept of one picture."""
    try:
        path = catalogue.where([picture]).get(picture, f"id {picture}")
    except CollectionDamaged:  # of which there is a fault of its own
        path = f"id {picture}"
    return Flaw(kind, path, f"{path} {what}: {remedy}")


def paired(catalogue: Catalogue, layer: int) -> Iterator[Flaw]:
    """Pictures of which a layer keeps nothing, and what it keeps of none."""
    bare, stray = catalogue.unpaired(layer)
    for picture in bare:
        what = "is not described by every layer"  # as where adding a layer was interrupted
        yield row_fault(catalogue, "vector-missing", picture, what, "index its folder again")
    for picture in stray:
        yield Flaw("vector-stray", f"id {picture}", f"vector {picture} has no picture")


def signed(manifest: Manifest, recipe: LayerRecipe) -> Iterator[Flaw]:
    """Whether a manifest's recipe is the one that it was signed for."""
    if recipe.hash != manifest.recipe_hash:
        message = (
            f"the recipe is not the one that made the vectors: {recipe.hash}, not {manifest.recipe_hash}"
        )
        yield Flaw("manifest", "recipe", message)


def segment_faults(segments: Segments[Any, Any], catalogue: Catalogue) -> Iterator[Flaw]:
    """Files by which a layer is searched that are damaged."""
    for path, fault in segments.faults(catalogue):
        message = f"{fault}; `likewise optimise` makes it again from the catalogue"
        yield Flaw("segment-damaged", str(path), message)
