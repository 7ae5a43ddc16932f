"""The sheet of a query and a hit: lines, places and numbers are where and what they should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.collection.layers import PatchMatches
from likewise.drawing import canvas
from likewise.drawing.sheets import match_sheet
from likewise.drawing.sheets.matches import GAP, LAYERS, TOP, strongest
from likewise.errors import BadBox, BadPicture, StorageError, UsageError
from likewise.types import Box
from likewise.words.geometry import Fit, corners
from likewise.words.matching import Matches
from tests.drawing.looks import drawn, picture, places

BOXES = np.array([[0, 0, 40, 40], [100, 0, 140, 40], [0, 100, 40, 140], [100, 100, 140, 140]], np.float32)
GREY = (90, 110, 130)


def matches(*rows: tuple[int, int, int, float]) -> Matches:
    """Query's patch, hit's patch, layer and weight of each."""
    columns = np.array(rows, np.float64).reshape(-1, 4).T
    query, hit, layer = columns[:3].astype(np.int64)
    return Matches(query, hit, layer, np.zeros(len(query), np.int64), columns[3].astype(np.float32))


def fit(*inliers: bool, box: Box | None = None) -> Fit:
    box = box or Box(20, 20, 120, 120)
    return Fit(np.eye(2, 3), np.array(inliers, bool), 1.0, box, corners(box))


def shown(found: Matches, of: Fit | None) -> PatchMatches:
    return PatchMatches(0.0, ("conv3", "fc7"), BOXES, BOXES, found, of)


def sheet(folder: Path, found: Matches, of: Fit | None, box: Box | None = None) -> np.ndarray:
    """Of two grey pictures of 368 x 368 pixels, shown twice as large: patch 0 has its centre at 40, 40."""
    query, hit = (picture(folder / name, GREY, (368, 368)) for name in ("q.png", "h.png"))
    match_sheet(query, hit, shown(found, of), folder / "sheet.png", box=box)
    return drawn(folder / "sheet.png")


def between(pixels: np.ndarray) -> np.ndarray:
    """What lies between the two pictures."""
    left = canvas.MARGIN + 736
    return pixels[TOP : TOP + 736, left + 2 : left + GAP - 2]


def test_a_line_joins_the_centres_in_the_colour_of_its_layer(tmp_path: Path) -> None:
    found = matches((0, 0, 0, 1), (3, 3, 1, 1))
    gap = between(sheet(tmp_path, found, fit(True, True)))
    for layer, height in ((0, 40), (1, 240 + 3)):
        line = places(gap, LAYERS[layer])
        assert len(line) >= gap.shape[1]
        assert line[:, 1].mean() == pytest.approx(height, abs=1.5)


def test_a_slanting_line_goes_from_one_to_the_other(tmp_path: Path) -> None:
    gap = between(sheet(tmp_path, matches((0, 2, 0, 1)), fit(True)))
    line = places(gap, LAYERS[0])
    rise = (240 - 40) / (736 + GAP)  # centres lie as far apart as the left borders of the pictures
    steepness = np.polyfit(line[:, 0], line[:, 1], 1)[0]
    assert steepness == pytest.approx(rise, rel=0.1)


def test_what_agrees_is_strong_and_what_does_not_is_faint(tmp_path: Path) -> None:
    gap = between(sheet(tmp_path, matches((0, 0, 0, 1), (3, 3, 0, 1)), fit(True, False)))
    ink = (255 - gap).sum(axis=2)
    assert ink[20:60].sum() > 3 * ink[220:260].sum() > 0


def test_weight_is_opacity(tmp_path: Path) -> None:
    gap = between(sheet(tmp_path, matches((0, 0, 0, 1), (3, 3, 0, 0.1)), fit(True, True)))
    ink = (255 - gap).sum(axis=2)
    assert ink[20:60].sum() > 1.5 * ink[220:260].sum() > 0


def test_the_places_are_red(tmp_path: Path) -> None:
    found = matches((0, 0, 0, 1))
    none = sheet(tmp_path, found, None)
    assert not len(places(none, canvas.RED))
    both = sheet(tmp_path, found, fit(True, box=Box(200, 200, 300, 250)), box=Box(200, 100, 300, 200))
    red = places(both, canvas.RED)
    middle = canvas.MARGIN + 736 + GAP // 2
    for side, left, box in (
        (red[red[:, 0] < middle], canvas.MARGIN, (400, 200, 598, 398)),
        (red[red[:, 0] > middle], canvas.MARGIN + 736 + GAP, (400, 400, 598, 498)),
    ):
        ends = [*(side.min(axis=0) - (left, TOP)), *(side.max(axis=0) - (left, TOP))]
        assert ends == pytest.approx(box, abs=3)


def test_a_place_outside_a_hit_that_became_smaller_is_left_out(tmp_path: Path) -> None:
    shown = sheet(tmp_path, matches((0, 0, 0, 1)), fit(True, box=Box(500, 500, 600, 600)))
    assert not len(places(shown, canvas.RED))


def test_the_heaviest_are_outlined_and_do_not_pile_up() -> None:
    boxes = np.concatenate([BOXES, BOXES + np.float32(10)])
    found = matches((0, 0, 0, 3), (4, 4, 0, 2.9), (1, 1, 0, 2), (2, 2, 0, 4), (3, 3, 0, 5))
    rows = np.array([True, True, True, True, False])
    assert strongest(found, rows, boxes) == [3, 0, 2]
    grid = np.array([[x, 0, x + 40, 40] for x in range(0, 800, 40)], np.float32)
    many = matches(*((i, i, 0, i) for i in range(20)))
    assert strongest(many, np.ones(20, bool), grid) == [19, 18, 17, 16, 15, 14]


def test_text_says_what_each_layer_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(canvas, "write", lambda *args: said.append(args[2]))
    found = matches((0, 0, 0, 1), (1, 1, 0, 2), (2, 2, 1, 1))
    sheet(tmp_path, found, fit(True, False, True))
    assert "3 matches, score 4" in said
    assert "2 agree on the place in red and give 50 % of the score" in said
    assert "conv3: 2 matches, 75 % of the score; 1 agree" in said
    assert "fc7: 1 match, 25 % of the score; 1 agree" in said
    assert "q.png, 368 x 368 pixels" in said and "h.png, 368 x 368 pixels" in said
    said.clear()
    sheet(tmp_path, matches(), None)
    assert {"0 matches, score 0", "they agree on no place", "fc7: 0 matches, nothing of the score"} <= set(
        said
    )


@pytest.mark.parametrize("size", [(5000, 2), (2, 5000), (1, 1), (4000, 300), (300, 4000)])
def test_pictures_of_any_shape_fit(tmp_path: Path, size: tuple[int, int]) -> None:
    odd = picture(tmp_path / "odd.png", (0, 0, 255), size)
    boxes = np.array([[0, 0, *size]], np.float32)
    for name, found in (("without.png", matches()), ("with.png", matches((0, 0, 0, 1)))):
        match_sheet(odd, odd, PatchMatches(0, ("a",), boxes, boxes, found, None), tmp_path / name)
    assert len(places(drawn(tmp_path / "without.png"), (0, 0, 255))) > 1400
    shown = drawn(tmp_path / "with.png")
    shown[9:-9, 9:-9] = 255
    assert (shown == 255).all()


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    query = picture(tmp_path / "q.png")
    found, out = matches((0, 0, 0, 1)), tmp_path / "s.png"

    def draw(to: Path = out, hit: Path = query, found: Matches = found, of: Fit | None = None) -> None:
        match_sheet(query, hit, replace(shown(found, of), layers=("conv3",)), to)

    with pytest.raises(UsageError, match=r"s\.xyz.*\.png"):
        draw(tmp_path / "s.xyz")
    with pytest.raises(UsageError, match="would replace a picture"):
        draw(query)
    with pytest.raises(StorageError, match="cannot be written"):
        draw(tmp_path / "missing" / "s.png")
    with pytest.raises(BadPicture):
        draw(hit=tmp_path / "gone.png")
    for wrong, said in (
        ((4, 0, 0, 1), "patches of the query 4 to 4, but there are 4"),
        ((0, 4, 0, 1), "patches of the hit"),
        ((0, 0, 1, 1), "layers 1 to 1, but there are 1"),
    ):
        with pytest.raises(UsageError, match=said):
            draw(found=matches(wrong))
    with pytest.raises(UsageError, match="a fit of 2 matches"):
        draw(of=fit(True, True))
    with pytest.raises(BadBox, match="outside"):
        sheet(tmp_path, found, None, box=Box(900, 900, 950, 950))
    assert not out.exists()


def test_the_limit_does_not_refuse_the_sheets_own_sizes(tmp_path: Path) -> None:
    query = picture(tmp_path / "q.png")
    match_sheet(query, query, shown(matches(), None), tmp_path / "s.png", max_pixels=59_999)
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.width == 1600
