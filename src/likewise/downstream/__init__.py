"""What the vectors of pictures are good for besides searching: duplicates, clusters, classes, maps.

`duplicates` and `classifying` have faces of their own; `descriptor` stands beside, for it loads scikit-learn.
"""

from likewise.downstream.clusters import Clusters, find_clusters
from likewise.downstream.layout import MapLayout, find_layout
from likewise.downstream.similarity import Similarity, similar
from likewise.downstream.sorting import check_target, sort_into
from likewise.downstream.tasks import measure_tasks

__all__ = [
    "Clusters",
    "MapLayout",
    "Similarity",
    "check_target",
    "find_clusters",
    "find_layout",
    "measure_tasks",
    "similar",
    "sort_into",
]
