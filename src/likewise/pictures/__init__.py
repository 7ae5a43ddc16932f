"""Pictures: from any source to upright RGB pixels in sRGB, of the sizes a network wants."""

from likewise.pictures.decode import Source, opened
from likewise.pictures.facts import Facts
from likewise.pictures.listing import pictures_below
from likewise.pictures.loading import Loaded, load, size_of
from likewise.pictures.resampling import hasten
from likewise.pictures.resize import Resize
from likewise.pictures.signatures import OPTIONAL, SUFFIXES

__all__ = [
    "OPTIONAL",
    "SUFFIXES",
    "Facts",
    "Loaded",
    "Resize",
    "Source",
    "hasten",
    "load",
    "opened",
    "pictures_below",
    "size_of",
]
