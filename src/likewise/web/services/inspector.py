"""Networks that are kept open to be looked into, and what is drawn and told of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from likewise.drawing import Scale, heat_picture, shaded, shared_top, tiles
from likewise.errors import UsageError
from likewise.inspection import Inspection, Network, View, inspect, open_network
from likewise.networks import NETWORKS
from likewise.registry import lookup
from likewise.web import schemas
from likewise.web.services.asking import Kept


@dataclass(frozen=True)
class Looked:
    """A picture through one tap of a network."""

    network: Network
    found: Inspection

    @property
    def view(self) -> View:
        """The tap."""
        return self.found.views[0]


class Inspector:
    """Keeps a few networks open, and what they last made of pictures."""

    def __init__(self) -> None:
        self._networks: Kept[Network] = Kept(2)
        self._found: Kept[Inspection] = Kept(8)
        self._lock = Lock()  # a network runs for one picture and its taps at a time

    def look(self, source: Path | bytes, digest: str, network: str, tap: str) -> Looked:
        """A network's view of a picture at a tap.

        Raises `UnknownName`, `WeightsMissing` or `BadPicture` when it cannot be told.
        """
        lookup("network", network, NETWORKS)
        with self._lock:
            opened = self._networks.get(network) or self._networks.put(network, open_network(network))
            key = (digest, network, tap)
            inspection = self._found.get(key) or self._found.put(key, inspect(opened, source, [tap]))
        return Looked(opened, inspection)


INSPECTOR = Inspector()


def sheet(looked: Looked, channels: int, scale: Scale) -> Image.Image:
    """The strongest maps side by side."""
    view = _strongest(_mapped(looked.view), channels)
    return tiles(view, scale=scale, top=shared_top(view))


def one_map(looked: Looked, channel: int) -> Image.Image:
    """One map, a pixel a cell."""
    view = _mapped(looked.view)
    if view.maps is None or channel >= len(view.maps):
        raise UsageError(f"{view.tap.name} has {view.shape[0]} channels, and no channel {channel}")
    return Image.fromarray(shaded(view.maps[channel], shared_top(view)))


def heat(looked: Looked, size: int) -> Image.Image:
    """The picture, coloured where the tap is strong."""
    return heat_picture(looked.found, _mapped(looked.view), size)


def statistics(looked: Looked) -> schemas.Statistics:
    """Numbers about the activations of a tap."""
    inspection, view = looked.found, looked.view
    numbers = view.statistics
    channels, *sides = view.shape
    edges = np.linspace(numbers.histogram.low, numbers.histogram.high, len(numbers.histogram.counts) + 1)
    return schemas.Statistics(
        network=inspection.network,
        tap=view.tap.name,
        channels=channels,
        height=sides[0] if sides else None,
        width=sides[1] if sides else None,
        stride=view.tap.stride,
        field=view.tap.field,
        mean=numbers.mean,
        deviation=numbers.spread,
        zeros=numbers.zeros,
        minimum=numbers.least,
        maximum=numbers.most,
        rank=numbers.rank,
        entropy=numbers.histogram.entropy,
        gain=inspection.gain(view),
        histogram=schemas.Histogram(edges=edges.tolist(), counts=numbers.histogram.counts.tolist()),
        strongest=_channels(_strongest(view, 16)),
    )


def _channels(view: View) -> list[schemas.Channel]:
    if view.maps is None:
        return []
    return [
        schemas.Channel(channel=channel, mean=float(activations.mean()), maximum=float(activations.max()))
        for channel, activations in zip(view.channels.tolist(), view.maps, strict=True)
    ]


def field(looked: Looked, x: float, y: float) -> schemas.Seen:
    """Which cell lies under a point, and what it sees."""
    network, inspection, view = looked.network, looked.found, looked.view
    _, rows, columns = _mapped(view).shape
    across, down = x / inspection.width, y / inspection.height
    if across > 1 or down > 1:
        raise UsageError(
            f"{x:g},{y:g} lies outside the picture, which is {inspection.width} x {inspection.height}"
        )
    place = min(rows - 1, int(down * rows)), min(columns - 1, int(across * columns))
    tap, _ = inspection.cell(network, view.tap.name, *place)
    height, width = inspection.pixels.shape[:2]
    x1, y1, x2, y2 = tap.box(*place).clip(width, height)
    scale = inspection.width / width, inspection.height / height
    box = [x1 * scale[0], y1 * scale[1], x2 * scale[0], y2 * scale[1]]
    return schemas.Seen(cell=list(place), box=box, size=tap.field)


def _mapped(view: View) -> View:
    """A view that has maps.

    Raises `UsageError` when it is one of a vector.
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
