"""What similarities mean: the law of chance, altered copies, odds, and the threshold that follows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from likewise.collection import Collection
from likewise.downstream import chance, copies
from likewise.downstream.calibration import (
    Calibration,
    Odds,
    calibrate,
    distance_of,
    odds_of,
    score_of,
)
from likewise.downstream.chance import Chance, chance_of, pair_distances
from likewise.downstream.copies import ALTERATIONS, FURTHER, Copies
from likewise.downstream.duplicates import find_duplicates
from likewise.downstream.similarity import similar
from likewise.errors import UsageError
from likewise.types import Progress
from tests.fakes import RECIPE, FakeFactory, make_pictures, picture_bytes

opened = partial(Collection.open, recipe=RECIPE)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    """Forty pictures, of which two have a copy: one compressed and half as large, one the same file."""
    photos = tmp_path / "photos"
    made = make_pictures(photos, 40)
    with Image.open(made[3]) as picture:
        picture.convert("RGB").resize((16, 8)).save(photos / "small.jpg", subsampling=0)
    (photos / "copy.png").write_bytes(picture_bytes(7, width=32))
    with opened(tmp_path / "c.likewise", extractor_factory=FakeFactory()) as found:
        found.add(photos)
        yield found


class TestChance:
    def test_the_law_of_a_plane_is_found(self) -> None:
        # pairs of points on a plane: the share within r grows with its square
        random = np.random.default_rng(0)
        law = chance_of(pair_distances(random.random((3000, 2)).astype(np.float32)))
        assert law is not None
        assert law.dimension == pytest.approx(2, abs=0.1)
        # in a square of side 1 a disk of radius r holds the share pi r^2 but for its edge
        assert law.rate(0.02) == pytest.approx(math.pi * 0.02**2, rel=0.15)

    def test_a_few_duplicates_do_not_spoil_it(self) -> None:
        random = np.random.default_rng(0)
        rows = random.random((600, 2)).astype(np.float32)
        plain = chance_of(pair_distances(rows))
        spoilt = chance_of(pair_distances(np.concatenate([rows, rows[:60] + np.float32(1e-6)])))
        assert plain is not None
        assert spoilt is not None
        assert spoilt.dimension == pytest.approx(plain.dimension, rel=0.1)

    def test_worked_by_hand(self) -> None:
        law = Chance(share=0.01, radius=0.5, dimension=3)
        assert law.rate(0.25) == pytest.approx(0.01 / 8)
        assert law.rate(2) == law.rate(0.5) == 0.01
        assert law.distance(0.01 / 8) == pytest.approx(0.25)
        assert law.distance(1) == 0.5

    def test_nothing_is_concluded_from_little(self) -> None:
        assert chance_of(np.arange(10.0)) is None
        assert chance_of(np.ones(1000)) is None
        assert chance_of(np.zeros(1000)) is None
        assert len(pair_distances(np.zeros((1, 3), np.float32))) == 0

    def test_many_pairs_are_sampled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chance, "PAIRS", 500)
        rows = np.random.default_rng(0).random((60, 3)).astype(np.float32)
        found = pair_distances(rows)
        assert len(found) == 500
        assert (found > 0).all()  # no row is paired with itself
        np.testing.assert_array_equal(found, pair_distances(rows[::-1]))


class TestOdds:
    def test_worked_by_hand(self) -> None:
        odds = Odds(even=0.5, steepness=2)
        assert odds.probability(0.5) == pytest.approx(0.5)
        assert odds.probability(1.0) == pytest.approx(1 / (1 + 4))
        assert odds.probability(0.0) > 0.9999
        assert odds.probability(1e30) == pytest.approx(0, abs=1e-12)

    def test_is_learned_between_the_two_kinds(self) -> None:
        random = np.random.default_rng(0)
        odds = odds_of(random.uniform(0.1, 0.3, 100), random.uniform(0.6, 1.2, 5000))
        assert 0.3 < odds.even < 0.6
        assert odds.probability(0.3) > 0.9
        assert odds.probability(0.6) < 0.1

    @settings(max_examples=20, deadline=None)
    @given(*[st.lists(st.floats(0, 3), min_size=2, max_size=20)] * 2)
    def test_closer_is_never_less_probable(self, same: list[float], different: list[float]) -> None:
        odds = odds_of(same, different)
        found = [odds.probability(distance) for distance in (0, 1e-3, 0.1, 0.5, 1, 2, 100)]
        assert all(0 <= one <= 1 for one in found)
        assert found == sorted(found, reverse=True)

    def test_what_tells_nothing_and_what_is_missing(self) -> None:
        assert odds_of([1.0, 1.1], [0.1, 0.2]).probability(0.1) == 0.5
        with pytest.raises(UsageError, match="both kinds"):
            odds_of([], [0.1])


def test_scores_and_distances_are_one_thing() -> None:
    a, b = np.array([0.6, 0.8]), np.array([1.0, 0.0])
    assert score_of(float(np.linalg.norm(a - b)), "dot") == pytest.approx(a @ b)
    for metric, score in (("dot", 0.7), ("l2", -3.0)):
        assert score_of(distance_of(score, metric), metric) == pytest.approx(score)  # type: ignore[arg-type]
    for metric, score in (("dot", 1.01), ("l2", 0.1), ("dot", math.nan)):
        with pytest.raises(UsageError, match="no similarity"):
            distance_of(score, metric)  # type: ignore[arg-type]


def copies_at(*distances: float) -> Copies:
    return Copies(len(distances), dict.fromkeys((*ALTERATIONS, *FURTHER), distances))


class TestThreshold:
    law = Chance(share=0.01, radius=1.0, dimension=10)

    def test_is_where_the_copies_are_unless_chance_comes_so_close(self) -> None:
        near = Calibration(1001, "dot", copies_at(0.1, 0.2, 0.2), self.law, None)
        assert near.radius == pytest.approx(0.2)
        assert "95 % of copies" in near.reason(near.radius)
        far = Calibration(1001, "dot", copies_at(0.1, 0.9, 0.9), self.law, None)
        # one pair among a thousand pictures: a share of 2 * 0.001 / 1000 of all pairs
        assert far.radius == pytest.approx(self.law.distance(2e-6))
        assert far.expected(far.radius) == pytest.approx(1001 * 0.001)
        assert "chance brings one pair among 1000 pictures" in far.reason(far.radius)
        assert far.found(far.radius)["mirrored"] == pytest.approx(1 / 3)

    def test_one_bound_may_be_missing_and_not_both(self) -> None:
        assert Calibration(9, "dot", copies_at(0.1), None, None).radius == pytest.approx(0.1)
        alone = Calibration(1001, "dot", None, self.law, None)
        assert alone.radius == pytest.approx(self.law.distance(2e-6))
        assert "no copies could be made" in alone.reason(alone.radius)
        with pytest.raises(UsageError, match="give one"):
            _ = Calibration(3, "dot", None, None, None).radius


class TestCopies:
    def test_are_measured_once(self, collection: Collection, cache: Path) -> None:
        told: list[Progress] = []
        first = calibrate(collection, progress=told.append)
        assert first.copies is not None
        assert first.copies.pictures == copies.TAKEN == told[-1].done
        assert set(first.copies.distances) == {*ALTERATIONS, *FURTHER}
        assert max(first.copies.distances["half the colour"]) < 1
        told.clear()
        assert calibrate(collection, progress=told.append) == first
        assert told == []

    @pytest.mark.parametrize("text", ["", "[]", '{"mirrored": [1]}', '{"a": "b"}'])
    def test_a_damaged_file_is_made_anew(self, collection: Collection, cache: Path, text: str) -> None:
        first = calibrate(collection)
        (kept,) = (cache / "copies").iterdir()
        kept.write_text(text)
        assert calibrate(collection) == first
        assert json.loads(kept.read_text())

    def test_a_cache_that_cannot_be_written_is_done_without(
        self, collection: Collection, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = calibrate(collection)
        (tmp_path / "file").touch()
        monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "file" / "below"))
        assert calibrate(collection) == first

    def test_pictures_that_are_gone_leave_chance(self, collection: Collection) -> None:
        for path in collection.pictures().paths:
            path.unlink()
        found = calibrate(collection)
        assert found.copies is None
        assert found.chance is not None
        assert find_duplicates(collection).found == {}
        with pytest.raises(UsageError, match="too few pictures"):
            similar(collection, 1, 2)


class TestDuplicates:
    def test_finds_the_copies_and_says_which_to_keep(self, collection: Collection) -> None:
        found = find_duplicates(collection)
        names = [[path.name for path in group.paths] for group in found.groups]
        assert ["0003.png", "small.jpg"] in names
        assert sorted(names[1] if names[0] == ["0003.png", "small.jpg"] else names[0]) == [
            "0007.png",
            "copy.png",
        ]
        assert len(names) == 2
        assert found.surplus == 2
        assert found.pictures == 42
        assert all(group.similarities[0] == pytest.approx(1) for group in found.groups)
        assert all(one >= found.threshold - 1e-6 for group in found.groups for one in group.similarities)

    def test_a_threshold_may_be_given_and_is_checked(self, collection: Collection) -> None:
        found = find_duplicates(collection, threshold=1.0)
        assert [sorted(path.name for path in group.paths) for group in found.groups] == [
            ["0007.png", "copy.png"]
        ]
        assert (found.reason, found.threshold) == ("given", 1.0)
        with pytest.raises(UsageError, match="no similarity is 2"):
            find_duplicates(collection, threshold=2)

    def test_only_in_a_folder(self, collection: Collection) -> None:
        assert find_duplicates(collection, under="*copy.png", threshold=0.9).pictures == 1
        with pytest.raises(UsageError, match="nothing in"):
            find_duplicates(collection, under="nowhere")

    @pytest.mark.slow
    def test_the_order_of_indexing_does_not_matter(self, collection: Collection, tmp_path: Path) -> None:
        wanted = find_duplicates(collection)
        paths = sorted((tmp_path / "photos").iterdir(), key=lambda path: path.name[::-1])
        with opened(tmp_path / "d.likewise", extractor_factory=FakeFactory()) as other:
            for path in paths:
                other.add(path)
            found = find_duplicates(other)
        assert found.threshold == wanted.threshold
        groups = [{frozenset(group.paths) for group in one.groups} for one in (found, wanted)]
        assert groups[0] == groups[1]

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_few_pictures(self, count: int, tmp_path: Path) -> None:
        photos = tmp_path / "few"
        make_pictures(photos, count)
        (photos / "bad.png").write_text("no picture")
        with opened(tmp_path / "few.likewise", extractor_factory=FakeFactory()) as few:
            few.add(photos)
            if not count:
                with pytest.raises(UsageError, match="at least 1 picture"):
                    find_duplicates(few)
                return
            found = find_duplicates(few)  # too few to learn from: the pixels of all decide
            assert (found.groups, found.looked_at) == ((), count - 1)
            assert "too few pictures" in found.reason
            assert find_duplicates(few, threshold=0.99).groups == ()


class TestSimilar:
    def test_a_copy_and_another_picture(self, collection: Collection, tmp_path: Path) -> None:
        photos = tmp_path / "photos"
        same = similar(collection, photos / "0003.png", photos / "small.jpg")
        assert same.same
        assert same.probability > 0.9
        assert same.meaning == "one picture, altered"
        assert "24 pictures" in same.learned_on
        other = similar(collection, photos / "0003.png", photos / "0008.png")
        assert not other.same
        assert other.similarity < same.similarity
        assert other.further is not None
        assert same.further is not None
        assert other.further <= same.further
        assert similar(collection, 1, 1).similarity == pytest.approx(1)

    def test_judged_by_groups(self, collection: Collection) -> None:
        groups = [(f"{number:04}.png", str(number)) for number in range(40)]
        groups += [("small.jpg", "3"), ("copy.png", "7"), ("absent.png", "9")]
        found = similar(collection, 4, 4, groups=groups)
        assert found.same
        assert found.meaning == "the same thing"
        assert "42 pictures of the collection in 40 groups" in found.learned_on
        with pytest.raises(UsageError, match="none of the pictures"):
            similar(collection, 1, 2, groups=[("absent.png", "1")])
        with pytest.raises(UsageError, match="both kinds"):
            similar(collection, 1, 2, groups=groups[:40])
