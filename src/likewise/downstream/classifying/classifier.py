"""Classifiers on vectors: Gaussian naive Bayes, logistic regression, nearest neighbours; saved as arrays."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from likewise.arrays.artifacts import Sample, fingerprint, read, write
from likewise.descriptors import Extractor, VectorRecipe
from likewise.downstream.classifying.labelled import LabelledVectors
from likewise.downstream.vectors import canonical, checked, threads_for
from likewise.errors import BadWeights, ManifestMismatch, UsageError
from likewise.ranking.exact import search
from likewise.registry import lookup
from likewise.types import FloatArray, IntArray

Kind: TypeAlias = Literal["bayes", "logistic", "neighbours"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SMOOTHING = 0.1
"""Share of the largest variance that is added to all of naive Bayes'; few pictures tell little of them."""

NEIGHBOURS = 5
"""Nearest pictures that vote."""

STEPS = 500
"""Iterations of logistic regression, at most."""

BLOCK = 1024


@dataclass(frozen=True, kw_only=True)
class Training(Sample):
    """The training data of a classifier.

    Attributes
    ----------
    kind
        Of classifier.
    classes
        What it tells apart, by the columns of its probabilities.
    weights_hash
        Of the network that made the vectors.
    accuracy
        Of cross-validation; None where there was none.
    """

    kind: Kind
    classes: tuple[str, ...]
    weights_hash: str = ""
    accuracy: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "classes", tuple(self.classes))


@dataclass(frozen=True)
class Classifier:
    """A trained classifier: arrays, and what they were trained on.

    Attributes
    ----------
    arrays
        ``bayes``: ``means`` and ``variances`` ``(c, d)``, ``priors`` ``(c,)``. ``logistic``: ``weights``
        ``(c, d)``, ``offsets`` ``(c,)``. ``neighbours``: ``vectors`` ``(n, d)``, ``labels`` ``(n,)``.
    """

    arrays: Mapping[str, np.ndarray[Any, Any]]
    training: Training

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels it tells apart."""
        return self.training.classes

    def probabilities(self, vectors: FloatArray) -> NDArray[np.float64]:
        """Of each class for rows ``(n, d)``, shape ``(n, c)``; each row adds up to 1.

        Raises `UsageError` when the vectors are not as long as those it was trained on, or not finite.
        """
        wanted = next(array.shape[1] for array in self.arrays.values() if array.ndim == 2)
        if checked(vectors, 0, "classifying").shape[1] != wanted:
            raise UsageError(f"vectors of {vectors.shape[1]} numbers do not fit a classifier of {wanted}")
        score = {"bayes": _bayes, "logistic": _logistic, "neighbours": _neighbours}[self.training.kind]
        blocks = [vectors[start : start + BLOCK] for start in range(0, len(vectors), BLOCK)]
        scores = [score(self.arrays, block, len(self.classes)) for block in blocks]
        return np.concatenate(scores) if scores else np.empty((0, len(self.classes)))

    def extractor(
        self,
        origin: Path,
        *,
        engine: str = "openvino",
        device: str = "cpu",
        precision: str = "f32",
    ) -> Extractor:
        """The encoder of the pictures that it was trained on, which ``origin`` holds.

        Raises `UsageError` when it was trained on vectors of an unknown recipe; `ManifestMismatch` when the
        weights on this machine are others.
        """
        training = self.training
        if not training.recipe:
            raise UsageError(f"{origin} does not say how its vectors were made")
        recipe = VectorRecipe.parse(training.recipe, origin=str(origin))
        extractor = Extractor(recipe, engine=engine, device=device, precision=precision)
        if training.weights_hash and extractor.manifest.weights_hash != training.weights_hash:
            raise ManifestMismatch(
                f"{origin} was trained with other weights of {recipe.network}: train it again with those here"
            )
        return extractor

    @classmethod
    def train(cls, labelled: LabelledVectors, kind: Kind, *, accuracy: float | None = None) -> Classifier:
        """Train a classifier on all labelled vectors.

        ``accuracy``: what cross-validation found, for the file to remember. Raises `UsageError` when there
        are fewer than two labels, or no such kind.
        """
        classes, numbers = labelled.numbered
        arrays = fitted(kind, labelled.vectors, numbers, classes)
        source = (fingerprint(labelled.vectors), len(labelled.vectors), labelled.about, labelled.pictures)
        training = Training(
            *source,
            labelled.manifest.recipe,
            kind=kind,
            classes=classes,
            weights_hash=labelled.manifest.weights_hash,
            accuracy=accuracy,
        )
        return cls(arrays, training)

    def save(self, path: Path) -> None:
        """Write it as a safetensors file; equal classifiers give equal bytes.

        Raises `StorageError` when the file cannot be written.
        """
        write(path, self.arrays, self.training)

    @classmethod
    def load(cls, path: Path) -> Classifier:
        """Read what `save` wrote.

        Raises `WeightsMissing` when there is no such file; `BadWeights` when it holds no classifier.
        """
        arrays, fields = read(path, "classifier")
        try:
            training = Training(**fields)
            needed, count = _ARRAYS[training.kind], len(training.classes)
        except (KeyError, TypeError) as error:
            raise BadWeights(f"{path} holds no classifier: {error}") from error
        rows = {name: arrays[name].shape[0] for name in needed if name in arrays}
        expected = count if training.kind != "neighbours" else rows.get("labels")
        if len(rows) < len(needed) or set(rows.values()) != {expected}:
            raise BadWeights(f"{path} holds no classifier: its arrays are not those of {training.kind}")
        return cls(arrays, training)


def fitted(
    kind: Kind, vectors: FloatArray, numbers: IntArray, classes: Sequence[str]
) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a classifier, from rows ``(n, d)`` and the number of the class of each.

    Raises `UsageError` when there are fewer than two classes, or no such kind.
    """
    fit = lookup("classifier", kind, {"bayes": _fit_bayes, "logistic": _fit_logistic, "neighbours": _keep})
    if len(classes) < 2:
        raise UsageError(
            f"there is nothing to tell apart: all pictures are {', '.join(classes) or 'missing'}"
        )
    order = canonical(checked(vectors, 2, "a classifier"))  # the same pictures give the same classifier
    return fit(vectors[order], numbers[order], len(classes))


def _fit_bayes(vectors: FloatArray, numbers: IntArray, count: int) -> dict[str, np.ndarray[Any, Any]]:
    rows = vectors.astype(np.float64)
    shares = np.bincount(numbers, minlength=count)
    means, squares = np.zeros((2, count, rows.shape[1]))
    np.add.at(means, numbers, rows)
    means /= shares[:, np.newaxis]
    np.add.at(squares, numbers, np.square(rows - means[numbers]))
    floor = SMOOTHING * float(rows.var(axis=0).max())
    variances = squares / shares[:, np.newaxis] + (floor or 1.0)  # equal rows vary nowhere
    priors = shares / len(rows)
    return {name: a.astype(np.float32) for name, a in zip(_ARRAYS["bayes"], (means, variances, priors))}  # noqa: B905


def _bayes(arrays: Mapping[str, np.ndarray[Any, Any]], rows: FloatArray, count: int) -> NDArray[np.float64]:
    """``log p(c) - sum over j of (x_j - m_cj)^2 / 2 v_cj + log(2 pi v_cj) / 2``."""
    means, variances, priors = (arrays[name].astype(np.float64) for name in _ARRAYS["bayes"])
    logs = np.empty((len(rows), count))
    for number in range(count):
        apart = np.square(rows - means[number]) / variances[number]
        constant = np.log(2 * np.pi * variances[number]).sum()
        logs[:, number] = np.log(priors[number]) - (apart.sum(axis=1) + constant) / 2
    return _normalised(logs)


def _fit_logistic(vectors: FloatArray, numbers: IntArray, count: int) -> dict[str, np.ndarray[Any, Any]]:
    from sklearn.linear_model import LogisticRegression

    # The penalty, half the squared weights, needs numbers of a known size to mean anything: here 1.
    size = float(np.sqrt(np.mean(np.square(vectors, dtype=np.float64)))) or 1.0
    with warnings.catch_warnings(), threads_for(len(vectors)):
        # It minds classes of a picture or two, and ending at the last step: both are as good as it gets.
        warnings.simplefilter("ignore")
        fit = LogisticRegression(C=1.0, max_iter=STEPS).fit(vectors / np.float32(size), numbers)
    weights, offsets = fit.coef_ / size, fit.intercept_
    if count == 2:  # one row stands for both
        weights, offsets = np.concatenate([-weights, weights]) / 2, np.concatenate([-offsets, offsets]) / 2
    return {"weights": weights.astype(np.float32), "offsets": offsets.astype(np.float32)}


def _logistic(
    arrays: Mapping[str, np.ndarray[Any, Any]], rows: FloatArray, count: int
) -> NDArray[np.float64]:
    logs = rows.astype(np.float64) @ arrays["weights"].T.astype(np.float64) + arrays["offsets"]
    return _normalised(logs)


def _keep(vectors: FloatArray, numbers: IntArray, count: int) -> dict[str, np.ndarray[Any, Any]]:
    return {"vectors": vectors, "labels": numbers.astype(np.int32)}


def _neighbours(
    arrays: Mapping[str, np.ndarray[Any, Any]], rows: FloatArray, count: int
) -> NDArray[np.float64]:
    """Votes of the nearest, each by the inverse of its distance; those at no distance outvote all others."""
    nearest = search(arrays["vectors"], rows, NEIGHBOURS, metric="l2")
    apart = -nearest.scores.astype(np.float64)
    same = apart < 1e-6
    votes = np.where(same.any(axis=1, keepdims=True), same, 1 / np.maximum(apart, 1e-6))
    sums = np.zeros((len(rows), count))
    np.add.at(sums, (np.arange(len(rows))[:, np.newaxis], arrays["labels"][nearest.ids]), votes)
    shares: NDArray[np.float64] = sums / sums.sum(axis=1, keepdims=True)
    return shares


def _normalised(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers whose logarithms these are but for a constant a row, such that each row adds up to 1."""
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


_ARRAYS = {
    "bayes": ("means", "variances", "priors"),
    "logistic": ("weights", "offsets"),
    "neighbours": ("vectors", "labels"),
}
