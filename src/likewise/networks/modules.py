"""From a card to a torch module: the one place where chains become networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from likewise.errors import BadWeights
from likewise.networks import timm
from likewise.networks.card import Card, Layer

NORM_EPSILON = 1e-3  # EfficientNet's batch normalisation, the only one in our chains


LRN_SIZE, LRN_ALPHA, LRN_BETA, LRN_K = 5, 5e-4, 0.75, 2.0
"""Response normalisation of CNN-M, the only one in our chains."""


class ResponseNorm(nn.Module):
    """Normalisation across channels (Krizhevsky, Sutskever and Hinton, NIPS 2012, section 3.3).

    ``x / (k + alpha / n * sum of squares of the n channels around)^beta``. Caffe divides alpha by n, as this
    does; MatConvNet writes the quotient, 1e-4.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(n, c, h, w)``."""
        half = LRN_SIZE // 2
        squares = functional.pad(x.square(), (0, 0, 0, 0, half, half))
        windows = [squares[:, start : start + 1 - LRN_SIZE or None] for start in range(LRN_SIZE)]
        total = torch.stack(windows).sum(0)
        return x * (LRN_K + LRN_ALPHA / LRN_SIZE * total).pow(-LRN_BETA)


PLAIN: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "lrn": ResponseNorm,
    "avgpool": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "flatten": nn.Flatten,
    "softmax": lambda: nn.Softmax(dim=1),
}
"""Layers without tensors and settings."""


class Pad(nn.Module):
    """Zero padding of rows and columns, more after than before where TensorFlow's SAME asks for it."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.sides = (before, after, before, after)

    def forward(self, x: Tensor) -> Tensor:
        """Pad ``(n, c, h, w)``."""
        return functional.pad(x, self.sides)


class Chain(nn.Module):
    """The layers of a card up to the last wanted tap.

    Takes a preprocessed batch, float32 ``(n, 3, h, w)``, and returns a tuple with one tensor a tap, in the
    order asked for: maps ``(n, c, h, w)``, or vectors ``(n, c)`` after flattening.
    """

    def __init__(
        self, chain: Sequence[Layer], tensors: Mapping[str, np.ndarray], taps: Sequence[str]
    ) -> None:
        super().__init__()
        names = [layer.name for layer in chain]
        self.taps = tuple(taps)
        self.chain = tuple(chain[: max(names.index(tap) for tap in taps) + 1])
        channels, layers = 3, []
        for layer in self.chain:
            layers.append(_module(layer, channels, tensors))
            channels = layer.channels or channels
        self.layers = nn.ModuleList(layers)
        self.blocks = {index: index - layer.skip + 1 for index, layer in enumerate(self.chain) if layer.skip}

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Run the chain and collect the taps."""
        found = {name: value for name, value in self.walk(x) if name in self.taps}
        return tuple(found[tap] for tap in self.taps)

    def walk(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Run the chain layer by layer: each one's name and what comes out of it."""
        held: dict[int, Tensor] = {}  # inputs of residual blocks, by the index of the block's first layer
        starts = set(self.blocks.values())
        for index, (layer, module) in enumerate(zip(self.chain, self.layers, strict=True)):
            if index in starts:
                held[index] = x
            x = module(x)
            if index in self.blocks:
                x = x + held.pop(self.blocks[index])
            yield layer.name, x


def build(card: Card, tensors: Mapping[str, np.ndarray], taps: Sequence[str]) -> nn.Module:
    """A frozen module in evaluation mode that gives ``taps`` of a network.

    Parameters
    ----------
    tensors
        Canonical weights by name; those after the last tap may be missing.

    Raises
    ------
    BadWeights
        When a tensor that the taps need is missing or of another shape.
    UnknownName
        When the network has no such tap.
    """
    names = [card.tap(tap).name for tap in taps]
    if not card.chain:
        return timm.module(card, tensors, names)
    return Chain(card.chain, tensors, names).eval().requires_grad_(False)


def tensors_of(chain: Chain) -> dict[str, np.ndarray]:
    """The tensors of a chain by their canonical names, float32: the reverse of `build`."""
    found: dict[str, np.ndarray] = {}
    for layer, module in zip(chain.chain, chain.layers, strict=True):
        for name, value in module.state_dict().items() if layer.key else ():
            if value.is_floating_point():
                part = name.rpartition(".")[2]  # below a padding, too
                found[f"{layer.key}.{part}"] = np.array(value.contiguous().numpy(), np.float32)
    return found


def _module(layer: Layer, channels: int, tensors: Mapping[str, np.ndarray]) -> nn.Module:
    match layer.kind:
        case "conv":
            return _conv(layer, channels, tensors)
        case "norm":
            return _filled(nn.BatchNorm2d(channels, eps=NORM_EPSILON), layer, tensors)
        case "linear":
            return _filled(nn.Linear(channels, layer.channels), layer, tensors)
        case "maxpool":
            return nn.MaxPool2d(layer.kernel, layer.stride, layer.pad[0], ceil_mode=layer.ceil)
        case "meanpool":
            return nn.AvgPool2d(layer.kernel, layer.stride)
        case _:
            return PLAIN[layer.kind]()


def _conv(layer: Layer, channels: int, tensors: Mapping[str, np.ndarray]) -> nn.Module:
    before, after = layer.pad
    conv = nn.Conv2d(
        channels,
        layer.channels,
        layer.kernel,
        layer.stride,
        padding=before if before == after else 0,
        groups=layer.groups,
        bias=layer.bias,
    )
    _filled(conv, layer, tensors)
    return conv if before == after else nn.Sequential(Pad(before, after), conv)


def _filled(module: nn.Module, layer: Layer, tensors: Mapping[str, np.ndarray]) -> nn.Module:
    """Copy the layer's tensors into a fresh module, every one of them."""
    state: dict[str, Tensor] = {}
    for name, value in module.state_dict().items():
        if name == "num_batches_tracked":
            state[name] = value
            continue
        key = f"{layer.key}.{name}"
        if key not in tensors:
            raise BadWeights(
                f"the weights hold no {key!r}, which layer {layer.name} needs; fetch or import a full set"
            )
        if tensors[key].shape != tuple(value.shape):
            raise BadWeights(
                f"{key} has shape {tensors[key].shape}, but layer {layer.name} needs {tuple(value.shape)}"
            )
        state[name] = torch.from_numpy(np.array(tensors[key], dtype=np.float32))
    module.load_state_dict(state)
    return module
