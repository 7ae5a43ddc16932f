"""Training the CIFAR-10 network: one plain loop over a set that lies in memory."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from likewise.errors import UsageError
from likewise.networks import Tensors
from likewise.progress import Meter
from likewise.study.cifar10 import LabelledPictures
from likewise.study.cifar_module import CifarModule
from likewise.training import Loop, Row
from likewise.types import ProgressCallback

EPSILON = 1e-7  # of Adam; Keras' default, where torch has 1e-8
VALIDATED_AT_ONCE = 500  # pictures; more leave the processor's cache


@dataclass(frozen=True)
class CifarSettings:
    """How the network is trained; what the article does not say is Keras' default where there is one.

    Attributes
    ----------
    batch
        Pictures a step (Keras' default).
    most, patience
        Epochs at most, and epochs without a lower validation loss after which training stops.
    rate
        Adam's learning rate (Keras' default).
    seed
        Of the first weights, the order of the pictures and dropout.
    precision
        ``bf16`` runs convolutions in bfloat16, where the processor is faster at that.
    """

    batch: int = 32
    most: int = 100
    patience: int = 10
    rate: float = 1e-3
    seed: int = 0
    precision: Literal["f32", "bf16"] = "f32"

    def __post_init__(self) -> None:
        for name in ("batch", "most", "patience"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)} is less than 1")


@dataclass(frozen=True)
class Epoch:
    """Results of one epoch.

    Attributes
    ----------
    loss, accuracy
        Over the training pictures, while the epoch went and with dropout.
    validation_loss, validation_accuracy
        After it, without dropout.
    seconds
        Of training, without the validation.
    """

    number: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True)
class TrainedNetwork:
    """A finished training: the weights of its best epoch by canonical name, and all epochs."""

    tensors: Tensors
    history: tuple[Epoch, ...]

    @property
    def best(self) -> Epoch:
        """The epoch that the weights are of."""
        return best_of(self.history)


def fit(
    train: LabelledPictures,
    validation: LabelledPictures,
    settings: CifarSettings,
    folder: Path,
    *,
    progress: ProgressCallback | None = None,
) -> TrainedNetwork:
    """Train until the validation loss has not fallen for ``settings.patience`` epochs.

    After each epoch the folder holds all that is needed to go on: called again after a kill, it gives the
    same weights, bit for bit, as if it had not been stopped. Raises `UsageError` when the folder holds
    another training, or there is nothing to train on; `StorageError` when the folder cannot be written.

    Parameters
    ----------
    folder
        Where ``checkpoint.safetensors`` and ``history.csv`` are kept.
    progress
        Told the pictures of the running epoch.
    """
    if not len(train) or not len(validation):
        raise UsageError(f"{len(train)} pictures to train on and {len(validation)} to validate with: no set")
    module = CifarModule(_dice(settings, 0)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(module.parameters(), settings.rate, eps=EPSILON, fused=True)
    loop = Loop(dict(module.named_parameters()), optimiser, settings.most, settings.patience, best_of, _epoch)

    def epoch(history: Sequence[Epoch]) -> Epoch:
        number = len(history) + 1
        module.dice = _dice(settings, number)
        start = time.perf_counter()
        tell = Meter(progress, len(train), note=_note(history))
        loss, accuracy = _one_epoch(module, optimiser, train, settings, tell)
        seconds = time.perf_counter() - start
        return Epoch(number, loss, accuracy, *evaluate(module, validation), seconds)

    return TrainedNetwork(*loop.run(epoch, folder, _identity(train, validation, settings)))


def best_of(history: Sequence[Epoch]) -> Epoch:
    """The epoch of the lowest validation loss, the first among equals."""
    return min(history, key=lambda epoch: epoch.validation_loss)


def _epoch(row: Row) -> Epoch:
    numbers = dict(row)
    return Epoch(int(numbers.pop("number")), **numbers)


def evaluate(module: CifarModule, pictures: LabelledPictures) -> tuple[float, float]:
    """Mean cross-entropy in nats, and the share of pictures whose class is right."""
    module.eval()
    loss = right = 0.0
    with torch.inference_mode():
        for start in range(0, len(pictures), VALIDATED_AT_ONCE):
            x, y = _batch(pictures, slice(start, start + VALIDATED_AT_ONCE))
            logits = module(x)
            loss += float(functional.cross_entropy(logits, y, reduction="sum"))
            right += float((logits.argmax(1) == y).sum())
    return loss / len(pictures), right / len(pictures)


def steps(
    module: CifarModule, optimiser: torch.optim.Optimizer, train: LabelledPictures, settings: CifarSettings
) -> Iterator[tuple[Tensor, Tensor, int]]:
    """Train one epoch in a fresh order; give loss, right answers and pictures of each step."""
    module.train()
    order = torch.randperm(len(train), generator=module.dice).numpy()
    for start in range(0, len(train), settings.batch):
        x, y = _batch(train, order[start : start + settings.batch])
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
            logits = module(x).float()
        loss = functional.cross_entropy(logits, y)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        yield loss.detach(), (logits.detach().argmax(1) == y).sum(), len(y)


def _one_epoch(
    module: CifarModule,
    optimiser: torch.optim.Optimizer,
    train: LabelledPictures,
    settings: CifarSettings,
    tell: Meter,
) -> tuple[float, float]:
    total = right = torch.zeros(())
    done = 0
    for loss, hits, pictures in steps(module, optimiser, train, settings):
        total, right, done = total + loss * pictures, right + hits, done + pictures
        tell(done)
    return float(total) / done, float(right) / done


def _batch(pictures: LabelledPictures, places: slice | np.ndarray) -> tuple[Tensor, Tensor]:
    """Float ``(b, 3, 32, 32)`` in 0..1, channels last as the set lies in memory, and labels ``(b,)``."""
    pixels = torch.from_numpy(pictures.pictures[places]).permute(0, 3, 1, 2)
    return pixels.float().div_(255), torch.from_numpy(pictures.labels[places])


def _dice(settings: CifarSettings, epoch: int) -> Generator:
    """Random numbers of one epoch, which do not depend on the epochs before: 0 draws the first weights."""
    return Generator().manual_seed((settings.seed << 20) + epoch)


def _identity(
    train: LabelledPictures, validation: LabelledPictures, settings: CifarSettings
) -> dict[str, str]:
    facts = {key: str(value) for key, value in asdict(settings).items() if key not in ("most", "patience")}
    return facts | {"training pictures": _digest(train), "validation pictures": _digest(validation)}


def _digest(pictures: LabelledPictures) -> str:
    digest = hashlib.sha256(f"{len(pictures)} ".encode())
    digest.update(np.ascontiguousarray(pictures.pictures).data)
    digest.update(np.ascontiguousarray(pictures.labels).data)
    return f"{len(pictures)}, sha256 {digest.hexdigest()}"


def _note(history: Sequence[Epoch]) -> str:
    """Which epoch runs, and the best so far."""
    note = f"epoch {len(history) + 1}"
    if history:
        best = best_of(history)
        note += f", best {best.validation_accuracy:.1%} after epoch {best.number}"
    return note
