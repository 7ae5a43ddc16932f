"""Routes that show a collection as a whole: as a map, its clusters."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from likewise.collection.collection import Collection
from likewise.downstream.clusters import find_clusters
from likewise.downstream.layout import find_layout
from likewise.web import schemas
from likewise.web.library import Served
from likewise.web.services import Services, Serving

router = APIRouter(prefix="/collections", tags=["overview"])

SHOWN = 12
"""Pictures of a cluster that are told in full, if it is not said how many."""


@router.get("/{name}/map", response_model=schemas.Map)
async def layout(
    name: str, services: Serving, method: Annotated[Literal["pca", "tsne"], Query()] = "pca"
) -> dict[str, Any]:
    """Where the pictures lie on a map on which what is alike lies together."""
    served = services.library[name]
    found = await once(services, served, ("map", method), lambda one: find_layout(one, method=method))
    points = zip(found.ids.tolist(), found.positions.tolist(), strict=True)
    return {
        "points": [{"id": id, "x": x, "y": y} for id, (x, y) in points],
        "method": found.method,
        "generation": served.generation,
    }


@router.get("/{name}/clusters", response_model=schemas.Clusters)
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
) -> dict[str, Any]:
    """Groups of pictures that are alike, the largest first, the most central picture of each first."""
    served = services.library[name]
    key = ("clusters", method, count)
    found = await once(services, served, key, lambda one: find_clusters(one, method=method, k=count))
    return {
        "clusters": [
            {
                "size": len(cluster.ids),
                "pictures": told_pictures(served, cluster.ids[:shown]),
                "ids": list(cluster.ids),
            }
            for cluster in found.clusters
        ],
        "alone": list(found.alone),
        "generation": served.generation,
    }


async def once(services: Services, served: Served, what: Hashable, find: Callable[[Collection], Any]) -> Any:
    """What is found in a collection, once for each of its generations."""

    def work() -> Any:
        key = (served.name, served.moment, what)
        held = services.overviews.get(key)  # another client may have waited for the same
        return services.overviews.put(key, find(served.collection)) if held is None else held

    return await services.overview_gate.run(work)


def told_pictures(served: Served, ids: tuple[int, ...]) -> list[dict[str, Any]]:
    """Pictures as clients see them."""
    return served.pictures(served.collection.entries(ids))
