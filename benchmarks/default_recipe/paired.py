"""Whether two variants differ by more than the choice of groups would make them differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from benchmarks.sets import Groups

from likewise.evaluation.metrics import leave_one_out
from likewise.types import FloatArray

RESAMPLES = 1000


def difference(groups: Groups, own: FloatArray, other: FloatArray) -> tuple[float, float]:
    """Mean difference of average precision over the queries, and its standard error.

    The error is the deviation over bootstrap samples of whole groups, since queries of one group are not
    independent of each other (Efron and Tibshirani, An introduction to the bootstrap, 1993, chapter 6).
    """
    gains = leave_one_out(own, groups.labels) - leave_one_out(other, groups.labels)
    by_group = [gains[rows] for rows in _rows_by_group(groups.labels) if not np.isnan(gains[rows]).any()]
    chance = np.random.default_rng(0)
    means = [
        np.concatenate([by_group[place] for place in chance.integers(0, len(by_group), len(by_group))]).mean()
        for _ in range(RESAMPLES)
    ]
    return float(np.concatenate(by_group).mean()), float(np.std(means))


def _rows_by_group(labels: Sequence[str | None]) -> list[list[int]]:
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label is not None:
            rows.setdefault(label, []).append(row)
    return list(rows.values())
