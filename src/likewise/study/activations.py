"""Activations of the two networks: their maps, their answers, and both in a few numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from likewise.engines.torch_module import build
from likewise.inspection import Histogram, entropy
from likewise.networks import CIFAR10
from likewise.networks.weights import locate
from likewise.study.cifar10 import LabelledPictures
from likewise.study.measures import likeness
from likewise.study.running import FROG, StudyNetwork
from likewise.types import FloatArray, UInt8Array

TAPS = ("relu1", "relu2", "pool1", "relu3", "relu4", "pool2", "relu5", "relu6", "dense1", "probabilities")
FIRST, LAST = "relu1", "relu6"
TAIL = 0.99
"""The tail of a distribution begins above this share of its values."""

_AT_ONCE = 500


def grouped(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}".replace(",", "\u00a0")


@dataclass(frozen=True)
class Activations:
    """The activations of one network.

    ``taps``: float32 by the name of the tap, ``(n, c, h, w)``, or ``(n, 10)`` for ``probabilities``.
    """

    network: StudyNetwork
    taps: Mapping[str, FloatArray]

    def of(self, number: int) -> dict[str, FloatArray]:
        """The taps of one picture."""
        return {name: values[number] for name, values in self.taps.items()}

    @cached_property
    def name(self) -> str:
        """The network's name in reports."""
        return f"trained on {grouped(self.network.size)}"


@dataclass(frozen=True)
class Traits:
    """One network on one picture, in the numbers that the claims are about.

    Attributes
    ----------
    likeness, redundancy
        Of the maps of the first layer to the picture and to each other; see `likewise.study.measures`.
    zeros
        Share of zeros among the values of the last convolution.
    entropy, tail
        Of these values: entropy in bits over 256 bins, and the value that 1 % lie above. The bins divide 0
        to the largest value of both networks.
    frog
        Probability of the right class.
    doubt
        Entropy of the ten probabilities in bits.
    right
        Whether the likeliest class is the right one.
    """

    likeness: float
    redundancy: float
    zeros: float
    entropy: float
    tail: float
    frog: float
    doubt: float
    right: bool


def look(network: StudyNetwork, pictures: UInt8Array) -> Activations:
    """Run pictures ``(n, 32, 32, 3)`` through a network and keep every tap.

    Raises `WeightsMissing` or `BadWeights` when its file is gone or damaged.
    """
    module = build(CIFAR10, locate(CIFAR10, str(network.weights)).tensors(), TAPS)
    x = torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        outputs = module(x)
    return Activations(
        network, {tap: value.contiguous().numpy() for tap, value in zip(TAPS, outputs, strict=True)}
    )


def accuracy(network: StudyNetwork, pictures: LabelledPictures) -> float:
    """Share of labelled pictures that a network takes for what they are; raises as `look`."""
    module = build(CIFAR10, locate(CIFAR10, str(network.weights)).tensors(), ["probabilities"])
    right = 0
    with torch.inference_mode():
        for start in range(0, len(pictures), _AT_ONCE):
            batch = slice(start, start + _AT_ONCE)
            x = torch.from_numpy(pictures.pictures[batch].copy()).permute(0, 3, 1, 2).float() / 255
            right += int(np.sum(module(x)[0].numpy().argmax(axis=1) == pictures.labels[batch]))
    return right / len(pictures)


def traits(much: Activations, little: Activations, number: int, picture: UInt8Array) -> tuple[Traits, Traits]:
    """The traits of both networks on one picture of a frog ``(32, 32, 3)``, in the order given."""
    pair = (much.of(number), little.of(number))
    most = max(float(taps[LAST].max()) for taps in pair)
    return _traits(pair[0], most, picture), _traits(pair[1], most, picture)


def _traits(taps: Mapping[str, FloatArray], most: float, picture: UInt8Array) -> Traits:
    first, last = likeness(taps[FIRST], picture), taps[LAST]
    answer = taps["probabilities"]
    return Traits(
        likeness=first.to_picture,
        redundancy=first.to_each_other,
        zeros=float(np.mean(last == 0)),
        entropy=Histogram.of(last, 0.0, most).entropy,
        tail=float(np.quantile(last, TAIL)),
        frog=float(answer[FROG]),
        doubt=entropy(answer),
        right=int(answer.argmax()) == FROG,
    )
