"""Only what was indexed is read, and only from where it may lie."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unicodedata import normalize

import pytest

from likewise.collection import Collection
from likewise.drawing.sheets import result_sheet
from likewise.errors import BadPicture, UsageError
from likewise.files import paths, reading
from likewise.files.paths import as_spelt, native, relative, within
from likewise.files.reading import as_indexed, regular
from tests.fakes import RECIPE, FakeFactory, make_pictures, picture_bytes
from tests.systems import pipe


def _unknown() -> bool:
    """Whether letters beyond ASCII are mere bytes to this Python (LC_ALL=C, and no UTF-8 mode)."""
    try:
        return not os.fsencode("é")
    except UnicodeEncodeError:
        return True


knows_letters = pytest.mark.skipif(_unknown(), reason="names are ASCII here: there are no accents")


@knows_letters
@pytest.mark.parametrize(("on_disk", "asked"), [("NFD", "NFC"), ("NFC", "NFD"), ("NFC", "NFC")])
def test_a_path_typed_with_other_accents(tmp_path: Path, on_disk: Any, asked: Any) -> None:
    there = tmp_path / normalize(on_disk, "Café") / normalize(on_disk, "Größe.png")
    there.parent.mkdir()
    there.touch()
    assert as_spelt(tmp_path / normalize(asked, "Café/Größe.png")) == there
    for other in ("Cafe/Größe.png", "Café/Grösse.png", "Café/Größe.png/x"):
        assert as_spelt(tmp_path / normalize(asked, other)) == tmp_path / normalize(asked, other)


@knows_letters
def test_of_two_names_that_are_one_none_is_guessed(tmp_path: Path) -> None:
    for name in (normalize("NFC", "\u1e69.png"), normalize("NFD", "\u1e69.png")):
        (tmp_path / name).touch()
    half = "\u1e61\u0323.png"  # the same letter once more, in part composed
    assert as_spelt(tmp_path / half) == tmp_path / half


def test_paths_of_windows_are_kept_as_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "os", SimpleNamespace(sep="\\"))
    assert within(r"C:\photos\deep\a.jpg", r"C:\photos")
    assert within(r"C:\photos", "C:\\")
    assert not within(r"C:\photos-2\a.jpg", r"C:\photos")
    kept = relative(r"C:\photos\deep\a.jpg", r"C:\photos")
    assert kept == "deep/a.jpg"
    assert native(kept) == r"deep\a.jpg"
    assert relative(r"C:\a.jpg", "C:\\") == "a.jpg"


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    make_pictures(tmp_path / "root", 4)
    opened = Collection.open(tmp_path / "c", recipe=RECIPE, extractor_factory=FakeFactory())
    for name in ("0000", "0001", "0002", "0003"):  # one after the other, for ids that are known
        opened.add(tmp_path / "root" / f"{name}.png")
    return opened


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A picture of the user that is in no collection."""
    (tmp_path / "private").mkdir()
    path = tmp_path / "private" / "secret.png"
    path.write_bytes(picture_bytes(900))
    return path


class TestRegular:
    def test_a_file(self, secret: Path) -> None:
        for inside in ([], [str(secret.parent)], ["/nowhere", str(secret.parent)]):
            with regular(str(secret), inside) as file:
                assert file.read() == picture_bytes(900)

    def test_one_that_lies_elsewhere(self, secret: Path, tmp_path: Path) -> None:
        (tmp_path / "root").mkdir()
        (tmp_path / "root" / "link.png").symlink_to(secret)
        (tmp_path / "root" / "folder").symlink_to(secret.parent)
        for path in ("link.png", "folder/secret.png", "../private/secret.png"):
            with pytest.raises(BadPicture, match="leads out"):
                with regular(str(tmp_path / "root" / path), [str(tmp_path / "root")]):
                    pass

    def test_one_that_is_swapped_between_two_looks(
        self, secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_pictures(tmp_path / "root", 1)
        path = tmp_path / "root" / "0000.png"
        path.rename(tmp_path / "root" / "kept.png")
        path.symlink_to(secret)  # that is what is opened
        monkeypatch.setattr(os.path, "realpath", lambda _: str(tmp_path / "root" / "kept.png"))
        with pytest.raises(BadPicture, match="leads out"):
            with regular(str(path), [str(tmp_path / "root")]):
                pass

    def test_pipes_devices_and_folders(self, tmp_path: Path) -> None:
        pipe(tmp_path / "pipe.png")
        for path in (tmp_path / "pipe.png", Path("/dev/zero"), tmp_path):
            with pytest.raises(BadPicture) as problem:
                with regular(str(path)):
                    pass
            assert problem.value.reason == "unreadable"

    @pytest.mark.parametrize("most", [0, 1 << 20])
    def test_large_files_are_compared_too(
        self, secret: Path, monkeypatch: pytest.MonkeyPatch, most: int
    ) -> None:
        monkeypatch.setattr(reading, "AT_ONCE", most)
        content = secret.read_bytes()
        digest = hashlib.sha256(content).digest()
        assert as_indexed(str(secret), digest) == (content if most else str(secret))
        with pytest.raises(BadPicture, match="not what was indexed") as problem:
            as_indexed(str(secret), bytes(32))
        assert problem.value.reason == "changed"


class TestCollection:
    def test_what_was_indexed_is_read(self, collection: Collection, tmp_path: Path) -> None:
        path = tmp_path / "root" / "0000.png"
        assert collection.read(1) == collection.read(path) == path.read_bytes()
        with pytest.raises(UsageError, match="no picture"):
            collection.read(99)

    @pytest.mark.parametrize("swap", ["link", "content"])
    def test_a_picture_that_was_swapped(
        self, collection: Collection, tmp_path: Path, secret: Path, swap: str
    ) -> None:
        path = tmp_path / "root" / "0000.png"
        path.unlink()
        path.symlink_to(secret) if swap == "link" else path.write_bytes(secret.read_bytes())
        for act in (
            lambda: collection.read(1),
            lambda: collection.search(1, box=(0, 0, 9, 9)),
            lambda: collection.describe(1, box=(0, 0, 9, 9)),
            lambda: collection.explain(1, 2),
        ):
            with pytest.raises(BadPicture, match="not what was indexed"):
                act()

    @pytest.mark.parametrize("root", [None, "/", "private"])
    def test_a_catalogue_that_names_files_of_ours(
        self, collection: Collection, tmp_path: Path, secret: Path, root: str | None
    ) -> None:
        """A collection from somebody else, whose paths lead to a picture that only its user can read."""
        collection.close()
        named = {None: str(secret), "/": str(secret)[1:], "private": "secret.png"}[root]
        with closing(sqlite3.connect(tmp_path / "c" / "catalogue.sqlite")) as connection, connection:
            connection.execute("UPDATE pictures SET path = CAST(? AS BLOB) WHERE id = 1", (named,))
            if root:
                folder = root if root == "/" else str(tmp_path / root)
                connection.execute("UPDATE roots SET path = CAST(? AS BLOB)", (folder,))
        with Collection.open(tmp_path / "c", extractor_factory=FakeFactory()) as opened:
            with pytest.raises(Exception, match=r"not what was indexed|cannot be read"):
                opened.read(1)

    def test_what_is_no_longer_what_it_was_is_not_drawn(
        self, collection: Collection, tmp_path: Path, secret: Path
    ) -> None:
        hits, path = collection.search(1, k=1), tmp_path / "root" / "0000.png"
        query, out = tmp_path / "root" / "0001.png", tmp_path / "sheet.png"

        def sheet() -> bytes:
            result_sheet(query, None, hits, out, read=collection.read)
            return out.read_bytes()

        was = sheet()
        path.unlink()
        path.symlink_to(secret)
        one = sheet()
        secret.write_bytes(picture_bytes(901))
        assert sheet() == one != was  # a tile that says so, the same whatever lies there
