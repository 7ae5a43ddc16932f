"""Routes that tell about collections."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from likewise.collection.reports import Info
from likewise.errors import UsageError
from likewise.inspection.explain import check
from likewise.recipes.recipe import Recipe
from likewise.web import schemas
from likewise.web.library import Served
from likewise.web.paging import Cursor, Size, page
from likewise.web.services import Services, Serving

router = APIRouter(prefix="/collections", tags=["collections"])


@router.get("", response_model=schemas.Collections)
def collections(services: Serving) -> dict[str, Any]:
    """All collections of this server."""
    return {"collections": [_told(services, served) for served in services.library]}


@router.get("/{name}", response_model=schemas.Collection)
def collection(name: str, services: Serving) -> dict[str, Any]:
    """One collection: how it was made, and what it holds."""
    return _told(services, services.library[name])


@router.get("/{name}/folders", response_model=schemas.Folders)
def folders(name: str, services: Serving) -> dict[str, Any]:
    """The folders with pictures."""
    found = services.library[name].folders()
    return {"folders": [{"path": path, "pictures": count} for path, (_, count) in found.items()]}


@router.get("/{name}/failures", response_model=schemas.Failures)
def failures(name: str, services: Serving, k: Size = 100, cursor: Cursor = None) -> dict[str, Any]:
    """Files that could not be indexed, each with its reason."""
    served = services.library[name]
    if not served.exists:
        return {"failures": [], "total": 0, "next": None}
    found, labels = served.collection.failures(), served.labels()
    start, stop, following = page(k, cursor, len(found), services.settings.limits.page)
    shown = [served.failure(failure, labels) for failure in found[start:stop]]
    return {"failures": shown, "total": len(found), "next": following}


def _told(services: Services, served: Served) -> dict[str, Any]:
    if not served.exists:
        return {
            "name": served.name,
            "pictures": 0,
            "failures": 0,
            "generation": 0,
            "indexing": services.jobs.indexing(served),
        }
    info, recipe = served.collection.info(), served.collection.recipe
    services.metrics.pictures.labels(served.name).set(info.pictures)
    return _facts(info, recipe) | {
        "name": served.name,
        "indexing": services.jobs.indexing(served),
        "roots": list(served.labels()),
        "same_pictures": _others(services, served),
    }


def _facts(info: Info, recipe: Recipe) -> dict[str, Any]:
    manifest = info.manifest
    return {
        "pictures": info.pictures,
        "failures": info.failures,
        "generation": info.generation,
        "changed": info.changed,
        "bytes": info.bytes,
        "recipe": info.recipe,
        "recipe_hash": manifest.recipe_hash[:12],
        "recipe_toml": _without_folders(manifest.recipe),
        "network": manifest.network,
        "weights_hash": manifest.weights_hash[:12],
        "dimensions": manifest.dimensions,
        "code": info.code,
        "engine": manifest.engine,
        "precision": manifest.precision,
        "distance": recipe.vector.distance if recipe.vectors else "words",
        "explains": _explains(recipe),
        "localise": bool(recipe.words)
        or all(part.pooling.windows is not None for part in recipe.vector.parts),
    }


def _explains(recipe: Recipe) -> bool:
    """Whether a similarity can be shared out among places, or among patches."""
    if recipe.words:
        return True
    try:
        check(recipe.vector)
    except UsageError:
        return False
    return True


def _without_folders(toml: str) -> str:
    """A recipe whose learned files are named without where they lie."""
    lines = []
    for line in toml.splitlines():
        key, equals, value = line.partition(" = ")
        lines.append(
            f'{key}{equals}"{value.strip().strip(chr(34)).rpartition("/")[2]}"' if "/" in value else line
        )
    return "\n".join(lines)


def _others(services: Services, served: Served) -> list[str]:
    """Other collections of the same folders, which have other recipes."""
    roots = set(served.collection.roots())
    return [
        other.name
        for other in services.library
        if other is not served and roots and set(other.collection.roots()) == roots
    ]
