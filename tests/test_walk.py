"""Finding picture files."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from likewise.errors import UsageError
from likewise.files.paths import is_gone, real_path
from likewise.folders import Excludes, Stamp, look, resolve, walk
from tests.systems import pipe


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
    hard = [
        "two\nlines.jpg",
        os.fsdecode("żółw 🐢.jpg".encode()),
        " .jpg",
        os.fsdecode(b"\xff\xfe.jpg"),
        "[x]*?.jpg",
    ]
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
    pipe(tmp_path / "pipe.jpg")
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


def test_what_cannot_be_looked_at_is_a_problem_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "sick/b.jpg", tmp_path / "notes.txt")
    (tmp_path / "nowhere").symlink_to("none")
    status = os.stat

    def fail(path: str, **options: Any) -> os.stat_result:
        if path.endswith("sick"):
            raise OSError(5, "Input/output error", path)
        return status(path, **options)

    monkeypatch.setattr(os, "stat", fail)
    found = {os.path.basename(one.path): one.problem for one in walk(str(tmp_path))}
    assert list(found) == ["a.jpg", "sick"]
    assert found["sick"] and found["sick"].reason == "unreadable" and "Input/output" in str(found["sick"])


def test_a_path_that_is_too_long_is_a_problem(tmp_path: Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(25):
            os.mkdir("x" * 200)
            os.chdir("x" * 200)
        Path("low.jpg").write_bytes(b"x")
    finally:
        os.chdir(here)
    [found] = walk(str(tmp_path))
    assert found.problem and found.problem.reason == "unreadable" and "too long" in str(found.problem)


def test_what_is_passed_over_is_counted_by_kind(tmp_path: Path) -> None:
    names = ["a.jpg", "b.XCF", "c.xcf", "d/e.psb", "README", ".hidden.psb", "@eaDir/a.jpg/thumb.jpg"]
    touch(*(tmp_path / name for name in (*names, "#recycle/x.jpg", "Thumbs.db")))
    passed = Counter[str]()
    assert [os.path.basename(found.path) for found in walk(str(tmp_path), passed=passed)] == ["a.jpg"]
    assert passed == {".xcf": 2, ".psb": 1, "": 1}


def test_excludes_by_name_and_by_path(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.jpg", "raw/b.jpg", "scans/raw/c.jpg", ".d.jpg", "tmp-e.jpg")))
    excludes = Excludes().changed(["scans/raw", "tmp-*"], [".*"])
    found = [os.path.relpath(one.path, tmp_path) for one in walk(str(tmp_path), excludes=excludes)]
    assert found == [".d.jpg", "a.jpg", "raw/b.jpg"]
    assert excludes.hold(f"{tmp_path}/scans/raw/c.jpg", str(tmp_path))
    assert not excludes.hold(f"{tmp_path}/raw/b.jpg", str(tmp_path))
    with pytest.raises(UsageError, match="@eaDir"):
        excludes.changed([], ["nothing"])
    with pytest.raises(UsageError, match="empty pattern"):
        excludes.changed([""], [])


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
