"""Finding picture files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from likewise.collection.walk import Stamp, is_gone, look, real_path, resolve, walk
from likewise.errors import UsageError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(folder: Path) -> list[str]:
    return [os.path.relpath(found.path, folder) for found in walk(str(folder))]


def test_takes_pictures_by_suffix_in_order_and_passes_over_the_rest(tmp_path: Path) -> None:
    wanted = ["a.JPG", "b.png", "c/a.webp", "c/d/a.tiff", "e/a.jpeg"]
    hidden = [".a.jpg", ".git/a.jpg", "a.txt", "jpg", "c/none", "old.likewise/thumb.jpg", "c.likewise/a.jpg"]
    touch(*(tmp_path / name for name in wanted + hidden))
    assert names(tmp_path) == wanted


def test_hard_names(tmp_path: Path) -> None:
    hard = ["two\nlines.jpg", "żółw 🐢.jpg", " .jpg", os.fsdecode(b"\xff\xfe.jpg"), "[x]*?.jpg"]
    touch(*(tmp_path / name for name in hard))
    assert sorted(names(tmp_path)) == sorted(hard)


def test_links_are_followed_but_no_folder_is_entered_twice(tmp_path: Path) -> None:
    touch(tmp_path / "here/a.jpg", tmp_path / "elsewhere/b.jpg")
    (tmp_path / "here/back").symlink_to(tmp_path / "here")
    (tmp_path / "here/one").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here/two").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/up").symlink_to(tmp_path / "here")
    (tmp_path / "here/link.jpg").symlink_to(tmp_path / "elsewhere/b.jpg")
    assert names(tmp_path / "here") == ["a.jpg", "link.jpg", "one/b.jpg"]


def test_what_cannot_be_read_comes_with_its_problem(tmp_path: Path) -> None:
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "nowhere.jpg").symlink_to("none.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    reasons = {os.path.basename(found.path): found.problem for found in walk(str(tmp_path))}
    shown = {name: problem and problem.reason for name, problem in reasons.items()}
    assert shown == {"loop.jpg": "unreadable", "nowhere.jpg": "vanished", "pipe.jpg": "unreadable"}
    assert "not a regular file" in str(reasons["pipe.jpg"])


def test_a_folder_that_does_not_open_is_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "locked/b.jpg")
    listdir = os.listdir

    def refuse(path: str) -> list[str]:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    found = list(walk(str(tmp_path)))
    assert [os.path.basename(one.path) for one in found] == ["a.jpg", "locked"]
    assert found[1].problem
    assert found[1].problem.reason == "unreadable"


def test_a_folder_named_like_a_picture_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path / "album.jpg/a.jpg")
    assert names(tmp_path) == ["album.jpg/a.jpg"]


def test_the_stamp_is_that_of_the_file(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    status = (tmp_path / "a.jpg").stat()
    assert look(str(tmp_path / "a.jpg")).stamp == Stamp(1, status.st_mtime_ns, status.st_ctime_ns)


def test_gone_is_only_what_is_surely_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.jpg")
    assert not is_gone(str(tmp_path / "a.jpg"))
    assert is_gone(str(tmp_path / "b.jpg"))
    assert is_gone(str(tmp_path / "a.jpg" / "below"))

    def refuse(_: str) -> os.stat_result:
        raise PermissionError

    monkeypatch.setattr(os, "stat", refuse)
    assert not is_gone(str(tmp_path / "b.jpg"))


def test_sources_are_real_and_folders_do_not_lie_in_each_other(tmp_path: Path) -> None:
    touch(tmp_path / "a/b/c.jpg", tmp_path / "ab/d.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    real = str(tmp_path.resolve())
    sources = [tmp_path / "link", tmp_path / "a/b", tmp_path / "ab", tmp_path / "ab", tmp_path / "a/b/c.jpg"]
    assert resolve(sources) == [f"{real}/a", f"{real}/a/b/c.jpg", f"{real}/ab"]


def test_a_file_that_is_a_link_keeps_its_name(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    assert real_path(tmp_path / "link.jpg") == str(tmp_path.resolve() / "link.jpg")


def test_sources_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none does not exist"):
        resolve([tmp_path, tmp_path / "none"])
    with pytest.raises(UsageError, match="at least one"):
        resolve([])
