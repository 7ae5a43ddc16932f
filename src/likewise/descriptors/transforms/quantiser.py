"""Product quantisation: a vector as a few bytes, each the number of the nearest of 256 pieces.

Jegou, Douze and Schmid, Product quantization for nearest neighbor search, TPAMI 2011: a vector of d numbers
is cut into m pieces of d / m, and each piece is replaced by the nearest of 256 that k-means found. Here both
sides are compared decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from likewise.arrays.artifacts import Sample, read, write
from likewise.errors import BadWeights, UsageError
from likewise.types import FloatArray

_ROWS = 4096  # vectors encoded at once: their distances to 256 pieces take 4 MiB


@dataclass(frozen=True)
class Quantiser:
    """The pieces of one product quantiser, and what they were learned on.

    ``pieces``: float32 ``(m, 256, d / m)``.
    """

    PIECES: ClassVar[int] = 256
    """Pieces to choose from at each place: as many as a byte can number."""

    pieces: FloatArray
    origin: Sample

    @property
    def bytes(self) -> int:
        """Bytes a vector takes."""
        return len(self.pieces)

    @property
    def dimensions(self) -> int:
        """Numbers in a vector."""
        return int(self.pieces.shape[0] * self.pieces.shape[2])

    def encode(self, vectors: FloatArray) -> NDArray[np.uint8]:
        """Numbers of the nearest pieces: ``(n, d)`` to uint8 ``(n, m)``.

        Raises `UsageError` when the vectors are not as long as those it was learned on.
        """
        if vectors.shape[1] != self.dimensions:
            raise UsageError(
                f"vectors of {vectors.shape[1]} numbers do not fit a quantiser learned on {self.dimensions}"
            )
        codes = np.empty((len(vectors), self.bytes), np.uint8)
        for begin in range(0, len(vectors), _ROWS):
            block = vectors[begin : begin + _ROWS].reshape(-1, self.bytes, self.pieces.shape[2])
            for place, pieces in enumerate(self.pieces):
                # |x - p|^2 without |x|^2, which is the same for every piece
                away = np.square(pieces).sum(axis=1) - 2 * (block[:, place] @ pieces.T)
                codes[begin : begin + _ROWS, place] = away.argmin(axis=1)
        return codes

    def decode(self, codes: NDArray[np.uint8]) -> FloatArray:
        """The pieces side by side: uint8 ``(n, m)`` to float32 ``(n, d)``."""
        chosen = self.pieces[np.arange(self.bytes), codes]
        return np.asarray(chosen.reshape(len(codes), self.dimensions))

    def save(self, path: Path) -> None:
        """Write it as a safetensors file; equal quantisers give equal bytes.

        Raises `StorageError` when the file cannot be written.
        """
        write(path, {"pieces": self.pieces}, self.origin)

    @classmethod
    def load(cls, path: Path, *, sha256: str | None = None) -> Quantiser:
        """Read what `save` wrote.

        Raises `WeightsMissing` when there is no such file; `BadWeights` when the file has another digest or
        is no quantiser.
        """
        tensors, origin = read(path, "quantiser", sha256=sha256)
        try:
            pieces = tensors["pieces"]
            if pieces.ndim != 3 or pieces.shape[1] != cls.PIECES or pieces.dtype != np.float32:
                raise TypeError(f"its pieces are {pieces.dtype} {pieces.shape}")
            return cls(pieces, Sample(**origin))
        except (KeyError, TypeError) as error:
            raise BadWeights(f"{path} holds no quantiser: {error}") from error
