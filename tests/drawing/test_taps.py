"""Taps as pictures: what is drawn where, on which scale, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from likewise.drawing.sheets import field_sheet, map_sheet
from likewise.drawing.taps import heat_picture, scale_text, shaded, shared_top, tiles
from likewise.errors import StorageError, UsageError
from likewise.inspection.inspection import Inspection, inspect
from likewise.inspection.maps import View
from likewise.networks.card import Tap
from tests.zoo import photo

TAP = Tap("conv1", 3, 2, 5, 0.5)


def cells(height: int = 6, width: int = 8, channels: int = 3) -> View:
    values = np.random.default_rng(0).normal(0, 2, (height, width, channels)).astype(np.float32)
    return View.of(replace(TAP, channels=channels), values)


def module() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(1)
    )


@pytest.fixture(scope="module")
def found() -> Inspection:
    return inspect(module(), photo(1))


def test_black_is_zero_white_the_top_and_blue_below() -> None:
    drawn = shaded(np.array([[0, 1, 2, 9, -2]], np.float32), 2.0)[0].tolist()
    assert drawn == [[0, 0, 0], [128, 128, 128], [255, 255, 255], [255, 255, 255], [70, 140, 255]]


def test_a_shared_scale_keeps_maps_comparable_and_an_own_one_fills_each() -> None:
    faint = np.zeros((4, 4, 2), np.float32)
    faint[:, :, 0], faint[:, :, 1] = 1, 10
    one = View.of(replace(TAP, channels=2), faint)
    sheets = [np.asarray(tiles(one, scale=scale, top=10.0)) for scale in ("shared", "map")]
    assert [int(sheet[0, 0, 0]) for sheet in sheets] == [26, 255]
    assert "one scale for all: black 0, white 10 or more" in scale_text(one, "shared", 10)
    assert "not to be compared" in scale_text(one, "map", 10)


def test_the_top_leaves_out_a_thousandth_and_is_never_zero() -> None:
    wide = np.zeros((40, 50, 1), np.float32)
    wide[0, 0], wide[1:, :] = 100, 3
    assert shared_top(View.of(replace(TAP, channels=1), wide)) == pytest.approx(3)
    assert shared_top(View.of(TAP, np.zeros((2, 2, 3), np.float32))) == 1
    lonely = np.zeros((40, 50, 1), np.float32)
    lonely[0, 0] = 7
    assert shared_top(View.of(replace(TAP, channels=1), lonely)) == 7


@pytest.mark.parametrize("count", [1, 3, 64, 65, 300])
def test_every_map_has_its_tile(count: int) -> None:
    one = View.of(replace(TAP, channels=count), np.ones((6, 8, count), np.float32))
    sheet = np.asarray(tiles(one, scale="shared", top=1.0, captions=False))
    assert np.count_nonzero((sheet == 255).all(axis=2)) > 0
    assert sheet.shape[1] <= 1100
    dark = View.of(replace(TAP, channels=count), np.zeros((6, 8, count), np.float32))
    drawn = np.asarray(tiles(dark, scale="shared", top=1.0, captions=False))
    black = np.count_nonzero((drawn == 0).all(axis=2))
    assert black % (count * 48) == 0 and black >= count * 48  # whole cells, the same number for each map


def test_sheets_of_maps_and_of_vectors(found: Inspection, tmp_path: Path) -> None:
    for one in found.views:
        out = tmp_path / f"{one.tap.name}.png"
        map_sheet(found, one, out)
        with Image.open(out) as sheet:
            assert sheet.width >= 900 and sheet.height >= 400
    with pytest.raises(UsageError, match=r"end its name in \.png"):
        map_sheet(found, found.views[0], tmp_path / "a.pdf")
    with pytest.raises(StorageError, match="there is no folder"):
        map_sheet(found, found.views[0], tmp_path / "none" / "a.png")


def test_heat_is_where_maps_are_strong(found: Inspection) -> None:
    heat = np.zeros((4, 4), np.float32)
    heat[:, 2:] = 1
    drawn = np.asarray(heat_picture(found, replace(found.views[0], heat=heat)), np.int64)
    red = drawn[:, :, 0] - drawn[:, :, 2]
    assert red[:, -30:].mean() > red[:, :30].mean() + 100


def test_a_cell_is_drawn_with_what_it_sees(found: Inspection, tmp_path: Path) -> None:
    field_sheet(found, Tap("0", 5, 2, 41, 0.0), (10, 20), tmp_path / "cell.png")
    with Image.open(tmp_path / "cell.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    red = (pixels == (224, 30, 38)).all(axis=2)
    rows, columns = np.nonzero(red)
    assert 60 < np.ptp(rows) < 90 and 60 < np.ptp(columns) < 90  # 41 pixels of 320, drawn at 560


def test_maps_that_are_not_wide(tmp_path: Path) -> None:
    flat = cells(1, 200)
    assert tiles(flat, scale="map", top=1.0).height >= 1
    with pytest.raises(ValueError, match="is a vector"):
        tiles(View.of(TAP, np.ones(3, np.float32)), scale="map", top=1.0)
