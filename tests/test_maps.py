"""What is kept of a tap: reduced maps, the strongest channels, cells and what they see."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.arrays import averaged, spread
from likewise.cli.inspecting import parse_cell
from likewise.errors import UsageError
from likewise.inspection.maps import View, reduced, tile_side
from likewise.networks.card import Tap
from likewise.types import Box

TAP = Tap("tap", 3, 4, 7, 1.5)


def test_a_map_is_reduced_by_means_of_blocks() -> None:
    cells = np.arange(24, dtype=np.float32).reshape(4, 6, 1)
    np.testing.assert_array_equal(reduced(cells, 3)[:, :, 0], [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]])
    assert reduced(cells, 6) is cells


def test_blocks_beyond_the_border_repeat_it() -> None:
    cells = np.arange(5, dtype=np.float32).reshape(1, 5, 1)
    np.testing.assert_array_equal(reduced(cells, 3)[0, :, 0], [0.5, 2.5, 4])


def test_a_step_that_divides_the_map_is_taken_when_one_is_near() -> None:
    assert reduced(np.zeros((1024, 1024, 1), np.float32), 86).shape == (64, 64, 1)  # by 16, not by 12
    assert reduced(np.zeros((37, 37, 1), np.float32), 10).shape == (10, 10, 1)


def test_all_channels_or_the_strongest_first() -> None:
    cells = np.zeros((2, 2, 3), np.float32)
    cells[0, 0] = 1, -8, 4
    every = View.of(TAP, cells)
    assert every.channels.tolist() == [0, 1, 2]
    assert every.maps is not None and every.heat is not None
    np.testing.assert_array_equal(every.maps[:, 0, 0], [1, -8, 4])
    np.testing.assert_allclose(every.heat, np.array([[13 / 3, 0], [0, 0]]))
    two = View.of(TAP, cells, top=2)
    assert two.channels.tolist() == [1, 2]
    assert (two.shape, two.statistics.count) == ((3, 2, 2), 12)


def test_a_vector_is_kept_whole() -> None:
    found = View.of(TAP, np.array([1, 2, 3], np.float32))
    assert found.maps is None and found.vector is not None
    assert found.vector.tolist() == [1, 2, 3]


def test_tiles_shrink_as_maps_grow_in_number() -> None:
    sides = [tile_side(count) for count in (1, 64, 256, 512, 1280, 4096)]
    assert sides == sorted(sides, reverse=True)
    assert (sides[0], sides[-1]) == (128, 40)


def test_what_a_cell_sees() -> None:
    assert TAP.box(0, 0) == Box(-1.5, -1.5, 5.5, 5.5)
    assert TAP.box(2, 1) == Box(2.5, 6.5, 9.5, 13.5)


def test_a_cell_in_words() -> None:
    assert parse_cell("layer1.0:relu:4,12") == ("layer1.0:relu", 4, 12)
    for text in ("relu5_3", "relu5_3:4", ":1,2", "relu5_3:-1,2", "relu5_3:a,b"):
        with pytest.raises(UsageError, match="is not tap:row,column"):
            parse_cell(text)


def test_areas_of_one_grid_on_another() -> None:
    np.testing.assert_allclose(spread(3, 2), [[1, 0.5, 0], [0, 0.5, 1]])
    cells = np.random.default_rng(0).normal(0, 1, (5, 7, 2)).astype(np.float32)
    found = averaged(cells, 4)
    assert found.shape == (4, 4, 2)
    np.testing.assert_allclose(found.mean(axis=(0, 1)), cells.mean(axis=(0, 1)), atol=1e-6)
    np.testing.assert_allclose(averaged(cells[:4, :4], 4), cells[:4, :4], atol=1e-6)
