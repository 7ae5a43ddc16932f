"""Parallel columns: arrays of one length, a row a thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from likewise.errors import UsageError


@dataclass(frozen=True, eq=False)
class ParallelColumns:
    """The base of values whose fields are arrays ``(n, ...)``."""

    def __len__(self) -> int:
        return len(next(iter(vars(self).values())))  # `fields` takes as long as some of what is asked for it

    def take(self, rows: NDArray[Any]) -> Self:
        """Some of the rows: a mask, or their numbers."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Those of several as one; raises `UsageError` when there are none."""
        if not parts:
            raise UsageError(f"{cls.__name__} of nothing cannot be joined: give those of at least one part")
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def run_starts(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows differ from the one before in one of some columns, ``(n,)``; the first does."""
    starts = np.zeros(len(columns[0]), bool)
    starts[:1] = True
    for column in columns:
        starts[1:] |= column[1:] != column[:-1]
    return starts
