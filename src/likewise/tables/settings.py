"""Recipes and other settings as TOML: found by name, checked against tables of defaults, and written."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from likewise.errors import BadRecipe, UsageError
from likewise.registry import lookup, nearest

T = TypeVar("T")

Option: TypeAlias = str | bool | int | float

BOUNDS: dict[str, tuple[float, float]] = {
    "exponent": (0.01, 1.0),
    "weight": (1e-6, 1e6),
    "size": (0, 1_000_000_000),
    "scale": (0.01, 16.0),
}
"""Smallest and largest value of the numbers in a recipe, but for those that a pooling has of its own."""

_KINDS: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a table",
    list: "a list",
}

LONGEST = 1 << 18
"""Characters of a recipe at most; those that are shipped have a few hundred."""

_PARTS = 100
"""Parts of a key at most: the time that reading one takes grows with their square."""


def read_toml(text: str) -> dict[str, Any]:
    """Parse TOML, in a time that is bounded.

    Raises `ValueError`, `OverflowError` or `RecursionError` when it is none, or is too long.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it has more than {LONGEST} characters")
    if max(part.count(".") for part in re.split(r"[={,\n]", text)) > _PARTS:
        raise ValueError(f"a key in it has more than {_PARTS} parts")
    return tomllib.loads(text)


def settle(
    given: Mapping[str, Any],
    defaults: Mapping[str, Option],
    where: str,
    bounds: Mapping[str, tuple[float, float]] = BOUNDS,
) -> dict[str, Any]:
    """Values of all ``defaults``, taken from ``given`` where it has them; checked for kind and bounds."""
    known_keys(given, defaults, where)
    settled: dict[str, Any] = dict(defaults)
    for key, value in given.items():
        kind: Any = type(defaults[key])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise BadRecipe(f"{key} of {where} must be {_KINDS[kind]}, not {value!r}")
        limits = bounds.get(key)
        if limits and not limits[0] <= value <= limits[1]:
            raise BadRecipe(
                f"{key} of {where} must lie between {limits[0]:g} and {limits[1]:g}, not {value!r}"
            )
        settled[key] = kind(value)
    return settled


def defaults_of(kind: type[Any], *without: str) -> dict[str, Option]:
    """Defaults of the fields of a dataclass, but for some of them."""
    return {entry.name: entry.default for entry in fields(kind) if entry.name not in without}  # type: ignore[misc]


def known_keys(given: Iterable[str], known: Collection[str], where: str) -> None:
    """Refuse a key that is not among the known ones, naming the nearest."""
    for key in given:
        if key not in known:
            hint = nearest(key, known) if known else "it takes no options"
            raise BadRecipe(f"{where} has no key {key!r}; {hint}")


def choose(what: str, value: str, among: Collection[str]) -> None:
    """Refuse a value that is not among some, naming the nearest."""
    if value not in among:
        raise BadRecipe(f"{what} cannot be {value!r}; {nearest(str(value), among)}")


def expect(kind: type[T], value: Any, where: str) -> T:
    """A table or list as it is; refuses anything else, naming where it stands."""
    if not isinstance(value, kind):
        raise BadRecipe(f"{where} must be {_KINDS[kind]}, not {value!r}")
    return value


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested tables and lists as one table with dotted keys."""
    if isinstance(value, Mapping):
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        return {prefix: value}
    return {
        k: v
        for key, inner in items
        for k, v in flat(inner, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def difference(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Differences of two tables, as ``key this against other, ...``; empty when there is none."""
    mine, theirs = flat(mine), flat(theirs)
    keys = [key for key in sorted({*mine, *theirs}) if mine.get(key) != theirs.get(key)]
    return ", ".join(f"{key} {mine.get(key, 'absent')} against {theirs.get(key, 'absent')}" for key in keys)


def toml_lines(table: Mapping[str, Any]) -> list[str]:
    """One ``key = value`` line for each entry."""
    return [f"{key} = {toml(value)}" for key, value in table.items()]


def toml(value: Any) -> str:
    """One TOML value. JSON's strings, numbers and booleans are TOML's, but for a bare DEL."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(inner) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@dataclass(frozen=True)
class RecipeText:
    """A recipe as it is written.

    Attributes
    ----------
    origin
        What error messages call it.
    folder
        Where relative paths in it begin; the working folder for None.
    """

    text: str
    origin: str = "recipe"
    folder: Path | None = None

    @classmethod
    def find(cls, name_or_path: str | Path) -> RecipeText:
        """A recipe by the name of a shipped one, or by the path of a ``.toml`` file.

        Raises `UnknownName` when no shipped recipe is called that; `BadRecipe` when the file cannot be read.
        """
        if isinstance(name_or_path, str) and not name_or_path.endswith(".toml"):
            shipped = lookup("recipe", name_or_path, _shipped())
            folder = shipped.parent if isinstance(shipped, Path) else None
            return cls(shipped.read_text("utf-8"), f"recipe {name_or_path!r}", folder)
        path = Path(name_or_path)
        try:
            return cls(path.read_text("utf-8"), str(path), path.parent)
        except (OSError, ValueError) as error:
            raise BadRecipe(f"recipe file {path} cannot be read: {error}") from error

    def read(self, make: Callable[[dict[str, str], list[dict[str, Any]], Path], T]) -> T:
        """Build it of its head, of the tables of its layers, each called by its kind, and of its folder.

        A recipe without ``[[layers]]`` has no head: it is itself the table of its only layer. Errors name
        where it was read from. Raises `BadRecipe` when it is not TOML, or what it says cannot be used.
        """
        folder = self.folder or Path()
        try:
            table = read_toml(self.text)
            if "layers" not in table:
                return make({}, [table], folder)
            layers = [expect(dict, layer, "layers") for layer in expect(list, table.pop("layers"), "layers")]
            head = settle(table, {"name": "", "about": ""}, "the head of a recipe of layers")
            return make(head, [{"name": layer.get("kind", "vector")} | layer for layer in layers], folder)
        except (ValueError, OverflowError, RecursionError) as error:  # also numbers and nests without an end
            raise BadRecipe(f"{self.origin} is not a TOML file: {error}") from error
        except UsageError as error:
            raise BadRecipe(f"{self.origin}: {error}") from None

    def difference(self, other: RecipeText) -> str:
        """Differences of two recipes of any kind; names and where files lie do not matter."""
        tables = [
            {
                key: value
                for key, value in flat(read_toml(recipe.text)).items()
                if key not in ("name", "about") and key.rpartition(".")[2] != "file"
            }
            for recipe in (self, other)
        ]
        return difference(*tables)


def recipe_names() -> list[str]:
    """Names of the shipped recipes, ``default`` first."""
    return list(_shipped())


def _shipped() -> dict[str, Traversable]:
    paths: dict[str, Traversable] = {}
    for folder in ("", "words"):
        entries = (files("likewise") / "recipes" / folder).iterdir()
        named = {entry.name.removesuffix(".toml"): entry for entry in entries if entry.name.endswith(".toml")}
        paths |= {name: named[name] for name in sorted(named, key=lambda name: (name != "default", name))}
    return paths
