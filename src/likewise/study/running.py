"""The two trainings of the study, and the pictures that go into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from likewise.errors import UsageError
from likewise.networks import CIFAR10
from likewise.networks.weights import write_weights
from likewise.study.cifar10 import Cifar10, LabelledPictures
from likewise.study.cifar_loop import CifarSettings, Epoch, best_of, fit
from likewise.types import IntArray, Progress, ProgressCallback, UInt8Array

FROG = CIFAR10.classes.index("frog")


@dataclass(frozen=True)
class Sets:
    """Data of the study.

    Attributes
    ----------
    train
        All pictures that may be trained on.
    validation
        Those by which training stops: the article's are ``test``, or some of the training pictures that were
        held out.
    test
        The test pictures without the one that is looked at.
    picture
        That picture, uint8 ``(32, 32, 3)``: a frog of the test pictures, in neither training.
    place
        Its place among the test pictures, from 0.
    """

    train: LabelledPictures
    validation: LabelledPictures
    test: LabelledPictures
    picture: UInt8Array
    place: int

    @property
    def is_held_out(self) -> bool:
        """Whether training stops by pictures that no accuracy is told of."""
        return self.validation is not self.test


@dataclass(frozen=True)
class StudyNetwork:
    """One trained network of the study.

    Attributes
    ----------
    size
        How many pictures it was trained on.
    weights
        The file with its weights, of its best epoch.
    """

    size: int
    weights: Path
    history: tuple[Epoch, ...]

    @property
    def best(self) -> Epoch:
        """The epoch that the weights are of."""
        return best_of(self.history)


def divide(data: Cifar10, *, frog: int = 0, held_out: int = 0, seed: int = 0) -> Sets:
    """Take a frog out of the test pictures; the others are to validate with, as in the article.

    Raises `UsageError` when there is no such frog, or there are not so many pictures to hold out.

    Parameters
    ----------
    frog
        Which of the test pictures' frogs, from 0.
    held_out
        So many training pictures, drawn by ``seed`` with each class in its share, validate instead; the
        accuracy on the test pictures is then of pictures that decided nothing.
    """
    frogs = np.flatnonzero(data.test.labels == FROG)
    if not len(frogs):
        raise UsageError(f"{data.origin} has no frog among its test pictures to look at")
    if not 0 <= frog < len(frogs):
        raise UsageError(f"there is no frog {frog}: {data.origin} has {len(frogs)}, counted from 0")
    place = int(frogs[frog])
    test = data.test.taken(np.delete(np.arange(len(data.test)), place))
    train = validation = data.train
    if held_out:
        chosen = stratified(data.train.labels, held_out, seed)
        train, validation = (
            data.train.taken(np.delete(np.arange(len(data.train)), chosen)),
            data.train.taken(chosen),
        )
    return Sets(train, validation if held_out else test, test, data.test.pictures[place], place)


def stratified(labels: IntArray, size: int, seed: int) -> IntArray:
    """Places of ``size`` pictures with every class in its share, drawn by a seed, in rising order.

    Where shares are no whole numbers, the classes that are cut most get one more (largest remainders). Raises
    `UsageError` when there are fewer pictures than that, or fewer asked for than there are classes.
    """
    classes, counts = np.unique(labels, return_counts=True)
    if not len(classes) <= size <= len(labels):
        raise UsageError(
            f"cannot train on {size} pictures: there are {len(labels)} of {len(classes)} classes"
        )
    shares = counts * (size / len(labels))
    taken = np.floor(shares).astype(int)
    taken[np.argsort(taken - shares, kind="stable")[: size - taken.sum()]] += 1
    dice = np.random.default_rng(seed)
    places = [
        dice.permutation(np.flatnonzero(labels == label))[:many]
        for label, many in zip(classes, taken, strict=True)
    ]
    return np.sort(np.concatenate(places))


def train(
    sets: Sets,
    sizes: Sequence[int],
    settings: CifarSettings,
    out: Path,
    *,
    progress: ProgressCallback | None = None,
) -> list[StudyNetwork]:
    """Train one network on each number of pictures, or go on where an earlier call was stopped.

    ``out``: gets a folder for each network, named by its size, with its checkpoint, ``history.csv`` and, when
    it is finished, ``weights.safetensors``. Raises `UsageError` when there are not so many pictures, or the
    folder holds a study with other settings; `StorageError` when it cannot be written.
    """
    chosen = {size: stratified(sets.train.labels, size, settings.seed) for size in sizes}
    networks = []
    for size, places in chosen.items():
        folder = out / str(size)
        fitted = fit(
            sets.train.taken(places),
            sets.validation,
            settings,
            folder,
            progress=_named(progress, size),
        )
        file = write_weights(
            folder / "weights.safetensors",
            CIFAR10,
            replace(CIFAR10.weights[0], name=str(size)),
            fitted.tensors,
            origin=f"likewise study cifar10, epoch {fitted.best.number}, seed {settings.seed}",
        )
        networks.append(StudyNetwork(size, file.path, fitted.history))
    return networks


def _named(progress: ProgressCallback | None, size: int) -> ProgressCallback | None:
    """Adds to each report which network is trained."""
    if progress is None:
        return None

    def report(now: Progress) -> None:
        progress(replace(now, note=f"{size} pictures, {now.note}"))

    return report
