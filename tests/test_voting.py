"""Votes for scale, turn and place: each by hand."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.words.voting import vote

POINTS = np.array([0, 2, 2j, 3 + 1j, 1 - 2j])


def nearest(found: np.ndarray, a: complex) -> np.ndarray:
    """The hypothesis of that scale and turn."""
    row: np.ndarray = found[np.abs(found[:, 0] - a).argmin()]
    return row


@pytest.mark.parametrize("a", [1, 2**0.5, 0.5, 1j, -1, np.exp(1j * np.pi / 12)])
def test_the_place_of_the_true_scale_and_turn_is_found(a: complex) -> None:
    octaves = np.full(len(POINTS), np.log2(abs(a)))
    found = vote(POINTS, a * POINTS + 4 - 1j, octaves, np.ones(len(POINTS)))
    best = nearest(found, a)
    assert best[0] == pytest.approx(a) and best[1] == 0
    assert abs(best[2] - (4 - 1j)) < 0.5


def test_all_turns_and_the_scales_near_that_of_the_patches() -> None:
    found = vote(POINTS, POINTS, np.ones(len(POINTS)), np.ones(len(POINTS)))
    scales, counts = np.unique(np.abs(found[:, 0]).round(6), return_counts=True)
    assert scales == pytest.approx([2**0.5, 2, 2**1.5], abs=1e-5)  # an octave away has no vote
    assert counts.tolist() == [24] * 3


def test_heavier_matches_win() -> None:
    targets = np.where(np.arange(5) < 2, POINTS + 10, POINTS)
    light, heavy = (vote(POINTS, targets, np.zeros(5), np.array([w, w, 1, 1, 1])) for w in (1, 2))
    assert abs(nearest(light, 1)[2]) < 0.5
    assert abs(nearest(heavy, 1)[2] - 10) < 0.5


def test_sizes_beyond_all_scales_give_nothing() -> None:
    assert vote(POINTS, POINTS, np.full(5, 5.0), np.ones(5)).shape == (0, 3)
