"""Verification: known transforms come back, from keypoints of any picture, and nothing else does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.errors import UsageError
from likewise.types import Box, FloatArray
from likewise.words.matching import Matches
from likewise.words.verification import _possible, _spread, verify

SIZE = (640, 480)
REGION = Box(0, 0, 640, 480)
CORNERS = np.array([(0, 0), (640, 0), (640, 480), (0, 480)], float)


def scattered(count: int, random: np.random.Generator) -> FloatArray:
    columns = (
        random.uniform(0, 640, count),
        random.uniform(0, 480, count),
        2 ** random.uniform(1, 4, count),
        random.uniform(0, 2 * math.pi, count),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def projected(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    moved = np.column_stack([points, np.ones(len(points))]) @ transform.T
    return np.asarray(moved[:, :2] / moved[:, 2:])


def laid(
    transform: np.ndarray, points: FloatArray, random: np.random.Generator, noise: float = 0.5
) -> FloatArray:
    """Where a transform puts keypoints, with the scale and angle that it gives them there."""
    here, there = points[:, :2].astype(float), projected(transform, points[:, :2])
    ahead = here + 0.01 * np.stack([np.cos(points[:, 3]), np.sin(points[:, 3])], axis=1)
    along = (projected(transform, ahead) - there) / 0.01
    scale = points[:, 2] * np.linalg.norm(along, axis=1) * 2 ** random.normal(0, 0.1, len(points))
    angle = np.arctan2(along[:, 1], along[:, 0]) + random.normal(0, 0.05, len(points))
    return np.column_stack([there + random.normal(0, noise, there.shape), scale, angle]).astype(np.float32)


def paired(count: int, weight: np.ndarray | None = None) -> Matches:
    numbers = np.arange(count)
    weights = np.ones(count) if weight is None else weight
    return Matches(numbers, numbers, 0 * numbers, 0 * numbers, weights.astype(np.float32))


def case(
    transform: np.ndarray, inside: int, outside: int, seed: int = 0
) -> tuple[FloatArray, FloatArray, Matches]:
    """Keypoints that follow a transform, others that do not, and which are which by their numbers."""
    random = np.random.default_rng(seed)
    asked = scattered(inside + outside, random)
    held = np.concatenate([laid(transform, asked[:inside], random), scattered(outside, random)])
    weight = random.uniform(0.5, 1, inside + outside) + 0.3 * (np.arange(inside + outside) < inside)
    return asked, held, paired(inside + outside, weight)


def similarity(scale: float, degrees: float, x: float, y: float) -> np.ndarray:
    turn = math.radians(degrees)
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]])


TILTED = np.array([[0.6, 0.1, 60], [-0.05, 0.4, 100], [2e-4, 1e-4, 1]])


@pytest.mark.parametrize(
    ("transform", "inside", "outside"),
    [
        (similarity(0.5, 20, 200, 50), 40, 200),
        (similarity(0.3, 170, 400, 300), 12, 200),
        (similarity(1.5, -60, -100, 200), 30, 100),
        (np.array([[0.7, 0.1, 50], [0.0, 0.45, 80], [0, 0, 1]]), 30, 100),
        (TILTED, 60, 200),
    ],
)
def test_a_known_transform_comes_back(transform: np.ndarray, inside: int, outside: int) -> None:
    found = verify(*case(transform, inside, outside), SIZE, REGION)
    assert found is not None
    assert found.inliers[:inside].mean() > 0.75
    assert found.inliers[inside:].mean() < 0.05
    assert np.abs(found.outline - projected(transform, CORNERS)).max() < 25
    assert found.score > 20


def test_the_box_is_around_the_outline_and_inside_the_hit() -> None:
    transform = similarity(0.5, 0, 450, -60)
    found = verify(*case(transform, 40, 20), SIZE, REGION)
    assert found is not None
    assert (found.box.x2, found.box.y1) == (640, 0)
    assert found.box.x1 == pytest.approx(450, abs=8)


def test_random_matches_hardly_ever_fit() -> None:
    """Of 200 pairs of pictures that share nothing but 150 matches laid at random, what is said of them."""
    scores = []
    for seed in range(200):
        found = verify(*case(np.eye(3), 0, 150, seed), SIZE, REGION)
        scores.append(found.score if found else 0.0)
    assert np.mean(np.array(scores) > 0) < 0.1
    assert max(scores) < 15


@settings(deadline=None, max_examples=25)
@given(st.floats(0.4, 2.5), st.floats(0, 360), st.floats(-200, 200), st.floats(-200, 200))
def test_the_frame_of_the_query_does_not_matter(scale: float, degrees: float, x: float, y: float) -> None:
    """A query that is moved, turned and scaled as a whole has the same inliers."""
    random = np.random.default_rng(5)
    asked, held, pairs = case(similarity(0.6, 30, 150, 40), 30, 40)
    frame = similarity(scale, degrees, x, y)
    moved = laid(frame, asked, random, noise=0.0)
    moved[:, 2] = asked[:, 2] * scale
    moved[:, 3] = asked[:, 3] + math.radians(degrees)
    corners = projected(frame, CORNERS)
    around = Box(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
    plain = verify(asked, held, pairs, SIZE, REGION)
    other = verify(moved, held, pairs, SIZE, around)
    assert plain is not None and other is not None
    assert (plain.inliers ^ other.inliers).sum() <= 3


def test_the_order_of_matches_does_not_matter() -> None:
    asked, held, pairs = case(similarity(0.5, 20, 200, 50), 30, 100)
    order = np.random.default_rng(2).permutation(len(pairs))
    one, other = (
        verify(asked, held, pairs, SIZE, REGION),
        verify(asked, held, pairs.take(order), SIZE, REGION),
    )
    assert one is not None and other is not None
    assert (one.inliers[order] == other.inliers).all()
    np.testing.assert_allclose(one.outline, other.outline)


def test_a_keypoint_agrees_once() -> None:
    asked, held, pairs = case(similarity(0.5, 20, 200, 50), 20, 0)
    twice = np.concatenate([held, held + np.array([1, 1, 0, 0], np.float32)])
    doubled = Matches.joined(
        [pairs, Matches(pairs.query, pairs.picture + 20, *(pairs.layer,) * 2, pairs.weight)]
    )
    found = verify(asked, twice, doubled, SIZE, REGION)
    assert found is not None
    assert found.count <= 20
    assert len(set(doubled.query[found.inliers].tolist())) == found.count


def test_many_words_of_one_spot_are_one_keypoint() -> None:
    random = np.random.default_rng(0)
    asked = np.repeat(scattered(1, random), 30, axis=0)
    held = laid(similarity(0.5, 0, 100, 100), asked, random, noise=0.0)
    assert verify(asked, held, paired(30), SIZE, REGION) is None


@pytest.mark.parametrize(
    "transform",
    [
        np.diag([-0.5, 0.5, 1]) + np.array([[0, 0, 500], [0, 0, 100], [0, 0, 0]]),  # mirrored
        np.diag([0.01, 0.01, 1]) + np.array([[0, 0, 300], [0, 0, 200], [0, 0, 0]]),  # a spot
        np.array([[0.9, 0, 20], [0.0, 0.02, 200], [0, 0, 1]]),  # a line
    ],
)
def test_what_no_camera_does_is_no_fit(transform: np.ndarray) -> None:
    asked, held, pairs = case(transform, 60, 0)
    found = verify(asked, held, pairs, SIZE, REGION)
    assert found is None or found.count < 12


def test_fewer_than_four_matches_are_no_fit() -> None:
    asked, held, pairs = case(similarity(0.5, 20, 200, 50), 3, 0)
    assert verify(asked, held, pairs, SIZE, REGION) is None
    assert verify(asked, held, pairs.take(np.zeros(3, bool)), SIZE, REGION) is None


def test_keypoints_without_a_scale_and_matches_of_none_are_refused() -> None:
    asked, held, pairs = case(np.eye(3), 8, 0)
    flat = asked.copy()
    flat[0, 2] = 0
    with pytest.raises(UsageError, match="scale"):
        verify(flat, held, pairs, SIZE, REGION)
    with pytest.raises(UsageError, match="do not belong to 7"):
        verify(asked, held[:7], pairs, SIZE, REGION)
    with pytest.raises(UsageError, match="x, y, scale and angle"):
        verify(asked[:, :3], held, pairs, SIZE, REGION)


@given(st.integers(0, 10_000))
def test_how_far_points_lie_from_a_line(seed: int) -> None:
    random = np.random.default_rng(seed)
    points = random.normal(size=(int(random.integers(2, 30)), 2)) @ random.normal(size=(2, 2)) + 500
    least = np.linalg.eigvalsh(np.cov(points.T, bias=True))[0]
    assert _spread(np.asarray(points @ (1, 1j), np.complex128)) == pytest.approx(
        2 * math.sqrt(max(0.0, least)), abs=1e-4
    )


def test_points_on_a_line_are_no_distance_from_it() -> None:
    for direction in (1, 1j, 1 + 1j):
        assert _spread(np.arange(7) * np.complex128(direction)) == 0


@given(st.integers(0, 10_000))
def test_what_a_camera_can_have_done_to_a_square(seed: int) -> None:
    """Against singular values and turns by numpy, of affine transforms, which are alike everywhere."""
    random = np.random.default_rng(seed)
    matrix = np.eye(3)
    matrix[:2] = random.normal(size=(2, 3)) * 10.0 ** random.uniform(-2, 2)
    long, short = np.linalg.svd(matrix[:2, :2])[1]
    possible = 1 / 12 < short <= long < 12 and long < 4 * short and np.linalg.det(matrix[:2, :2]) > 0
    assert _possible(matrix, Box(10, 20, 110, 220)) == possible


def test_what_lies_behind_the_camera_or_is_folded_is_impossible() -> None:
    region = Box(0, 0, 100, 100)
    for low, possible in (((0, 0, 1), True), ((-0.011, 0, 1), False), ((-0.02, -0.02, 1), False)):
        assert _possible(np.array([[1, 0, 0], [0, 1, 0], low], float), region) == possible
