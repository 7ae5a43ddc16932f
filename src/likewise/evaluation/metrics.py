"""Average precision and its mean over queries, precision and recall at k, and N-S, on arrays of ids."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likewise.errors import UsageError
from likewise.types import FloatArray, IntArray

Rule: TypeAlias = Literal["trapezoid", "step"]
"""``trapezoid``: the area under the interpolated curve, as Oxford5k's ``compute_ap``; ``step``: the mean
of the precision at each positive, as text retrieval and scikit-learn have it."""

_BLOCK = 1024


def average_precision(
    ranked: ArrayLike, positives: ArrayLike, junk: ArrayLike = (), *, rule: Rule = "trapezoid"
) -> float:
    """Average precision of one ranking.

    Raises `UsageError` when an id is ranked twice, or is both positive and junk. Returns a number in 0..1;
    NaN for a query without positives.

    Parameters
    ----------
    ranked
        Ids, best first, shape ``(n,)``. A list that stops before the last positive counts what it misses
        as never found.
    positives
        Ids that are right answers.
    junk
        Ids taken out of the ranking before anything is counted.
    rule
        How the area under the precision-recall curve is summed.
    """
    ranked, positives, junk = (np.asarray(ids, dtype=np.int64).ravel() for ids in (ranked, positives, junk))
    positives = np.unique(positives)
    if len(np.unique(ranked)) != len(ranked):
        raise UsageError("a ranking names an id twice: each picture may be ranked once")
    if np.isin(positives, junk).any():
        raise UsageError("an id is both positive and junk: it can be only one of them")
    kept = ranked[~np.isin(ranked, junk)]
    return precision_of_ranks(np.flatnonzero(np.isin(kept, positives)), len(positives), rule=rule)


def precision_of_ranks(ranks: ArrayLike, relevant: int, *, rule: Rule = "trapezoid") -> float:
    """Average precision from the 0-based ranks of the positives that were found.

    The trapezoid rule joins the precision just before a positive to the precision at it (Philbin et al.,
    Object retrieval with large vocabularies, 2007, ``compute_ap.cpp``), so one positive at rank 1 is worth
    0.25 where the step rule gives 0.5.

    Parameters
    ----------
    ranks
        Rising 0-based ranks, shape ``(found,)``.
    relevant
        How many positives there are, found or not.
    """
    if rule not in ("trapezoid", "step"):
        raise UsageError(f"no rule is called {rule!r}: use 'trapezoid' or 'step'")
    ranks = np.asarray(ranks, dtype=np.float64)
    if relevant == 0:
        return float("nan")
    if len(ranks) > relevant:
        raise UsageError(f"{len(ranks)} positives were found but there are only {relevant}")
    before = np.arange(len(ranks))
    at = (before + 1) / (ranks + 1)
    if rule == "step":
        return float(at.sum() / relevant)
    # Precision before the first picture is taken as 1, as compute_ap.cpp starts it.
    just_before = np.where(ranks == 0, 1.0, before / np.maximum(ranks, 1))
    return float((just_before + at).sum() / 2 / relevant)


def precision_at(ranks: ArrayLike, relevant: int, ks: ArrayLike) -> NDArray[np.float64]:
    """Share of right answers among the first k, whether or not there are k of them.

    Returns float64, shape ``(m,)``.

    Parameters
    ----------
    ranks
        Rising 0-based ranks of the positives that were found, shape ``(found,)``.
    relevant
        How many positives there are, found or not; 0 gives NaN.
    ks
        Numbers of answers looked at, shape ``(m,)``.
    """
    return _hits(ranks, ks) / _cuts(ks, relevant)


def recall_at(ranks: ArrayLike, relevant: int, ks: ArrayLike) -> NDArray[np.float64]:
    """Share of the positives that are among the first k; parameters as `precision_at`."""
    return _hits(ranks, ks) / np.where(_cuts(ks, relevant) > 0, relevant, np.nan)


def revisited_precision_at(ranks: ArrayLike, relevant: int, ks: ArrayLike) -> NDArray[np.float64]:
    """Precision at k as the revisited Oxford and Paris benchmarks count it; parameters as `precision_at`.

    k is cut to the rank of the last positive that was found, so that a query with fewer than k positives can
    reach 1 (Radenović et al., Revisiting Oxford and Paris, 2018; the mean over queries is their mP@k). Their
    code cuts so in a ranking that stops early too; where no positive was found, k stands as it is.
    """
    ranks = np.asarray(ranks)
    if len(ranks):
        ks = np.minimum(np.asarray(ks), int(ranks[-1]) + 1)
    return precision_at(ranks, relevant, ks)


def _hits(ranks: ArrayLike, ks: ArrayLike) -> NDArray[np.int64]:
    return np.searchsorted(np.asarray(ranks), np.asarray(ks), side="left")


def _cuts(ks: ArrayLike, relevant: int) -> NDArray[np.float64]:
    """``ks`` as divisors; NaN for a query without positives."""
    cuts = np.asarray(ks, dtype=np.float64)
    if (cuts < 1).any():
        raise UsageError(f"k = {cuts.min():g} is not a number of answers: use 1 or more")
    return cuts if relevant else np.full_like(cuts, np.nan)


def mean_average_precision(precisions: ArrayLike) -> float:
    """Mean over the queries that have a positive; NaN values are queries that have none.

    Raises `UsageError` when no query has a positive.
    """
    values = np.asarray(precisions, dtype=np.float64)
    known = values[~np.isnan(values)]
    if not len(known):
        raise UsageError("no query has a positive: there is nothing to average")
    return float(known.mean())


def leave_one_out(
    vectors: FloatArray, labels: Sequence[Hashable | None], *, rule: Rule = "trapezoid"
) -> NDArray[np.float64]:
    """Average precision of each row as a query among all other rows, by dot product.

    Raises `UsageError` when the lengths differ or a vector is not finite. Returns float64, shape ``(n,)``;
    NaN for distractors and for rows without another row of their label. Equal similarities keep the order of
    the rows.

    Parameters
    ----------
    vectors
        float32, shape ``(n, d)``; of unit length for cosine similarity.
    labels
        What each row shows; None marks a distractor, which is ranked but never asked for.
    """
    vectors = np.asarray(vectors, dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(labels):
        raise UsageError(f"vectors {vectors.shape} and {len(labels)} labels do not belong together")
    if not np.isfinite(vectors).all():
        raise UsageError(
            f"the vector of row {int(np.argmin(np.isfinite(vectors).all(axis=1)))} is not finite"
        )
    numbers = _numbered(labels)
    result = np.full(len(labels), np.nan)
    queries = np.flatnonzero(numbers >= 0)
    for start in range(0, len(queries), _BLOCK):
        block = queries[start : start + _BLOCK]
        similarities = vectors[block] @ vectors.T
        for query, row in zip(block, similarities, strict=True):
            order = np.argsort(-row, kind="stable")
            same = numbers[order[order != query]] == numbers[query]
            result[query] = precision_of_ranks(np.flatnonzero(same), int(same.sum()), rule=rule)
    return result


def leave_one_out_map(vectors: FloatArray, labels: Sequence[Hashable | None]) -> float:
    """Mean of `leave_one_out` over the rows that have a positive."""
    return mean_average_precision(leave_one_out(vectors, labels))


def ns_score(ranked: IntArray, labels: Sequence[Hashable | None], queries: IntArray | None = None) -> float:
    """UKBench's score: how many of the first four answers belong to the query's group of four.

    The query itself is ranked and counts (Nistér and Stewénius, Scalable recognition with a vocabulary tree,
    2006), so 1 is what finding nothing but oneself gives and 4 is perfect. Raises `UsageError` when fewer
    than four answers are given, or a query is a distractor.

    Parameters
    ----------
    ranked
        Row numbers, best first, shape ``(q, k)`` with ``k >= 4``.
    labels
        The group of each row; None for distractors.
    queries
        Row number of each query, shape ``(q,)``; by default the rows in order.
    """
    ranked = np.asarray(ranked)
    if ranked.ndim != 2 or ranked.shape[1] < 4:
        raise UsageError(f"N-S needs at least four answers a query, not an array of shape {ranked.shape}")
    numbers = _numbered(labels)
    own = numbers[np.arange(len(ranked)) if queries is None else np.asarray(queries)]
    if (own < 0).any():
        raise UsageError("a distractor cannot be a query of N-S")
    return float((numbers[ranked[:, :4]] == own[:, None]).sum(axis=1).mean())


def _numbered(labels: Sequence[Hashable | None]) -> IntArray:
    """Labels as whole numbers, -1 for None."""
    known: dict[Hashable, int] = {}
    numbers = [-1 if label is None else known.setdefault(label, len(known)) for label in labels]
    return np.asarray(numbers, dtype=np.int64)
