"""The demo end to end: the whole set is rendered, indexed with the embedded network, searched and scored."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from likewise.demo import DemoReport, run
from likewise.errors import UsageError
from likewise.evaluation import minibench
from likewise.types import Box, FloatArray


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoReport:
    """One run with nothing given."""
    return run(tmp_path_factory.mktemp("demo"))


def thumbnail(path: Path) -> FloatArray:
    """The picture at 16 x 16 pixels without its mean: what a descriptor must beat by far."""
    with Image.open(path) as picture:
        small = ImageOps.exif_transpose(picture).convert("RGB").resize((16, 16))
    pixels = np.asarray(small, dtype=np.float32).ravel()
    centred: FloatArray = pixels - pixels.mean()
    return centred


def colours(path: Path) -> FloatArray:
    """Roots of a 512-bin colour histogram."""
    with Image.open(path) as picture:
        small = np.asarray(picture.convert("RGB").resize((128, 128)), dtype=np.int64)
    bins = small // 32 @ np.array([64, 8, 1])
    return np.sqrt(np.bincount(bins.ravel(), minlength=512)).astype(np.float32)


def test_every_picture_of_the_set_is_indexed(demo: DemoReport) -> None:
    assert demo.added.added == len(minibench.read_truth(demo.photos)) >= 150
    assert demo.added.failed == 0
    assert demo.collection.is_dir()


def test_the_set_is_neither_easy_nor_hopeless_and_methods_differ(demo: DemoReport) -> None:
    assert demo.score is not None
    assert 0.5 <= demo.score["map"] <= 0.85
    assert demo.score["by_kind"]["view"] > demo.score["by_kind"]["clutter"] > 0.25
    for simple in (thumbnail, colours):
        assert 0.03 < minibench.score(demo.photos, simple)["map"] < 0.25


def test_the_query_is_left_out_and_its_likes_are_found(demo: DemoReport) -> None:
    truth = {shot.file: shot for shot in minibench.read_truth(demo.photos)}
    asked = truth[demo.query.name]
    assert demo.box == Box(*asked.box or ())
    assert [hit.rank for hit in demo.hits] == list(range(1, 11))
    assert demo.query.name not in {hit.path.name for hit in demo.hits}
    assert sum(truth[hit.path.name].group == asked.group for hit in demo.hits[:5]) >= 4


def test_the_sheet_is_drawn(demo: DemoReport) -> None:
    with Image.open(demo.sheet) as sheet:
        assert sheet.width > 1000
        assert len(sheet.convert("RGB").getcolors(1 << 24) or ()) > 5000


@pytest.fixture
def own(demo: DemoReport, tmp_path: Path) -> Path:
    """A folder of a user's own: six pictures, one of them no picture."""
    folder = tmp_path / "holiday"
    folder.mkdir()
    for path in sorted(demo.photos.glob("*.JPG"))[:5]:
        shutil.copy(path, folder)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def test_own_photographs_need_no_truth(own: Path, tmp_path: Path) -> None:
    report = run(tmp_path / "out", own, k=3)
    assert report.collection == tmp_path / "out" / "holiday.likewise"
    assert (report.added.added, report.added.failed) == (5, 1)
    assert report.score is None
    assert report.query == min(own.glob("*.JPG"))
    assert len(report.hits) == 3
    assert report.query not in {hit.path for hit in report.hits}
    again = run(tmp_path / "out", own, k=3)
    assert (again.added.added, again.added.unchanged) == (0, 5)
    assert again.hits == report.hits


def test_a_query_from_elsewhere_with_a_box(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = tmp_path / "elsewhere.png"
    with Image.open(min(own.glob("*.JPG"))) as picture:
        ImageOps.exif_transpose(picture).save(query)
    monkeypatch.chdir(tmp_path)
    report = run(Path("out"), Path(os.path.relpath(own)), Path("elsewhere.png"), box=Box(5, 5, 200, 200), k=2)
    assert len(report.hits) == 2
    assert report.box == Box(5, 5, 200, 200)
    assert report.sheet.is_file()


def test_two_folders_of_one_name_are_kept_apart(own: Path, tmp_path: Path) -> None:
    run(tmp_path / "out", own, k=3)
    other = tmp_path / "more" / "holiday"
    shutil.copytree(own, other)
    first, second = sorted(other.glob("*.JPG"))[:2]
    first.unlink()
    report = run(tmp_path / "out", other, k=20)
    assert report.query == second
    assert {hit.path.parent for hit in report.hits} == {other}


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no picture in .*empty"):
        run(tmp_path / "out", tmp_path / "empty")
