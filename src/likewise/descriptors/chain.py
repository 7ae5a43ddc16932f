"""The transforms of a recipe, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from likewise.descriptors.recipe import Step
from likewise.descriptors.transforms import Whitening, l2, signed_root
from likewise.types import FloatArray


class Chain:
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
