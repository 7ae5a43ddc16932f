"""A recipe as a transformer of scikit-learn: from paths of pictures to vectors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from likewise.descriptors import Extractor, VectorRecipe
from likewise.descriptors.describing import PictureView, cached_vectors
from likewise.errors import UsageError
from likewise.files import cache_dir
from likewise.types import FloatArray


class Descriptor(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turns paths of pictures into the vectors of a recipe; there is nothing to fit.

    Vectors are kept in the cache by the content of the files, so that cross-validation runs the network once
    on each picture, also from several processes.

    Parameters
    ----------
    recipe
        A `likewise.VectorRecipe`, the name of a shipped one, or the path of a TOML file.
    engine, device, precision
        As for `likewise.Extractor`.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> pipeline = make_pipeline(lw.Descriptor("default"), LogisticRegression())
    >>> cross_val_score(pipeline, paths, labels)
    """

    def __init__(
        self,
        recipe: str | VectorRecipe = "default",
        *,
        engine: str = "openvino",
        device: str = "cpu",
        precision: str = "f32",
    ) -> None:
        self.recipe = recipe
        self.engine = engine
        self.device = device
        self.precision = precision

    def fit(self, X: Sequence[str | os.PathLike[str]], y: object = None) -> Self:
        """Do nothing but check that ``X`` are paths.

        Raises `UsageError` when they are something else.
        """
        _paths(X)
        return self

    def transform(self, X: Sequence[str | os.PathLike[str]]) -> FloatArray:
        """Describe pictures.

        Raises `BadPicture` when one of them cannot be read: a row cannot be left out between a picture and
        its label; `UsageError` when they are no paths. Returns float32, shape ``(n, d)``, in the order given.

        Parameters
        ----------
        X
            ``n`` paths, as a list or an array.
        """
        described = cached_vectors(
            self._extractor, [PictureView(path) for path in _paths(X)], cache_dir() / "samples"
        )
        for problem in described.failures.values():
            raise problem
        return described.vectors

    @property
    def _extractor(self) -> Extractor:
        """The network, opened when it is first needed and again when a parameter has changed."""
        wanted = (self.recipe, self.engine, self.device, self.precision)
        opened: tuple[Any, Extractor] | None = self.__dict__.get("_opened")
        if opened is None or opened[0] != wanted:
            extractor = Extractor(
                self.recipe, engine=self.engine, device=self.device, precision=self.precision
            )
            opened = self._opened = (wanted, extractor)
        return opened[1]

    @property
    def _n_features_out(self) -> int:
        return self._extractor.dimensions

    def __getstate__(self) -> Any:
        """State for another process: it opens the network itself."""
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_opened"}

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.requires_fit = False
        return tags


def _paths(pictures: Any) -> list[Path]:
    """Check that pictures are given by their paths.

    Raises `UsageError` when they are something else.
    """
    if isinstance(pictures, str | os.PathLike) or np.ndim(np.asarray(pictures, dtype=object)) != 1:
        raise UsageError("give a list of paths, one a picture")
    for picture in pictures:
        if not isinstance(picture, str | os.PathLike):
            raise UsageError(f"a picture is given by its path, not as {type(picture).__name__}")
    return [Path(path) for path in pictures]
