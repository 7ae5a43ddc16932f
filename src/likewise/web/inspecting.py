"""Routes that look into networks: the maps of a picture, their statistics, and what a cell sees."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query, Response
from PIL import Image

from likewise.drawing_maps import heat_picture, shaded, shared_top, tiles
from likewise.errors import LikewiseError, UsageError
from likewise.inspection.fields import located
from likewise.inspection.inspection import Inspection, inspect
from likewise.inspection.maps import Cell, View, receptive_box
from likewise.inspection.network import Network, open_network
from likewise.networks import NETWORKS
from likewise.networks.card import Card
from likewise.networks.weights import locate
from likewise.registry import lookup
from likewise.web import schemas
from likewise.web.asking import Kept
from likewise.web.services import Services, Serving

router = APIRouter(prefix="/inspect", tags=["inspection"])

PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "A picture."}}
Channels = Annotated[int, Query(ge=1, le=4096, description="How many maps, the strongest.")]
Scale = Annotated[Literal["shared", "map"], Query(description="One scale for all maps, or each its own.")]


class Inspector:
    """Keeps a few networks open, and what they last made of pictures."""

    def __init__(self) -> None:
        self._networks: Kept[Network] = Kept(2)
        self._found: Kept[Inspection] = Kept(8)
        self._lock = Lock()  # a network runs for one picture and its taps at a time

    def look(self, source: Path | bytes, digest: str, network: str, tap: str) -> tuple[Network, Inspection]:
        """What a network makes of a picture at a tap.

        Raises
        ------
        UnknownName, WeightsMissing, BadPicture
            When it cannot be told.
        """
        lookup("network", network, NETWORKS)
        with self._lock:
            opened = self._networks.get(network) or self._networks.put(network, open_network(network))
            key = (digest, network, tap)
            found = self._found.get(key) or self._found.put(key, inspect(opened, source, [tap]))
        return opened, found


INSPECTOR = Inspector()


class Looked:
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

    def found(self) -> tuple[Network, Inspection, View]:
        """The network, and what it makes of the picture."""
        source, digest = self._source(self._services)
        network, found = INSPECTOR.look(source, digest, self._network, self._tap)
        return network, found, found.views[0]

    def _source(self, services: Services) -> tuple[Path | bytes, str]:
        if self._upload is not None:
            return services.uploads.read(self._upload), self._upload
        entry = services.library[self._collection or ""].entry(self._picture or 0)
        return entry.path, entry.sha256


Look = Annotated[Looked, Depends()]


@router.get("/networks", response_model=schemas.Networks)
def networks() -> dict[str, Any]:
    """The networks, whether their weights are on this machine, and their taps in the order of the layers."""
    return {
        "networks": [
            {
                "name": card.name,
                "ready": _is_ready(card),
                "taps": [
                    {"name": tap.name, "channels": tap.channels, "stride": tap.stride, "field": tap.field}
                    for tap in card.taps.values()
                ],
            }
            for card in NETWORKS.values()
        ]
    }


@router.get("/statistics", response_model=schemas.Statistics)
async def statistics(look: Look, services: Serving) -> dict[str, Any]:
    """How the activations of a picture at a tap are spread, and which channels are strongest."""
    return await services.gate.run(_statistics, look)


@router.get("/maps.png", response_class=Response, responses=PNG)
async def maps(look: Look, services: Serving, channels: Channels = 16, scale: Scale = "shared") -> Response:
    """The strongest maps side by side."""

    def draw() -> Image.Image:
        view = _strongest(_mapped(look.found()[2]), channels)
        return tiles(view, scale=scale, top=shared_top(view))

    return await _drawn(services, draw)


@router.get("/map.png", response_class=Response, responses=PNG)
async def one_map(
    look: Look, services: Serving, channel: Annotated[int, Query(ge=0, le=100_000)]
) -> Response:
    """One map, a pixel a cell, on the scale of all maps of the tap."""

    def draw() -> Image.Image:
        view = _mapped(look.found()[2])
        if view.maps is None or channel >= len(view.maps):
            raise UsageError(f"{view.tap.name} has {view.shape[0]} channels, and no channel {channel}")
        return Image.fromarray(shaded(view.maps[channel], shared_top(view)))

    return await _drawn(services, draw)


@router.get("/heat.png", response_class=Response, responses=PNG)
async def heat(look: Look, services: Serving, size: Annotated[int, Query(ge=16, le=1920)] = 480) -> Response:
    """The picture, coloured where the channels of the tap are strong on average."""

    def draw() -> Image.Image:
        _, found, view = look.found()
        return heat_picture(found, _mapped(view), size)

    return await _drawn(services, draw)


@router.get("/field", response_model=schemas.Seen)
async def field(
    look: Look,
    services: Serving,
    x: Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False)],
    y: Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False)],
) -> dict[str, Any]:
    """Which cell lies under a point of the upright original, and what it sees of it."""
    return await services.gate.run(_field, look, x, y)


def _is_ready(card: Card) -> bool:
    try:
        locate(card, card.weights[0])
    except LikewiseError:
        return False
    return True


def _statistics(look: Looked) -> dict[str, Any]:
    _, found, view = look.found()
    numbers = view.statistics
    channels, *sides = view.shape
    edges = np.linspace(numbers.histogram.low, numbers.histogram.high, len(numbers.histogram.counts) + 1)
    return {
        "network": found.network,
        "tap": view.tap.name,
        "channels": channels,
        "height": sides[0] if sides else None,
        "width": sides[1] if sides else None,
        "stride": view.tap.stride,
        "field": view.tap.field,
        "mean": numbers.mean,
        "deviation": numbers.spread,
        "zeros": numbers.zeros,
        "minimum": numbers.least,
        "maximum": numbers.most,
        "rank": numbers.rank,
        "entropy": numbers.histogram.entropy,
        "gain": found.gain(view),
        "histogram": {"edges": edges.tolist(), "counts": numbers.histogram.counts.tolist()},
        "strongest": _channels(_strongest(view, 16)),
    }


def _channels(view: View) -> list[dict[str, Any]]:
    if view.maps is None:
        return []
    return [
        {"channel": channel, "mean": float(one.mean()), "maximum": float(one.max())}
        for channel, one in zip(view.channels.tolist(), view.maps, strict=True)
    ]


def _field(look: Looked, x: float, y: float) -> dict[str, Any]:
    network, found, view = look.found()
    _, rows, columns = _mapped(view).shape
    across, down = x / found.width, y / found.height
    if across > 1 or down > 1:
        raise UsageError(f"{x:g},{y:g} lies outside the picture, which is {found.width} x {found.height}")
    cell = Cell(view.tap.name, min(rows - 1, int(down * rows)), min(columns - 1, int(across * columns)))
    tap, place = located(network, found, cell)
    height, width = found.pixels.shape[:2]
    x1, y1, x2, y2 = receptive_box(tap, *place).clip(width, height)
    scale = found.width / width, found.height / height
    box = [x1 * scale[0], y1 * scale[1], x2 * scale[0], y2 * scale[1]]
    return {"cell": list(place), "box": box, "size": tap.field}


def _mapped(view: View) -> View:
    """A view that has maps.

    Raises
    ------
    UsageError
        When it is one of a vector.
    """
    if view.maps is None:
        raise UsageError(f"{view.tap.name} is a vector of the whole picture and has no maps")
    return view


def _strongest(view: View, count: int) -> View:
    """The same with the maps of the strongest channels only."""
    if view.maps is None:
        return view
    order = np.argsort(-np.abs(view.maps).mean(axis=(1, 2)), kind="stable")[:count]
    return replace(view, channels=view.channels[order], maps=view.maps[order])


async def _drawn(services: Services, draw: Any) -> Response:
    def encoded() -> bytes:
        file = io.BytesIO()
        draw().save(file, "PNG")
        return file.getvalue()

    content = await services.gate.run(encoded)
    headers = {"cache-control": "private, max-age=3600"}
    return Response(content, media_type="image/png", headers=headers)
