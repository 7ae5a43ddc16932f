"""Many pictures described: in batches, decoded ahead of the network, and kept in files."""

from likewise.descriptors.describing.batches import describe_each, described
from likewise.descriptors.describing.cache import CachedArrays, PictureView, describe, is_due, look_up

__all__ = ["CachedArrays", "PictureView", "describe", "describe_each", "described", "is_due", "look_up"]
