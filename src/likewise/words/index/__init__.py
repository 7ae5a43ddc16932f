"""Inverted indexes: segments of sketches in files, the kernels that scan them, and scores over layers."""

from likewise.words.index.inverted import InvertedIndex, WordIndex, WordStatistics
from likewise.words.index.layers import Layers, QuerySketch
from likewise.words.index.merging import merge
from likewise.words.index.segment import Segment
from likewise.words.index.sharded import ShardedIndex

__all__ = [
    "InvertedIndex",
    "Layers",
    "QuerySketch",
    "Segment",
    "ShardedIndex",
    "WordIndex",
    "WordStatistics",
    "merge",
]
