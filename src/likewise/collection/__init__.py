"""A folder of pictures as something that can be searched."""

from likewise.collection.collection import Collection
from likewise.collection.copying import copy
from likewise.collection.layers.comparing import Comparison
from likewise.collection.layers.encoders import EncoderFactory
from likewise.collection.layers.layer import LayerIndex, PatchMatches
from likewise.collection.layers.query import Query, QueryPicture
from likewise.collection.layers.snapshot import Pictures
from likewise.collection.layers.words_shards import ShardPart, Shards, WordsShard
from likewise.collection.moving import MovedFile, difference
from likewise.collection.pending import Prune
from likewise.collection.reports import AddReport, Info
from likewise.collection.searching import Searcher
from likewise.collection.store.catalogue import Content, Entry, FailedFile
from likewise.collection.store.contract import Server
from likewise.collection.store.filters import FIELDS
from likewise.collection.store.known import Known
from likewise.collection.store.loose import fulfilling
from likewise.collection.store.removal import RemovedPicture
from likewise.collection.store.stores import holds_collection, located

__all__ = [
    "FIELDS",
    "AddReport",
    "Collection",
    "Comparison",
    "Content",
    "EncoderFactory",
    "Entry",
    "FailedFile",
    "Info",
    "Known",
    "LayerIndex",
    "MovedFile",
    "PatchMatches",
    "Pictures",
    "Prune",
    "Query",
    "QueryPicture",
    "RemovedPicture",
    "Searcher",
    "Server",
    "ShardPart",
    "Shards",
    "WordsShard",
    "copy",
    "difference",
    "fulfilling",
    "holds_collection",
    "located",
]
