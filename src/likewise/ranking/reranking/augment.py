"""Every gallery vector becomes a mean of itself and its ``n`` neighbours, before anything is asked."""

from __future__ import annotations

from likewise.ranking.gallery import Gallery
from likewise.ranking.reranking.block import Reranking


def prepare(gallery: Gallery, n: int, alpha: float) -> Gallery:
    """The gallery of means; see `likewise.ranking.expansion`."""
    return gallery.augmented(n=n, alpha=alpha)


def cosines(n: int, alpha: float) -> bool:
    """Weights are powers of cosines, but for alpha 0, where all are 1."""
    del n
    return alpha > 0


AUGMENT = Reranking(
    "augment",
    "Every picture is described as a mean of itself and those most like it; must come first.",
    options={"n": 10, "alpha": 0.0},
    bounds={"n": (1, 10_000), "alpha": (0, 100)},
    prepare=prepare,
    cosines=cosines,
)
