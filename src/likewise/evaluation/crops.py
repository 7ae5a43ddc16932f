"""The searched part of a query picture: its official box, as published protocols cut it, or all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, get_args

from likewise.descriptors.describing import PictureView
from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery
from likewise.pictures import size_of
from likewise.recipes import LayerRecipe
from likewise.types import Box

CropMode: TypeAlias = Literal["box", "full", "widened", "legacy-crow"]
"""The searched part of a query picture.

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


def views_of(benchmark: Benchmark, crop: CropMode, recipe: LayerRecipe) -> list[PictureView]:
    """Views to describe: queries first, then the gallery; errors as for `evaluate`."""
    queries = [query_view(query, crop, recipe) for query in benchmark.queries]
    return [*queries, *(PictureView(file) for file in benchmark.gallery.values())]


def query_view(query: BenchmarkQuery, crop: CropMode, recipe: LayerRecipe) -> PictureView:
    """The described part of a query picture."""
    box = query.box
    if box is None or crop == "full":
        return PictureView(query.picture)
    if crop == "legacy-crow":  # extract_queries.py of CroW reads x1 y1 x2 y2 as x y width height
        box = Box(box.x1, box.y1, box.x1 + box.x2, box.y1 + box.y2)
    elif crop == "widened":
        box = _widened(box, query.picture, recipe)
    return PictureView(query.picture, box)


def _widened(box: Box, picture: Path, recipe: LayerRecipe) -> Box:
    """The box and half a receptive field around it, which is a length of the resized picture."""
    field = recipe.receptive_field
    if not field:
        raise UsageError(
            f"crop 'widened' needs a known receptive field, and a tap of recipe {recipe.name!r} has none: "
            "use --crop box"
        )
    width, height = size_of(picture)
    wide, high = recipe.resize.target(width, height)
    across, down = field / 2 * width / wide, field / 2 * height / high
    return Box(box.x1 - across, box.y1 - down, box.x2 + across, box.y2 + down)
