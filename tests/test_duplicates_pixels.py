"""Whether two pictures are one by their pixels, what the one is to the other, and when they were taken."""

from __future__ import annotations

import io
import os
import random
import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance

from likewise.downstream.duplicates import kinds, pixels
from likewise.downstream.duplicates.dismissed import Dismissed
from likewise.downstream.duplicates.judging import ContentPair, CopyDistances, Judge
from likewise.downstream.duplicates.kinds import Link, Shots, link, parse_kinds, taken
from likewise.downstream.duplicates.links import DuplicateFile
from likewise.downstream.duplicates.pixels import Small, one_shape, oriented, overlay
from likewise.downstream.duplicates.turned import turned_pairs
from likewise.errors import UnknownName
from likewise.pictures import Source
from tests.fakes import scene


def small(picture: Image.Image) -> Small:
    """As `Small.read` reads a file."""
    pixels = picture.copy()
    pixels.thumbnail((256, 256))
    return Small(*picture.size, np.asarray(pixels.convert("RGB")))


def file_of(path: Path, **others: object) -> DuplicateFile:
    """A file as the catalogue would tell of it."""
    import hashlib

    with Image.open(path) as picture:
        width, height = picture.size
    status, digest = path.stat(), hashlib.sha256(path.read_bytes()).hexdigest()
    facts = (1, path, path.parent, digest, width, height, status.st_size, status.st_mtime)
    return DuplicateFile(*facts, **others)  # type: ignore[arg-type]


def linked(a: Path, b: Path, **options: bool) -> Link | None:
    return link(file_of(a), file_of(b), Shots(), **options)


def kind(a: Path, b: Path) -> str | None:
    found = linked(a, b)
    return None if found is None else found.kind


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def dated(picture: Image.Image, path: Path, moment: str, fraction: str = "", quality: int = 90) -> Path:
    """A JPEG that says when it was taken."""
    exif = Image.Exif()
    block = exif.get_ifd(0x8769)
    block[0x9003] = moment
    if fraction:
        block[0x9291] = fraction
    picture.save(path, exif=exif, quality=quality)
    return path


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "compressed": lambda one: compressed(one, 30),
    "half the size": lambda one: one.resize((one.width // 2, one.height // 2)),
    "a third of the size": lambda one: compressed(one.resize((one.width // 3, one.height // 3)), 60),
    "cropped": lambda one: one.crop((20, 12, one.width - 25, one.height - 8)),
    "its left three quarters": lambda one: one.crop((0, 0, 3 * one.width // 4, one.height)),
    "brighter": lambda one: ImageEnhance.Brightness(one).enhance(1.3),
    "grey": lambda one: one.convert("L").convert("RGB"),
    "mirrored": lambda one: one.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "on its side": lambda one: one.transpose(Image.Transpose.ROTATE_90),
    "stretched": lambda one: one.resize((one.width, one.width)),
}


class TestOverlay:
    @pytest.mark.parametrize("name", COPIES)
    def test_copies_are_one_picture(self, name: str) -> None:
        for seed in range(3):
            one = scene(seed)
            copy = small(COPIES[name](one))
            assert overlay(small(one), copy) is not None
            assert overlay(copy, small(one)) is not None

    @pytest.mark.parametrize("name", COPIES)
    def test_others_are_not(self, name: str) -> None:
        for seed in range(3):
            assert overlay(small(scene(seed)), small(COPIES[name](scene(seed + 10)))) is None

    def test_how_much_a_crop_covers(self) -> None:
        one = scene(0, width=320, height=240)
        found = overlay(small(one), small(one.crop((0, 0, 240, 240))))
        assert found is not None
        np.testing.assert_allclose(found.covered, (0.75, 1), atol=0.02)
        assert not found.whole
        other = overlay(small(one.crop((0, 0, 240, 240))), small(one))
        assert other is not None
        assert other.covered[0] > other.covered[1]

    def test_two_crops_of_one_picture_are_no_copies_of_each_other(self) -> None:
        one = scene(1, width=400, height=200)
        left, right = (small(one.crop((at, 0, at + 250, 200))) for at in (0, 150))
        assert overlay(small(one), left) is not None
        assert overlay(small(one), right) is not None
        assert overlay(left, right) is None

    def test_pages_of_nothing_tell_nothing(self) -> None:
        pages = [small(Image.new("RGB", (200, 200), colour)) for colour in ("white", "white")]
        assert overlay(*pages) is None

    def test_what_has_hardly_anything_is_told_by_its_colours(self) -> None:
        ramp = np.linspace(60, 160, 200, dtype=np.float32)[:, np.newaxis, np.newaxis]
        sky = np.broadcast_to(ramp * np.array([0.6, 0.8, 1.0]), (200, 300, 3)).astype(np.uint8)
        dusk = np.broadcast_to(ramp * np.array([1.0, 0.7, 0.4]), (200, 300, 3)).astype(np.uint8)
        assert overlay(*(small(Image.fromarray(one)) for one in (sky, sky[::2, ::2]))) is not None
        assert overlay(*(small(Image.fromarray(one)) for one in (sky, dusk))) is None

    @pytest.mark.parametrize("orientation", range(8))
    def test_every_way_to_turn_is_told(self, orientation: int) -> None:
        pixels = np.asarray(scene(3))
        # the second picture, turned this way, is the first: so the first is turned back to make the second
        back = next(n for n in range(8) if np.array_equal(oriented(oriented(pixels, n), orientation), pixels))
        found = overlay(small(Image.fromarray(pixels)), small(Image.fromarray(oriented(pixels, back))))
        assert found is not None
        assert found.orientation == orientation

    def test_shapes(self) -> None:
        assert one_shape((300, 200), (150, 100))
        assert one_shape((301, 200), (75, 50))
        assert not one_shape((300, 200), (200, 300))
        assert not one_shape((400, 300), (300, 200))


class TestKinds:
    @pytest.fixture
    def original(self, tmp_path: Path) -> Path:
        path = tmp_path / "one.png"
        scene(5, width=640, height=480).save(path)
        return path

    def test_each_is_told_and_why(self, original: Path, tmp_path: Path) -> None:
        def made(alter: Callable[[Image.Image], Image.Image], name: str = "copy.png", **how: Any) -> Link:
            with Image.open(original) as picture:
                alter(picture).save(tmp_path / name, **how)
            found = linked(original, tmp_path / name)
            assert found is not None
            return found

        assert made(lambda one: one, "copy.bmp") == Link("same pixels", "the same pixels in other bytes")
        assert made(lambda one: one, "copy.jpg", quality=60).kind == "recompressed"
        half = made(lambda one: one.resize((320, 240)))
        assert half == Link("resized", "320 x 240 instead of 640 x 480")
        crop = made(lambda one: one.crop((0, 0, 480, 480)))
        assert crop.kind == "cropped"
        assert crop.why.startswith("shows 7")
        assert made(lambda one: one.convert("L").convert("RGB")) == Link("edited", "with less colour")
        assert made(brighter).kind == "edited"
        assert made(lambda one: one.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) == Link("turned", "mirrored")
        assert made(lambda one: one.transpose(Image.Transpose.ROTATE_180)).why == "turned by 180 degrees"
        shutil.copy(original, tmp_path / "again.png")
        assert linked(original, tmp_path / "again.png") == Link("same bytes", "the same bytes")

    def test_a_word_written_into_a_picture_is_an_edit_and_no_copy(
        self, original: Path, tmp_path: Path
    ) -> None:
        with Image.open(original) as picture:
            ImageDraw.Draw(picture).text((300, 200), "2026", fill="white")
            picture.save(tmp_path / "dated.jpg", quality=80)
        assert linked(original, tmp_path / "dated.jpg") == Link("edited", "the same but for some small place")

    def test_a_master_and_the_jpeg_beside_it(self, original: Path, tmp_path: Path) -> None:
        with Image.open(original) as picture:
            picture.save(tmp_path / "shot.tif")
            picture.save(tmp_path / "shot.jpg")
            picture.save(tmp_path / "other.jpg")
        assert linked(tmp_path / "shot.tif", tmp_path / "shot.jpg") == Link(
            "companion", "a JPG beside shot.tif"
        )
        assert kind(tmp_path / "shot.tif", tmp_path / "other.jpg") == "recompressed"

    def test_empty_pages_are_copies_only_by_every_pixel(self, tmp_path: Path) -> None:
        for name, colour in (
            ("a.png", (250, 250, 250)),
            ("b.bmp", (250, 250, 250)),
            ("c.png", (249, 250, 250)),
        ):
            Image.new("RGB", (90, 60), colour).save(tmp_path / name)
        assert kind(tmp_path / "a.png", tmp_path / "b.bmp") == "same pixels"
        assert kind(tmp_path / "a.png", tmp_path / "c.png") is None

    def test_far_vectors_allow_only_another_size(self, original: Path, tmp_path: Path) -> None:
        with Image.open(original) as picture:
            picture.crop((0, 0, 480, 480)).save(tmp_path / "crop.png")
            picture.resize((160, 120)).save(tmp_path / "small.png")
        assert linked(original, tmp_path / "crop.png", near=False) is None
        assert linked(original, tmp_path / "small.png", near=False) is not None

    def test_what_cannot_be_decoded_is_remembered(self, original: Path, tmp_path: Path) -> None:
        bad = tmp_path / "bad.png"
        bad.write_bytes(original.read_bytes()[:200])
        shots = Shots()
        broken = DuplicateFile(2, bad, tmp_path, "0" * 64, 640, 480, 200, 0.0)
        assert link(file_of(original), broken, shots) is None
        assert shots.unreadable == {bad}

    def test_what_was_swapped_since_is_not_looked_at(self, original: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.png"
        other.write_bytes(original.read_bytes() + b"copy")
        told = file_of(other)
        secret = tmp_path / "secret.png"
        secret.write_bytes(original.read_bytes())
        other.unlink()
        other.symlink_to(secret)
        shots = Shots()
        assert link(file_of(original), told, shots) is None
        assert shots.unreadable == {other}

    def test_kinds_are_named(self) -> None:
        assert parse_kinds("resized, same bytes") == {"resized", "same bytes"}
        assert parse_kinds("") == frozenset()
        with pytest.raises(UnknownName, match="recompressed"):
            parse_kinds("recompresed")


def brighter(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(1.3)


class TestBursts:
    def test_two_times_make_two_photographs(self, tmp_path: Path) -> None:
        first, second = scene(7), scene(7)
        ImageDraw.Draw(second).ellipse((140, 90, 170, 120), fill="red")
        one = dated(first, tmp_path / "a.jpg", "2024:05:01 10:00:00", "20")
        whole = taken(dated(first, tmp_path / "z.jpg", "2024:05:01 10:00:00"))
        assert whole is not None
        assert taken(one) == pytest.approx(whole + 0.2)
        two = dated(second, tmp_path / "b.jpg", "2024:05:01 10:00:01", "70")
        assert linked(one, two) == Link("burst", "taken 1.5 s apart")
        later = dated(second, tmp_path / "c.jpg", "2024:05:01 11:00:00")
        assert linked(one, later) is None
        edit = dated(second, tmp_path / "d.jpg", "2024:05:01 10:00:00", "20")
        found = linked(one, edit)
        assert found is not None
        assert found.kind == "edited"

    def test_a_clock_that_was_set_makes_no_other_photograph(self, tmp_path: Path) -> None:
        one = dated(scene(8), tmp_path / "a.jpg", "2024:05:01 10:00:00")
        two = dated(scene(8), tmp_path / "b.jpg", "2024:05:01 11:00:00")
        assert kind(one, two) == "same pixels"

    def test_where_no_camera_tells_numbers_and_times_of_files_do(self, tmp_path: Path) -> None:
        for name, seed in (("shot_010.jpg", 1), ("shot_012.jpg", 2), ("shot_090.jpg", 3)):
            scene(seed).save(tmp_path / name)
            os.utime(tmp_path / name, (1e9, 1e9))
        assert kind(tmp_path / "shot_010.jpg", tmp_path / "shot_012.jpg") == "burst"
        assert kind(tmp_path / "shot_010.jpg", tmp_path / "shot_090.jpg") is None
        os.utime(tmp_path / "shot_012.jpg", (1e9 + 60, 1e9 + 60))
        assert kind(tmp_path / "shot_010.jpg", tmp_path / "shot_012.jpg") is None

    @pytest.mark.parametrize("moment", ["", "0000:00:00 00:00:00", "yesterday"])
    def test_no_time_is_no_time(self, moment: str, tmp_path: Path) -> None:
        assert taken(dated(scene(1), tmp_path / "a.jpg", moment)) is None
        (tmp_path / "b.jpg").write_text("nothing")
        assert taken(tmp_path / "b.jpg") is None


def test_turned_copies_are_proposed(tmp_path: Path) -> None:
    for number in range(6):
        scene(number).save(tmp_path / f"{number}.png")
    scene(2).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "6.png")
    scene(4).transpose(Image.Transpose.TRANSVERSE).resize((100, 150)).save(tmp_path / "7.png")
    files = [file_of(path) for path in sorted(tmp_path.iterdir())]
    assert turned_pairs(files, Shots()).tolist() == [[2, 6], [4, 7]]
    assert turned_pairs([], Shots()).shape == (0, 2)


# --- what spares work changes nothing ---


def test_neither_the_order_of_pairs_nor_what_is_kept_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [scene(number) for number in range(3)]
    pictures += [
        pictures[0].crop((30, 20, 280, 190)),
        compressed(pictures[1], 40),
        pictures[2].transpose(Image.Transpose.ROTATE_90),
    ]
    paths = [tmp_path / f"{name}.png" for name in "abcdef"]
    for picture, path in zip(pictures, paths, strict=True):
        picture.save(path)
    files = [file_of(path) for path in paths]
    pairs = [ContentPair(first, second, 0.1) for first, second in combinations(range(len(files)), 2)]

    def told(pairs: list[ContentPair]) -> dict[ContentPair, Link]:
        return Judge(
            files, np.zeros((len(files), 2), np.float32), CopyDistances(1.0, 1.0), Dismissed(frozenset())
        ).look(pairs)

    found = told(pairs)
    assert {pair[:2]: link.kind for pair, link in found.items()} == {
        (0, 3): "cropped",
        (1, 4): "recompressed",
        (2, 5): "turned",
    }
    monkeypatch.setattr(Judge, "_by_neighbourhood", lambda self, pairs: iter(pairs))
    monkeypatch.setattr(kinds, "SMALL", 1)
    for kept in (1, 3):
        monkeypatch.setattr(kinds, "POINTS", kept)
        assert told(pairs[::-1]) == found
        assert told(random.Random(kept).sample(pairs, len(pairs))) == found


def test_keypoints_are_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        scene(number).save(tmp_path / f"{number}.png")
    files = [file_of(tmp_path / f"{number}.png") for number in range(3)]
    monkeypatch.setattr(kinds, "SMALL", 1)
    shots = Shots()
    first = [shot.small.keypoints for file in files if (shot := shots.get(file))]
    monkeypatch.setattr(pixels.PictureKeypoints, "of", None)
    again = [shot.small.keypoints for file in files if (shot := shots.get(file))]
    assert [id(one) for one in again] == [id(one) for one in first]
    grey = shots.get(files[2]).small.grey  # type: ignore[union-attr]
    raw = cv2.SIFT.create(nfeatures=400).detectAndCompute(grey, None)[1]
    rooted = np.sqrt(raw / raw.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(first[2].descriptors, rooted, rtol=1e-6)


@given(seed=st.integers(0, 99), width=st.integers(1, 40), height=st.integers(1, 40), apart=st.floats(0, 255))
def test_what_rules_pictures_out_is_a_bound(seed: int, width: int, height: int, apart: float) -> None:
    chance = np.random.default_rng(seed)
    x, y = (chance.uniform(0, 255, (height, width, 3)).astype(np.float32) for _ in range(2))
    y = np.clip(y + np.float32(apart), 0, 255)
    bound = pixels.PixelView.of(x).least_difference(pixels.PixelView.of(y))
    assert 0 <= bound <= 1.0001 * np.abs(x - y).sum()
    grown = pixels.PixelView.of(np.full_like(x, 20)).least_difference(
        pixels.PixelView.of(np.full_like(x, 50))
    )
    assert grown == pytest.approx(30 * x.size)


def test_copies_are_decoded_once_however_many_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for quality in (40, 60, 80, 95):
        scene(3).save(tmp_path / f"q{quality}x.jpg", quality=quality)
    files = [file_of(path) for path in sorted(tmp_path.iterdir())]
    decoded, real = list[object](), pixels.fine

    def counted(source: Source) -> Any:
        decoded.append(source)
        return real(source)

    monkeypatch.setattr(pixels, "fine", counted)

    def told() -> list[Link | None]:
        shots = Shots()
        return [link(a, b, shots) for a, b in combinations(files, 2)]

    found = told()
    assert [one and one.kind for one in found] == ["recompressed"] * 6
    assert len(decoded) == 4
    monkeypatch.setattr(kinds, "FINE_BYTES", 1)
    assert told() == found
    assert len(decoded) > 8
