"""Pictures: from any source to upright RGB pixels in sRGB, of the sizes a network wants."""

from likewise.pictures.decode import Source
from likewise.pictures.formats import SUFFIXES
from likewise.pictures.reading import DEFAULT_MAX_PIXELS, Loaded, load, size_of
from likewise.pictures.resize import Resize

__all__ = ["DEFAULT_MAX_PIXELS", "SUFFIXES", "Loaded", "Resize", "Source", "load", "size_of"]
