"""The store of a collection: its catalogue, what else lies in its folder, and servers in its place."""

from likewise.collection.store.catalogue import Content, Entry, FailedFile
from likewise.collection.store.contract import Server
from likewise.collection.store.filters import FIELDS
from likewise.collection.store.known import Known
from likewise.collection.store.loose import fulfilling
from likewise.collection.store.removal import RemovedPicture
from likewise.collection.store.stores import holds_collection, located

__all__ = [
    "FIELDS",
    "Content",
    "Entry",
    "FailedFile",
    "Known",
    "RemovedPicture",
    "Server",
    "fulfilling",
    "holds_collection",
    "located",
]
