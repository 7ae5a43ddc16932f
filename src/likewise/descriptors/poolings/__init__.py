"""Poolings, one file each: from a map of activations to one vector a picture."""

from __future__ import annotations

from likewise.descriptors.poolings.crow import CROW
from likewise.descriptors.poolings.flatten import FLATTEN, NONE
from likewise.descriptors.poolings.gem import GEM
from likewise.descriptors.poolings.max import MAX
from likewise.descriptors.poolings.mean import MEAN
from likewise.descriptors.poolings.pooling import Pooling, Windows
from likewise.descriptors.poolings.rmac import RMAC
from likewise.descriptors.poolings.spoc import SPOC
from likewise.descriptors.poolings.sum import SUM
from likewise.registry import Registry, lookup

__all__ = ["POOLINGS", "Pooling", "Windows", "find"]

POOLINGS = Registry(
    "pooling",
    "likewise.poolings",
    {pooling.name: pooling for pooling in (NONE, FLATTEN, SUM, MEAN, MAX, GEM, SPOC, CROW, RMAC)},
    of=Pooling,
)
"""By the name that a recipe gives them."""


def find(name: str) -> Pooling:
    """The pooling of a name.

    Raises `UnknownName` when there is none, with the nearest names.
    """
    return lookup("pooling", name, POOLINGS)
