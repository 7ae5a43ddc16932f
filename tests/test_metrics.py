"""Average precision against golden values, a slow loop, and what must always hold."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.errors import UsageError
from likewise.evaluation.metrics import (
    Rule,
    average_precision,
    leave_one_out,
    leave_one_out_map,
    mean_average_precision,
    ns_score,
    precision_at,
    precision_of_ranks,
    recall_at,
    revisited_precision_at,
)


@pytest.mark.parametrize(
    ("ranks", "relevant", "trapezoid", "step"),
    [
        ([0], 1, 1.0, 1.0),
        ([1], 1, 0.25, 0.5),
        ([0, 2], 2, 0.791667, 0.833333),
        ([1, 3, 4], 3, 0.405556, 0.533333),
        ([0, 2], 3, 0.527778, 0.555556),
        ([], 2, 0.0, 0.0),
    ],
)
def test_golden_values(ranks: list[int], relevant: int, trapezoid: float, step: float) -> None:
    assert precision_of_ranks(ranks, relevant) == pytest.approx(trapezoid, abs=1e-6)
    assert precision_of_ranks(ranks, relevant, rule="step") == pytest.approx(step, abs=1e-6)


def test_junk_is_taken_out_before_anything_is_counted() -> None:
    # ranking 9 7 1 8 2 with junk 9, 8 is 7 1 2: positives 1 and 2 at ranks 1 and 2.
    # trapezoid: (0/1 + 1/2)/2 + (1/2 + 2/3)/2 = 0.25 + 0.583333, over 2
    found = average_precision([9, 7, 1, 8, 2], [1, 2], junk=[8, 9])
    assert found == pytest.approx((0.25 + 7 / 12) / 2)


def test_a_list_cut_short_counts_what_it_misses() -> None:
    whole = average_precision([1, 5, 6, 2], [1, 2], rule="step")
    cut = average_precision([1, 5], [1, 2], rule="step")
    assert whole == pytest.approx((1 + 0.5) / 2)
    assert cut == pytest.approx(0.5)


def test_a_query_without_positives_is_left_out_of_the_mean() -> None:
    nothing = average_precision([1, 2], [])
    assert math.isnan(nothing)
    assert mean_average_precision([0.5, nothing, 1.0]) == pytest.approx(0.75)
    with pytest.raises(UsageError, match="no query has a positive"):
        mean_average_precision([nothing])


def test_bad_rankings_are_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        average_precision([1, 1, 2], [1])
    with pytest.raises(UsageError, match="both positive and junk"):
        average_precision([1, 2], [1], junk=[1])
    with pytest.raises(UsageError, match="only 1"):
        precision_of_ranks([0, 1], 1)
    with pytest.raises(UsageError, match="'middle'"):
        precision_of_ranks([0], 1, rule="middle")  # type: ignore[arg-type]


def slow(ranked: Sequence[int], positives: set[int], junk: set[int], rule: Rule) -> float:
    """The loop of compute_ap.cpp; the step rule takes the precision at each positive only."""
    area, recall, precision, hits, seen = 0.0, 0.0, 1.0, 0, 0
    for number in ranked:
        if number in junk:
            continue
        hits += number in positives
        seen += 1
        now, at = hits / len(positives), hits / seen
        area += (now - recall) * ((precision + at) / 2 if rule == "trapezoid" else at)
        recall, precision = now, at
    return area


@st.composite
def judged(draw: st.DrawFn) -> tuple[list[int], set[int], set[int]]:
    """A ranking, perhaps cut short, with its positives and junk."""
    order = draw(st.permutations(range(draw(st.integers(1, 25)))))
    roles = draw(st.lists(st.sampled_from("pjn"), min_size=len(order), max_size=len(order)))
    positives = {number for number, role in zip(order, roles, strict=True) if role == "p"} | {order[0]}
    junk = {number for number, role in zip(order, roles, strict=True) if role == "j"} - positives
    return order[: draw(st.integers(0, len(order)))], positives, junk


@given(judged(), st.sampled_from(("trapezoid", "step")))
def test_equal_to_the_slow_loop(case: tuple[list[int], set[int], set[int]], rule: Rule) -> None:
    ranked, positives, junk = case
    found = average_precision(ranked, list(positives), list(junk), rule=rule)
    assert found == pytest.approx(slow(ranked, positives, junk, rule))
    assert 0 <= found <= 1 + 1e-9


@given(judged())
def test_moving_a_positive_up_never_costs(case: tuple[list[int], set[int], set[int]]) -> None:
    ranked, positives, _ = case
    before = average_precision(ranked, list(positives))
    for place in range(1, len(ranked)):
        if ranked[place] in positives and ranked[place - 1] not in positives:
            better = [*ranked]
            better[place - 1 : place + 1] = [ranked[place], ranked[place - 1]]
            assert average_precision(better, list(positives)) >= before


def test_leave_one_out_by_hand() -> None:
    angles = np.deg2rad([0, 10, 25, 90])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    # a at 0, b at 10, a at 25, b at 90 degrees; nearest first, without the query itself:
    # row 0: b a b -> its positive at rank 1: 0.25.   row 1: a a b -> rank 2: (0/2 + 1/3) / 2
    # row 2: b a b -> 0.25.                           row 3: a b a -> 0.25
    found = leave_one_out(vectors, ["a", "b", "a", "b"])
    assert found == pytest.approx([0.25, 1 / 6, 0.25, 0.25])
    assert leave_one_out_map(vectors, ["a", "b", "a", "b"]) == pytest.approx((0.75 + 1 / 6) / 4)


def test_distractors_and_single_pictures_are_ranked_but_do_not_ask() -> None:
    vectors = np.array([[1, 0], [0.8, 0.6], [0.99, 0.141], [0, 1]], dtype=np.float32)
    found = leave_one_out(vectors, ["a", "a", None, "alone"])
    assert np.isnan(found).tolist() == [False, False, True, True]
    assert found[0] == pytest.approx(0.25)  # the distractor stands before its one positive
    assert found[1] == pytest.approx(0.25)


def test_equal_similarities_keep_the_order_of_the_rows() -> None:
    vectors = np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (4, 1))
    found = leave_one_out(vectors, ["a", "a", "b", "b"], rule="step")
    assert found == pytest.approx([1, 1, 1 / 3, 1 / 3])


def test_vectors_that_cannot_be_ranked_are_refused() -> None:
    with pytest.raises(UsageError, match="do not belong together"):
        leave_one_out(np.ones((3, 2), dtype=np.float32), ["a", "a"])
    with pytest.raises(UsageError, match="row 1 is not finite"):
        leave_one_out(np.array([[1, 0], [np.nan, 0]], dtype=np.float32), ["a", "a"])


def test_ns_counts_the_query_itself() -> None:
    labels = ["x"] * 4 + ["y"] * 4
    perfect = np.array([[0, 1, 2, 3], [4, 7, 6, 5]])
    floor = np.array([[0, 4, 5, 6], [7, 0, 1, 2]])
    assert ns_score(perfect, labels, np.array([0, 4])) == 4.0
    assert ns_score(floor, labels, np.array([0, 7])) == 1.0
    everyone = np.array([[i, (i + 1) % 8, (i + 2) % 8, (i + 3) % 8, 0] for i in range(8)])
    assert ns_score(everyone, labels) == pytest.approx((4 + 3 + 2 + 1) * 2 / 8)


def test_ns_refuses_what_it_cannot_count() -> None:
    with pytest.raises(UsageError, match="four answers"):
        ns_score(np.zeros((2, 3), dtype=np.int64), ["x", "x"])
    with pytest.raises(UsageError, match="distractor"):
        ns_score(np.array([[0, 1, 2, 3]]), [None, "x", "x", "x"])


def test_precision_and_recall_by_hand() -> None:
    # right answers at ranks 0, 2 and 6 of four that there are
    ranks, ks = [0, 2, 6], [1, 3, 5, 10]
    assert precision_at(ranks, 4, ks).tolist() == [1, 2 / 3, 2 / 5, 3 / 10]
    assert recall_at(ranks, 4, ks).tolist() == [1 / 4, 2 / 4, 2 / 4, 3 / 4]


def test_revisited_precision_cuts_k_to_the_last_positive() -> None:
    # two positives, at ranks 0 and 2: the last is the third answer, so k = 5 and k = 10 count as k = 3
    assert revisited_precision_at([0, 2], 2, [1, 5, 10]).tolist() == [1, 2 / 3, 2 / 3]
    assert revisited_precision_at([0, 1], 2, [1, 5, 10]).tolist() == [1, 1, 1]
    # a third positive was never found: the official code cuts to the last of those that were
    assert revisited_precision_at([0, 2], 3, [1, 5, 10]).tolist() == [1, 2 / 3, 2 / 3]
    assert revisited_precision_at([], 3, [1, 5]).tolist() == [0, 0]


def test_at_k_without_positives_is_nan_and_k_is_a_number_of_answers() -> None:
    for measure in (precision_at, recall_at, revisited_precision_at):
        assert np.isnan(measure([], 0, [1, 5])).all()
        with pytest.raises(UsageError, match="k = 0"):
            measure([0], 1, [0, 1])


@given(judged(), st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_at_k_equal_to_slow_counting(case: tuple[list[int], set[int], set[int]], ks: list[int]) -> None:
    ranked, positives, junk = case
    kept = [number for number in ranked if number not in junk]
    ranks = [place for place, number in enumerate(kept) if number in positives]
    hits = [sum(number in positives for number in kept[:k]) for k in ks]
    assert precision_at(ranks, len(positives), ks).tolist() == [h / k for h, k in zip(hits, ks, strict=True)]
    assert recall_at(ranks, len(positives), ks).tolist() == [h / len(positives) for h in hits]
