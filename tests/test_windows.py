"""Windows of maps: pooled as the slow versions pool what is cut out, and where they may lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.descriptors.poolings import POOLINGS
from likewise.descriptors.poolings.integral import POWER, areas, integral, sums
from likewise.ranking.windows import grid, moved, stretched
from likewise.types import FloatArray, IntArray
from tests import slow

SIZES = st.integers(1, 9)


def a_map(seed: int, channels: int = 4, height: int = 7, width: int = 9) -> FloatArray:
    """Activations after a ReLU, one channel dead."""
    maps = np.random.default_rng(seed).normal(0, 40, (channels, height, width)).clip(min=0)
    maps[-1] = 0
    return maps.astype(np.float32)


@st.composite
def maps_and_windows(draw: st.DrawFn) -> tuple[FloatArray, IntArray]:
    height, width = draw(SIZES), draw(SIZES)
    top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    bottom, right = draw(st.integers(top + 1, height)), draw(st.integers(left + 1, width))
    maps = a_map(draw(st.integers(0, 1000)), 4, height, width)
    return maps, np.array([[top, left, bottom, right]])


def pooled(maps: FloatArray, windows: IntArray, kind: str, **options: float | bool) -> FloatArray:
    return POOLINGS[kind].over(maps, options)(windows)


def cut(maps: FloatArray, window: IntArray) -> slow.Array:
    top, left, bottom, right = window
    return maps[:, top:bottom, left:right].astype(np.float64)


def test_sums_by_hand() -> None:
    cells = np.arange(1.0, 7.0).reshape(2, 3, 1)  # 1 2 3 over 4 5 6
    windows = np.array([[0, 0, 2, 3], [0, 1, 2, 2], [1, 2, 2, 3]])
    assert sums(integral(cells), windows)[:, 0].tolist() == [21, 7, 6]
    assert areas(windows)[:, 0].tolist() == [6, 2, 1]


@given(maps_and_windows())
def test_sum_mean_and_spoc_are_those_of_what_is_cut_out(drawn: tuple[FloatArray, IntArray]) -> None:
    maps, windows = drawn
    part = cut(maps, windows[0])
    np.testing.assert_allclose(pooled(maps, windows, "sum")[0], slow.total(part), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(pooled(maps, windows, "spoc")[0], slow.total(part), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(pooled(maps, windows, "mean")[0], slow.mean(part), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, 4.5])
@given(drawn=maps_and_windows())
def test_gem_is_that_of_what_is_cut_out(p: float, drawn: tuple[FloatArray, IntArray]) -> None:
    maps, windows = drawn
    wanted = slow.gem(cut(maps, windows[0]), p)
    # sums that cancel leave 1e-16 of the largest power, whose root is what can be off
    off = float(maps.max()) * 1e-15 ** (1 / p) + 1e-6
    np.testing.assert_allclose(pooled(maps, windows, "gem", p=p)[0], wanted, rtol=1e-4, atol=off)


@given(maps_and_windows())
def test_crow_has_the_direction_of_what_is_cut_out(drawn: tuple[FloatArray, IntArray]) -> None:
    maps, windows = drawn
    found = slow.unit(pooled(maps, windows, "crow")[0].astype(np.float64))
    np.testing.assert_allclose(found, slow.unit(slow.crow(cut(maps, windows[0]))), atol=1e-4)


@pytest.mark.parametrize("kind", ["max", "rmac"])
@given(drawn=maps_and_windows())
def test_the_maximum_is_met_within_the_bounds_of_its_power(
    kind: str, drawn: tuple[FloatArray, IntArray]
) -> None:
    maps, windows = drawn
    wanted = slow.maximum(cut(maps, windows[0]))
    found, cells = pooled(maps, windows, kind)[0], areas(windows)[0, 0]
    off = 1e-15 ** (1 / POWER) * maps.max() + 1e-6
    assert (found >= wanted - off).all()
    assert (found <= wanted * cells ** (1 / POWER) + off).all()


@pytest.mark.parametrize("kind", ["sum", "mean", "max", "gem", "spoc", "crow", "rmac"])
def test_dead_and_huge_maps_stay_finite(kind: str) -> None:
    windows = grid(7, 9)
    for maps in (np.zeros((3, 7, 9), np.float32), np.full((3, 7, 9), 1e10, np.float32)):
        assert np.isfinite(pooled(maps, windows, kind)).all()


@given(SIZES, SIZES)
def test_the_grid_holds_the_whole_map_and_only_windows_of_it(height: int, width: int) -> None:
    windows = grid(height, width)
    assert [0, 0, height, width] in windows.tolist()
    assert len(np.unique(windows, axis=0)) == len(windows)
    top, left, bottom, right = windows.T
    assert (top >= 0).all() and (left >= 0).all() and (bottom <= height).all() and (right <= width).all()
    assert (bottom > top).all() and (right > left).all()


def test_the_grid_is_of_bounded_size_and_covers_every_cell_with_small_windows() -> None:
    assert len(grid(60, 80)) < 1500
    small = [window for window in grid(16, 24).tolist() if window[2] - window[0] == 4]
    assert {row for window in small for row in range(window[0], window[2])} == set(range(16))


@given(maps_and_windows(), st.integers(1, 4))
def test_moved_windows_lie_within_and_keep_the_first(drawn: tuple[FloatArray, IntArray], step: int) -> None:
    maps, (window,) = drawn
    height, width = maps.shape[1:]
    near = moved(window, step, height, width)
    assert window.tolist() in near.tolist()
    assert (near[:, 2] > near[:, 0]).all() and (near[:, 3] > near[:, 1]).all()
    assert (near >= 0).all() and (near <= [height, width, height, width]).all()
    assert (np.abs(near - window) <= step).all()


def test_windows_are_carried_to_maps_of_other_sizes() -> None:
    windows = np.array([[0, 0, 4, 6], [1, 1, 2, 3]])
    assert stretched(windows, (4, 6), (4, 6)) is windows
    assert stretched(windows, (4, 6), (8, 12)).tolist() == [[0, 0, 8, 12], [2, 2, 4, 6]]
    assert stretched(windows, (4, 6), (2, 3)).tolist() == [[0, 0, 2, 3], [0, 0, 1, 2]]
