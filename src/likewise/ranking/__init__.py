"""From vectors and queries to rankings, and what may follow a search.

`exact` searches vectors and `feedback` makes queries of several pictures: each a face of its own.
"""

from likewise.ranking.gallery import Gallery
from likewise.ranking.localiser import Localiser
from likewise.ranking.neighbours import KeptNeighbours
from likewise.ranking.reranking import STAGES, Reranking
from likewise.ranking.sketches import rank_sketches
from likewise.ranking.stages import Ranked, Stage, rank

__all__ = [
    "STAGES",
    "Gallery",
    "KeptNeighbours",
    "Localiser",
    "Ranked",
    "Reranking",
    "Stage",
    "rank",
    "rank_sketches",
]
