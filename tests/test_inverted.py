"""The inverted index: equations worked by hand, a brute-force scorer, and what scores must not depend on."""

from __future__ import annotations

import itertools
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from likewise.errors import CollectionDamaged, MissingExtra, UnknownName, UsageError
from likewise.words.hamming import Codes
from likewise.words.index import inverted
from likewise.words.index import kernel as kernels
from likewise.words.index.inverted import InvertedIndex
from likewise.words.index.kernel import Choice
from likewise.words.index.postings import Postings
from likewise.words.index.segment import Segment
from likewise.words.scoring import Burstiness, Normalisation, Scoring

WORDS = 6
KERNELS: tuple[Choice, ...] = ("numpy", "numba")
VARIANTS = [
    Scoring(hamming, threshold, 30.0, burstiness, normalisation)
    for hamming, threshold, burstiness, normalisation in itertools.product(
        (True, False), (52, 129), get_args(Burstiness), get_args(Normalisation)
    )
] + [Scoring(normalisation=name, power=power) for name in get_args(Normalisation) for power in (0, 1, 0.5)]


@pytest.fixture(params=KERNELS)
def kernel(request: pytest.FixtureRequest) -> Choice:
    if request.param == "numba":
        pytest.importorskip("numba")
    choice: Choice = request.param
    return choice


def near(random: np.random.Generator, count: int) -> Codes:
    """Codes that differ from one another in anything from none to all of their bits."""
    bits = random.random((count, 128)) < random.choice([0.02, 0.2, 0.5, 1.0], (count, 1))
    return np.packbits(bits, axis=1).view(np.uint64)


def some(random: np.random.Generator, pictures: NDArray[Any], count: int, words: int = WORDS) -> Postings:
    chosen = random.choice(pictures, count).astype(np.uint32) if len(pictures) else np.empty(0, np.uint32)
    count = len(chosen)
    return Postings(random.integers(0, words, count).astype(np.uint32), chosen, near(random, count))


def segments(folder: Path, parts: list[Postings], words: int = WORDS) -> list[Segment]:
    return [Segment.write(folder / f"{number}.words", part, words) for number, part in enumerate(parts)]


def split(postings: Postings, parts: int, random: np.random.Generator) -> list[Postings]:
    """Every picture's postings in one part, in a random order."""
    order = random.permutation(len(postings))
    home = (postings.pictures[order] * np.uint32(2654435761)) >> np.uint32(16)
    chosen = [order[home % parts == part] for part in range(parts)]
    return [Postings(postings.words[o], postings.pictures[o], postings.codes[o]) for o in chosen]


def brute(
    postings: Postings, live: list[int], words: NDArray[Any], codes: Codes, scoring: Scoring
) -> list[float]:
    """Equations 3 to 8 and their variants, pair by pair."""
    rows = [(int(w), int(p), int(a) << 64 | int(b)) for w, p, (a, b) in zip(*vars(postings).values())]  # noqa: B905
    tf = Counter((word, picture) for word, picture, _ in rows if picture in live)
    n = Counter(word for word, _ in tf)
    idf = [math.log(len(live) / n[word]) if n[word] else 0.0 for word in range(WORDS)]
    qtf = Counter(words.tolist())
    norms = {
        "none": dict.fromkeys(live, 1.0),
        "l2": dict.fromkeys(live, 0.0),
        "sqrt-idf": dict.fromkeys(live, 0.0),
    }
    for (word, picture), count in tf.items():
        norms["l2"][picture] += (count * idf[word] ** (scoring.power / 2)) ** 2
        norms["sqrt-idf"][picture] += idf[word]
    scores = dict.fromkeys(live, 0.0)
    for query, (a, b) in zip(words.tolist(), codes.tolist(), strict=True):
        for word, picture, code in rows:
            away = ((a << 64 | b) ^ code).bit_count()
            if word == query and picture in live and (not scoring.hamming or away < scoring.threshold):
                score = idf[word] ** scoring.power * (
                    math.exp(-((away / scoring.sigma) ** 2)) if scoring.hamming else 1
                )
                score /= math.sqrt(tf[word, picture]) if scoring.burstiness in ("database", "both") else 1
                score /= math.sqrt(qtf[word]) if scoring.burstiness in ("query", "both") else 1
                norm = math.sqrt(norms[scoring.normalisation][picture])
                scores[picture] += score / norm if norm else 0
    return list(scores.values())


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 8), st.integers(1, 4), st.integers(0, 9))
def test_every_variant_against_brute_force(seed: int, count: int, asked: int, parts: int, dead: int) -> None:
    random = np.random.default_rng(seed)
    postings = some(random, np.array([2, 3, 5, 7, 11, 13, 17, 2**32 - 1]), count)
    live = sorted(set(range(20)) - set(random.integers(0, 20, dead).tolist()))
    words, codes = random.integers(0, WORDS, asked), near(random, asked)
    with tempfile.TemporaryDirectory() as folder:
        held = segments(Path(folder), split(postings, parts, random))
        index = InvertedIndex(WORDS, held, np.array(live), kernel="numpy")
        for scoring in VARIANTS:
            wanted = brute(postings, live, words, codes, scoring)
            assert index.scores(words, codes, scoring) == pytest.approx(wanted, rel=1e-12, abs=0)


@settings(deadline=None, max_examples=6)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(0, 3), st.booleans())
def test_the_same_to_the_last_bit(seed: int, parts: int, threads: int, long: bool) -> None:
    random = np.random.default_rng(seed)
    postings = some(random, np.arange(1, 40), 3000 if long else 300, words=1 if long else WORDS)
    live = np.flatnonzero(random.random(45) < 0.8)
    words, codes = random.integers(0, WORDS, 12), near(random, 12)
    order = random.permutation(12)
    with tempfile.TemporaryDirectory() as folder:
        whole = segments(Path(folder), [postings])
        held = segments(Path(folder) / "parts", split(postings, parts, random))
        for scoring in VARIANTS[::5]:
            one = InvertedIndex(WORDS, whole, live, kernel="numpy").scores(words, codes, scoring)
            for kernel in KERNELS:
                many = InvertedIndex(WORDS, held[::-1], live, kernel=kernel)
                two = many.scores(words[order], codes[order], scoring, threads=threads + 1)
                assert one.tobytes() == two.tobytes()


def one(picture: int, words: list[int], codes: list[tuple[int, int]]) -> Postings:
    return Postings.of(picture, np.array(words), np.array(codes, np.uint64))


def by_hand(folder: Path, kernel: Choice) -> InvertedIndex:
    """Four pictures: word 0 in two of them, word 1 in one, word 2 in all, word 3 in none."""
    pictures = [
        one(1, [0, 0, 0, 0, 2], [(0, 0), ((1 << 30) - 1, 0), ((1 << 52) - 1, 0), (0, (1 << 51) - 1), (0, 0)]),
        one(2, [0, 2], [(0, 0), (0, 0)]),
        one(3, [1, 2], [(7, 0), (0, 0)]),
        one(4, [2], [(0, 0)]),
    ]
    return InvertedIndex(4, segments(folder, [Postings.join(pictures)], 4), kernel=kernel)


def ask(index: InvertedIndex, words: list[int], scoring: Scoring) -> list[float]:
    scores: list[float] = index.scores(
        np.array(words), np.zeros((len(words), 2), np.uint64), scoring
    ).tolist()
    return scores


def test_equation_4_by_hand(tmp_path: Path, kernel: Choice) -> None:
    index = by_hand(tmp_path, kernel)
    assert index.statistics.frequencies.tolist() == [2, 1, 4, 0]
    assert index.idf == pytest.approx(
        [0.6931471805599453, 1.3862943611198906, 0, 0]
    )  # ln 4/2, 4/1, 4/4, none


def test_equation_3_by_hand(tmp_path: Path, kernel: Choice) -> None:
    plain = Scoring(hamming=False, burstiness="none")
    # idf^2 = 0.480453 for word 0 and 1.921812 for word 1; picture 1 has four features in word 0
    assert ask(by_hand(tmp_path, kernel), [0, 1, 2, 3], plain) == pytest.approx(
        [1.921812, 0.480453, 1.921812, 0]
    )


def test_equations_5_and_6_by_hand(tmp_path: Path, kernel: Choice) -> None:
    embedded = Scoring(burstiness="none")
    # picture 1: 0, 30 and 51 bits away, 1 + exp(-1) + exp(-2.89) = 1.4234557; 52 bits are too many (strict)
    wanted = [0.480453 * 1.4234557, 0.480453, 1.921812 * math.exp(-9 / 900), 0]
    assert ask(by_hand(tmp_path, kernel), [0, 1, 2], embedded) == pytest.approx(wanted, rel=1e-6)


def test_equation_8_by_hand(tmp_path: Path, kernel: Choice) -> None:
    # four features of picture 1 lie in word 0: its matches count half, also beside one that is too far
    wanted = [0.480453 * 1.4234557 / 2, 0.480453, 0, 0]
    assert ask(by_hand(tmp_path, kernel), [0, 2], Scoring()) == pytest.approx(wanted, rel=1e-6)
    plain = Scoring(hamming=False)
    assert ask(by_hand(tmp_path, kernel), [0], plain) == pytest.approx(
        [0.480453 * 2, 0.480453, 0, 0], rel=1e-6
    )


def test_variants_by_hand(tmp_path: Path, kernel: Choice) -> None:
    index = by_hand(tmp_path, kernel)
    both = Scoring(hamming=False, burstiness="both")
    # four query features in word 0: 4 x 4 pairs / (2 x 2) of picture 1, 4 pairs / (1 x 2) of picture 2
    assert ask(index, [0] * 4, both)[:2] == pytest.approx([0.480453 * 4, 0.480453 * 2], rel=1e-6)
    cosine = Scoring(hamming=False, burstiness="none", normalisation="l2")
    # picture 1: 4 idf^2 / (4 idf), picture 3: idf^2 / idf; picture 4 has only the word of all pictures
    assert ask(index, [0, 1], cosine) == pytest.approx([0.693147, 0.693147, 1.386294, 0], rel=1e-6)
    rooted = Scoring(hamming=False, burstiness="none", normalisation="sqrt-idf")
    # idf^2 / sqrt(idf)
    assert ask(index, [0, 1], rooted)[1:] == pytest.approx([0.693147**1.5, 1.386294**1.5, 0], rel=1e-6)


def test_idf_is_exact_after_every_change(tmp_path: Path, kernel: Choice) -> None:
    index = by_hand(tmp_path, kernel)
    gone = InvertedIndex(4, index.segments, np.array([2, 3, 4]), kernel=kernel)
    assert gone.statistics.frequencies.tolist() == [1, 1, 3, 0]
    added = Segment.write(tmp_path / "more", one(9, [3, 3], [(0, 0), (1, 0)]), 4)
    more = InvertedIndex(4, [*index.segments, added], np.array([2, 3, 4, 9]), kernel=kernel)
    assert more.statistics.frequencies.tolist() == [1, 1, 3, 1]
    assert more.pictures.tolist() == [2, 3, 4, 9]
    assert ask(more, [3], Scoring(burstiness="none")) == pytest.approx(
        [0, 0, 0, math.log(4) ** 2 * (1 + math.exp(-1 / 900))]
    )


def test_pictures_that_no_segment_holds(tmp_path: Path) -> None:
    index = InvertedIndex(4, by_hand(tmp_path, "numpy").segments, np.array([2, 5, 6]))
    assert index.missing.tolist() == [5, 6]
    assert ask(index, [0], Scoring())[1:] == [0, 0]


@pytest.mark.parametrize("hamming", [True, False])
def test_more_features_of_a_picture_in_a_word_than_a_block(
    tmp_path: Path, kernel: Choice, hamming: bool
) -> None:
    random = np.random.default_rng(0)
    many = Postings(
        np.zeros(5000, np.uint32),
        np.repeat([1, 2, 3], [300, 4000, 700]).astype(np.uint32),
        near(random, 5000),
    )
    held = segments(tmp_path, [Postings.join([many, one(4, [1], [(0, 0)])])])
    index = InvertedIndex(WORDS, held, kernel=kernel)
    words, codes = np.zeros(3, np.int64), near(random, 3)
    scoring = Scoring(hamming)
    wanted = brute(Postings.join([many, one(4, [1], [(0, 0)])]), [1, 2, 3, 4], words, codes, scoring)
    assert index.scores(words, codes, scoring) == pytest.approx(wanted, rel=1e-12)


def test_threads_share_a_segment(tmp_path: Path, kernel: Choice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inverted, "SHARE", 1)
    random = np.random.default_rng(0)
    held = segments(tmp_path, [some(random, np.arange(30), 2000)])
    index = InvertedIndex(WORDS, held, np.arange(60), kernel=kernel)
    words, codes = random.integers(0, WORDS, 20), near(random, 20)
    for scoring in (Scoring(), Scoring(hamming=False)):
        alone = index.scores(words, codes, scoring)
        assert alone.any()
        for threads in (2, 3, 50):
            assert index.scores(words, codes, scoring, threads=threads).tobytes() == alone.tobytes()


def test_without_segments_and_without_pictures(tmp_path: Path) -> None:
    zeros = np.zeros((1, 2), np.uint64)
    assert InvertedIndex(4, []).scores(np.array([3]), zeros).tolist() == []
    assert InvertedIndex(4, [], np.array([7])).scores(np.array([3]), zeros).tolist() == [0]
    held = by_hand(tmp_path, "numpy").segments
    assert InvertedIndex(4, held, np.empty(0, np.int64)).scores(np.array([0]), zeros).tolist() == []


@pytest.fixture
def fresh() -> Iterator[None]:
    kernels.compiled.cache_clear()
    yield
    kernels.compiled.cache_clear()


class Broken(ModuleType):
    """As where the library is missing that numba compiles by."""

    def __getattr__(self, name: str) -> Any:
        raise OSError("Could not find/load shared object file: libllvmlite.so")


@pytest.mark.parametrize("module", [None, Broken("compiled")], ids=["missing", "broken"])
def test_without_numba(
    tmp_path: Path, fresh: None, monkeypatch: pytest.MonkeyPatch, module: ModuleType | None
) -> None:
    monkeypatch.setitem(sys.modules, "likewise.words.index.compiled", module)
    with pytest.raises(MissingExtra, match=r"likewise\[fast\]"):
        ask(by_hand(tmp_path / "a", "numba"), [0], Scoring())
    monkeypatch.setattr(inverted, "WORTH", 0)
    assert ask(by_hand(tmp_path / "b", "auto"), [0], Scoring())[0] > 0


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    index = by_hand(tmp_path, "numpy")
    zeros = np.zeros((1, 2), np.uint64)
    asked: list[tuple[NDArray[Any], NDArray[Any], str]] = [
        (np.array([4]), zeros, "codebook of 4"),
        (np.array([-1]), zeros, "codebook of 4"),
        (np.array([1, 1]), zeros, r"\(m, 2\)"),
        (np.array([1]), zeros.astype(np.int64), "int64"),
    ]
    for words, codes, said in asked:
        with pytest.raises(UsageError, match=said):
            index.scores(words, codes)
    with pytest.raises(UsageError, match="not 0"):
        index.scores(np.array([1]), zeros, threads=0)
    with pytest.raises(UsageError, match="has 4 words; the codebook has 5"):
        InvertedIndex(5, index.segments)
    with pytest.raises(CollectionDamaged, match="picture 1 lies in two segments"):
        InvertedIndex(4, [*index.segments, *index.segments])


def test_scorings_that_are_none() -> None:
    for wrong, said in (
        ({"threshold": 0}, "threshold 0"),
        ({"threshold": 130}, "1 to 129"),
        ({"sigma": 0.0}, "sigma 0"),
        ({"sigma": float("nan")}, "sigma nan"),
    ):
        with pytest.raises(UsageError, match=said):
            Scoring(**wrong)
    with pytest.raises(UnknownName, match="database"):
        Scoring(burstiness="databse")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="no normalisation is called 'l3'"):
        Scoring(normalisation="l3")  # type: ignore[arg-type]
