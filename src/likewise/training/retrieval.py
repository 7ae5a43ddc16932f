"""Training vectors so that pictures of one group come together: one loop for a layer and for a network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from likewise.errors import MissingExtra, UsageError
from likewise.evaluation import leave_one_out_map
from likewise.networks import Tensors
from likewise.progress import Meter
from likewise.registry import lookup
from likewise.training.loop import Loop
from likewise.training.own import LEAST, Split
from likewise.types import FloatArray, ProgressCallback

LOSSES: Mapping[str, tuple[str, dict[str, float]]] = {
    "multi-similarity": ("MultiSimilarityLoss", {"alpha": 2.0, "beta": 50.0, "base": 0.5}),
    "contrastive": ("ContrastiveLoss", {"pos_margin": 0.0, "neg_margin": 0.7}),
    "triplet": ("TripletMarginLoss", {"margin": 0.1}),
    "supcon": ("SupConLoss", {"temperature": 0.1}),
}
"""Losses of pytorch-metric-learning by our names, with their settings; all see unit vectors."""

MEASURED_AT_ONCE = 16

Inputs = Callable[[Sequence[int], Generator | None], Tensor]
"""Places of pictures to what the module takes; with random numbers to vary them by while training."""


@dataclass(frozen=True)
class RetrievalSettings:
    """How vectors are trained.

    Attributes
    ----------
    loss
        A key of `LOSSES`.
    rate
        Adam's learning rate.
    groups, pictures
        How many groups a step takes, and how many pictures of each at most.
    most, patience
        Epochs at most, and epochs without a better score on the held-out pictures after which it stops.
    """

    loss: str = "multi-similarity"
    rate: float = 1e-3
    groups: int = 8
    pictures: int = 4
    most: int = 30
    patience: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        lookup("loss", self.loss, LOSSES)
        if self.groups < 2 or self.pictures < 2 or self.most < 1 or self.patience < 1 or not self.rate > 0:
            raise UsageError(
                "a step takes two groups with two pictures or more; epochs, patience and rate are above 0"
            )


@dataclass(frozen=True)
class RetrievalEpoch:
    """Results of one epoch; ``number`` 0 is before any training.

    Attributes
    ----------
    loss
        Mean over the steps; NaN before training.
    score
        Mean average precision among the held-out pictures, each asking for the others of its group; NaN when
        there are none.
    """

    number: int
    loss: float
    score: float
    seconds: float


@dataclass(frozen=True)
class LearnedWeights:
    """Results of training: the trained parameters of the best epoch by name, and all epochs."""

    tensors: Tensors
    history: tuple[RetrievalEpoch, ...]

    @property
    def before(self) -> RetrievalEpoch:
        """The module as it was given."""
        return self.history[0]

    @property
    def best(self) -> RetrievalEpoch:
        """The epoch that is kept."""
        return _best(self.history)


def learn(
    module: nn.Module,
    inputs: Inputs,
    labels: Sequence[str],
    split: Split,
    settings: RetrievalSettings,
    folder: Path,
    identity: Mapping[str, str],
    *,
    progress: ProgressCallback | None = None,
) -> LearnedWeights:
    """Train those parameters of a module that want a gradient; the module stays in evaluation mode.

    That keeps the statistics of batch normalisation, which few pictures would spoil. The epoch with the best
    score on the held-out pictures is kept, which may be the one before any training; without held-out
    pictures the last. After each epoch ``folder`` holds all that is needed to go on. Raises `MissingExtra`
    when pytorch-metric-learning is not installed; `UsageError` when the folder holds another training;
    `StorageError` when it cannot be written.

    Parameters
    ----------
    module
        What `inputs` gives to one vector a picture, ``(n, d)``.
    labels
        Group of each picture.
    identity
        What else tells this training from others, for its checkpoint.
    """
    criterion = _criterion(settings)
    trained = {name: value for name, value in module.named_parameters() if value.requires_grad}
    optimiser = torch.optim.Adam(trained.values(), settings.rate)
    own = {key: str(value) for key, value in asdict(settings).items() if key not in ("most", "patience")}
    loop = Loop(trained, optimiser, settings.most, settings.patience, _best, _epoch)

    def epoch(history: Sequence[RetrievalEpoch]) -> RetrievalEpoch:
        number = len(history)
        dice = Generator().manual_seed((settings.seed << 20) + number)
        start, losses = time.perf_counter(), list[float]()
        batches = list(_batches(labels, split, settings, number))
        tell = Meter(progress, len(batches), note=_note(history))
        for done, places in enumerate(batches, 1):
            vectors = functional.normalize(module(inputs(places, dice)), dim=1)
            loss = criterion(vectors, torch.tensor(_numbered([labels[place] for place in places])))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
            tell(done)
        score = _score(module, inputs, labels, split)
        return RetrievalEpoch(number, float(np.mean(losses)), score, time.perf_counter() - start)

    def before() -> RetrievalEpoch:
        return RetrievalEpoch(0, math.nan, _score(module, inputs, labels, split), 0.0)

    return LearnedWeights(*loop.run(epoch, folder, {**identity, **own}, before=before))


def embed(module: nn.Module, inputs: Inputs, places: Sequence[int]) -> FloatArray:
    """Unit vectors of some pictures, float32 ``(n, d)``."""
    batches = []
    with torch.inference_mode():
        for start in range(0, len(places), MEASURED_AT_ONCE):
            vectors = module(inputs(places[start : start + MEASURED_AT_ONCE], None))
            batches.append(functional.normalize(vectors, dim=1).numpy())
    return np.concatenate(batches)


def _score(module: nn.Module, inputs: Inputs, labels: Sequence[str], split: Split) -> float:
    if not split.held:
        return math.nan
    return leave_one_out_map(embed(module, inputs, split.held), [labels[place] for place in split.held])


def _batches(
    labels: Sequence[str], split: Split, settings: RetrievalSettings, epoch: int
) -> Iterator[list[int]]:
    """Steps of one epoch: some pictures of some groups each, about as many in all as there are."""
    dice = np.random.default_rng((settings.seed, epoch))
    members: dict[str, list[int]] = {}
    for place in split.train:
        members.setdefault(labels[place], []).append(place)
    usable = [places for _, places in sorted(members.items()) if len(places) >= LEAST]
    many = min(settings.groups, len(usable))
    step = sum(sorted((min(len(places), settings.pictures) for places in usable), reverse=True)[:many])
    for _ in range(-(-sum(map(len, usable)) // step)):
        yield [
            int(place)
            for number in dice.choice(len(usable), many, replace=False)
            for place in dice.permutation(usable[number])[: settings.pictures]
        ]


def _criterion(settings: RetrievalSettings) -> Any:
    try:
        from pytorch_metric_learning import losses  # an extra
    except ImportError:
        raise MissingExtra("training with a retrieval loss", "train") from None
    name, options = LOSSES[settings.loss]
    return getattr(losses, name)(**options)


def _numbered(labels: Sequence[str]) -> list[int]:
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return [numbers[label] for label in labels]


def _best(history: Sequence[RetrievalEpoch]) -> RetrievalEpoch:
    """The highest score, the first among equals; the last epoch where nothing was held out."""
    if math.isnan(history[0].score):
        return history[-1]
    return max(history, key=lambda epoch: epoch.score)


def _epoch(row: Mapping[str, float]) -> RetrievalEpoch:
    return RetrievalEpoch(int(row["number"]), row["loss"], row["score"], row["seconds"])


def _note(history: Sequence[RetrievalEpoch]) -> str:
    note = f"epoch {len(history)}"
    if not math.isnan(history[0].score):
        best = _best(history)
        note += f", held-out mAP {history[0].score:.3f} before, best {best.score:.3f}"
    return note
