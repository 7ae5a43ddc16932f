"""The values that travel between rooms: arrays, boxes, hits, rankings, progress."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadBox, UsageError

Doubles: TypeAlias = NDArray[np.float64]
FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]
UInt8Array: TypeAlias = NDArray[np.uint8]
Scores: TypeAlias = NDArray[np.float64]

Metric: TypeAlias = Literal["dot", "l2"]
"""Vectors are compared by inner product, or by minus the Euclidean distance; higher is better in both."""

CropScale: TypeAlias = Literal["whole", "own"]
"""How a query crop is resized: by its whole picture's factor, or as a picture on its own."""


class Cut(TypedDict, total=False):
    """The prepared part of a picture: a box, how that is resized, and the most pixels it may have."""

    box: Box | None
    crop: CropScale
    max_pixels: int | None


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the upright original: left, top, right, bottom; right and bottom exclusive."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """All four."""
        return self.x1, self.y1, self.x2, self.y2

    @classmethod
    def parse(cls, text: str, size: Callable[[], tuple[int, int]] | None = None) -> Box:
        """Read ``x1,y1,x2,y2`` in pixels, or ``x1%,y1%,x2%,y2%`` of a picture.

        Raises `BadBox` when there are not four numbers, they are shares of 1 and no pixels, or some are per
        cent and some are not.

        Parameters
        ----------
        size
            Gives width and height of the upright picture; without it per cent are refused.
        """
        parts = [part.strip() for part in text.split(",")]
        share = bool(size) and all(part.endswith("%") for part in parts)
        try:
            x1, y1, x2, y2 = (float(part.removesuffix("%") if share else part) for part in parts)
        except ValueError:
            either = ", or x1%,y1%,x2%,y2% of the picture" if size else ""
            raise BadBox(f"box {text!r} is not four numbers x1,y1,x2,y2 in pixels{either}") from None
        if share and size:
            width, height = size()
            return cls(x1 * width / 100, y1 * height / 100, x2 * width / 100, y2 * height / 100)
        corners = (x1, y1, x2, y2)
        if all(0 <= corner <= 1 for corner in corners) and not all(corner.is_integer() for corner in corners):
            percent = ",".join(f"{100 * corner:g}%" for corner in corners)
            hint = f"; write {percent} for shares of the picture" if size else ""
            raise BadBox(f"box {text} is smaller than a pixel, and corners are pixels{hint}")
        return cls(*corners)

    def clip(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Round to whole pixels and clip to a picture.

        Raises `BadBox` when a corner is not finite, the box is empty, or nothing of it lies in the picture.
        Returns ``(x1, y1, x2, y2)`` with ``0 <= x1 < x2 <= width`` and ``0 <= y1 < y2 <= height``.
        """
        sides = self.corners
        shown = ",".join(f"{side:g}" for side in sides)
        if not all(math.isfinite(side) for side in sides):
            raise BadBox(f"box {shown} has a corner that is not a number")
        if self.x2 <= self.x1 or self.y2 <= self.y1:
            raise BadBox(
                f"box {shown} is empty; give x1,y1,x2,y2 with x1 < x2 and y1 < y2 (not width and height)"
            )
        x1, y1 = max(0, math.floor(self.x1)), max(0, math.floor(self.y1))
        x2, y2 = min(width, math.ceil(self.x2)), min(height, math.ceil(self.y2))
        if x2 <= x1 or y2 <= y1:
            raise BadBox(f"box {shown} lies outside the picture, which is {width} x {height} pixels")
        return x1, y1, x2, y2


@dataclass(frozen=True)
class Hit:
    """One found picture.

    Attributes
    ----------
    box
        Where in it the query was found, if that was looked for.
    scores
        What each layer gives it, by name, where several were asked.
    evidence
        What each layer gives to the score, by name, ``fit``, where the query lies in it, and ``expansion``,
        by way of the surest hit: where evidence was added up, these add up to the score; see
        `likewise.collection.layers.evidence`.
    inliers
        Matches that one transform explains, if that was looked for.
    outline
        The corners of the query in it, in pixels of the upright original, from the query's top left corner
        clockwise; of several pictures of one thing those of the one that fits best.
    expected_false
        How many pictures of other things would score as high by chance.
    verdict
        What the score means, in a word.
    """

    id: int
    path: Path
    score: float
    rank: int
    box: Box | None = None
    scores: Mapping[str, float] | None = None
    evidence: Mapping[str, float] | None = None
    inliers: int | None = None
    outline: tuple[tuple[float, float], ...] | None = None
    expected_false: float | None = None
    verdict: str | None = None


class Hits(list[Hit]):
    """Found pictures, best first.

    Attributes
    ----------
    left_out
        How many pictures could not be asked, because what the collection keeps of them is damaged, or lies in
        a shard of visual words that does not answer.
    recall
        What share of the nearest such a search finds, as measured on the collection, where not every picture
        was compared; None where every one was.
    """

    def __init__(self, hits: Iterable[Hit] = (), left_out: int = 0, recall: float | None = None) -> None:
        super().__init__(hits)
        self.left_out, self.recall = left_out, recall


@dataclass(frozen=True)
class Ranking:
    """Ids and scores of the best rows for each query, best first.

    Attributes
    ----------
    ids
        int64, shape ``(q, k)``.
    scores
        float32, shape ``(q, k)``, falling along each row. Equal scores keep the order of their ids.
    """

    ids: IntArray
    scores: FloatArray

    def __post_init__(self) -> None:
        if self.ids.shape != self.scores.shape or self.ids.ndim != 2:
            raise UsageError(
                f"ids {self.ids.shape} and scores {self.scores.shape} must be two arrays of one shape (q, k)"
            )
        if self.scores.shape[1] > 1 and bool(np.any(np.diff(self.scores, axis=1) > 0)):
            raise UsageError("scores must fall along each row: best first")


@dataclass(frozen=True)
class Progress:
    """How far a long task has come.

    Attributes
    ----------
    done, total
        Things finished and known in all (pictures, bytes); ``total`` is 0 while it is not known.
    failed
        How many of the finished ones failed.
    remaining
        Seconds left by the pace so far, or None while there is none to go by.
    note
        What is being worked on, in a few words.
    """

    done: int
    total: int
    failed: int = 0
    remaining: float | None = None
    note: str = ""


ProgressCallback: TypeAlias = Callable[[Progress], None]


def plain(name: str) -> str:
    """Give the one form (NFC) of a name whose accents may be written in two ways, as on disks of a Mac."""
    return unicodedata.normalize("NFC", name)


MOST_TEXT = 200
"""Letters that are kept of a text."""


def one_line(text: str) -> str:
    """Text on one line, in one form of its accents, and not too long."""
    words = "".join(c if c.isprintable() else " " for c in plain(text)).split()
    return " ".join(words)[:MOST_TEXT].strip()
