"""Training on labelled pictures of a user's own, and what every training keeps to go on after a stop."""

from likewise.training.checkpoint import Checkpoint, Row, restore, save
from likewise.training.fitting import RATES, FittedDescriptors, fit
from likewise.training.retrieval import LOSSES, RetrievalSettings

__all__ = [
    "LOSSES",
    "RATES",
    "Checkpoint",
    "FittedDescriptors",
    "RetrievalSettings",
    "Row",
    "fit",
    "restore",
    "save",
]
