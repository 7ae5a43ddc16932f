"""Rankings as if the pictures asked with were not in the gallery."""

from __future__ import annotations

import numpy as np
import pytest

from likewise.ranking.gallery import Gallery
from likewise.ranking.neighbours import others
from likewise.ranking.stages import Ranked, Stage, rank
from likewise.types import FloatArray, Metric, Ranking
from tests.ordering import same_hits
from tests.test_stages import EVERY, by_id, clouds

TOGETHER = ["augment:n=3 expand:n=4", "augment:n=3,alpha=2 diffuse:k=8,top=0"]
IDS = np.arange(60) * 2 + 1


def slowly(
    vectors: FloatArray, queries: FloatArray, row: int, k: int, stages: list[Stage], metric: Metric
) -> Ranked:
    """A gallery that never had the row."""
    kept = np.arange(len(vectors)) != row
    gallery = Gallery(vectors[kept], ids=IDS[kept], metric=metric)
    return rank(gallery, queries[row : row + 1], k, stages, localiser=lambda _, ids: by_id(row, ids))


@pytest.mark.parametrize("metric", ["dot", "l2"])
@pytest.mark.parametrize("k", [9, 60])
@pytest.mark.parametrize("text", ["", *EVERY, *TOGETHER])
def test_a_query_is_ranked_as_if_it_were_not_there(text: str, k: int, metric: Metric) -> None:
    vectors, stages = clouds(), [Stage.parse(one) for one in text.split()]
    gallery = Gallery(vectors, ids=IDS, metric=metric)
    found = rank(gallery, vectors, k, stages, own=[*range(60)], localiser=by_id)
    for row in range(0, 60, 7):
        expected = slowly(vectors, vectors, row, k, stages, metric)
        wanted = expected.ranking
        ids, scores = found.ranking.ids[row], found.ranking.scores[row]
        count = wanted.ids.shape[1]
        same_hits(ids[:count], scores[:count], wanted.ids[0], wanted.scores[0])
        assert ids[count:].tolist() == [IDS[row]] * (k == 60)
        assert found.boxes[row] == expected.boxes[0]
        assert (np.diff(scores) <= 0).all()


def test_a_query_that_is_not_in_the_gallery_is_ranked_as_ever() -> None:
    vectors, stages = clouds(), [Stage.parse("expand:n=4")]
    gallery = Gallery(vectors)
    found = rank(gallery, vectors[:2], 60, stages, own=[None, 1])
    wanted = rank(gallery, vectors[:1], 60, stages).ranking
    same_hits(found.ranking.ids[0], found.ranking.scores[0], wanted.ids[0], wanted.scores[0])
    assert found.ranking.ids[1, -1] == 1


def test_the_only_picture_of_a_gallery() -> None:
    found = rank(Gallery(clouds(n=1)), clouds(n=1), 5, [Stage("expand"), Stage("reciprocal")], own=[0])
    assert found.ranking.ids.tolist() == [[0]]


def test_one_row_goes_and_where_it_is_not_the_last_one() -> None:
    found = Ranking(np.array([[4, 2, 7], [5, 6, 8]]), np.array([[3, 2, 1], [3, 2, 1]], np.float32))
    left = others(found, np.array([2, 2]))
    assert left.ids.tolist() == [[4, 7], [5, 6]]
    assert left.scores.tolist() == [[3, 1], [3, 2]]
