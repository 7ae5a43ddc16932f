"""What a recipe does to pooled vectors: parts and scales put together, then its transforms in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from likewise.descriptors.recipe import Step, VectorRecipe
from likewise.descriptors.transforms import Floats, Whitening, l2, signed_root
from likewise.types import FloatArray


def joined(recipe: VectorRecipe, scales: Sequence[Sequence[Floats]]) -> Floats:
    """Put the pooled vectors of all scales and parts together, ahead of the transforms.

    Each is L2 normalised, added over scales, normalised again, weighted and set beside the others; a recipe
    of one part and one scale leaves it to its transforms.

    Parameters
    ----------
    scales
        For each scale and each part of the recipe ``(n, c)`` or ``(c,)``; the type is kept.
    """
    if len(recipe.parts) == len(recipe.scales) == 1:
        return scales[0][0]
    parts = [
        part.weight * l2(_sum([l2(scale[place]) for scale in scales]))
        for place, part in enumerate(recipe.parts)
    ]
    return np.concatenate(parts, axis=-1)


def _sum(vectors: Sequence[Floats]) -> Floats:
    return np.asarray(np.sum(vectors, axis=0, dtype=vectors[0].dtype))


class TransformChain:
    """The transforms of a recipe, ready to be applied.

    Raises
    ------
    WeightsMissing, BadWeights
        When a whitening cannot be read.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._functions = [_function(step) for step in steps]

    def __call__(self, x: FloatArray) -> FloatArray:
        """Transform ``(n, d)`` or ``(d,)``; gives float32."""
        for function in self._functions:
            x = function(x)
        return x

    def dimensions(self, before: int) -> int:
        """How long vectors are after the chain when they are ``before`` long ahead of it."""
        return len(self(np.zeros(before, np.float32)))


def _function(step: Step) -> Callable[[FloatArray], FloatArray]:
    match step.kind:
        case "l2":
            return l2
        case "root":
            return partial(signed_root, exponent=float(step.options["exponent"]))
        case _:
            return Whitening.load(Path(str(step.options["file"])), sha256=str(step.options["sha256"]))
