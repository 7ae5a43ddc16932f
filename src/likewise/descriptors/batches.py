"""Pictures described in batches, of which the next is decoded while the network has the current one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import TypeAlias, TypeVar

from likewise.errors import BadPicture
from likewise.pictures import Loaded
from likewise.types import FloatArray

T = TypeVar("T")
Describe: TypeAlias = Callable[[Sequence[Loaded]], FloatArray]

BATCH = 16
"""Pictures that the network gets at once, and that are decoded ahead of it."""


def described(
    things: Sequence[T], prepare: Callable[[T], Loaded], describe: Describe, pool: Executor
) -> Iterator[list[tuple[T, FloatArray | BadPicture]]]:
    """Describe things batch by batch, each beside its vector or the reason why it has none.

    Parameters
    ----------
    prepare
        Decodes and resizes; what it raises besides `BadPicture` ends everything. Called by the pool.
    describe
        Gives float32 ``(n, d)``; raises `BadPicture` where there is a picture that the network cannot take.
    """

    def prepared(thing: T) -> Loaded | BadPicture:
        try:
            return prepare(thing)
        except BadPicture as problem:
            return problem

    ahead: deque[list[tuple[T, Future[Loaded | BadPicture]]]] = deque()
    for begin in range(0, len(things), BATCH):
        ahead.append([(thing, pool.submit(prepared, thing)) for thing in things[begin : begin + BATCH]])
        if len(ahead) > 1:
            yield _outcomes(ahead.popleft(), describe)
    while ahead:
        yield _outcomes(ahead.popleft(), describe)


def _outcomes(
    batch: Sequence[tuple[T, Future[Loaded | BadPicture]]], describe: Describe
) -> list[tuple[T, FloatArray | BadPicture]]:
    prepared = [(thing, future.result()) for thing, future in batch]
    vectors = iter(_vectors([one for _, one in prepared if not isinstance(one, BadPicture)], describe))
    return [(thing, one if isinstance(one, BadPicture) else next(vectors)) for thing, one in prepared]


def _vectors(loaded: Sequence[Loaded], describe: Describe) -> list[FloatArray | BadPicture]:
    """Vectors of a batch; a picture that cannot be described fails alone."""
    try:
        return list(describe(loaded)) if loaded else []
    except BadPicture as problem:
        if len(loaded) == 1:
            return [problem]
        return [vector for one in loaded for vector in _vectors([one], describe)]
