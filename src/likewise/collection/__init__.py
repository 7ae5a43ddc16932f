"""A folder of pictures as something that can be searched."""

from likewise.collection.asking import Query
from likewise.collection.catalogue import Failure
from likewise.collection.collection import Collection
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
    "VerifyReport",
]
