"""How well classifiers do on pictures they have not seen: cross-validation, confusions, learning curve."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.downstream.classifying.classifier import KINDS, Classifier, Kind, Training, fitted
from likewise.downstream.classifying.labelled import LabelledVectors
from likewise.downstream.vectors import canonical
from likewise.errors import UsageError
from likewise.types import FloatArray, IntArray, Progress, ProgressCallback

FOLDS = 5
PER_CLASS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Pictures of each class that the points of a learning curve are trained on."""

_LEAST = 1e-15  # of a probability whose logarithm is taken, as scikit-learn bounds it


@dataclass(frozen=True)
class ValidationScore:
    """One classifier under cross-validation.

    Attributes
    ----------
    accuracy
        Share of the tested pictures that are classified rightly.
    spread
        Standard deviation of the accuracy from fold to fold.
    balanced
        Mean over the classes of the accuracy in each.
    log_loss
        Mean of minus the logarithm of the probability given to the right class: it punishes being sure and
        wrong.
    seconds
        Of training and predicting all folds.
    confusion
        int64, shape ``(c, c)``: pictures of a row's class that were taken for a column's.
    """

    kind: Kind
    accuracy: float
    spread: float
    balanced: float
    log_loss: float
    seconds: float
    confusion: IntArray

    def mistaken(self, classes: Sequence[str]) -> list[tuple[str, str, int]]:
        """The five worst mistakes: what it was, what it was taken for, and how often."""
        wrong = self.confusion - np.diag(self.confusion.diagonal())
        places = np.argsort(-wrong, axis=None, kind="stable")[:5].tolist()
        pairs = [divmod(place, len(classes)) for place in places]
        return [(classes[a], classes[b], int(wrong[a, b])) for a, b in pairs if wrong[a, b]]


@dataclass(frozen=True)
class Validation:
    """Results of cross-validation.

    Attributes
    ----------
    scores
        The most accurate first.
    tested
        How many pictures were classified by what had not seen them.
    alone
        Classes of one picture, which cannot be tested: it is in training always.
    """

    classes: tuple[str, ...]
    scores: tuple[ValidationScore, ...]
    tested: int
    folds: int
    alone: tuple[str, ...]

    @property
    def suggested(self) -> ValidationScore:
        """Logistic regression, unless another one is better by more than chance from fold to fold.

        It alone is not surer than it should be: naive Bayes counts numbers that say the same thing each anew.
        """
        best = self.scores[0]
        level = [score for score in self.scores if score.accuracy >= best.accuracy - best.spread]
        return next((score for score in level if score.kind == "logistic"), best)


@dataclass(frozen=True)
class LearningPoint:
    """A point of a learning curve: accuracy over the folds, trained on few pictures a class."""

    kind: Kind
    per_class: int
    accuracy: float
    spread: float


def cross_validate(
    labelled: LabelledVectors,
    *,
    kinds: Sequence[Kind] = KINDS,
    folds: int = FOLDS,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Validation:
    """Classify every picture by classifiers that were trained without it.

    The pictures of each class are dealt to the folds one by one, so that each fold has a like share of it.
    The order of the pictures does not matter. Raises `UsageError` when there are fewer than two labels, or no
    label has two pictures.
    """
    classes, numbers = labelled.numbered
    dealt = deal(labelled.vectors, numbers, folds, seed)
    scores = []
    for done, kind in enumerate(kinds, 1):
        scores.append(_score(kind, labelled.vectors, numbers, dealt, classes))
        if progress:
            progress(Progress(done, len(kinds), note=kind))
    scores.sort(key=lambda score: (-score.accuracy, score.log_loss))
    alone = tuple(classes[number] for number in np.flatnonzero(np.bincount(numbers) == 1).tolist())
    return Validation(classes, tuple(scores), int(np.sum(dealt >= 0)), int(dealt.max()) + 1, alone)


def deal(vectors: FloatArray, numbers: IntArray, folds: int, seed: int = 0) -> IntArray:
    """The fold of each row, shape ``(n,)``; -1 for one that is alone in its class and is never tested.

    Raises `UsageError` when every row is alone in its class, or there are fewer than two folds.
    """
    if folds < 2:
        raise UsageError(f"cross-validation takes at least 2 folds, not {folds}")
    sizes = np.bincount(numbers)
    if sizes.max(initial=0) < 2:
        raise UsageError("every label has one picture only: there is nothing to test a classifier on")
    order = canonical(vectors)
    order = order[np.random.default_rng(seed).permutation(len(order))]
    order = order[np.argsort(numbers[order], kind="stable")]
    order = order[sizes[numbers[order]] > 1]
    dealt = np.full(len(numbers), -1)
    dealt[order] = np.arange(len(order)) % min(folds, len(order))
    return dealt


def learning_curve(
    labelled: LabelledVectors,
    *,
    kinds: Sequence[Kind] = KINDS,
    folds: int = FOLDS,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> list[LearningPoint]:
    """Accuracy by how many pictures of each class there are to learn from, on the same folds."""
    classes, numbers = labelled.numbered
    dealt = deal(labelled.vectors, numbers, folds, seed)
    most = int(np.bincount(numbers).max())
    sizes = [size for size in PER_CLASS if size < most]
    trials = [(size, kind) for size in (*sizes, most) for kind in kinds]
    points = []
    for done, (size, kind) in enumerate(trials, 1):
        tested = list(_folds(kind, labelled.vectors, numbers, dealt, classes, size))
        accuracies = [float(np.mean(scores.argmax(axis=1) == numbers[rows])) for rows, scores in tested]
        points.append(LearningPoint(kind, size, float(np.mean(accuracies)), float(np.std(accuracies))))
        if progress:
            progress(Progress(done, len(trials), note=f"{kind}, {size} pictures a class"))
    return points


def _score(
    kind: Kind, vectors: FloatArray, numbers: IntArray, dealt: IntArray, classes: Sequence[str]
) -> ValidationScore:
    start = time.perf_counter()
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    accuracies, losses = [], []
    for rows, scores in _folds(kind, vectors, numbers, dealt, classes):
        right, taken = numbers[rows], scores.argmax(axis=1)
        np.add.at(confusion, (right, taken), 1)
        accuracies.append(float(np.mean(right == taken)))
        losses.append(-np.log(np.maximum(scores[np.arange(len(rows)), right], _LEAST)))
    seconds = time.perf_counter() - start
    seen = confusion.sum(axis=1)
    recalls = confusion.diagonal()[seen > 0] / seen[seen > 0]
    accuracy = float(confusion.trace() / confusion.sum())
    spread, loss = float(np.std(accuracies)), float(np.mean(np.concatenate(losses)))
    return ValidationScore(kind, accuracy, spread, float(recalls.mean()), loss, seconds, confusion)


def _folds(
    kind: Kind,
    vectors: FloatArray,
    numbers: IntArray,
    dealt: IntArray,
    classes: Sequence[str],
    per_class: int | None = None,
) -> Iterator[tuple[IntArray, NDArray[np.float64]]]:
    """By fold its rows and the probabilities ``(m, c)`` that one trained on the others gives them."""
    for fold in range(int(dealt.max()) + 1):
        others = np.flatnonzero(dealt != fold)
        if per_class is not None:
            others = others[_place_in_class(vectors[others], numbers[others]) < per_class]
        kept, inner = np.unique(numbers[others], return_inverse=True)  # a small fold may lack a class
        names = [classes[number] for number in kept.tolist()]
        arrays = fitted(kind, vectors[others], inner.astype(np.int64), names)
        classifier = Classifier(arrays, Training("", 0, kind=kind, classes=tuple(names)))
        rows = np.flatnonzero(dealt == fold)
        scores = np.zeros((len(rows), len(classes)))
        scores[:, kept] = classifier.probabilities(vectors[rows])
        yield rows, scores


def _place_in_class(vectors: FloatArray, numbers: IntArray) -> IntArray:
    """How many rows of the same class come before each, in an order by chance that the rows alone decide."""
    order = canonical(vectors)
    order = order[np.random.default_rng(0).permutation(len(order))]
    order = order[np.argsort(numbers[order], kind="stable")]
    starts = np.searchsorted(numbers[order], numbers[order])
    places = np.empty(len(numbers), np.int64)
    places[order] = np.arange(len(numbers)) - starts
    return places
