"""A recipe says what is kept of a picture, layer by layer.

Recipes are small TOML files: a head, and a table for each layer::

    name = "both"
    about = "one vector and visual words"

    [[layers]]
    name = "whole"                 # its kind without one; no two layers share a name
    kind = "vector"                # the keys of `likewise.descriptors.recipe`
    network = "efficientnet-lite0"
    resize = { size = 640 }
    parts = [{ tap = "head" }]

    [[layers]]
    kind = "words"                 # the keys of `likewise.words.recipe`
    ...

A file without ``[[layers]]`` is the table of its only layer, and that layer is called as the recipe is.

This module alone knows which kinds of layers there are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from likewise.descriptors import VectorRecipe
from likewise.errors import BadRecipe, UsageError
from likewise.tables import RecipeText, choose, recipe_names, toml_lines
from likewise.words import WordsRecipe

LayerRecipe: TypeAlias = VectorRecipe | WordsRecipe
"""How one layer is made."""

_READERS: dict[str, Callable[[Mapping[str, Any], Path], LayerRecipe]] = {
    VectorRecipe.kind: VectorRecipe.read,
    WordsRecipe.kind: WordsRecipe.read,
}


@dataclass(frozen=True)
class Recipe:
    """A recipe: the layers that are kept of a picture.

    Raises `BadRecipe` when there is no layer, or two have one name or keep the same.

    Attributes
    ----------
    layers
        In the order in which searches ask them.
    """

    name: str
    layers: tuple[LayerRecipe, ...]
    about: str = ""

    def __post_init__(self) -> None:
        if not self.layers:
            raise BadRecipe("a recipe needs at least one layer")
        for what, values in (
            ("are called", [layer.name for layer in self.layers]),
            ("keep the same, of hash", [layer.hash for layer in self.layers]),
        ):
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise BadRecipe(f"two layers {what} {twice!r}")

    @classmethod
    def of(cls, layer: LayerRecipe) -> Recipe:
        """The recipe of that layer alone."""
        return cls(layer.name, (layer,), layer.about)

    @property
    def hash(self) -> str:
        """Sha256 of all that changes what is stored, in hexadecimal; of a single layer its own.

        Names, the order of layers and how a search asks them do not count.
        """
        hashes = sorted(layer.hash for layer in self.layers)
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    @property
    def network(self) -> str:
        """Names of the networks that it needs."""
        return ", ".join(dict.fromkeys(layer.network for layer in self.layers))

    @property
    def vectors(self) -> tuple[VectorRecipe, ...]:
        """Its layers that make a vector."""
        return tuple(layer for layer in self.layers if isinstance(layer, VectorRecipe))

    @property
    def words(self) -> tuple[WordsRecipe, ...]:
        """Its layers of visual words."""
        return tuple(layer for layer in self.layers if isinstance(layer, WordsRecipe))

    @property
    def vector(self) -> VectorRecipe:
        """Its first layer that makes a vector.

        Raises `UsageError` when it has none.
        """
        if not self.vectors:
            raise UsageError(
                f"recipe {self.name!r} makes visual words, and this needs a recipe that makes a vector"
            )
        return self.vectors[0]

    def to_toml(self) -> str:
        """Write the recipe such that `parse_recipe` gives an equal one."""
        if self == Recipe.of(self.layers[0]):
            return self.layers[0].to_toml()
        text = toml_lines({"name": self.name, "about": self.about})
        for layer in self.layers:
            text += ["", "[[layers]]", f'kind = "{layer.kind}"']
            text += [_nested(line) for line in layer.to_toml().splitlines() if not line.startswith("kind = ")]
        return "\n".join(text) + "\n"

    def difference(self, other: Recipe) -> str:
        """Differences in what is stored, as ``key this against other, ...``; empty when there are none."""
        if self.hash == other.hash:
            return ""
        if len(self.layers) == len(other.layers) == 1:
            return _unlike(self.layers[0], other.layers[0])
        shared = {layer.hash for layer in self.layers} & {layer.hash for layer in other.layers}
        mine, theirs = (
            {layer.name: layer for layer in recipe.layers if layer.hash not in shared}
            for recipe in (self, other)
        )
        both = sorted(mine.keys() & theirs.keys())
        told = [f"layer {name}: {_unlike(mine[name], theirs[name])}" for name in both]
        if only := mine.keys() ^ theirs.keys():
            names = (", ".join(sorted(only & layers.keys())) or "none" for layers in (mine, theirs))
            told.append(" against ".join(f"layers {named}" for named in names))
        return "; ".join(told)

    def whitened(self, path: Path) -> Recipe:
        """Give this recipe with its vector whitened; see `VectorRecipe.whitened`."""
        return self._with(self.vector, self.vector.whitened(path))

    def quantised(self, path: Path) -> Recipe:
        """Give this recipe with its vector stored as code ``pq``; see `VectorRecipe.quantised`."""
        return self._with(self.vector, self.vector.quantised(path))

    def with_vocabulary(self, path: Path) -> Recipe:
        """Give this recipe with the codebooks in a file for its visual words.

        Raises `UsageError` when it has no layer of words, or several.
        """
        if len(self.words) != 1:
            raise UsageError(f"a vocabulary is for one layer of visual words: {self._kinds}")
        return self._with(self.words[0], self.words[0].with_vocabulary(path))

    def scored(self, given: Mapping[str, Any]) -> Recipe:
        """Give this recipe with options of scoring changed in its layers of visual words.

        Raises `UsageError` when it has none, there is no such option, or a value cannot be used.
        """
        if not given:
            return self
        if not self.words:
            raise UsageError(f"options of scoring are for visual words: {self._kinds}")
        scored = {layer.name: layer.scored(given) for layer in self.words}
        return replace(self, layers=tuple(scored.get(layer.name, layer) for layer in self.layers))

    def settled(self, own: Recipe) -> Recipe:
        """Give this recipe with what a collection's own recipe has for its layers.

        A layer that keeps the same is the collection's, which knows where its files lie, but for its name
        and its scoring; visual words without a vocabulary take one of the collection's if nothing else
        differs.
        """
        return replace(self, layers=tuple(_settled(layer, own.layers) for layer in self.layers))

    @property
    def _kinds(self) -> str:
        kinds = ", ".join(f"{layer.name!r} of kind {layer.kind}" for layer in self.layers)
        return f"recipe {self.name!r} has {kinds}"

    def _with(self, old: LayerRecipe, new: LayerRecipe) -> Recipe:
        """Another layer in the place of one; a recipe of a single layer takes its name."""
        if self == Recipe.of(old):
            return Recipe.of(new)
        named = replace(new, name=old.name)
        name = new.name.replace(old.name, self.name, 1)
        return replace(
            self, name=name, layers=tuple(named if layer == old else layer for layer in self.layers)
        )


def parse_recipe(text: str, *, origin: str = "recipe", folder: Path | None = None) -> Recipe:
    """Read a recipe from TOML text.

    Raises `BadRecipe` when it is not TOML, a key is unknown (the nearest known one is named), or a value
    cannot be used.

    Parameters
    ----------
    origin
        What error messages call it, such as its path.
    folder
        Where relative paths in it begin; the working folder for None.
    """
    return RecipeText(text, origin, folder).read(_made)


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Find a recipe by the name of a shipped one, or by the path of a ``.toml`` file.

    Raises `UnknownName` when no shipped recipe is called that; `BadRecipe` when the file cannot be read or
    understood.
    """
    return RecipeText.find(name_or_path).read(_made)


def as_recipe(given: str | Path | Recipe | LayerRecipe) -> Recipe:
    """A recipe by its name or path, or of a single layer; errors as for `load_recipe`."""
    if isinstance(given, str | Path):
        return load_recipe(given)
    return given if isinstance(given, Recipe) else Recipe.of(given)


def words_recipe_names() -> list[str]:
    """Names of the shipped recipes that have a layer of visual words."""
    return [name for name in recipe_names() if load_recipe(name).words]


def _made(head: Mapping[str, str], tables: Sequence[dict[str, Any]], folder: Path) -> Recipe:
    layers = tuple(_layer(table, folder) for table in tables)
    return Recipe(layers=layers, **head) if head else Recipe.of(layers[0])


def _layer(table: dict[str, Any], folder: Path) -> LayerRecipe:
    kind = table.get("kind", VectorRecipe.kind)
    choose("kind", kind if isinstance(kind, str) else repr(kind), _READERS)
    return _READERS[kind](table, folder)


def _nested(line: str) -> str:
    """A header of a table as one within the last of the layers; lines of values begin with their key."""
    return re.sub(r"^(\[+)", r"\1layers.", line)


def _settled(layer: LayerRecipe, owned: tuple[LayerRecipe, ...]) -> LayerRecipe:
    for own in owned:
        if isinstance(layer, WordsRecipe) and isinstance(own, WordsRecipe):
            kept = replace(layer, vocabulary=own.vocabulary)
            if kept.hash == own.hash and layer.hash in (own.hash, replace(layer, vocabulary={}).hash):
                return kept
        elif layer.hash == own.hash:
            return replace(own, name=layer.name, about=layer.about)
    return layer


def _unlike(mine: LayerRecipe, other: LayerRecipe) -> str:
    match mine, other:
        case VectorRecipe(), VectorRecipe():
            return mine.difference(other)
        case WordsRecipe(), WordsRecipe():
            return mine.difference(other)
    return f"{mine.name} and {other.name}, of which one is of visual words and the other of a vector"
