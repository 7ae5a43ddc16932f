"""Similarities shared out among places: sums, whitening and roots, scales and parts, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.arrays import spread
from likewise.descriptors.extractor import Extractor
from likewise.descriptors.parts import Part, Step
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import Origin, Whitening
from likewise.drawing.sheets import explanation_sheet
from likewise.drawing.taps import overlay
from likewise.errors import BadPicture, UsageError
from likewise.explaining.shares import explain, patch_shares
from likewise.pictures import Loaded, Resize, Source, load
from likewise.types import Box, CropScale, FloatArray, UInt8Array
from tests.fakes import RECIPE, FakeExtractor
from tests.zoo import photo

SMALL = VectorRecipe("small", "efficientnet-lite0", (Part("head", "gem"),), Resize("longest", 128))


def pictures() -> tuple[UInt8Array, UInt8Array]:
    return photo(1, width=128, height=96), photo(2, width=96, height=128)


def whitening(path: Path, dimensions: int) -> Path:
    chance = np.random.default_rng(3)
    mean = chance.normal(0, 0.01, dimensions).astype(np.float32)
    projection = chance.normal(0, 1, (dimensions, 16)).astype(np.float32)
    Whitening(mean, projection, Origin("0" * 64, 20, exponent=0.5, shrinkage=0)).save(path)
    return path


def recipe(kind: str, folder: Path) -> VectorRecipe:
    file = folder / "whitening.safetensors"
    steps: tuple[Step, ...]
    two = (Part("head", "gem"), Part("block10", "mean", weight=0.5))
    match kind:
        case "default":
            return VectorRecipe.load("default")
        case "whitened":
            return replace(SMALL, transforms=(Step("l2"), Step.whiten(whitening(file, 1280)), Step("l2")))
        case "rooted":
            steps = (Step("l2"), Step("root"), Step.whiten(whitening(file, 1280)), Step("root"), Step("l2"))
            return replace(SMALL, transforms=steps)
        case "parts":
            steps = (Step.whiten(whitening(file, 1280 + 112)), Step("l2"))
            return replace(SMALL, parts=two, scales=(1.0, 0.5), transforms=steps)
        case pool:
            return replace(SMALL, parts=(Part("head", pool),))


@pytest.mark.parametrize(
    "kind", ["default", "whitened", "rooted", "parts", "sum", "mean", "max", "gem", "spoc", "crow"]
)
def test_places_add_up_to_the_similarity(kind: str, tmp_path: Path) -> None:
    extractor = Extractor(recipe(kind, tmp_path), engine="openvino" if kind == "default" else "torch")
    a, b = pictures()
    vectors = extractor.describe([extractor.prepare(a), extractor.prepare(b)])
    found = explain(extractor, a, b)
    assert found.similarity == pytest.approx(float(vectors[0] @ vectors[1]), abs=2e-5)
    for side in (found.first, found.second):
        assert side.cells.sum() + side.constant == pytest.approx(found.similarity, abs=1e-9)
        assert bool(side.constant) == (kind in ("whitened", "rooted", "parts"))
    finest = 16 if kind == "parts" else 32  # the stride of block10, that of head
    assert found.first.cells.shape == (96 // finest, 128 // finest)
    assert found.first.area == Box(0, 0, 128, 96)


class Colours(FakeExtractor):
    """An encoder whose maps are the pixels."""

    def __init__(self) -> None:
        super().__init__(replace(RECIPE, parts=(Part("colours", "sum"),)))

    def prepare(
        self,
        source: Source,
        *,
        box: Box | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Loaded:
        return load(source, [Resize("full")], box=box, crop=crop, max_pixels=max_pixels)

    def maps(self, loaded: Sequence[Loaded], scale: int = 0) -> list[list[FloatArray]]:
        return [[one.pixels[0].astype(np.float32).transpose(2, 0, 1)] for one in loaded]


def test_a_sum_by_hand() -> None:
    a = np.array([[[3, 0, 0], [0, 4, 0]]], np.uint8)  # sums to (3, 4, 0), of length 5
    b = np.array([[[0, 0, 1], [0, 0, 0], [1, 0, 0]]], np.uint8)  # (1, 0, 1), of length sqrt 2
    found = explain(Colours(), a, b)
    assert found.similarity == pytest.approx(3 / (5 * np.sqrt(2)))
    np.testing.assert_allclose(found.first.cells, [[3 / (5 * np.sqrt(2)), 0]])
    np.testing.assert_allclose(found.second.cells, [[0, 0, 3 / (5 * np.sqrt(2))]])


def test_a_box_explains_its_part() -> None:
    a = np.zeros((4, 6, 3), np.uint8)
    a[1, 2], a[3, 5] = 7, 9
    found = explain(Colours(), a, a, box=Box(1, 1, 3.2, 3))
    assert found.first.area == Box(1, 1, 4, 3)
    assert found.first.cells.shape == (2, 3)
    assert np.argmax(found.first.cells) == 1
    assert found.second.cells.shape == (4, 6)


def test_a_picture_of_nothing_is_alike_to_nothing() -> None:
    black = np.zeros((2, 2, 3), np.uint8)
    assert explain(Colours(), black, photo(1)).similarity == 0


def test_what_is_spread_is_all_there() -> None:
    np.testing.assert_allclose(spread(2, 3), [[2 / 3, 0], [1 / 3, 1 / 3], [0, 2 / 3]])
    for count, finer in ((1, 5), (4, 4), (5, 7), (7, 7)):
        np.testing.assert_allclose(spread(count, finer).sum(axis=0), 1)


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"parts": (Part("head", "rmac"),)}, "pool 'rmac'.*use a recipe with pool sum, mean"),
        ({"distance": "l2"}, 'compares by distance.*distance = "cosine"'),
    ],
)
def test_what_does_not_share_out_is_refused(changes: dict[str, object], remedy: str) -> None:
    with pytest.raises(UsageError, match=remedy):
        explain(Extractor(replace(SMALL, **changes), engine="torch"), *pictures())  # type: ignore[arg-type]


def test_a_vector_tap_has_no_places() -> None:
    with pytest.raises(UsageError, match="not a map"):
        explain(Extractor(replace(SMALL, parts=(Part("pooled", "mean"),)), engine="torch"), *pictures())


def test_colours_say_which_way_a_place_counts() -> None:
    grey = np.full((8, 8, 3), 128, np.uint8)
    cells = np.array([[1.0, 1.0, -1.0, -1.0]] * 4)
    found = overlay(grey, cells, 1.0).astype(int)
    assert (found[:, 0, 0] > found[:, 0, 2]).all()  # red where it gives
    assert (found[:, -1, 2] > found[:, -1, 0]).all()  # blue where it takes
    plain = overlay(grey, np.zeros((2, 2)), 0.0)
    assert (plain == plain[0, 0, 0]).all()


def test_the_sheet_shows_both_pictures(tmp_path: Path) -> None:
    a, b = pictures()
    explanation_sheet(a, b, explain(Colours(), a, b), tmp_path / "why.png")
    with Image.open(tmp_path / "why.png") as sheet:
        assert sheet.width > sheet.height > 400
    with pytest.raises(UsageError, match=r"end its name in \.png"):
        explanation_sheet(a, b, explain(Colours(), a, b), tmp_path / "why.gif")


def test_a_truncated_picture_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    Image.fromarray(photo(1)).save(file)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(BadPicture):
        explain(Colours(), file, photo(2))


def test_weights_of_patches_are_spread_over_what_they_cover() -> None:
    boxes = np.array([[0, 0, 50, 50], [50, 0, 100, 100], [99, 49, 100, 50]], np.float32)
    patches, weights = np.array([0, 1, 1, 2]), np.array([0.4, 0.2, 0.1, 0.3], np.float32)
    found = patch_shares(boxes, patches, weights, (100, 100))
    assert found.cells.shape == (32, 32)
    assert found.cells.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(found.cells[:16, :16], 0.4 / 256, rtol=1e-6)
    assert found.cells[15, 31] == pytest.approx(0.3 + 0.3 / 512)
    assert not found.cells[16:, :16].any()
    assert patch_shares(boxes, patches, weights, (300, 100)).cells.shape == (11, 32)


def test_what_reaches_beyond_the_border_counts_within() -> None:
    boxes = np.array([(-90, -90, -10, 20), (-20, 10, 30, 60), (90, 90, 170, 170)], np.float32)
    shares = patch_shares(boxes, np.arange(3), np.array([1, 2, 4], np.float32), (100, 100))
    assert np.isfinite(shares.cells).all()
    assert shares.cells.sum() == pytest.approx(7)
    assert shares.cells[:, 0].sum() > 0
