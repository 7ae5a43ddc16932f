"""A network written out as data: its layers, which of them taps need, what cells see, the tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from likewise.errors import BadWeights
from likewise.types import FloatArray

Tensors: TypeAlias = dict[str, FloatArray]
"""Weights by their canonical names; see `likewise.networks.weights.formats`."""

Shapes: TypeAlias = dict[str, tuple[int, ...]]

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
"""Kinds of layers; `likewise.engines.ops` computes them.

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
class Reach:
    """The geometry of a layer's cells: channels, pixels between cells, and receptive field."""

    channels: int = 3
    jump: int = 1
    side: int = 1
    centre: float = 0.0
    whole: bool = False


def classifier(
    cells: int, widths: tuple[int, int], keys: tuple[str, str, str], first: int = 1
) -> list[Layer]:
    """The fully connected layers of the first networks: two of some widths, and one of a number a class.

    Parameters
    ----------
    cells
        Numbers that come into the first.
    keys
        Of the weights of each.
    first
        What the first is called: ``fc1`` or ``fc6``.
    """
    layers = [Layer("flatten", "flatten", cells)]
    for name, width, key in zip((f"fc{first}", f"fc{first + 1}"), widths, keys, strict=False):
        layers += [Layer(f"{name}_linear", "linear", width, key=key), Layer(name, "relu")]
    return [*layers, Layer("logits", "linear", 1000, key=keys[2]), Layer("probabilities", "softmax")]


class Chain(tuple[Layer, ...]):
    """Layers from the picture on, each of which reads the one before it unless it names others."""

    @property
    def wires(self) -> list[tuple[Layer, tuple[str, ...]]]:
        """Every layer with the names of those that it reads; ``""`` is the network's input."""
        before = ["", *(layer.name for layer in self)]
        return [(layer, layer.inputs or (before[index],)) for index, layer in enumerate(self)]

    def needed(self, taps: Iterable[str]) -> Chain:
        """The layers that some taps need, in order, each with the names of those that it reads."""
        wanted, layers = set(taps), []
        for layer, inputs in reversed(self.wires):
            if layer.name in wanted:
                wanted |= set(inputs)
                layers.append(replace(layer, inputs=inputs))
        return Chain(reversed(layers))

    @property
    def reaches(self) -> dict[str, Reach]:
        """The reach of the network's input ``""`` and of every layer.

        With jump ``j``, field ``r`` and centre ``s`` of the first cell, a layer of kernel ``k``, stride ``t``
        and ``p`` pixels of padding before gives ``r + (k-1) j``, ``s + ((k-1)/2 - p) j`` and ``j t``
        (Dumoulin and Visin, A guide to convolution arithmetic, 2016). Where branches meet, the widest counts.
        """
        known = {"": Reach()}
        for layer, inputs in self.wires:
            known[layer.name] = _reach(layer, [known[name] for name in inputs])
        return known

    def shapes(self) -> Shapes:
        """Name and shape of every tensor."""
        return {name: shape for _, own in self._shapes() for name, shape in own.items()}

    def fitting(self, tensors: Mapping[str, FloatArray]) -> Tensors:
        """Those tensors that these layers need.

        Raises `BadWeights`, naming the first that is missing or of another shape, and its layer.
        """
        fitting: Tensors = {}
        for layer, own in self._shapes():
            for name, shape in own.items():
                if name not in tensors:
                    raise BadWeights(
                        f"the weights hold no {name!r}, which layer {layer.name} needs; "
                        "fetch or import a full set"
                    )
                if tensors[name].shape != shape:
                    raise BadWeights(
                        f"{name} has shape {tensors[name].shape}, but layer {layer.name} needs {shape}"
                    )
                fitting[name] = tensors[name]
        return fitting

    def _shapes(self) -> Iterator[tuple[Layer, Shapes]]:
        known = self.reaches
        for layer, inputs in self.wires:
            yield layer, _of_layer(layer, _incoming(layer, [known[name] for name in inputs]))


def _incoming(layer: Layer, given: Sequence[Reach]) -> int:
    return sum(reach.channels for reach in given) if layer.kind == "concat" else given[0].channels


def _reach(layer: Layer, given: Sequence[Reach]) -> Reach:
    reach = max(given, key=lambda incoming: incoming.side)
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
    channels = _incoming(layer, given)
    channels = 1 if layer.kind == "grey" else channels * layer.kernel**2 if layer.kind == "fold" else channels
    return replace(reach, channels=layer.channels or channels, whole=whole)


def _of_layer(layer: Layer, channels: int) -> Shapes:
    vector = (layer.channels,)
    weight: tuple[int, ...]
    match layer.kind:
        case "conv":
            weight = (layer.channels, channels // layer.groups, layer.kernel, layer.kernel)
        case "linear":
            weight = (layer.channels, channels)
        case "norm":
            return {
                f"{layer.key}.{part}": vector for part in ("weight", "bias", "running_mean", "running_var")
            }
        case _:
            return {}
    return {f"{layer.key}.weight": weight} | ({f"{layer.key}.bias": vector} if layer.bias else {})
