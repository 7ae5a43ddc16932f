"""Sheets of groups, plots of classifiers, and the page of a map."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likewise.downstream.duplicates import Duplicates, Group, Member
from likewise.downstream.duplicates.files import File, LeftOut
from likewise.downstream.layout import Layout
from likewise.downstream.validation import Point, Score
from likewise.drawing_classes import confusion_plot, learning_plot
from likewise.drawing_groups import contact_sheet, duplicate_sheet
from likewise.drawing_map import check_map, map_page
from likewise.errors import StorageError, UsageError
from likewise.types import Progress
from tests.fakes import make_pictures


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def group_of(paths: Sequence[Path], similarities: Sequence[float]) -> Group:
    """A group of files that need not be pictures of a collection."""
    files = [File(n, path, path.parent, f"{n:064}", 4, 3, 9, 0.0) for n, path in enumerate(paths, 1)]
    rest = zip(files[1:], similarities[1:], strict=True)
    return Group((Member(files[0], 1.0), *(Member(file, one, "resized", "smaller") for file, one in rest)))


def duplicates_of(*groups: Group) -> Duplicates:
    return Duplicates(groups, (), 20, 0.9, "given", {}, None, 0, LeftOut(), 0)


def layout_of(paths: list[Path], names: list[str] | None = None) -> Layout:
    positions = np.random.default_rng(0).random((len(paths), 2)).astype(np.float32)
    shown = tuple(names or [path.name for path in paths])
    return Layout(np.arange(len(paths)), tuple(paths), shown, positions, "tsne")


def data_of(page: Path) -> Any:
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL
    )
    assert found
    return json.loads(found[1])


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


class TestPlots:
    @pytest.mark.parametrize("count", [2, 20])
    def test_a_confusion_matrix(self, count: int, tmp_path: Path) -> None:
        confusion = np.diag(np.full(count, 5)) + np.eye(count, k=1, dtype=np.int64)
        score = Score("bayes", 0.9, 0.1, 0.9, 0.3, 1.0, confusion)
        confusion_plot(
            score, [f"class number {n} with a long name" for n in range(count)], tmp_path / "c.png"
        )
        assert min(size(tmp_path / "c.png")) >= 600

    def test_more_classes_make_it_larger(self, tmp_path: Path) -> None:
        for count in (3, 40):
            score = Score("bayes", 1, 0, 1, 0, 1.0, np.eye(count, dtype=np.int64))
            confusion_plot(score, [str(n) for n in range(count)], tmp_path / f"{count}.png")
        assert size(tmp_path / "40.png")[0] > size(tmp_path / "3.png")[0]

    def test_a_learning_curve(self, tmp_path: Path) -> None:
        points = [Point(kind, n, 0.5, 0.1) for kind in ("bayes", "logistic") for n in (1, 5, 10)]
        learning_plot(points, tmp_path / "c.svg", title="<title>")
        text = (tmp_path / "c.svg").read_text()
        assert text.startswith("<?xml")
        with pytest.raises(UsageError, match=r"\.png, \.svg or \.pdf"):
            learning_plot(points, tmp_path / "c.txt")


class TestMap:
    def test_holds_every_picture_and_opens_no_connection(self, tmp_path: Path) -> None:
        paths = make_pictures(tmp_path / "p", 300)
        told: list[Progress] = []
        page = tmp_path / "map.html"
        groups = ["a"] * 200 + ["b"] * 90 + [""] * 10
        assert map_page(layout_of(paths), page, groups=groups, title="Mine", progress=told.append) == {}
        data = data_of(page)
        assert len(data["pictures"]) == 300
        assert len(data["sheets"]) == 2  # of 256 thumbnails each
        assert all(sheet.startswith("data:image/jpeg;base64,") for sheet in data["sheets"])
        assert [(g["name"], g["count"]) for g in data["groups"]] == [("a", 200), ("b", 90)]
        assert data["pictures"][299]["group"] == -1
        assert data["pictures"][0]["href"] == "p/0000.png"
        assert told[-1].done == 300
        text = page.read_text()
        assert "<title>Mine: map</title>" in text
        assert "default-src 'none'" in text
        assert not re.search(r"https?://|(?:src|href)=[\"'](?!data:)", text)

    def test_names_cannot_end_the_script(self, tmp_path: Path) -> None:
        (path,) = make_pictures(tmp_path, 1)
        names = ["</script><script>alert(1)</script>&\udcff.png"]
        map_page(layout_of([path], names), tmp_path / "m.html", groups=["</script>"], title="</title><b>$x")
        text = (tmp_path / "m.html").read_text()
        assert text.count("</script>") == 2
        assert "alert(1)</script>" not in text
        assert "<b>" not in text
        found = data_of(tmp_path / "m.html")["pictures"][0]
        assert found["name"] == "</script><script>alert(1)</script>&\\xff.png"

    def test_a_picture_that_is_gone_has_a_grey_tile(self, tmp_path: Path) -> None:
        paths = make_pictures(tmp_path / "p", 3)
        paths[1].unlink()
        failures = map_page(layout_of(paths), tmp_path / "m.html")
        assert failures.keys() == {paths[1]}
        assert "is not there" in data_of(tmp_path / "m.html")["pictures"][1]["problem"]

    def test_where_it_cannot_be_written(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"end its name in \.html"):
            check_map(tmp_path / "map.png")
        with pytest.raises(StorageError, match="there is no folder"):
            check_map(tmp_path / "none" / "map.html")
