"""Visual words: local features as words and codes, inverted indexes of them, and how pictures compare."""

from likewise.words.geometry import Fit
from likewise.words.index import Layers, QuerySketch
from likewise.words.inverted import InvertedIndex, WordIndex, WordStatistics
from likewise.words.matching import Matches
from likewise.words.merging import merge
from likewise.words.recipe import WordsRecipe
from likewise.words.segment import Segment
from likewise.words.sharded import ShardedIndex
from likewise.words.sketch import Sketch
from likewise.words.sketcher import WordsExtractor
from likewise.words.vocabulary import Learning, Vocabulary

__all__ = [
    "Fit",
    "InvertedIndex",
    "Layers",
    "Learning",
    "Matches",
    "QuerySketch",
    "Segment",
    "ShardedIndex",
    "Sketch",
    "Vocabulary",
    "WordIndex",
    "WordStatistics",
    "WordsExtractor",
    "WordsRecipe",
    "merge",
]
