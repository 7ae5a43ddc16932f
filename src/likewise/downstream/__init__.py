"""Uses of the vectors of pictures besides search: duplicates, clusters, classes, maps.

`duplicates` and `classifying` have faces of their own; `descriptor`, which loads scikit-learn, and `tasks`,
which loads what reproduces papers, stand beside.
"""

from likewise.downstream.clusters import Clusters, find_clusters
from likewise.downstream.layout import MapLayout, find_layout
from likewise.downstream.similarity import Similarity, similar
from likewise.downstream.sorting import check_target, sort_into

__all__ = [
    "Clusters",
    "MapLayout",
    "Similarity",
    "check_target",
    "find_clusters",
    "find_layout",
    "similar",
    "sort_into",
]
