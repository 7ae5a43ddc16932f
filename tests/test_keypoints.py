"""Keypoints: golden places of SIFT, the choice of them, and recipes of them from picture to hit."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from likewise.collection import Collection
from likewise.descriptors.extractor import Extractor
from likewise.descriptors.parts import Part
from likewise.descriptors.recipe import VectorRecipe
from likewise.errors import BadRecipe, UnknownName, UsageError
from likewise.local.features import LocalExtractor, squares
from likewise.local.interpolated import Interpolated, around
from likewise.local.keypoints import Keypoints
from likewise.local.sift import rooted, sift
from likewise.local.spread import CELLS, Choice, spread
from likewise.pictures import Resize
from likewise.recipes.recipe import load_recipe, parse_recipe
from likewise.types import Box, FloatArray, UInt8Array

TEXT = 'name = "mine"\nkind = "words"\n[keypoints]\nnumber = 50\n[resize]\nsize = 320\n'


def blobs() -> UInt8Array:
    """Three white discs of radius 6, 12 and 20 on black."""
    picture = Image.new("RGB", (320, 240))
    draw = ImageDraw.Draw(picture)
    for x, y, r in ((60, 60, 6), (160, 120, 12), (250, 170, 20)):
        draw.ellipse((x - r, y - r, x + r, y + r), fill="white")
    return np.asarray(picture)


def noise(seed: int, size: tuple[int, int] = (240, 320)) -> UInt8Array:
    """Something with many keypoints: smooth noise of several scales."""
    random = np.random.default_rng(seed)
    total = np.zeros((*size, 3))
    for cells in (6, 15, 40):
        small = Image.fromarray(random.integers(0, 255, (cells, cells * 4 // 3, 3), np.uint8))
        total += np.asarray(small.resize(size[::-1], Image.Resampling.BICUBIC), float)
    return (total / 3).astype(np.uint8)


def test_a_disc_is_found_where_it_lies_and_as_large_as_it_is() -> None:
    points, vectors = sift(blobs(), Choice(50, 66))
    assert vectors.shape == (len(points), 128)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for x, y, radius in ((60, 60, 6), (160, 120, 12), (250, 170, 20)):
        away = np.hypot(points[:, 0] - x, points[:, 1] - y)
        scales = points[away < 1.5, 2]
        # a difference of Gaussians answers a disc most at the scale radius / sqrt(2)
        assert np.abs(scales / (radius / math.sqrt(2)) - 1).min() < 0.15


def test_angles_turn_with_the_picture() -> None:
    pixels = noise(3)
    points, vectors = sift(pixels, Choice(200, 266))
    turned, again = sift(np.ascontiguousarray(np.rot90(pixels, -1)), Choice(200, 266))  # clockwise
    height = pixels.shape[0]
    moved = np.stack([height - 1 - points[:, 1], points[:, 0]], axis=1)
    away = np.linalg.norm(moved[:, None] - turned[None, :, :2], axis=2)
    away += 100 * (1 - vectors @ again.T)
    best = away.argmin(axis=1)
    kept = away[np.arange(len(points)), best] < 5
    assert kept.mean() > 0.7
    turn = (turned[best[kept], 3] - points[kept, 3]) % math.tau
    assert np.median(np.abs(turn - math.pi / 2)) < 0.05


def test_the_more_there_are_to_choose_among_the_more_lie_on_a_small_faint_thing() -> None:
    blocks = np.random.default_rng(0).integers(0, 256, (40, 54, 1)).repeat(3, axis=2)
    pixels = blocks.repeat(12, axis=0).repeat(12, axis=1)[:480, :640].astype(np.uint8)
    thing = pixels[180:300, 240:320]  # two of the cells over which keypoints are spread
    thing[:] = 128 + (thing.astype(int) - 128) * 3 // 5
    on_it = []
    for spare in (1 / 3, 5):
        extractor = Keypoints(number=300, spare=spare, resize=Resize("longest", 640)).open()
        points = extractor.describe(extractor.prepare(pixels)).points
        assert points is not None and len(points) == 300
        on_it.append(((points[:, :2] >= [240, 180]) & (points[:, :2] < [320, 300])).all(axis=1).sum())
    assert on_it[0] == 0 and on_it[1] >= 4


def test_a_power_of_the_scale_prefers_larger_keypoints() -> None:
    pixels = np.asarray(Image.fromarray(noise(7)).resize((640, 480), Image.Resampling.BICUBIC))
    kept = [Keypoints(number=200, spare=3, scale_power=power).open() for power in (0, 0.5, 2)]
    scales = [np.mean(one.describe(one.prepare(pixels)).points[:, 2]) for one in kept]  # type: ignore[index]
    assert scales[0] * 1.02 < scales[1] and scales[1] * 1.02 < scales[2], scales


def test_upright_keypoints_have_one_angle_and_one_place() -> None:
    points, vectors = sift(noise(4), Choice(300, 400), upright=True)
    assert len(points) == len(vectors) > 50
    assert (points[:, 3] == 0).all()
    assert len(np.unique(points[:, :3], axis=0)) == len(points)


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (40, 40)])
def test_a_picture_of_nothing_has_none(size: tuple[int, int]) -> None:
    points, vectors = sift(np.full((*size, 3), 90, np.uint8), Choice(10, 13))
    assert points.shape == (0, 4) and vectors.shape == (0, 128)


def test_root_sift_of_a_histogram_by_hand() -> None:
    np.testing.assert_allclose(
        rooted(np.array([[4, 0, 12], [0, 0, 0]], np.float32)), [[0.5, 0, 0.75**0.5], [0, 0, 0]]
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 60), st.integers(1, 40), st.sampled_from([0.0, 1.0, 2.0]), st.integers(0, 99))
def test_the_choice_is_that_of_a_slow_one(count: int, number: int, power: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    points = np.zeros((count, 4), np.float32)
    points[:, :2] = random.random((count, 2)) ** 2 * [100, 60]
    points[:, 2] = random.integers(1, 4, count)
    response = random.integers(0, 12, count).astype(np.float32)
    chosen = spread(points, response, (100, 60), Choice(number, number, power))
    strength = np.array([r * scale**power for r, scale in zip(response, points[:, 2], strict=True)])
    assert chosen.tolist() == slow(points[:, :2], strength, number)


def slow(places: FloatArray, strength: FloatArray, number: int) -> list[int]:
    order = sorted(range(len(places)), key=lambda one: (-strength[one], one))
    if len(order) <= number:
        return order
    chosen = order[: number // 2]
    cells: dict[tuple[int, int], list[int]] = {}
    for one in order[number // 2 :]:
        x, y = places[one] * CELLS / np.array([100, 60], np.float32)
        cells.setdefault((min(int(x), CELLS - 1), min(int(y), CELLS - 1)), []).append(one)
    for turn in range(len(order)):
        row = [cell[turn] for cell in cells.values() if turn < len(cell)]
        row.sort(key=lambda one: (-strength[one], one))
        chosen += row
    return sorted(chosen[:number], key=lambda one: (-strength[one], one))


def test_places_are_those_of_the_original() -> None:
    pixels = np.asarray(Image.fromarray(noise(5)).resize((640, 480), Image.Resampling.BICUBIC))
    extractor = Keypoints(number=3000, resize=Resize("longest", 320)).open()
    whole = extractor.describe(extractor.prepare(pixels))
    np.testing.assert_array_equal(whole.boxes, squares(whole.points))  # type: ignore[arg-type]
    box = Box(100, 50, 500, 450)
    crop = extractor.describe(extractor.prepare(pixels, box=box), box=box)
    assert crop.points is not None and whole.points is not None
    assert (crop.points[:, :2] >= [100, 50]).all() and (crop.points[:, :2] <= [500, 450]).all()
    inner = crop.points[(np.abs(crop.points[:, :2] - [300, 250]) < 120).all(axis=1)]
    away = np.linalg.norm(inner[:, None, :2] - whole.points[None, :, :2], axis=2).min(axis=1)
    assert np.median(away) < 0.1


def test_features_do_not_depend_on_chance() -> None:
    extractor = Keypoints(number=80).open()
    one, other = (extractor.describe(extractor.prepare(noise(6))) for _ in range(2))
    np.testing.assert_array_equal(one.points, other.points)
    np.testing.assert_array_equal(one.vectors["sift"], other.vectors["sift"])
    assert len(one) == 80


def test_a_recipe_of_keypoints_is_written_and_read() -> None:
    (recipe,) = parse_recipe(TEXT).words
    assert recipe.features == Keypoints(number=50, resize=Resize("longest", 320))
    assert parse_recipe(recipe.to_toml()).words == (recipe,)
    (upright,) = parse_recipe(TEXT.replace("number = 50", "number = 50\nupright = true")).words
    assert upright.hash != recipe.hash
    assert recipe.difference(upright) == "keypoints.upright False against True"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("detector = 'surf'", "no detector is called 'surf'"),
        ("number = 0", "number of .* must lie between 1 and"),
        ("taps = ['x']", "has no key 'taps'"),
    ],
)
def test_odd_keypoints_are_refused(line: str, message: str) -> None:
    with pytest.raises((BadRecipe, UnknownName), match=message):
        parse_recipe(TEXT.replace("number = 50", line))


def test_patches_and_keypoints_do_not_mix() -> None:
    with pytest.raises(BadRecipe, match="has keypoints, and stride is for patches"):
        parse_recipe(TEXT.replace('kind = "words"\n', 'kind = "words"\nstride = 8\n'))
    with pytest.raises(UsageError, match="give at least 1"):
        Keypoints(number=0)


def test_sift_finds_a_turned_part_without_learning_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "nothing"))
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(5):
        Image.fromarray(noise(seed)).save(folder / f"{seed}.png")
    query = Image.fromarray(noise(2)).crop((60, 40, 260, 200)).rotate(30, expand=True, fillcolor="grey")
    with Collection.open(tmp_path / "c", recipe="sift") as collection:
        collection.add(folder)
        hits = collection.search(query, k=2)
        assert hits[0].path.name == "2.png" and hits[0].score > 3 * hits[1].score
        assert collection.verify().faults == []
    (layer,) = load_recipe("sift").words
    assert layer.vocabulary["sha256"]


def test_quarters_are_as_large_and_as_turned_as_their_keypoint() -> None:
    upright, turned = around(np.array([(10, 20, 2, 0), (10, 20, 1, math.pi / 2)], np.float32))
    np.testing.assert_allclose(upright, [(4, 14), (16, 14), (4, 26), (16, 26)], atol=1e-5)
    np.testing.assert_allclose(turned, [(13, 17), (13, 23), (7, 17), (7, 23)], atol=1e-5)


class OneSpot:
    """Finds what it was given, smaller than a cell of any map."""

    grid, minimum, identity = 1, 1, "one spot"

    def __init__(self, x: float, y: float) -> None:
        self.spot = np.array([(x, y, 1e-6, 0)], np.float32)

    def find(self, pixels: UInt8Array, choice: Choice) -> tuple[FloatArray, FloatArray]:
        return self.spot, np.empty((1, 0), np.float32)


def test_activations_are_those_of_the_map_there() -> None:
    """In the middle of a cell they are that cell's, half-way to the next one the mean of both."""
    how: dict[str, Any] = {"engine": "openvino", "device": "cpu", "precision": "f32", "streams": 1}
    extractor = Extractor(VectorRecipe("maps", "efficientnet-lite0", (Part("block4"),), Resize("full")))
    pixels = noise(5, (64, 96))
    maps = extractor.maps([extractor.prepare(pixels)])[0][0]
    assert maps.shape == (40, 8, 12)
    for x, y, wanted in (
        (3.5 + 8 * 2, 3.5 + 8 * 3, maps[:, 3, 2]),
        (23.5, 27.5, maps[:, 3, 2:4].mean(axis=1)),
    ):
        interpolated = Interpolated(OneSpot(x, y), "efficientnet-lite0", "block4", **how)
        found = interpolated.find(pixels, Choice(1, 1))[1]
        assert found.shape == (1, 160)
        np.testing.assert_allclose(found[0], np.tile(wanted / np.linalg.norm(wanted), 4) / 2, atol=1e-5)


def test_a_recipe_may_name_a_network_that_describes_keypoints() -> None:
    described = TEXT.replace("number = 50", 'number = 50\ndescriber = "efficientnet-lite0"\ntap = "block4"')
    recipe = parse_recipe(described)
    assert parse_recipe(recipe.to_toml()) == recipe
    assert recipe.hash != parse_recipe(TEXT).hash
    (layer,) = recipe.words
    assert (layer.network, layer.features.taps) == ("efficientnet-lite0", ("block4",))
    with pytest.raises(UsageError, match="give a network and its tap"):
        Keypoints(tap="block4")


def test_hashes_of_keypoints_are_those_of_before_a_network_could_describe_them() -> None:
    (layer,) = load_recipe("sift").words
    then = replace(layer, features=Keypoints("sift", 900))
    assert then.hash.startswith("a6b4716b379d")
    assert "spare" in layer.difference(then) and "scale_power" in layer.difference(then)


def test_a_query_has_more_keypoints_of_a_larger_picture_and_the_collection_keeps_fewer() -> None:
    recipe = parse_recipe(TEXT + "[query]\nsize = 640\nnumber = 200\nspare = 2\n")
    (layer,) = recipe.words
    assert isinstance(layer.asked_features, Keypoints)
    kept = layer.features
    assert isinstance(kept, Keypoints)
    assert layer.asked_features == replace(kept, number=200, spare=2, resize=Resize("longest", 640))
    assert recipe.hash == parse_recipe(TEXT).hash
    assert parse_recipe(recipe.to_toml()) == recipe
    extractor: LocalExtractor = layer.features.open()
    pixels = noise(9, (480, 640))
    stored = extractor.describe(extractor.prepare(pixels))
    asked = extractor.sized(layer.asked_features)
    found = asked.describe(asked.prepare(pixels))
    assert len(stored) == 50 and 150 < len(found) <= 200


def test_a_card_says_how_keypoints_are_chosen() -> None:
    assert Keypoints(number=9).told == {"keypoints": "at most 9, spread over 8 x 8 cells"}
    larger = Keypoints(number=9, spare=1.0, scale_power=0.5).told["keypoints"]
    assert larger.endswith("cells, among 2 times as many, by response times scale to the power 0.5")
