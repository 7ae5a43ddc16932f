"""Pictures described in batches, of which the next is decoded while the network has the current one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from likewise.errors import BadPicture
from likewise.files.system import cores

T = TypeVar("T")
P = TypeVar("P")
V = TypeVar("V")

BATCH = 16
"""Pictures that the network gets at once, and that are decoded ahead of it."""


def describe_batches(
    things: Sequence[T],
    prepare: Callable[[T], P],
    describe: Callable[[Sequence[P]], Iterable[V]],
) -> Iterator[list[tuple[T, V | BadPicture]]]:
    """Describe things batch by batch, each beside what it was turned into or the reason why it was not.

    Parameters
    ----------
    prepare
        Decodes and resizes; what it raises besides `BadPicture` ends everything. Called by one thread
        a core.
    describe
        Gives one value each, such as the rows of float32 ``(n, d)``; raises `BadPicture` where there is a
        picture that the network cannot take.
    """

    def prepared(thing: T) -> P | BadPicture:
        try:
            return prepare(thing)
        except BadPicture as problem:
            return problem

    ahead: deque[list[tuple[T, Future[P | BadPicture]]]] = deque()
    with ThreadPoolExecutor(cores()) as pool:
        for begin in range(0, len(things), BATCH):
            ahead.append([(thing, pool.submit(prepared, thing)) for thing in things[begin : begin + BATCH]])
            if len(ahead) > 1:
                yield _outcomes(ahead.popleft(), describe)
        while ahead:
            yield _outcomes(ahead.popleft(), describe)


def _outcomes(
    batch: Sequence[tuple[T, Future[P | BadPicture]]], describe: Callable[[Sequence[P]], Iterable[V]]
) -> list[tuple[T, V | BadPicture]]:
    prepared = [(thing, future.result()) for thing, future in batch]
    values = iter(describe_each(describe, [view for _, view in prepared if not isinstance(view, BadPicture)]))
    return [(thing, view if isinstance(view, BadPicture) else next(values)) for thing, view in prepared]


def describe_each(
    describe: Callable[[Sequence[P]], Iterable[V | BadPicture]], loaded: Sequence[P]
) -> list[V | BadPicture]:
    """Values of a batch; a picture that cannot be described fails alone."""
    try:
        return list(describe(loaded)) if loaded else []
    except BadPicture as problem:
        if len(loaded) == 1:
            return [problem]
        return [value for view in loaded for value in describe_each(describe, [view])]
