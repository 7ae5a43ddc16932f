"""A folder of pictures as something that can be searched."""

from likewise.collection.catalogue import Content, Entry, FailedFile
from likewise.collection.collection import Collection
from likewise.collection.copying import copy
from likewise.collection.encoders import EncoderFactory
from likewise.collection.filters import FIELDS
from likewise.collection.known import Known
from likewise.collection.layer import LayerIndex, PatchMatches
from likewise.collection.loose import fulfilling
from likewise.collection.moving import MovedFile, difference
from likewise.collection.pending import Prune
from likewise.collection.query import Query, QueryPicture
from likewise.collection.removal import RemovedPicture
from likewise.collection.reports import AddReport, Comparison, Info, Pictures
from likewise.collection.searching import Searcher
from likewise.collection.storage import Server
from likewise.collection.store import holds_collection, located
from likewise.collection.words_shards import ShardPart, Shards, WordsShard

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
