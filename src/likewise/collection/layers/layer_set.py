"""The layers of a collection: which there are, and which of them a recipe asks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from likewise.collection.layers.encoders import Encoders
from likewise.collection.layers.layer import CollectionLayer
from likewise.collection.layers.vector_layer import VectorLayer
from likewise.collection.layers.words_layer import WordsLayer
from likewise.collection.store.catalogue import Catalogue, StoredLayer
from likewise.descriptors import Manifest
from likewise.errors import CollectionDamaged, ManifestMismatch, UsageError
from likewise.recipes import LayerRecipe, Recipe, parse_recipe
from likewise.types import ProgressCallback

_KINDS: Mapping[str, Any] = {"vector": VectorLayer, "words": WordsLayer}

_HEAD = "recipe"
"""Key of the name and about of the recipe in the catalogue."""


@dataclass(frozen=True)
class LayerSet:
    """The layers of a collection that a recipe asks.

    Attributes
    ----------
    recipe
        It, or the collection's own.
    layers
        One for each of the recipe's layers that the collection has, in their order.
    others
        Those that the collection has besides.
    """

    recipe: Recipe
    layers: tuple[CollectionLayer, ...]
    others: tuple[CollectionLayer, ...] = ()

    @property
    def missing(self) -> list[LayerRecipe]:
        """Layers of the recipe that the collection does not have."""
        there = {layer.recipe.hash for layer in self.layers}
        return [layer for layer in self.recipe.layers if layer.hash not in there]

    @classmethod
    def of(
        cls, catalogue: Catalogue, folder: Path, encoders: Encoders, wanted: Recipe | None = None
    ) -> LayerSet:
        """Read them from a catalogue that has some.

        Raises `CollectionDamaged` when a manifest holds no recipe; `ManifestMismatch` when a recipe is wanted
        that has none of them.
        """
        stored = [opened(entry, folder, encoders) for entry in catalogue.layers()]
        own = _own(catalogue, stored)
        if wanted is None:
            return cls(own, tuple(stored))
        wanted = wanted.settled(own)
        by_hash = {layer.recipe.hash: layer for layer in stored}
        chosen = tuple(by_hash[layer.hash] for layer in wanted.layers if layer.hash in by_hash)
        if not chosen:
            raise ManifestMismatch(
                f"{folder} was made by another recipe ({own.difference(wanted)}); "
                "leave the recipe out to use its own, or index into a new collection"
            )
        return cls(wanted, chosen, tuple(layer for layer in stored if layer not in chosen))

    def exact(self, folder: Path) -> None:
        """Refuse a recipe that has not every layer of the collection and no other.

        Raises `ManifestMismatch` when it does not.
        """
        if self.missing or self.others:
            own = replace(self.recipe, layers=tuple(layer.recipe for layer in (*self.layers, *self.others)))
            raise ManifestMismatch(
                f"{folder} was made by another recipe ({own.difference(self.recipe)}): it stays as it is; "
                "name a new collection"
            )

    def complete(self, folder: Path) -> None:
        """Refuse a recipe of which the collection lacks layers.

        Raises `ManifestMismatch` when it does.
        """
        if self.missing:
            names = ", ".join(layer.name for layer in self.missing)
            raise ManifestMismatch(f"{folder} lacks the layers {names}: index with this recipe to add them")


def opened(stored: StoredLayer, folder: Path, encoders: Encoders) -> CollectionLayer:
    """A layer as the catalogue has it."""
    recipe = _parsed(stored.manifest.recipe, str(folder))
    layer: CollectionLayer = _KINDS[recipe.kind](stored.id, recipe, stored.manifest, folder, encoders)
    return layer


def vector_layer(layers: LayerSet, folder: Path) -> VectorLayer:
    """The first layer that makes a vector.

    Raises `UsageError` when there is none.
    """
    wanted = {recipe.hash for recipe in layers.recipe.vectors}
    for layer in layers.layers:
        if layer.recipe.hash in wanted:
            return cast(VectorLayer, layer)
    what = "a collection of visual words, which has no vectors"
    remedy = "index the pictures with another recipe for this"
    raise UsageError(f"{folder} is {what}: {remedy}", public=f"this is {what}: {remedy}")


def ready(recipe: Recipe, progress: ProgressCallback | None) -> Recipe:
    """A recipe by which layers can be added: vocabularies that it leaves open are learned."""
    layers = tuple(_KINDS[layer.kind].ready(layer, progress) for layer in recipe.layers)
    return replace(recipe, layers=layers)


def fit(
    catalogue: Catalogue,
    folder: Path,
    encoders: Encoders,
    recipe: Recipe,
    made: Sequence[Manifest] = (),
) -> list[CollectionLayer]:
    """Give a catalogue, within a change, the layers of a recipe; give those that were dropped.

    Parameters
    ----------
    made
        How rows that are to be taken over were made: their network is not needed.
    """
    manifests = {manifest.recipe_hash: manifest for manifest in made}
    there = {
        layer.recipe.hash: layer
        for layer in (opened(entry, folder, encoders) for entry in catalogue.layers())
    }
    for place, wanted in enumerate(recipe.layers):
        layer = there.pop(wanted.hash, None)
        if layer is None:
            manifest = manifests.get(wanted.hash) or encoders.open(wanted, None, 1).manifest
            row = catalogue.add_layer(manifest)
            layer = opened(StoredLayer(row, manifest), folder, encoders)
            layer.keep(wanted)
        _place(catalogue, layer, place, wanted.name)
    head = json.dumps({"name": recipe.name, "about": recipe.about})
    if catalogue.noted(_HEAD) != head:
        catalogue.note(_HEAD, head)
    for layer in there.values():
        layer.drop(catalogue)
    return list(there.values())


def _place(catalogue: Catalogue, layer: CollectionLayer, place: int, name: str) -> None:
    manifest = layer.manifest
    if layer.recipe.name != name:
        manifest = replace(manifest, recipe=replace(layer.recipe, name=name).to_toml())
    catalogue.place_layer(layer.id, place, manifest)


def _own(catalogue: Catalogue, layers: Iterable[CollectionLayer]) -> Recipe:
    """The recipe of the collection; of one that has no head, as those of version 1, that of its layer."""
    recipes = tuple(layer.recipe for layer in layers)
    try:
        head = json.loads(catalogue.noted(_HEAD) or "null") or {
            "name": recipes[0].name,
            "about": recipes[0].about,
        }
        name, about = str(head["name"]), str(head["about"])
        (name + about).encode()  # as in a manifest
        return Recipe(layers=recipes, name=name, about=about)
    except (ValueError, TypeError, KeyError, UsageError) as error:
        raise CollectionDamaged(f"the recipe of the collection cannot be read: {error!r}") from error


@cache
def _parsed(toml: str, path: str) -> LayerRecipe:
    try:
        return parse_recipe(toml, origin=f"the manifest of {path}").layers[0]
    except UsageError as error:
        raise CollectionDamaged(f"{error}; restore the collection from a copy, or index again") from error
