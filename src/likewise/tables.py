"""Tables of settings: checked against a table of defaults, flattened, and written as TOML."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

from likewise.errors import BadRecipe
from likewise.registry import nearest

Option: TypeAlias = str | bool | int | float

BOUNDS: dict[str, tuple[float, float]] = {
    "exponent": (0.01, 1.0),
    "weight": (1e-6, 1e6),
    "size": (0, 1_000_000_000),
    "scale": (0.01, 16.0),
}
"""Smallest and largest value of the numbers in a recipe, but for those that a pooling has of its own."""

_KINDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


LONGEST = 1 << 18
"""Characters of a recipe at most; those that are shipped have a few hundred."""

_PARTS = 100
"""Parts of a key at most: the time that reading one takes grows with their square."""


def read_toml(text: str) -> dict[str, Any]:
    """What TOML says, in a time that is bounded.

    Raises
    ------
    ValueError, OverflowError, RecursionError
        When it is none, or is too long.
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
    return {
        key: _checked(given[key], default, f"{key} of {where}", bounds.get(key)) if key in given else default
        for key, default in defaults.items()
    }


def _checked(value: Any, default: Any, where: str, bounds: tuple[float, float] | None) -> Any:
    numbers = isinstance(default, float) and type(value) is int
    if type(value) is not type(default) and not numbers:
        raise BadRecipe(f"{where} must be {_KINDS[type(default)]}, not {value!r}")
    if bounds and not bounds[0] <= value <= bounds[1]:
        raise BadRecipe(f"{where} must lie between {bounds[0]:g} and {bounds[1]:g}, not {value!r}")
    return float(value) if numbers else value


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


def as_table(value: Any, where: str) -> dict[str, Any]:
    """Refuse what is no table."""
    if not isinstance(value, dict):
        raise BadRecipe(f"{where} must be a table, not {value!r}")
    return value


def as_list(value: Any, where: str) -> list[Any]:
    """Refuse what is no list."""
    if not isinstance(value, list):
        raise BadRecipe(f"{where} must be a list, not {value!r}")
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
    """What differs between two tables, as ``key this against other, ...``; empty when nothing does."""
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
