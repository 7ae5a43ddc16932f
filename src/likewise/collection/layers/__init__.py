"""Layers of a collection: kept codes, the indexes made from them, searching and comparing."""

from likewise.collection.layers.comparing import Comparison
from likewise.collection.layers.encoders import EncoderFactory
from likewise.collection.layers.layer import LayerIndex, PatchMatches
from likewise.collection.layers.snapshot import Pictures
from likewise.collection.layers.words_shards import ShardPart, Shards, WordsShard

__all__ = [
    "Comparison",
    "EncoderFactory",
    "LayerIndex",
    "PatchMatches",
    "Pictures",
    "ShardPart",
    "Shards",
    "WordsShard",
]
