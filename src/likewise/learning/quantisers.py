"""Product quantisers, learned on a sample of vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from likewise.arrays.artifacts import Sample, fingerprint
from likewise.descriptors import VectorRecipe
from likewise.descriptors.transforms import Quantiser
from likewise.errors import UsageError
from likewise.learning.samples import Gathered
from likewise.types import FloatArray, Progress, ProgressCallback

_ROUNDS = 25


def learn_quantiser(
    gathered: Gathered, count: int, recipe: VectorRecipe, *, progress: ProgressCallback | None = None
) -> Quantiser:
    """Learn the pieces of a product quantiser of ``count`` bytes, and remember on what.

    Raises `UsageError` when the sample does not suffice, or vectors cannot be cut into so many pieces.
    """

    def report(done: int) -> None:
        if progress:
            progress(Progress(done, count, note="clustering"))

    try:
        pieces = learn_pieces(gathered.vectors, count, report=report)
    except ValueError as error:
        raise UsageError(f"cannot learn from {gathered.about}: {error}") from error
    sample = (fingerprint(gathered.vectors), len(gathered.vectors), gathered.about)
    return Quantiser(pieces, Sample(*sample, gathered.pictures, recipe.to_toml()))


def learn_pieces(
    vectors: FloatArray, count: int, *, seed: int = 0, report: Callable[[int], None] | None = None
) -> FloatArray:
    """Cut vectors into ``count`` pieces and cluster each kind.

    Returns float32 ``(count, 256, d / count)``. Raises `ValueError` when d is no multiple of ``count``, or
    there are fewer than 256 vectors.

    Parameters
    ----------
    vectors
        float32 ``(n, d)``.
    count
        Bytes that a vector will take.
    report
        Called with how many kinds are done.
    """
    n, d = vectors.shape
    if d % count:
        fitting = [bytes_ for bytes_ in (8, 16, 32, 64, 128, 256) if d % bytes_ == 0]
        raise ValueError(f"{d} numbers cannot be cut into {count} equal pieces; {fitting} would do")
    if n < Quantiser.PIECES:
        raise ValueError(
            f"{n} vectors are too few: {Quantiser.PIECES} pieces need at least as many, better ten times"
        )
    cut = vectors.reshape(n, count, d // count)
    centroids = np.empty((count, Quantiser.PIECES, d // count), np.float32)
    for place in range(count):
        centroids[place] = _clustered(cut[:, place], seed)
        if report:
            report(place + 1)
    return centroids


def _clustered(rows: FloatArray, seed: int) -> FloatArray:
    """Centres of 256 clusters; of fewer different rows these themselves, the last one repeated."""
    different = np.unique(rows, axis=0)
    if len(different) <= Quantiser.PIECES:
        return different[np.minimum(np.arange(Quantiser.PIECES), len(different) - 1)]
    from sklearn.cluster import KMeans

    means = KMeans(Quantiser.PIECES, n_init=1, max_iter=_ROUNDS, random_state=seed).fit(rows)
    return np.asarray(means.cluster_centers_, np.float32)
