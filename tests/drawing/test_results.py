"""The result sheet: what must be on it is, and odd pictures and names do not break it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.drawing import canvas
from likewise.drawing.sheets import result_sheet
from likewise.errors import BadBox, BadPicture, StorageError, UsageError
from likewise.types import Box, Hit
from tests.drawing.looks import drawn, picture, places

COLOURS = ((10, 20, 200), (200, 30, 220), (20, 160, 170), (120, 90, 20), (90, 160, 20), (250, 240, 10))


def found(folder: Path, count: int) -> list[Hit]:
    return [
        Hit(number, picture(folder / f"{number}.png", COLOURS[number % 6]), 0.9 - number / 100, number + 1)
        for number in range(count)
    ]


def test_hits_stand_in_order_row_by_row(tmp_path: Path) -> None:
    result_sheet(picture(tmp_path / "q.png"), None, found(tmp_path, 6), tmp_path / "sheet.png")
    sheet = drawn(tmp_path / "sheet.png")
    middles = [places(sheet, colour).mean(axis=0) for colour in COLOURS]
    xs, ys = np.array(middles).T
    assert (np.diff(xs[:5]) > 100).all()
    assert np.ptp(ys[:5]) < 2
    assert ys[5] > ys[0] + 150
    assert xs[5] == pytest.approx(xs[0], abs=2)


@pytest.mark.parametrize("k", [0, 1, 5, 10, 20])
def test_k_hits_are_drawn_and_nothing_touches_the_edge(tmp_path: Path, k: int) -> None:
    result_sheet(
        picture(tmp_path / "q.png"), Box(10, 10, 50, 50), found(tmp_path, 20), tmp_path / "s.png", k=k
    )
    sheet = drawn(tmp_path / "s.png")
    area = sum(len(places(sheet, colour)) for colour in COLOURS)
    assert area == pytest.approx(k * 180 * 120, rel=0.02)
    border = np.ones(sheet.shape[:2], dtype=bool)
    border[16:-16, 16:-16] = False
    assert (sheet[border] == 255).all()


def test_the_box_is_red_and_lies_where_it_was_asked_for(tmp_path: Path) -> None:
    query = picture(tmp_path / "q.png", (0, 0, 0), (720, 360))  # shown at half its size
    result_sheet(query, Box(100, 60, 500, 300), [], tmp_path / "sheet.png")
    sheet = drawn(tmp_path / "sheet.png")
    corner = places(sheet, (0, 0, 0)).min(axis=0)
    red = places(sheet[: corner[1] + 180], canvas.RED)
    assert red.min(axis=0) - corner == pytest.approx([50, 30], abs=1)
    assert red.max(axis=0) - corner == pytest.approx([250, 150], abs=1)


def test_the_box_of_a_hit_is_drawn_on_it(tmp_path: Path) -> None:
    path = picture(tmp_path / "hit.png", (0, 0, 0), (720, 360))  # shown at a quarter of its size
    query = picture(tmp_path / "q.png", (0, 0, 255))
    for box in (Box(180.4, 91.7, 540, 268), Box(900, 900, 950, 950), None):
        result_sheet(query, None, [Hit(1, path, 0.5, 1, box)], tmp_path / "sheet.png")
        sheet = drawn(tmp_path / "sheet.png")
        red = places(sheet, canvas.RED)
        if box is None or box.x1 > 720:  # the file has changed since, and became smaller
            assert not len(red)
            continue
        corner = places(sheet[:, 400:], (0, 0, 0)).min(axis=0) + np.array([400, 0])
        assert red.min(axis=0) - corner == pytest.approx([45, 23], abs=2)
        assert red.max(axis=0) - corner == pytest.approx([135, 67], abs=2)


def test_a_query_lying_on_its_side_is_turned_upright_under_its_box(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 200), "black").save(tmp_path / "q.jpg", exif=exif)
    result_sheet(tmp_path / "q.jpg", Box(0, 0, 200, 100), [], tmp_path / "sheet.png")
    sheet = drawn(tmp_path / "sheet.png")
    red = places(sheet[:470], canvas.RED)
    assert np.ptp(red, axis=0) == pytest.approx([199, 99], abs=2)


def test_right_answers_are_green_and_wrong_ones_orange(tmp_path: Path) -> None:
    hits = found(tmp_path, 4)
    right = {hits[0].path, hits[3].path, tmp_path / "not found.png"}
    result_sheet(picture(tmp_path / "q.png"), None, hits, tmp_path / "with.png", correct=right)
    result_sheet(picture(tmp_path / "q.png"), None, hits, tmp_path / "without.png")
    frame = 2 * 4 * (188 + 160 - 8)
    for name, green, orange in (("with.png", 2, 2), ("without.png", 0, 0)):
        sheet = drawn(tmp_path / name)
        assert len(places(sheet, canvas.GREEN)) == green * frame
        assert len(places(sheet, canvas.ORANGE)) == orange * frame


def test_rank_score_and_name_change_what_is_drawn(tmp_path: Path) -> None:
    query, path = picture(tmp_path / "q.png"), picture(tmp_path / "a.png")
    other = picture(tmp_path / "b.png")
    sheets = []
    for number, hit in enumerate(
        (Hit(1, path, 0.5, 1), Hit(1, path, 0.5, 2), Hit(1, path, 0.25, 1), Hit(1, other, 0.5, 1))
    ):
        result_sheet(query, None, [hit], tmp_path / f"sheet{number}.png")
        sheets.append(drawn(tmp_path / f"sheet{number}.png"))
    for sheet in sheets[1:]:
        changed = np.argwhere((sheet != sheets[0]).any(axis=2))
        assert len(changed)
        assert changed[:, 0].min() > 220  # only the caption, not the picture


def test_pictures_that_cannot_be_read_become_grey_tiles(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    hits = [Hit(i, tmp_path / name, 0.5, i) for i, name in enumerate(("text.jpg", "empty.jpg", "gone.jpg"))]
    result_sheet(picture(tmp_path / "q.png"), None, hits, tmp_path / "sheet.png")
    panels = places(drawn(tmp_path / "sheet.png"), canvas.PANEL)
    assert len(panels) > 0.9 * 3 * 188 * 160
    with pytest.raises(BadPicture):
        result_sheet(tmp_path / "text.jpg", None, [], tmp_path / "sheet.png")


@pytest.mark.parametrize("size", [(5000, 2), (2, 5000), (1, 1), (4000, 300), (300, 4000)])
def test_pictures_of_any_shape_fit(tmp_path: Path, size: tuple[int, int]) -> None:
    odd = picture(tmp_path / "odd.png", (0, 0, 255), size)
    result_sheet(odd, Box(0, 0, *size), [Hit(1, odd, 0.5, 1)], tmp_path / "sheet.png")
    sheet = drawn(tmp_path / "sheet.png")
    blue = places(sheet[:, 416:], (0, 0, 255))
    assert len(blue) >= 150
    assert np.ptp(blue, axis=0).max() < 188


@pytest.mark.parametrize(
    "name",
    [
        "new\nline.png",
        "写真.png",
        "фото.png",
        "a" * 200 + ".png",
        os.fsdecode(b"bad\xff.png"),
        "tab\t\x07.png",
        " .png",
    ],
)
def test_any_name_can_be_written(tmp_path: Path, name: str) -> None:
    path = picture(tmp_path / name)
    result_sheet(path, None, [Hit(1, path, 0.5, 1)], tmp_path / "sheet.png")
    sheet = drawn(tmp_path / "sheet.png")
    caption = sheet[68 + 160 + 24 : 68 + 160 + 54, 416:]
    columns = np.flatnonzero((caption < 128).all(axis=2).any(axis=0))
    assert len(columns)
    assert columns.max() < 188 + 1


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    query = picture(tmp_path / "q.png")
    with pytest.raises(UsageError, match=r"sheet\.xyz.*\.png"):
        result_sheet(query, None, [], tmp_path / "sheet.xyz")
    with pytest.raises(StorageError, match="cannot be written"):
        result_sheet(query, None, [], tmp_path / "missing" / "sheet.png")
    with pytest.raises(BadBox, match="outside"):
        result_sheet(query, Box(900, 900, 950, 950), [], tmp_path / "sheet.png")


@pytest.mark.parametrize(("name", "kind"), [("s.jpg", "JPEG"), ("s.webp", "WEBP"), ("S.PNG", "PNG")])
def test_the_ending_chooses_the_format(tmp_path: Path, name: str, kind: str) -> None:
    result_sheet(picture(tmp_path / "q.png"), None, found(tmp_path, 2), tmp_path / name)
    with Image.open(tmp_path / name) as sheet:
        assert sheet.format == kind


def test_no_picture_is_drawn_over(tmp_path: Path) -> None:
    query, (hit,) = picture(tmp_path / "q.png"), found(tmp_path, 1)
    (tmp_path / "link.png").symlink_to(hit.path)
    for out in (query, hit.path, tmp_path / "link.png"):
        before = out.read_bytes()
        with pytest.raises(UsageError, match="would replace a picture"):
            result_sheet(query, None, [hit], out)
        assert out.read_bytes() == before


def test_a_sheet_that_cannot_be_finished_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Image.Image, out: Path, *_: object, **__: object) -> None:
        out.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    query, out = picture(tmp_path / "q.png"), picture(tmp_path / "sheet.png")
    before = out.read_bytes()
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(StorageError, match="No space left"):
        result_sheet(query, None, [], out)
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q.png", "sheet.png"]


def test_the_limit_can_be_raised_and_does_not_refuse_the_sheets_own_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = picture(tmp_path / "q.png")
    monkeypatch.setenv("LIKEWISE_MAX_PIXELS", "59999")
    with pytest.raises(BadPicture, match="over the limit"):
        result_sheet(query, None, [], tmp_path / "sheet.png")
    result_sheet(query, None, [], tmp_path / "sheet.png", max_pixels=60_000)
    assert (tmp_path / "sheet.png").exists()


def test_an_upright_picture_takes_as_much_room_as_one_that_lies(tmp_path: Path) -> None:
    for size in ((300, 200), (200, 300), (250, 250)):
        shot = picture(tmp_path / "shot.png", (0, 0, 255), size)
        result_sheet(picture(tmp_path / "q.png"), None, [Hit(1, shot, 0.5, 1)], tmp_path / "sheet.png")
        assert len(places(drawn(tmp_path / "sheet.png"), (0, 0, 255))) == pytest.approx(180 * 120, rel=0.02)
