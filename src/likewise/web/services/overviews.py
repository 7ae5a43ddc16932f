"""Overviews of a collection as a whole: computed once in each of its states, and kept."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from likewise.collection import Collection
from likewise.types import Progress, ProgressCallback
from likewise.web.limits import Gate
from likewise.web.services.asking import Kept
from likewise.web.services.file_cache import FileCache
from likewise.web.services.library import Served

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

GRACE = 2.0
"""Seconds for which work goes on that nobody waits for: a page that is loaded anew asks again at once."""

_OFTEN = 0.5
"""Seconds between two looks of one that waits for another at whether it is waited for itself."""


class Dropped(Exception):
    """Nobody waits for it any more."""


class Audience:
    """Those who wait for one thing, entered and left in the server's event loop."""

    def __init__(self) -> None:
        self._waiting, self._left = 0, 0.0

    def __enter__(self) -> None:
        self._waiting += 1

    def __exit__(self, *_: object) -> None:
        self._waiting -= 1
        self._left = time.monotonic()

    def heed(self, _: Progress | None = None) -> None:
        """End the work that calls this when all have been gone for a while.

        Raises
        ------
        Dropped
            Then.
        """
        if not self._waiting and time.monotonic() - self._left >= GRACE:
            raise Dropped


class Overviews:
    """Keeps what was found: in memory, and on the disk what JSON knows."""

    def __init__(self, store: FileCache) -> None:
        self._store = store
        self._found: Kept[Any] = Kept(16)
        self._locks: Kept[Lock] = Kept(64)
        self._audiences: Kept[Audience] = Kept(64)
        self._lock = Lock()

    async def ask(self, gate: Gate, what: Hashable, look: Callable[[ProgressCallback], T]) -> T:
        """Look for something when it is its turn, for as long as somebody waits for it.

        Parameters
        ----------
        what
            The same for all who ask for the same.
        look
            Calls what it is given now and then, and ends with what that raises.
        """
        audience = self._audiences.get(what) or self._audiences.put(what, Audience())
        with audience:
            return await gate.run(look, audience.heed)

    def get(
        self, served: Served, what: Hashable, find: Callable[[Collection], T], heed: ProgressCallback
    ) -> T:
        """Something as it was found in the collection's state of now; who asks meanwhile waits for it."""
        key = (served.name, served.moment, what)
        with self._lock:
            turn = self._locks.get(key) or self._locks.put(key, Lock())
        with _taken(turn, heed):
            held: T | None = self._found.get(key)
            return self._found.put(key, find(served.collection)) if held is None else held

    def kept(
        self,
        served: Served,
        what: Hashable,
        kind: type[M],
        find: Callable[[Collection], M],
        heed: ProgressCallback,
    ) -> M:
        """The same of a model, which also the next server has."""
        name = _named(served, what)

        def read_or_find(collection: Collection) -> M:
            written = self._store.get(name)
            if written is not None:
                with suppress(ValidationError):  # another version wrote it
                    return kind.model_validate_json(written)
            model = find(collection)
            self._store.put(name, model.model_dump_json().encode())
            return model

        return self.get(served, what, read_or_find, heed)


@contextmanager
def _taken(turn: Lock, heed: ProgressCallback) -> Iterator[None]:
    """Hold a lock; while another one does, go on only as long as the wait is of use."""
    while not turn.acquire(timeout=_OFTEN):
        heed(Progress(0, 0))
    try:
        yield
    finally:
        turn.release()


def _named(served: Served, what: Hashable) -> str:
    """A name that no other collection has, nor another state of this one."""
    info = served.collection.info()
    state = (os.path.realpath(info.path), info.manifest.recipe_hash, info.generation, info.changed)
    return hashlib.sha256(repr((state, what)).encode("utf-8", "surrogateescape")).hexdigest()
