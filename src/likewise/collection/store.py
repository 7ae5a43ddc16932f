"""Where a collection keeps its truth: a folder of this machine, or a server that many machines share.

A store opens catalogues, which are asked and changed alike wherever they lie. In a folder it is SQLite that
keeps them; a folder with a file ``store`` follows what that file names. Whatever is made from the truth lies
in the folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from likewise.assets import cache_dir
from likewise.collection import belongings
from likewise.collection.belongings import CATALOGUE, COMMITTED, LOCK, STORE, UPLOADS
from likewise.collection.catalogue import Catalogue
from likewise.collection.lock import writing
from likewise.collection.milvus import SCHEMES, Address, server
from likewise.collection.replica import Replica, point
from likewise.errors import CollectionDamaged, CollectionNotFound, StorageError, UsageError

_BEFORE = {LOCK, UPLOADS, COMMITTED, STORE, CATALOGUE + "-wal", CATALOGUE + "-shm"}
"""What may lie in a folder that has no catalogue yet, or none any more."""


class Store(Protocol):
    """What keeps a collection."""

    @property
    def address(self) -> str | None:
        """Of the server; None for a folder alone."""

    def reader(self) -> Catalogue:
        """Open for reading; raises `CollectionNotFound` when there is nothing yet."""

    def writer(self) -> AbstractContextManager[Catalogue]:
        """Open for writing, alone, making it when there is nothing yet; raises `CollectionLocked`."""


class FolderStore:
    """A collection in a folder; see `Store`."""

    address = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def reader(self) -> Catalogue:
        """See `Store`."""
        return Catalogue.reader(self._folder / CATALOGUE)

    @contextmanager
    def writer(self) -> Iterator[Catalogue]:
        """See `Store`."""
        _make(self._folder)
        file = self._folder / CATALOGUE
        with writing(self._folder / LOCK), closing(Catalogue.writer(file)) as catalogue:
            yield catalogue


class MilvusStore:
    """A collection at a Milvus server, followed by a folder; see `Store`."""

    def __init__(self, folder: Path, address: Address) -> None:
        self._folder, self._address = folder, address

    @property
    def address(self) -> str:
        """See `Store`."""
        return self._address.text

    def reader(self) -> Catalogue:
        """See `Store`; a folder from somebody else may name any file, which is not made here."""
        if self._address.is_file and not os.path.exists(self._address.uri):
            raise CollectionNotFound(f"there is no {self._address.uri}: index a folder into it first")
        return self._replica().reader()

    @contextmanager
    def writer(self) -> Iterator[Catalogue]:
        """See `Store`."""
        _make(self._folder)
        with writing(self._folder / LOCK):
            with self._replica().writer() as catalogue:
                yield catalogue

    def _replica(self) -> Replica:
        return Replica(self._folder, server(self._address))


def store_of(folder: Path, wanted: str | None = None) -> Store:
    """The store of a collection's folder, or the one that is wanted for it.

    Raises
    ------
    UsageError
        When another is wanted than it has.
    CollectionDamaged
        When its file ``store`` names none.
    """
    held = _named(folder)
    address = Address.parse(wanted) if wanted else held
    if wanted and (held or (folder / CATALOGUE).exists()) and address != held:
        where = held.text if held else "in its folder"
        raise UsageError(f"{folder} is kept {where}, not at {wanted}: name another folder, or copy it")
    return MilvusStore(folder, address) if address else FolderStore(folder)


def _named(folder: Path) -> Address | None:
    """The address in a folder's file, if there is one."""
    try:
        text = (folder / STORE).read_text(encoding="utf-8").strip()
        return Address.parse(text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError, UsageError) as error:
        raise CollectionDamaged(f"{folder / STORE} names no store ({error})") from error


def holds_collection(folder: Path) -> bool:
    """Whether a folder is one of a collection."""
    return any((folder / name).is_file() for name in (CATALOGUE, STORE))


def located(path: str) -> Path:
    """The folder of a collection: what is named, or one in the cache that follows an address.

    Raises
    ------
    UsageError
        When it is no address of a store.
    StorageError
        When that folder cannot be made.
    """
    if path.partition("://")[0] not in SCHEMES:
        return Path(path)
    address = Address.parse(path)
    digest = hashlib.sha256(path.encode()).hexdigest()[:8]
    folder = cache_dir() / "stores" / f"{address.name}-{digest}.likewise"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        point(folder, address)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made ({error.strerror})") from error
    return folder


def _make(folder: Path) -> None:
    """Make a collection's folder, unless it is there."""
    belongings.check(folder)
    try:
        if not (folder / CATALOGUE).exists() and folder.exists() and set(os.listdir(folder)) - _BEFORE:
            raise UsageError(f"{folder} holds other files: name a new folder for the collection")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made ({error.strerror})") from error
