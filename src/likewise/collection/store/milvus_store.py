"""A collection at a Milvus server, followed by a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from likewise.collection.store.belongings import LOCK
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.contract import Server, make_folder
from likewise.collection.store.milvus import SCHEMES, Address, server
from likewise.collection.store.replica import Replica
from likewise.errors import CollectionNotFound
from likewise.files import one_writer


class MilvusStore:
    """See `likewise.collection.store.contract.Store`."""

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
        make_folder(self._folder)
        with one_writer(self._folder / LOCK):
            with self._replica().writer() as catalogue:
                yield catalogue

    def _replica(self) -> Replica:
        return Replica(self._folder, server(self._address))


MILVUS = tuple(Server(scheme, Address.parse, MilvusStore) for scheme in SCHEMES)
