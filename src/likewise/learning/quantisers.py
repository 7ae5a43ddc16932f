"""Product quantisers, learned on a sample of vectors."""

from __future__ import annotations

from likewise.descriptors.learned import Sample, fingerprint
from likewise.descriptors.pieces import learn_pieces
from likewise.descriptors.quantiser import Quantiser
from likewise.descriptors.recipe import VectorRecipe
from likewise.errors import UsageError
from likewise.learning.samples import Gathered
from likewise.types import Progress, ProgressCallback


def learn_quantiser(
    gathered: Gathered, count: int, recipe: VectorRecipe, *, progress: ProgressCallback | None = None
) -> Quantiser:
    """Learn the pieces of a product quantiser of ``count`` bytes, and remember on what.

    Raises
    ------
    UsageError
        When the sample does not suffice, or vectors cannot be cut into so many pieces.
    """

    def report(done: int) -> None:
        if progress:
            progress(Progress(done, count, note="clustering"))

    try:
        pieces = learn_pieces(gathered.vectors, count, report=report)
    except ValueError as error:
        raise UsageError(f"cannot learn from {gathered.about}: {error}") from error
    told = (fingerprint(gathered.vectors), len(gathered.vectors), gathered.about)
    return Quantiser(pieces, Sample(*told, gathered.pictures, recipe.to_toml()))
