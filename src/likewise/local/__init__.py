"""Local features: what a picture has in many places, found as keypoints or cut out as patches."""

from likewise.local.detector import Detector
from likewise.local.features import LocalExtractor, LocalFeatures, squares
from likewise.local.keypoints import Keypoints
from likewise.local.patches import Patches
from likewise.local.spread import Choice, spread

__all__ = [
    "Choice",
    "Detector",
    "Keypoints",
    "LocalExtractor",
    "LocalFeatures",
    "Patches",
    "spread",
    "squares",
]
