"""The vectors of a folder of pictures as one file, for other programs."""

from likewise.export.extraction import activations, extract

__all__ = ["activations", "extract"]
