"""Sweeps: a data set ranked by a grid of recipes, the network run once for all of them that it can serve."""

from likewise.evaluation.sweeps.grid import Grid
from likewise.evaluation.sweeps.run import Sweep, SweepCell, sweep

__all__ = ["Grid", "Sweep", "SweepCell", "sweep"]
