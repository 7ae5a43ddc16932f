"""The first ``top`` hits are ordered by the part of them that fits best, and say where it is."""

from __future__ import annotations

from typing import cast

import numpy as np

from likewise.ranking.reranking.block import Block, Localise, Reranking


def run(block: Block, top: int) -> None:
    """Look at each query's head by the block's localiser; see `likewise.ranking.Localiser`."""
    localiser = cast(Localise, block.localiser)  # `likewise.ranking.stages.rank` has refused its absence
    for row in range(len(block.queries)):
        head = block.places[row, :top]
        ids = block.gallery.ids[head]
        scores, boxes = localiser(block.start + row, ids)
        block.boxes[row].update({name: box for name, box in zip(ids.tolist(), boxes, strict=True) if box})
        seen = np.isfinite(scores)
        block.put(row, head[seen], scores[seen])


LOCALISE = Reranking(
    "localise",
    "The first hits are ordered by the part of each that fits best, which is drawn.",
    options={"top": 50},
    bounds={"top": (1, 100_000)},
    run=run,
    depth=("top",),
    looks=True,
)
