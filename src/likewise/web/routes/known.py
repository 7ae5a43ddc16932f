"""Routes that tell what is said of pictures, and whom a filter may ask for what."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request

from likewise.collection.store import FIELDS
from likewise.web import schemas
from likewise.web.problems import Problem
from likewise.web.services import Services, Serving
from likewise.web.services.library import Served

router = APIRouter(prefix="/collections/{name}", tags=["pictures"])


@router.get("/pictures/{picture}/said")
def said(name: str, picture: schemas.Id, request: Request, services: Serving) -> schemas.Said:
    """What is said of a picture: by its file, and by columns of the owner's own."""
    served = services.library[name]
    known = served.collection.known(served.entry(picture).id)
    facts = asdict(known.facts) if known.facts else {}
    if not is_at_home(request, services):
        facts |= {"latitude": None, "longitude": None}
    return schemas.Said(added=known.added, annotations=dict(known.annotations), **facts)


@router.get("/facets")
async def facets(
    name: str,
    request: Request,
    services: Serving,
    where: Annotated[str | None, Query(max_length=2000, description="Count only these.")] = None,
) -> schemas.Facets:
    """How many pictures there are of each year, camera, lens, rating and folder, and what filters ask for."""
    served = services.library[name]
    private = is_at_home(request, services)
    fields = [field.name for field in FIELDS.values() if private or not field.private]
    if not served.exists:
        return schemas.Facets(facets=[], fields=fields, columns=[])
    see_filter(request, services, served, where)
    counted = await services.gate.run(served.collection.facets, where)
    facets = [
        schemas.Facet(
            name=facet.name,
            values=[schemas.Counted(value=value, pictures=count) for value, count in facet.counts],
        )
        for facet in counted
    ]
    return schemas.Facets(facets=facets, fields=fields, columns=list(served.collection.columns()))


def see_filter(request: Request, services: Services, served: Served, where: str | None) -> None:
    """Refuse a filter that asks where pictures were taken, of who may not see that.

    Raises `Problem` 403; `BadFilter` when it cannot be understood.
    """
    if where is None or not served.exists or not served.collection.filter(where).is_private:
        return
    if not is_at_home(request, services):
        raise Problem(403, "forbidden", "where pictures were taken is told only to who may write here")


def is_at_home(request: Request, services: Services) -> bool:
    """Whether a client, on this machine without a token or one that may write, sees more than others."""
    settings = services.settings
    return bool(request.state.writes) and (settings.token is None or not settings.read_only)
