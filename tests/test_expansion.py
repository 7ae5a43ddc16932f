"""Mixing with neighbours, by hand and against loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from likewise.ranking import expansion
from likewise.ranking.expansion import augmented, mixed
from likewise.ranking.neighbours import KeptNeighbours
from likewise.types import FloatArray, IntArray

ROWS = np.array([[0, 1], [-1, 0], [0.6, 0.8]], np.float32)
QUERY = np.array([[1, 0]], np.float32)


def one_by_one(own: FloatArray, vectors: FloatArray, places: IntArray, alpha: float) -> FloatArray:
    out = []
    for vector, rows in zip(own.astype(np.float64), places, strict=True):
        near = [vectors[row].astype(np.float64) for row in rows]
        weights = [max(float(vector @ other), 0.0) ** alpha if alpha else 1.0 for other in near]
        total = vector + sum(
            (w * other for w, other in zip(weights, near, strict=True)), np.zeros_like(vector)
        )
        out.append(total / (1 + sum(weights)))
    return np.array(out, np.float32)


def test_average_by_hand() -> None:
    np.testing.assert_allclose(
        mixed(QUERY, ROWS, np.array([[0, 2]]), alpha=0, unit=False), [[1.6 / 3, 0.6]], rtol=1e-6
    )
    turned = mixed(QUERY, ROWS, np.array([[0, 1]]), alpha=0, unit=True)  # (1 + 0 - 1, 0 + 1 + 0) / 3
    np.testing.assert_allclose(turned, [[0, 1]], atol=1e-6)


def test_weights_by_hand() -> None:
    found = mixed(QUERY, ROWS, np.array([[2, 0, 1]]), alpha=3, unit=False)  # cosines 0.6, 0 and -1
    weight = 0.6**3
    np.testing.assert_allclose(
        found, [[(1 + 0.6 * weight) / (1 + weight), 0.8 * weight / (1 + weight)]], rtol=1e-6
    )


def test_without_its_own_weight_the_mean_is_of_the_rows_by_hand() -> None:
    found = mixed(QUERY, ROWS, np.array([[0, 2]]), alpha=0, unit=False, own_weight=0)
    np.testing.assert_allclose(found, [[0.6 / 2, 1.8 / 2]], rtol=1e-6)
    alone = mixed(QUERY, ROWS, np.array([[1]]), alpha=3, unit=False, own_weight=0)  # the row points away
    assert alone.tolist() == QUERY.tolist()


@pytest.mark.parametrize("alpha", [0.5, 1, 2.5])
def test_rows_that_point_away_weigh_nothing(alpha: float) -> None:
    assert mixed(QUERY, ROWS, np.array([[1]]), alpha=alpha, unit=True).tolist() == [[1, 0]]


@given(seed=st.integers(0, 999), k=st.integers(0, 5), alpha=st.sampled_from([0.0, 0.5, 3.0]))
def test_blocks_equal_loops(seed: int, k: int, alpha: float) -> None:
    random = np.random.default_rng(seed)
    own, vectors = (random.standard_normal((n, 4)).astype(np.float32) for n in (7, 9))
    places = random.integers(0, 9, (7, k))
    near = np.einsum("md,mkd->mk", own, vectors[places])
    assume(alpha >= 1 or not (np.abs(near) < 0.02).any())  # of next to nothing a root is mostly rounding
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expansion, "BLOCK", 40)
        found = mixed(own, vectors, places, alpha=alpha, unit=False)
        unit = mixed(own, vectors, places, alpha=alpha, unit=True)
    wanted = one_by_one(own, vectors, places, alpha)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    lengths: FloatArray = np.sqrt((found**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(unit * lengths, found, atol=1e-5)


def test_augmentation_takes_the_neighbours_and_each_row_once_also_among_copies() -> None:
    vectors = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    found = augmented(KeptNeighbours(vectors, "l2"), 1, alpha=0, unit=False)
    np.testing.assert_allclose(found, np.array([[1, 0], [1, 0], [1, 0], [0.5, 0.5]]))


def test_a_gallery_of_one_stays_as_it_is() -> None:
    assert augmented(KeptNeighbours(QUERY, "dot"), 10, alpha=3, unit=True).tolist() == [[1, 0]]
