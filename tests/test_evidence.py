"""Evidence: what adds up, what it means, and what the line below a search says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.collection.layers.evidence import (
    candidates,
    expanded,
    expected_false,
    false_fits,
    false_together,
    of_similarities,
    of_votes,
    together,
    verdict,
)


def test_similarities_count_in_deviations_from_what_is_usual_for_the_query() -> None:
    random = np.random.default_rng(0)
    usual = random.normal(0.3, 0.05, 2000)
    found = of_similarities(np.append(usual, 0.55))
    assert found[-1] == pytest.approx(3.5 * (0.55 - 0.3) / 0.05, rel=0.1)
    assert abs(np.median(found)) < 0.1


def test_a_few_pictures_are_measured_by_those_of_others() -> None:
    assert of_similarities(np.array([0.9]))[0] > 5
    assert np.isfinite(of_similarities(np.array([0.4, 0.4]))).all()
    assert of_similarities(np.empty(0)).shape == (0,)


def test_by_way_of_a_hit_counts_half_of_what_it_is_more() -> None:
    total, via = np.array([20.0, 4.0, 6.0, 1.0]), np.array([90.0, 10.0, 2.0, 50.0])
    assert expanded(total, via, 20.0).tolist() == [20.0, 7.0, 6.0, 10.5]


def test_votes_count_by_the_logarithm_of_how_many_times_what_is_usual_they_are() -> None:
    votes = np.full(1000, 99.0)
    votes[:3] = [0, (math.e - 1) * 100, np.nan]
    usual = (999 * 99 + 10 * 30) / 1009  # as if ten pictures more had 30
    found = of_votes(votes)
    assert found[:2].tolist() == pytest.approx([0, 1.5 * math.log1p((math.e - 1) * 100 / (1 + usual))])
    assert found[1] == pytest.approx(1.5, rel=0.01) and found[3] == pytest.approx(1.5 * math.log(2), rel=0.01)
    assert np.isnan(found[2])
    assert of_votes(np.array([-2.0, 62])).tolist() == pytest.approx(
        [0, 1.5 * math.log1p(62 / (1 + 362 / 12))]
    )
    assert of_votes(np.empty(0)).shape == (0,)


def test_layers_add_up_and_one_that_knows_nothing_gives_its_least() -> None:
    found = together([np.array([1.0, 2.0, 3.0]), np.array([np.nan, 5.0, 4.0])])
    assert found.tolist() == [5.0, 7.0, 7.0]
    assert together([np.array([1.0]), np.array([np.nan])]).tolist() == [1.0]


def test_candidates_are_the_best_of_all_and_of_each_layer() -> None:
    first, second = np.arange(100.0), -np.arange(100.0)
    chosen = candidates(first, [first, second], 10).tolist()
    assert len(chosen) == len(set(chosen)) == 10
    assert chosen[:5] == [99, 98, 97, 96, 95] and {0, 1} <= set(chosen)


def test_expected_false_hits_are_as_many_as_there_are() -> None:
    """Of scores that fall off exponentially, r are expected above the one in place r."""
    random = np.random.default_rng(3)
    scores = np.sort(random.exponential(1.3, 20_000))[::-1]
    found = expected_false(scores)
    for place in (10, 100, 1000):
        assert found[place] == pytest.approx(place, rel=0.5)


def test_a_thing_in_a_sixth_of_all_pictures_does_not_make_its_own_evidence_usual() -> None:
    random = np.random.default_rng(3)
    others, same = random.exponential(1.3, 500), random.uniform(40, 60, 100)
    assert expected_false(np.concatenate([same, others]))[:100].max() < 0.01


@pytest.mark.parametrize("without", [0.55, 0.8, 0.95])
def test_a_vote_is_no_hit_because_most_pictures_have_none(without: float) -> None:
    """A query of few keypoints: what a handful of strangers reach is not told from what most do not have."""
    random = np.random.default_rng(3)
    votes = np.where(random.random(2000) < without, 0, random.geometric(0.6, 2000))
    assert verdict(float(expected_false(of_votes(votes)).min()), verified=False) == "nothing"


@settings(deadline=None)
@given(st.lists(st.floats(-5, 50), min_size=1, max_size=60))
def test_a_higher_score_is_never_more_likely_false(scores: list[float]) -> None:
    total = np.array(scores)
    found = expected_false(total)
    order = np.argsort(total, kind="stable")
    assert (np.diff(found[order]) <= 1e-12).all()
    assert (found >= 0).all() and (found <= max(len(scores), 10)).all()


def test_false_fits_fall_off_with_the_score() -> None:
    assert false_fits(0.0, 50) == 0.5  # one in a hundred reaches the floor
    assert false_fits(90.0, 1000) == pytest.approx(10 * math.exp(-5))


def test_two_signs_together_are_as_rare_as_the_product_of_their_shares() -> None:
    """By trial: of pairs of numbers between 0 and 1, so many have that product or a smaller one."""
    random = np.random.default_rng(0)
    products = random.random(200_000) * random.random(200_000)
    for one, other in ((20.0, 40.0), (3.0, 100.0), (0.5, 60.0)):
        expected = 100 * float((products <= one / 100 * other / 100).mean())
        assert false_together(one, other, 100) == pytest.approx(expected, rel=0.1)


def test_a_sign_that_tells_nothing_makes_nothing_surer() -> None:
    assert false_together(100.0, 100.0, 100) == 100.0 == false_together(500.0, 200.0, 100)
    assert false_together(1.0, 100.0, 100) >= 1.0
    assert false_together(0.0, 3.0, 100) == 0.0


def test_verdicts() -> None:
    assert verdict(0.001, verified=True) == "same"
    assert verdict(0.001, verified=False) == verdict(0.2, verified=True) == "alike"
    assert verdict(2.0, verified=True) == "nothing"
