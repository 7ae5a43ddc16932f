"""Reports: scores of a run, two runs query by query, curves, and the top of a ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery
from likewise.evaluation.protocol_card import make_card
from likewise.evaluation.reports.report import LEVELS, Report, RunComparison
from likewise.evaluation.runs import Run
from tests.fakes import RECIPE, FakeExtractor

NAMES = [f"p{number}" for number in range(10)]
GALLERY = {name: Path(f"{name}.jpg") for name in NAMES}


def query(name: str, positives: str, junk: str = "") -> BenchmarkQuery:
    """A query whose answers are given by their numbers: ``"013"``."""
    right, out = (frozenset(f"p{number}" for number in numbers) for numbers in (positives, junk))
    return BenchmarkQuery(name, Path("p0.jpg"), None, right, out)


def made(rankings: Mapping[str, str], queries: Sequence[BenchmarkQuery], **changes: object) -> Run:
    """A run that ranked pictures as given: ``{"a": "0123456789"}``."""
    benchmark = replace(Benchmark("small", GALLERY, tuple(queries), "counts"), **changes)  # type: ignore[arg-type]
    ranked = np.array([[int(number) for number in rankings[one.name]] for one in queries], np.int32)
    scores = np.tile(np.linspace(1, 0.1, ranked.shape[1], dtype=np.float32), (len(ranked), 1))
    card = make_card(benchmark, RECIPE, FakeExtractor().manifest, crop="full", ranked=ranked.shape[1])
    return Run(Path("run.json"), card, benchmark, (None,) * len(queries), ranked, scores)


QUERIES = [query("a", "0"), query("b", "02"), query("c", "134", "0"), query("none", "")]
RUN = made({"a": "1023456789", "b": "0123456789", "c": "0215346789", "none": "0123456789"}, QUERIES)


def test_scores_are_those_of_the_golden_rankings() -> None:
    done = Report.of(RUN)
    assert [one.ap for one in done.scores.queries[:3]] == pytest.approx([0.25, 0.791667, 0.405556], abs=1e-6)
    assert done.scores.value == pytest.approx(np.mean([0.25, 0.791667, 0.405556]), abs=1e-6)
    assert done.interval.low <= done.scores.value <= done.interval.high
    assert done.scores.excluded == ("none",)


def test_the_rule_can_be_chosen() -> None:
    done = Report.of(RUN, rule="step")
    assert done.scores.rule == "step"
    assert [one.ap for one in done.scores.queries[:3]] == pytest.approx([0.5, 0.833333, 0.533333], abs=1e-6)
    assert Report.of(RUN).scores.rule == "trapezoid"


def test_two_runs_are_compared_query_by_query() -> None:
    rankings = {"a": "0123456789", "b": "0123456789", "c": "0215346789", "none": "9876543210"}
    better = Report.of(made(rankings, QUERIES[::-1]))  # the order of the queries does not matter
    found = RunComparison.of(Report.of(RUN), better)
    assert found.queries == ("a", "b", "c")
    assert found.second - found.first == pytest.approx([0.75, 0, 0])
    assert found.difference == pytest.approx(0.25)
    assert found.interval.low <= 0.25 <= found.interval.high
    assert found.test == (1.0, 1.0, True)
    back = RunComparison.of(better, Report.of(RUN))
    assert back.difference == pytest.approx(-0.25)


def test_only_the_same_questions_are_compared() -> None:
    first = Report.of(RUN)
    fewer = made({"a": "1023456789"}, QUERIES[:1])
    with pytest.raises(UsageError, match="only one asks b"):
        RunComparison.of(first, Report.of(fewer))
    others = [query("a", "1"), *QUERIES[1:]]
    rankings = {"a": "1023456789", "b": "0123456789", "c": "0215346789", "none": "0123456789"}
    with pytest.raises(UsageError, match="answers to a differ"):
        RunComparison.of(first, Report.of(made(rankings, others)))
    with pytest.raises(UsageError, match="different rules"):
        RunComparison.of(first, Report.of(RUN, rule="step"))


def test_the_curve_is_the_best_precision_at_a_recall_or_beyond() -> None:
    recall, precision = Report.of(made({"b": "0123456789"}, [QUERIES[1]])).curve()
    assert recall == pytest.approx(np.linspace(0, 1, LEVELS))
    assert precision[:51] == pytest.approx(1)  # half of the two answers stand at rank 1
    assert precision[51:] == pytest.approx(2 / 3)


def test_an_answer_that_rises_the_precision_counts_before_it() -> None:
    _, precision = Report.of(made({"q": "9012345678"}, [query("q", "01")])).curve()
    assert precision == pytest.approx(2 / 3)  # 1/2 at the first answer, 2/3 at the second


def test_what_was_not_found_has_no_precision() -> None:
    _, precision = Report.of(made({"q": "01"}, [query("q", "05")])).curve()
    assert precision[:51] == pytest.approx(1)
    assert precision[51:] == pytest.approx(0)


def test_the_curve_is_the_mean_over_queries_with_an_answer() -> None:
    _, mean = Report.of(RUN).curve()
    singles = [
        Report.of(made({q.name: "".join(map(str, RUN.ranked[n]))}, [q])).curve()[1]
        for n, q in enumerate(QUERIES[:3])
    ]
    assert mean == pytest.approx(np.mean(singles, axis=0))


def test_all_queries_are_shown_or_the_worst() -> None:
    scores = Report.of(RUN)
    assert scores.chosen(None) == [0, 1, 2, 3]
    assert scores.chosen(2) == [0, 2]
    assert scores.chosen(9) == [0, 2, 1]


def test_answers_are_right_wrong_or_junk_and_ranks_count_no_junk() -> None:
    found = Report.of(RUN).answers(2, 5)
    assert [one.verdict for one in found] == ["junk", "wrong", "right", "wrong", "right"]
    assert [one.hit.rank for one in found] == [0, 1, 2, 3, 4]
    assert [one.hit.path.stem for one in found] == ["p0", "p2", "p1", "p5", "p3"]
    assert found[1].hit.score == pytest.approx(RUN.scores[2, 1])
    assert len(Report.of(RUN).answers(0, 50)) == 10


def test_a_query_that_is_ignored_is_not_shown() -> None:
    own = [query("q", "12", "05")]  # its picture is p0; p5 is junk of another kind
    run = made({"q": "0512346789"}, own, query_in_gallery="ignored")
    assert [one.verdict for one in Report.of(run).answers(0, 3)] == ["junk", "right", "right"]
