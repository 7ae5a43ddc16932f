"""Aggregated selective matching: against loops, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import UsageError
from likewise.words.asmk import aggregate, scores
from likewise.words.hamming import Codes, Words


def features(
    random: np.random.Generator, count: int, copies: int = 1, words: int = 4, bits: int = 128
) -> tuple[Words, Codes]:
    chosen = np.argsort(random.random((count, words)), axis=1)[:, :copies]
    return chosen, random.integers(0, 1 << 64, (count, copies, bits // 64), dtype=np.uint64)


def bit(code: np.ndarray, number: int) -> int:
    return int(code[number // 64]) >> number % 64 & 1


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 9), st.integers(1, 3), st.sampled_from([64, 128]), st.integers(0, 99))
def test_a_word_takes_the_bits_of_most(count: int, copies: int, bits: int, seed: int) -> None:
    words, codes = features(np.random.default_rng(seed), count, copies, bits=bits)
    found, aggregated = aggregate(words, codes)
    assert found.tolist() == sorted(set(words.ravel().tolist()))
    assert aggregated.dtype == np.uint64 and aggregated.shape == (len(found), bits // 64)
    for word, code in zip(found, aggregated, strict=True):
        those = codes[words == word]
        for number in range(bits):
            votes = [bit(one, number) for one in those]
            tie = 2 * sum(votes) == len(votes)
            assert bit(code, number) == (votes[0] if tie else 2 * sum(votes) > len(votes))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
    st.integers(0, 6),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([1.0, 3.0]),
    st.integers(0, 99),
)
def test_scores_are_the_double_sum(
    sizes: list[int], asked: int, threshold: float, alpha: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    weights = random.random(4)
    query = aggregate(*features(random, asked, 2))
    held = [aggregate(*features(random, size, 2)) for size in sizes]
    pictures = np.repeat(np.arange(len(held)), [len(words) for words, _ in held])
    columns = [np.concatenate(column) for column in zip(*held, strict=True)]
    shuffled = random.permutation(len(pictures))
    found = scores(
        *query, pictures[shuffled], columns[0][shuffled], columns[1][shuffled], weights, len(held),
        alpha=alpha, threshold=threshold,
    )  # fmt: skip
    for picture, (words, codes) in enumerate(held):
        total = 0.0
        for word, code in zip(*query, strict=True):
            for other, its in zip(words, codes, strict=True):
                alike = 1 - 2 * int(np.bitwise_count(code ^ its).sum()) / 128
                if word == other and alike > threshold:
                    total += weights[word] * alike**alpha
        norm = math.sqrt(sum(weights[word] for word in query[0]) * sum(weights[word] for word in words))
        assert found[picture] == pytest.approx(total / norm if norm else 0, rel=1e-9)


def test_by_hand() -> None:
    # three codes of one word: bits 0 and 1 are set in most, bit 2 in one; of two codes the first decides
    words = np.array([[1], [1], [1], [0], [0]])
    codes = np.array([[[0b011]], [[0b111]], [[0b010]], [[0b01]], [[0b10]]], np.uint64)
    found, aggregated = aggregate(words, codes)
    assert found.tolist() == [0, 1] and aggregated.tolist() == [[0b01], [0b011]]
    # word 1 with 16 of 64 bits apart: u = 0.5, cubed 0.125, weight 3, over sqrt((1 + 3) * 3)
    other = np.array([[((1 << 16) - 1) ^ 0b011]], np.uint64)
    got = scores(found, aggregated, np.array([1]), np.array([1]), other, np.array([1.0, 3.0]), 2)
    assert got == pytest.approx([0, 0.375 / math.sqrt(12)])


def test_a_picture_is_like_itself() -> None:
    words, codes = aggregate(*features(np.random.default_rng(0), 9, 2))
    same = np.zeros(len(words), np.int64)
    assert scores(words, codes, same, words, codes, np.arange(1.0, 5), 1) == pytest.approx([1])


def test_what_does_not_fit() -> None:
    words, codes = features(np.random.default_rng(0), 5)
    with pytest.raises(UsageError, match="do not belong to words"):
        aggregate(words, codes[:4])
    found, aggregated = aggregate(words, codes)
    same = np.zeros(len(found), np.int64)
    with pytest.raises(UsageError, match="are not among 2"):
        scores(found, aggregated, same, found, aggregated, np.ones(2), 1)
    with pytest.raises(UsageError, match="pictures 1 to 1 are not among 1"):
        scores(found, aggregated, same + 1, found, aggregated, np.ones(4), 1)
