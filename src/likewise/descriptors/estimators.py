"""Whitenings as scikit-learn estimators: what they learn, and how they compose in pipelines.

They keep scikit-learn's contract, ``ValueError`` for unusable samples included, and call the functions of
`likewise.descriptors.transforms` for the arithmetic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from likewise.arrays.artifacts import fingerprint
from likewise.descriptors.transforms import Origin, Whitening, whiten
from likewise.descriptors.transforms.principal import principal_axes, upright

Array = NDArray[Any]
_DTYPES = [np.float64, np.float32]


class _Affine(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A centre and a projection, once `fit` of a subclass has learned them."""

    _method: Literal["pca", "pairs"] = "pca"

    def transform(self, X: Array) -> Array:
        """Whiten ``(n, d)`` to ``(n, k)``."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=_DTYPES, reset=False)
        return whiten(X, self.mean_.astype(X.dtype), self.projection_.astype(X.dtype))

    def learned(self, **origin: Any) -> Whitening:
        """The learned whitening, for recipes and files.

        Parameters
        ----------
        **origin
            What is known of the pictures: ``about``, ``pictures``, ``recipe``, ``regions``; see
            `likewise.descriptors.transforms.Origin`.
        """
        check_is_fitted(self)
        sample = Origin(
            self.fingerprint_,
            self.n_samples_,
            exponent=float(self.exponent),
            shrinkage=float(self.shrinkage),
            method=self._method,
            **origin,
        )
        return Whitening(self.mean_.astype(np.float32), self.projection_.astype(np.float32), sample)

    def save(self, path: str | Path, **origin: Any) -> None:
        """Write what was learned as a safetensors file that a recipe's ``whiten`` can name.

        Raises `StorageError` when the file cannot be written.

        Parameters
        ----------
        **origin
            As for `learned`.
        """
        self.learned(**origin).save(Path(path))

    @property
    def _n_features_out(self) -> int:
        return int(self.projection_.shape[1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class PCAWhitening(_Affine):
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

        Raises `ValueError` when the sample varies in fewer than `dimensions` directions, or a parameter is
        out of bounds.
        """
        X = validate_data(self, X, dtype=_DTYPES, ensure_min_samples=2)
        if not (0 <= self.exponent <= 1 and 0 <= self.shrinkage <= 1):
            raise ValueError(
                f"exponent {self.exponent} and shrinkage {self.shrinkage} must lie between 0 and 1"
            )
        self.fingerprint_ = fingerprint(X)
        self.n_samples_ = len(X)
        self.mean_ = X.mean(axis=0, dtype=np.float64)
        variances, axes = principal_axes(X, self.mean_)
        keep = self._kept(len(variances))
        self.variances_ = variances[:keep]
        mean_variance = variances.sum() / X.shape[1]
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


class PairWhitening(_Affine):
    """Whiten what differs between pictures of one thing, then rotate to what differs between things.

    Mikolajczyk and Matas, Improving descriptors for fast tree matching by optimal linear projection, ICCV
    2007, as used by Radenovic, Tolias and Chum, TPAMI 2019, eq. 8 and 9: with ``C_S`` the mean of
    ``(a - b)(a - b)'`` over all pairs of one group and ``C_D`` the same over all pairs of two groups, the
    projection is ``C_S^(-1/2) eig(C_S^(-1/2) C_D C_S^(-1/2))``. Its variance over matching pairs is the
    identity.

    Parameters
    ----------
    dimensions
        How many axes to keep, by falling variance between groups; None for all.
    shrinkage
        Share, 0 to 1, by which the variances of matching pairs move to their mean. With 0 there must be more
        pictures in groups than numbers in a vector.

    Attributes
    ----------
    mean_
        ``(d,)``, of all samples.
    projection_
        ``(d, k)``.
    fingerprint_
        Sha256 of the sample.
    """

    _method = "pairs"
    exponent = 0.5

    def __init__(self, dimensions: int | None = None, *, shrinkage: float = 0.1) -> None:
        self.dimensions = dimensions
        self.shrinkage = shrinkage

    def fit(self, X: Array, y: Any) -> Self:
        """Learn from a sample ``(n, d)`` whose rows with equal labels ``y`` show the same thing.

        Raises `ValueError` when no two samples share a label or all do, pictures of one thing differ in too
        few directions, or a parameter is out of bounds.
        """
        X, y = validate_data(self, X, y, dtype=_DTYPES, ensure_min_samples=2)
        if not 0 <= self.shrinkage <= 1:
            raise ValueError(f"shrinkage {self.shrinkage} must lie between 0 and 1")
        self.fingerprint_, self.n_samples_ = fingerprint(X), len(X)
        self.mean_ = X.mean(axis=0, dtype=np.float64)
        same, different = _pair_covariances(X - self.mean_, np.unique(y, return_inverse=True)[1])
        root = _inverse_root(same, self.shrinkage)
        axes = np.linalg.eigh(root @ different @ root)[1][:, ::-1]
        keep = X.shape[1] if self.dimensions is None else self.dimensions
        if not 1 <= keep <= X.shape[1]:
            raise ValueError(
                f"dimensions={keep} must lie between 1 and {X.shape[1]}, the numbers in a vector"
            )
        self.projection_ = root @ upright(axes[:, :keep])
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _pair_covariances(
    centred: NDArray[np.float64], groups: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of ``(a - b)(a - b)'`` over all pairs of one group, and over all pairs of two.

    The differences of all pairs among m samples add up to m times their scatter about their mean, which
    spares the pairs.
    """
    n, sizes = len(centred), np.bincount(groups)
    same = int((sizes * (sizes - 1) // 2).sum())
    different = n * (n - 1) // 2 - same
    if not same or not different:
        what = "no two samples share a label" if not same else "all samples share one label"
        raise ValueError(f"{what}: pairs of one group and of two are needed")
    sums = np.zeros((len(sizes), centred.shape[1]))
    np.add.at(sums, groups, centred)
    apart = (centred - (sums / sizes[:, None])[groups]) * np.sqrt(sizes[groups])[:, None]
    within = apart.T @ apart
    return within / same, (n * (centred.T @ centred) - within) / different


def _inverse_root(matrix: NDArray[np.float64], shrinkage: float) -> NDArray[np.float64]:
    """``C^(-1/2)`` of a covariance, symmetric, its variances moved to their mean by a share."""
    variances, axes = np.linalg.eigh(matrix)
    shrunk = (1 - shrinkage) * variances + shrinkage * variances.mean()
    if shrunk[0] <= shrunk[-1] * len(matrix) * np.finfo(np.float64).eps:
        raise ValueError(
            "pictures of one thing differ in fewer directions than a vector has numbers: "
            "learn on more pairs, or with a shrinkage above 0"
        )
    return np.asarray((axes * shrunk**-0.5) @ axes.T)
