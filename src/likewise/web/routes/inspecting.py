"""Routes that look into networks: the maps of a picture, their statistics, and what a cell sees."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from PIL import Image

from likewise.errors import LikewiseError, UsageError
from likewise.networks import NETWORKS, Card
from likewise.networks.weights import locate
from likewise.web import schemas
from likewise.web.services import Services, Serving

router = APIRouter(prefix="/inspect", tags=["inspection"])

PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "A picture."}}
Channels = Annotated[int, Query(ge=1, le=4096, description="How many maps, the strongest.")]
Scale = Annotated[Literal["shared", "map"], Query(description="One scale for all maps, or each its own.")]


class TapRequest:
    """A picture through a tap, as the addresses below name them."""

    def __init__(
        self,
        services: Serving,
        network: schemas.Name,
        tap: schemas.Name,
        collection: Annotated[str | None, Query(max_length=200)] = None,
        picture: schemas.Id | None = None,
        upload: Annotated[str | None, Query(max_length=40)] = None,
    ) -> None:
        self._services, self._network, self._tap = services, network, tap
        if (upload is None) == (collection is None or picture is None):
            raise UsageError("name a picture by collection and picture, or by upload")
        self._collection, self._picture, self._upload = collection, picture, upload

    def found(self) -> Any:
        """The inspection of the picture."""
        source, digest = self._source(self._services)
        return _inspector().INSPECTOR.look(source, digest, self._network, self._tap)

    def _source(self, services: Services) -> tuple[Path | bytes, str]:
        if self._upload is not None:
            return services.uploads.read(self._upload), self._upload
        served = services.library[self._collection or ""]
        entry = served.entry(self._picture or 0)
        return served.source(entry), entry.sha256


Look = Annotated[TapRequest, Depends()]


@router.get("/networks")
def networks() -> schemas.Networks:
    """The networks, whether their weights are on this machine, and their taps in the order of the layers."""
    return schemas.Networks(networks=[_told(card) for card in NETWORKS.sound().values()])


@router.get("/statistics")
async def statistics(look: Look, services: Serving) -> schemas.Statistics:
    """How the activations of a picture at a tap are spread, and which channels are strongest."""
    return await services.gate.run(lambda: _inspector().statistics(look.found()))


@router.get("/maps.png", response_class=Response, responses=PNG)
async def maps(look: Look, services: Serving, channels: Channels = 16, scale: Scale = "shared") -> Response:
    """The strongest maps side by side."""
    return await _drawn(services, lambda: _inspector().sheet(look.found(), channels, scale))


@router.get("/map.png", response_class=Response, responses=PNG)
async def one_map(
    look: Look, services: Serving, channel: Annotated[int, Query(ge=0, le=100_000)]
) -> Response:
    """One map, a pixel a cell, on the scale of all maps of the tap."""
    return await _drawn(services, lambda: _inspector().one_map(look.found(), channel))


@router.get("/heat.png", response_class=Response, responses=PNG)
async def heat(look: Look, services: Serving, size: Annotated[int, Query(ge=16, le=1920)] = 480) -> Response:
    """The picture, coloured where the channels of the tap are strong on average."""
    return await _drawn(services, lambda: _inspector().heat(look.found(), size))


@router.get("/field")
async def field(
    look: Look,
    services: Serving,
    x: Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False)],
    y: Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False)],
) -> schemas.Seen:
    """Which cell lies under a point of the upright original, and what it sees of it."""
    return await services.gate.run(lambda: _inspector().field(look.found(), x, y))


def _told(card: Card) -> schemas.Network:
    taps = [
        schemas.Tap(name=tap.name, channels=tap.channels, stride=tap.stride, field=tap.field)
        for tap in card.taps.values()
    ]
    return schemas.Network(name=card.name, ready=_is_ready(card), taps=taps)


def _is_ready(card: Card) -> bool:
    try:
        locate(card)
    except LikewiseError:
        return False
    return True


def _inspector() -> Any:
    from likewise.web.services import inspector  # brings openvino, which `likewise serve --help` does without

    return inspector


async def _drawn(services: Services, draw: Callable[[], Image.Image]) -> Response:
    def encoded() -> bytes:
        file = io.BytesIO()
        draw().save(file, "PNG")
        return file.getvalue()

    content = await services.gate.run(encoded)
    headers = {"cache-control": "private, max-age=3600"}
    return Response(content, media_type="image/png", headers=headers)
