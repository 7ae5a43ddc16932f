"""Rows of vectors as they are needed here: checked, in an order of their own, without their repetitions."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from hashlib import blake2b

import numpy as np
from threadpoolctl import threadpool_limits

from likewise.errors import UsageError
from likewise.types import FloatArray, IntArray

FEW = 2000
"""Rows below which more threads do not help scikit-learn."""


def checked(vectors: FloatArray, least: int, what: str) -> FloatArray:
    """Vectors ``(n, d)`` that can be worked on.

    Raises `UsageError` when there are fewer, they are no table of numbers, or one of them is not finite.

    Parameters
    ----------
    least
        How many are needed.
    what
        For what, in the words of an error.
    """
    if vectors.ndim != 2:
        raise UsageError(f"vectors {vectors.shape} must be (n, d)")
    if len(vectors) < least:
        raise UsageError(f"{what} takes at least {least} pictures, and here are {len(vectors)}")
    if not np.isfinite(vectors).all():
        raise UsageError("a vector holds numbers that are not finite: index its picture again")
    return vectors


def threads_for(rows: int) -> AbstractContextManager[object]:
    """Keep to one thread where there are few rows: handing out so little work takes longer than it."""
    return threadpool_limits(1) if rows < FEW else nullcontext()


def canonical(vectors: FloatArray) -> IntArray:
    """An order of the rows that their numbers alone decide, as places ``(n,)``.

    What begins with chance, as k-means does, draws from rows in this order, so that pictures which were
    indexed in another order, or are called otherwise, fall into the same groups.
    """
    order: IntArray = np.argsort(_digests(vectors), kind="stable").astype(np.int64)
    return order


def distinct(vectors: FloatArray) -> tuple[IntArray, IntArray]:
    """Places of the first of each kind of row ``(u,)``, and for each row ``(n,)`` which of them it equals."""
    _, first, back = np.unique(_digests(vectors), return_index=True, return_inverse=True)
    return first.astype(np.int64), back.astype(np.int64)


def _digests(vectors: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bytes_]]:
    """Sixteen bytes that stand for a row: to sort the rows themselves would take their size twice over."""
    # zero is added, which makes minus zero zero
    rows = (np.ascontiguousarray(row + np.float32(0), np.float32).data for row in vectors)
    digests = [blake2b(row, digest_size=8).hexdigest().encode() for row in rows]
    return np.array(digests, dtype="S16")
