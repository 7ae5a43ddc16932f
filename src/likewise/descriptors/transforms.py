"""What happens to a vector after pooling: L2, signed root, whitening, as functions over numpy rows.

A search applies them without importing scikit-learn; `likewise.descriptors.estimators` are their twins that
learn and compose. All take ``(n, d)`` or one vector ``(d,)``, float32 or float64, and keep the type.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as tensorfile

from likewise.descriptors.recipe import Step
from likewise.errors import BadWeights, StorageError, UsageError, WeightsMissing
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

    Parameters
    ----------
    x
        ``(n, d)`` or ``(d,)``.
    mean
        ``(d,)``.
    projection
        ``(d, k)``.

    Raises
    ------
    UsageError
        When the vectors are not as long as those it was learned on.
    """
    if x.shape[-1] != len(mean):
        raise UsageError(f"vectors of {x.shape[-1]} numbers do not fit a whitening learned on {len(mean)}")
    return np.asarray((x - mean) @ projection, x.dtype)


@dataclass(frozen=True)
class Origin:
    """What a whitening was learned on.

    Attributes
    ----------
    fingerprint
        Sha256 of the sample vectors.
    about
        The pictures in words, so that a score can say where its whitening comes from.
    """

    fingerprint: str
    samples: int
    exponent: float
    shrinkage: float
    about: str = ""


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

        Raises
        ------
        StorageError
            When the file cannot be written.
        """
        tensors = {"mean": self.mean, "projection": np.ascontiguousarray(self.projection)}
        data = tensorfile.save(tensors, {"origin": json.dumps(asdict(self.origin))})
        try:
            path.write_bytes(data)
        except OSError as error:
            raise StorageError(f"whitening {path} cannot be written: {error.strerror}") from error

    @classmethod
    def load(cls, path: Path, *, sha256: str | None = None) -> Whitening:
        """Read what `save` wrote.

        Parameters
        ----------
        sha256
            Digest that the file must have.

        Raises
        ------
        WeightsMissing
            When there is no such file.
        BadWeights
            When the file has another digest or is no whitening.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise WeightsMissing(f"whitening {path} cannot be read: {error.strerror}") from error
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise BadWeights(
                f"whitening {path} is not the one that the recipe names: its sha256 is not {sha256}"
            )
        try:
            tensors, origin = tensorfile.load(data), _metadata(data)["origin"]
            return cls(tensors["mean"], tensors["projection"], Origin(**json.loads(origin)))
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise BadWeights(f"{path} holds no whitening: {error}") from error


def _metadata(data: bytes) -> dict[str, str]:
    """Metadata of a safetensors file: a JSON header after its length as 8 bytes, little end first."""
    length = int.from_bytes(data[:8], "little")
    return dict(json.loads(data[8 : 8 + length])["__metadata__"])


class Chain:
    """The transforms of a recipe, ready to be applied.

    Raises
    ------
    WeightsMissing, BadWeights
        When a whitening cannot be read.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._functions = [_function(step) for step in steps]

    def __call__(self, x: FloatArray) -> FloatArray:
        """Transform ``(n, d)`` or ``(d,)``; gives float32."""
        for function in self._functions:
            x = function(x)
        return x

    def dimensions(self, before: int) -> int:
        """How long vectors are after the chain when they are ``before`` long ahead of it."""
        return len(self(np.zeros(before, np.float32)))


def _function(step: Step) -> Callable[[FloatArray], FloatArray]:
    match step.kind:
        case "l2":
            return l2
        case "root":
            return partial(signed_root, exponent=float(step.options["exponent"]))
        case _:
            return Whitening.load(Path(str(step.options["file"])), sha256=str(step.options["sha256"]))
