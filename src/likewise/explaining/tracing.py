"""From maps to the finished vector and back: which weight each pooled number has in a similarity.

At one vector every step of a recipe is affine: a norm is a number that divides, whitening is a matrix and a
constant, a root multiplies each number by the quotient of its root and itself. A weight on what comes out is
therefore a weight on what goes in, and a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from likewise.descriptors import Step, VectorRecipe
from likewise.descriptors.transforms import Whitening, signed_root
from likewise.types import Doubles

Back = Callable[[Doubles], tuple[Doubles, float]]
"""From weights on a step's output to weights on its input and the constant that no input has a part in."""


@dataclass(frozen=True)
class Trace:
    """A finished vector that remembers how it was made.

    ``vector``: float64 ``(d,)``.
    """

    vector: Doubles
    _pooled: Sequence[Sequence[Doubles]]
    _weights: Sequence[float]
    _backs: Sequence[Back]

    def back(self, weights: Doubles) -> tuple[list[list[Doubles]], float]:
        """Weights on the pooled vectors, and a constant, from weights on the finished one.

        Returns
        -------
        tuple
            For each scale and each part of the recipe float64 ``(c,)``; the sum of their products with the
            pooled vectors, and the constant, is ``vector @ weights``.
        """
        constant = 0.0
        for step in reversed(self._backs):
            weights, more = step(weights)
            constant += more
        if _is_single(self._pooled):
            return [[weights]], constant
        ends = np.cumsum([len(vector) for vector in self._pooled[0]])
        given = np.split(weights, ends[:-1])
        return [
            [
                share * factor / (_norm(_unit_sum(self._pooled, part)) * _norm(scale[part]))
                for part, (share, factor) in enumerate(zip(given, self._weights, strict=True))
            ]
            for scale in self._pooled
        ], constant


def trace(recipe: VectorRecipe, pooled: Sequence[Sequence[Doubles]]) -> Trace:
    """Finish pooled vectors as `likewise.descriptors.extractor.Extractor.describe` does.

    ``pooled``: for each scale and each part of the recipe ``(c,)``.
    """
    vector, backs = recipe.joined(pooled), []
    for step in recipe.transforms:
        vector, back = _stepped(step, vector)
        backs.append(back)
    return Trace(vector, pooled, [part.weight for part in recipe.parts], backs)


def _stepped(step: Step, x: Doubles) -> tuple[Doubles, Back]:
    match step.kind:
        case "l2":
            norm = _norm(x)
            return x / norm, lambda weights: (weights / norm, 0.0)
        case "root":
            y = signed_root(x, float(step.options["exponent"]))
            ratio = np.divide(y, x, out=np.zeros_like(x), where=x != 0)
            return y, lambda weights: (weights * ratio, 0.0)
        case _:
            learned = cast(Whitening, step.whitening)
            mean, projection = learned.mean.astype(np.float64), learned.projection.astype(np.float64)
            return (x - mean) @ projection, lambda weights: (
                projection @ weights,
                -float(mean @ projection @ weights),
            )


def _is_single(pooled: Sequence[Sequence[Doubles]]) -> bool:
    """Whether the transforms alone decide: one scale and one part."""
    return len(pooled) == len(pooled[0]) == 1


def _unit_sum(pooled: Sequence[Sequence[Doubles]], part: int) -> Doubles:
    """The unit vectors of all scales, added."""
    return np.asarray(np.sum([scale[part] / _norm(scale[part]) for scale in pooled], axis=0))


def _norm(x: Doubles) -> float:
    """The length of a vector, 1 for zeros: zero stays zero."""
    return float(np.linalg.norm(x)) or 1.0
