"""Sheets of groups: members, rows, and the one to keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.downstream.duplicates import Duplicates, Group
from likewise.downstream.duplicates.groups import Member
from likewise.downstream.duplicates.links import DuplicateFile, LeftOut
from likewise.drawing.sheets import contact_sheet, duplicate_sheet
from likewise.errors import UsageError
from tests.drawing.looks import size
from tests.fakes import make_pictures


def group_of(paths: Sequence[Path], similarities: Sequence[float]) -> Group:
    """A group of files that need not be pictures of a collection."""
    files = [DuplicateFile(n, path, path.parent, f"{n:064}", 4, 3, 9, 0.0) for n, path in enumerate(paths, 1)]
    rest = zip(files[1:], similarities[1:], strict=True)
    return Group((Member(files[0], 1.0), *(Member(file, one, "resized", "smaller") for file, one in rest)))


def duplicates_of(*groups: Group) -> Duplicates:
    return Duplicates(groups, (), 20, 0.9, "given", {}, None, 0, LeftOut(), 0)


class TestSheets:
    def test_a_contact_sheet_grows_with_its_pictures(self, tmp_path: Path) -> None:
        paths = make_pictures(tmp_path / "p", 13)
        sizes = []
        for count in (1, 6, 13):
            out = tmp_path / f"{count}.png"
            contact_sheet(paths[:count], [str(n) for n in range(count)], out, title="t", subtitle="s")
            sizes.append(size(out))
        assert sizes[0][0] < sizes[1][0] == sizes[2][0]
        assert sizes[0][1] == sizes[1][1] < sizes[2][1]

    @pytest.mark.parametrize("shape", [(900, 1600), (1600, 900)])
    def test_upright_pictures_take_as_much_room_as_others(
        self, tmp_path: Path, shape: tuple[int, int]
    ) -> None:
        paths = [tmp_path / f"{number}.png" for number in range(6)]
        for path in paths:
            Image.new("RGB", shape, (250, 0, 0)).save(path)
        contact_sheet(paths, ["1"] * 6, tmp_path / "six.png", title="t")
        duplicate_sheet(duplicates_of(group_of(tuple(paths), (1.0,) * 6)), tmp_path / "group.png")
        for out in ("six.png", "group.png"):
            with Image.open(tmp_path / out) as sheet:
                red = (np.asarray(sheet.convert("RGB")) == (250, 0, 0)).all(axis=2)
            assert red.sum() == pytest.approx(6 * 180 * 101, rel=0.03)
            assert len(set(np.flatnonzero(red.any(axis=1)))) < 2 * 190  # pixels high: one row, or two

    def test_a_picture_that_is_gone_is_said_to_be(self, tmp_path: Path) -> None:
        here, gone = make_pictures(tmp_path / "p", 2)
        contact_sheet([here, gone], ["1", "2"], tmp_path / "both.png", title="t")
        gone.unlink()
        contact_sheet([here, gone], ["1", "2"], tmp_path / "one.png", title="t")
        assert (tmp_path / "both.png").read_bytes() != (tmp_path / "one.png").read_bytes()

    def test_no_picture_is_replaced(self, tmp_path: Path) -> None:
        (path,) = make_pictures(tmp_path, 1)
        with pytest.raises(UsageError, match="would replace a picture"):
            contact_sheet([path], ["1"], path, title="t")

    def test_duplicates_begin_a_row_each_and_the_first_is_green(self, tmp_path: Path) -> None:
        paths = tuple(make_pictures(tmp_path / "p", 9))
        groups = (group_of(paths[:7], (1.0,) * 7), group_of(paths[7:], (1.0, 0.9)))
        found = duplicates_of(*groups)
        duplicate_sheet(found, tmp_path / "two.png")
        duplicate_sheet(duplicates_of(*groups[1:]), tmp_path / "one.png")
        (wide, tall), (narrow, low) = size(tmp_path / "two.png"), size(tmp_path / "one.png")
        assert wide > narrow
        assert tall > 2 * (low - 100)
        with Image.open(tmp_path / "two.png") as sheet:
            pixels = np.asarray(sheet.convert("RGB")).reshape(-1, 3)
        assert (pixels == (0x15, 0x80, 0x3D)).all(axis=1).any()
