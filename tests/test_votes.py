"""Votes of neighbours: by hand, by a slow version, and what must not change them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.words.index.inverted import InvertedIndex
from likewise.words.index.postings import Postings
from likewise.words.index.segment import Segment
from likewise.words.index.votes import Neighbours, chances, near, reach, votes


def neighbours(*rows: tuple[int, int, int]) -> Neighbours:
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return Neighbours(*columns)


def test_one_neighbour_votes_by_how_many_are_as_near_by_chance() -> None:
    compared = np.array([1000])
    expected = chances(128)[40] * 1000
    found = votes(neighbours((0, 1, 40)), compared, 3, 128)
    assert found.tolist() == pytest.approx([0, math.log(1 + 1 / expected), 0])


def test_a_second_picture_counts_the_nearer_one_and_a_second_feature_there_counts_nothing() -> None:
    expected = chances(128)[42] * 1000
    found = votes(neighbours((0, 2, 42), (0, 1, 40), (0, 1, 41)), np.array([1000]), 3, 128)
    assert found[2] == pytest.approx(math.log(1 + 1 / (expected + 1)))
    assert found[1] == votes(neighbours((0, 1, 40)), np.array([1000]), 3, 128)[1]


def test_no_feature_says_more_than_log_11() -> None:
    assert votes(neighbours((0, 0, 0)), np.array([5]), 1, 128)[0] == pytest.approx(math.log(11))


def test_the_larger_the_lists_the_nearer_a_neighbour_must_be() -> None:
    reaches = [reach(compared, 128) for compared in (1, 1_000, 100_000, 10_000_000)]
    assert reaches == sorted(reaches, reverse=True) and reaches[0] > reaches[-1] > 0


@pytest.mark.parametrize("halves", [1, 2])
@pytest.mark.parametrize("together", [1, 7, 1 << 16])
def test_near_finds_what_comparing_all_finds(
    halves: int, together: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likewise.words.index.kernel.PAIRS", together)
    random = np.random.default_rng(1)
    words = random.integers(0, 5, (30, 2))
    codes = random.integers(0, 1 << 63, (30, 2, halves)).astype(np.uint64)
    held = random.integers(0, 5, 80)
    kept = random.integers(0, 1 << 63, (80, halves)).astype(np.uint64)
    rows = random.integers(0, 9, 80).astype(np.uint32)
    segment = Segment.write(tmp_path / "segment", Postings(held.astype(np.uint32), rows, kept), 6)
    below = 30 * halves
    found = near(words, codes, segment, below)
    slow = [
        (
            feature,
            int(np.searchsorted(np.unique(rows), rows[other])),
            int(np.bitwise_count(codes[feature, place] ^ kept[other]).sum()),
        )
        for feature in range(30)
        for place in range(2)
        for other in range(80)
        if held[other] == words[feature, place]
        and np.bitwise_count(codes[feature, place] ^ kept[other]).sum() < below
    ]
    given = zip(found.feature.tolist(), found.row.tolist(), found.distance.tolist(), strict=True)
    assert sorted(given) == sorted(slow)
    assert slow


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("halves", [1, 2])
def test_compiled_the_same_is_found_in_the_same_order(
    halves: int, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr("likewise.words.index.inverted.SHARE", 500)
    random = np.random.default_rng(3)
    words, codes = random.integers(0, 5, (40, 2)), random.integers(0, 1 << 63, (40, 2, halves), np.uint64)
    held, rows = (random.integers(0, most, 700, np.uint32) for most in (4, 9))  # nothing has the last words
    kept = random.integers(0, 1 << 63, (700, halves), np.uint64)
    segments = [Segment.write(tmp_path / "segment", Postings(held, rows, kept), 6)]
    by_numpy, compiled = (InvertedIndex(6, segments, kernel=kernel) for kernel in ("numpy", "numba"))
    for below in (1, 30 * halves, 64 * halves + 1):  # the last are more than it has room for at first
        want, found = by_numpy.near(words, codes, below), compiled.near(words, codes, below, threads=threads)
        for name in ("feature", "row", "distance"):
            assert getattr(found, name).tolist() == getattr(want, name).tolist()
    assert len(found) > 4096


def test_a_picture_without_features_has_no_neighbours(tmp_path: Path) -> None:
    words, codes = np.empty((0, 4), np.int64), np.empty((0, 4, 1), np.uint64)
    nothing = Postings(np.empty(0, np.uint32), np.empty(0, np.uint32), codes[:, 0])
    segment = Segment.write(tmp_path / "segment", nothing, 6)
    found = near(words, codes, segment, 20)
    assert len(found) == len(InvertedIndex(6, [segment]).near(words, codes, 20, threads=2)) == 0
    assert votes(found, np.empty(0, np.int64), 3, 64).tolist() == [0, 0, 0]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 51)), max_size=40), st.randoms()
)
def test_votes_equal_the_slow_version_in_any_order(rows: list[tuple[int, int, int]], random: object) -> None:
    compared = np.array([10, 100, 1000, 5])
    slow = np.zeros(5)
    for feature in range(4):
        best = {
            row: min(d for f, r, d in rows if (f, r) == (feature, row)) for f, row, _ in rows if f == feature
        }
        for row, away in best.items():
            nearer = sum(other < away for other in best.values())
            slow[row] += math.log1p(1 / (max(0.1, chances(128)[away] * compared[feature]) + nearer))
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    np.testing.assert_allclose(votes(neighbours(*shuffled), compared, 5, 128), slow, rtol=1e-12)


def test_the_own_picture_says_nothing_against_the_others() -> None:
    """As near as a copy is, the others have the votes that they would have without it."""
    compared = np.array([1000])
    found = votes(neighbours((0, 0, 0), (0, 1, 40), (0, 2, 42)), compared, 3, 128, own=0)
    without = votes(neighbours((0, 1, 40), (0, 2, 42)), compared, 3, 128)
    assert found[1:].tolist() == without[1:].tolist()
    assert found[0] == votes(neighbours((0, 0, 0)), compared, 3, 128)[0]
    counted = votes(neighbours((0, 0, 0), (0, 1, 40), (0, 2, 42)), compared, 3, 128)
    assert (counted[1:] < found[1:]).all()
