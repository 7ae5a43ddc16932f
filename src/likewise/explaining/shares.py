"""Which places of two pictures make them alike: the similarity, shared out among the cells of both maps.

The similarity is a sum over the numbers of two vectors. With the vector of the one picture held, it is
affine in what each cell of the other gives to its pooled vector, so that it falls apart into one number a
cell and a constant, which only a whitening has: minus its mean. Nothing is estimated; the numbers add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likewise.arrays import spread
from likewise.descriptors import POOLINGS, Encoder, VectorRecipe
from likewise.errors import UsageError
from likewise.explaining.tracing import trace
from likewise.pictures import Loaded, Source
from likewise.types import Box, CropScale, Doubles, FloatArray, IntArray

GRID = 32
"""Cells along the longer side of a picture whose patches are shared out."""


@dataclass(frozen=True)
class Contributions:
    """Shares of one picture's places in a similarity.

    Attributes
    ----------
    area
        What of the upright picture the cells cover, evenly, in its pixels.
    cells
        float64 ``(h, w)``: what each cell of the finest map gives, all scales and parts added. Those of
        coarser maps are spread evenly over their area.
    constant
        What no place gives: the mean of a whitening. ``cells.sum() + constant`` is the similarity.
    """

    area: Box
    cells: Doubles
    constant: float


@dataclass(frozen=True)
class Explanation:
    """A similarity and where in two pictures it comes from.

    Attributes
    ----------
    similarity
        As a collection of that recipe scores the pair, to rounding.
    first, second
        Either one adds up to the similarity.
    """

    similarity: float
    first: Contributions
    second: Contributions


def explain(
    extractor: Encoder,
    a: Source,
    b: Source,
    *,
    box: Box | None = None,
    crop: CropScale = "whole",
    max_pixels: int | None = None,
) -> Explanation:
    """Share the similarity of two pictures out among their places.

    Raises `BadPicture` or `BadBox` when a picture or the box cannot be used; `UsageError` when the recipe
    does not share out: its pooling does not, see `likewise.descriptors.poolings.Pooling`, it reads a vector
    instead of a map, or it compares by distance.

    Parameters
    ----------
    extractor
        A `likewise.descriptors.extractor.Extractor`.
    a, b
        Anything that `likewise.pictures.load` takes.
    box, crop
        Part of ``a`` to compare, in pixels of the upright picture, and how it is resized.
    """
    check(extractor.recipe)
    loaded = (
        extractor.prepare(a, box=box, crop=crop, max_pixels=max_pixels),
        extractor.prepare(b, max_pixels=max_pixels),
    )
    cells = [_pieces(extractor, picture) for picture in loaded]
    traces = [
        trace(extractor.recipe, [[x.sum(axis=(1, 2)) for x in scale] for scale in maps]) for maps in cells
    ]
    first, second = (
        _contributions(
            cells[own], *traces[own].back(traces[1 - own].vector), _area(loaded[own], (box, None)[own])
        )
        for own in (0, 1)
    )
    return Explanation(float(traces[0].vector @ traces[1].vector), first, second)


def check(recipe: VectorRecipe) -> None:
    """See that the similarities of a recipe share out among cells.

    Raises `UsageError` when they do not, with what to use instead.
    """
    for part in recipe.parts:
        if part.pooling.shares is None:
            known = [name for name, pooling in POOLINGS.sound().items() if pooling.shares]
            raise UsageError(
                f"pool {part.pool!r} of recipe {recipe.name!r} does not share out among cells: use a recipe "
                f"with pool {', '.join(known[:-1])} or {known[-1]}, such as default"
            )
    if recipe.distance != "cosine":
        raise UsageError(
            f"recipe {recipe.name!r} compares by distance, which is no sum over places: use one with "
            'distance = "cosine"'
        )


def _pieces(extractor: Encoder, picture: Loaded) -> list[list[Doubles]]:
    """For each scale and each part what every cell gives to the pooled vector, ``(c, h, w)``."""
    parts = extractor.recipe.parts
    return [
        [
            part.pooling.shared(maps, part.options)
            for maps, part in zip(extractor.maps([picture], scale)[0], parts, strict=True)
        ]
        for scale in range(len(extractor.recipe.scales))
    ]


def _contributions(
    cells: Sequence[Sequence[Doubles]], weights: Sequence[Sequence[Doubles]], constant: float, area: Box
) -> Contributions:
    grids = [
        np.einsum("c,chw->hw", weight, x)
        for scale, scale_weights in zip(cells, weights, strict=True)
        for x, weight in zip(scale, scale_weights, strict=True)
    ]
    height, width = (max(sides) for sides in zip(*(grid.shape for grid in grids), strict=True))
    total = np.zeros((height, width))
    for grid in grids:
        total += spread(grid.shape[0], height) @ grid @ spread(grid.shape[1], width).T
    return Contributions(area, total, constant)


def _area(loaded: Loaded, box: Box | None) -> Box:
    """The part of a picture that was loaded."""
    if box is None:
        return Box(0, 0, loaded.width, loaded.height)
    return Box(*box.clip(loaded.width, loaded.height))


def patch_shares(
    boxes: FloatArray, patches: IntArray, weights: FloatArray, size: tuple[int, int]
) -> Contributions:
    """The weights of matching patches, spread evenly over the places of a picture that they cover.

    Parameters
    ----------
    boxes
        float32 ``(n, 4)``: the picture's patches, in its pixels.
    patches, weights
        int64 and float32 ``(m,)``: the patch of each match, and what the match adds to the score.
    size
        Width and height of the picture.
    """
    width, height = size
    columns, rows = (max(1, round(GRID * side / max(size))) for side in size)
    cells = np.zeros((rows, columns))
    sums = np.bincount(patches, weights, minlength=len(boxes))
    scale = np.array([columns / width, rows / height] * 2)
    for patch in np.flatnonzero(sums).tolist():
        left, top, right, bottom = np.maximum(boxes[patch] * scale, 0)  # keypoints' squares reach beyond
        x, y = min(int(left), columns - 1), min(int(top), rows - 1)
        x2, y2 = max(x + 1, round(float(right))), max(y + 1, round(float(bottom)))
        part = cells[y:y2, x:x2]
        part += sums[patch] / part.size
    return Contributions(Box(0, 0, width, height), cells, 0.0)
