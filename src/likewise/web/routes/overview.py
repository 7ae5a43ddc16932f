"""Routes that show a collection as a whole: as a map, its clusters."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Query
from pydantic import BaseModel

from likewise.collection import Collection
from likewise.downstream import find_clusters, find_layout
from likewise.errors import UsageError
from likewise.types import ProgressCallback
from likewise.web import schemas
from likewise.web.services import Serving
from likewise.web.services.library import Served
from likewise.web.services.overviews import Overviews

router = APIRouter(prefix="/collections", tags=["overview"])

MapMethod: TypeAlias = Literal["pca", "tsne"]

SHOWN = 12
"""Pictures of a cluster that are told in full, if it is not said how many."""

COLOURS = 12
"""Groups in which a map is coloured."""

NEIGHBOURS = 1000
"""Pictures up to which a map by neighbours is drawn ahead of being asked for: it takes their square."""

USUAL = 20
"""Clusters that the page asks for first."""


class Groups(BaseModel):
    """Clusters as they are kept: by the ids of their pictures."""

    clusters: list[list[int]]
    alone: list[int]


@router.get("/{name}/map")
async def layout(name: str, services: Serving, method: Annotated[MapMethod, Query()] = "pca") -> schemas.Map:
    """Where the pictures lie on a map on which what is alike lies together, and groups to colour it by."""
    served = services.library[name]
    look = partial(_map, services.overviews, served, method)
    return await services.overviews.ask(services.overview_gate, (name, "map", method), look)


@router.get("/{name}/clusters")
async def clusters(
    name: str,
    services: Serving,
    count: Annotated[
        int | None, Query(ge=1, le=1000, description="How many; chosen if it is not given.")
    ] = None,
    method: Annotated[Literal["kmeans", "hdbscan"], Query()] = "kmeans",
    shown: Annotated[
        int, Query(ge=1, le=1000, description="Pictures of each that are told in full.")
    ] = SHOWN,
) -> schemas.Clusters:
    """Groups of pictures that are alike, the largest first, the most central picture of each first."""
    served = services.library[name]
    look = partial(_clusters, services.overviews, served, count, method)
    groups = await services.overviews.ask(services.overview_gate, (name, "clusters", count, method), look)
    rows = [
        schemas.Cluster(size=len(ids), pictures=told_pictures(served, ids[:shown]), ids=ids)
        for ids in groups.clusters
    ]
    return schemas.Clusters(clusters=rows, alone=groups.alone, generation=served.generation)


def look_ahead(overviews: Overviews, served: Served, progress: ProgressCallback) -> None:
    """Find what the page asks for first, unless what is told of the progress ends it.

    Raises `UsageError` when the collection keeps no vectors.
    """
    _map(overviews, served, "pca", progress)
    if len(served.collection) <= NEIGHBOURS:
        _map(overviews, served, "tsne", progress)
    _clusters(overviews, served, USUAL, "kmeans", progress)


def _map(overviews: Overviews, served: Served, method: MapMethod, progress: ProgressCallback) -> schemas.Map:
    find = partial(_drawn, overviews, served, method, progress)
    return overviews.kept(served, ("map", method), schemas.Map, find, progress)


def _drawn(
    overviews: Overviews,
    served: Served,
    method: MapMethod,
    progress: ProgressCallback,
    collection: Collection,
) -> schemas.Map:
    generation = served.generation
    map_layout = find_layout(collection, method=method, progress=progress)
    groups: dict[int, int] = {}
    with suppress(UsageError):  # there are fewer pictures than groups
        coloured = _clusters(overviews, served, COLOURS, "kmeans", progress).clusters
        groups = {id: number for number, ids in enumerate(coloured) for id in ids}
    points = [
        schemas.Point(id=id, x=x, y=y, group=groups.get(id, 0))
        for id, (x, y) in zip(map_layout.ids.tolist(), map_layout.positions.tolist(), strict=True)
    ]
    return schemas.Map(points=points, method=map_layout.method, generation=generation)


def _clusters(
    overviews: Overviews,
    served: Served,
    count: int | None,
    method: Literal["kmeans", "hdbscan"],
    progress: ProgressCallback,
) -> Groups:
    def find(collection: Collection) -> Groups:
        clustering = find_clusters(collection, method=method, k=count, progress=progress)
        return Groups(
            clusters=[list(cluster.ids) for cluster in clustering.clusters], alone=list(clustering.alone)
        )

    return overviews.kept(served, ("clusters", method, count), Groups, find, progress)


def told_pictures(served: Served, ids: list[int]) -> list[schemas.Picture]:
    """Pictures as clients see them."""
    return served.pictures(served.collection.entries(ids))
