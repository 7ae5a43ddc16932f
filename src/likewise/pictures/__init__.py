"""Pictures: from any source to upright RGB pixels in sRGB, of the sizes a network wants.

`signatures` stands beside: by which endings and first bytes a file is taken for one.
"""

from likewise.pictures.decode import Source, opened
from likewise.pictures.facts import Facts
from likewise.pictures.listing import pictures_below
from likewise.pictures.loading import Loaded, load, size_of
from likewise.pictures.resampling import hasten
from likewise.pictures.resize import Resize

__all__ = [
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
