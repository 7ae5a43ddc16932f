"""Work on its way from one kind of thread to the next."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Cancelled(Exception):
    """The run was given up; no error, but the end of a thread whose work nobody wants any more."""


@dataclass
class _Bucket(Generic[T]):
    things: list[T] = field(default_factory=list)
    cost: int = 0


class Belt(Generic[T]):
    """A bounded queue between threads that hands out things of a kind together.

    Who takes gets a full bucket where there is one, else the bucket that was begun first: nobody waits
    while there is work, and nothing lies for ever because its kind is rare. The last bucket is shared, so
    that all who take are done at nearly the same time.

    Parameters
    ----------
    limit
        The cost that may lie on the belt; who would put more waits. A thing alone is always let on.
    bucket
        How many things of one kind are handed out together at most.
    weight
        The cost from which a bucket is full before that.
    producers
        How many threads put things, each of which calls `close` once.
    takers
        How many threads take them.
    """

    def __init__(
        self, limit: int, *, bucket: int = 1, weight: int | None = None, producers: int = 1, takers: int = 1
    ) -> None:
        self._limit, self._bucket, self._weight = limit, bucket, weight or limit
        self._begun: dict[Hashable, _Bucket[T]] = {}  # a dict keeps the order in which they were begun
        self._full: deque[_Bucket[T]] = deque()
        self._cost = 0
        self._producers, self._takers = producers, takers
        self._cancelled = False
        self._moved = Condition()

    def put(self, thing: T, *, kind: Hashable = None, cost: int = 1) -> None:
        """Lay a thing on the belt, waiting while it is full; raises `Cancelled` when nobody will take it."""
        with self._moved:
            self._moved.wait_for(
                lambda: self._cancelled or not self._cost or self._cost + cost <= self._limit
            )
            self._check()
            bucket = self._begun.setdefault(kind, _Bucket())
            bucket.things.append(thing)
            bucket.cost += cost
            self._cost += cost
            if len(bucket.things) >= self._bucket or bucket.cost >= self._weight:
                self._full.append(self._begun.pop(kind))
            self._moved.notify_all()

    def take(self) -> list[T]:
        """Take things of one kind, waiting for some; none when all producers have closed and all is taken."""
        with self._moved:
            self._moved.wait_for(lambda: self._cancelled or self._full or self._begun or not self._producers)
            self._check()
            if self._full:
                bucket = self._full.popleft()
            elif self._begun:
                bucket = self._begun.pop(next(iter(self._begun)))
            else:
                return []
            self._cost -= bucket.cost
            self._moved.notify_all()
            return self._share(bucket.things)

    def close(self) -> None:
        """Say that one producer is done."""
        with self._moved:
            self._producers -= 1
            self._moved.notify_all()

    def cancel(self) -> None:
        """Give up: every thread that puts or takes, now or later, gets `Cancelled`."""
        with self._moved:
            self._cancelled = True
            self._moved.notify_all()

    def _share(self, things: list[T]) -> list[T]:
        """All of them, or of the very last a part, where others take too; what is put back costs nothing."""
        if self._producers or self._full or self._begun:
            return things
        share = math.ceil(len(things) / self._takers)
        if share < len(things):
            self._full.append(_Bucket(things[share:]))
        return things[:share]

    def _check(self) -> None:
        if self._cancelled:
            raise Cancelled
