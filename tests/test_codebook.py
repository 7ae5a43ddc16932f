"""Codebooks: assignment against comparing everything, seeding, repair, and what is refused."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from likewise.errors import UnknownName, UsageError
from likewise.types import FloatArray
from likewise.words import codebook
from likewise.words.codebook import EXACT, RECALL, Codebook, Seeding, learn_codebook


def clustered(count: int, clusters: int, length: int = 16, seed: int = 0) -> FloatArray:
    """Unit vectors about centres of their own."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((clusters, length))
    vectors = centres[random.integers(0, clusters, count)] + 0.2 * random.standard_normal((count, length))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def distances(vectors: FloatArray, centres: FloatArray) -> np.ndarray:
    return np.asarray(np.square(vectors[:, None].astype(np.float64) - centres[None]).sum(axis=2))


@pytest.mark.parametrize("count", [1, 3, 50])
@pytest.mark.parametrize("rows", [0, 1, 19, 200])
def test_assignment_finds_the_nearest_words_in_their_order(count: int, rows: int) -> None:
    book = Codebook(clustered(50, 50, seed=1))
    vectors = clustered(rows, 50)
    found = book.assign(vectors, count)
    assert found.dtype == np.uint32
    assert found.shape == (rows, count)
    away = distances(vectors, book.centres)
    np.testing.assert_allclose(
        np.take_along_axis(away, found.astype(np.int64), 1), np.sort(away, axis=1)[:, :count], atol=1e-5
    )
    assert all(len(set(row)) == count for row in found.tolist())


def test_more_words_than_are_all_compared_are_found_well_enough() -> None:
    vectors = clustered(9000, 6000)
    book = learn_codebook(vectors, EXACT + 404, iterations=1)
    assert 0 < book.probes < round(len(book) ** 0.5)  # not all lists: it is approximate
    others = clustered(1000, 6000)
    assert book.recall(others) >= RECALL
    found, wanted = book.assign(others, 3), np.empty((1000, 3), np.int64)
    for begin in range(0, 1000, 500):
        part = slice(begin, begin + 500)
        wanted[part] = np.argsort(-2 * others[part] @ book.centres.T + np.square(book.centres).sum(1))[:, :3]
    assert (found[:, :, None] == wanted[:, None]).any(axis=2).mean() >= RECALL


def test_lists_that_hold_too_few_centres_are_made_up_for() -> None:
    centres = np.concatenate([clustered(70, 5), np.full((1, 16), 50, np.float32)])  # one list of one centre
    found = Codebook(centres, probes=1).assign(np.full((25, 16), 50, np.float32), 4)
    assert found.max() < len(centres)
    assert set(found[:, 0].tolist()) == {70}


@pytest.mark.parametrize("seeding", get_args(Seeding))
def test_the_seed_decides_alone(seeding: Seeding) -> None:
    vectors = clustered(800, 20)
    one, same, other = (learn_codebook(vectors, 20, seeding=seeding, seed=seed) for seed in (3, 3, 4))
    assert one.centres.tobytes() == same.centres.tobytes()
    assert one.centres.dtype == np.float32
    assert one.centres.tobytes() != other.centres.tobytes()


def test_plus_plus_finds_clusters_that_lie_apart() -> None:
    vectors = np.repeat(np.eye(8, dtype=np.float32), 40, axis=0)
    book = learn_codebook(vectors, 8, seeding="k-means++", iterations=1)
    assert sorted(map(tuple, book.centres.tolist())) == sorted(map(tuple, np.eye(8).tolist()))


def test_iterations_are_told_and_bring_words_closer() -> None:
    vectors, told = clustered(2000, 40), list[int]()
    errors = [
        distances(vectors, learn_codebook(vectors, 40, iterations=number).centres).min(axis=1).mean()
        for number in (0, 1, 8)
    ]
    assert errors[0] > errors[1] > errors[2]
    learn_codebook(vectors, 40, iterations=3, report=told.append)
    assert told == [1, 2, 3]


def test_a_word_that_lost_its_features_takes_half_of_the_widest() -> None:
    vectors = np.array([[0, 0], [0, 1], [0, 2], [0, 3], [9, 9]], np.float32)
    before = np.array([[0, 1], [9, 9], [-50, -50], [50, 50]], np.float32)
    found = codebook._means(vectors, np.array([0, 0, 0, 0, 1]), before)
    # word 2 takes the upper half of word 0, then word 3 the upper half of what word 0 has left
    assert found.tolist() == [[0, 0], [9, 9], [0, 2.5], [0, 1]]


def test_every_word_has_features_in_the_end() -> None:
    vectors = np.concatenate([clustered(40, 3), np.tile(clustered(1, 1), (500, 1))])
    book = learn_codebook(vectors, 30, iterations=4)
    assert len(np.unique(book.centres, axis=0)) >= 25


def test_fewer_different_features_than_words_still_make_so_many_words() -> None:
    vectors = np.tile(np.eye(3, dtype=np.float32), (10, 1))
    for seeding in get_args(Seeding):
        book = learn_codebook(vectors, 10, seeding=seeding)
        assert np.isfinite(book.centres).all()
        assert len(book) == 10


def test_what_is_refused() -> None:
    vectors = clustered(50, 5)
    with pytest.raises(UnknownName, match="no seeding 'best'; there are sampled"):
        learn_codebook(vectors, 5, seeding="best")  # type: ignore[arg-type]
    for count in (0, 100_001):
        with pytest.raises(UsageError, match=f"{count} words: give 1 to 100000"):
            learn_codebook(vectors, count)
    with pytest.raises(UsageError, match="50 features are too few for 51 words"):
        learn_codebook(vectors, 51)
    book = learn_codebook(vectors, 5)
    for number in (0, 6):
        with pytest.raises(UsageError, match="give 1 to 5"):
            book.assign(vectors, number)
    with pytest.raises(UsageError, match="15 numbers do not fit a codebook of 16"):
        book.assign(vectors[:, :15])


@pytest.mark.slow
def test_the_largest_codebook() -> None:
    vectors = clustered(150_000, 120_000, length=8)
    book = learn_codebook(vectors, 100_000, iterations=1)
    assert len(book) == 100_000
    assert book.recall(vectors[:1000]) >= RECALL
