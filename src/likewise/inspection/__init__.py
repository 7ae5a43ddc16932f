"""A network inspected on a picture: its maps, their statistics, and what its cells see."""

from likewise.inspection.alignment import Alignment
from likewise.inspection.inspection import Inspection, Pair, inspect, inspect_pair
from likewise.inspection.maps import View
from likewise.inspection.network import Network, open_network
from likewise.inspection.statistics import Histogram, entropy

__all__ = [
    "Alignment",
    "Histogram",
    "Inspection",
    "Network",
    "Pair",
    "View",
    "entropy",
    "inspect",
    "inspect_pair",
    "open_network",
]
