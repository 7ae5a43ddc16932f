"""Whitenings, learned on a sample of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from likewise.descriptors import VectorRecipe
from likewise.descriptors.transforms import Whitening
from likewise.errors import UsageError
from likewise.learning.samples import Gathered

if TYPE_CHECKING:  # scikit-learn stands behind them
    from likewise.descriptors.estimators import PairWhitening, PCAWhitening


def learn_whitening(
    gathered: Gathered,
    estimator: PCAWhitening | PairWhitening,
    recipe: VectorRecipe,
    *,
    regions: bool = False,
) -> Whitening:
    """Fit an estimator, and remember on what.

    Raises `UsageError` when the sample does not suffice.
    """
    try:
        fitted = estimator.fit(gathered.vectors, gathered.groups)
    except ValueError as error:
        raise UsageError(f"cannot learn from {gathered.about}: {error}") from error
    return fitted.learned(
        about=gathered.about, pictures=gathered.pictures, recipe=recipe.to_toml(), regions=regions
    )
