"""Hamming embedding: projections, medians, codes and how much a match counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import UnknownName, UsageError
from likewise.types import FloatArray
from likewise.words.hamming import Codes, Embedding, Projection, Words, distance
from likewise.words.scoring import Scoring

PROJECTIONS: tuple[Projection, ...] = ("random", "pca", "pca-rotation")


def features(count: int = 300, width: int = 70, words: int = 4, seed: int = 0) -> tuple[FloatArray, Words]:
    random = np.random.default_rng(seed)
    return random.standard_normal((count, width)).astype(np.float32), random.integers(0, words, count)


def plain(by: Embedding, vectors: FloatArray, words: Words) -> Codes:
    """Codes bit by bit."""
    codes = np.zeros((*words.shape, by.bits // 64), np.uint64)
    for row, place in np.ndindex(words.shape):
        for bit, axis in enumerate(by.projection):
            if axis @ vectors[row] > by.medians[words[row, place], bit]:
                codes[row, place, bit // 64] |= np.uint64(1 << bit % 64)
    return codes


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_rows_are_orthonormal_and_the_seed_decides(projection: Projection) -> None:
    vectors, words = features()
    one, two = (Embedding.learn(vectors, words, 4, bits=64, projection=projection) for _ in "ab")
    assert np.allclose(one.projection @ one.projection.T, np.eye(64), atol=1e-5)
    assert np.array_equal(one.projection, two.projection)
    other = Embedding.learn(vectors, words, 4, bits=64, projection=projection, seed=1)
    assert np.array_equal(one.projection, other.projection) == (projection == "pca")


def test_pca_takes_the_directions_of_most_variance() -> None:
    vectors, words = features()
    vectors[:, 5] *= 9
    by = Embedding.learn(vectors, words, 4, bits=64, projection="pca")
    assert abs(by.projection[0, 5]) > 0.99


def test_medians_are_of_the_word_and_of_all_where_it_has_too_few() -> None:
    vectors, words = features(words=2)
    words[:3] = 2
    by = Embedding.learn(vectors, words, 4, bits=64, minimum=4)
    projected = vectors @ by.projection.T
    assert np.allclose(by.medians[1], np.median(projected[words == 1], axis=0), atol=1e-6)
    for scarce in (2, 3):
        assert np.allclose(by.medians[scarce], np.median(projected, axis=0), atol=1e-6)


def test_a_bit_splits_its_word_in_halves() -> None:
    vectors, words = features()
    by = Embedding.learn(vectors, words, 4, bits=64)
    codes = by.encode(vectors, words[:, None])[:, 0]
    set_ = np.unpackbits(codes.view(np.uint8), axis=1, bitorder="little")
    for word in range(4):
        assert np.abs(set_[words == word].mean(axis=0) - 0.5).max() < 0.02


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 5), st.integers(1, 3), st.sampled_from([64, 128]), st.integers(0, 99))
def test_each_copy_is_coded_by_its_own_word(count: int, copies: int, bits: int, seed: int) -> None:
    # whole numbers and halves: every sum is exact, whatever order it is taken in
    random = np.random.default_rng(seed)
    medians = random.integers(-3, 4, (5, bits)).astype(np.float32)
    by = Embedding(np.eye(bits, dtype=np.float32), medians)
    vectors = (random.integers(-6, 7, (count, bits)) / 2).astype(np.float32)
    words = random.integers(0, 5, (count, copies))
    assert np.array_equal(by.encode(vectors, words), plain(by, vectors, words))


def test_a_number_at_the_median_is_no_bit() -> None:
    by = Embedding(np.eye(64, dtype=np.float32), np.zeros((1, 64), np.float32))
    vector = np.zeros((1, 64), np.float32)
    vector[0, [0, 3]] = 1
    assert by.encode(vector, np.zeros((1, 1), np.int64)).tolist() == [[[0b1001]]]


def test_distance_and_strength_by_hand() -> None:
    left = np.array([[0b1011, 0]], np.uint64)
    right = np.array([[0b0001, 1 << 63], [0b1011, 0]], np.uint64)
    assert distance(left, right).tolist() == [3, 0]
    # exp(-(30/30)^2) = 0.367879; 51 counts, 52 does not
    assert Scoring().strengths[[0, 30, 51, 52]] == pytest.approx([1, 0.36787944, 0.05557621, 0])


def test_more_bits_than_numbers() -> None:
    vectors, words = features()
    by = Embedding.learn(vectors, words, 4, bits=128)
    assert by.projection.shape == (128, 70)
    for block in (by.projection[:70], by.projection[70:]):
        assert block @ block.T == pytest.approx(np.eye(len(block)), abs=1e-5)


def test_what_does_not_fit() -> None:
    vectors, words = features()
    for bits, said in ((60, "multiple of 64"), (128, "at most as many"), (0, "multiple of 64")):
        with pytest.raises(UsageError, match=said):
            Embedding.learn(vectors, words, 4, bits=bits, projection="pca")
    with pytest.raises(UsageError, match="too few"):
        Embedding.learn(vectors[:64], words[:64], 4, bits=64)
    with pytest.raises(UsageError, match="codebook of 3"):
        Embedding.learn(vectors, words, 3, bits=64)
    with pytest.raises(UnknownName, match="pca-rotation"):
        Embedding.learn(vectors, words, 4, bits=64, projection="haar")  # type: ignore[arg-type]
    by = Embedding.learn(vectors, words, 4, bits=64)
    with pytest.raises(UsageError, match="do not fit"):
        by.encode(vectors[:, :64], words[:, None])
    with pytest.raises(UsageError, match="codebook of 4"):
        by.encode(vectors, words[:, None] + 4)
