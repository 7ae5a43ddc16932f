"""Epoch after epoch until the best is some epochs old; a stop costs one epoch at most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from likewise.networks import Tensors
from likewise.training.checkpoint import Checkpoint, Row, restore, save

MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class Numbered(Protocol):
    """A frozen dataclass of numbers, a row of the history."""

    @property
    def number(self) -> int:
        """Of the epoch."""


E = TypeVar("E", bound=Numbered)


@dataclass(frozen=True)
class Loop(Generic[E]):
    """A training that goes on where it was stopped, and gives the same weights, bit for bit.

    Attributes
    ----------
    trained
        The parameters that change, by name.
    optimiser
        Adam, of these.
    most, patience
        Epochs at most, and epochs without a better one after which it stops.
    best
        The best of some epochs, at least one.
    read
        A row of the history to the epoch that it tells of.
    """

    trained: Mapping[str, nn.Parameter]
    optimiser: torch.optim.Optimizer
    most: int
    patience: int
    best: Callable[[Sequence[E]], E]
    read: Callable[[Row], E]

    def run(
        self,
        epoch: Callable[[Sequence[E]], E],
        folder: Path,
        identity: Mapping[str, str],
        *,
        before: Callable[[], E] | None = None,
    ) -> tuple[Tensors, tuple[E, ...]]:
        """Give the weights of the best epoch by name, and all epochs.

        Raises `UsageError` when the folder holds another training; `StorageError` when it cannot be written.

        Parameters
        ----------
        epoch
            Trains one more, given those before it.
        folder, identity
            Where all that is needed to go on is kept after each epoch, and what tells this training from
            others.
        before
            Measures before any training, for an epoch that may turn out to be the best.
        """
        folder.mkdir(parents=True, exist_ok=True)
        history: list[E] = []
        best: Tensors = {}
        if checkpoint := restore(folder, identity):
            history, best = [self.read(row) for row in checkpoint.history], dict(checkpoint.tensors["best"])
            self._refill(checkpoint.tensors)
        elif before:
            history, best = [before()], self._weights()
        while not history or not self._is_over(history):
            history.append(epoch(history))
            if self.best(history) is history[-1]:
                best = self._weights()
            groups = {"weights": self._weights(), "best": best, **self._moments()}
            save(Checkpoint(identity, tuple(dict(vars(row)) for row in history), groups), folder)
        return best, tuple(history)

    def _is_over(self, history: Sequence[E]) -> bool:
        done = history[-1].number
        return done >= self.most or done - self.best(history).number >= self.patience

    def _weights(self) -> Tensors:
        return {name: np.array(value.detach().contiguous().numpy()) for name, value in self.trained.items()}

    def _moments(self) -> dict[str, Tensors]:
        """Adam's state as arrays, by moment and by the name of the parameter."""
        state = self.optimiser.state
        return {
            moment: {
                name: np.array(state[value][moment].contiguous().numpy())
                for name, value in self.trained.items()
                if moment in state[value]
            }
            for moment in MOMENTS
        }

    def _refill(self, groups: Mapping[str, Tensors]) -> None:
        for name, value in self.trained.items():
            value.data.copy_(torch.from_numpy(np.array(groups["weights"][name])))
            if name not in groups["step"]:
                continue
            state = {moment: torch.from_numpy(np.array(groups[moment][name])) for moment in MOMENTS}
            for moment in MOMENTS[:2]:  # as they lay before: another order of sums rounds otherwise
                state[moment] = torch.empty_like(value).copy_(state[moment])
            self.optimiser.state[value] = state
