"""The first ``top`` hits are ordered by how much of their neighbourhood they share with the query."""

from __future__ import annotations

from likewise.ranking.reciprocal import reciprocal
from likewise.ranking.reranking.block import Block, Reranking


def run(block: Block, k1: int, k2: int, weight: float, top: int) -> None:
    """Order each query's head; see `likewise.ranking.reciprocal`."""
    for row, query in enumerate(block.queries):
        head = block.places[row, :top]
        vectors = block.gallery.vectors[head]
        block.put(row, head, reciprocal(query, vectors, k1=k1, k2=k2, weight=weight))


RECIPROCAL = Reranking(
    "reciprocal",
    "The first hits are ordered by the neighbours that they share with the query.",
    options={"k1": 20, "k2": 6, "weight": 0.3, "top": 100},
    bounds={"k1": (1, 10_000), "k2": (1, 10_000), "weight": (0, 1), "top": (1, 2000)},
    run=run,
    depth=("top",),
)
