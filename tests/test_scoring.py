"""Scores of rankings: by hand, and what must not depend on how a ranking is given."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery, Measure
from likewise.evaluation.metrics import Rule
from likewise.evaluation.reports.score import QueryScore, score


def asked(
    gallery: str, *queries: tuple[str, str], measure: Measure = "mAP", names: str = "pqrs"
) -> Benchmark:
    """A benchmark of one-letter names; each query is its positives and its junk."""
    made = [
        BenchmarkQuery(name, Path(name), None, frozenset(positives), frozenset(junk))
        for name, (positives, junk) in zip(names, queries, strict=False)
    ]
    return Benchmark("small", {n: Path(n) for n in gallery}, tuple(made), "counts", measure=measure)


def only(
    benchmark: Benchmark, ranking: str, equals: list[float] | None = None, *, rule: Rule = "trapezoid"
) -> QueryScore:
    similarities = None if equals is None else np.array([equals])
    return score(benchmark, [ranking], similarities=similarities, rule=rule).queries[0]


@pytest.mark.parametrize(
    ("ranking", "positives", "trapezoid", "step"),
    [
        ("axyz", "a", 1.0, 1.0),
        ("xayz", "a", 0.25, 0.5),
        ("axby", "ab", 0.791667, 0.833333),
        ("xaybc", "abc", 0.405556, 0.533333),
        ("axby", "abc", 0.527778, 0.555556),
    ],
)
def test_golden_values(ranking: str, positives: str, trapezoid: float, step: float) -> None:
    benchmark = asked("abcxyz", (positives, ""))
    assert only(benchmark, ranking).ap == pytest.approx(trapezoid, abs=1e-6)
    assert only(benchmark, ranking, rule="step").ap == pytest.approx(step, abs=1e-6)


def test_one_query_by_hand() -> None:
    # junk x and y go: b a c d, positives a and d at ranks 1 and 3; the third positive is not ranked
    found = only(asked("abcdexy", ("ade", "xy")), "xbaycd")
    assert found.ranks == (1, 3)
    assert found.positives == 3
    assert found.first == 2
    assert found.top_four == 2
    assert found.ap == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 2 / 3)
    assert found.precision == (0, 2 / 5, 2 / 10)
    assert found.recall == (0, 2 / 3, 2 / 3)
    assert found.revisited == (0, 2 / 4, 2 / 4)  # the last that was found is the fourth answer
    assert not found.tied


def test_means_leave_out_queries_without_positives_and_say_so() -> None:
    scores = score(asked("abc", ("a", ""), ("", ""), ("b", "c")), ["abc", "abc", "acb"], ks=(1, 2))
    assert scores.excluded == ("q",)
    assert np.isnan(scores.values).tolist() == [False, True, False]
    assert scores.mean_ap == scores.value == pytest.approx((1 + 0.25) / 2)
    assert scores.mean_precision == pytest.approx((0.5, 0.5))
    assert scores.mean_recall == pytest.approx((0.5, 1.0))
    assert scores.mean_revisited == pytest.approx((0.5, 0.75))  # a alone cuts k to 1, b second cuts it to 2
    assert scores.queries[1].first is None


def test_ns_is_the_measure_where_the_benchmark_says_so() -> None:
    scores = score(asked("abcdwxyz", ("abcd", ""), ("wxyz", ""), measure="N-S"), ["abcdwxyz", "wabcxyzd"])
    assert scores.value == scores.ns == pytest.approx((4 + 1) / 2)
    assert scores.values.tolist() == [4, 1]
    assert scores.mean_ap < 1


def test_positions_are_as_good_as_names() -> None:
    benchmark = asked("abcd", ("ab", "c"), ("d", ""))
    named = score(benchmark, ["cbda", "abcd"])
    placed = score(benchmark, np.array([[2, 1, 3, 0], [0, 1, 2, 3]], dtype=np.int32))
    assert named == placed


def test_rankings_that_cannot_be_scored_are_refused() -> None:
    benchmark = asked("abcd", ("ab", "c"))
    with pytest.raises(UsageError, match="2 rankings for 1 queries"):
        score(benchmark, ["ab", "ab"])
    with pytest.raises(UsageError, match="ranking of p names b twice"):
        score(benchmark, ["abb"])
    with pytest.raises(UsageError, match="names 'x', which is not in the gallery"):
        score(benchmark, ["ax"])
    with pytest.raises(UsageError, match="outside the gallery of 4"):
        score(benchmark, np.array([[0, 4]]))
    with pytest.raises(UsageError, match="outside the gallery of 4"):
        score(benchmark, np.array([[0, -1]]))
    with pytest.raises(UsageError, match="do not fall"):
        score(benchmark, ["ab"], similarities=np.array([[0.1, 0.2]]))
    with pytest.raises(UsageError, match="2 rows of similarities for 1"):
        score(benchmark, ["ab"], similarities=np.ones((2, 2)))


def test_an_empty_ranking_scores_nothing() -> None:
    found = only(asked("ab", ("a", "")), "", [])
    assert (found.ap, found.first, found.precision) == (0, None, (0, 0, 0))


def test_ties_are_reported_with_what_hangs_on_them() -> None:
    benchmark = asked("abxy", ("ab", ""))
    tied = only(benchmark, "axby", [0.9, 0.5, 0.5, 0.1])
    assert tied.tied
    assert tied.ap == tied.ap_low == pytest.approx(0.791667, abs=1e-6)
    assert tied.ap_high == 1
    # two right answers tied with one another, or a tie below the last column: nothing hangs on it
    assert not only(benchmark, "abxy", [0.9, 0.9, 0.5, 0.5]).tied
    assert not only(benchmark, "axby", [0.9]).tied
    both = score(replace(benchmark), ["axby"], similarities=np.array([[0.9, 0.5, 0.5, 0.1]]))
    assert both.tied == ("p",)
    assert both.mean_ap_bounds == pytest.approx((0.791667, 1), abs=1e-6)


def test_a_tie_with_junk_is_none() -> None:
    assert not only(asked("abxy", ("ab", "x")), "axby", [0.9, 0.5, 0.5, 0.1]).tied


NAMES = "abcdefghij"


@st.composite
def rankings(draw: st.DrawFn) -> tuple[Benchmark, str, list[float]]:
    """A benchmark of one query, a ranking of some of its gallery, and falling similarities with ties."""
    gallery = NAMES[: draw(st.integers(2, 7))]
    roles = draw(st.lists(st.sampled_from("pjn"), min_size=len(gallery), max_size=len(gallery)))
    positives = "".join(n for n, role in zip(gallery, roles, strict=True) if role == "p") or gallery[0]
    junk = "".join(n for n, role in zip(gallery, roles, strict=True) if role == "j" and n not in positives)
    order = "".join(draw(st.permutations(gallery)))[: draw(st.integers(1, len(gallery)))]
    equals = draw(st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=len(order), max_size=len(order)))
    return asked(gallery, (positives, junk)), order, sorted(equals, reverse=True)


RULES = st.sampled_from(("trapezoid", "step"))


@given(rankings(), RULES, st.randoms(use_true_random=False))
def test_the_order_of_the_gallery_changes_nothing(
    case: tuple[Benchmark, str, list[float]], rule: Rule, random: np.random.Generator
) -> None:
    benchmark, ranking, equals = case
    names = [*benchmark.gallery]
    random.shuffle(names)
    shuffled = replace(benchmark, gallery={name: Path(name) for name in names})
    assert only(benchmark, ranking, equals, rule=rule) == only(shuffled, ranking, equals, rule=rule)


@given(rankings(), RULES, st.data())
def test_junk_anywhere_in_the_ranking_changes_nothing(
    case: tuple[Benchmark, str, list[float]], rule: Rule, data: st.DataObject
) -> None:
    benchmark, ranking, _ = case
    query = benchmark.queries[0]
    rows = [name for name in ranking if name not in query.junk]
    before = only(benchmark, "".join(rows), rule=rule)
    for name in sorted(query.junk):
        rows.insert(data.draw(st.integers(0, len(rows))), name)
    assert only(benchmark, "".join(rows), rule=rule) == before


@given(rankings(), RULES)
def test_bounds_are_the_extremes_over_every_order_of_the_ties(
    case: tuple[Benchmark, str, list[float]], rule: Rule
) -> None:
    benchmark, ranking, equals = case
    similarity = dict(zip(ranking, equals, strict=True))
    orders = [
        order for order in permutations(ranking) if [similarity[name] for name in order] == equals
    ]  # every ranking that these similarities could have given
    aps = [only(benchmark, "".join(order), rule=rule).ap for order in orders]
    found = only(benchmark, ranking, equals, rule=rule)
    assert found.ap_low == pytest.approx(min(aps))
    assert found.ap_high == pytest.approx(max(aps))
    assert found.ap_low <= found.ap + 1e-12
    assert found.ap <= found.ap_high + 1e-12
