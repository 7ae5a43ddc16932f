"""Visual words: local features as words and codes, and how two pictures compare; `index` searches many."""

from likewise.words.geometry import Fit
from likewise.words.matching import Matches
from likewise.words.recipe import WordsRecipe
from likewise.words.sketch import Sketch
from likewise.words.sketcher import WordsExtractor
from likewise.words.vocabulary import Learning, Vocabulary

__all__ = ["Fit", "Learning", "Matches", "Sketch", "Vocabulary", "WordsExtractor", "WordsRecipe"]
