"""Finding the query in a picture: on pictures whose answer is known, and what is kept meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likewise.descriptors.estimators import PCAWhitening
from likewise.descriptors.parts import Part, Step
from likewise.descriptors.poolings import POOLINGS
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import l2
from likewise.errors import BadPicture, UsageError
from likewise.pictures import Loaded, Resize, Source
from likewise.ranking import localiser
from likewise.ranking.localiser import Localiser
from likewise.types import Box, CropScale, FloatArray
from tests.fakes import RECIPE, FakeExtractor

RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


def scene(path: Path, box: tuple[int, int, int, int] | None, colour: tuple[int, int, int] = RED) -> Path:
    """A green picture of 320 x 160 pixels with a rectangle of another colour."""
    picture = Image.new("RGB", (320, 160), GREEN)
    if box:
        picture.paste(colour, box)
    picture.save(path)
    return path


def asked(colour: tuple[int, int, int]) -> FloatArray:
    """What the fake extractor says of a picture of one colour."""
    fake = FakeExtractor()
    return fake.describe([fake.prepare(np.full((8, 8, 3), colour, np.uint8))])


@pytest.mark.parametrize("box", [(0, 0, 80, 80), (240, 80, 320, 160), (100, 20, 260, 150), (30, 60, 50, 80)])
@pytest.mark.parametrize("distance", ["cosine", "l2"])
def test_the_box_of_what_was_asked_for_is_found(tmp_path: Path, box: Any, distance: Any) -> None:
    path = scene(tmp_path / "a.png", box)
    finder = Localiser(FakeExtractor(replace(RECIPE, distance=distance)), asked(RED), lambda _: path)
    scores, (found,) = finder(0, np.array([7]))
    assert scores.dtype == np.float32
    assert found is not None
    sides = np.array([found.x1, found.y1, found.x2, found.y2])
    assert np.abs(sides - box).max() <= 10  # a cell of the fake's map is as large
    assert scores[0] == pytest.approx(1 if distance == "cosine" else 0, abs=0.3)


def test_each_query_looks_for_its_own(tmp_path: Path) -> None:
    picture = Image.open(scene(tmp_path / "a.png", (0, 0, 80, 160)))
    picture.paste(BLUE, (240, 0, 320, 160))
    queries = np.concatenate([asked(RED), asked(BLUE)])
    finder = Localiser(FakeExtractor(), queries, lambda _: picture)
    left, right = (finder(query, np.array([1]))[1][0] for query in (0, 1))
    assert left is not None and right is not None
    assert left.x1 == 0 and 70 <= left.x2 <= 80 and left.y2 - left.y1 == 160
    assert right.x2 == 320 and 240 <= right.x1 <= 250 and right.y2 - right.y1 == 160


def test_pictures_that_hold_it_come_before_those_that_do_not(tmp_path: Path) -> None:
    files = {3: scene(tmp_path / "a.png", None), 4: scene(tmp_path / "b.png", (200, 40, 230, 70))}
    scores, boxes = Localiser(FakeExtractor(), asked(RED), files.__getitem__)(0, np.array([3, 4]))
    assert scores[1] > scores[0] + 0.3
    assert all(boxes)


def test_what_cannot_be_read_has_no_box_and_no_score(tmp_path: Path) -> None:
    files = {
        1: scene(tmp_path / "a.png", (0, 0, 99, 99)),
        2: tmp_path / "gone.png",
        3: scene(tmp_path / "c.png", None),
    }
    scores, boxes = Localiser(FakeExtractor(), asked(RED), files.__getitem__)(0, np.array([1, 2, 3]))
    assert boxes[1] is None
    assert scores[1] == -np.inf
    assert np.isfinite(scores[[0, 2]]).all()
    scores, boxes = Localiser(FakeExtractor(), asked(RED), files.__getitem__)(0, np.array([2]))
    assert (scores.tolist(), boxes) == ([-np.inf], [None])
    scores, boxes = Localiser(FakeExtractor(), asked(RED), files.__getitem__)(0, np.array([], np.int64))
    assert (scores.shape, boxes) == ((0,), [])


class Drawn(FakeExtractor):
    """An encoder whose maps are given, whatever the picture."""

    def __init__(self, recipe: VectorRecipe, given: list[FloatArray]) -> None:
        super().__init__(recipe)
        self.given, self.asked = given, list[Source]()

    def prepare(
        self,
        source: Source,
        *,
        box: Box | None = None,
        crop: CropScale = "whole",
        max_pixels: int | None = None,
    ) -> Loaded:
        self.asked.append(source)
        if max_pixels == 1:
            raise BadPicture("too large", "too-large")
        return Loaded(90, 70, ())

    def maps(self, loaded: Sequence[Loaded], scale: int = 0) -> list[list[FloatArray]]:
        return [[one + 0 for one in self.given] for _ in loaded]


def random_maps(*sizes: tuple[int, int, int]) -> list[FloatArray]:
    noise = np.random.default_rng(5)
    return [noise.random(size, np.float32) for size in sizes]


def recipe(*parts: Part, **changes: Any) -> VectorRecipe:
    return replace(VectorRecipe("some", "net", parts, Resize("square", 90)), **changes)


def test_the_whole_chain_is_applied_to_windows(tmp_path: Path) -> None:
    maps = random_maps((6, 5, 7), (4, 10, 14))
    noise = np.random.default_rng(1).normal(size=(40, 10))
    PCAWhitening(8).fit(noise).save(tmp_path / "w.safetensors")
    steps = (Step("l2"), Step("root"), Step.whiten(tmp_path / "w.safetensors"), Step("l2"))
    parts = Part("a", "gem", 1.0, {"p": 2.0, "centre": 0.3}), Part("b", "mean", 0.5)
    encoder = Drawn(recipe(*parts, transforms=steps), maps)
    window = np.array([[1, 2, 4, 5]])
    pooled = [
        POOLINGS["gem"].over(maps[0], parts[0].options)(window),
        POOLINGS["mean"].over(maps[1], {})(2 * window),
    ]
    vector = np.concatenate([l2(pooled[0]), 0.5 * l2(pooled[1])], axis=1)
    mean, projection = PCAWhitening(8).fit(noise).mean_, PCAWhitening(8).fit(noise).projection_
    query = l2((np.sqrt(l2(vector)) - mean) @ projection).astype(np.float32)
    scores, (box,) = Localiser(encoder, query, str)(0, np.array([1]))
    assert box == Box(2 * 90 / 7, 14, 5 * 90 / 7, 56)  # 7 x 5 cells lie evenly over 90 x 70 pixels
    assert scores[0] == pytest.approx(1, abs=1e-5)


def test_recipes_that_keep_no_map_are_refused() -> None:
    flat = recipe(Part("pool5", "flatten"), name="pool5")
    with pytest.raises(UsageError, match=r"'pool5' does not pool pool5.*default, gem or rmac"):
        Localiser(Drawn(flat, []), np.zeros((1, 3), np.float32), str)
    with pytest.raises(UsageError, match="does not pool fc2"):
        Localiser(Drawn(recipe(Part("fc2", "none")), []), np.zeros((1, 3), np.float32), str)


def test_maps_are_kept_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = random_maps((6, 5, 7))
    monkeypatch.setattr(localiser, "KEPT_BYTES", 2 * maps[0].nbytes)
    encoder = Drawn(recipe(Part("a", "mean")), maps)
    finder = Localiser(encoder, np.ones((2, 6), np.float32), lambda picture: f"{picture}.png")
    finder(0, np.array([1, 2]))
    finder(1, np.array([2, 1]))
    assert encoder.asked == ["1.png", "2.png"]
    finder(1, np.array([3, 1, 2]))  # the third drives out the second, and the second the third
    assert encoder.asked == ["1.png", "2.png", "3.png", "2.png"]


def test_the_limit_of_pixels_holds_for_candidates() -> None:
    encoder = Drawn(recipe(Part("a", "mean")), random_maps((6, 5, 7)))
    query = np.ones((1, 6), np.float32)
    assert Localiser(encoder, query, str, max_pixels=1)(0, np.array([1]))[1] == [None]
    assert Localiser(encoder, query, str, max_pixels=9000)(0, np.array([1]))[1] != [None]
