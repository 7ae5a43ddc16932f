"""A folder of pictures as something that can be searched."""

from likewise.collection.catalogue import Failure
from likewise.collection.collection import Collection
from likewise.collection.query import Query, QueryPicture
from likewise.collection.reports import AddReport, Comparison, Fault, Info, Pictures, VerifyReport

__all__ = [
    "AddReport",
    "Collection",
    "Comparison",
    "Failure",
    "Fault",
    "Info",
    "Pictures",
    "Query",
    "QueryPicture",
    "VerifyReport",
]
