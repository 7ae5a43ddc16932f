"""Parts of a picture that stand out, against a search that looks at every window by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from likewise.explaining.regions import (
    CLEAREST,
    FINEST,
    LEAST_SHARE,
    LONGEST,
    MOST,
    MOST_SHARE,
    coarse,
    find_subjects,
    windows,
)
from likewise.types import Box
from tests.fakes import FakeExtractor

Window = tuple[int, int, int, int]


def allowed(rows: int, columns: int) -> list[Window]:
    """Every window that is neither too small, too large nor too long."""
    return [
        (top, left, bottom, right)
        for top in range(rows)
        for left in range(columns)
        for bottom in range(top + 1, rows + 1)
        for right in range(left + 1, columns + 1)
        if LEAST_SHARE <= (bottom - top) * (right - left) / (rows * columns) <= MOST_SHARE
        and max(bottom - top, right - left) <= LONGEST * min(bottom - top, right - left)
    ]


def between(cells: np.ndarray, window: Window) -> float:
    """Variance between inside and outside of a window that is stronger than the rest; else 0."""
    top, left, bottom, right = window
    mask = np.zeros(cells.shape, bool)
    mask[top:bottom, left:right] = True
    gap = cells[mask].mean() - cells[~mask].mean()
    return float(mask.mean() * (~mask).mean() * gap**2) if gap > 0 else 0.0


def apart(a: Window, b: Window) -> bool:
    return a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]


grids = arrays(np.float64, st.tuples(st.integers(2, 7), st.integers(2, 7)), elements=st.integers(0, 9))


class TestWindows:
    def test_two_bright_blocks_by_hand(self) -> None:
        """The larger one first: 4 of 36 cells of 9 against 2 of 36 of 9."""
        cells = np.zeros((6, 6))
        cells[1:3, 1:3] = 9
        cells[4, 3:5] = 9
        assert windows(cells, most=1) == [(1, 1, 3, 3)]
        # 2 cells of 36 are 0.056: less than a part may be, and what holds them is half empty
        assert LEAST_SHARE > 2 / 36
        found = windows(cells)
        assert found[0] == (1, 1, 3, 3)
        assert all(cells[t:b, left:r].max() == 9 for t, left, b, r in found[1:])

    def test_nothing_stands_out_of_an_even_grid(self) -> None:
        assert windows(np.ones((8, 8))) == []
        assert windows(np.ones((1, 1))) == []

    def test_what_is_weak_is_no_subject(self) -> None:
        cells = np.ones((9, 9))
        cells[3:6, 3:6] = 0
        assert (3, 3, 6, 6) not in windows(cells)

    @given(grids)
    def test_the_first_is_the_best_of_all_looked_at_one_by_one(self, cells: np.ndarray) -> None:
        every = allowed(*cells.shape)
        best = max((between(cells, one) for one in every), default=0.0)
        found = windows(cells, most=1)
        if found:
            assert between(cells, found[0]) == pytest.approx(best)
        elif cells.var():
            assert best < CLEAREST * cells.var() + 1e-9

    @given(grids)
    def test_they_are_few_allowed_and_apart(self, cells: np.ndarray) -> None:
        found = windows(cells)
        assert len(found) <= MOST
        assert set(found) <= set(allowed(*cells.shape))
        assert all(apart(a, b) for number, a in enumerate(found) for b in found[:number])


class TestCoarse:
    @given(
        arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 9)),
        st.integers(1, 4),
    )
    def test_means_of_blocks_one_by_one(self, cells: np.ndarray, step: int) -> None:
        rows, columns = cells.shape
        slow = [
            [cells[row : row + step, column : column + step].mean() for column in range(0, columns, step)]
            for row in range(0, rows, step)
        ]
        assert np.allclose(coarse(cells, step), slow)


def test_a_bright_part_of_a_picture_in_its_own_pixels() -> None:
    """A picture of 96 by 64, whose grid has a cell for each pixel, searched in blocks of 5."""
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[20:40, 50:80] = 250
    [found] = find_subjects(FakeExtractor(), picture)
    step = -(-96 // FINEST)
    assert isinstance(found, Box)
    assert np.allclose([found.x1, found.y1, found.x2, found.y2], [50, 20, 80, 40], atol=step)


def test_a_plain_picture_has_none() -> None:
    assert find_subjects(FakeExtractor(), np.full((40, 60, 3), 90, np.uint8)) == []
