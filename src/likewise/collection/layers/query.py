"""A query: what callers ask for, checked before anything is done about it."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from likewise.errors import BadBox, UsageError
from likewise.pictures import Source
from likewise.types import Box, CropScale, FloatArray

QueryPicture: TypeAlias = Source | int | FloatArray
"""A picture (path, bytes, Pillow picture, uint8 array), the id of one in the collection, or a vector."""

Corners: TypeAlias = Box | tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Query:
    """A query: a picture, the part of it that is meant, and others beside it.

    Raises `BadBox` when the box is not four numbers, `UsageError` when one picture stands for several.

    Attributes
    ----------
    picture
        A picture, the id of one in the collection (it finds itself first), or a vector of shape ``(d,)``.
    box
        Part of the picture to search for, in pixels of the upright original; four numbers will do.
    crop
        How that part is resized: by the factor of its whole picture, or as a picture on its own.
    also
        More pictures of the same thing.
    yes, no
        Pictures that were judged: those to be found more of, and those to be found less of.
    """

    picture: QueryPicture
    box: Box | None = None
    crop: CropScale = "whole"
    also: Sequence[QueryPicture] = ()
    yes: Sequence[QueryPicture] = ()
    no: Sequence[QueryPicture] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", corners(self.box))
        for name in ("also", "yes", "no"):
            value = getattr(self, name)
            if isinstance(value, str | bytes) or not isinstance(value, Iterable):
                kind = type(value).__name__
                raise UsageError(f"{name} is a list of pictures, not one ({kind}): give {name}=[picture]")

    @classmethod
    def of(cls, picture: Query | QueryPicture, **parts: Any) -> Query:
        """A query as it is, or that of a picture and the other parts.

        Raises `UsageError` when it is a whole query and further parts are given.
        """
        if not isinstance(picture, Query):
            return cls(picture, **parts)
        if any(parts[name] != default for name, default in _NOTHING.items() if name in parts):
            raise UsageError("a whole query says its box, crop, also, yes and no itself")
        return picture

    @property
    def pictures(self) -> tuple[QueryPicture, ...]:
        """All that are asked with, in the order of these attributes."""
        return (self.picture, *self.also, *self.yes, *self.no)


_NOTHING = {"box": None, "crop": "whole", "also": (), "yes": (), "no": ()}


def is_vector(picture: object) -> bool:
    """Whether this is a vector rather than a picture."""
    return isinstance(picture, np.ndarray) and picture.ndim == 1


def is_number(value: object) -> bool:
    """Whether something can be an id: a whole number, also numpy's, but not True."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def whole(value: Any, name: str) -> int:
    """Give a whole number as Python's own.

    Raises `UsageError` when it is something else.
    """
    if not is_number(value):
        raise UsageError(f"{name} must be a whole number, not {value!r}")
    return operator.index(value)


def corners(box: Any) -> Box | None:
    """Give a box as one.

    Raises `BadBox` when it is not four numbers.
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

    Raises `UsageError` when it is nothing that could be a picture.
    """
    if not isinstance(query, str | os.PathLike | bytes | Image.Image | np.ndarray):
        raise UsageError(
            f"a query cannot be {query!r}: give a picture (path, bytes, Pillow picture, uint8 array), "
            "the id of one in the collection, or a vector"
        )
    return query
