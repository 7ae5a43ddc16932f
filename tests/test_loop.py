"""The loop of every training: it goes on where it was stopped, and ends when it gets no better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator, nn
from torch.nn import functional

from likewise.errors import UsageError
from likewise.networks import Tensors
from likewise.training.loop import Loop


@dataclass(frozen=True)
class Epoch:
    number: int
    loss: float


def read(row: Mapping[str, float]) -> Epoch:
    return Epoch(int(row["number"]), row["loss"])


def lowest(history: Sequence[Epoch]) -> Epoch:
    return min(history, key=lambda epoch: epoch.loss)


def trained(folder: Path, most: int, *, before: bool = False) -> tuple[Tensors, tuple[Epoch, ...]]:
    """A convolution that lies in memory channels last, trained towards noise of each epoch."""
    torch.manual_seed(0)
    module = nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(module.parameters(), 0.01)

    def epoch(history: Sequence[Epoch]) -> Epoch:
        number = history[-1].number + 1 if history else 1
        dice = Generator().manual_seed(number)
        for _ in range(3):
            noise = torch.randn(4, 3, 9, 9, generator=dice)
            loss = functional.mse_loss(module(noise), noise[:, :1, 1:-1, 1:-1].expand(-1, 8, -1, -1))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        return Epoch(number, float(loss.detach()))

    loop = Loop(dict(module.named_parameters()), optimiser, most, 50, lowest, read)
    return loop.run(epoch, folder, {"set": "noise"}, before=(lambda: Epoch(0, 0.0)) if before else None)


@pytest.mark.parametrize("stop", [1, 3])
def test_stopped_and_gone_on_it_gives_the_same_bits(tmp_path: Path, stop: int) -> None:
    whole, epochs = trained(tmp_path / "whole", 5)
    _, first = trained(tmp_path / "stopped", stop)
    rest, again = trained(tmp_path / "stopped", 5)
    assert len(first) == stop and again == epochs and len(epochs) == 5
    assert whole.keys() == rest.keys() == {"weight", "bias"}
    assert all(np.array_equal(whole[name], rest[name]) for name in whole)


def test_what_is_kept_is_the_best_epoch_which_may_be_before_any(tmp_path: Path) -> None:
    torch.manual_seed(0)
    untrained = nn.Conv2d(3, 8, 3)
    best, epochs = trained(tmp_path, 3, before=True)
    assert [epoch.number for epoch in epochs] == [0, 1, 2, 3]
    assert np.array_equal(best["weight"], untrained.weight.detach().numpy())


@pytest.mark.parametrize(
    ("losses", "done"), [([3, 2, 1, 1, 1, 9], 5), ([1, 2, 3], 3), ([3, math.inf, 2, 4, 4], 5)]
)
def test_it_ends_two_epochs_after_the_best(tmp_path: Path, losses: list[float], done: int) -> None:
    module = nn.Linear(1, 1)
    optimiser = torch.optim.Adam(module.parameters())

    def epoch(history: Sequence[Epoch]) -> Epoch:
        optimiser.zero_grad()
        module(torch.ones(1, 1)).sum().backward()
        optimiser.step()
        return Epoch(len(history) + 1, losses[len(history)])

    _, epochs = Loop(dict(module.named_parameters()), optimiser, 99, 2, lowest, read).run(epoch, tmp_path, {})
    assert len(epochs) == done


def test_another_training_in_the_folder_is_refused(tmp_path: Path) -> None:
    trained(tmp_path, 1)
    module = nn.Linear(1, 1)
    loop = Loop(dict(module.named_parameters()), torch.optim.Adam(module.parameters()), 1, 1, lowest, read)
    with pytest.raises(UsageError, match="set noise instead of faces"):
        loop.run(lambda history: history[-1], tmp_path, {"set": "faces"})
