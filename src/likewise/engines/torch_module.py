"""From a card to a torch module, and from a program to one: what is run on a GPU, trained, or converted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from likewise.engines.engine import Program
from likewise.engines.ops import normalised, walk
from likewise.engines.torch_ops import OPS
from likewise.networks import Card, Chain, timm

_BUFFERS = ("running_mean", "running_var")


class LayerChain(nn.Module):
    """The layers of a card that the wanted taps need.

    Takes a preprocessed batch, float32 ``(n, 3, h, w)``, and returns a tuple with one tensor a tap, in the
    order asked for: maps ``(n, c, h, w)``, or vectors ``(n, c)`` after flattening.
    """

    def __init__(self, chain: Chain, tensors: Mapping[str, np.ndarray], taps: Sequence[str]) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.chain = chain.needed(taps)
        for name, array in self.chain.fitting(tensors).items():
            values = torch.from_numpy(np.array(array, dtype=np.float32))
            if name.endswith(_BUFFERS):
                self.register_buffer(_inner(name), values)
            else:
                self.register_parameter(_inner(name), nn.Parameter(values))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Run the chain and collect the taps."""
        values = {name: value for name, value in self.walk(x) if name in self.taps}
        return tuple(values[tap] for tap in self.taps)

    def walk(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Run the chain layer by layer: each one's name and what comes out of it."""
        return walk(OPS, self.chain, self.tensor, {"": x})

    def tensor(self, name: str) -> Tensor:
        """A tensor of the canonical weights."""
        tensor: Tensor = getattr(self, _inner(name))
        return tensor

    def arrays(self) -> dict[str, np.ndarray]:
        """All tensors by their canonical names, float32: what `build` takes."""
        return {
            name: np.array(self.tensor(name).detach().contiguous().numpy(), np.float32)
            for name in self.chain.shapes()
        }

    def release(self, since: str = "") -> None:
        """Let the layers behind one be trained, or all of them."""
        names = [layer.name for layer in self.chain]
        for layer in self.chain[1 + names.index(since) if since in names else 0 :]:
            for name in ("weight", "bias") if layer.key else ():
                if hasattr(self, _inner(f"{layer.key}.{name}")):
                    self.tensor(f"{layer.key}.{name}").requires_grad_(True)


def build(card: Card, tensors: Mapping[str, np.ndarray], taps: Sequence[str]) -> nn.Module:
    """A frozen module in evaluation mode that gives ``taps`` of a network.

    ``tensors``: canonical weights by name; those that the taps do not need may be missing. Raises
    `BadWeights` when a tensor that the taps need is missing or of another shape; `UnknownName` when the
    network has no such tap.
    """
    names = [card.tap(tap).name for tap in taps]
    if not card.chain:
        return timm.module(card, tensors, names)
    return LayerChain(card.chain, tensors, names).eval().requires_grad_(False)


class ProgramModule(nn.Module):
    """A program as a module: uint8 ``(n, h, w, 3)`` to a tuple with one tensor an output."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.preprocessing, self.head = program.preprocessing, program.head
        self.network = build(program.card, program.tensors(), program.taps)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Prepare pictures, run the network and the head."""
        return tuple(self.head(OPS, self.network(normalised(OPS, pictures, self.preprocessing))))


def _inner(name: str) -> str:
    """A tensor's name as torch takes it, which keeps the point for submodules."""
    return name.replace(".", "/")
