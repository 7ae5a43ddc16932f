"""Find the pictures that show the same thing.

>>> import likewise as lw
>>> collection = lw.Collection.open("photos.likewise")
>>> collection.add("photos/")
>>> for hit in collection.search("query.jpg", k=10):
...     print(hit.path, hit.score)

The names below are loaded when they are first used, so that ``import likewise`` costs next to nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from likewise._version import __version__
    from likewise.collection import Collection
    from likewise.descriptors import Extractor, VectorRecipe
    from likewise.downstream.descriptor import Descriptor
    from likewise.drawing.sheets import result_sheet
    from likewise.errors import LikewiseError
    from likewise.export import extract
    from likewise.inspection import inspect, inspect_pair
    from likewise.recipes import Recipe, load_recipe
    from likewise.tables import recipe_names
    from likewise.types import Box, Hit, Progress

# Threads of OpenBLAS, which numpy multiplies with, spin while they wait for the next product, up to a second.
# Searches make small products far apart: the spinning was a quarter of a query's processor time. With this
# they sleep after 2^10 ticks. OpenBLAS reads it when it is loaded: if numpy was imported before, not at all.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "10")

_HOMES = {
    "Box": "types",
    "Collection": "collection",
    "Descriptor": "downstream.descriptor",
    "Extractor": "descriptors",
    "Hit": "types",
    "LikewiseError": "errors",
    "Progress": "types",
    "Recipe": "recipes",
    "VectorRecipe": "descriptors",
    "__version__": "_version",
    "extract": "export",
    "inspect": "inspection",
    "inspect_pair": "inspection",
    "load_recipe": "recipes",
    "recipe_names": "tables",
    "result_sheet": "drawing.sheets",
}

__all__ = [
    "Box",
    "Collection",
    "Descriptor",
    "Extractor",
    "Hit",
    "LikewiseError",
    "Progress",
    "Recipe",
    "VectorRecipe",
    "__version__",
    "extract",
    "inspect",
    "inspect_pair",
    "load_recipe",
    "recipe_names",
    "result_sheet",
]


def __getattr__(name: str) -> object:
    """Load a public name from the module it lives in (PEP 562)."""
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'likewise' has no attribute {name!r}") from None
    value: object = getattr(import_module(f"likewise.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
