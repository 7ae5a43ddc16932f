"""From pictures to vectors: recipes, poolings, and the extractor that runs them.

`transforms` and `describing` have faces of their own; `estimators` stands beside, for it loads scikit-learn.
"""

from likewise.descriptors.encoder import Encoder
from likewise.descriptors.extractor import Extractor, program_of
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.parts import Part, Step
from likewise.descriptors.poolings import POOLINGS, Pooling
from likewise.descriptors.recipe import VectorRecipe

__all__ = [
    "POOLINGS",
    "Encoder",
    "Extractor",
    "Manifest",
    "Part",
    "Pooling",
    "Step",
    "VectorRecipe",
    "program_of",
]
