"""The scores of several layers for one query, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LAMBDA = 0.06
"""What the logarithm of matches counts beside a cosine; between 0.03 and 0.15 little depends on it."""

MATCHES = 1000
"""What a local score of 1 stands for: as many matches as a picture has features, about."""


@dataclass(frozen=True, eq=False)
class LayerScores:
    """What one layer gives the pictures of a collection.

    Attributes
    ----------
    name
        Of the layer.
    local
        Whether its scores are made of matches between places of two pictures: 0 without any, 1 for the
        query itself.
    scores
        Float64 ``(n,)``, one a picture; NaN where the layer knows nothing of it.
    """

    name: str
    local: bool
    scores: NDArray[np.float64]


def fused(layers: Sequence[LayerScores]) -> NDArray[np.float64]:
    """One score a picture, ``(n,)``.

    The mean of what the vectors give, and `LAMBDA` times the mean over local layers of
    ``log(1 + matches)``. A layer that knows nothing of a picture gives it the least that it gives any.
    """
    total = np.zeros(len(layers[0].scores))
    for local in (False, True):
        some = [_filled(layer) for layer in layers if layer.local is local]
        if some:
            mean: NDArray[Any] = np.mean([_weighed(scores) if local else scores for scores in some], axis=0)
            total += mean
    return total


def _filled(layer: LayerScores) -> NDArray[np.float64]:
    known = np.isfinite(layer.scores)
    least = float(layer.scores[known].min()) if known.any() else 0.0
    return np.where(known, layer.scores, least)


def _weighed(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    weighed: NDArray[np.float64] = LAMBDA * np.log1p(MATCHES * np.maximum(scores, 0.0))
    return weighed
