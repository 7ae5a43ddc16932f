"""A sketch is what a collection keeps of a picture's local features: their words, codes and places.

Written down, little-endian, patches and keypoints begin alike: magic, how many, layers, words of a feature,
crc32. Patches go on with their boxes as float32 and layer by layer words as uint32 and codes. Keypoints are
many and small, so they are rounded: x and y to a step that is a power of two, 1/16 pixel in pictures of up to
4096 pixels; the scale by less than 2.2 %; the angle by less than 0.71 degrees. With one word of 2 bytes and
a code of 8 that makes 16 bytes a keypoint, and 14 where all have the same scale and angle, as XFeat's have.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from likewise.errors import CollectionDamaged
from likewise.local import squares
from likewise.types import Box, FloatArray
from likewise.words.codebook import WordArray
from likewise.words.hamming import Codes

_MAGIC = b"LWSK"
_HEAD = struct.Struct("<4sIHHI")  # magic, patches, layers, words of a patch, crc32 of what follows
_POINTS = b"LWSP"
# of keypoints: exponent of the step of x and y, bytes of a word, halves of a code, one scale and angle of all
_STEP = struct.Struct("<bBB?")
_FINEST = -4  # exponent of the finest step
_PER_OCTAVE, _SMALLEST = 16, -32  # scales are written as 16 log2(scale) + 32


@dataclass(frozen=True, eq=False)
class Sketch:
    """The local features of one picture.

    Attributes
    ----------
    boxes
        float32 ``(n, 4)``: left, top, right, bottom in pixels of the upright original.
    words
        For each layer uint32 ``(n, m)``, nearest first.
    codes
        For each layer uint64 ``(n, m, bits / 64)``: each copy by the medians of its word.
    points
        Of keypoints float32 ``(n, 4)``: x, y, scale and angle as in
        `likewise.local.features.LocalFeatures`; None for patches.
    """

    boxes: FloatArray
    words: Mapping[str, WordArray]
    codes: Mapping[str, Codes]
    points: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def extent(self) -> Box:
        """The upright rectangle around all features."""
        held, right, bottom = (self.boxes, 2, 3) if self.points is None else (self.points, 0, 1)
        # column by column: along the first of two axes numpy takes one row at a time
        low, high = (held[:, 0].min(), held[:, 1].min()), (held[:, right].max(), held[:, bottom].max())
        return Box(*(float(side) for side in (*low, *high)))

    def to_bytes(self) -> bytes:
        """Write it as this module says. Layers are in the order of the recipe, which is not written."""
        nearest = next(iter(self.words.values())).shape[1]
        if self.points is None:
            magic, kind, places = _MAGIC, "<u4", self.boxes.astype("<f4").tobytes()
        else:
            largest = max(int(words.max(initial=0)) for words in self.words.values())
            magic, kind = _POINTS, "<u2" if largest < 1 << 16 else "<u4"
            halves = next(iter(self.codes.values())).shape[2]
            places = _rounded(self.points, int(kind[-1]), halves)
        parts = [places]
        for layer, words in self.words.items():
            parts += [words.astype(kind).tobytes(), self.codes[layer].astype("<u8").tobytes()]
        body = b"".join(parts)
        head = _HEAD.pack(magic, len(self), len(self.words), nearest, 0)
        return head[:-4] + _check(head, body).to_bytes(4, "little") + body

    @classmethod
    def from_bytes(cls, written: bytes, sizes: Mapping[str, int]) -> Sketch:
        """Read what `to_bytes` wrote.

        ``sizes``: for each layer, in the order of the recipe, the words in its codebook. Raises
        `CollectionDamaged` when it is no sketch with those layers, or names a word that is not in a codebook.
        """
        if fault := cls.fault_of(written, sizes):
            raise CollectionDamaged(fault)
        magic, count, _, nearest, _ = _HEAD.unpack_from(written)
        kind, halves, at = _layout(written)
        points = _unrounded(written, count) if magic == _POINTS else None
        boxes = _take(written, _HEAD.size, "<f4", (count, 4))[0] if points is None else squares(points)
        words, codes = {}, {}
        for layer in sizes:
            numbers, at = _take(written, at, kind, (count, nearest))
            words[layer] = numbers.astype(np.uint32, copy=False)
            codes[layer], at = _take(written, at, "<u8", (count, nearest, halves))
        return cls(boxes, words, codes, points)

    @staticmethod
    def fault_of(written: object, sizes: Mapping[str, int]) -> str:
        """The fault that keeps stored bytes from being a sketch; empty when there is none."""
        if not isinstance(written, bytes) or len(written) < _least(written):
            return "it is no sketch of local features"
        magic, count, layers, nearest, check = _HEAD.unpack_from(written)
        if magic not in (_MAGIC, _POINTS) or layers != len(sizes) or not nearest:
            return f"it is no sketch of local features in {len(sizes)} layers"
        kind, halves, at = _layout(written)
        width = count * nearest * (int(kind[-1]) + 8 * halves)
        wanted = at + layers * width
        if len(written) != wanted:
            return f"it has {len(written):,} bytes, not {wanted:,} as its {count} features take"
        if _check(written[: _HEAD.size], memoryview(written)[_HEAD.size :]) != check:
            return "its bytes are not those that were written"
        for layer, size in sizes.items():
            words, _ = _take(written, at, kind, (count, nearest))
            if words.size and words.max() >= size:
                return f"word {words.max()} is not in the codebook of {layer}, which has {size}"
            at += width
        return ""

    def copies(self, layer: str) -> tuple[WordArray, Codes]:
        """Words ``(n m,)`` and codes ``(n m, bits / 64)`` of a layer: a row for each word of each feature."""
        codes = self.codes[layer]
        return self.words[layer].ravel(), codes.reshape(-1, codes.shape[2])

    def narrowed(self, nearest: int) -> Sketch:
        """The same features in fewer words each, the nearest ones."""
        return replace(
            self,
            words={layer: words[:, :nearest] for layer, words in self.words.items()},
            codes={layer: codes[:, :nearest] for layer, codes in self.codes.items()},
        )


def _check(head: bytes, body: bytes | memoryview) -> int:
    """The crc32 that goes into a head: of what follows, with keypoints also of what is before it."""
    return crc32(body, crc32(head[:-4])) if head.startswith(_POINTS) else crc32(body)


def _least(written: bytes) -> int:
    return _HEAD.size + (_STEP.size if written.startswith(_POINTS) else 0)


def _layout(written: bytes) -> tuple[str, int, int]:
    """Type of a word, numbers of a code, and where layers begin."""
    magic, count, *_ = _HEAD.unpack_from(written)
    if magic == _MAGIC:
        return "<u4", 2, _HEAD.size + 16 * count
    _, width, halves, shared = _STEP.unpack_from(written, _HEAD.size)
    places = 4 * count + (2 if shared else 2 * count)  # x and y, scale and angle
    return ("<u2" if width == 2 else "<u4"), halves, _HEAD.size + _STEP.size + places


def _rounded(points: FloatArray, width: int, halves: int) -> bytes:
    """Keypoints in columns: x, y, scale, angle; of the last two one value where it is that of all."""
    largest = float(points[:, :2].max(initial=0))
    exponent = max(_FINEST, math.ceil(math.log2(max(largest, 1) / ((1 << 16) - 1))))
    x, y = np.rint(points[:, :2] / 2.0**exponent).clip(0, (1 << 16) - 1).astype("<u2").T
    octaves = np.log2(np.maximum(points[:, 2], np.finfo(np.float32).tiny))
    scale = np.rint(_PER_OCTAVE * octaves - _SMALLEST).clip(0, 255).astype("u1")
    angle = (np.rint(points[:, 3] * (256 / math.tau)).astype(np.int64) % 256).astype("u1")
    shared = len(points) > 0 and bool((scale == scale[0]).all() and (angle == angle[0]).all())
    columns = (x, y, scale[:1], angle[:1]) if shared else (x, y, scale, angle)
    return _STEP.pack(exponent, width, halves, shared) + b"".join(values.tobytes() for values in columns)


def _unrounded(written: bytes, count: int) -> FloatArray:
    at = _HEAD.size
    exponent, _, _, shared = _STEP.unpack_from(written, at)
    at += _STEP.size
    places, at = _take(written, at, "<u2", (2, count))
    (scale, angle), _ = _take(written, at, "u1", (2, 1 if shared else count))
    points = np.empty((count, 4), np.float32)
    points[:, :2] = places.T * np.float32(2.0**exponent)
    points[:, 2] = np.exp2((scale.astype(np.float32) + _SMALLEST) / _PER_OCTAVE)
    points[:, 3] = angle * (math.tau / 256)
    return points


def _take(written: bytes, at: int, kind: str, shape: tuple[int, ...]) -> tuple[NDArray[Any], int]:
    count = math.prod(shape)
    array = np.frombuffer(written, kind, count, at).reshape(shape)
    return array, at + array.nbytes
