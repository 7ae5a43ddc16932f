"""Networks as data: layers, taps, preprocessing; `networks.weights` finds their tensors.

`networks.timm` stands beside, for it loads torch.
"""

from likewise.networks.card import Card, Preprocessing, Tap, Weights
from likewise.networks.cards import NETWORKS, find
from likewise.networks.chain import Chain, Layer, Tensors
from likewise.networks.cifar import CIFAR10

__all__ = [
    "CIFAR10",
    "NETWORKS",
    "Card",
    "Chain",
    "Layer",
    "Preprocessing",
    "Tap",
    "Tensors",
    "Weights",
    "find",
]
