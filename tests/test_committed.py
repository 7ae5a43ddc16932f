"""Acknowledged commits that are gone: told on opening and by verify, made good by the next index."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest

from likewise.collection import Collection
from likewise.collection.store.belongings import COMMITTED
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.committed import Committed
from likewise.errors import CollectionNotFound
from likewise.types import Progress
from tests.fakes import RECIPE, FakeFactory, make_pictures

TOLD = Committed(12, 30, (b"/a", b"/b/\xff"))


def opened(path: Path) -> Collection:
    return Collection.open(path, recipe=RECIPE, extractor_factory=FakeFactory())


def kinds(collection: Collection) -> set[str]:
    return {fault.kind for fault in collection.verify().faults}


class TestLine:
    def test_what_is_written_is_read(self, tmp_path: Path) -> None:
        assert Committed.read(tmp_path) is None
        for told in (TOLD, Committed(13, 30, ())):  # the second is shorter
            told.write(tmp_path)
            assert Committed.read(tmp_path) == told

    def test_whatever_is_flipped_or_cut_is_not_believed(self, tmp_path: Path) -> None:
        TOLD.write(tmp_path)
        file = tmp_path / COMMITTED
        content = file.read_bytes()
        for at in range(len(content) - 1):
            file.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
            assert Committed.read(tmp_path) is None, at
            file.write_bytes(content[:at])
            assert Committed.read(tmp_path) is None, at

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "null",
            "[" * 5000,
            '{"generation": -1, "last": 0, "roots": []}',
            '{"generation": 1e999, "last": 0, "roots": []}',
            '{"generation": 9223372036854775807, "last": 0, "roots": []}',
            '{"generation": 1, "last": 0, "roots": ["xy"]}',
            '{"generation": 1, "last": true, "roots": []}',
            '{"generation": 1, "roots": []}',
        ],
    )
    def test_what_is_no_such_line(self, text: str) -> None:
        assert Committed.parsed(text) is None

    def test_what_is_left_to_look_for(self) -> None:
        assert TOLD.without(["/a"]) == Committed(12, 30, (b"/b/\xff",))
        assert TOLD.without(["/"]) is None

    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "mine").write_bytes(b"precious")
        (tmp_path / COMMITTED).symlink_to(tmp_path / "mine")
        TOLD.write(tmp_path)
        assert (tmp_path / "mine").read_bytes() == b"precious"


def lose_the_last_commits(folder: Path, flip: int) -> Path:
    """A collection of 3 pictures, killed when 3 more were committed, with one bit of its log flipped."""
    photos, copy = folder / "photos", folder / "copy"
    make_pictures(photos, 3)
    copy.mkdir()

    def killed(_: Progress) -> None:
        for file in (folder / "c").iterdir():
            (copy / file.name).write_bytes(file.read_bytes())

    with opened(folder / "c") as collection:
        collection.add(photos)
        make_pictures(photos, 6)
        collection.add(photos, progress=killed)
    log = copy / "catalogue.sqlite-wal"
    content = bytearray(log.read_bytes())
    content[flip % len(content)] ^= 1 << (flip % 8)
    log.write_bytes(content)
    (copy / "catalogue.sqlite-shm").unlink(missing_ok=True)
    return copy


@pytest.mark.parametrize("seed", range(6))
def test_a_flipped_bit_of_the_log_is_told_and_healed(
    tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    copy = lose_the_last_commits(tmp_path, random.Random(seed).randrange(1 << 30))
    with opened(copy) as collection:
        held = len(collection)
        assert ("commits-lost" in kinds(collection)) == (held < 6)
    assert any("has lost changes" in record.getMessage() for record in caplog.records) == (held < 6)
    caplog.clear()
    with opened(copy) as collection:
        collection.add(tmp_path / "photos")
        assert len(collection) == 6
        assert kinds(collection) == set()
    caplog.clear()
    opened(copy).close()
    assert not caplog.records


class TestLost:
    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        return lose_the_last_commits(tmp_path, 40)  # in the first frame: nothing of the log is left

    def test_ids_and_generations_are_not_given_again(self, copy: Path, tmp_path: Path) -> None:
        told = Committed.read(copy)
        assert told
        with opened(copy) as collection:
            before = {picture for picture, _ in collection.paths()}
            collection.add(tmp_path / "photos")
            assert min({picture for picture, _ in collection.paths()} - before) > told.last
            assert collection.generation > told.generation

    def test_it_is_said_until_the_folders_were_looked_at(self, copy: Path, tmp_path: Path) -> None:
        make_pictures(tmp_path / "more", 1, first=50)
        with opened(copy) as collection:
            collection.add(tmp_path / "more")
            assert kinds(collection) == {"commits-lost"}
            [fault] = collection.verify().faults
            assert str(tmp_path / "photos") in fault.message
            collection.remove(1)
            assert kinds(collection) == {"commits-lost"}
            collection.add(tmp_path / "photos")
            assert kinds(collection) == set()


@pytest.mark.parametrize("content", [b"", None])
def test_a_catalogue_that_is_empty_or_gone_is_not_replaced_without_a_word(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    make_pictures(tmp_path / "photos", 3)
    with opened(tmp_path / "c") as collection:
        collection.add(tmp_path / "photos")
    file = tmp_path / "c/catalogue.sqlite"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with opened(tmp_path / "c") as collection, pytest.raises(CollectionNotFound):
        collection.search(1)
    assert "has lost changes" in caplog.text
    with opened(tmp_path / "c") as collection:
        collection.add(tmp_path / "photos")
        assert kinds(collection) == set()
        assert [picture for picture, _ in collection.paths()] == [4, 5, 6]


def test_nothing_is_said_of_a_sound_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_pictures(tmp_path / "photos", 3)
    with opened(tmp_path / "c") as collection:
        collection.add(tmp_path / "photos")
        collection.remove(2)
        with opened(tmp_path / "c") as other:
            assert kinds(other) == set()
    with closing(Catalogue.reader(tmp_path / "c/catalogue.sqlite")) as catalogue:
        assert catalogue.lost is None
    assert not caplog.records


def test_a_likewise_of_before_leaves_it_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_pictures(tmp_path / "photos", 3)
    with opened(tmp_path / "c") as collection:
        collection.add(tmp_path / "photos")
    (tmp_path / "c" / COMMITTED).unlink()
    with opened(tmp_path / "c") as collection:
        assert kinds(collection) == set()
        collection.remove(1)
    told = Committed.read(tmp_path / "c")
    assert told
    assert told.last == 3
    assert not caplog.records
