"""Scores on the full official ground truth against direct translations of the published evaluations.

The translations are written here on their own, from ``compute_ap.cpp`` of Oxford5k, the evaluation of the
revisited benchmarks and ``holidays_map.py``; they share no line with the package. Rankings are synthetic.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from likewise.evaluation.datasets import load
from likewise.evaluation.datasets.benchmark import Benchmark
from likewise.evaluation.datasets.buildings import CORRUPT_PARIS
from likewise.evaluation.datasets.holidays import GROUPS
from likewise.evaluation.datasets.revisited import read_truth
from likewise.evaluation.reports.score import score
from tests.test_benchmark import touch

KAPPAS = (1, 5, 10)
RELEVANCE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "easy": (("easy",), ("junk", "hard")),
    "medium": (("easy", "hard"), ("junk",)),
    "hard": (("hard",), ("junk", "easy")),
}


def compute_ap(positive: set[str], ambiguous: set[str], ranked: Sequence[str]) -> float:
    """compute_ap.cpp, loop for loop; it computes in float, this in double."""
    old_recall, old_precision, ap = 0.0, 1.0, 0.0
    intersection = 0
    j = 0
    for name in ranked:
        if name in ambiguous:
            continue
        if name in positive:
            intersection += 1
        recall = intersection / len(positive)
        precision = intersection / (j + 1.0)
        ap += (recall - old_recall) * ((old_precision + precision) / 2.0)
        old_recall, old_precision = recall, precision
        j += 1
    return ap


def seed_ap(positive: set[str], ambiguous: set[str], ranked: Sequence[str]) -> float:
    """The step rule: the sum over positions of precision there times the recall gained there."""
    kept = [name for name in ranked if name not in ambiguous]
    hits = np.array([name in positive for name in kept], dtype=float)
    precision = np.cumsum(hits) / np.arange(1, len(kept) + 1)
    gained = np.diff(np.concatenate([[0], np.cumsum(hits) / len(positive)]))
    return float((precision * gained).sum())


def revisited_map(
    ranks: NDArray[np.int64], gnd: list[dict[str, NDArray[np.int64]]], kappas: Sequence[int]
) -> tuple[float, list[float], list[float]]:
    """Mean AP, AP of each query and mP@k of the revisited benchmarks; ``ranks`` is (gallery, queries)."""
    aps: list[float] = []
    at_kappas = []
    for i, truth in enumerate(gnd):
        if len(truth["ok"]) == 0:
            aps.append(float("nan"))
            continue
        okay, ambiguous = set(truth["ok"].tolist()), set(truth["junk"].tolist())
        ranked = ranks[:, i].tolist()
        positions = [p for p, name in enumerate(ranked) if name in okay]
        junk = [p for p, name in enumerate(ranked) if name in ambiguous]
        positions = [p - sum(j < p for j in junk) for p in positions]
        ap = 0.0
        for j, rank in enumerate(positions):
            before = 1.0 if rank == 0 else j / rank
            ap += (before + (j + 1) / (rank + 1)) / 2 / len(truth["ok"])
        aps.append(ap)
        one_based = [p + 1 for p in positions]
        row = []
        for kappa in kappas:
            kq = min(max(one_based), kappa)
            row.append(sum(p <= kq for p in one_based) / kq)
        at_kappas.append(row)
    counted = [ap for ap in aps if ap == ap]
    return sum(counted) / len(counted), aps, np.mean(at_kappas, axis=0).tolist()


def holidays_ap(query: str, positive: Sequence[str], ranked: Sequence[str]) -> float:
    """holidays_map.py: what stands behind the query moves up by one; then the trapezoids."""
    shift, hits, ap = 0, 0, 0.0
    for rank, name in enumerate(ranked):
        if name == query:
            shift = -1
        elif name in positive:
            place = rank + shift
            before = 1.0 if place == 0 else hits / place
            ap += (before + (hits + 1) / (place + 1)) / 2 / len(positive)
            hits += 1
    return ap


def noisy(benchmark: Benchmark, strength: float, seed: int) -> NDArray[np.int64]:
    """Rankings of the whole gallery in which right answers stand higher by ``strength``; junk does too."""
    chance = np.random.default_rng(seed)
    names = list(benchmark.gallery)
    rows = []
    for query in benchmark.queries:
        lifted = np.array([name in query.positives or name in query.junk for name in names], dtype=float)
        rows.append(np.argsort(-chance.standard_normal(len(names)) - strength * lifted, kind="stable"))
    return np.array(rows)


STRENGTHS = (0.0, 1.5, 4.0, 100.0)


def check(benchmark: Benchmark, ranked: NDArray[np.int64]) -> None:
    """Both rules, every query and the mean, on positions and on names."""
    names = list(benchmark.gallery)
    trapezoid = score(benchmark, ranked)
    step = score(benchmark, [[names[i] for i in row] for row in ranked], rule="step")
    expected = []
    for query, row, found, stepped in zip(
        benchmark.queries, ranked, trapezoid.queries, step.queries, strict=True
    ):
        listed = [names[i] for i in row]
        expected.append(compute_ap({*query.positives}, {*query.junk}, listed))
        assert found.ap == pytest.approx(expected[-1], abs=1e-6)
        assert stepped.ap == pytest.approx(seed_ap({*query.positives}, {*query.junk}, listed), abs=1e-6)
    assert trapezoid.mean_ap == pytest.approx(np.mean(expected), abs=1e-6)


def test_holidays_against_its_script(tmp_path: Path) -> None:
    names = [name for group in GROUPS.values() for name in group]
    benchmark = load("holidays", touch(tmp_path, *(f"{name}.jpg" for name in names)))
    assert not benchmark.missing
    assert len(benchmark.queries) == 500
    assert sum(len(query.positives) for query in benchmark.queries) == 991
    gallery = list(benchmark.gallery)
    for strength in (0.0, 4.0):
        ranked = noisy(benchmark, strength, seed=3)
        for query, row, found in zip(
            benchmark.queries, ranked, score(benchmark, ranked).queries, strict=True
        ):
            answers = GROUPS[query.name][1:]
            expected = holidays_ap(query.name, answers, [gallery[i] for i in row])
            assert found.ap == pytest.approx(expected, abs=1e-6)


def test_the_oracles_know_the_golden_values() -> None:
    for hits, relevant, trapezoid, step in (
        ([0], 1, 1.0, 1.0),
        ([1], 1, 0.25, 0.5),
        ([0, 2], 2, 0.791667, 0.833333),
        ([1, 3, 4], 3, 0.405556, 0.533333),
        ([0, 2], 3, 0.527778, 0.555556),
    ):
        ranked = [f"p{i}" if i in hits else f"n{i}" for i in range(6)]
        positive = {f"p{i}" for i in hits} | {f"unranked{i}" for i in range(relevant - len(hits))}
        assert compute_ap(positive, set(), ranked) == pytest.approx(trapezoid, abs=1e-6)
        assert seed_ap(positive, set(), ranked) == pytest.approx(step, abs=1e-6)
        assert holidays_ap("q", sorted(positive), ["q", *ranked]) == pytest.approx(trapezoid, abs=1e-6)


# --- the full official ground truth ---


@pytest.fixture(scope="module")
def shared() -> Path:
    return Path(os.environ["LIKEWISE_SHARED"]) / "data"


Whole = Callable[[str], tuple[Path, dict[str, Any]]]


@pytest.fixture(scope="module")
def whole(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Empty files under all the official names of a revisited set, with its ground truth as JSON."""

    def make(name: str) -> tuple[Path, dict[str, Any]]:
        truth = json.loads((shared / "revisited_gnd" / f"gnd_{name}.json").read_text())
        folder = tmp_path_factory.mktemp(name)
        return touch(folder, *(f"jpg/{stem}.jpg" for stem in truth["imlist"] + truth["qimlist"])), truth

    return make


def official_lists(folder: Path, name: str) -> tuple[str, list[float], set[str], set[str]]:
    """Picture, box, positives and junk of one query, read the plain way."""
    picture, *box = (folder / f"{name}_query.txt").read_text().split()
    good, okay, junk = (
        set((folder / f"{name}_{kind}.txt").read_text().split()) for kind in ("good", "ok", "junk")
    )
    return picture.replace("oxc1_", ""), [float(side) for side in box], good | okay, junk


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "revisited", "folder", "pictures"),
    [
        ("oxford5k", "roxford5k", "oxford5k_allsouls100/gt", 5063),
        ("paris6k", "rparis6k", "paris6k_gt/gt", 6392),
    ],
)
def test_original_ground_truth(
    shared: Path, whole: Whole, name: str, revisited: str, folder: str, pictures: int
) -> None:
    data, _ = whole(revisited)
    if name == "paris6k":
        touch(data, *(f"jpg/{stem}.jpg" for stem in CORRUPT_PARIS))
    benchmark = load(name, data, gt=shared / folder)
    assert len(benchmark.gallery) == pictures
    assert not benchmark.missing
    assert not benchmark.surplus
    assert len(benchmark.queries) == 55
    files = next((shared / folder).rglob("*_query.txt")).parent
    for query in benchmark.queries:
        picture, box, positives, junk = official_lists(files, query.name)
        assert query.picture.stem == picture
        assert query.box is not None
        assert [query.box.x1, query.box.y1, query.box.x2, query.box.y2] == box
        assert query.positives == positives
        assert query.junk == junk
        assert picture in positives  # the query counts, in every official list
    for seed, strength in enumerate(STRENGTHS):
        check(benchmark, noisy(benchmark, strength, seed))


@pytest.mark.shared
@pytest.mark.parametrize("difficulty", RELEVANCE)
@pytest.mark.parametrize("name", ["roxford5k", "rparis6k"])
def test_revisited_ground_truth(shared: Path, whole: Whole, name: str, difficulty: str) -> None:
    data, truth = whole(name)
    benchmark = load(f"{name}-{difficulty}", data, gt=shared / "revisited_gnd")
    assert list(benchmark.gallery) == truth["imlist"]
    assert not benchmark.surplus
    okay, junk = RELEVANCE[difficulty]
    gnd = [
        {
            "ok": np.concatenate([np.array(entry[key], dtype=np.int64) for key in okay]),
            "junk": np.concatenate([np.array(entry[key], dtype=np.int64) for key in junk]),
        }
        for entry in truth["gnd"]
    ]
    asked = [i for i, entry in enumerate(gnd) if len(entry["ok"])]
    assert [query.name for query in benchmark.queries] == [truth["qimlist"][i] for i in asked]
    assert [missing.query for missing in benchmark.missing if missing.left_out] == [
        name for i, name in enumerate(truth["qimlist"]) if i not in asked
    ]
    for seed, strength in enumerate((0.0, 2.0, 4.0)):
        ranked = noisy(benchmark, strength, seed)
        columns = np.zeros((len(truth["imlist"]), len(gnd)), dtype=np.int64)
        columns[:, asked] = ranked.T
        mean, aps, at_kappas = revisited_map(columns, gnd, KAPPAS)
        scores = score(benchmark, ranked, ks=KAPPAS)
        assert [query.ap for query in scores.queries] == pytest.approx([aps[i] for i in asked], abs=1e-6)
        assert scores.mean_ap == pytest.approx(mean, abs=1e-6)
        assert scores.mean_revisited == pytest.approx(at_kappas, abs=1e-6)


@pytest.mark.shared
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", ["roxford5k", "rparis6k"])
def test_revisited_ground_truth_as_a_pickle(shared: Path, tmp_path: Path, name: str, protocol: int) -> None:
    """The published lists, pickled as they are published: lists of names, and arrays in the entries."""
    listed = shared / "revisited_gnd" / f"gnd_{name}.json"
    truth = json.loads(listed.read_text())
    for entry in truth["gnd"]:
        entry.update((key, np.array(entry[key], np.int64)) for key in ("easy", "hard", "junk"))
        entry["bbx"] = [np.float64(side) for side in entry["bbx"]]
    pickled = tmp_path / f"gnd_{name}.pkl"
    pickled.write_bytes(pickle.dumps(truth, protocol))
    assert read_truth(pickled) == read_truth(listed)


@pytest.mark.shared
def test_holidays_names_are_the_published_list(shared: Path) -> None:
    names = (shared / "spoc_holidays" / "holidaysNames.txt").read_text().split()
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(Path(n).stem for n in names)


@pytest.mark.shared
def test_the_partial_oxford_says_what_it_has(shared: Path) -> None:
    benchmark = load("oxford5k", shared / "oxford5k_allsouls100")
    assert [query.name for query in benchmark.queries] == ["all_souls_1", "all_souls_2", "all_souls_4"]
    effects = {missing.query: missing.effect for missing in benchmark.missing}
    assert effects["all_souls_1"].startswith("43 of 78 positives present: AP is over the 43; 15 of 33 junk")
    assert sum(missing.left_out for missing in benchmark.missing) == 52
    check(benchmark, noisy(benchmark, 1.0, seed=0))


@pytest.mark.shared
def test_the_ukbench_subset_agrees_with_its_table(shared: Path) -> None:
    pictures = shared / "ukbench96" / "full"
    numbered = load("ukbench", pictures)
    listed = load("csv", pictures, gt=shared / "ukbench96" / "groups.csv")
    assert len(numbered.queries) == len(listed.queries) == 96
    for query, other in zip(numbered.queries, listed.queries, strict=True):
        assert query.positives == {Path(name).stem for name in other.positives} | {query.name}
