"""The contract of a store: what keeps the truth of a collection, and what opens one by an address."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from likewise.collection.store import belongings
from likewise.collection.store.belongings import CATALOGUE, COMMITTED, LOCK, STORE, UPLOADS
from likewise.collection.store.catalogue import Catalogue
from likewise.errors import StorageError, UsageError

_BEFORE = {LOCK, UPLOADS, COMMITTED, STORE, CATALOGUE + "-wal", CATALOGUE + "-shm"}
"""Files that a folder without a catalogue may hold."""


class Store(Protocol):
    """A store: it keeps a collection."""

    @property
    def address(self) -> str | None:
        """Of the server; None for a folder alone."""

    def reader(self) -> Catalogue:
        """Open for reading; raises `CollectionNotFound` when there is nothing yet."""

    def writer(self) -> AbstractContextManager[Catalogue]:
        """Open for writing, alone, making it when there is nothing yet; raises `CollectionLocked`."""


class Place(Protocol):
    """An address that was understood; two of one place are equal."""

    @property
    def text(self) -> str:
        """As it is written."""

    @property
    def name(self) -> str:
        """Of the collection there, of letters, digits and ``_``."""


@dataclass(frozen=True)
class Server:
    """One kind of store beside folders.

    Attributes
    ----------
    name
        The scheme of its addresses.
    parse
        From the text of an address to the `Place`; raises `UsageError`.
    open
        From the folder that follows it and a `Place` to the `Store`.
    """

    name: str
    parse: Callable[[str], Place]
    open: Callable[[Path, Any], Store]


def make_folder(folder: Path) -> None:
    """Make a collection's folder, unless it is there.

    Raises `UsageError` when it holds other files; `StorageError` when it cannot be made.
    """
    belongings.check(folder)
    try:
        if not (folder / CATALOGUE).exists() and folder.exists() and set(os.listdir(folder)) - _BEFORE:
            raise UsageError(f"{folder} holds other files: name a new folder for the collection")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made ({error.strerror})") from error


def point(folder: Path, place: Place) -> None:
    """Have a folder name the store that it follows."""
    if not (folder / STORE).exists():
        (folder / STORE).write_text(place.text + "\n", encoding="utf-8")
