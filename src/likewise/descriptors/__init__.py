"""From pictures to vectors: poolings, transforms, recipes, the extractor that runs them, and kept vectors.

`estimators` stands beside, for it loads scikit-learn.
"""

from likewise.descriptors.batches import describe_each, described
from likewise.descriptors.cache import CachedArrays, PictureView, describe, is_due, look_up
from likewise.descriptors.encoder import Encoder
from likewise.descriptors.extractor import Extractor, TransformChain, program_of
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.poolings import POOLINGS, Pooling
from likewise.descriptors.principal import principal_axes
from likewise.descriptors.quantiser import Quantiser
from likewise.descriptors.recipe import Part, Step, VectorRecipe
from likewise.descriptors.transforms import Origin, Whitening, l2, signed_root

__all__ = [
    "POOLINGS",
    "CachedArrays",
    "Encoder",
    "Extractor",
    "Manifest",
    "Origin",
    "Part",
    "PictureView",
    "Pooling",
    "Quantiser",
    "Step",
    "TransformChain",
    "VectorRecipe",
    "Whitening",
    "describe",
    "describe_each",
    "described",
    "is_due",
    "l2",
    "look_up",
    "principal_axes",
    "program_of",
    "signed_root",
]
