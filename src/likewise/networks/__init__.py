"""Networks as data: layers, taps, preprocessing, weights; beside it `networks.timm`, which loads torch."""

from likewise.networks.card import Card, Preprocessing, Tap, Weights
from likewise.networks.cards import NETWORKS, find
from likewise.networks.chain import Chain, Layer, Tensors
from likewise.networks.cifar import CIFAR10
from likewise.networks.formats import tensor_shapes
from likewise.networks.weights import WeightsFile, fetch, identity_of, import_file, locate, write_weights

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
    "WeightsFile",
    "fetch",
    "find",
    "identity_of",
    "import_file",
    "locate",
    "tensor_shapes",
    "write_weights",
]
