"""Where a query lies in a hit: known transforms come back, and nothing else does."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import UsageError
from likewise.types import Box, FloatArray
from likewise.words import geometry
from likewise.words.geometry import Fit, corners, fit, to_edge
from likewise.words.matching import Matches

WIDTH, HEIGHT = 1024, 768


def grid(width: int = WIDTH, height: int = HEIGHT, side: int = 224, stride: int = 32) -> FloatArray:
    ys, xs = np.mgrid[0 : height - side + 1 : stride, 0 : width - side + 1 : stride].reshape(2, -1)
    return np.stack([xs, ys, xs + side, ys + side], axis=1).astype(np.float32)


def centres(boxes: FloatArray) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def matches(query: np.ndarray, picture: np.ndarray, weight: np.ndarray | None = None) -> Matches:
    none = np.zeros(len(query), np.int64)
    ones = np.ones(len(query)) if weight is None else weight
    return Matches(query.astype(np.int64), picture.astype(np.int64), none, none, ones.astype(np.float32))


def similarity(
    scale: float, degrees: float, across: float = 0, down: float = 0, tilt: float = 1
) -> np.ndarray:
    """A transform ``(2, 3)`` about the middle; ``tilt`` shortens what was upright in the query."""
    turn = math.radians(degrees)
    linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    linear = linear @ np.diag([1, tilt])
    middle = np.array([WIDTH, HEIGHT]) / 2
    return np.column_stack([linear, middle + np.array([across, down]) - linear @ middle])


def case(transform: np.ndarray, inside: int, outside: int, noise: float = 20, seed: int = 0) -> Matches:
    """Matches of the grid with itself that follow a transform but for some pixels, and others that do not."""
    random = np.random.default_rng(seed)
    points = centres(grid())
    away = np.column_stack([points, np.ones(len(points))]) @ transform.T
    away = away[:, None] + random.normal(0, noise, (len(points), 1, 2)) - points
    near = np.linalg.norm(away, axis=2)
    able = np.flatnonzero(near.min(axis=1) < 32)
    chosen = random.choice(able, min(inside, len(able)), replace=False)
    query = np.r_[chosen, random.integers(0, len(points), outside)]
    picture = np.r_[near[chosen].argmin(axis=1), random.integers(0, len(points), outside)]
    return matches(query, picture, random.uniform(0.5, 1, len(query)))


def sides(box: Box) -> list[float]:
    return [box.x1, box.y1, box.x2, box.y2]


def error(found: Fit, transform: np.ndarray, rows: np.ndarray) -> float:
    """Mean distance in pixels of where the two put the centres of patches."""
    points = np.column_stack([centres(grid())[rows], np.ones(len(rows))])
    return float(np.linalg.norm(points @ (found.transform - transform).T, axis=1).mean())


@pytest.mark.parametrize(
    ("transform", "inside", "outside"),
    [
        (similarity(1, 0), 20, 0),
        (similarity(1, 0, 100, -50), 40, 360),
        (similarity(0.6, 0, -150, 100), 40, 200),
        (similarity(1.6, 0, 0, 60), 40, 200),
        (similarity(1, 30), 40, 200),
        (similarity(0.8, 180), 40, 200),
        (similarity(0.9, -100, 50, 0), 40, 200),
        (similarity(1, 10, 0, 0, 0.6), 60, 100),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_known_transform_comes_back(transform: np.ndarray, inside: int, outside: int, seed: int) -> None:
    given = case(transform, inside, outside, seed=seed)
    found = fit(grid(), grid(), given, (WIDTH, HEIGHT))
    assert found is not None
    assert error(found, transform, given.query[:inside]) < 40  # a patch is 224 wide
    # one-to-one leaves out right ones whose patch another has taken
    assert found.inliers[:inside].sum() > 0.7 * inside
    assert found.inliers[inside:].sum() < 0.15 * outside + 1


def test_without_noise_it_is_exact() -> None:
    """Patches of two sizes, of a query twice as large as the hit."""
    query = np.concatenate([grid(), grid(side=448, stride=64)])
    hit = (query / 2 + 100).astype(np.float32)
    every = np.arange(0, len(query), 7)
    found = fit(query, hit, matches(every, every), (WIDTH, HEIGHT))
    assert found is not None and found.inliers.all() and found.score == len(every) ** 2
    assert found.transform == pytest.approx(np.array([[0.5, 0, 100], [0, 0.5, 100]]), abs=1e-6)
    assert sides(found.box) == pytest.approx([100, 100, 612, 484], abs=1e-3)
    part = fit(query, hit, matches(every, every), (400, HEIGHT), box=Box(400, 200, 800, 300))
    assert part is not None
    assert sides(part.box) == pytest.approx([300, 200, 400, 250], abs=1e-3)


def test_the_size_of_patches_tells_the_scale_of_a_few() -> None:
    """Neighbours alone would fit many scales."""
    query, hit = grid()[:3], grid()[:3] * np.float32(1.5)
    found = fit(query, hit, matches(np.arange(3), np.arange(3)), (WIDTH, HEIGHT))
    assert found is not None
    assert found.transform[:, :2] == pytest.approx(1.5 * np.eye(2), abs=0.05)


def test_what_is_mirrored_is_not_fitted_as_such() -> None:
    boxes = grid()
    columns = (WIDTH - 224) // 32 + 1
    rows, places = np.divmod(np.arange(len(boxes)), columns)
    mirrored = matches(np.arange(len(boxes)), rows * columns + columns - 1 - places)
    found = fit(boxes, boxes, mirrored, (WIDTH, HEIGHT))
    assert found is not None
    assert np.linalg.det(found.transform[:, :2]) > 0
    assert found.inliers.sum() < 0.5 * len(boxes)


def test_a_patch_counts_once() -> None:
    """Many matches of one place are one."""
    query, picture = np.repeat([0, 1, 2], 5), np.tile([0, 1, 2, 3, 4], 3)
    found = fit(grid(), grid(), matches(query, picture), (WIDTH, HEIGHT))
    assert found is not None
    assert found.inliers.sum() == 3
    assert len(set(query[found.inliers])) == len(set(picture[found.inliers])) == 3


def test_layers_that_agree_add_up() -> None:
    every = np.arange(6)
    one = matches(every, every)
    two = Matches.joined([one, replace(one, layer=one.layer + 1)])
    found = fit(grid(), grid(), two, (WIDTH, HEIGHT))
    assert found is not None and found.inliers.all()
    assert found.score == pytest.approx(6 * 6 * 2**0.25)  # a pair weighs 2


def test_many_light_matches_outweigh_a_few_heavy_ones() -> None:
    boxes, columns = grid(), (WIDTH - 224) // 32 + 1
    few, many = np.array([0, 2, 5 * columns]), np.arange(8 * columns, 8 * columns + 9)
    both = matches(np.r_[few, many], np.r_[few + 15, many - 6 * columns], np.repeat([4.0, 1.0], [3, 9]))
    found = fit(boxes, boxes, both, (WIDTH, HEIGHT))
    assert found is not None
    assert found.inliers.tolist() == [False] * 3 + [True] * 9
    assert found.score == pytest.approx(81)


def test_too_little_is_no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, few = grid(), np.arange(2)
    assert fit(boxes, boxes, matches(few[:0], few[:0]), (WIDTH, HEIGHT)) is None
    assert fit(boxes, boxes, matches(few, few), (WIDTH, HEIGHT)) is None
    # one patch of the hit that resembles everything, and one of the query
    many = np.arange(50)
    assert fit(boxes, boxes, matches(many, many * 0), (WIDTH, HEIGHT)) is None
    assert fit(boxes, boxes, matches(many * 0, many), (WIDTH, HEIGHT)) is None
    # matches without weight
    assert fit(boxes, boxes, matches(many, many, np.zeros(50)), (WIDTH, HEIGHT)) is None
    # patches of a size so different that no scale explains it
    other = boxes.copy()
    other[:5, 2:] += np.float32(20_000)
    assert fit(boxes, other, matches(many[:5], many[:5]), (WIDTH, HEIGHT)) is None
    # what was asked for lies elsewhere
    assert fit(boxes, boxes, matches(many, many), (WIDTH, HEIGHT), box=Box(2000, 0, 2100, 100)) is None
    # matches that agree on nothing: corners of the grid onto each other, crosswise
    corners = np.array([0, 25, len(boxes) - 1])
    monkeypatch.setattr(geometry, "_TOLERANCE", 0.1)
    assert fit(boxes, boxes, matches(corners, corners[[0, 2, 1]]), (WIDTH, HEIGHT)) is None


@settings(deadline=None, max_examples=25)
@given(st.integers(3, 60), st.integers(0, 60), st.integers(0, 99))
def test_the_order_of_matches_does_not_matter(inside: int, outside: int, seed: int) -> None:
    given = case(similarity(0.9, 12), inside, outside, seed=seed)
    given = Matches.joined([given, given.take(np.arange(0, len(given), 3))])
    order = np.random.default_rng(seed).permutation(len(given))
    one, two = (fit(grid(), grid(), some, (WIDTH, HEIGHT)) for some in (given, given.take(order)))
    if one is None or two is None:
        assert one is two
        return
    assert one.score == two.score and one.box == two.box
    assert np.array_equal(one.transform, two.transform)
    assert np.array_equal(one.inliers[order], two.inliers)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from([0.25, 0.5, 2, 4]), st.sampled_from([0.25, 0.5, 2, 4]), st.integers(0, 99))
def test_the_resolution_of_the_pictures_does_not_matter(query: float, hit: float, seed: int) -> None:
    given = case(similarity(0.9, 12), 20, 20, seed=seed)
    one = fit(grid(), grid(), given, (WIDTH, HEIGHT))
    larger = (int(WIDTH * hit), int(HEIGHT * hit))
    two = fit(grid() * np.float32(query), grid() * np.float32(hit), given, larger)
    assert one is not None and two is not None
    assert one.score == two.score and np.array_equal(one.inliers, two.inliers)
    assert two.transform == pytest.approx(one.transform * hit / np.array([query, query, 1]), rel=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 5), st.integers(0, 40), st.integers(0, 99))
def test_whatever_fits_is_a_view_from_the_front(inside: int, outside: int, seed: int) -> None:
    given = case(similarity(1, 0), inside, outside, seed=seed)
    found = fit(grid(), grid(), given, (WIDTH, HEIGHT))
    if found is None:
        return
    large, small = np.linalg.svd(found.transform[:, :2])[1]
    assert np.linalg.det(found.transform[:, :2]) > 0
    assert large <= 2.0001 * small and 1 / 8 <= math.sqrt(large * small) <= 8
    assert found.inliers.sum() >= 3
    rows = found.inliers.nonzero()[0]
    assert len(set(given.query[rows])) == len(set(given.picture[rows])) == len(rows)
    box = found.box
    assert 0 <= box.x1 < box.x2 <= WIDTH and 0 <= box.y1 < box.y2 <= HEIGHT


def test_what_does_not_fit() -> None:
    boxes, every = grid(), np.arange(5)
    for bad, said in (
        (boxes[:, :3], "give left, top, right, bottom"),
        (boxes[:, [2, 1, 0, 3]], "empty or not finite"),
        (boxes + np.float32(np.nan), "empty or not finite"),
        (boxes[:4], "do not belong to 4 boxes"),
    ):
        for query, hit in ((bad, boxes), (boxes, bad)):
            with pytest.raises(UsageError, match=said):
                fit(query, hit, matches(every, every), (WIDTH, HEIGHT))
    with pytest.raises(UsageError, match="weight is not finite"):
        fit(boxes, boxes, matches(every, every, np.full(5, np.inf)), (WIDTH, HEIGHT))


class TestEdge:
    """A hit of 200 x 100 pixels whose features lie from 30, 10 to 190, 95."""

    EXTENT, SIZE = Box(30, 10, 190, 95), (200, 100)

    def fitted(self, outline: np.ndarray) -> Fit:
        return Fit(np.eye(2, 3), np.ones(4, bool), 1.0, Box(0, 0, 1, 1), outline)

    @pytest.mark.parametrize("turns", range(4))
    def test_what_goes_around_all_that_a_hit_has_ends_at_its_edge(self, turns: int) -> None:
        away = np.array([(7, -2), (-8, 1), (0, 8), (2, 2)])  # of at most 8 pixels that are allowed
        outline = np.roll(corners(self.EXTENT), -turns, axis=0) + away
        found = to_edge(self.fitted(outline), self.EXTENT, self.SIZE)
        edge = [(0, 0), (200, 0), (200, 100), (0, 100)]
        assert found.outline.tolist() == [list(corner) for corner in edge[turns:] + edge[:turns]]
        assert found.box == Box(0, 0, 200, 100)

    @pytest.mark.parametrize("box", [Box(0, 0, 200, 100), Box(-8, 5, 193, 108), Box(38, 18, 182, 87)])
    def test_so_does_what_reaches_from_its_features_towards_its_edge(self, box: Box) -> None:
        found = to_edge(self.fitted(corners(box)), self.EXTENT, self.SIZE)
        assert found.outline.tolist() == [[0, 0], [200, 0], [200, 100], [0, 100]]

    @pytest.mark.parametrize(
        "box", [Box(30, 10, 181, 95), Box(60, 30, 120, 60), Box(-9, 0, 200, 100), Box(0, 0, 200, 109)]
    )
    def test_any_other_outline_stays(self, box: Box) -> None:
        found = self.fitted(corners(box))
        assert to_edge(found, self.EXTENT, self.SIZE) is found
