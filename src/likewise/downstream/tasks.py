"""One set of features for four tasks: pairs, classification, clustering, retrieval.

Paula, A quick glimpse on feature extraction with deep neural networks, 2020, names the tasks and gives no
numbers; Razavian, Azizpour, Sullivan and Carlsson, CNN features off-the-shelf, 2014, is its reference.
"""

from __future__ import annotations

import numpy as np

from likewise.descriptors.transforms import l2
from likewise.downstream.classifying import LabelledVectors, cross_validate
from likewise.downstream.clusters import cluster_rows
from likewise.errors import UsageError
from likewise.evaluation import mean_average_precision, precision_of_ranks
from likewise.evaluation.reproduce import ReportTable, TableCell
from likewise.ranking.exact import search
from likewise.types import FloatArray, IntArray, Metric, ProgressCallback

PAIRS = 2000
"""Rows at most whose pairs are compared."""

_COLUMNS = ("task", "by", "measure")


def measure_tasks(
    labelled: LabelledVectors, *, seed: int = 0, progress: ProgressCallback | None = None
) -> ReportTable:
    """Measure four tasks on the same vectors.

    ``pairs``: how often the cosine of two pictures of one class is above that of two of different ones (the
    area under the ROC curve). ``classification``: the accuracy of classifiers on pictures held out in turn.
    ``clustering``: k-means with as many clusters as classes, by normalised mutual information and purity.
    ``retrieval``: each picture is the query for the others of its class, mean average precision. Raises
    `UsageError` when there are fewer than two classes, or no class has two pictures.
    """
    classes, numbers = labelled.numbered
    if len(classes) < 2:
        raise UsageError(f"{labelled.about} has {len(classes)} class: the tasks need two or more")
    vectors = np.ascontiguousarray(labelled.vectors, np.float32)
    validation = cross_validate(labelled, seed=seed, progress=progress)
    clusters, _ = cluster_rows(vectors, k=len(classes), seed=seed)
    cells = [
        TableCell(("pairs", "cosine", "AUC"), measured=pair_auc(vectors, numbers)),
        *(
            TableCell(
                ("classification", score.kind, f"accuracy, {validation.folds} folds"), measured=score.accuracy
            )
            for score in validation.scores
        ),
        TableCell(("clustering", "k-means", "NMI"), measured=mutual_information(clusters, numbers)),
        TableCell(("clustering", "k-means", "purity"), measured=purity(clusters, numbers)),
        TableCell(("retrieval", "Euclidean", "mAP"), measured=retrieval_map(vectors, numbers, "l2")),
        TableCell(("retrieval", "cosine", "mAP"), measured=retrieval_map(l2(vectors), numbers, "dot")),
    ]
    about = f"{len(numbers)} pictures of {len(classes)} classes, {vectors.shape[1]} numbers each"
    title = f"Paula 2020: four tasks on {labelled.about}, {labelled.manifest.network}"
    return ReportTable(
        title, _COLUMNS, tuple(cells), (about, "the article names the tasks and gives no numbers")
    )


def pair_auc(vectors: FloatArray, numbers: IntArray) -> float:
    """Area under the ROC curve of the cosines of all pairs of (at most `PAIRS`) rows ``(n, d)``."""
    from sklearn.metrics import roc_auc_score

    sample = slice(None, None, -(-len(vectors) // PAIRS))
    units, numbers = l2(vectors[sample]), numbers[sample]
    first, second = np.triu_indices(len(units), 1)
    same = numbers[first] == numbers[second]
    if same.all() or not same.any():
        raise UsageError("no class has two pictures: there are no pairs to compare")
    return float(roc_auc_score(same, (units @ units.T)[first, second]))


def mutual_information(clusters: IntArray, numbers: IntArray) -> float:
    """Mutual information of two labellings ``(n,)`` over the mean of their entropies, from 0 to 1."""
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(numbers, clusters))


def purity(clusters: IntArray, numbers: IntArray) -> float:
    """Share of the rows that belong to the commonest class of their cluster."""
    table = np.zeros((clusters.max() + 1, numbers.max() + 1), np.int64)
    np.add.at(table, (clusters, numbers), 1)
    return float(table.max(axis=1).sum() / len(numbers))


def retrieval_map(vectors: FloatArray, numbers: IntArray, metric: Metric) -> float:
    """Mean average precision (trapezoid rule) of each row asked among the others."""
    ranked = search(vectors, vectors, len(vectors), metric=metric).ids
    precisions = []
    for query, row in enumerate(ranked):
        right = numbers[row[row != query]] == numbers[query]
        precisions.append(precision_of_ranks(np.flatnonzero(right), int(right.sum())))
    return mean_average_precision(precisions)
