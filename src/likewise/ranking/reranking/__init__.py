"""Stages that may follow a search, one file each."""

from __future__ import annotations

from likewise.ranking.reranking.augment import AUGMENT
from likewise.ranking.reranking.block import BLOCK, Block, Localise, Reranking
from likewise.ranking.reranking.diffuse import DIFFUSE
from likewise.ranking.reranking.expand import EXPAND
from likewise.ranking.reranking.localise import LOCALISE
from likewise.ranking.reranking.reciprocal import RECIPROCAL
from likewise.registry import Registry

__all__ = ["BLOCK", "STAGES", "Block", "Localise", "Reranking"]

STAGES = Registry(
    "stage",
    "likewise.stages",
    {one.name: one for one in (AUGMENT, EXPAND, RECIPROCAL, DIFFUSE, LOCALISE)},
    of=Reranking,
)
"""By the name that a search gives them, in a sensible order."""
