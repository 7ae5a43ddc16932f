"""Queries of several pictures, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.errors import UsageError
from likewise.ranking.feedback import combined, refined, shares

NONE = np.empty((0, 2), np.float32)
EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def test_several_pictures_are_their_mean() -> None:
    both = np.stack([EAST, NORTH])
    np.testing.assert_allclose(combined(both, unit=False), [0.5, 0.5])
    np.testing.assert_allclose(combined(both, unit=True), [0.5**0.5, 0.5**0.5])


def test_one_picture_is_itself() -> None:
    assert combined(EAST[np.newaxis], unit=True).tolist() == [1, 0]


def test_no_picture_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one"):
        combined(NONE, unit=True)


def test_rocchio_by_hand() -> None:
    yes, no = np.stack([NORTH, NORTH * 3]), -EAST[np.newaxis]
    found = refined(EAST, yes, no, unit=False, beta=0.5, gamma=0.25)  # (1 + 0.25, 0.5 * 2) / (1 + 0.5 - 0.25)
    np.testing.assert_allclose(found, [1, 0.8])
    unit = refined(EAST, yes, no, unit=True, beta=0.5, gamma=0.25)
    np.testing.assert_allclose(unit, np.array([1.25, 1]) / np.hypot(1.25, 1), rtol=1e-6)


@pytest.mark.parametrize("unit", [True, False])
def test_what_nobody_judged_changes_nothing(unit: bool) -> None:
    assert refined(EAST, NONE, NONE, unit=unit).tolist() == [1, 0]


def test_it_moves_towards_yes_and_away_from_no() -> None:
    other = np.array([0.6, 0.8], np.float32)
    assert refined(EAST, other[np.newaxis], NONE, unit=True) @ other > EAST @ other
    assert refined(EAST, NONE, other[np.newaxis], unit=True) @ other < EAST @ other


@pytest.mark.parametrize("weights", [{"beta": -1.0}, {"gamma": 1.0}, {"gamma": float("nan")}])
def test_weights_out_of_bounds_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="beta must be"):
        refined(EAST, NONE, NONE, unit=True, **weights)


@pytest.mark.parametrize(("wanted", "yes", "no"), [(1, 0, 0), (3, 0, 0), (1, 2, 1), (2, 0, 3), (2, 1, 0)])
def test_shares_add_up_to_the_similarity_of_the_whole_query(wanted: int, yes: int, no: int) -> None:
    chance = np.random.default_rng(wanted + 10 * yes + 100 * no)
    vectors = chance.normal(size=(wanted + yes + no + 1, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    first, liked, disliked = np.split(vectors[:-1], [wanted, wanted + yes])
    query = combined(first, unit=True) if wanted > 1 else first[0]
    if yes or no:
        query = refined(query, liked, disliked, unit=True)
    given = shares(first, liked, disliked, vectors[-1])
    assert given.shape == (wanted + yes + no,)
    assert given.sum() == pytest.approx(float(query @ vectors[-1]), abs=1e-6)


def test_shares_by_hand() -> None:
    given = shares(np.stack([EAST, NORTH]), NONE, NONE, EAST)  # (1, 1) / sqrt 2 against (1, 0)
    np.testing.assert_allclose(given, [0.5**0.5, 0], atol=1e-12)
