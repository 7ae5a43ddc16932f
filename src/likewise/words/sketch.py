"""A sketch is what a collection keeps of a picture's patches: their words, codes and places."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from likewise.errors import CollectionDamaged
from likewise.types import FloatArray
from likewise.words.codebook import WordArray
from likewise.words.hamming import Codes

_MAGIC = b"LWSK"
_HEAD = struct.Struct("<4sIHHI")  # magic, patches, layers, words of a patch, crc32 of what follows


@dataclass(frozen=True, eq=False)
class Sketch:
    """The patches of one picture.

    Attributes
    ----------
    boxes
        float32 ``(n, 4)``: left, top, right, bottom in pixels of the upright original.
    words
        For each layer uint32 ``(n, m)``, nearest first.
    codes
        For each layer uint64 ``(n, m, 2)``: each copy by the medians of its word.
    """

    boxes: FloatArray
    words: Mapping[str, WordArray]
    codes: Mapping[str, Codes]

    def __len__(self) -> int:
        return len(self.boxes)

    def to_bytes(self) -> bytes:
        """Write it, little-endian: a head with a check, the boxes, and layer by layer words and codes.

        Layers are in the order of the recipe, which is not written.
        """
        nearest = next(iter(self.words.values())).shape[1]
        parts = [self.boxes.astype("<f4").tobytes()]
        for layer, words in self.words.items():
            parts += [words.astype("<u4").tobytes(), self.codes[layer].astype("<u8").tobytes()]
        body = b"".join(parts)
        return _HEAD.pack(_MAGIC, len(self), len(self.words), nearest, crc32(body)) + body

    @classmethod
    def from_bytes(cls, written: bytes, sizes: Mapping[str, int]) -> Sketch:
        """Read what `to_bytes` wrote.

        Parameters
        ----------
        sizes
            For each layer, in the order of the recipe, the words in its codebook.

        Raises
        ------
        CollectionDamaged
            When it is no sketch with those layers, or names a word that is not in a codebook.
        """
        if fault := fault_of(written, sizes):
            raise CollectionDamaged(fault)
        _, count, _, nearest, _ = _HEAD.unpack_from(written)
        at = _HEAD.size
        boxes, at = _take(written, at, "<f4", (count, 4))
        words, codes = {}, {}
        for layer in sizes:
            words[layer], at = _take(written, at, "<u4", (count, nearest))
            codes[layer], at = _take(written, at, "<u8", (count, nearest, 2))
        return cls(boxes, words, codes)


def fault_of(written: object, sizes: Mapping[str, int]) -> str:
    """What keeps something that was stored from being a sketch; empty when nothing does."""
    if not isinstance(written, bytes) or len(written) < _HEAD.size:
        return "it is no sketch of patches"
    magic, count, layers, nearest, check = _HEAD.unpack_from(written)
    if magic != _MAGIC or layers != len(sizes) or not nearest:
        return f"it is no sketch of patches in {len(sizes)} layers"
    wanted = _HEAD.size + 16 * count + layers * count * nearest * 20
    if len(written) != wanted:
        return f"it has {len(written):,} bytes, not {wanted:,} as its {count} patches take"
    if crc32(memoryview(written)[_HEAD.size :]) != check:
        return "its bytes are not those that were written"
    at = _HEAD.size + 16 * count
    for layer, size in sizes.items():
        words, _ = _take(written, at, "<u4", (count, nearest))
        if words.size and words.max() >= size:
            return f"word {words.max()} is not in the codebook of {layer}, which has {size}"
        at += count * nearest * 20
    return ""


def joined(sketches: Sequence[Sketch]) -> Sketch:
    """The patches of several sketches as one, as if one picture showed them all."""
    if len(sketches) == 1:
        return sketches[0]
    first = sketches[0]
    return Sketch(
        np.concatenate([one.boxes for one in sketches]),
        {layer: np.concatenate([one.words[layer] for one in sketches]) for layer in first.words},
        {layer: np.concatenate([one.codes[layer] for one in sketches]) for layer in first.codes},
    )


def _take(written: bytes, at: int, kind: str, shape: tuple[int, ...]) -> tuple[NDArray[Any], int]:
    count = int(np.prod(shape))
    array = np.frombuffer(written, kind, count, at).reshape(shape)
    return array, at + array.nbytes
