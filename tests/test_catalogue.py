"""The catalogue and the database below it."""

from __future__ import annotations

import gc
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from likewise.collection.store.catalogue import Catalogue, Content, FilePlace, StoredLayer
from likewise.collection.store.database import APPLICATION, VERSION, Database
from likewise.collection.store.replica import FollowingCatalogue
from likewise.errors import (
    BadPicture,
    CollectionDamaged,
    CollectionError,
    CollectionLocked,
    CollectionNotFound,
    StorageError,
)
from likewise.files.paths import relative, within
from likewise.folders import Stamp
from likewise.pictures import Facts
from tests.fakes import FakeExtractor

STAMP = Stamp(10, 20, 30)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.sqlite"


@pytest.fixture
def catalogue(file: Path) -> Iterator[Catalogue]:
    writer = Catalogue.writer(file)
    writer.add_layer(FakeExtractor().manifest)
    yield writer
    writer.close()


def content(name: str) -> Content:
    return Content(name.encode().ljust(32), 4, 3, {1: name.encode()})


def fill(catalogue: Catalogue, root: int, *names: str) -> list[int]:
    with catalogue.change():
        return [catalogue.insert(FilePlace(root, name.encode()), STAMP, content(name)) for name in names]


def written() -> int:
    """Bytes that this process has written, wherever to."""
    told = Path("/proc/self/io").read_text(encoding="ascii")
    return int(told.partition("wchar:")[2].split()[0])


class TestPictures:
    @pytest.mark.parametrize("together", [1, 3, 1 << 23])
    def test_ids_rise_however_many_are_read_as_one_value(
        self, catalogue: Catalogue, together: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = fill(catalogue, catalogue.add_root("/p"), *"zyxwvut")
        with catalogue.change():
            catalogue.delete(given[2:4])
        monkeypatch.setattr("likewise.collection.store.database.TOGETHER", together)
        for ids in (catalogue.ids(), catalogue.rows.pictures(1)):
            assert ids.tolist() == sorted({*given} - {*given[2:4]})
            assert ids.dtype == np.int64

    def test_what_changes_is_noted_once_for_a_server(self, catalogue: Catalogue) -> None:
        FollowingCatalogue._watch(catalogue)  # type: ignore[arg-type]
        root = catalogue.add_root("/p")
        with catalogue.change():
            told = replace(content("a"), facts=Facts())
            catalogue.insert(FilePlace(root, b"a.jpg"), STAMP, told)
            for _ in range(2):
                catalogue.facts.keep(1, Facts(camera="Acme One"))
        noted = catalogue._database.rows("SELECT name, first FROM touched WHERE name = 'facts'")
        assert [tuple(row) for row in noted] == [("facts", 1)]

    @pytest.mark.skipif(
        not Path("/proc/self/io").exists(), reason="this system does not tell what is written"
    )
    def test_a_picture_costs_no_page_that_is_saved_first(self, catalogue: Catalogue) -> None:
        root = catalogue.add_root("/p")
        before = written()
        with catalogue.change():
            for number in range(200):
                told = replace(content(str(number)), facts=Facts())
                catalogue.insert(FilePlace(root, b"%d.jpg" % number), STAMP, told)
        assert written() - before < 200 * 65_536 / 2  # each of three statements saved a page of 64 KiB

    def test_a_picture_comes_back(self, catalogue: Catalogue) -> None:
        root = catalogue.add_root("/p")
        [picture] = fill(catalogue, root, "a/b.jpg")
        found = catalogue.picture(FilePlace(root, b"a/b.jpg"))
        assert found
        assert (found.id, found.sha256, found.stamp) == (picture, content("a/b.jpg").sha256, STAMP)
        assert catalogue.content(found.sha256, [1]) == content("a/b.jpg")
        assert catalogue.where([picture, 99]) == {picture: "/p/a/b.jpg"}
        assert list(catalogue.paths()) == [(picture, "/p/a/b.jpg", "a/b.jpg")]
        assert list(catalogue.rows.all(1)) == [[(picture, b"a/b.jpg", True)]]

    def test_names_need_not_be_text(self, catalogue: Catalogue) -> None:
        root = catalogue.add_root(os.fsdecode(b"/p\xff"))
        place = catalogue.place(os.fsdecode(b"/p\xff/\xfe\n.jpg"))
        assert place == FilePlace(root, b"\xfe\n.jpg")
        with catalogue.change():
            picture = catalogue.insert(place, STAMP, content("a"))
        assert catalogue.where([picture]) == {picture: os.fsdecode(b"/p\xff/\xfe\n.jpg")}

    def test_replaced_touched_moved_deleted(self, catalogue: Catalogue) -> None:
        root = catalogue.add_root("/p")
        [first, second] = fill(catalogue, root, "a", "b")
        later = Stamp(11, 21, 31)
        with catalogue.change():
            catalogue.replace(first, FilePlace(root, b"a"), later, content("new"))
            catalogue.move(second, FilePlace(root, b"c"), later, content("b"))
        assert catalogue.unsound() == []
        changed, moved = catalogue.picture(FilePlace(root, b"a")), catalogue.picture(FilePlace(root, b"c"))
        assert changed
        assert moved
        assert (changed.id, changed.sha256, changed.stamp) == (first, content("new").sha256, later)
        assert (moved.id, moved.sha256, moved.stamp) == (second, content("b").sha256, later)
        assert catalogue.picture(FilePlace(root, b"b")) is None
        with catalogue.change():
            assert catalogue.delete([first]) == 1
        assert list(catalogue.rows.all(1)) == [[(second, b"b", True)]]

    def test_a_root_around_roots_leaves_rows_sound_and_damage_damaged(self, catalogue: Catalogue) -> None:
        first, second, third = fill(catalogue, catalogue.add_root("/p/q"), "a", "b", "c")
        catalogue._database.run("UPDATE pictures SET width = 9 WHERE id = ?", second)
        with catalogue.change():
            catalogue.add_root("/p")
        assert catalogue.where([first, third]) == {first: "/p/q/a", third: "/p/q/c"}
        assert catalogue.unsound() == [second]

    def test_an_id_is_never_given_twice(self, catalogue: Catalogue) -> None:
        root = catalogue.add_root("/p")
        [first] = fill(catalogue, root, "a")
        with catalogue.change():
            catalogue.delete([first])
        assert fill(catalogue, root, "a") == [first + 1]

    def test_a_place_is_never_filled_twice(self, catalogue: Catalogue) -> None:
        root = catalogue.add_root("/p")
        fill(catalogue, root, "a")
        with pytest.raises(CollectionDamaged, match="UNIQUE"):
            fill(catalogue, root, "b", "a")
        assert catalogue.count() == 1  # nothing of the change that failed

    def test_failures_come_back_and_are_forgiven(self, catalogue: Catalogue) -> None:
        place = FilePlace(catalogue.add_root("/p"), b"\xff.jpg")
        with catalogue.change():
            catalogue.fail(place, STAMP, BadPicture(os.fsdecode(b"\xff.jpg is empty"), "empty"))
            catalogue.fail(place, STAMP, BadPicture(os.fsdecode(b"\xff.jpg is cut"), "truncated"))
        [failure] = catalogue.failures()
        assert (failure.reason, failure.message) == ("truncated", r"\udcff.jpg is cut")
        assert os.fsencode(failure.path) == b"/p/\xff.jpg"
        assert catalogue.failed(place) == STAMP
        with catalogue.change():
            catalogue.forgive(place)
        assert catalogue.failures() == []


class TestRoots:
    def test_a_folder_inside_a_root_needs_none(self, catalogue: Catalogue) -> None:
        root = catalogue.add_root("/p")
        assert catalogue.add_root("/p/a") == root
        assert catalogue.add_root("/p") == root
        assert catalogue.add_root("/pp") != root

    def test_a_root_around_others_takes_them_up(self, catalogue: Catalogue) -> None:
        pictures = fill(catalogue, catalogue.add_root("/p/a"), "1.jpg", "x/2.jpg")
        pictures += fill(catalogue, catalogue.add_root("/p/b"), "3.jpg")
        other = fill(catalogue, catalogue.add_root("/q"), "4.jpg")
        with catalogue.change():
            catalogue.fail(FilePlace(1, b"bad\xff.jpg"), STAMP, BadPicture("bad"))
        catalogue.add_root("/p")
        assert sorted(catalogue.roots().values()) == ["/p", "/q"]
        paths = ["/p/a/1.jpg", "/p/a/x/2.jpg", "/p/b/3.jpg", "/q/4.jpg"]
        assert catalogue.where(pictures + other) == dict(zip(pictures + other, paths, strict=True))
        place = catalogue.place("/p/a/x/2.jpg")
        assert place
        assert catalogue.picture(place)
        assert [os.fsencode(failure.path) for failure in catalogue.failures()] == [b"/p/a/bad\xff.jpg"]

    def test_the_file_system_can_be_a_root(self, catalogue: Catalogue) -> None:
        pictures = fill(catalogue, catalogue.add_root("/p"), "1.jpg")
        catalogue.add_root("/")
        assert catalogue.where(pictures) == {pictures[0]: "/p/1.jpg"}
        assert relative("/p/1.jpg", "/") == "p/1.jpg"
        assert within("/p", "/")

    def test_a_place_outside_is_none(self, catalogue: Catalogue) -> None:
        catalogue.add_root("/p")
        assert catalogue.place("/photos/a.jpg") is None


class TestChanges:
    def test_a_change_moves_the_generation_by_one(self, catalogue: Catalogue) -> None:
        root = catalogue.add_root("/p")
        before = catalogue.generation
        fill(catalogue, root, "a", "b", "c")
        assert catalogue.generation == before + 1

    def test_a_change_of_nothing_leaves_it(self, catalogue: Catalogue) -> None:
        with catalogue.change():
            pass
        assert catalogue.generation == 0

    def test_a_change_that_fails_leaves_nothing(self, catalogue: Catalogue) -> None:
        root = catalogue.add_root("/p")
        with pytest.raises(ZeroDivisionError), catalogue.change():
            catalogue.insert(FilePlace(root, b"a"), STAMP, content("a"))
            raise ZeroDivisionError
        assert (catalogue.count(), catalogue.generation) == (0, 0)

    def test_a_reader_sees_what_is_committed_and_nothing_else(self, file: Path, catalogue: Catalogue) -> None:
        root = catalogue.add_root("/p")
        reader = Catalogue.reader(file)
        with catalogue.change():
            catalogue.insert(FilePlace(root, b"a"), STAMP, content("a"))
            assert reader.count() == 0
        assert reader.count() == 1
        with reader.moment():
            assert reader.count() == 1
            fill(catalogue, root, "b")
            assert reader.count() == 1
        assert reader.count() == 2
        reader.close()


class TestLayers:
    def test_they_are_added_placed_and_dropped(self, file: Path) -> None:
        catalogue = Catalogue.writer(file)
        assert not catalogue.is_signed
        first, second = (FakeExtractor(weights=digit * 64).manifest for digit in "12")
        with catalogue.change():
            assert [catalogue.add_layer(manifest) for manifest in (first, second)] == [1, 2]
        assert catalogue.is_signed
        assert catalogue.layers() == [StoredLayer(1, first), StoredLayer(2, second)]
        with catalogue.change():
            catalogue.place_layer(1, 1, first)
            catalogue.place_layer(2, 0, second)
        assert [layer.id for layer in catalogue.layers()] == [2, 1]
        before = catalogue.generation
        with catalogue.change():
            catalogue.place_layer(2, 0, second)  # as it is: nothing has changed
        assert catalogue.generation == before
        with catalogue.change():
            catalogue.drop_layer(2)
            assert catalogue.add_layer(second) == 3  # an id is never given twice
        assert [layer.id for layer in catalogue.layers()] == [1, 3]
        catalogue.close()

    def test_each_keeps_its_own_of_a_picture(self, catalogue: Catalogue) -> None:
        second = catalogue.add_layer(FakeExtractor(weights="1" * 64).manifest)
        root = catalogue.add_root("/p")
        [picture] = fill(catalogue, root, "a")
        digest = content("a").sha256
        assert catalogue.unpaired(second) == ([picture], [])
        with catalogue.change():
            catalogue.rows.put(picture, {second: b"other"})
        assert catalogue.content(digest, [1, second]) == Content(digest, 4, 3, {1: b"a", second: b"other"})
        assert [catalogue.code_of(layer, picture) for layer in (1, second)] == [b"a", b"other"]
        with catalogue.change():
            catalogue.delete([picture])
        assert [len(catalogue.rows.pictures(layer)) for layer in (1, second)] == [0, 0]

    @pytest.mark.parametrize("change", ["code = x'62'", "checksum = checksum + 1"])
    def test_what_was_not_written_is_not_given(self, catalogue: Catalogue, change: str) -> None:
        [first, second] = fill(catalogue, catalogue.add_root("/p"), "a", "c")
        catalogue._database.run(f"UPDATE vectors SET {change} WHERE picture = ?", first)
        [block] = catalogue.rows.all(1)
        assert [(picture, intact) for picture, _, intact in block] == [(first, False), (second, True)]
        assert (catalogue.code_of(1, first), catalogue.code_of(1, second)) == (None, b"c")
        assert catalogue.content(content("a").sha256, [1]) == Content(content("a").sha256, 4, 3, {})


class TestFiles:
    def test_the_settings_that_durability_and_size_rest_on(self, file: Path) -> None:
        database = Database.writer(file)
        settings = ("journal_mode", "synchronous", "page_size", "foreign_keys")
        assert [database.rows(f"PRAGMA {name}") for name in settings] == [
            [("wal",)],
            [(2,)],
            [(65536,)],
            [(1,)],
        ]
        database.close()

    def test_no_file_is_not_found(self, file: Path) -> None:
        with pytest.raises(CollectionNotFound, match="index a folder"):
            Database.reader(file)

    def test_an_unfinished_file_is_not_found_and_can_be_finished(self, file: Path) -> None:
        file.write_bytes(b"")
        with pytest.raises(CollectionNotFound, match="still empty"):
            Database.reader(file)
        Database.writer(file).close()
        Database.reader(file).close()

    @pytest.mark.parametrize("method", [Database.writer, Database.reader])
    def test_what_is_dropped_is_closed(self, file: Path, method: Callable[[Path], Database]) -> None:
        Database.writer(file).close()
        dropped = method(file)
        rows = dropped.blocks("SELECT 1 UNION SELECT 2", size=1)
        connection = dropped._connection
        del dropped
        gc.collect()
        assert list(rows) == [[(1,)], [(2,)]]  # whoever still reads holds it
        del rows
        gc.collect()
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")

    @pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 4096])
    def test_garbage_is_damage(self, file: Path, content: bytes) -> None:
        file.write_bytes(content)
        for method in (Database.reader, Database.writer):
            with pytest.raises(CollectionDamaged, match=r"catalogue\.sqlite"):
                method(file)
        assert file.read_bytes() == content

    def test_a_database_of_something_else_is_left_alone(self, file: Path) -> None:
        with closing(sqlite3.connect(file)) as foreign, foreign:
            foreign.execute("CREATE TABLE recipes (cake TEXT)")
        for method in (Database.reader, Database.writer):
            with pytest.raises(CollectionDamaged, match="something else"):
                method(file)

    def test_a_newer_format_asks_for_an_upgrade(self, file: Path) -> None:
        Database.writer(file).close()
        with closing(sqlite3.connect(file)) as later, later:
            later.execute(f"PRAGMA user_version = {VERSION + 1}")
        for method in (Database.reader, Database.writer):
            with pytest.raises(CollectionError, match=r"newer likewise .* upgrade"):
                method(file)

    def test_the_file_says_what_it_is(self, file: Path) -> None:
        Database.writer(file).close()
        assert file.read_bytes()[68:72] == APPLICATION.to_bytes(4, "big") == b"like"

    def test_a_full_disk_is_a_storage_error_and_loses_nothing(self, file: Path, catalogue: Catalogue) -> None:
        root = catalogue.add_root("/p")
        fill(catalogue, root, "a")
        database = catalogue._database
        pages = database.rows("PRAGMA page_count")[0][0]
        database.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageError, match=r"full.*again"), catalogue.change():
            for number in range(2000):
                catalogue.insert(FilePlace(root, b"%d" % number), STAMP, content("x" * 100))
        assert catalogue.count() == 1
        database.rows(f"PRAGMA max_page_count = {10 * pages}")
        fill(catalogue, root, "b")
        assert (catalogue.count(), catalogue.integrity()) == (2, [])

    def test_a_catalogue_that_cannot_be_written_is_a_storage_error(self, file: Path) -> None:
        Database.writer(file).close()
        reader = Database.reader(file)
        with pytest.raises(StorageError, match="can be written"):
            reader.run("DELETE FROM pictures")
        reader.close()

    def test_a_missing_folder_is_a_storage_error(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="cannot be opened"):
            Database.writer(tmp_path / "none" / "catalogue.sqlite")

    def test_a_second_transaction_waits_and_gives_up(self, file: Path, catalogue: Catalogue) -> None:
        other = Catalogue.writer(file)
        other._database.rows("PRAGMA busy_timeout = 10")
        with catalogue.change(), pytest.raises(CollectionLocked, match="another process"), other.change():
            raise AssertionError
        other.close()

    def test_missing_tables_are_damage(self, file: Path, catalogue: Catalogue) -> None:
        catalogue._database.run("DROP TABLE vectors")
        with pytest.raises(CollectionDamaged, match="no such table"):
            catalogue.rows.pictures(1)

    def test_odd_folder_names_are_no_part_of_the_address(self, tmp_path: Path) -> None:
        folder = tmp_path / os.fsdecode("a?mode=ro#100%&é".encode())
        folder.mkdir()
        Database.writer(folder / "catalogue.sqlite").close()
        Database.reader(folder / "catalogue.sqlite").close()
        assert {path.name.partition("-")[0] for path in tmp_path.rglob("*.sqlite*")} == {"catalogue.sqlite"}
        assert list(tmp_path.iterdir()) == [folder]

    def test_an_emptied_file_beside_a_full_log_is_damage(self, file: Path, catalogue: Catalogue) -> None:
        fill(catalogue, catalogue.add_root("/p"), "a")
        other = file.parent / "copy" / file.name
        other.parent.mkdir()
        other.touch()
        log = file.with_name(file.name + "-wal").read_bytes()
        other.with_name(file.name + "-wal").write_bytes(log)
        for method in (Database.reader, Database.writer):
            with pytest.raises(CollectionDamaged, match=r"is empty, but catalogue\.sqlite-wal"):
                method(other)
        assert other.with_name(file.name + "-wal").read_bytes() == log

    def test_a_schema_that_is_no_text_is_damage(self, file: Path) -> None:
        Database.writer(file).close()
        content = file.read_bytes()
        file.write_bytes(content.replace(b"CREATE TABLE failures", b"CREATE TABLE \xff\xfeilures"))
        with pytest.raises(CollectionDamaged), closing(Catalogue.reader(file)) as reader:
            reader.failures()


class TestStrictness:
    def test_new_tables_hold_columns_to_their_types(self, catalogue: Catalogue) -> None:
        with pytest.raises(CollectionDamaged, match="cannot store TEXT"):
            catalogue._database.run("INSERT INTO roots (path) VALUES ('text')")

    @pytest.mark.parametrize("value", ["text", "9" * 5000, b"\xff"])
    def test_a_generation_that_is_no_number_is_damage(self, catalogue: Catalogue, value: object) -> None:
        catalogue._database.run("INSERT INTO meta (key, value) VALUES ('generation', ?)", value)
        with pytest.raises(CollectionDamaged, match="cannot be read"):
            _ = catalogue.generation

    @pytest.mark.parametrize("value", ["text", 1e30, float("inf"), -1])
    def test_a_time_that_no_calendar_has_is_damage(self, catalogue: Catalogue, value: object) -> None:
        catalogue._database.run("INSERT INTO meta (key, value) VALUES ('changed', ?)", value)
        with pytest.raises(CollectionDamaged, match="cannot be read"):
            _ = catalogue.changed

    def test_a_number_beyond_sqlite_is_no_id(self, catalogue: Catalogue) -> None:
        [picture] = fill(catalogue, catalogue.add_root("/p"), "a")
        assert catalogue.where([picture, 10**30, -1]) == {picture: "/p/a"}
        assert catalogue.has(picture)
        assert not catalogue.has(10**30)


class TestThreads:
    def test_a_database_that_is_closed_says_so(self, catalogue: Catalogue) -> None:
        fill(catalogue, catalogue.add_root("/p"), *(str(number) for number in range(3)))
        blocks = catalogue._database.blocks("SELECT id FROM pictures", size=1)
        assert next(blocks) == [(1,)]
        catalogue.close()
        catalogue.close()
        for ask in (lambda: next(blocks), catalogue.count):
            with pytest.raises(CollectionError, match="closed while it was in use"):
                ask()

    def test_a_close_waits_for_a_moment(self, file: Path, catalogue: Catalogue) -> None:
        reader = Catalogue.reader(file)
        closer = Thread(target=reader.close)
        with reader.moment():
            closer.start()
            closer.join(0.05)
            assert closer.is_alive()
            assert reader.count() == 0
        closer.join()
        with pytest.raises(CollectionError, match="closed"):
            reader.count()
