"""Judging one similarity by many."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.collection.layers import comparing
from likewise.collection.layers.comparing import compare
from likewise.collection.layers.snapshot import Snapshot
from likewise.ranking.exact import pairs
from likewise.types import FloatArray, Metric


def snapshot(vectors: FloatArray, metric: Metric = "dot") -> Snapshot:
    return Snapshot(0, np.arange(1, len(vectors) + 1), vectors, metric)


def at(*degrees: float) -> FloatArray:
    """Unit vectors in the plane."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_by_hand() -> None:
    vectors = at(0, 30, 60, 95)
    found = compare(vectors[0], vectors[2], snapshot(vectors), own=[1, 3])
    assert found.similarity == pytest.approx(0.5)
    # The six pairs lie 30, 30, 35, 60 (this one), 65 and 95 degrees apart: two are less alike.
    assert found.percentile == pytest.approx(100 * 2 / 6)
    assert found.quantiles[0.5] == pytest.approx((np.cos(np.deg2rad(35)) + 0.5) / 2, abs=1e-6)
    assert found.rank == 2  # after the one at 30 degrees


def test_by_distance() -> None:
    vectors = np.array([[0, 0], [3, 4], [6, 8], [0, 1]], np.float32)
    found = compare(vectors[0], vectors[1], snapshot(vectors, "l2"), own=[1, 2])
    assert (found.similarity, found.rank) == (-5, 2)
    assert found.quantiles[0.999] == pytest.approx(-1, abs=0.1)


def test_pictures_from_elsewhere_compete_with_all() -> None:
    vectors = at(0, 30, 60, 90)
    assert compare(at(1)[0], at(89)[0], snapshot(vectors), own=[]).rank == 4


@pytest.mark.parametrize("count", [0, 1])
def test_without_pairs_there_is_nothing_to_judge_by(count: int) -> None:
    found = compare(at(0)[0], at(60)[0], snapshot(at(0, 30)[:count]), own=[])
    assert found.similarity == pytest.approx(0.5)
    assert (found.quantiles, found.percentile) == ({}, None)


def test_random_pairs_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    some = compare(vectors[0], vectors[1], snapshot(vectors), own=[])
    monkeypatch.setattr(comparing, "PAIRS", 10**6)
    every = compare(vectors[0], vectors[1], snapshot(vectors), own=[])
    for share in comparing.SHARES:
        assert some.quantiles[share] == pytest.approx(every.quantiles[share], abs=0.06)
    assert some.percentile == pytest.approx(every.percentile, abs=2)
    assert every == compare(vectors[0], vectors[1], snapshot(vectors), own=[])


def test_pairs_are_of_different_rows() -> None:
    left, right = pairs(150, comparing.PAIRS)
    assert len(left) == comparing.PAIRS
    assert (left != right).all()
    assert {int(left.min()), int(left.max())} == {0, 149}
