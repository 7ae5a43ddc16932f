"""Sizes of pictures that are looked at."""

from likewise.pictures import Resize

LONGEST = 320
"""Pixels of the longest side, unless another is asked for."""


def any_size(size: int) -> Resize:
    """For a network that takes any: the longest side in pixels, or 0 for `LONGEST`."""
    return Resize("longest", size or LONGEST, enlarge=True)
