"""Local features: what a picture has in many places, found as keypoints or cut out as patches."""

from likewise.local.features import LocalExtractor, LocalFeatures, squares
from likewise.local.keypoints import Keypoints
from likewise.local.patches import Patches

__all__ = ["Keypoints", "LocalExtractor", "LocalFeatures", "Patches", "squares"]
