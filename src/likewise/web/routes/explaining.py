"""The route that says why two pictures are alike."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from fastapi import APIRouter

from likewise.collection.layers import PatchMatches
from likewise.drawing import heat_layer
from likewise.drawing.pages import data_address
from likewise.errors import LikewiseError, UsageError
from likewise.explaining import Contributions, check, patch_shares
from likewise.pictures import size_of
from likewise.recipes.recipe import Recipe
from likewise.types import Box
from likewise.web import schemas
from likewise.web.services import Services, Serving
from likewise.web.services.asking import box_of
from likewise.web.services.library import Served
from likewise.words import WordsRecipe

router = APIRouter(tags=["search"])

_LINES = 60
"""Pairs of patches that are told at most, the strongest ones."""


@router.post("/collections/{name}/explain")
async def explain(name: str, asked: schemas.Explain, services: Serving) -> schemas.Explanation:
    """Share the score of a query and a picture out among the places of both."""
    return await services.gate.run(_explained, services, services.library[name], asked)


def _explained(services: Services, served: Served, asked: schemas.Explain) -> schemas.Explanation:
    query = services.asking.source(served, asked.query)
    hit = served.source(served.entry(asked.picture))
    explanation = _matched(served, query, hit, asked.query)
    if explanation is None:
        explanation = _shared(services, served, query, hit, asked)
    if asked.search is not None:
        explanation.found, explanation.shares = services.asking.account(served, asked.search, asked.picture)
    return explanation


def _shared(
    services: Services, served: Served, query: bytes | Path, hit: bytes | Path, asked: schemas.Explain
) -> schemas.Explanation:
    """Why one vector is like another: what each place gives to that."""
    box = box_of(asked.query)
    explanation = served.collection.explain(query, hit, box=box, crop=asked.query.crop)
    top = max(float(np.abs(side.cells).max()) for side in (explanation.first, explanation.second))
    located = _located(services, served, asked) if box and not served.collection.recipe.words else None
    return schemas.Explanation(
        layer=served.collection.recipe.vector.name,
        score=explanation.similarity,
        constant=explanation.second.constant,
        exact=True,
        query=_side(query, explanation.first, box, top),
        hit=_side(hit, explanation.second, located, top),
    )


def _matched(
    served: Served, query: bytes | Path, hit: bytes | Path, asked: schemas.Query
) -> schemas.Explanation | None:
    """Why two pictures share visual words, by the layer whose matches fit best together.

    None where none do, and a vector can say more.
    """
    recipe, box = served.collection.recipe, box_of(asked)
    best: tuple[float, str, PatchMatches] | None = None
    for layer in recipe.words:
        matched = served.collection.matches(query, hit, box=box, crop=asked.crop, layer=layer.name)
        above = _above(matched, layer)
        if best is None or above > best[0]:
            best = above, layer.name, matched
    if best is None or (best[0] <= 0 and _shares_out(recipe)):
        return None
    return _told(query, hit, best[1], best[2], box, fits=best[0] > 0)


def _above(matched: PatchMatches, layer: WordsRecipe) -> float:
    """By how much matches fit better than those of other things do; at most 0 where they do not."""
    if matched.fit is None:
        return 0.0
    return matched.fit.score - (layer.scoring.floor if layer.scoring.votes else 0.0)


def _shares_out(recipe: Recipe) -> bool:
    """Whether a vector's likeness can be shared out among places."""
    with suppress(UsageError):
        check(recipe.vector)
        return True
    return False


def _told(
    query: bytes | Path, hit: bytes | Path, layer: str, matched: PatchMatches, box: Box | None, *, fits: bool
) -> schemas.Explanation:
    """The places that match, and how much lies where; as pairs only those that fit together."""
    matches, fit = matched.matches, matched.fit if fits else None
    sides = [
        patch_shares(boxes, places, matches.weight, size_of(source))
        for source, boxes, places in (
            (query, matched.first, matches.query),
            (hit, matched.second, matches.picture),
        )
    ]
    top = max(float(side.cells.max(initial=0)) for side in sides)
    kept = fit.inliers if fit else np.zeros(len(matches), bool)
    strongest = np.flatnonzero(kept)[np.argsort(-matches.weight[kept], kind="stable")[:_LINES]]
    return schemas.Explanation(
        layer=layer,
        score=matched.score,
        constant=0.0,
        exact=True,
        query=_side(query, sides[0], box, top),
        hit=_side(hit, sides[1], fit.box if fit else None, top),
        outline=fit.outline.tolist() if fit else None,
        inliers=fit.count if fit else None,
        matches=[
            schemas.Match(
                query=matched.first[matches.query[row]].tolist(),
                hit=matched.second[matches.picture[row]].tolist(),
                weight=float(matches.weight[row]),
            )
            for row in strongest.tolist()
        ],
    )


def _located(services: Services, served: Served, asked: schemas.Explain) -> Box | None:
    """Where in the picture the query is found; None for recipes that cannot tell."""
    vector = services.asking.vector(served, asked.query)
    path = served.entry(asked.picture).path
    try:
        hits = served.collection.search(vector, k=1, under=path, then=["localise:top=1"])
    except LikewiseError:
        return None
    return hits[0].box if hits else None


def _side(source: bytes | Path, side: Contributions, box: Box | None, top: float) -> schemas.Side:
    width, height = size_of(source)
    rows, columns = side.cells.shape
    return schemas.Side(
        width=width,
        height=height,
        region=list(side.area.corners),
        box=list(box.corners) if box else None,
        heat=schemas.Heat(rows=rows, columns=columns, values=side.cells.ravel().tolist(), top=top),
        png=data_address(heat_layer(side.cells), "png"),
    )
