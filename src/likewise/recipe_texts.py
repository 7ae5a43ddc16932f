"""The recipes that come with likewise, and the text of any recipe by its name or path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from likewise.errors import BadRecipe, UsageError
from likewise.registry import lookup
from likewise.tables import as_list, as_table, read_toml, settle

T = TypeVar("T")

_FOLDERS = ("", "words")


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

        Raises
        ------
        UnknownName
            When no shipped recipe is called that.
        BadRecipe
            When the file cannot be read.
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

    def layers(self) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """Name and about of a recipe of layers, and the table of each; a layer is called by its kind.

        A recipe without ``[[layers]]`` has no head: it is itself the table of its only layer.

        Raises
        ------
        ValueError, OverflowError, RecursionError
            When it is not TOML.
        BadRecipe
            When its head cannot be used.
        """
        table = read_toml(self.text)
        if "layers" not in table:
            return {}, [table]
        layers = [as_table(layer, "layers") for layer in as_list(table.pop("layers"), "layers")]
        head = settle(table, {"name": "", "about": ""}, "the head of a recipe of layers")
        return head, [{"name": layer.get("kind", "vector")} | layer for layer in layers]

    def understood(self, read: Callable[[], T]) -> T:
        """What reading it gives; errors name where it was read from.

        Raises
        ------
        BadRecipe
            When it is not TOML, or what it says cannot be used.
        """
        try:
            return read()
        except (ValueError, OverflowError, RecursionError) as error:  # also numbers and nests without an end
            raise BadRecipe(f"{self.origin} is not a TOML file: {error}") from error
        except UsageError as error:
            raise BadRecipe(f"{self.origin}: {error}") from None


def recipe_names() -> list[str]:
    """Names of the shipped recipes, ``default`` first."""
    return list(_shipped())


def _shipped() -> dict[str, Traversable]:
    found: dict[str, Traversable] = {}
    for folder in _FOLDERS:
        entries = (files("likewise") / "recipes" / folder).iterdir()
        named = {one.name.removesuffix(".toml"): one for one in entries if one.name.endswith(".toml")}
        found |= {name: named[name] for name in sorted(named, key=lambda name: (name != "default", name))}
    return found
