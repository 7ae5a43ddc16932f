"""Groups of close rows against the comparison of all pairs, and the order and repetition of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from likewise.downstream import linking
from likewise.downstream.linking import linked
from likewise.downstream.vectors import canonical, checked, distinct
from likewise.errors import UsageError

Rows = np.ndarray[Any, Any]


def obvious(vectors: Rows, radius: float) -> list[frozenset[int]]:
    """The groups by looking at every pair and walking along the links."""
    apart = np.linalg.norm(vectors[:, None].astype(np.float64) - vectors[None], axis=2)
    left, groups = set(range(len(vectors))), []
    while left:
        group, ahead = set[int](), [min(left)]
        while ahead:
            row = ahead.pop()
            group.add(row)
            ahead += [other for other in left - group if apart[row, other] <= radius]
        groups.append(frozenset(group))
        left -= group
    return groups


def as_sets(labels: Rows) -> list[frozenset[int]]:
    groups = [frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]
    return sorted(groups, key=min)


def random_rows(seed: int, n: int, d: int) -> Rows:
    random = np.random.default_rng(seed)
    rows = random.standard_normal((n, d)).astype(np.float32)
    for _ in range(n // 3):  # some are near others, in chains
        one, other = random.integers(n, size=2)
        rows[one] = rows[other] + 0.02 * random.standard_normal(d)
    return rows


@pytest.mark.parametrize(("n", "d", "radius"), [(1, 4, 1.0), (60, 8, 0.3), (70, 300, 0.6), (40, 3, 0.5)])
def test_equals_the_comparison_of_all_pairs(
    n: int, d: int, radius: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "ROWS", 16)
    monkeypatch.setattr(linking, "COLUMNS", 24)
    monkeypatch.setattr(linking, "CHUNK", 7)
    rows = random_rows(1, n, d)
    assert as_sets(linked(rows, radius)) == obvious(rows, radius)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(seed: int, chance: Any) -> None:
    rows = random_rows(seed, 30, 5)
    order = list(range(30))
    chance.shuffle(order)
    shuffled = linked(rows[order], 0.4)
    back = np.empty(30, np.int64)
    back[order] = shuffled
    assert as_sets(back) == as_sets(linked(rows, 0.4))


def test_a_chain_is_one_group_and_equal_rows_are_at_no_distance() -> None:
    rows = np.array([[0], [1], [2], [10], [10], [3.5]], np.float32)
    assert as_sets(linked(rows, 1)) == [{0, 1, 2}, {3, 4}, {5}]
    assert as_sets(linked(rows, 0)) == [{0}, {1}, {2}, {3, 4}, {5}]


def test_a_thousand_equal_rows_are_one_group() -> None:
    rows = np.repeat(random_rows(0, 2, 6), 1000, axis=0)
    told: list[tuple[int, int]] = []
    assert len(np.unique(linked(rows, 0.1, report=lambda *now: told.append(now)))) == 2
    assert told[-1] == (2, 2)


def test_a_threshold_that_links_everything_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "MOST", 3)
    with pytest.raises(UsageError, match="give a higher threshold"):
        linked(np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32), 100)


FINITE = st.floats(-10, 10, width=32)


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(1, 3)), elements=FINITE))
def test_canonical_and_distinct(rows: Rows) -> None:
    first, back = distinct(rows)
    np.testing.assert_array_equal(rows[first][back], rows)
    assert len(first) == len(np.unique(rows + np.float32(0), axis=0))
    order = np.random.default_rng(0).permutation(len(rows))
    np.testing.assert_array_equal(rows[canonical(rows)], rows[order][canonical(rows[order])])


def test_checked() -> None:
    with pytest.raises(UsageError, match="at least 3 pictures, and here are 2"):
        checked(np.zeros((2, 3), np.float32), 3, "it")
    with pytest.raises(UsageError, match="not finite"):
        checked(np.full((2, 3), np.nan, np.float32), 1, "it")
    with pytest.raises(UsageError, match=r"must be \(n, d\)"):
        checked(np.zeros(3, np.float32), 1, "it")
