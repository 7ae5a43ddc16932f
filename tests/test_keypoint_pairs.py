"""Which pictures are compared because their keypoints match."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from likewise.collection.layers import LayerIndex
from likewise.collection.layers.layer import LayerHits
from likewise.downstream.duplicates.keypoint_pairs import MATCHING, VOTES, FileKeypoints, matching_pairs


class Index:
    """Answers with the votes of a table, a row for each question."""

    def __init__(self, votes: list[list[float]]) -> None:
        self.votes = np.array(votes)

    def question_of(self, picture: int) -> int:
        return picture

    def search(self, question: int, k: int, stages: Any) -> LayerHits:
        order = np.argsort(-self.votes[question], kind="stable")[:k]
        return LayerHits(order, self.votes[question][order])


def keypoints(votes: list[list[float]], places: dict[int, int]) -> FileKeypoints:
    return FileKeypoints(cast(LayerIndex, Index(votes)), places)


@pytest.mark.parametrize("others", [0.0, VOTES - 1.0])
def test_a_pair_takes_so_many_votes_whatever_the_others_have(others: float) -> None:
    votes = np.full((4, 4), others)
    np.fill_diagonal(votes, 900)
    votes[1, 3] = VOTES
    asked = keypoints(votes.tolist(), {0: 10, 1: 13, 2: 12, 3: 11})
    assert matching_pairs(asked, asked).tolist() == [[11, 13]]


def test_of_one_picture_no_more_than_the_best_are_compared() -> None:
    votes = [[900.0 - number for number in range(30)]]
    found = matching_pairs(
        keypoints(votes, {0: 0}), keypoints(votes, {number: number for number in range(30)})
    )
    assert found.tolist() == [[0, number] for number in range(1, MATCHING + 1)]


def test_nothing_is_asked_where_no_layer_keeps_keypoints() -> None:
    held = keypoints([[900.0]], {0: 0})
    for asking, asked in ((FileKeypoints(None, {}), held), (held, FileKeypoints(None, {}))):
        assert matching_pairs(asking, asked).shape == (0, 2)
