"""Statistics of activations: by hand, against slow obvious versions, and what does not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from likewise.inspection.statistics import (
    BINS,
    Histogram,
    Statistics,
    effective_rank,
    entropy,
    jensen_shannon,
)
from likewise.types import FloatArray


def test_entropy_by_hand() -> None:
    assert entropy([0.5, 0.25, 0.25, 0]) == pytest.approx(1.5)
    assert entropy([1.0]) == 0
    assert entropy(np.full(256, 1 / 256)) == pytest.approx(8)


def test_divergence_by_hand() -> None:
    # the mean is (1/4, 1/2, 1/4) with entropy 3/2; each has entropy 1
    assert jensen_shannon([0.5, 0.5, 0], [0, 0.5, 0.5]) == pytest.approx(0.5)
    assert jensen_shannon([1, 0], [0, 1]) == pytest.approx(1)
    assert jensen_shannon([0.3, 0.7], [0.3, 0.7]) == 0


@given(hnp.arrays(np.float64, (2, 6), elements=st.floats(0.01, 1)))
def test_divergence_is_symmetric_and_at_most_one_bit(weights: FloatArray) -> None:
    p, q = weights / weights.sum(axis=1, keepdims=True)
    assert 0 <= jensen_shannon(p, q) <= 1
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(q, p), abs=1e-12)


@settings(max_examples=50)
@given(
    hnp.arrays(np.float32, st.integers(1, 300), elements=st.integers(-64, 64).map(float)), st.integers(65, 99)
)
def test_counts_are_numpys(values: FloatArray, half: int) -> None:
    found = Histogram.of(values, -128, 128)  # bins of width 1, whose edges are exact
    wanted = np.histogram(values, BINS, (-128, 128))[0]
    np.testing.assert_array_equal(found.counts, wanted)
    assert found.bin_width == 1
    assert Histogram.of(values, -half, half).counts.sum() == len(values)


def test_the_largest_value_falls_into_the_last_bin_and_one_value_into_the_first() -> None:
    found = Histogram.of(np.array([0, 1], np.float32), 0, 1)
    assert found.counts[0] == found.counts[-1] == 1
    alike = Histogram.of(np.full(7, 3.5, np.float32), 3.5, 3.5)
    assert alike.counts[0] == 7
    assert (alike.entropy, alike.bin_width) == (0, 0)


def test_a_quantile_is_right_to_a_bin() -> None:
    values = np.arange(1000, dtype=np.float32)
    assert Histogram.of(values, 0, 999).quantile(0.9) == pytest.approx(900, abs=999 / BINS)


def test_a_map_in_numbers() -> None:
    cells = np.array([[[0, 2], [0, 0]], [[4, 0], [0, 2]]], np.float32)
    found = Statistics.of(cells)
    assert (found.count, found.zeros, found.mean, found.least, found.most) == (8, 5 / 8, 1, 0, 4)
    assert found.spread == pytest.approx(np.sqrt(2))
    assert found.histogram.counts[[0, BINS // 2, BINS - 1]].tolist() == [5, 2, 1]
    assert found.histogram.entropy == pytest.approx(entropy([5 / 8, 2 / 8, 1 / 8]))
    wider = Statistics.of(cells, (-4, 4)).histogram
    assert (wider.low, wider.high, wider.bin_width) == (-4, 4, 8 / BINS)
    assert Statistics.of(cells[0, 0]).rank is None


def test_rank_of_directions_that_carry_as_much() -> None:
    rows = np.array([[3, 0, 0], [-3, 0, 0], [0, 3, 0], [0, -3, 0]], np.float32)
    assert effective_rank(rows) == pytest.approx(2)
    assert effective_rank(rows[:2]) == pytest.approx(1)
    assert effective_rank(np.ones((5, 3), np.float32)) == 0


def test_rank_against_the_singular_values() -> None:
    for shape in ((50, 6), (6, 50)):
        rows = np.random.default_rng(0).normal(2, 1, shape).astype(np.float32)
        values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
        values = values[values > 1e-3]
        wanted = 2 ** entropy(values / values.sum())
        assert effective_rank(rows) == pytest.approx(wanted, rel=1e-4)


def test_rank_does_not_change_when_channels_are_rotated_scaled_or_moved() -> None:
    chance = np.random.default_rng(1)
    rows = (chance.normal(0, 1, (40, 5)) * np.arange(1, 6)).astype(np.float32)
    turn = np.linalg.qr(chance.normal(0, 1, (5, 5)))[0].astype(np.float32)
    assert effective_rank((7 * rows @ turn + 3).astype(np.float32)) == pytest.approx(
        effective_rank(rows), rel=1e-4
    )


def test_pixels_have_a_bin_a_value() -> None:
    found = Histogram.of_pixels(np.array([[[0, 255, 255]]], np.uint8))
    assert (found.counts[0], found.counts[255], found.counts.sum()) == (1, 2, 3)
