"""The demo set: the same seed gives the same bytes, the truth is true, and scores follow the protocol.

Most tests render a few subjects only; ``test_demo.py`` renders and scores the whole set.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps

from likewise.demoset import rendering, subjects
from likewise.demoset.rendering import DISTRACTORS, KINDS, read_truth, render
from likewise.demoset.shots import ShotLayout, corners, homography, in_place, outline, pasted, project
from likewise.demoset.subjects import SCENES, SUBJECTS, Album, Rectangle
from likewise.errors import MissingExtra, StorageError, UsageError
from likewise.evaluation.demo_score import score_demo
from likewise.evaluation.metrics import leave_one_out_map
from likewise.types import FloatArray, Progress


@pytest.fixture(autouse=True, scope="module")
def few() -> Iterator[None]:
    """Four subjects, among them a round one and one of the stereo pair, and three distractors."""
    names = ("cat", "coffee", "engine", "page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "SUBJECTS", tuple(s for s in SUBJECTS if s.name in names))
        patch.setattr(rendering, "DISTRACTORS", 3)
        yield


@pytest.fixture(scope="module")
def photos(few: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The few rendered; tests read only."""
    folder = tmp_path_factory.mktemp("photos")
    render(folder)
    return folder


def upright(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")


def colours(path: Path) -> FloatArray:
    """A 512-bin colour histogram."""
    bins = np.asarray(upright(path).resize((128, 128)), dtype=np.int64) // 32 @ np.array([64, 8, 1])
    return np.sqrt(np.bincount(bins.ravel(), minlength=512)).astype(np.float32)


def test_the_whole_set_is_large_enough() -> None:
    assert len(SUBJECTS) * len(KINDS) + DISTRACTORS >= 150
    assert len({subject.name for subject in SUBJECTS}) == len(SUBJECTS) >= 25


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second, other = (
        {path.name: path.read_bytes() for path in render(tmp_path / name, seed=seed)}
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert first == second
    assert (tmp_path / "a/truth.json").read_bytes() == (tmp_path / "b/truth.json").read_bytes()
    assert not set(first.values()) & set(other.values())


def test_the_truth_names_every_picture_and_every_box_lies_in_it(photos: Path) -> None:
    paths = render(photos)  # it is there: nothing is rendered again
    truth = read_truth(photos)
    assert sorted(path.name for path in paths) == sorted(path.name for path in photos.glob("*.[jJ]*[gG]"))
    assert Counter(shot.group for shot in truth) == {"cat": 6, "coffee": 6, "engine": 6, "page": 6, None: 3}
    assert Counter(shot.kind for shot in truth) == dict.fromkeys(KINDS, 4) | {"distractor": 3}
    for shot in truth:
        width, height = upright(photos / shot.file).size
        assert (shot.box is None) == (shot.group is None)
        if shot.box:
            x1, y1, x2, y2 = shot.box
            assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
            assert (x2 - x1) * (y2 - y1) > 0.05 * width * height


def test_names_do_not_give_the_groups_away_and_pictures_vary(photos: Path) -> None:
    truth = read_truth(photos)
    assert not any(subject.name in shot.file for subject in SUBJECTS for shot in truth)
    assert [shot.group for shot in truth] != sorted((shot.group for shot in truth), key=str)
    sizes = {upright(photos / shot.file).size for shot in truth}
    assert len(sizes) > 10
    assert min(w / h for w, h in sizes) < 0.9 < 1.5 < max(w / h for w, h in sizes)


def test_some_pictures_lie_on_their_side(photos: Path) -> None:
    turned = 0
    for path in render(photos):
        with Image.open(path) as picture:
            turned += picture.getexif().get(ExifTags.Base.Orientation) == 6
    assert 0 < turned < 9


@pytest.mark.slow
def test_a_finished_set_is_left_alone_and_a_gap_is_filled(tmp_path: Path) -> None:
    calls: list[Progress] = []
    first = render(tmp_path, progress=calls.append)
    assert [call.done for call in calls] == list(range(1, 28))
    calls.clear()
    kept = first[0].read_bytes()
    assert render(tmp_path, progress=calls.append) == first
    assert not calls
    first[0].unlink()
    render(tmp_path)
    assert first[0].read_bytes() == kept


def test_a_folder_of_other_pictures_is_refused_and_one_that_was_begun_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "photos" / "IMG_2041.JPG"
    own.parent.mkdir()
    own.write_bytes(b"somebody's")
    with pytest.raises(UsageError, match="holds other files"):
        render(own.parent)
    assert list(own.parent.iterdir()) == [own] and own.read_bytes() == b"somebody's"
    monkeypatch.setattr(rendering, "_tasks", lambda seed: [("a.jpg", None, "distractor")])
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "truth.json.part").touch()
    (begun / "a.jpg").write_bytes(b"half a")
    assert render(begun) == [begun / "a.jpg"]
    with Image.open(begun / "a.jpg") as picture:
        picture.load()
    assert not (begun / "truth.json.part").exists()


def test_a_folder_of_another_seed_or_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no demo set"):
        read_truth(tmp_path)
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps({"version": rendering.VERSION, "seed": 5, "pictures": []}))
    with pytest.raises(UsageError, match="seed 5, not 0"):
        render(tmp_path)
    truth.write_text(json.dumps({"version": -1, "seed": 0, "pictures": []}))
    with pytest.raises(UsageError, match="another version"):
        render(tmp_path)
    truth.write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        render(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="demo set cannot be written"):
        render(tmp_path / "file" / "photos")


def test_without_scikit_image_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "_FOLDERS", (("no_such_package", "data"),))
    with pytest.raises(MissingExtra, match=r"likewise\[demo\]"):
        render(tmp_path)


def test_scores_come_from_vectors_or_from_a_callable(photos: Path) -> None:
    by_file = {shot.file: colours(photos / shot.file) for shot in read_truth(photos)}
    result = score_demo(photos, by_file)
    assert score_demo(photos, colours) == result
    rows = np.stack([row / np.linalg.norm(row) for row in by_file.values()])
    assert result["map"] == pytest.approx(leave_one_out_map(rows, [s.group for s in read_truth(photos)]))
    counts = (result["pictures"], result["queries"], result["groups"], result["distractors"])
    assert counts == (27, 24, 4, 3)
    assert np.mean(list(result["by_kind"].values())) == pytest.approx(result["map"])
    assert json.loads(json.dumps(result)) == result
    with pytest.raises(UsageError, match="1 pictures of the demo set have no vector"):
        score_demo(photos, dict(list(by_file.items())[1:]))


def test_knowing_the_groups_scores_one(photos: Path) -> None:
    groups = ["cat", "coffee", "engine", "page"]
    vectors = {
        shot.file: np.array([shot.group == group for group in [*groups, None]], dtype=np.float32)
        for shot in read_truth(photos)
    }
    assert score_demo(photos, vectors)["map"] == pytest.approx(1.0)


def apart(a: Rectangle, b: Rectangle) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_regions_lie_on_their_photographs_and_never_overlap() -> None:
    album = Album()
    taken = [(view.photo, view.frame) for subject in SUBJECTS for view in subject.views] + list(SCENES)
    for photo, (x1, y1, x2, y2) in taken:
        width, height = album[photo].size
        assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    for (photo, frame), (other, another) in combinations(taken, 2):
        assert photo != other or apart(frame, another), (photo, frame, another)
    for view in (view for subject in SUBJECTS for view in subject.views):
        (x1, y1, x2, y2), (left, top, right, bottom) = view.box, view.frame
        assert left <= x1 < x2 <= right and top <= y1 < y2 <= bottom


def test_the_stereo_pair_shows_a_subject_in_both_pictures() -> None:
    pairs = [subject for subject in SUBJECTS if len(subject.views) == 2]
    assert len(pairs) >= 4
    assert all({view.photo[-9:] for view in s.views} == {"_left.png", "right.png"} for s in pairs)


points = st.tuples(*[st.floats(-20, 20) for _ in range(8)])


@given(points, points)
def test_a_homography_takes_the_corners_where_they_belong(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    source = corners((0, 0, 100, 80)) + np.reshape(a, (4, 2))
    target = corners((50, 10, 250, 160)) + np.reshape(b, (4, 2))
    assert project(homography(source, target), source) == pytest.approx(target, abs=1e-6)
    assert project(homography(target, source), target) == pytest.approx(source, abs=1e-6)


def test_an_ellipse_touches_the_sides_of_its_rectangle() -> None:
    found = outline((10, 20, 110, 60), round=True)
    assert found.min(axis=0) == pytest.approx([10, 20])
    assert found.max(axis=0) == pytest.approx([110, 60])
    assert np.hypot(*((found - (60, 40)) / (50, 20)).T) == pytest.approx(np.ones(len(found)))


def test_a_pasted_subject_lies_where_the_truth_says() -> None:
    """The outline is drawn in one colour by an album whose subject is red and whose scenes are blue."""

    class Colours(Album):
        def __getitem__(self, name: str) -> Image.Image:
            size = Album()[name].size
            return Image.new("RGB", size, "red" if name == "chelsea.png" else "blue")

    view = next(subject.views[0] for subject in SUBJECTS if subject.name == "cat")
    for number in range(8):
        chance = np.random.default_rng(number)
        shot = pasted(chance, Colours(), view, ShotLayout(share=(0.2, 0.5), turn=60), round=number % 2 == 0)
        red = np.argwhere(np.asarray(shot.picture)[..., 0] > 100)[:, ::-1]
        assert shot.outline is not None
        assert red.min(axis=0) == pytest.approx(shot.outline.min(axis=0), abs=2)
        assert red.max(axis=0) + 1 == pytest.approx(shot.outline.max(axis=0), abs=2)


def test_a_shot_in_place_stays_inside_the_frame() -> None:
    """Outside its frame the photograph is red: no shot may show any of it."""

    class Walled(Album):
        def __getitem__(self, name: str) -> Image.Image:
            wall = Image.new("RGB", Album()[name].size, "red")
            wall.paste((0, 0, 255), view.frame)
            return wall

    for subject in SUBJECTS[:12]:
        view = subject.views[0]
        shot = in_place(np.random.default_rng(1), Walled(), view, close=False, round=subject.round)
        reds = np.asarray(shot.picture)[4:-4, 4:-4, 0]  # the filter reaches over the very edge
        assert reds.max() < 100, subject.name
