"""Many pictures described: in batches, decoded ahead of the network, and kept in files."""

from likewise.descriptors.describing.batches import describe_batches, describe_each
from likewise.descriptors.describing.cache import (
    CachedArrays,
    PictureView,
    cached_arrays,
    cached_vectors,
    is_due,
)

__all__ = [
    "CachedArrays",
    "PictureView",
    "cached_arrays",
    "cached_vectors",
    "describe_batches",
    "describe_each",
    "is_due",
]
