"""Rankings compared as far as arithmetic fixes them.

A sum of float32 comes out otherwise under another BLAS kernel, and for another row of the same product.
Scores that agree to the last digits therefore change places from machine to machine; nothing else may.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from likewise.types import FloatArray, IntArray, Ranking

Ids: TypeAlias = IntArray | Sequence[int]
Scores: TypeAlias = FloatArray | Sequence[float]


def same_ranking(found: Ranking, wanted: Ranking, within: float = 1e-5) -> None:
    """Assert `same_hits` for each query of two rankings."""
    assert found.ids.shape == wanted.ids.shape
    for row in range(len(wanted.ids)):
        same_hits(found.ids[row], found.scores[row], wanted.ids[row], wanted.scores[row], within)


def same_hits(ids: Ids, scores: Scores, wanted_ids: Ids, wanted_scores: Scores, within: float = 1e-5) -> None:
    """Assert that one ranking is the other: the same scores, and `same_places`."""
    np.testing.assert_allclose(scores, wanted_scores, rtol=0, atol=within)
    same_places(ids, wanted_ids, wanted_scores, within)


def same_places(ids: Ids, wanted_ids: Ids, wanted_scores: Scores, within: float = 1e-5) -> None:
    """Assert the same order, but for hits whose scores agree.

    A hit that only one of them has lies where the wanted one ties with its last.
    """
    found, score_of = (
        np.asarray(ids).tolist(),
        dict(zip(np.asarray(wanted_ids).tolist(), wanted_scores, strict=True)),
    )
    assert len({*found}) == len(found) == len(score_of), f"found {found}, wanted {[*score_of]}"
    for name, there in zip(found, wanted_scores, strict=True):
        own = score_of.get(name, wanted_scores[-1])
        assert abs(own - there) <= within, f"{name} is elsewhere: found {found}, wanted {[*score_of]}"
