"""Catalogues, segments, runs and arrays that somebody else has made: refused, each in one error."""

from __future__ import annotations

import io
import json
import sqlite3
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from likewise.arrays import read_arrays
from likewise.arrays.columns import HEADER
from likewise.collection import Collection
from likewise.collection.store import database
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.database import PICTURE, checksum_of, layer_schema, layer_table
from likewise.downstream.duplicates.finding import find_duplicates
from likewise.errors import CollectionDamaged, CollectionError, UsageError
from likewise.evaluation.runs import read_run
from likewise.words.index.segment import Segment
from tests.fakes import RECIPE, FakeFactory, make_pictures
from tests.systems import pipe
from tests.test_runs import run


@pytest.fixture
def made(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "root", 3)
    with Collection.open(tmp_path / "c", recipe=RECIPE, extractor_factory=FakeFactory()) as collection:
        collection.add(tmp_path / "root")
    return tmp_path / "c"


def changed(collection: Path, *statements: str) -> None:
    connection = sqlite3.connect(collection / "catalogue.sqlite", isolation_level=None)
    connection.create_function("checksum_of", -1, checksum_of)
    for statement in statements:
        connection.execute(statement)
    connection.close()


ENDLESS = (
    "CREATE VIEW pictures AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT i AS id, 1 AS root, x'00' AS path FROM n"
)


class TestSchema:
    @pytest.mark.parametrize(
        "statements",
        [
            ["CREATE TRIGGER t AFTER DELETE ON pictures BEGIN DELETE FROM meta; END"],
            ["CREATE VIEW v AS SELECT 1"],
            ["PRAGMA foreign_keys = OFF", "ALTER TABLE pictures RENAME TO was", ENDLESS],
            ["CREATE TABLE more (x)"],
            ["ALTER TABLE pictures ADD COLUMN more INTEGER"],
            ["ALTER TABLE pictures ADD COLUMN more INTEGER AS (abs(id)) VIRTUAL"],
            ["DROP INDEX pictures_by_content", "CREATE INDEX pictures_by_content ON pictures (size)"],
        ],
    )
    def test_what_is_not_ours_is_refused(self, made: Path, statements: list[str]) -> None:
        changed(made, *statements)
        acts: list[Callable[[], object]] = [
            lambda: Collection.open(made),
            lambda: Catalogue.writer(made / "catalogue.sqlite"),
        ]
        for act in acts:
            with pytest.raises(CollectionDamaged, match="did not make"):
                act()

    @pytest.mark.parametrize("number", [0, -5])
    def test_formats_that_there_never_were(self, made: Path, number: int) -> None:
        changed(made, f"PRAGMA user_version = {number}")
        with pytest.raises(CollectionDamaged, match="never was"):
            Collection.open(made)

    def test_a_newer_one_may_have_other_tables(self, made: Path) -> None:
        changed(made, "CREATE TABLE more (x)", "PRAGMA user_version = 99")
        with pytest.raises(CollectionError, match="newer likewise"):
            Collection.open(made)

    def test_a_thousand_layers(self, made: Path) -> None:
        changed(made, "PRAGMA writable_schema = ON", *_tables(1000))
        with pytest.raises(CollectionDamaged, match="1000 tables"):
            Collection.open(made)

    def test_opening_ends(self, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        changed(made, "PRAGMA writable_schema = ON", *_tables(3000))
        monkeypatch.setattr(database, "OPENING", -1.0)
        with pytest.raises(CollectionDamaged, match="to be opened"):
            Collection.open(made)

    def test_a_value_that_is_very_long_is_not_read(self, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        changed(made, "UPDATE meta SET value = zeroblob(1000000) WHERE key = 'recipe'")
        monkeypatch.setattr(database, "LONGEST", 100_000)
        with pytest.raises(CollectionDamaged, match="too big"):
            Collection.open(made)


def _tables(count: int) -> list[str]:
    """Statements that make so many tables of layers there are none of."""
    made = (
        f"'{layer_table(row)}', '{layer_table(row)}', 3, '{layer_schema(row)}'" for row in range(2, count)
    )
    return ["BEGIN", *(f"INSERT INTO sqlite_master VALUES ('table', {one})" for one in made), "COMMIT"]


MOST = (1 << 63) - 1


class TestRows:
    @pytest.mark.parametrize(
        "change",
        [
            "sha256 = x'00'",
            "sha256 = zeroblob(32)",
            "sha256 = zeroblob(100000)",
            f"height = {MOST}",
            f"width = {MOST}, height = {MOST}",
            "width = -3",
            "height = 0",
            f"size = {MOST}",
            f"size = -{MOST}",
        ],
    )
    def test_what_no_picture_has_is_named_and_left_out(self, made: Path, change: str) -> None:
        changed(made, f"UPDATE pictures SET {change} WHERE id = 2")
        with Collection.open(made, extractor_factory=FakeFactory()) as collection:
            assert [fault.kind for fault in collection.verify().faults] == ["row-damaged"]
            assert collection.pictures().ids.tolist() == [1, 3]
            assert collection.search(1)
            find_duplicates(collection)
            collection.remove(2)
            assert not collection.verify().faults
            assert collection.add(made.parent / "root").added == 1

    @pytest.mark.parametrize("number", [-5, 0, MOST])
    def test_ids_that_no_picture_is_given(self, made: Path, number: int) -> None:
        changed(
            made,
            f"UPDATE pictures SET id = {number} WHERE id = 2",
            f"UPDATE vectors SET picture = {number} WHERE picture = 2",
        )
        with Collection.open(made, extractor_factory=FakeFactory()) as collection:
            found = [fault.kind for fault in collection.verify().faults if fault.subject == f"id {number}"]
            assert found == ["row-damaged"]
            assert collection.search(1)
            collection.remove(number)
            assert not collection.verify().faults

    @pytest.mark.parametrize(
        "statement",
        [
            f"UPDATE sqlite_sequence SET seq = {MOST}",
            f"UPDATE meta SET value = {MOST} WHERE key = 'generation'",
            "UPDATE meta SET value = -5 WHERE key = 'generation'",
        ],
    )
    def test_counts_that_were_never_reached(self, made: Path, statement: str) -> None:
        changed(made, statement)
        with Collection.open(made, extractor_factory=FakeFactory()) as collection:
            assert [fault.kind for fault in collection.verify().faults] == ["database"]
            make_pictures(made.parent / "root", 4)
            with pytest.raises(CollectionDamaged, match="cannot be read"):
                collection.add(made.parent / "root")


class TestPaths:
    @pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/hostname", "a/../../b", ".."])
    def test_a_path_lies_below_its_root(self, made: Path, path: str) -> None:
        changed(made, f"UPDATE pictures SET path = CAST('{path}' AS BLOB) WHERE id = 1")
        with Collection.open(made, extractor_factory=FakeFactory()) as collection:
            assert "path-damaged" in {fault.kind for fault in collection.verify().faults}
            with pytest.raises(CollectionDamaged):
                collection.read(1)
            with pytest.raises(CollectionDamaged):
                collection.path_of(1)
            assert collection.read(2)

    @pytest.mark.parametrize("forged", [False, True])
    @pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/hostname"])
    def test_one_that_leads_elsewhere_stops_nothing_else(self, made: Path, path: str, forged: bool) -> None:
        changed(made, f"UPDATE pictures SET path = CAST('{path}' AS BLOB) WHERE id = 1")
        if forged:
            changed(made, f"UPDATE pictures SET checksum = checksum_of({PICTURE})")
        with Collection.open(made, extractor_factory=FakeFactory()) as collection:
            assert {hit.id for hit in collection.search(2)} == {2, 3}
            assert {entry.id for entry in collection.page(0, 10)[0]} == {2, 3}
            assert [picture for picture, _ in collection.paths()] == [2, 3]
            find_duplicates(collection)
            make_pictures(made.parent / "root", 4)
            report = collection.add(made.parent / "root")
            assert (report.added, report.moved, report.unchanged) == (1, 1, 2)  # its file is found again
            assert collection.verify().faults == []
            assert collection.path_of(1).parent == made.parent / "root"

    def test_one_that_leads_elsewhere_and_has_no_file_is_named_until_it_is_forgotten(
        self, made: Path
    ) -> None:
        with Collection.open(made, extractor_factory=FakeFactory()) as collection:
            collection.path_of(1).unlink()
            changed(made, "UPDATE pictures SET path = CAST('../x.png' AS BLOB) WHERE id = 1")
            for _ in range(2):
                assert collection.add(made.parent / "root").unchanged == 2
                assert "path-damaged" in {fault.kind for fault in collection.verify().faults}
            assert collection.add(made.parent / "root", prune=True).forgotten == 1
            assert collection.verify().faults == []

    @pytest.mark.parametrize("root", ["relative", "/a/../b", ""])
    def test_a_root_is_absolute(self, made: Path, root: str) -> None:
        changed(made, f"UPDATE roots SET path = CAST('{root}' AS BLOB)")
        with Collection.open(made, extractor_factory=FakeFactory()) as collection:
            assert collection.verify().faults
            with pytest.raises(CollectionDamaged):
                collection.roots()


class TestSegments:
    @pytest.mark.parametrize(
        "header",
        [
            b"[" * HEADER,
            b'{"words": 1, "pictures": 1, "postings": Infinity, "sha256": {}}',
            b'{"words": 1e400, "pictures": 1, "postings": 1, "sha256": {}}',
            b'{"words": NaN, "pictures": 1, "postings": 1, "sha256": {}}',
            b"null",
        ],
    )
    def test_headers(self, tmp_path: Path, header: bytes) -> None:
        (tmp_path / "1").write_bytes(header.ljust(HEADER))
        with pytest.raises(CollectionDamaged, match="can be made again"):
            Segment.open(tmp_path / "1")

    def test_what_is_no_file(self, tmp_path: Path) -> None:
        pipe(tmp_path / "pipe")
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "folder")
        for name in ("pipe", "link"):
            with pytest.raises(CollectionDamaged, match="no regular file"):
                Segment.open(tmp_path / name)


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(f"{name}.npy", content)
    return path


def written(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


UNCLOSED = written(np.arange(9)).replace(b"',", b"'{", 1)
"""With a header that is no Python (found by fuzzing)."""

MIXED = written(np.arange(9)).replace(b"'shape'", b"b'shap'", 1)
"""With keys that cannot be sorted (found by fuzzing)."""


def headed(text: bytes) -> bytes:
    """An array whose header is a text."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def anything(name: str, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
    """Every array is wanted."""


class TestArrays:
    def test_what_numpy_wrote(self, tmp_path: Path) -> None:
        array = np.arange(6, dtype=np.float32).reshape(2, 3)
        path = archive(tmp_path / "a.npz", a=written(array), b=written(np.asfortranarray(array)))
        found = read_arrays(path, ("a", "b", "c"), anything)
        assert found.keys() == {"a", "b"}
        np.testing.assert_array_equal(found["a"], array, strict=True)
        np.testing.assert_array_equal(found["b"], array, strict=True)

    def test_zeros_that_are_many_are_not_unpacked(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "a.npz", a=written(np.zeros(8_000_000)))

        def check(name: str, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
            raise ValueError(f"{name} {shape}")

        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match="8000000"):
                read_arrays(path, ("a",), check)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 4 << 20

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"no array",
            written(np.array([{}], object)),
            written(np.arange(9))[:-5],
            b"\x93NUMPY\x09\x00",
            UNCLOSED,
            MIXED,
            headed(b"-" * 9000 + b"1"),  # for which the parser has no memory
            headed(b"-" * 3000 + b"1"),
            headed(b"(" * 3000),
        ],
    )
    def test_damage(self, tmp_path: Path, content: bytes) -> None:
        path = archive(tmp_path / "a.npz", a=content)
        with pytest.raises(ValueError, match=r"."):
            read_arrays(path, ("a",), anything)

    def test_no_archive(self, tmp_path: Path) -> None:
        (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and no more")
        with pytest.raises(ValueError, match="no archive"):
            read_arrays(tmp_path / "a.npz", ("a",), anything)


class TestRuns:
    @pytest.mark.parametrize(
        "change",
        [
            {"ranked": np.zeros((), np.int32)},
            {"ranked": np.zeros((2, 3, 4), np.int32)},
            {"ranked": np.zeros((2, 8), np.float32)},
            {"ranked": np.full((2, 8), 99, np.int32)},
            {"ranked": np.full((2, 8), -1, np.int32)},
            {"found": np.zeros((2, 3), np.float32)},
            {"found": np.zeros((2, 3, 5), np.float32)},
        ],
    )
    def test_arrays_of_the_wrong_dimensions(self, tmp_path: Path, change: dict[str, Any]) -> None:
        made = run(tmp_path)
        arrays: dict[str, Any] = {"ranked": made.ranked, "scores": made.scores, **change}
        np.savez(made.path.with_suffix(".npz"), **arrays)
        with pytest.raises(UsageError):
            read_run(made.path)

    @pytest.mark.parametrize("text", ["[" * 100_000, "{}", "null", '{"format": 1, "card": 3}'])
    def test_files_that_are_no_runs(self, tmp_path: Path, text: str) -> None:
        made = run(tmp_path)
        made.path.write_text(text)
        with pytest.raises(UsageError):
            read_run(made.path)

    def test_a_deep_benchmark(self, tmp_path: Path) -> None:
        made = run(tmp_path)
        told = json.dumps(json.loads(made.path.read_text()) | {"boxes": 0})
        made.path.write_text(told.replace('"boxes": 0', '"boxes": ' + "[" * 100_000 + "]" * 100_000))
        with pytest.raises(UsageError):
            read_run(made.path)
