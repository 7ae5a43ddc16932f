"""Intervals and tests, worked by hand and against slow obvious versions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.errors import UsageError
from likewise.evaluation.reports import significance
from likewise.evaluation.reports.significance import bootstrap_interval, sign_flip_test

NUMBERS = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=8)


@given(NUMBERS)
def test_few_differences_are_tested_by_all_patterns_of_signs(differences: list[float]) -> None:
    values = np.array(differences)
    observed = abs(values.sum()) - 1e-9 * np.abs(values).sum()
    sums = [abs((np.array(signs) * values).sum()) for signs in product((1, -1), repeat=len(values))]
    found = sign_flip_test(values)
    assert found.exact
    assert found.p == pytest.approx(np.mean(np.array(sums) >= observed))
    assert found.smallest <= found.p <= 1


def test_three_gains_can_be_chance_at_best_one_in_four() -> None:
    assert sign_flip_test([0.1, 0.2, 0.3]) == (0.25, 0.25, True)


def test_equal_queries_neither_help_nor_hurt() -> None:
    assert sign_flip_test([0.1, 0, 0.2, 0, 0.3, float("nan")]) == sign_flip_test([0.1, 0.2, 0.3])
    assert sign_flip_test([0.0, 0.0]) == (1.0, 1.0, True)


def test_drawn_signs_agree_with_all_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(3).normal(0.2, 0.6, 14)
    exact = sign_flip_test(differences)
    monkeypatch.setattr(significance, "EXACT", 0)
    drawn = sign_flip_test(differences)
    assert not drawn.exact
    assert drawn.p == pytest.approx(exact.p, abs=0.02)
    assert drawn == sign_flip_test(differences)
    assert sign_flip_test(differences, seed=1).p != drawn.p


def test_many_gains_of_one_size_are_no_chance() -> None:
    assert sign_flip_test(np.full(40, 0.1)).p == pytest.approx(1e-4)


@given(NUMBERS)
def test_the_interval_lies_within_the_values(values: list[float]) -> None:
    low, high = bootstrap_interval(values, resamples=50)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_the_interval_is_that_of_the_normal_distribution_for_many_values() -> None:
    values = np.random.default_rng(0).normal(5, 2, 400)
    low, high = bootstrap_interval(values)
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.05)
    assert (low, high) == bootstrap_interval([*values, float("nan")])


def test_blocks_do_not_change_the_interval_much(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).uniform(size=30)
    whole = bootstrap_interval(values)
    monkeypatch.setattr(significance, "_BLOCK", 100)
    assert bootstrap_interval(values, resamples=2000) == pytest.approx(whole, abs=0.02)


@pytest.mark.parametrize("function", [bootstrap_interval, sign_flip_test])
def test_without_a_score_there_is_nothing_to_say(function: object) -> None:
    with pytest.raises(UsageError, match="no query has a score"):
        function([float("nan")])  # type: ignore[operator]
