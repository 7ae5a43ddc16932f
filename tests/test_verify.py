"""Finding what is wrong with a collection."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.collection import Collection
from likewise.collection.store import database
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.database import Database, Rows
from likewise.errors import CollectionDamaged, UsageError
from likewise.types import Progress
from tests.fakes import DIMENSIONS, RECIPE, FakeFactory, make_pictures

Change = Callable[..., None]

SIGNED = {table: f"UPDATE {table} SET checksum = {one}" for table, one in database.CHECKSUMS.items()}
"""By table the statement that gives its rows the checksums of what they hold, whoever wrote that."""

THE_SAME = "5, added, taken, camera, lens, orientation, rating, latitude, longitude, keywords, checksum"
"""Columns of ``facts`` under another id."""


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    make_pictures(tmp_path / "photos", 8)
    with Collection.open(tmp_path / "c", recipe=RECIPE, extractor_factory=FakeFactory()) as opened:
        opened.add(tmp_path / "photos")
        yield opened


@pytest.fixture
def change(tmp_path: Path, collection: Collection) -> Change:
    """Alter the catalogue behind the collection's back."""

    def run(statement: str, *values: object) -> None:
        opened = Database.writer(tmp_path / "c/catalogue.sqlite")
        opened.rows("PRAGMA foreign_keys = OFF")
        opened.run(statement, *values)
        opened.run("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
        opened.run(f"{SIGNED['meta']} WHERE key = 'generation'")
        opened.close()

    return run


@pytest.fixture
def loose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collections are made as they were before tables were strict."""
    tables = tuple(re.sub(",? STRICT$", "", statement) for statement in database.SCHEMA)
    monkeypatch.setattr(database, "SCHEMA", tables)
    monkeypatch.setattr(database, "_STRICT", False)


def written(*numbers: float) -> bytes:
    return np.resize(np.array(numbers, np.float16), DIMENSIONS).tobytes()


def kinds(collection: Collection) -> list[str]:
    return [fault.kind for fault in collection.verify().faults]


def test_a_sound_collection_has_no_fault(collection: Collection) -> None:
    seen: list[Progress] = []
    report = collection.verify(seen.append)
    assert (report.faults, report.checked) == ([], 8)
    assert (seen[-1].done, seen[-1].total) == (8, 8)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (b"", "vector-length"),
        (written(1)[:-1], "vector-length"),
        (written(1) + b"x", "vector-length"),
        (written(np.nan), "vector-not-finite"),
        (written(np.inf, 0), "vector-not-finite"),
        (written(1), "vector-not-normalised"),
    ],
)
def test_a_bad_vector_is_found_and_does_not_end_searching(
    collection: Collection, change: Change, code: bytes, kind: str
) -> None:
    change("UPDATE vectors SET code = ?, checksum = bound(crc32(?), 3) WHERE picture = 3", code, code)
    [fault] = collection.verify().faults
    assert (fault.kind, fault.subject) == (kind, str(collection.path_of(3)))
    assert fault.message.endswith("remove it and index its file again")
    hits = collection.search(1, k=8)
    assert len(hits) == (8 if kind == "vector-not-normalised" else 7)


def test_the_remedy_works(collection: Collection, change: Change, tmp_path: Path) -> None:
    code = written(np.nan)
    change("UPDATE vectors SET code = ?, checksum = bound(crc32(?), 3) WHERE picture = 3", code, code)
    collection.remove(3)
    assert kinds(collection) == []
    assert collection.add(tmp_path / "photos").added == 1
    assert len(collection.search(1, k=9)) == 8


def test_a_vector_of_zeros_is_a_picture_without_features(collection: Collection, change: Change) -> None:
    code = written(0)
    change("UPDATE vectors SET code = ?, checksum = bound(crc32(?), 3) WHERE picture = 3", code, code)
    assert kinds(collection) == []
    assert collection.search(1, k=8)[-1].id == 3


@pytest.mark.parametrize("checksum", ["checksum", "crc32(zeroblob(24))", "0"])
def test_zeros_that_nobody_described_are_named_and_made_again(
    collection: Collection, change: Change, tmp_path: Path, checksum: str
) -> None:
    before = collection.search(1, k=8)
    change(f"UPDATE vectors SET code = zeroblob(length(code)), checksum = {checksum} WHERE picture = 3")
    assert kinds(collection) == ["vector-damaged"]
    assert collection.search(1, k=8).left_out == 1
    assert collection.add(tmp_path / "photos").completed == 1
    assert kinds(collection) == []
    assert list(collection.search(1, k=8)) == list(before)


@pytest.mark.parametrize("table", ["vectors", "facts"])
def test_a_row_of_another_picture_is_named_and_made_again(
    collection: Collection, change: Change, tmp_path: Path, table: str
) -> None:
    before = collection.search(1, k=8)
    change(f"DELETE FROM {table} WHERE picture = 3")
    change(f"UPDATE {table} SET picture = 3 WHERE picture = 4")
    change(f"UPDATE {table} SET picture = 4 WHERE picture = 5")
    change(
        f"INSERT INTO {table} SELECT {'5, code, checksum' if table == 'vectors' else THE_SAME} FROM {table}"
        " WHERE picture = 6"
    )
    damaged = {"vectors": "vector-damaged", "facts": "facts-damaged"}[table]
    faults = collection.verify().faults
    assert [(fault.kind, fault.subject) for fault in faults] == [
        (damaged, str(collection.path_of(picture))) for picture in (3, 4, 5)
    ]
    assert collection.add(tmp_path / "photos").completed == 3
    assert kinds(collection) == []
    assert list(collection.search(1, k=8)) == list(before)


@pytest.mark.parametrize(
    "value",
    [
        *("size = size + 1", "width = width + 1", "height = -height", "mtime_ns = mtime_ns + 1"),
        *("sha256 = zeroblob(32)", "sha256 = (SELECT sha256 FROM pictures WHERE id = 4)", "checksum = NULL"),
    ],
)
def test_a_row_that_was_not_written_is_named_and_written_again(
    collection: Collection, change: Change, tmp_path: Path, value: str
) -> None:
    before, searched = collection.entries([3]), list(collection.search(1, k=8))
    change(f"UPDATE pictures SET {value} WHERE id = 3")
    [fault] = collection.verify().faults
    assert (fault.kind, fault.subject) == ("row-damaged", "id 3")
    report = collection.add(tmp_path / "photos")
    assert (report.completed + report.changed, report.unchanged, report.failed) == (1, 7, 0)
    assert kinds(collection) == []
    assert collection.entries([3]) == before
    assert list(collection.search(1, k=8)) == searched


def test_a_path_of_another_file_is_followed_back(
    collection: Collection, change: Change, tmp_path: Path
) -> None:
    before = collection.path_of(3)
    change("UPDATE pictures SET path = x'61' WHERE id = 3")
    assert "row-damaged" in kinds(collection)
    report = collection.add(tmp_path / "photos")
    assert (report.moved, report.unchanged) == (1, 7)
    assert (kinds(collection), collection.path_of(3)) == ([], before)


@pytest.mark.parametrize("number", [-5, 0])
def test_an_id_that_no_picture_is_given_is_given_up(
    collection: Collection, change: Change, tmp_path: Path, number: int
) -> None:
    change(f"UPDATE pictures SET id = {number} WHERE id = 3")
    found = [(fault.kind, fault.subject) for fault in collection.verify().faults]
    assert ("row-damaged", f"id {number}") in found
    assert collection.add(tmp_path / "photos").changed == 1
    assert "row-damaged" not in kinds(collection)
    assert number not in [hit.id for hit in collection.search(1, k=9)]


def test_a_damaged_row_can_be_taken_out(collection: Collection, change: Change) -> None:
    change("UPDATE pictures SET height = 7 WHERE id = 3")
    assert [one.id for one in collection.take_out(2, 3)] == [2]  # of the other nothing sound can come back
    assert [row for row, _ in collection.paths()] == [1, 4, 5, 6, 7, 8]


def test_a_damaged_row_is_given_to_no_other_collection(collection: Collection, change: Change) -> None:
    change("UPDATE pictures SET height = 7 WHERE id = 3")
    path = str(collection.path_of(3))
    assert len(list(collection.rows())) == 7 and path not in {row.path for row in collection.rows()}


def test_rows_without_their_other_half(collection: Collection, change: Change) -> None:
    change("DELETE FROM vectors WHERE picture = 2")
    change("DELETE FROM pictures WHERE id = 4")
    faults = {fault.kind: fault for fault in collection.verify().faults}
    assert {kind: fault.subject for kind, fault in faults.items()} == {
        "vector-missing": str(collection.path_of(2)),
        "vector-stray": "id 4",
    }
    assert 4 not in [hit.id for hit in collection.search(1, k=8)]
    assert faults["vector-missing"].message.endswith("by every layer: index its folder again")
    assert collection.add(collection.path_of(2).parent).completed == 1
    assert "vector-missing" not in kinds(collection)


def test_files_that_are_gone(collection: Collection, tmp_path: Path) -> None:
    path = collection.path_of(5)
    path.unlink()
    [fault] = collection.verify().faults
    assert (fault.kind, fault.subject) == ("file-missing", str(path))
    collection.add(tmp_path / "photos", prune=True)
    assert kinds(collection) == []


def test_a_recipe_that_was_edited(collection: Collection, change: Change) -> None:
    change("UPDATE layers SET manifest = replace(manifest, 'size = 32', 'size = 48')")
    change(SIGNED["layers"])
    assert kinds(collection) == ["manifest"]


def test_a_manifest_that_cannot_be_read_stops_everything(collection: Collection, change: Change) -> None:
    change("UPDATE layers SET manifest = '{'")
    with pytest.raises(CollectionDamaged, match="manifest"):
        collection.verify()


@pytest.mark.parametrize("edit", ['"dimensions": 0', '"dimensions": -1', '"dimensions": 1000000000000000'])
def test_dimensions_that_no_vector_has_are_damage(collection: Collection, change: Change, edit: str) -> None:
    change("UPDATE layers SET manifest = replace(manifest, ?, ?)", '"dimensions": 12', edit)
    for ask in (collection.verify, collection.info, lambda: collection.search(1)):
        with pytest.raises(CollectionDamaged, match="dimensions, not 1 to 1000000"):
            ask()


@pytest.mark.parametrize("manifest", ["[" * 100_000, "[1]", '{"recipe": 1}'])
def test_a_manifest_that_is_something_else_is_damage(
    collection: Collection, change: Change, manifest: str
) -> None:
    change("UPDATE layers SET manifest = ?", manifest)
    with pytest.raises(CollectionDamaged, match="manifest cannot be read"):
        collection.info()


def test_a_recipe_that_cannot_be_read_is_damage(collection: Collection, change: Change) -> None:
    change("UPDATE layers SET manifest = replace(manifest, 'code = ', 'cold = ')")
    with pytest.raises(CollectionDamaged, match="restore"):
        collection.info()


@pytest.mark.usefixtures("loose")
@pytest.mark.parametrize("path", [5, "text", b"a\0"])
def test_a_path_that_is_none_is_a_fault_and_can_be_removed(
    collection: Collection, change: Change, path: object
) -> None:
    change("UPDATE pictures SET path = ? WHERE id = 3", path)
    change(f"UPDATE pictures SET checksum = checksum_of({database.PICTURE})")
    [fault] = collection.verify().faults
    assert (fault.kind, fault.subject) == ("path-damaged", "id 3")
    with pytest.raises(CollectionDamaged, match="verify names"):
        collection.search(1, under="*.png")
    assert collection.remove(3) == 1
    assert kinds(collection) == []


@pytest.mark.usefixtures("loose")
@pytest.mark.parametrize("code", [5, "text"])
def test_a_vector_that_is_none_is_a_fault(collection: Collection, change: Change, code: object) -> None:
    change("UPDATE vectors SET code = ? WHERE picture = 3", code)
    assert kinds(collection) == ["vector-length"]
    assert len(collection.search(1, k=8)) == 7


def test_values_that_are_none_are_faults(collection: Collection, change: Change) -> None:
    change("UPDATE meta SET value = 'later' WHERE key = 'changed'")
    assert kinds(collection) == ["database"]
    with pytest.raises(CollectionDamaged, match="later"):
        collection.info()


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ("99, x'61', 'empty', 'is empty', 0, 0, 0, 0", "root 99, path b'a'"),
        ("1, x'2e2e2f61', 'empty', 'is empty', 0, 0, 0, 0", "root 1, path b'../a'"),
        ("1, x'61', 'empty', 'is empty', 0, 0, 0, 1e300", "root 1, path b'a'"),
    ],
)
def test_a_failure_that_cannot_be_told_is_one_among_others(
    collection: Collection, change: Change, tmp_path: Path, row: str, where: str
) -> None:
    (tmp_path / "photos" / "bad.png").write_bytes(b"no picture")
    collection.add(tmp_path / "photos")
    good = collection.failures()
    change(f"INSERT INTO failures VALUES ({row}, NULL)")
    change(SIGNED["failures"])
    assert collection.failures() == good and len(good) == 1
    faults = collection.verify().faults
    assert [(fault.kind, fault.subject) for fault in faults] == [("failure-damaged", where)]
    collection.add(tmp_path / "photos")
    assert (kinds(collection), collection.failures()) == ([], good)


def test_text_that_is_no_utf8_is_told_as_far_as_it_can_be(
    collection: Collection, change: Change, tmp_path: Path
) -> None:
    for number in range(2):
        (tmp_path / "photos" / f"bad{number}.png").write_bytes(b"no picture")
    collection.add(tmp_path / "photos")
    change("UPDATE failures SET message = CAST(x'61ff62' AS TEXT) WHERE path = CAST('bad0.png' AS BLOB)")
    change(SIGNED["failures"])
    for column in ("camera", "keywords"):
        change(f"UPDATE facts SET {column} = CAST(x'61ff62' AS TEXT) WHERE picture = 2")
    change("INSERT INTO annotations VALUES (2, 'album', CAST(x'61ff62' AS TEXT), NULL, NULL)")
    change(SIGNED["annotations"])
    assert collection.failures()[0].message == "a\\xffb"
    assert "no picture of a known format" in collection.failures()[1].message
    assert collection.known(2).annotations == {"album": "a\\xffb"}
    for where in ("camera like 'a%'", "album like 'a%'"):
        assert [hit.id for hit in collection.search(1, where=where)] == [2]
    with pytest.raises(UsageError, match="nothing"):
        collection.search(1, where="keyword = 'x'")
    assert kinds(collection) == ["facts-damaged"]
    assert collection.add(tmp_path / "photos").completed == 1
    assert kinds(collection) == []


def test_a_damaged_file_is_a_fault(collection: Collection, tmp_path: Path) -> None:
    file = tmp_path / "c/catalogue.sqlite"
    opened = Database.reader(file)
    [(page,)] = opened.rows("SELECT rootpage FROM sqlite_master WHERE name = 'vectors'")
    opened.close()
    collection.close()
    content = bytearray(file.read_bytes())
    content[(page - 1) * 65536 : page * 65536] = b"\xa5" * 65536
    file.write_bytes(content)
    with Collection.open(tmp_path / "c", extractor_factory=FakeFactory()) as damaged:
        assert "database" in kinds(damaged)
        with pytest.raises(CollectionDamaged, match="restore"):
            damaged.search(1)


def annotated(collection: Collection, tmp_path: Path) -> None:
    """Say of the second picture that it is in an album."""
    file = collection.path_of(2).name
    (tmp_path / "albums.csv").write_text(f"file,album\n{file},summer\n", encoding="utf-8")
    collection.annotate(tmp_path / "albums.csv")


def test_pages_that_lead_in_a_circle_have_an_end(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = Database.blocks

    def endless(self: Database, statement: str, *values: Any, size: int = 2048) -> Iterator[Rows]:
        found = list(blocks(self, statement, *values, size=size))
        yield from cycle(found) if "ORDER BY picture" in statement else found

    monkeypatch.setattr(Database, "blocks", endless)
    told = [fault.message for fault in collection.verify().faults]
    assert any("lead in a circle" in message for message in told)


def test_where_pages_may_lead_in_a_circle_nobody_reads_on(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "Tree 5 page 5 cell 0: 2nd reference to page 5"
    monkeypatch.setattr(Catalogue, "integrity", lambda self: [told])
    monkeypatch.setattr(Catalogue, "unsound", lambda self: pytest.fail("rows are read"))
    [fault] = collection.verify().faults
    assert told in fault.message


def test_what_is_said_of_no_picture_is_named(collection: Collection, tmp_path: Path) -> None:
    """A byte of a row says that its id is 1; one that says it is nothing was a traceback."""
    name = collection.path_of(1).name
    (tmp_path / "albums.csv").write_text(f"file,album\n{name},summer\n", encoding="utf-8")
    collection.annotate(tmp_path / "albums.csv")
    file = collection.path / "catalogue.sqlite"
    collection.close()
    row = bytes(
        [6, 9, 13 + 2 * len("album"), 13 + 2 * len("summer"), 0]
    )  # kinds of values, 9 for 1, 0 for none
    content = file.read_bytes()
    assert content.count(row) == 1
    file.write_bytes(content.replace(row, b"\6\0" + row[2:]))
    with Collection.open(collection.path, extractor_factory=FakeFactory()) as damaged:
        faults = [fault for fault in damaged.verify().faults if fault.kind == "annotation-damaged"]
    assert [fault.subject for fault in faults] == ["id None"]


def test_what_nobody_said_is_named_and_not_searched(
    collection: Collection, change: Change, tmp_path: Path
) -> None:
    annotated(collection, tmp_path)
    assert kinds(collection) == []
    change("UPDATE annotations SET text = 'winter'")
    [fault] = collection.verify().faults
    assert (fault.kind, fault.subject) == ("annotation-damaged", str(collection.path_of(2)))
    assert "column album" in fault.message
    assert collection.known(2).annotations == {}
    for said in ("summer", "winter"):
        with pytest.raises(UsageError, match="nothing"):
            collection.search(1, where=f"album = '{said}'")
    annotated(collection, tmp_path)
    assert kinds(collection) == []
    assert [hit.id for hit in collection.search(1, where="album = 'summer'")] == [2]


def test_what_was_said_of_another_picture_is_named(
    collection: Collection, change: Change, tmp_path: Path
) -> None:
    annotated(collection, tmp_path)
    change("UPDATE annotations SET picture = 5")
    assert [fault.subject for fault in collection.verify().faults] == [str(collection.path_of(5))]


@pytest.mark.parametrize(
    "column", ["reason = 'cut'", "message = 'ok'", "size = size + 1", "path = CAST('x.png' AS BLOB)"]
)
def test_a_failure_that_was_changed_is_named_and_noted_again(
    collection: Collection, change: Change, tmp_path: Path, column: str
) -> None:
    (tmp_path / "photos" / "bad.png").write_bytes(b"no picture")
    collection.add(tmp_path / "photos")
    good = collection.failures()
    change(f"UPDATE failures SET {column}")
    assert kinds(collection) == ["failure-damaged"]
    assert collection.failures() == []
    collection.add(tmp_path / "photos")
    assert (kinds(collection), len(collection.failures())) == ([], 1)
    assert collection.failures()[0].message == good[0].message


@pytest.mark.parametrize("value", ["value || ' '", "7", "NULL"])
def test_a_note_that_was_changed_is_named_and_forgotten(
    collection: Collection, change: Change, tmp_path: Path, value: str
) -> None:
    collection.add(tmp_path / "photos", exclude=["sketches"])
    change(f"UPDATE meta SET value = {value} WHERE key = 'excludes'")
    assert [(fault.kind, fault.subject) for fault in collection.verify().faults] == [
        ("note-damaged", "meta excludes")
    ]
    collection.add(tmp_path / "photos")
    assert kinds(collection) == []


@pytest.mark.parametrize("key", ["generation", "changed"])
def test_a_count_that_was_changed_is_named_and_counted_on(
    collection: Collection, change: Change, tmp_path: Path, key: str
) -> None:
    change(SIGNED["meta"])
    with closing(sqlite3.connect(tmp_path / "c/catalogue.sqlite")) as catalogue, catalogue:
        catalogue.execute("UPDATE meta SET value = value + 3 WHERE key = ?", [key])
    assert [(fault.kind, fault.subject) for fault in collection.verify().faults] == [
        ("note-damaged", f"meta {key}")
    ]
    collection.add(tmp_path / "photos")
    assert kinds(collection) == []


def test_a_root_that_was_changed_is_put_right(collection: Collection, change: Change, tmp_path: Path) -> None:
    paths = [path for _, path in collection.paths()]
    change("UPDATE roots SET path = CAST(path || '2' AS BLOB)")
    assert "root-damaged" in kinds(collection)
    report = collection.add(tmp_path / "photos")
    assert (report.unchanged, report.added, report.moved) == (8, 0, 0)
    assert (kinds(collection), [path for _, path in collection.paths()]) == ([], paths)


def test_a_root_of_which_nothing_is_known_is_left_and_named(
    collection: Collection, change: Change, tmp_path: Path
) -> None:
    (tmp_path / "c" / "committed").unlink()
    change("UPDATE roots SET checksum = 7")
    for count in (8, 9, 10):  # what is committed meanwhile does not make it pass for right
        make_pictures(tmp_path / "photos", count)
        collection.add(tmp_path / "photos")
        assert kinds(collection) == ["root-damaged"]
        assert collection.info().pictures == count


@pytest.mark.parametrize("to", ["place = 3", "manifest = manifest || ' '"])
def test_a_manifest_that_was_changed_is_named(collection: Collection, change: Change, to: str) -> None:
    change(f"UPDATE layers SET {to}")
    assert [(fault.kind, fault.subject) for fault in collection.verify().faults] == [
        ("layer-damaged", "layers 1")
    ]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("annotations", "name"),
        ("annotations", "text"),
        ("failures", "reason"),
        ("failures", "message"),
        ("meta", "value"),
    ],
)
def test_a_bit_anywhere_in_a_small_table_is_seen(
    collection: Collection, change: Change, tmp_path: Path, table: str, column: str
) -> None:
    (tmp_path / "photos" / "bad.png").write_bytes(b"no picture")
    collection.add(tmp_path / "photos", exclude=["sketches"])
    annotated(collection, tmp_path)
    assert kinds(collection) == []
    text = f"CAST({column} AS TEXT)"
    for at in range(1, 4):
        bit = f"char(unicode(substr({text}, {at}, 1)) + 1 - 2 * (unicode(substr({text}, {at}, 1)) % 2))"
        flipped = f"substr({text}, 1, {at - 1}) || {bit} || substr({text}, {at + 1})"
        where = f"typeof({column}) = 'text' AND {column} != {flipped}"
        change(f"UPDATE {table} SET {column} = {flipped} WHERE {where}")
    assert collection.verify().faults
