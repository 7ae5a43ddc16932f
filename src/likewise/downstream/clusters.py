"""Clusters: pictures that belong together, with nobody saying beforehand what to."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.collection import Collection
from likewise.collection.layers import Pictures
from likewise.descriptors.transforms import principal_axes
from likewise.downstream.vectors import canonical, checked, distinct, threads_for
from likewise.errors import UsageError
from likewise.types import FloatArray, IntArray, Progress, ProgressCallback

Method: TypeAlias = Literal["kmeans", "hdbscan"]

AXES = 64
"""Numbers to which vectors are shortened before they are clustered by k-means."""

DENSITY_AXES = 32
"""The same for HDBSCAN: density means little in a space of many dimensions."""

SAMPLE = 2000
"""Rows by which a number of clusters is judged."""

PATIENCE = 3
"""Numbers of clusters in a row that do no better, after which no more are tried."""

STARTS, MANY_STARTS = 4, 20
"""Runs of k-means, of which the best is taken: many for up to `SAMPLE` rows, where they take no time and a
few often end in a poor one."""


@dataclass(frozen=True)
class Cluster:
    """Pictures that belong together.

    Attributes
    ----------
    ids, paths
        The most central picture first, the others as they are farther from the middle.
    spread
        Root mean square distance of its vectors from their mean.
    """

    ids: tuple[int, ...]
    paths: tuple[Path, ...]
    spread: float


@dataclass(frozen=True)
class Clusters:
    """A collection in clusters.

    Attributes
    ----------
    clusters
        The largest first.
    alone
        Ids of pictures that belong to none, which only HDBSCAN leaves.
    method
        How they were found.
    tried
        By number of clusters its mean silhouette (Rousseeuw, 1987), from -1 to 1, where the number was chosen
        by it; else empty.
    """

    clusters: tuple[Cluster, ...]
    alone: tuple[int, ...]
    method: Method
    tried: dict[int, float]

    @property
    def labels(self) -> dict[int, int]:
        """By id the number of its cluster, from 0; -1 for none."""
        numbers = {row: number for number, cluster in enumerate(self.clusters) for row in cluster.ids}
        return numbers | dict.fromkeys(self.alone, -1)

    @property
    def named(self) -> dict[str, Cluster]:
        """The clusters by what they are called, ``cluster-01`` and so on."""
        width = max(2, len(str(len(self.clusters))))
        return {f"cluster-{number:0{width}}": cluster for number, cluster in enumerate(self.clusters, 1)}


def find_clusters(
    collection: Collection,
    *,
    method: Method = "kmeans",
    k: int | None = None,
    least: int = 5,
    under: str | os.PathLike[str] | None = None,
    where: str | None = None,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Clusters:
    """Put the pictures of a collection into clusters.

    Raises `UsageError` when there are fewer different pictures than clusters, too few to choose ``k`` by, or
    ``k`` is given with HDBSCAN.

    Parameters
    ----------
    method
        ``kmeans``: every picture belongs to one of ``k`` clusters. ``hdbscan``: clusters are where pictures
        lie densely, the others belong to none (Campello, Moulavi and Sander, 2013).
    k
        How many clusters k-means makes; by default the number whose silhouette is best.
    least
        Fewest pictures of a cluster of HDBSCAN.
    under
        Only pictures in a folder, or whose path matches a glob.
    where
        Only pictures of which a filter is true, see `likewise.collection.store.filters`.
    seed
        Of the random start of k-means.
    """
    pictures = collection.pictures(under, where)
    labels, tried = cluster_rows(
        pictures.vectors, method=method, k=k, least=least, seed=seed, progress=progress
    )
    groups = [np.flatnonzero(labels == label) for label in range(labels.max(initial=-1) + 1)]
    clusters = [_cluster(pictures, rows) for rows in groups]
    clusters.sort(key=lambda cluster: (-len(cluster.ids), min(cluster.ids)))
    return Clusters(tuple(clusters), tuple(pictures.ids[labels < 0].tolist()), method, tried)


def _cluster(pictures: Pictures, rows: IntArray) -> Cluster:
    vectors = pictures.vectors[rows].astype(np.float64)
    apart = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1)
    order = np.lexsort((pictures.ids[rows], apart))
    return Cluster(
        tuple(pictures.ids[rows[order]].tolist()),
        tuple(pictures.paths[row] for row in rows[order].tolist()),
        float(np.sqrt(np.mean(np.square(apart)))),
    )


def cluster_rows(
    vectors: FloatArray,
    *,
    method: Method = "kmeans",
    k: int | None = None,
    least: int = 5,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> tuple[IntArray, dict[int, float]]:
    """Number the clusters of rows ``(n, d)``; the order of the rows does not matter.

    Returns
    -------
    labels
        int64, shape ``(n,)``, from 0; -1 for rows that belong to none.
    tried
        Silhouettes by number of clusters, as in `Clusters`.
    """
    checked(vectors, 1, "clustering")
    if method == "hdbscan" and k is not None:
        raise UsageError("HDBSCAN finds the number of clusters itself: give k with kmeans only")
    order = canonical(vectors)
    different = len(distinct(vectors)[0])
    labels = np.empty(len(vectors), np.int64)
    tried: dict[int, float] = {}
    if method == "hdbscan":
        labels[order] = _dense(shortened(vectors[order], DENSITY_AXES), least)
        return labels, tried
    short = shortened(vectors[order], AXES)
    if k is None:
        tried = silhouettes(short, different, seed, progress)
        k = max(tried, key=lambda count: (tried[count], -count))
    if not 1 <= k <= different:
        raise UsageError(
            f"{k} clusters cannot be made of {different} different pictures: give k from 1 to that"
        )
    labels[order] = _kmeans(short, k, seed, progress=progress)
    return labels, tried


def shortened(vectors: FloatArray, axes: int) -> FloatArray:
    """Rows ``(n, d)`` along their ``axes`` first principal axes, or all in which they vary."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    variances, kept = principal_axes(vectors[:: -(-len(vectors) // 20_000)], mean)
    count = min(axes, int(np.sum(variances > variances.max(initial=0) * 1e-10)))
    kept = kept[:, :count] * np.where(kept[:, :count].sum(axis=0) < 0, -1, 1)  # layouts lie by this sign
    short = (vectors @ kept.astype(np.float32) - (mean @ kept)).astype(np.float32)
    return short if count else np.zeros((len(vectors), 1), np.float32)


def silhouettes(
    rows: FloatArray, different: int, seed: int = 0, progress: ProgressCallback | None = None
) -> dict[int, float]:
    """Mean silhouette of a sample of rows for several numbers of clusters.

    Raises `UsageError` when there are fewer than three different rows.
    """
    from sklearn.metrics import silhouette_score

    if different < 3:
        raise UsageError(f"k cannot be chosen by {different} different pictures: say how many, such as k=1")
    sample = rows[:: -(-len(rows) // SAMPLE)]
    counts = _counts(len(distinct(sample)[0]))
    scores: dict[int, float] = {}
    for done, count in enumerate(counts, 1):
        labels = _kmeans(sample, count, seed, starts=1)
        scores[count] = float(silhouette_score(sample, labels)) if labels.max() > 0 else -1.0
        if progress:
            progress(Progress(done, len(counts), note="choosing the number of clusters"))
        if len(scores) - list(scores).index(max(scores, key=lambda number: scores[number])) > PATIENCE:
            break
    return scores


def _counts(different: int) -> list[int]:
    """Numbers of clusters to try: the first, then each 1.3 times the one before, to a third."""
    most = max(2, min(different - 1, different // 3))
    steps = math.ceil(math.log(most / 2, 1.3)) + 1
    return sorted({*range(2, min(most, 9) + 1), *(min(most, round(2 * 1.3**step)) for step in range(steps))})


def _kmeans(
    rows: FloatArray,
    k: int,
    seed: int,
    starts: int | None = None,
    progress: ProgressCallback | None = None,
) -> IntArray:
    """The best of several runs, one by one: between them it can be told how far it has come."""
    from sklearn.cluster import KMeans

    starts = starts or (MANY_STARTS if len(rows) <= SAMPLE else STARTS)
    random, least, labels = np.random.RandomState(seed), math.inf, np.empty(0, np.int32)
    with threads_for(len(rows)):
        for done in range(1, starts + 1):
            fitted = KMeans(k, n_init=1, random_state=random).fit(rows)
            if fitted.inertia_ < least:
                least, labels = fitted.inertia_, fitted.labels_
            if progress:
                progress(Progress(done, starts, note="putting pictures into clusters"))
    return labels.astype(np.int64)


def _dense(rows: FloatArray, least: int) -> IntArray:
    from sklearn.cluster import HDBSCAN

    if not 2 <= least <= len(rows):
        raise UsageError(
            f"a cluster of at least {least} pictures cannot be found among {len(rows)}: give from 2 to that"
        )
    labels: NDArray[np.int64] = HDBSCAN(min_cluster_size=least, copy=True).fit_predict(rows)
    return labels.astype(np.int64)
