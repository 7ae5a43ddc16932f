"""Codes of 64 bits: what they score is what codes of 128 bits score whose second half is nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import UsageError
from likewise.words.index.inverted import InvertedIndex
from likewise.words.index.kernel import Choice
from likewise.words.index.merging import merge
from likewise.words.index.postings import Postings
from likewise.words.index.segment import Segment
from likewise.words.scoring import Scoring

WORDS, PICTURES = 7, 12


def postings(seed: int, first: int = 0) -> Postings:
    """Few words and few different codes, so that many match."""
    random = np.random.default_rng(seed)
    centres = random.integers(0, 1 << 64, 5, np.uint64)
    codes = centres[random.integers(0, 5, 150)] ^ (
        np.uint64(1) << random.integers(0, 64, 150).astype(np.uint64)
    )
    return Postings(
        random.integers(0, WORDS, 150).astype(np.uint32),
        (first + random.integers(0, PICTURES, 150)).astype(np.uint32),
        codes[:, None],
    )


def lengthened(short: Postings) -> Postings:
    return Postings(short.words, short.pictures, np.pad(short.codes, ((0, 0), (0, 1))))


@pytest.mark.parametrize("kernel", ["numpy", "numba"])
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999), threshold=st.integers(1, 64), threads=st.integers(1, 3))
def test_scores(
    tmp_path_factory: pytest.TempPathFactory, kernel: Choice, seed: int, threshold: int, threads: int
) -> None:
    folder, short = tmp_path_factory.mktemp("codes"), postings(seed)
    query = postings(seed + 1)
    scoring = Scoring(threshold=threshold, sigma=9.0, burstiness="both", normalisation="l2")
    found = []
    for name, some, asked in (("short", short, query), ("long", lengthened(short), lengthened(query))):
        segment = Segment.write(folder / name, some, WORDS)
        index = InvertedIndex(WORDS, [segment], np.arange(PICTURES), kernel=kernel)
        found.append(index.scores(asked.words, asked.codes, scoring, threads=threads))
    np.testing.assert_array_equal(found[0], found[1])


def test_segments_of_short_codes_are_smaller_and_merge(tmp_path: Path) -> None:
    one, other = postings(1), postings(2, first=50)
    parts = [Segment.write(tmp_path / str(number), some, WORDS) for number, some in enumerate((one, other))]
    whole = Segment.write(tmp_path / "whole", Postings.join([one, other]), WORDS)
    merged = merge(tmp_path / "merged", WORDS, parts)
    assert merged.path.read_bytes() == whole.path.read_bytes()
    assert merged.verify() == []
    ordered = one.sorted()
    np.testing.assert_array_equal(parts[0].members_codes(0, WORDS), ordered.codes)
    for word in range(WORDS):
        rows, codes = (some(word, word + 1) for some in (parts[0].members, parts[0].members_codes))
        np.testing.assert_array_equal(codes, ordered.codes[ordered.words == word])
        assert len(rows) == len(codes)
    longer = Segment.write(tmp_path / "long", lengthened(one), WORDS)
    assert longer.path.stat().st_size - parts[0].path.stat().st_size >= 8 * 150 - 64


def test_codes_of_another_length_are_refused(tmp_path: Path) -> None:
    index = InvertedIndex(WORDS, [Segment.write(tmp_path / "short", postings(1), WORDS)])
    query = lengthened(postings(2))
    with pytest.raises(UsageError, match="not of the length of those in"):
        index.scores(query.words, query.codes)
