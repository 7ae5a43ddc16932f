"""Classifiers against scikit-learn's, their files, cross-validation, and labels with few pictures."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from likewise.arrays.artifacts import Sample, write
from likewise.collection import Collection
from likewise.descriptors.manifest import Manifest
from likewise.downstream.classifying import validation
from likewise.downstream.classifying.classifier import KINDS, NEIGHBOURS, SMOOTHING, Classifier
from likewise.downstream.classifying.labelled import LabelledVectors, numbered
from likewise.downstream.classifying.predicting import find_pictures, predict
from likewise.downstream.classifying.validation import (
    Validation,
    ValidationScore,
    cross_validate,
    deal,
    learning_curve,
)
from likewise.errors import BadWeights, UnknownName, UsageError, WeightsMissing
from likewise.types import Progress
from tests.fakes import RECIPE, FakeExtractor, FakeFactory, make_pictures

Rows = np.ndarray[Any, Any]
opened = partial(Collection.open, recipe=RECIPE)
MANIFEST: Manifest = FakeExtractor().manifest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))


def labelled(counts: dict[str, int], d: int = 10, apart: float = 1.0, seed: int = 0) -> LabelledVectors:
    """Rows about a centre for each label."""
    random = np.random.default_rng(seed)
    labels = [label for label, count in counts.items() for _ in range(count)]
    centres = {label: apart * random.standard_normal(d) for label in counts}
    rows = np.stack([centres[label] + 0.5 * random.standard_normal(d) for label in labels])
    return LabelledVectors(rows.astype(np.float32), tuple(labels), "made up", MANIFEST, (), {})


THREE = {"a": 12, "b": 9, "c": 5}


@pytest.mark.parametrize("counts", [THREE, {"a": 12, "b": 9}], ids=["three", "two"])
def test_probabilities_are_those_of_scikit_learn(counts: dict[str, int]) -> None:
    sample, new = labelled(counts), np.random.default_rng(9).standard_normal((30, 10)).astype(np.float32)
    size = np.sqrt(np.mean(sample.vectors**2))
    theirs = {
        "bayes": GaussianNB(var_smoothing=SMOOTHING).fit(sample.vectors, sample.labels).predict_proba(new),
        "logistic": LogisticRegression(tol=1e-6, max_iter=1000)
        .fit(sample.vectors / size, sample.labels)
        .predict_proba(new / size),
        "neighbours": KNeighborsClassifier(NEIGHBOURS, weights="distance")
        .fit(sample.vectors, sample.labels)
        .predict_proba(new),
    }
    for kind in KINDS:
        found = Classifier.train(sample, kind)
        assert found.classes == tuple(counts)
        np.testing.assert_allclose(
            found.probabilities(new), theirs[kind], atol=5e-3, err_msg=kind
        )  # the solvers stop there


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_comes_back_from_its_file(self, kind: Any, tmp_path: Path) -> None:
        sample = labelled(THREE)
        first = Classifier.train(sample, kind, accuracy=0.5)
        first.save(tmp_path / "c.safetensors")
        second = Classifier.load(tmp_path / "c.safetensors")
        assert second.training == first.training
        assert (second.training.kind, second.training.accuracy, second.training.samples) == (kind, 0.5, 26)
        np.testing.assert_array_equal(
            first.probabilities(sample.vectors), second.probabilities(sample.vectors)
        )
        first.save(tmp_path / "again.safetensors")
        assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "c.safetensors").read_bytes()

    def test_equal_rows_give_finite_probabilities(self, kind: Any) -> None:
        rows = np.ones((6, 4), np.float32)
        sample = LabelledVectors(rows, ("a", "b", "a", "b", "a", "a"), "equal", MANIFEST, (), {})
        found = Classifier.train(sample, kind).probabilities(np.concatenate([rows, 0 * rows, 1e3 * rows]))
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=1), 1)

    def test_the_order_of_pictures_does_not_matter(self, kind: Any) -> None:
        sample = labelled(THREE)
        order = np.random.default_rng(0).permutation(26)
        other = LabelledVectors(
            sample.vectors[order], tuple(sample.labels[row] for row in order), "", MANIFEST, (), {}
        )
        new = labelled(THREE, seed=5).vectors
        first, second = (Classifier.train(one, kind).probabilities(new) for one in (sample, other))
        np.testing.assert_array_equal(first, second)

    def test_vectors_that_do_not_fit(self, kind: Any) -> None:
        classifier = Classifier.train(labelled(THREE), kind)
        with pytest.raises(UsageError, match="vectors of 3 numbers do not fit a classifier of 10"):
            classifier.probabilities(np.zeros((1, 3), np.float32))
        with pytest.raises(UsageError, match="not finite"):
            classifier.probabilities(np.full((1, 10), np.nan, np.float32))
        assert classifier.probabilities(np.zeros((0, 10), np.float32)).shape == (0, 3)

    def test_a_file_without_an_array(self, kind: Any, tmp_path: Path) -> None:
        classifier = Classifier.train(labelled(THREE), kind)
        name = next(iter(classifier.arrays))
        left = {key: array for key, array in classifier.arrays.items() if key != name}
        Classifier(left, classifier.training).save(tmp_path / "c.safetensors")
        with pytest.raises(BadWeights, match="holds no classifier"):
            Classifier.load(tmp_path / "c.safetensors")


def test_what_is_no_classifier(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing):
        Classifier.load(tmp_path / "absent.safetensors")
    write(tmp_path / "other.safetensors", {"mean": np.zeros(3, np.float32)}, Sample("", 3))
    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "plain.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    for name in ("other", "plain", "text"):
        with pytest.raises(BadWeights, match=rf"{name}.safetensors holds no classifier"):
            Classifier.load(tmp_path / f"{name}.safetensors")


def test_what_cannot_be_trained() -> None:
    with pytest.raises(UsageError, match="nothing to tell apart: all pictures are a"):
        Classifier.train(labelled({"a": 5}), "bayes")
    with pytest.raises(UnknownName, match="no classifier is called 'bayess'"):
        Classifier.train(labelled(THREE), "bayess")  # type: ignore[arg-type]


class TestFolds:
    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.integers(1, 9), min_size=2, max_size=6), st.integers(2, 5))
    def test_deal_every_class_evenly(self, sizes: list[int], folds: int) -> None:
        if max(sizes) < 2:
            return
        numbers = np.arange(len(sizes)).repeat(sizes)
        rows = np.random.default_rng(0).standard_normal((len(numbers), 3)).astype(np.float32)
        dealt = deal(rows, numbers, folds)
        for number, size in enumerate(sizes):
            own = dealt[numbers == number]
            if size == 1:
                assert own.tolist() == [-1]
                continue
            counts = [int(np.sum(own == fold)) for fold in range(int(dealt.max()) + 1)]
            assert max(counts) - min(counts) <= 1
            assert max(counts) < size  # never all of a class: something is left to learn from

    def test_what_cannot_be_dealt(self) -> None:
        rows = np.zeros((3, 2), np.float32)
        with pytest.raises(UsageError, match="every label has one picture only"):
            deal(rows, np.arange(3), 5)
        with pytest.raises(UsageError, match="at least 2 folds"):
            deal(rows, np.zeros(3, np.int64), 1)


class TestValidation:
    def test_tells_apart_what_lies_apart(self) -> None:
        told: list[Progress] = []
        found = cross_validate(labelled(THREE, apart=5), progress=told.append)
        assert [score.accuracy for score in found.scores] == [1, 1, 1]
        assert (found.tested, found.folds, found.alone) == (26, 5, ())
        assert told[-1].done == 3
        assert found.suggested.kind == "logistic"
        for score in found.scores:
            np.testing.assert_array_equal(score.confusion, np.diag([12, 9, 5]))
            assert (score.balanced, score.spread) == (1, 0)
            assert 0 <= score.log_loss < 0.5

    def test_is_no_better_than_chance_on_noise(self) -> None:
        found = cross_validate(labelled({"a": 40, "b": 40}, apart=0))
        assert all(0.25 < score.accuracy < 0.75 for score in found.scores)

    def test_scores_worked_by_hand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # two folds; of a's three two are right, of b's two one
        probabilities = [
            np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]),
            np.array([[0.7, 0.3], [0.8, 0.2]]),
        ]
        rows = [np.array([0, 1, 3]), np.array([2, 4])]
        monkeypatch.setattr(validation, "_folds", lambda *_: iter(zip(rows, probabilities, strict=True)))
        sample = labelled({"a": 3, "b": 2})
        (score,) = cross_validate(sample, kinds=["bayes"]).scores
        np.testing.assert_array_equal(score.confusion, [[2, 1], [1, 1]])
        assert score.accuracy == pytest.approx(3 / 5)
        assert score.balanced == pytest.approx((2 / 3 + 1 / 2) / 2)
        assert score.spread == pytest.approx(np.std([2 / 3, 1 / 2]))
        assert score.log_loss == pytest.approx(-np.mean(np.log([0.9, 0.2, 0.6, 0.7, 0.2])))
        assert score.mistaken(("a", "b")) == [("a", "b", 1), ("b", "a", 1)]

    def test_a_label_with_one_picture_is_never_tested(self) -> None:
        found = cross_validate(labelled({"a": 6, "b": 6, "rare": 1}, apart=5))
        assert found.alone == ("rare",)
        assert found.tested == 12
        with pytest.raises(UsageError, match="one picture only"):
            cross_validate(labelled({"a": 1, "b": 1}))

    def test_the_order_of_pictures_does_not_matter(self) -> None:
        sample = labelled(THREE)
        order = np.random.default_rng(0).permutation(26)
        other = LabelledVectors(
            sample.vectors[order], tuple(sample.labels[r] for r in order), "", MANIFEST, (), {}
        )
        first, second = (
            {s.kind: s.confusion.tolist() for s in cross_validate(x).scores} for x in (sample, other)
        )
        assert first == second

    def test_suggested_is_logistic_unless_another_is_clearly_better(self) -> None:
        def score(kind: Any, accuracy: float) -> ValidationScore:
            return ValidationScore(kind, accuracy, 0.02, accuracy, 1.0, 0.0, np.zeros((2, 2), np.int64))

        level = Validation(("a", "b"), (score("bayes", 0.9), score("logistic", 0.89)), 9, 5, ())
        assert level.suggested.kind == "logistic"
        apart = Validation(("a", "b"), (score("bayes", 0.9), score("logistic", 0.8)), 9, 5, ())
        assert apart.suggested.kind == "bayes"

    def test_more_pictures_teach_more(self) -> None:
        points = learning_curve(labelled({"a": 30, "b": 30, "c": 30}, apart=0.6), kinds=["bayes"])
        assert [point.per_class for point in points] == [1, 2, 5, 10, 20, 30]
        assert points[-1].accuracy > points[0].accuracy


class TestLabels:
    def test_of_a_folder_whose_bad_pictures_are_recorded(self, tmp_path: Path) -> None:
        make_pictures(tmp_path / "p" / "a", 3)
        make_pictures(tmp_path / "p" / "b" / "deep", 2, first=3)
        (tmp_path / "p" / "a" / "bad.png").write_text("no picture")
        found = LabelledVectors.of_folder(tmp_path / "p", FakeExtractor())
        assert found.labels == ("a", "a", "a", "b", "b")
        assert found.about == "p"
        assert [path.name for path in found.failures] == ["bad.png"]
        assert len(found.pictures) == 5
        with pytest.raises(UsageError, match="no sub-folders"):
            LabelledVectors.of_folder(tmp_path / "p" / "b" / "deep", FakeExtractor())

    def test_of_a_table(self, tmp_path: Path) -> None:
        make_pictures(tmp_path / "p", 3)
        table = tmp_path / "t.csv"
        table.write_text("file,label\n0000.png,x\n0002.png,y\nabsent.png,y\n")
        assert LabelledVectors.of_folder(tmp_path / "p", FakeExtractor(), table=table).labels == ("x", "y")

    def test_of_a_collection(self, tmp_path: Path) -> None:
        make_pictures(tmp_path / "p" / "a", 3)
        make_pictures(tmp_path / "p" / "b", 2, first=3)
        make_pictures(tmp_path / "p", 1, first=5)
        (tmp_path / "p" / "bad.png").write_text("no picture")
        table = tmp_path / "t.csv"
        table.write_text("file,what\n0005.png,x\na/0001.png,y\n")
        with opened(tmp_path / "c.likewise", extractor_factory=FakeFactory()) as collection:
            collection.add(tmp_path / "p")
            found = LabelledVectors.of_collection(collection)
            assert sorted(found.labels) == ["a", "a", "a", "b", "b"]
            assert [path.name for path in found.failures] == ["bad.png"]
            assert Counter(LabelledVectors.of_collection(collection, table=table, column="what").labels) == {
                "x": 1,
                "y": 1,
            }
            collection.remove("a", "b")
            with pytest.raises(UsageError, match=r"no picture of .* has a label"):
                LabelledVectors.of_collection(collection)

    def test_numbered(self) -> None:
        classes, numbers = numbered(["b", "a", "b"])
        assert classes == ("a", "b")
        assert numbers.tolist() == [1, 0, 1]


class TestPredicting:
    def test_pictures_and_folders_with_failures_apart(self, tmp_path: Path) -> None:
        made = make_pictures(tmp_path / "p" / "a", 20) + make_pictures(tmp_path / "p" / "b", 20, first=20)
        (tmp_path / "p" / "a" / "bad.png").write_text("no picture")
        extractor = FakeExtractor()
        classifier = Classifier.train(LabelledVectors.of_folder(tmp_path / "p", extractor), "neighbours")
        files = find_pictures([tmp_path / "p"])
        told: list[Progress] = []
        found, failures = predict(classifier, extractor, files, top=1, progress=told.append)
        assert [one.path for one in found] == made
        assert all(one.labels == (one.path.parent.name,) for one in found)
        assert all(one.probabilities[0] == pytest.approx(1) for one in found)
        assert [path.name for path in failures] == ["bad.png"]
        assert (told[-1].done, told[-1].failed) == (41, 1)

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="does not exist"):
            find_pictures([tmp_path / "absent.png"])
        with pytest.raises(UsageError, match="no picture lies in"):
            find_pictures([tmp_path])
