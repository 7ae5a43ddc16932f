"""Fusion: one score from the scores of several layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from likewise.errors import UsageError
from likewise.registry import lookup
from likewise.types import Scores

Rule: TypeAlias = Literal["scaled", "plain", "rank"]

_BEHIND = 60  # Cormack, Clarke and Buettcher, Reciprocal rank fusion, SIGIR 2009


@dataclass(frozen=True)
class Fusion:
    """Which layers count, and how.

    Raises `UnknownName` when there is no such rule; `UsageError` when a layer is named twice.

    Attributes
    ----------
    fusion
        ``scaled`` sums scores, each layer times the scale that was learned with its vocabulary, ``plain`` as
        they are (equation 8 of Li et al., 2016), ``rank`` the ``1 / (60 + place)`` of the layers.
    layers
        Taps that are asked; all of them where none is named.
    """

    fusion: Rule = "scaled"
    layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lookup("fusion", self.fusion, dict.fromkeys(get_args(Rule)))
        if len(set(self.layers)) < len(self.layers):
            raise UsageError(f"layers {', '.join(self.layers)} name one twice")

    def chosen(self, taps: tuple[str, ...]) -> tuple[str, ...]:
        """The layers that are asked, among those there are."""
        return self.layers or taps

    def fuse(self, scores: Mapping[str, Scores], scales: Mapping[str, float]) -> Scores:
        """One score for each picture.

        Returns float64 ``(n,)``; 0 for a picture that no layer finds.

        Parameters
        ----------
        scores
            For each layer float64 ``(n,)``.
        scales
            For each layer what ``scaled`` multiplies by.
        """
        parts: Iterable[Scores]
        match self.fusion:
            case "plain":
                parts = scores.values()
            case "scaled":
                parts = (scales[layer] * values for layer, values in scores.items())
            case _:
                parts = map(_places, scores.values())
        total = np.zeros_like(next(iter(scores.values())))
        for part in parts:
            total += part
        return total


def _places(scores: Scores) -> Scores:
    """``1 / (60 + place)`` of the pictures that were found, the best of them at place 1; ties share one."""
    rising = np.sort(-scores)
    places = np.searchsorted(rising, -scores) + 1
    return np.where(scores > 0, 1.0 / (_BEHIND + places), 0.0)
