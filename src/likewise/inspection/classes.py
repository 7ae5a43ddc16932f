"""Probabilities of a classifier, with the names of the classes where they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError
from likewise.files.fetching import in_package
from likewise.inspection.statistics import entropy
from likewise.networks import CIFAR10
from likewise.types import FloatArray


@dataclass(frozen=True)
class ClassProbabilities:
    """Probabilities of a classifier for one picture.

    Attributes
    ----------
    names
        Of the classes; their numbers where no names are known.
    probabilities
        float64 ``(n,)``.
    """

    names: tuple[str, ...]
    probabilities: NDArray[np.float64]

    @property
    def entropy(self) -> float:
        """Of the probabilities, in bits: 0 for a classifier that is sure, log2 n for one that cannot tell."""
        return entropy(self.probabilities)

    @property
    def margin(self) -> float:
        """By how much the most probable class is ahead of the second."""
        two = np.sort(self.probabilities)[-2:]
        return float(two[-1] - two[0]) if len(two) > 1 else 1.0

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The most probable classes, the first the most."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.names[place], float(self.probabilities[place])) for place in order]


def answer(vector: FloatArray, network: str, names: Sequence[str] | None = None) -> ClassProbabilities | None:
    """Read a tap's vector ``(n,)`` as probabilities; None when it is none: below 0, or not adding up to 1.

    Raises `UsageError` when there are not as many names as classes.
    """
    total = float(vector.sum(dtype=np.float64))
    if vector.ndim != 1 or len(vector) < 2 or vector.min() < 0 or abs(total - 1) > 1e-3:
        return None
    if names is not None and len(names) != len(vector):
        raise UsageError(f"{len(names)} class names do not fit the {len(vector)} classes of {network}")
    known = names if names is not None else class_names(len(vector), network)
    return ClassProbabilities(tuple(known), vector.astype(np.float64) / total)


def class_names(count: int, network: str) -> list[str]:
    """Names of a network's classes, as far as they are known here; else ``class 0``, ``class 1``, ...

    The 1000 names of ImageNet are timm's, when it is installed; the ten of CIFAR-10 go with a network that is
    named after it.
    """
    if count == 1000 and len(names := _imagenet()) == count:
        return names
    if count == len(CIFAR10.classes) and "cifar" in network.lower():
        return list(CIFAR10.classes)
    return [f"class {number}" for number in range(count)]


def read_names(path: Path) -> list[str]:
    """Class names from a text file, one a line.

    Raises `UsageError` when it cannot be read.
    """
    try:
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError(f"the class names {path} cannot be read: {error}") from error


def _imagenet() -> list[str]:
    """The first name of each class, from the lists that timm carries; timm itself is not imported."""
    folder = "timm/data/_info/imagenet_"
    order, lemmas = in_package(f"{folder}synsets.txt"), in_package(f"{folder}synset_to_lemma.txt")
    if not (order and lemmas):
        return []
    rows = (line.split("\t") for line in lemmas.read_text("utf-8").splitlines())
    names = {row[0]: row[-1].split(",")[0] for row in rows}
    return [names.get(synset, synset) for synset in order.read_text("utf-8").split()]
