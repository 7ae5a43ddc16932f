"""Learning on pictures that are not searched: samples, whitenings, quantisers, vocabularies."""

from likewise.learning.quantisers import learn_quantiser
from likewise.learning.samples import Chosen, Gathered, choose, choose_groups, gather
from likewise.learning.vocabularies import default_vocabulary, learn_vocabulary
from likewise.learning.whitenings import learn_whitening
from likewise.words import Learning

__all__ = [
    "Chosen",
    "Gathered",
    "Learning",
    "choose",
    "choose_groups",
    "default_vocabulary",
    "gather",
    "learn_quantiser",
    "learn_vocabulary",
    "learn_whitening",
]
