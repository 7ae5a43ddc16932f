"""Whether two pictures are one, pixel by pixel: laid over each other, turned or cut as one of them may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from likewise.pictures import Resize, Source, load
from likewise.types import FloatArray, UInt8Array

SIDE = 256
"""Longest side, in pixels, of what is laid over each other; never enlarged."""

COMMON = 128
"""Longest side at which pictures of one shape are compared."""

BLOCKS = 8
"""Blocks along the longest side that are compared each by itself."""

TEXTURE = 4.0
"""Standard deviation in grey levels from which a block shows something."""

LIKE = 0.8
"""Correlation from which two blocks show the same."""

LIKE_FLAT, FLAT = 0.95, 0.25
"""Correlation of pictures that show too little to be compared by blocks, and their mean difference as a share
of the standard deviation of their levels."""

AGREED = 0.7
"""Share of the blocks that have to, for the pictures to be one."""

SHAPE = 0.025
"""How far apart the logarithms of two aspect ratios of one shape may be, beyond what rounding does."""

CONTAINED = 0.97
"""Share of the smaller part of the scene that has to be in the other, for it to be a crop."""

PART, HALF = (CONTAINED, 0.1), (0.5, 0.5)
"""Shares of two pictures that have to be in the other: of a crop and its whole, and of two parts of one."""

INLIERS = 10
"""Matches of keypoints that have to agree on how one picture lies in the other."""

TONE = 8.0
"""Mean difference in levels up to which the tones are the same."""

FINE = 1024
"""Longest side, in pixels, at which single places are compared."""

ALTERED = 16.0
"""Difference in levels above which a place of a picture was altered, and not just stored otherwise."""

VIEWS = 16
"""Sizes and ways to turn a picture in which it is kept for comparing."""

ORIENTATIONS = ("", "mirrored", "turned by 180 degrees", "upside down", *("turned by 90 degrees",) * 4)
"""Orientations of `oriented`, by their number."""


@dataclass(frozen=True)
class PictureKeypoints:
    """Those of a picture, as small as they are found: some 50 kB.

    Attributes
    ----------
    places
        x and y in pixels, float32 ``(n, 2)``.
    found
        SIFT descriptors, whose numbers are whole, uint8 ``(n, 128)``.
    """

    places: FloatArray
    found: UInt8Array

    @classmethod
    def of(cls, grey: UInt8Array) -> PictureKeypoints:
        """The keypoints of lightness ``(h, w)``."""
        points, descriptors = cv2.SIFT.create(nfeatures=400).detectAndCompute(grey, None)
        if not points:
            return cls(np.empty((0, 2), np.float32), np.empty((0, 128), np.uint8))
        return cls(np.array([point.pt for point in points], np.float32), descriptors.astype(np.uint8))

    @property
    def descriptors(self) -> FloatArray:
        """Root-normalised, float32 ``(n, 128)``."""
        descriptors = self.found.astype(np.float32)
        rooted: FloatArray = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6))
        return rooted


@dataclass(frozen=True)
class Small:
    """A picture, small.

    Attributes
    ----------
    width, height
        Of the upright original.
    pixels
        uint8 RGB, shape ``(h, w, 3)``, the longest side at most `SIDE`.
    known
        Its keypoints, where they were found before.
    """

    width: int
    height: int
    pixels: UInt8Array
    known: PictureKeypoints | None = None

    @classmethod
    def read(cls, source: Source) -> Small:
        """Decode a picture; raises `BadPicture` when it is none."""
        loaded = load(source, [Resize("longest", SIDE)])
        return cls(loaded.width, loaded.height, loaded.pixels[0])

    @cached_property
    def grey(self) -> UInt8Array:
        """Its lightness, uint8 ``(h, w)``."""
        return np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY), np.uint8)

    @cached_property
    def keypoints(self) -> PictureKeypoints:
        """Found once, and dear: four times what decoding takes."""
        return self.known or PictureKeypoints.of(self.grey)

    @property
    def has_keypoints(self) -> bool:
        """Whether they were found."""
        return "keypoints" in vars(self) or self.known is not None

    def view(self, width: int, height: int, orientation: int = 0) -> PixelView:
        """It at a size, turned or mirrored as `oriented` does it; made once."""
        views, key = self._views, (width, height, orientation)
        if key not in views:
            if len(views) == VIEWS:
                views.clear()
            views[key] = PixelView.of(_scaled(oriented(self.pixels, orientation), width, height))
        return views[key]

    @cached_property
    def _views(self) -> dict[tuple[int, int, int], PixelView]:
        return {}


@dataclass(frozen=True)
class Blocks:
    """Blocks of a picture, each without the plane that fits it best: a lit wall is like no clear sky.

    Attributes
    ----------
    levels
        Of the lightness, float32 ``(n, side * side)``.
    spreads
        Standard deviations ``(n,)`` of that.
    """

    levels: FloatArray
    spreads: FloatArray

    @classmethod
    def of(cls, lightness: FloatArray, there: NDArray[np.bool_] | None = None) -> Blocks:
        """Those of lightness ``(h, w)``; blocks that are not wholly ``there`` are passed over."""
        height, width = lightness.shape
        side = max(4, -(-max(height, width) // BLOCKS))
        rows, columns = height // side, width // side
        top, left = (height - rows * side) // 2, (width - columns * side) // 2
        part = slice(top, top + rows * side), slice(left, left + columns * side)
        blocks = _blocks(lightness[part], rows, columns, side)
        if there is not None:
            blocks = blocks[_blocks(there[part].astype(np.float32), rows, columns, side).min(axis=1) > 0]
        levels = _levelled(blocks, side)
        return cls(levels, np.sqrt((levels * levels).mean(axis=1)))


@dataclass(frozen=True)
class PixelView:
    """A picture as it is compared with others of one shape: what rules most of them out.

    Attributes
    ----------
    blocks
        Of its lightness.
    spread
        Standard deviation of its levels about the means of the colours.
    cells
        Sums of its levels over at most `BLOCKS` x `BLOCKS` cells that cover it, for each colour.
    """

    blocks: Blocks
    spread: float
    cells: FloatArray

    @classmethod
    def of(cls, pixels: FloatArray) -> PixelView:
        """That of pixels ``(h, w, 3)``."""
        starts = [np.arange(0, length, -(-length // BLOCKS)) for length in pixels.shape[:2]]
        cells = np.add.reduceat(np.add.reduceat(pixels, starts[0], axis=0), starts[1], axis=1)
        return cls(Blocks.of(_lightness(pixels)), _spread(pixels), cells)

    def least_difference(self, other: PixelView) -> float:
        """A bound of the sum of the differences of all levels: within a cell they may cancel out."""
        return float(np.abs(self.cells - other.cells).sum())


@dataclass(frozen=True)
class Overlay:
    """How two pictures that are one lie over each other.

    Attributes
    ----------
    agreed
        Share of the blocks that show the same.
    covered
        Which share of the first the second covers, and which of the second the first.
    orientation
        Number of the way in which the second was turned, see `ORIENTATIONS`.
    turned
        Degrees by which it was turned besides.
    tone, colour
        Mean difference in levels of the lightness, and by how much more colour the first has.
    stretched
        Whether they have two shapes, and show the same all the same.
    """

    agreed: float
    covered: tuple[float, float]
    orientation: int
    turned: float
    tone: float
    colour: float
    stretched: bool = False

    @property
    def whole(self) -> bool:
        """Whether both show all of the scene."""
        return min(self.covered) >= CONTAINED

    @property
    def same_tones(self) -> bool:
        """Whether nobody changed lightness or colours."""
        return self.tone <= TONE and abs(self.colour) <= TONE


def overlay(a: Small, b: Small, *, cut: bool = True, covered: tuple[float, float] = PART) -> Overlay | None:
    """Lay one picture over another so that they show the same, if that can be done.

    Pictures of one shape are laid over each other as they are, and in the seven other ways to turn and mirror
    a picture. Else matching keypoints (SIFT: Lowe, 2004, with the root of Arandjelović and Zisserman, 2012)
    vote by RANSAC for a shift, scale and turn. Either way the pictures are compared block by block, by the
    correlation of their lightness, which no change of brightness or contrast moves; of two photographs of
    one thing, whose outlines match and whose pixels do not, too few blocks agree.

    Parameters
    ----------
    cut
        Whether one may be a part of the other, or turned by any angle: the dearer look.
    covered
        Then, how much of the one that is covered more, and of the other, the two have to share.
    """
    overlaid = _as_they_are(a, b)
    if overlaid is None and cut:
        overlaid = _by_keypoints(a, b, covered)
    return overlaid


def oriented(pixels: UInt8Array, orientation: int) -> UInt8Array:
    """One of the eight ways to turn and mirror a picture ``(h, w, ...)``; 0 leaves it."""
    turned = (
        pixels,
        pixels[:, ::-1],
        pixels[::-1, ::-1],
        pixels[::-1],
        np.rot90(pixels, 1),
        np.rot90(pixels, -1),
        np.swapaxes(pixels, 0, 1),
        np.swapaxes(pixels[::-1, ::-1], 0, 1),
    )[orientation]
    return np.ascontiguousarray(turned)


def same_pixels(a: Source, b: Source) -> bool:
    """Whether two files hold the same pixels, whatever else they hold; raises `BadPicture`."""
    first, second = (load(path, [Resize("full")]).pixels[0] for path in (a, b))
    return bool(np.array_equal(first, second))


def one_shape(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two sizes (width, height) are those of one picture, larger and smaller."""
    apart = abs(math.log(a[0] * b[1] / (a[1] * b[0])))
    return apart <= SHAPE + 1 / min(*a) + 1 / min(*b)


def _as_they_are(a: Small, b: Small) -> Overlay | None:
    """The best of the eight ways to turn and mirror in which most blocks agree; as it is goes before."""
    best = None
    for orientation in range(8):
        size = (b.width, b.height) if orientation < 4 else (b.height, b.width)
        stretched = not one_shape((a.width, a.height), size)
        if stretched and orientation:
            continue
        width, height = _common((a.width, a.height), size)
        x, y = a.view(width, height), b.view(width, height, orientation)
        if not (agreed := _agreement(x.blocks, y.blocks)):
            if x.least_difference(y) > 1.001 * FLAT * min(x.spread, y.spread) * 3 * width * height:
                continue
            agreed = _flat_agreement(*_both(a, b, width, height, orientation))
        if agreed >= AGREED and (best is None or agreed > best.agreed):
            tones = _tones(*_both(a, b, width, height, orientation))
            best = Overlay(agreed, (1.0, 1.0), orientation, 0.0, *tones, stretched)
            if orientation == 0:
                break
    return best


def _both(a: Small, b: Small, width: int, height: int, orientation: int) -> tuple[FloatArray, FloatArray]:
    """Two pictures at one size, the second one turned."""
    return _scaled(a.pixels, width, height), _scaled(oriented(b.pixels, orientation), width, height)


def _common(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """Width and height at which both are compared: of the smaller, and no more than `COMMON`."""
    smaller = min(a, b)
    factor = min(1.0, COMMON / max(smaller))
    return max(1, round(smaller[0] * factor)), max(1, round(smaller[1] * factor))


def _scaled(pixels: UInt8Array, width: int, height: int) -> FloatArray:
    resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.float32)


def _lightness(pixels: FloatArray) -> FloatArray:
    return np.asarray(pixels @ np.array([0.299, 0.587, 0.114], np.float32))


def _by_keypoints(a: Small, b: Small, least: tuple[float, float]) -> Overlay | None:
    """Where matching keypoints put the second picture in the first, if blocks agree there too."""
    fitted = _transform(a, b)
    if fitted is None:
        return None
    transform, scale = fitted
    if scale > 1:  # the finer one is brought to the grid of the coarser
        other = _laid_over(b, a, np.asarray(cv2.invertAffineTransform(transform)), least)
        return None if other is None else _swapped(other)
    return _laid_over(a, b, transform, least)


def _swapped(overlaid: Overlay) -> Overlay:
    return Overlay(
        overlaid.agreed,
        overlaid.covered[::-1],
        overlaid.orientation,
        -overlaid.turned,
        overlaid.tone,
        -overlaid.colour,
    )


def _transform(a: Small, b: Small) -> tuple[NDArray[np.float64], float] | None:
    """The similarity ``(2, 3)`` that takes places in the second to those in the first, and its scale."""
    at, to = b.keypoints.places, a.keypoints.places
    if min(len(at), len(to)) < INLIERS:
        return None
    nearness = b.keypoints.descriptors @ a.keypoints.descriptors.T
    rows, best = np.arange(len(at)), nearness.argmax(axis=1)
    near = nearness[rows, best]
    nearness[rows, best] = -np.inf
    apart = np.sqrt(np.maximum(2 - 2 * np.stack([near, nearness.max(axis=1)]), 0))
    clear = apart[0] < 0.85 * apart[1]  # the ratio test of Lowe, section 7.1
    if np.count_nonzero(clear) < INLIERS:
        return None
    cv2.setRNGSeed(0)
    affine, inliers = cv2.estimateAffinePartial2D(
        at[clear], to[best[clear]], method=cv2.RANSAC, ransacReprojThreshold=2.0
    )
    if affine is None or np.count_nonzero(inliers) < INLIERS:
        return None
    scale = math.hypot(affine[0, 0], affine[1, 0])
    return (np.asarray(affine, np.float64), scale) if 1 / 8 < scale < 8 else None


def _laid_over(
    a: Small, b: Small, transform: NDArray[np.float64], least: tuple[float, float]
) -> Overlay | None:
    """The second picture on the grid of the first, which is the coarser one."""
    height, width = a.grey.shape
    scale = math.hypot(transform[0, 0], transform[1, 0])
    blurred = cv2.GaussianBlur(b.pixels, (0, 0), 0.5 / scale) if scale < 0.8 else b.pixels
    y = np.asarray(cv2.warpAffine(blurred, transform, (width, height), flags=cv2.INTER_LINEAR), np.float32)
    there = cv2.warpAffine(np.full(b.grey.shape, 255, np.uint8), transform, (width, height)) > 250
    shared = np.count_nonzero(there)
    # pixels at the rim are lost to rounding: a rim of one pixel is forgiven
    rim = 1 + 2 * (1 / min(height, width) + 1 / (min(b.grey.shape) * scale))
    covered = (
        min(1.0, rim * shared / (height * width)),
        min(1.0, rim * shared / (b.grey.size * scale * scale)),
    )
    if max(covered) < least[0] or min(covered) < least[1]:
        return None
    x = a.pixels.astype(np.float32)
    agreed = _agreement(*(Blocks.of(_lightness(picture), there) for picture in (x, y)))
    if agreed < AGREED:
        return None
    turned = math.degrees(math.atan2(transform[1, 0], transform[0, 0]))
    return Overlay(agreed, covered, 0, turned, *_tones(x[there], y[there]))


def _agreement(x: Blocks, y: Blocks) -> float:
    """Share of the blocks of two pictures that show the same.

    Blocks in which neither shows anything count for nothing where others do; where none shows anything,
    nothing is known, and the share is 0.
    """
    shown = np.maximum(x.spreads, y.spreads) >= TEXTURE
    if np.count_nonzero(shown) < 4:
        return 0.0
    products = (x.levels * y.levels).mean(axis=1)[shown]
    correlation = products / np.maximum((x.spreads * y.spreads)[shown], 1e-6)
    return float(np.mean(correlation >= LIKE))


def _levelled(blocks: FloatArray, side: int) -> FloatArray:
    """Blocks without the plane that fits each best."""
    ramp = np.arange(side, dtype=np.float32) - (side - 1) / 2
    axes = np.stack([np.ones(side * side, np.float32), np.tile(ramp, side), np.repeat(ramp, side)])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    levelled: FloatArray = blocks - (blocks @ axes.T) @ axes
    return levelled


def _flat_agreement(x: FloatArray, y: FloatArray) -> float:
    """Whether two pictures ``(h, w, 3)`` of hardly anything, such as a sky, have the same colours: 1 or 0.

    They correlate as soon as both grow lighter towards the top, so colours have to be the same besides. Where
    there is nothing at all, as on empty pages, nothing is known.
    """
    first, second = (picture - picture.mean(axis=(0, 1)) for picture in (x, y))
    spreads = [_spread(picture) for picture in (x, y)]
    if min(spreads) < TEXTURE or float(np.abs(x - y).mean()) > FLAT * min(spreads):
        return 0.0
    return float(float((first * second).mean()) >= LIKE_FLAT * spreads[0] * spreads[1])


def _spread(pixels: FloatArray) -> float:
    """Standard deviation of the levels of ``(h, w, 3)`` about the mean of each colour."""
    levels = pixels - pixels.mean(axis=(0, 1))
    return float(np.sqrt((levels * levels).mean()))


def _blocks(pixels: FloatArray, rows: int, columns: int, side: int) -> FloatArray:
    """Shape ``(rows * columns, side * side)``."""
    blocks = pixels.reshape(rows, side, columns, side).swapaxes(1, 2)
    return np.ascontiguousarray(blocks).reshape(rows * columns, side * side)


def _tones(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Mean difference of the lightness, and how much more colour the first has, both in levels."""
    light = float(np.abs(_lightness(x) - _lightness(y)).mean())
    colour = [float((picture.max(axis=-1) - picture.min(axis=-1)).mean()) for picture in (x, y)]
    return light, colour[0] - colour[1]


def largest_difference(a: UInt8Array, b: UInt8Array) -> float:
    """Largest difference of lightness of two pictures of one shape, in levels, after a blur of 1.5 pixels.

    Compared as `fine` gives them. What a JPEG of quality 15 or a smaller size does stays under `ALTERED`; a
    date or a word written into a picture lies above it.
    """
    height, width = min(a.shape[:2], b.shape[:2])
    x, y = (_lightness(_scaled(picture, width, height)) for picture in (a, b))
    return float(np.abs(cv2.GaussianBlur(x - y, (0, 0), 1.5)).max())


def fine(source: Source) -> UInt8Array:
    """A picture of up to `FINE` pixels a side; raises `BadPicture`."""
    return load(source, [Resize("longest", FINE)]).pixels[0]
