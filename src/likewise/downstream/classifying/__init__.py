"""Classifiers of pictures: trained on labelled ones, cross-validated, kept as a file, asked."""

from likewise.downstream.classifying.classifier import Classifier
from likewise.downstream.classifying.labelled import LabelledVectors
from likewise.downstream.classifying.predicting import Prediction, find_pictures, predict
from likewise.downstream.classifying.validation import (
    LearningPoint,
    Validation,
    ValidationScore,
    cross_validate,
    learning_curve,
)

__all__ = [
    "Classifier",
    "LabelledVectors",
    "LearningPoint",
    "Prediction",
    "Validation",
    "ValidationScore",
    "cross_validate",
    "find_pictures",
    "learning_curve",
    "predict",
]
