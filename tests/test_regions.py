"""The squares of R-MAC, against the slow version and the pooling that runs inside a network."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from likewise.descriptors.poolings.rmac import RMAC, squares
from likewise.engines.torch_ops import OPS
from tests import slow

sides = st.integers(1, 40)


@given(sides, sides, st.integers(1, 5), st.sampled_from([(0.4, Fraction(2, 5)), (0.25, Fraction(1, 4))]))
def test_squares_are_those_of_the_slow_version(
    height: int, width: int, levels: int, overlap: tuple[float, Fraction]
) -> None:
    expected = slow.regions(height, width, levels, overlap[1])
    assert squares(height, width, levels, overlap[0]) == expected


def test_squares_by_hand() -> None:
    # The largest square has the side of the shorter border, and the next takes two thirds of it.
    assert squares(6, 6, 2, 0.4) == [(0, 0, 6), (0, 0, 4), (0, 2, 4), (2, 0, 4), (2, 2, 4)]


@pytest.mark.parametrize(("height", "width"), [(7, 7), (5, 9), (12, 4)])
def test_region_vectors_add_up_to_the_pooling(height: int, width: int) -> None:
    maps = np.random.default_rng(0).random((8, height, width), np.float32)
    found = RMAC.regions_of(maps, {})
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
    pooled = RMAC(OPS, torch.from_numpy(maps[None]))[0].numpy()
    np.testing.assert_allclose(found.sum(axis=0), pooled, rtol=1e-5)
