"""Every gallery vector becomes a mean of itself and its ``n`` neighbours, before anything is asked."""

from __future__ import annotations

from likewise.ranking.gallery import Gallery
from likewise.ranking.reranking.block import Reranking, by_alpha


def prepare(gallery: Gallery, n: int, alpha: float) -> Gallery:
    """The gallery of means; see `likewise.ranking.expansion`."""
    return gallery.augmented(n=n, alpha=alpha)


AUGMENT = Reranking(
    "augment",
    "Every picture is described as a mean of itself and those most like it; must come first.",
    options={"n": 10, "alpha": 0.0},
    bounds={"n": (1, 10_000), "alpha": (0, 100)},
    prepare=prepare,
    cosines=by_alpha,
)
