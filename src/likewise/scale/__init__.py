"""Describing pictures with many processes or machines: shards of a folder, and a collection made of them."""

from likewise.scale.actors import RayShards
from likewise.scale.describing import ShardReport, extract_shards
from likewise.scale.ingesting import ingest
from likewise.scale.shards import Shard, cut

__all__ = ["RayShards", "Shard", "ShardReport", "cut", "extract_shards", "ingest"]
