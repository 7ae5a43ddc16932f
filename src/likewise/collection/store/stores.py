"""Where a collection keeps its truth: a folder of this machine, or a server that many machines share.

A store opens catalogues, which are asked and changed alike wherever they lie. In a folder it is SQLite that
keeps them; a folder with a file ``store`` follows what that file names. Whatever is made from the truth lies
in the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from likewise.collection.store.belongings import CATALOGUE, LOCK, STORE
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.contract import Place, Server, Store, make_folder, point
from likewise.collection.store.milvus_store import MILVUS
from likewise.errors import CollectionDamaged, StorageError, UsageError
from likewise.files import cache_dir, one_writer
from likewise.registry import Registry

STORES = Registry("store", "likewise.stores", {one.name: one for one in MILVUS}, of=Server)
"""Stores beside folders, by the schemes of their addresses."""


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
        make_folder(self._folder)
        file = self._folder / CATALOGUE
        with one_writer(self._folder / LOCK), closing(Catalogue.writer(file)) as catalogue:
            yield catalogue


def store_of(folder: Path, wanted: str | None = None) -> Store:
    """The store of a collection's folder, or the one that is wanted for it.

    Raises `UsageError` when another is wanted than it has; `CollectionDamaged` when its file ``store`` names
    none.
    """
    held = _named(folder)
    address = _parsed(wanted) if wanted else held
    if wanted and (held or (folder / CATALOGUE).exists()) and address != held:
        where = held.text if held else "in its folder"
        raise UsageError(f"{folder} is kept {where}, not at {wanted}: name another folder, or copy it")
    return STORES[_scheme(address.text)].open(folder, address) if address else FolderStore(folder)


def _parsed(text: str) -> Place:
    scheme = _scheme(text)
    if scheme not in STORES:
        known = " or ".join(f"{name}://" for name in STORES)
        raise UsageError(
            f"{text} is no address of a store: it begins with {known}, such as milvus://HOST:PORT/NAME"
        )
    return STORES[scheme].parse(text)


def _scheme(text: str) -> str:
    return text.partition("://")[0].lower()


def _named(folder: Path) -> Place | None:
    """The address in a folder's file, if there is one."""
    try:
        text = (folder / STORE).read_text(encoding="utf-8").strip()
        return _parsed(text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError, UsageError) as error:
        raise CollectionDamaged(f"{folder / STORE} names no store ({error})") from error


def holds_collection(folder: Path) -> bool:
    """Whether a folder is one of a collection."""
    return any((folder / name).is_file() for name in (CATALOGUE, STORE))


def located(path: str) -> Path:
    """The folder of a collection: what is named, or one in the cache that follows an address.

    Raises `UsageError` when it is no address of a store; `StorageError` when that folder cannot be made.
    """
    if "://" not in path or _scheme(path) not in STORES:
        return Path(path)
    address = _parsed(path)
    digest = hashlib.sha256(path.encode()).hexdigest()[:8]
    folder = cache_dir() / "stores" / f"{address.name}-{digest}.likewise"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        point(folder, address)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made ({error.strerror})") from error
    return folder
