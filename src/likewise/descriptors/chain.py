"""The transforms of a recipe in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from likewise.descriptors.recipe import Step
from likewise.descriptors.transforms import l2, signed_root
from likewise.types import FloatArray


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
    if step.kind == "root":
        return partial(signed_root, exponent=float(step.options["exponent"]))
    return step.whitening or l2
