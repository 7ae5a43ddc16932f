"""The demo end to end: the whole set is rendered, indexed with the embedded network, searched and scored."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from likewise.cli.demo_run import DemoReport, run
from likewise.demoset import rendering
from likewise.demoset.subjects import SUBJECTS
from likewise.errors import UsageError
from likewise.evaluation import demo_score
from likewise.types import Box, FloatArray
from tests.fakes import scene

FEW = ("cat", "coffee", "page", "engine")


@pytest.fixture(scope="module", params=["few", pytest.param("whole", marks=pytest.mark.slow)])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoReport]:
    """One run on a few subjects, by the vector alone; or with nothing given."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "few":
            patch.setattr(rendering, "SUBJECTS", tuple(one for one in SUBJECTS if one.name in FEW))
            patch.setattr(rendering, "DISTRACTORS", 4)
        yield run(tmp_path_factory.mktemp("demo"), recipe="quick" if request.param == "few" else None)


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
    assert demo.added.added == len(rendering.read_truth(demo.photos)) >= 28
    assert demo.added.failed == 0
    assert demo.collection.is_dir()


def test_methods_differ_by_far(demo: DemoReport) -> None:
    assert demo.score is not None
    assert demo.score["by_kind"]["view"] > demo.score["by_kind"]["clutter"]
    for simple in (thumbnail, colours):
        assert demo_score.score_demo(demo.photos, simple)["map"] < 0.8 * demo.score["map"]


@pytest.mark.parametrize("demo", [pytest.param("whole", marks=pytest.mark.slow)], indirect=True)
def test_the_set_is_neither_easy_nor_hopeless(demo: DemoReport) -> None:
    assert demo.score is not None
    assert demo.added.added >= 150
    assert 0.5 <= demo.score["map"] <= 0.85
    assert demo.score["by_kind"]["clutter"] > 0.25
    for simple in (thumbnail, colours):
        assert 0.03 < demo_score.score_demo(demo.photos, simple)["map"] < 0.25


def test_the_query_is_left_out_and_its_likes_are_found(demo: DemoReport) -> None:
    truth = {shot.file: shot for shot in rendering.read_truth(demo.photos)}
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
def own(tmp_path: Path) -> Path:
    """A folder of a user's own: six files, one of them no picture."""
    folder = tmp_path / "holiday"
    folder.mkdir()
    for number in range(5):
        scene(number).save(folder / f"{number}.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def test_own_photographs_need_no_truth(own: Path, tmp_path: Path) -> None:
    report = run(tmp_path / "out", own, k=3)
    assert report.collection == tmp_path / "out" / "holiday.likewise"
    assert (report.added.added, report.added.failed) == (5, 1)
    assert report.score is None
    assert report.query == min(own.glob("*.png"))
    assert len(report.hits) == 3
    assert report.query not in {hit.path for hit in report.hits}
    again = run(tmp_path / "out", own, k=3)
    assert (again.added.added, again.added.unchanged) == (0, 5)
    assert again.hits == report.hits


def test_a_query_from_elsewhere_with_a_box(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = tmp_path / "elsewhere.png"
    with Image.open(min(own.glob("*.png"))) as picture:
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
    first, second = sorted(other.glob("*.png"))[:2]
    first.unlink()
    report = run(tmp_path / "out", other, k=20)
    assert report.query == second
    assert {hit.path.parent for hit in report.hits} == {other}


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no picture in .*empty"):
        run(tmp_path / "out", tmp_path / "empty")
