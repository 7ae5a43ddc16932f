"""Boxes and rankings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.errors import BadBox, LikewiseError, UsageError
from likewise.types import Box, Ranking

COORDINATES = st.floats(-300, 300)


def test_parse_reads_four_numbers() -> None:
    assert Box.parse("120,40,380,300") == Box(120, 40, 380, 300)
    assert Box.parse(" 1.5, -2,3e1 ,4 ") == Box(1.5, -2, 30, 4)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1;2;3;4", "1,2,,4"])
def test_parse_names_what_it_cannot_read(text: str) -> None:
    with pytest.raises(BadBox, match="x1,y1,x2,y2") as caught:
        Box.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(10, 20, 30, 40), (10, 20, 30, 40)),
        (Box(0, 0, 100, 50), (0, 0, 100, 50)),
        (Box(-5, -5, 500, 500), (0, 0, 100, 50)),
        (Box(10.7, 20.2, 30.1, 40.9), (10, 20, 31, 41)),  # every pixel it touches
        (Box(10.2, 10.2, 10.4, 10.4), (10, 10, 11, 11)),
        (Box(99, 49, 200, 200), (99, 49, 100, 50)),
    ],
)
def test_clip_by_hand(box: Box, expected: tuple[int, int, int, int]) -> None:
    assert box.clip(100, 50) == expected


@pytest.mark.parametrize("box", [Box(30, 20, 10, 40), Box(10, 40, 30, 20), Box(10, 20, 10, 40)])
def test_an_empty_box_is_refused(box: Box) -> None:
    with pytest.raises(BadBox, match="is empty"):
        box.clip(100, 50)


@pytest.mark.parametrize("box", [Box(100, 0, 120, 50), Box(0, 50, 10, 60), Box(-20, 0, 0, 10)])
def test_a_box_outside_is_refused_with_the_size(box: Box) -> None:
    with pytest.raises(BadBox, match="100 x 50 pixels"):
        box.clip(100, 50)


@pytest.mark.parametrize("corner", [float("nan"), float("inf"), float("-inf")])
def test_a_corner_that_is_no_number_is_refused(corner: float) -> None:
    for sides in ([corner, 0, 9, 9], [0, corner, 9, 9], [0, 0, corner, 9], [0, 0, 9, corner]):
        with pytest.raises(BadBox, match="not a number"):
            Box(*sides).clip(100, 50)


@given(COORDINATES, COORDINATES, COORDINATES, COORDINATES, st.integers(1, 200), st.integers(1, 200))
def test_clip_gives_whole_pixels_of_the_picture_or_an_error(
    x1: float, y1: float, x2: float, y2: float, width: int, height: int
) -> None:
    box = Box(x1, y1, x2, y2)
    try:
        left, top, right, bottom = box.clip(width, height)
    except BadBox:
        assert x2 <= x1 or y2 <= y1 or x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0
        return
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert left <= max(x1, 0) and top <= max(y1, 0)
    assert right >= min(x2, width) and bottom >= min(y2, height)


def test_boxes_are_values() -> None:
    assert Box(1, 2, 3, 4) == Box(1, 2, 3, 4) and hash(Box(1, 2, 3, 4)) == hash(Box(1, 2, 3, 4))
    assert issubclass(BadBox, UsageError) and issubclass(UsageError, LikewiseError)


def ranking(ids: list[list[int]], scores: list[list[float]]) -> Ranking:
    return Ranking(np.array(ids, np.int64), np.array(scores, np.float32))


def test_a_ranking_holds_its_columns() -> None:
    got = ranking([[3, 1, 2]], [[0.9, 0.5, 0.5]])
    assert got.ids.tolist() == [[3, 1, 2]] and got.scores.shape == (1, 3)
    assert ranking([[1], [2]], [[0.1], [0.9]]).ids.shape == (2, 1)  # each query's row falls by itself


def test_a_ranking_without_hits_or_queries() -> None:
    for shape in ((1, 0), (0, 5), (0, 0)):
        assert Ranking(np.zeros(shape, np.int64), np.zeros(shape, np.float32)).ids.shape == shape


@pytest.mark.parametrize(
    ("ids", "scores"),
    [([[1, 2]], [[0.5]]), ([[1, 2]], [[0.5, 0.4], [0.5, 0.4]])],
)
def test_a_ranking_of_unequal_columns_is_refused(ids: list[list[int]], scores: list[list[float]]) -> None:
    with pytest.raises(UsageError, match="one shape"):
        ranking(ids, scores)


def test_a_ranking_of_one_dimension_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\(3,\)"):
        Ranking(np.arange(3), np.zeros(3, np.float32))


def test_a_ranking_that_rises_is_refused() -> None:
    with pytest.raises(UsageError, match="best first"):
        ranking([[1, 2, 3], [1, 2, 3]], [[0.9, 0.8, 0.7], [0.9, 0.7, 0.8]])
