"""From vectors and queries to rankings: exact search, and what may follow it."""

from likewise.ranking.exact import Vectors, best, products_of, search
from likewise.ranking.feedback import combined, judged_weights, refined, shares
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
    "Vectors",
    "best",
    "combined",
    "judged_weights",
    "products_of",
    "rank",
    "rank_sketches",
    "refined",
    "search",
    "shares",
]
