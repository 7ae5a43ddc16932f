"""The transforms as scikit-learn estimators: what they learn, and how they compose in pipelines.

They keep scikit-learn's contract, ``ValueError`` for unusable samples included, and call the functions of
`likewise.descriptors.transforms` for the arithmetic.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from likewise.descriptors.transforms import Origin, Whitening, l2, signed_root, whiten

Array = NDArray[Any]
_DTYPES = [np.float64, np.float32]


class _Stateless(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Nothing is learned; fit only looks at the shape."""

    def fit(self, X: Array, y: object = None) -> Self:
        """Check the shape ``(n, d)``; nothing is learned."""
        validate_data(self, X, dtype=_DTYPES)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class L2(_Stateless):
    """Divide each row by its length; a row of zeros stays zero.

    Examples
    --------
    >>> L2().fit_transform([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """

    def transform(self, X: Array) -> Array:
        """Normalise the rows of ``(n, d)``."""
        return l2(validate_data(self, X, dtype=_DTYPES, reset=False))


class SignedRoot(_Stateless):
    """Take magnitudes to a power and keep the signs.

    Examples
    --------
    >>> SignedRoot().fit_transform([[4.0, -9.0]])
    array([[ 2., -3.]])
    """

    def __init__(self, exponent: float = 0.5) -> None:
        self.exponent = exponent

    def transform(self, X: Array) -> Array:
        """Take the power of each number of ``(n, d)``."""
        return signed_root(validate_data(self, X, dtype=_DTYPES, reset=False), self.exponent)


class PCAWhitening(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Centre, rotate to the principal axes, and divide each axis by a power of its variance.

    Jegou and Chum, Negative evidences and co-occurrences in image retrieval, ECCV 2012. By the exact
    eigenvalues of the covariance: scikit-learn's own PCA may choose a randomised solver, whose result
    depends on a seed and was measured to be off by 0.15 in a dot product of unit vectors.

    Parameters
    ----------
    dimensions
        How many axes to keep, by falling variance; None for all in which the sample varies.
    exponent
        0.5 divides by the standard deviation (whitening), 0 only rotates, 0.25 lies between.
    shrinkage
        Share, 0 to 1, by which the variances move to their mean before the division. Small variances that
        few samples estimate badly then no longer explode.

    Attributes
    ----------
    mean_
        ``(d,)``.
    projection_
        ``(d, k)``.
    variances_
        ``(k,)``, of the sample along the axes (divided by n - 1), without shrinkage.
    fingerprint_
        Sha256 of the sample.
    """

    def __init__(
        self, dimensions: int | None = None, *, exponent: float = 0.5, shrinkage: float = 0.0
    ) -> None:
        self.dimensions = dimensions
        self.exponent = exponent
        self.shrinkage = shrinkage

    def fit(self, X: Array, y: object = None) -> Self:
        """Learn from a sample ``(n, d)``, which should be of other pictures than those to be searched.

        Raises
        ------
        ValueError
            When the sample varies in fewer than `dimensions` directions, or a parameter is out of bounds.
        """
        X = validate_data(self, X, dtype=_DTYPES, ensure_min_samples=2)
        if not (0 <= self.exponent <= 1 and 0 <= self.shrinkage <= 1):
            raise ValueError(
                f"exponent {self.exponent} and shrinkage {self.shrinkage} must lie between 0 and 1"
            )
        self.fingerprint_ = hashlib.sha256(np.ascontiguousarray(X, np.float32).data).hexdigest()
        self.n_samples_ = len(X)
        self.mean_ = X.mean(axis=0, dtype=np.float64)
        centred = X - self.mean_
        variances, axes = _principal_axes(centred)
        keep = self._kept(len(variances))
        self.variances_ = variances[:keep]
        mean_variance = np.square(centred).sum() / (self.n_samples_ - 1) / X.shape[1]
        shrunk = (1 - self.shrinkage) * self.variances_ + self.shrinkage * mean_variance
        self.projection_ = axes[:, :keep] * shrunk**-self.exponent
        return self

    def _kept(self, rank: int) -> int:
        keep = rank if self.dimensions is None else self.dimensions
        if not 1 <= keep <= rank:
            raise ValueError(
                f"dimensions={self.dimensions} must lie between 1 and {rank}, the number of directions "
                f"in which n_samples={self.n_samples_} samples vary: learn on more, or keep fewer"
            )
        return keep

    def transform(self, X: Array) -> Array:
        """Whiten ``(n, d)`` to ``(n, k)``."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=_DTYPES, reset=False)
        return whiten(X, self.mean_.astype(X.dtype), self.projection_.astype(X.dtype))

    def save(self, path: str | Path, *, about: str = "") -> None:
        """Write what was learned as a safetensors file that a recipe's ``whiten`` can name.

        Parameters
        ----------
        about
            What it was learned on, in words.

        Raises
        ------
        StorageError
            When the file cannot be written.
        """
        check_is_fitted(self)
        origin = Origin(self.fingerprint_, self.n_samples_, self.exponent, self.shrinkage, about)
        Whitening(self.mean_.astype(np.float32), self.projection_.astype(np.float32), origin).save(Path(path))

    @property
    def _n_features_out(self) -> int:
        return int(self.projection_.shape[1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _principal_axes(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances ``(r,)``, falling, and axes ``(d, r)`` as columns, of a centred sample ``(n, d)`` of rank r.

    With fewer samples than numbers the eigenvectors u of the n x n products between samples give the axes
    as ``centred' u`` (as in Turk and Pentland, 1991), which spares the d x d covariance.
    """
    n, d = centred.shape
    matrix = centred @ centred.T if n < d else centred.T @ centred
    squares, vectors = np.linalg.eigh(matrix)
    squares, vectors = squares[::-1], vectors[:, ::-1]
    # Below this a square is rounding of the largest; its axis would be noise, blown up by the division.
    rank = int(np.sum(squares > squares[0] * max(n, d) * np.finfo(np.float64).eps)) if squares[0] > 0 else 0
    axes = centred.T @ vectors[:, :rank] / np.sqrt(squares[:rank]) if n < d else vectors[:, :rank]
    # An axis has no sign of its own: let its largest number be positive, whatever the solver gave.
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
    return squares[:rank] / (n - 1), axes * np.where(largest < 0, -1, 1)
