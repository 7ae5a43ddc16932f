"""The query becomes a mean of itself and the first ``n`` hits, and is asked again.

With ``own=false`` it is a mean of the hits alone.
"""

from __future__ import annotations

from likewise.ranking.expansion import mixed
from likewise.ranking.reranking.block import Block, Reranking, by_alpha


def run(block: Block, n: int, alpha: float, own: bool) -> None:
    """Mix and search again; see `likewise.ranking.expansion`."""
    vectors, unit = block.gallery.vectors, block.gallery.unit
    near = block.places[:, :n]
    block.queries = mixed(block.queries, vectors, near, alpha=alpha, unit=unit, own_weight=float(own))
    block.search()


EXPAND = Reranking(
    "expand",
    "The mean of the query and the first hits is searched for.",
    options={"n": 10, "alpha": 0.0, "own": True},
    bounds={"n": (1, 10_000), "alpha": (0, 100), "own": (False, True)},
    run=run,
    depth=("n",),
    cosines=by_alpha,
)
