"""The CIFAR-10 network as a module to train: the same function as its card, in fewer passes over memory.

On a processor, the small maps of this network make moving numbers dearer than multiplying them. So the
rectifier comes after the pool where the listing has it before (the larger of two numbers, rectified, is the
larger of the two rectified: the same numbers and the same gradients, a quarter of the work), it writes over
its input, and dropout with p = 0.5 takes single random bits instead of a random float for each cell.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from likewise.networks import CIFAR10

_BITS = torch.arange(8, dtype=torch.uint8)


class CifarModule(nn.Module):
    """Float ``(n, 3, 32, 32)`` in 0..1 to logits ``(n, 10)``.

    The names in its state are those of the canonical weights. ``dice``: where the weights and the bits of
    dropout are drawn from.
    """

    def __init__(self, dice: Generator) -> None:
        super().__init__()
        self.dice = dice
        for number in range(1, 7):
            setattr(self, f"conv{number}", nn.Conv2d(3 if number == 1 else 16, 16, 3, padding=1))
        self.dense1 = nn.Conv2d(16, 64, 1)
        self.dense2 = nn.Linear(CIFAR10.chain.shapes()["dense2.weight"][1], 10)
        for name, parameter in self.named_parameters():
            parameter.data = (
                torch.zeros(parameter.shape) if "bias" in name else _glorot(parameter.shape, dice)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Run the network; dropout only while it is in training mode."""
        for number in range(1, 7):
            x = getattr(self, f"conv{number}")(x)
            if number in (2, 4):
                x = functional.max_pool2d(x, 2)
            x = x.relu_()
        x = self.dense1(x).relu_().flatten(1)
        if self.training:
            x = x * _coins(x.shape, self.dice).to(x.dtype).mul_(2)
        logits: Tensor = self.dense2(x)
        return logits


def _glorot(shape: torch.Size, dice: Generator) -> Tensor:
    """Uniform within +-sqrt(6 / (fan in + fan out)), as Keras draws kernels (Glorot and Bengio, 2010)."""
    field = math.prod(shape[2:])
    bound = math.sqrt(6 / ((shape[0] + shape[1]) * field))
    return torch.empty(shape).uniform_(-bound, bound, generator=dice)


def _coins(shape: torch.Size, dice: Generator) -> Tensor:
    """Zeros and ones with equal chances, uint8 of ``shape``, whose last side is a multiple of 8."""
    drawn = torch.randint(0, 256, (*shape[:-1], shape[-1] // 8, 1), dtype=torch.uint8, generator=dice)
    return ((drawn >> _BITS) & 1).reshape(shape)
