"""Parts of a recipe, which read taps, and the transforms of the vector after them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from likewise.arrays.artifacts import named, resolved
from likewise.descriptors.poolings import POOLINGS, Pooling
from likewise.descriptors.transforms import Whitening, l2, signed_root
from likewise.errors import BadRecipe
from likewise.tables import Option, choose, expect, known_keys, settle
from likewise.types import FloatArray

STEPS: dict[str, dict[str, Option]] = {
    "l2": {},
    "root": {"exponent": 0.5},
    "whiten": {"file": "", "sha256": ""},
}
"""Options of each transform with their defaults."""


@dataclass(frozen=True)
class Part:
    """A part of a descriptor: one tap, pooled, and weighted among several parts.

    Raises `BadRecipe` when the pooling or an option of it is unknown or out of bounds.
    """

    tap: str
    pool: str = "gem"
    weight: float = 1.0
    options: Mapping[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choose("pool", self.pool, POOLINGS)
        settled = settle({"weight": self.weight}, {"weight": 1.0}, "[[parts]]")
        object.__setattr__(self, "weight", settled["weight"])
        pooling = POOLINGS[self.pool]
        options = settle(self.options, pooling.options, f"pool {self.pool!r}", pooling.bounds)
        if bool(options.get("file")) != bool(options.get("sha256")):
            raise BadRecipe(f"the whitening of pool {self.pool!r} needs a file and its sha256")
        object.__setattr__(self, "options", options)

    @classmethod
    def read(cls, table: Any, folder: Path) -> Part:
        """Read an entry of ``parts``, whose relative paths begin in a folder; raises `UsageError`."""
        given = expect(dict, table, "parts")
        options = resolved(expect(dict, given.get("options", {}), "parts.options"), folder, "whitening")
        scalars = {key: value for key, value in given.items() if key != "options"}
        known_keys(given, ("tap", "pool", "weight", "options"), "[[parts]]")
        if "tap" not in given:
            raise BadRecipe("[[parts]] needs a tap")
        return cls(options=options, **settle(scalars, {"tap": "", "pool": "gem", "weight": 1.0}, "[[parts]]"))

    @property
    def pooling(self) -> Pooling:
        """The pooling that it names."""
        return POOLINGS[self.pool]

    @property
    def whitening(self) -> Whitening | None:
        """The whitening of the pooling's regions, read from its file.

        Raises `WeightsMissing` or `BadWeights` when it cannot be read.
        """
        return _whitening(self.options)

    def whitened(self, path: Path) -> Part:
        """Give this part with its regions whitened by a file that was learned on such regions."""
        return replace(self, options={**self.options, **named(path, "whitening")})


@dataclass(frozen=True)
class Step:
    """One transform of the whole vector.

    Raises `BadRecipe` when the kind or an option of it is unknown or out of bounds, or a whitening names no
    file.
    """

    kind: str
    options: Mapping[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choose("transform", self.kind, STEPS)
        options = settle(self.options, STEPS[self.kind], f"transform {self.kind!r}")
        if self.kind == "whiten" and not (options["file"] and options["sha256"]):
            raise BadRecipe("transform 'whiten' needs a file and its sha256; Step.whiten(path) fills in both")
        object.__setattr__(self, "options", options)

    @classmethod
    def read(cls, table: Any, folder: Path) -> Step:
        """Read an entry of ``transforms``, as `Part.read` does."""
        given = expect(dict, table, "transforms")
        kind = given.get("kind")
        if not isinstance(kind, str):
            raise BadRecipe(f"each transform needs a kind, one of {', '.join(STEPS)}")
        options = {key: value for key, value in given.items() if key != "kind"}
        return cls(kind, resolved(options, folder, "whitening"))

    @classmethod
    def whiten(cls, path: Path) -> Step:
        """Whitening by a file that `likewise.descriptors.estimators.PCAWhitening.save` wrote.

        Raises `BadRecipe` when the file cannot be read.
        """
        return cls("whiten", named(path, "whitening"))

    @property
    def whitening(self) -> Whitening | None:
        """The whitening, read from its file; errors as for `Part.whitening`."""
        return _whitening(self.options)


class TransformChain:
    """The transforms of a recipe, ready to be applied.

    Raises `WeightsMissing` or `BadWeights` when a whitening cannot be read.
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


def _whitening(options: Mapping[str, Option]) -> Whitening | None:
    file, sha256 = (str(options.get(key, "")) for key in ("file", "sha256"))
    return Whitening.load(Path(file), sha256=sha256) if file else None
