"""What of a query picture is looked for: its official box, as published protocols cut it, or all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, get_args

from likewise.errors import UsageError
from likewise.evaluation.benchmark import Benchmark, Query
from likewise.evaluation.vectors import View
from likewise.networks import find
from likewise.pictures import size_of
from likewise.types import Box
from likewise.words.recipe import AnyRecipe, WordsRecipe

CropMode: TypeAlias = Literal["box", "full", "widened", "legacy-crow"]
"""What of a query picture is looked for.

``box``: the official box, scaled by the factor of its whole picture. ``full``: the whole picture.
``widened``: the box and half a receptive field around it, as systems see it that keep the features whose
centre lies in the box (NetVLAD's published code). ``legacy-crow``: the box as the code published with CroW
cut it, right and bottom taken for width and height; wrong, and there to show what the mistake is worth.
"""


def possible_crop(crop: CropMode, benchmark: Benchmark) -> CropMode:
    """The crop as it will be: ``full`` where there is nothing to cut."""
    if crop not in get_args(CropMode):
        raise UsageError(f"no crop is called {crop!r}: use {', '.join(get_args(CropMode))}")
    if crop == "full" or any(query.box for query in benchmark.queries):
        return crop
    if crop == "box":
        return "full"
    raise UsageError(f"crop {crop!r} needs query boxes, and {benchmark.name} has none: use --crop full")


def query_view(query: Query, crop: CropMode, recipe: AnyRecipe) -> View:
    """What of a query picture is described."""
    box = query.box
    if box is None or crop == "full":
        return View(query.picture)
    if crop == "legacy-crow":  # extract_queries.py of CroW reads x1 y1 x2 y2 as x y width height
        box = Box(box.x1, box.y1, box.x1 + box.x2, box.y1 + box.y2)
    elif crop == "widened":
        box = _widened(box, query.picture, recipe)
    return View(query.picture, box)


def _widened(box: Box, picture: Path, recipe: AnyRecipe) -> Box:
    """The box and half a receptive field around it, which is a length of the resized picture."""
    field = receptive_field(recipe)
    if not field:
        raise UsageError(
            f"crop 'widened' needs a known receptive field, and a tap of recipe {recipe.name!r} has none: "
            "use --crop box"
        )
    width, height = size_of(picture)
    resize = recipe.patches.resize if isinstance(recipe, WordsRecipe) else recipe.resize
    wide, high = resize.target(width, height)
    across, down = field / 2 * width / wide, field / 2 * height / high
    return Box(box.x1 - across, box.y1 - down, box.x2 + across, box.y2 + down)


def receptive_field(recipe: AnyRecipe) -> int:
    """Side of the largest receptive field among a recipe's taps, in pixels of the resized picture.

    That of visual words is the largest patch. 0 when a tap sees the whole picture, or its field is not known.
    """
    if isinstance(recipe, WordsRecipe):
        return round(recipe.patches.size / min(recipe.patches.scales))
    card = find(recipe.network)
    fields = [card.tap(part.tap).field for part in recipe.parts]
    return 0 if 0 in fields else max(fields)
