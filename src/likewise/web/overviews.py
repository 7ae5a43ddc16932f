"""What is found of a collection as a whole: looked for once in each of its states, and kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

from likewise.collection.collection import Collection
from likewise.web.asking import Kept
from likewise.web.library import Served
from likewise.web.store import Store


class Overviews:
    """Keeps what was found: in memory, and on the disk what JSON knows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: Kept[Any] = Kept(16)
        self._locks: Kept[Lock] = Kept(64)
        self._lock = Lock()

    def get(self, served: Served, what: Hashable, find: Callable[[Collection], Any]) -> Any:
        """Something as it was found in the collection's state of now; who asks meanwhile waits for it."""
        key = (served.name, served.moment, what)
        with self._lock:
            turn = self._locks.get(key) or self._locks.put(key, Lock())
        with turn:
            held = self._found.get(key)
            return self._found.put(key, find(served.collection)) if held is None else held

    def kept(self, served: Served, what: Hashable, find: Callable[[Collection], Any]) -> Any:
        """The same of something that JSON knows, which also the next server has."""
        name = _named(served, what)

        def read_or_find(collection: Collection) -> Any:
            written = self._store.get(name)
            if written is not None:
                return json.loads(written)
            found = find(collection)
            self._store.put(name, json.dumps(found).encode())
            return found

        return self.get(served, what, read_or_find)


def _named(served: Served, what: Hashable) -> str:
    """A name that no other collection has, nor another state of this one."""
    info = served.collection.info()
    state = (os.path.realpath(info.path), info.manifest.recipe_hash, info.generation, info.changed)
    return hashlib.sha256(repr((state, what)).encode("utf-8", "surrogateescape")).hexdigest()
