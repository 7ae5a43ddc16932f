"""What `tests.ordering` lets pass, and what not."""

from __future__ import annotations

import pytest

from tests.ordering import same_hits


def test_only_ties_change_places() -> None:
    same_hits([4, 2, 7], [0.9, 0.5, 0.5000001], [4, 7, 2], [0.9, 0.5, 0.5])
    same_hits([4, 2], [0.9, 0.5], [4, 7], [0.9, 0.5])  # the edge cuts through a tie


@pytest.mark.parametrize(
    ("ids", "scores"),
    [
        ([4, 2, 7], [0.9, 0.6, 0.5]),  # another order
        ([4, 7, 2], [0.9, 0.6, 0.4]),  # another score
        ([4, 3, 2], [0.9, 0.6, 0.5]),  # another hit, not at the edge
        ([4, 7], [0.9, 0.6]),  # one less
        ([4, 4, 2], [0.9, 0.6, 0.5]),  # one twice
    ],
)
def test_nothing_else_does(ids: list[int], scores: list[float]) -> None:
    with pytest.raises(AssertionError):
        same_hits(ids, scores, [4, 7, 2], [0.9, 0.6, 0.5])
