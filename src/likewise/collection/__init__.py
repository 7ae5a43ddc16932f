"""A folder of pictures as something that can be searched; `layers` and `store` have faces of their own."""

from likewise.collection.collection import Collection
from likewise.collection.copying import copy
from likewise.collection.layers.query import Query, QueryPicture
from likewise.collection.moving import MovedFile, difference
from likewise.collection.pending import Prune
from likewise.collection.reports import AddReport, Info
from likewise.collection.searching import Searcher

__all__ = [
    "AddReport",
    "Collection",
    "Info",
    "MovedFile",
    "Prune",
    "Query",
    "QueryPicture",
    "Searcher",
    "copy",
    "difference",
]
