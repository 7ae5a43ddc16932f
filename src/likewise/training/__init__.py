"""Training on labelled pictures of a user's own, and what every training keeps to go on after a stop."""

from likewise.training.checkpoint import Row
from likewise.training.fitting import RATES, FittedDescriptors, fit
from likewise.training.loop import Loop
from likewise.training.retrieval import LOSSES, RetrievalSettings

__all__ = [
    "LOSSES",
    "RATES",
    "FittedDescriptors",
    "Loop",
    "RetrievalSettings",
    "Row",
    "fit",
]
