"""Rows of vectors as they are needed here: checked, in an order of their own, without their repetitions."""

from __future__ import annotations

import numpy as np

from likewise.errors import UsageError
from likewise.types import FloatArray, IntArray


def checked(vectors: FloatArray, least: int, what: str) -> FloatArray:
    """Vectors ``(n, d)`` that can be worked on.

    Parameters
    ----------
    least
        How many are needed.
    what
        For what, in the words of an error.

    Raises
    ------
    UsageError
        When there are fewer, they are no table of numbers, or one of them is not finite.
    """
    if vectors.ndim != 2:
        raise UsageError(f"vectors {vectors.shape} must be (n, d)")
    if len(vectors) < least:
        raise UsageError(f"{what} takes at least {least} pictures, and here are {len(vectors)}")
    if not np.isfinite(vectors).all():
        raise UsageError("a vector holds numbers that are not finite: index its picture again")
    return vectors


def canonical(vectors: FloatArray) -> IntArray:
    """An order of the rows that their numbers alone decide, as places ``(n,)``.

    What begins with chance, as k-means does, draws from rows in this order, so that pictures which were
    indexed in another order, or are called otherwise, fall into the same groups.
    """
    order: IntArray = np.argsort(_bytes(vectors), kind="stable").astype(np.int64)
    return order


def distinct(vectors: FloatArray) -> tuple[IntArray, IntArray]:
    """Places of the first of each kind of row ``(u,)``, and for each row ``(n,)`` which of them it equals."""
    _, first, back = np.unique(_bytes(vectors), return_index=True, return_inverse=True)
    return first.astype(np.int64), back.astype(np.int64)


def _bytes(vectors: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Each row as one thing that can be compared; minus zero is made zero before."""
    rows = np.ascontiguousarray(vectors, np.float32) + np.float32(0)
    return rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]
