"""A disk that is not mounted is not a disk that was emptied."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from likewise.collection import Collection
from tests.fakes import RECIPE, FakeFactory, make_pictures


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.open(tmp_path / "p.likewise", recipe=RECIPE, extractor_factory=FakeFactory()) as opened:
        yield opened


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "photos", 3)
    make_pictures(tmp_path / "photos/nas", 2, first=10)
    return tmp_path / "photos"


@pytest.mark.parametrize("kept", [(), ("notes.txt",), ("other.png",)])
def test_a_root_that_holds_none_of_its_pictures_keeps_them(
    collection: Collection, photos: Path, tmp_path: Path, kept: tuple[str, ...]
) -> None:
    (photos / "bad.jpg").write_bytes(b"no picture")
    collection.add(photos)
    photos.rename(tmp_path / "away")
    photos.mkdir()
    for name in kept:
        make_pictures(photos, 1, first=90)
        os.rename(photos / "0090.png", photos / name)
    for _ in range(2):  # what was put there meanwhile does not bring the others back
        report = collection.add(photos, prune=True)
        assert (report.away, report.forgotten) == (5, 0)
        assert len(collection.failures()) == 1
    assert collection.add(photos, prune="all").forgotten == 5


def test_it_comes_back_as_it_was(collection: Collection, photos: Path, tmp_path: Path) -> None:
    collection.add(photos)
    before = dict(collection.paths())
    photos.rename(tmp_path / "away")
    photos.mkdir()
    assert collection.add(photos, prune=True).away == 5
    assert collection.info().away == [photos]
    [hit] = collection.search(1, k=1)
    assert hit.id == 1
    photos.rmdir()
    (tmp_path / "away").rename(photos)
    assert collection.add(photos, prune=True).unchanged == 5
    assert dict(collection.paths()) == before and collection.info().away == []


@pytest.mark.parametrize("link", [False, True])
def test_a_mount_point_within(
    collection: Collection, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: bool
) -> None:
    if link:
        (photos / "nas").rename(tmp_path / "disk")
        (photos / "nas").symlink_to(tmp_path / "disk")
    else:
        monkeypatch.setattr(os.path, "ismount", lambda path: path == str(photos / "nas"))
    collection.add(photos)
    monkeypatch.undo()
    shutil.rmtree(tmp_path / "disk" if link else photos / "nas")
    if not link:
        (photos / "nas").mkdir()
    for _ in range(2):  # what is away is remembered as long as it is
        report = collection.add(photos, prune=True)
        assert (report.unchanged, report.away, report.forgotten) == (3, 2, 0)
    [fault] = collection.verify().faults
    assert (fault.kind, fault.subject) == ("folder-away", str(photos / "nas"))
    assert f"likewise index {photos / 'nas'} --prune-all" in fault.message
    assert collection.add(photos / "nas", prune="all").forgotten == 2
    assert collection.verify().faults == []


def test_a_plain_folder_that_was_emptied_is_forgotten(collection: Collection, photos: Path) -> None:
    collection.add(photos)
    shutil.rmtree(photos / "nas")
    (photos / "nas").mkdir()
    assert collection.add(photos, prune=True).forgotten == 2
