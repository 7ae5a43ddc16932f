"""Pictures through a trained classifier: from files to labels with probabilities."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from likewise.descriptors import Encoder
from likewise.descriptors.describing import describe_batches
from likewise.downstream.classifying.classifier import Classifier
from likewise.errors import BadPicture, UsageError
from likewise.folders import walk
from likewise.types import FloatArray, Progress, ProgressCallback


@dataclass(frozen=True)
class Prediction:
    """Labels of a picture by falling probability, among those of the classifier."""

    path: Path
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]


def find_pictures(sources: Sequence[Path]) -> list[Path]:
    """Files, and the pictures in folders at any depth.

    Raises `UsageError` when one is not there, or there is no picture.
    """
    paths: list[Path] = []
    for source in sources:
        if not os.path.lexists(source):
            raise UsageError(f"{source} does not exist")
        paths += [Path(file.path) for file in walk(str(source))] if source.is_dir() else [source]
    if not paths:
        raise UsageError(f"no picture lies in {', '.join(map(str, sources)) or 'what was given'}")
    return paths


def predict(
    classifier: Classifier,
    encoder: Encoder,
    files: Sequence[Path],
    *,
    top: int = 3,
    max_pixels: int | None = None,
    progress: ProgressCallback | None = None,
) -> tuple[list[Prediction], dict[Path, BadPicture]]:
    """Classify pictures; those that cannot be read are given apart, with the reason.

    ``top``: how many labels of each picture are given.
    """
    predictions: list[Prediction] = []
    failures: dict[Path, BadPicture] = {}
    batches = describe_batches(files, partial(encoder.prepare, max_pixels=max_pixels), encoder.describe)
    for done, (path, vector) in enumerate(chain.from_iterable(batches), 1):
        if isinstance(vector, BadPicture):
            failures[path] = vector
        else:
            predictions.append(_prediction(classifier, path, vector, top))
        if progress:
            progress(Progress(done, len(files), len(failures)))
    return predictions, failures


def _prediction(classifier: Classifier, path: Path, vector: FloatArray, top: int) -> Prediction:
    shares = classifier.probabilities(vector[np.newaxis])[0]
    order = np.argsort(-shares, kind="stable")[:top].tolist()
    labels = tuple(classifier.classes[number] for number in order)
    return Prediction(path, labels, tuple(float(shares[number]) for number in order))
