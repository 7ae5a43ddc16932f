"""Routes that tell about collections."""

from __future__ import annotations

from fastapi import APIRouter

from likewise.errors import UsageError
from likewise.explaining import check
from likewise.recipes.recipe import Recipe
from likewise.web import schemas
from likewise.web.routes.paging import Cursor, Size, page
from likewise.web.services import Services, Serving
from likewise.web.services.library import Served

router = APIRouter(prefix="/collections", tags=["collections"])


@router.get("")
def collections(services: Serving) -> schemas.Collections:
    """All collections of this server."""
    return schemas.Collections(collections=[_told(services, served) for served in services.library])


@router.get("/{name}")
def collection(name: str, services: Serving) -> schemas.Collection:
    """One collection: how it was made, and what it holds."""
    return _told(services, services.library[name])


@router.get("/{name}/folders")
def folders(name: str, services: Serving) -> schemas.Folders:
    """The folders with pictures."""
    counts = services.library[name].folders()
    rows = [schemas.Folder(path=path, pictures=count) for path, (_, count) in counts.items()]
    return schemas.Folders(folders=rows)


@router.get("/{name}/failures")
def failures(name: str, services: Serving, k: Size = 100, cursor: Cursor = None) -> schemas.Failures:
    """Files that could not be indexed, each with its reason."""
    served = services.library[name]
    if not served.exists:
        return schemas.Failures(failures=[], total=0, next=None)
    failed, labels = served.collection.failures(), served.labels()
    start, stop, following = page(k, cursor, len(failed), services.settings.limits.page)
    shown = [served.failure(failure, labels) for failure in failed[start:stop]]
    return schemas.Failures(failures=shown, total=len(failed), next=following)


def _told(services: Services, served: Served) -> schemas.Collection:
    name, indexing = served.name, services.jobs.indexing(served)
    if not served.exists:
        return schemas.Collection(name=name, pictures=0, failures=0, generation=0, indexing=indexing)
    info, recipe = served.collection.info(), served.collection.recipe
    services.metrics.pictures.labels(name).set(info.pictures)
    manifest = info.manifest
    return schemas.Collection(
        name=name,
        pictures=info.pictures,
        failures=info.failures,
        generation=info.generation,
        changed=info.changed,
        bytes=info.bytes,
        recipe=info.recipe,
        recipe_hash=manifest.recipe_hash[:12],
        recipe_toml=_without_folders(manifest.recipe),
        network=manifest.network,
        weights_hash=manifest.weights_hash[:12],
        dimensions=manifest.dimensions,
        code=info.code,
        engine=manifest.engine,
        precision=manifest.precision,
        distance=recipe.vector.distance if recipe.vectors else "words",
        explains=_explains(recipe),
        localise=bool(recipe.words) or all(part.pooling.windows is not None for part in recipe.vector.parts),
        indexing=indexing,
        roots=list(served.labels()),
        same_pictures=_others(services, served),
    )


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
