"""Transforms after pooling: L2, signed root, whitening, as functions over numpy rows.

A search applies them without importing scikit-learn; `likewise.descriptors.estimators` learn whitenings.
All take ``(n, d)`` or one vector ``(d,)``, float32 or float64, and keep the type.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from likewise.arrays.artifacts import Sample, read, write
from likewise.errors import BadWeights, UsageError
from likewise.types import FloatArray

Floats = TypeVar("Floats", NDArray[np.float32], NDArray[np.float64])


def l2(x: Floats) -> Floats:
    """Divide each vector by its length; a vector of zeros stays zero."""
    # The largest magnitude is taken out first: squares of 1e20 overflow float32, squares of 1e-30 vanish.
    top = np.abs(x).max(axis=-1, keepdims=True, initial=0)
    shares = x / np.where(top > 0, top, 1)
    norm = np.sqrt(np.square(shares).sum(axis=-1, keepdims=True))
    return np.asarray(shares / np.where(norm > 0, norm, 1), x.dtype)


def signed_root(x: Floats, exponent: float = 0.5) -> Floats:
    """Take the magnitude of each number to a power and keep its sign.

    With exponent 0.5 the dot product of vectors that were L1 normalised is their Hellinger kernel
    (Arandjelovic and Zisserman, Three things everyone should know to improve object retrieval, CVPR 2012).
    """
    magnitude = np.sqrt(np.abs(x)) if exponent == 0.5 else np.abs(x) ** exponent
    return np.copysign(magnitude, x)


def whiten(x: Floats, mean: Floats, projection: Floats) -> Floats:
    """``(x - mean) @ projection``.

    Raises `UsageError` when the vectors are not as long as those it was learned on.

    Parameters
    ----------
    x
        ``(n, d)`` or ``(d,)``.
    mean
        ``(d,)``.
    projection
        ``(d, k)``.
    """
    if x.shape[-1] != len(mean):
        raise UsageError(f"vectors of {x.shape[-1]} numbers do not fit a whitening learned on {len(mean)}")
    return np.asarray((x - mean) @ projection, x.dtype)


@dataclass(frozen=True, kw_only=True)
class Origin(Sample):
    """Origin of a whitening: the pictures it was learned on, and how.

    Attributes
    ----------
    exponent, shrinkage
        As the estimator was given them.
    method
        ``pca``, ``pairs`` where it was told which pictures show the same thing, or ``probe`` where it was
        trained to bring these together.
    regions
        Whether it whitens the regions of R-MAC one by one rather than finished vectors.
    """

    exponent: float
    shrinkage: float
    method: Literal["pca", "pairs", "probe"] = "pca"
    regions: bool = False


@dataclass(frozen=True)
class Whitening:
    """A learned whitening: an affine map and where it comes from.

    Attributes
    ----------
    mean
        float32 ``(d,)``.
    projection
        float32 ``(d, k)``; directions by falling variance.
    """

    mean: FloatArray
    projection: FloatArray
    origin: Origin

    def __call__(self, x: FloatArray) -> FloatArray:
        """Apply it to ``(n, d)`` or ``(d,)``."""
        return whiten(x, self.mean, self.projection)

    def save(self, path: Path) -> None:
        """Write it as a safetensors file; equal whitenings give equal bytes.

        Raises `StorageError` when the file cannot be written.
        """
        write(path, {"mean": self.mean, "projection": self.projection}, self.origin)

    @classmethod
    def load(cls, path: Path, *, sha256: str | None = None) -> Whitening:
        """Read what `save` wrote.

        ``sha256``: digest that the file must have. Raises `WeightsMissing` when there is no such file;
        `BadWeights` when the file has another digest or is no whitening.
        """
        tensors, origin = read(path, "whitening", sha256=sha256)
        try:
            return cls(tensors["mean"], tensors["projection"], Origin(**origin))
        except (KeyError, TypeError) as error:
            raise BadWeights(f"{path} holds no whitening: {error}") from error
