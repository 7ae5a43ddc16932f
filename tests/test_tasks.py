"""Four tasks on one set of features, each measure by hand."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.downstream.classifying.labelled import LabelledVectors
from likewise.downstream.tasks import measure_tasks, mutual_information, pair_auc, purity, retrieval_map
from likewise.errors import UsageError
from tests.fakes import FakeExtractor

ROWS = np.array([[1, 0], [0.8, 0.6], [0, 1], [-0.6, 0.8]], np.float32)
NUMBERS = np.array([0, 0, 1, 1], np.int64)


def labelled(rows: np.ndarray, labels: list[str]) -> LabelledVectors:
    return LabelledVectors(
        rows.astype(np.float32), tuple(labels), "made up", FakeExtractor().manifest, (), {}
    )


def test_pairs_by_hand() -> None:
    # cosines: within 0.8 and 0.8; between 0, -0.6, 0.6 and 0: all eight comparisons are right
    assert pair_auc(ROWS, NUMBERS) == 1
    # 0 with 2 and 1 with 3: within 0 and 0; between 0.8, -0.6, 0.6, 0.8: each beats one of four
    assert pair_auc(ROWS, np.array([0, 1, 0, 1])) == 0.25
    with pytest.raises(UsageError, match="no pairs"):
        pair_auc(ROWS, np.arange(4))


def test_purity_and_mutual_information_by_hand() -> None:
    clusters = np.array([0, 0, 0, 1])
    assert purity(clusters, NUMBERS) == 3 / 4
    assert purity(NUMBERS, NUMBERS) == 1
    assert mutual_information(1 - NUMBERS, NUMBERS) == pytest.approx(1)
    assert mutual_information(np.array([0, 1, 0, 1]), NUMBERS) == pytest.approx(0)


def test_retrieval_by_hand() -> None:
    # asked for 0: 1 is first (AP 1); for 1: 0 at 0.8, then 2; for 2: 3 at 0.8; for 3: 2 at 0.8
    assert retrieval_map(ROWS, NUMBERS, "dot") == 1
    # of the first three, 0 and 2 are one class: each has the other behind 1, and the trapezoid gives
    swapped = np.array([0, 1, 0, 1])
    first = (0 + 1 / 2) / 2
    assert retrieval_map(ROWS[:3], swapped[:3], "dot") == pytest.approx(np.mean([first, first]))


def test_euclidean_distance_minds_the_length() -> None:
    rows = np.array([[1, 0], [9, 0.1], [1.1, 2]], np.float32)
    numbers = np.array([0, 0, 1])
    assert retrieval_map(rows, numbers, "l2") < 1


def test_the_report_has_every_task() -> None:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(12, 6)) + 5 * np.eye(6)[n] for n in range(3)])
    found = measure_tasks(labelled(rows, [name for name in "abc" for _ in range(12)]))
    scores = {cell.setting[:2]: cell.measured for cell in found.cells}
    assert {task for task, _ in scores} == {"pairs", "classification", "clustering", "retrieval"}
    assert all(value is not None and value > 0.6 for value in scores.values())
    with pytest.raises(UsageError, match="two or more"):
        measure_tasks(labelled(rows, ["a"] * 36))
