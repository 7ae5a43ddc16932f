"""Matches of patches: against a double loop, and against the score that they add up to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import UsageError
from likewise.words.hamming import Codes, Words
from likewise.words.matching import Matches, match
from likewise.words.scoring import Scoring


def patches(
    random: np.random.Generator, count: int, copies: int, words: int, bits: int = 128
) -> tuple[Words, Codes]:
    """Distinct words a patch, and codes of which many differ in few bits."""
    chosen = np.argsort(random.random((count, words)), axis=1)[:, :copies]
    masks = [random.integers(0, 1 << 63, (count, copies, bits // 64), dtype=np.uint64) for _ in range(2)]
    return chosen, masks[0] & masks[1]


def plain(
    query: tuple[Words, Codes],
    picture: tuple[Words, Codes],
    idf: np.ndarray,
    below: int,
    sigma: float,
    hamming: bool,
) -> list[tuple[int, int, int, float]]:
    """The definition, pair by pair."""
    found = []
    for q, k in np.ndindex(*query[0].shape):
        for p, j in np.ndindex(*picture[0].shape):
            word = int(query[0][q, k])
            if picture[0][p, j] != word:
                continue
            d = sum(
                (int(a) ^ int(b)).bit_count() for a, b in zip(query[1][q, k], picture[1][p, j], strict=True)
            )
            if d < below or not hamming:
                tf = sum(int(other) == word for other in picture[0].ravel())
                close = math.exp(-(d**2) / sigma**2) if hamming else 1
                found.append((q, p, d, float(idf[word]) ** 2 * close / math.sqrt(tf)))
    return found


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 6),
    st.integers(0, 6),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(3, 6),
    st.sampled_from([1, 20, 35, 52, 129]),
    st.booleans(),
    st.integers(0, 99),
)
def test_is_the_double_loop(
    n: int, p: int, k: int, j: int, words: int, below: int, hamming: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    query, picture = patches(random, n, k, words), patches(random, p, j, words)
    idf = random.random(words)
    found = match(*query, *picture, idf, scoring=Scoring(hamming, below, 25.0), layer=2)
    expected = plain(query, picture, idf, below, 25.0, hamming)
    columns = (found.query.tolist(), found.picture.tolist(), found.distance.tolist())
    assert list(zip(*columns, strict=True)) == [row[:3] for row in expected]
    assert found.weight == pytest.approx([row[3] for row in expected], rel=1e-5)
    assert set(found.layer.tolist()) <= {2}


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
def test_weights_add_up_to_the_score(k: int, j: int, seed: int) -> None:
    """Equation 8, written out over layers and the query's features as the paper has it."""
    random = np.random.default_rng(seed)
    layers = [(patches(random, 5, k, 4), patches(random, 6, j, 4), random.random(4)) for _ in range(2)]
    parts = [match(*query, *picture, idf, layer=layer) for layer, (query, picture, idf) in enumerate(layers)]
    score = 0.0
    for (words, codes), (held, held_codes), idf in layers:
        for word, code in zip(words.reshape(-1), codes.reshape(-1, 2), strict=True):
            rows = np.argwhere(held == word)
            away = [np.bitwise_count(code ^ held_codes[row, place]).sum() for row, place in rows]
            strengths = [math.exp(-(int(d) ** 2) / 30**2) for d in away if d < 52]
            score += sum(idf[word] ** 2 * one for one in strengths) / math.sqrt(max(len(rows), 1))
    assert float(Matches.joined(parts).weight.sum()) == pytest.approx(score, rel=1e-5)


def test_by_hand() -> None:
    # word 1 twice in the picture; idf ln 4; codes 0 and 30 bits apart, and 52, which is one too many
    codes = np.array([[[0, 0]], [[(1 << 30) - 1, 0]], [[(1 << 52) - 1, 0]]], np.uint64)
    idf = np.array([9.0, math.log(4)])
    words = np.array([[1], [1], [1]])
    found = match(np.array([[1]]), codes[:1], words, codes, idf)
    assert found.picture.tolist() == [0, 1] and found.distance.tolist() == [0, 30]
    assert found.weight == pytest.approx([1.1095587, 1.1095587 * 0.36787944])  # (ln 4)^2 / sqrt(3)
    without = match(np.array([[1]]), codes[:1], words, codes, idf, scoring=Scoring(hamming=False))
    assert without.weight == pytest.approx([1.1095587] * 3)


def test_words_alone_need_no_codes() -> None:
    none = np.empty((2, 1, 0), np.uint64)
    found = match(
        np.array([[0], [1]]), none, np.array([[1], [1]]), none, np.ones(2), scoring=Scoring(hamming=False)
    )
    assert found.query.tolist() == [1, 1] and found.picture.tolist() == [0, 1]


def test_rows_are_taken_and_joined() -> None:
    random = np.random.default_rng(0)
    found = match(*patches(random, 5, 2, 3), *patches(random, 5, 2, 3), np.ones(3))
    halves = [found.take(found.query < 2), found.take(np.flatnonzero(found.query >= 2))]
    assert [len(half) for half in halves] == [int((found.query < 2).sum()), int((found.query >= 2).sum())]
    assert np.array_equal(Matches.joined(halves).weight, found.weight)


def test_what_does_not_fit() -> None:
    random = np.random.default_rng(0)
    (words, codes), idf = patches(random, 4, 2, 3), np.ones(3)
    with pytest.raises(UsageError, match="do not belong to words"):
        match(words, codes[:3], words, codes, idf)
    with pytest.raises(UsageError, match="codebook of 2"):
        match(words, codes, words, codes, idf[:2])
    with pytest.raises(UsageError, match="64 and 128 bits"):
        match(words, codes[:, :, :1], words, codes, idf)
    with pytest.raises(UsageError, match="at least one"):
        Matches.joined([])
    one = np.zeros(1, np.int64)
    with pytest.raises(UsageError, match="of one length"):
        Matches(one, one, one, one, np.zeros(2, np.float32))
