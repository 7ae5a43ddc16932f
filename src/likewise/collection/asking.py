"""What callers ask for, checked before anything is done about it."""

from __future__ import annotations

import operator
import os
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from likewise.errors import BadBox, UsageError
from likewise.pictures import Source
from likewise.types import Box, FloatArray

Query: TypeAlias = Source | int | FloatArray
"""A picture (path, bytes, Pillow picture, uint8 array), the id of one in the collection, or a vector."""

Corners: TypeAlias = Box | tuple[float, float, float, float]


def is_number(value: object) -> bool:
    """Whether something can be an id: a whole number, also numpy's, but not True."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def whole(value: Any, name: str) -> int:
    """Give a whole number as Python's own.

    Raises
    ------
    UsageError
        When it is something else.
    """
    if not is_number(value):
        raise UsageError(f"{name} must be a whole number, not {value!r}")
    return operator.index(value)


def corners(box: Any) -> Box | None:
    """Give a box as one.

    Raises
    ------
    BadBox
        When it is not four numbers.
    """
    if box is None or isinstance(box, Box):
        return box
    try:
        if isinstance(box, str):
            raise TypeError
        x1, y1, x2, y2 = (float(side) for side in box)
    except (TypeError, ValueError, OverflowError):
        raise BadBox(f"box {box!r} is not four numbers (x1, y1, x2, y2) in pixels") from None
    return Box(x1, y1, x2, y2)


def as_picture(query: Any) -> Source:
    """Give a query that is to be decoded.

    Raises
    ------
    UsageError
        When it is nothing that could be a picture.
    """
    if not isinstance(query, str | os.PathLike | bytes | Image.Image | np.ndarray):
        raise UsageError(
            f"a query cannot be {query!r}: give a picture (path, bytes, Pillow picture, uint8 array), "
            "the id of one in the collection, or a vector"
        )
    return query
