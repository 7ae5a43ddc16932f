"""Collections of formats before, read as they are and brought up by the next writer.

The first had one layer, the second knew nothing of what files say about their pictures, the third did not
tell whose a row is, and the fourth had no checksums of small tables.
"""

from __future__ import annotations

import os
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from likewise.collection import Collection
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.database import VERSION
from likewise.local import patches
from tests import fake_words, fakes
from tests.systems import posix

DATA = Path(__file__).parent / "data"

# What the version that made them found for 0002.png.
VECTOR = [
    ("0002.png", 1.0),
    ("0003.png", 0.9373394846916199),
    ("0005.png", 0.7404749393463135),
    ("0004.png", 0.7146369218826294),
    ("0000.png", 0.70772784948349),
    ("0001.png", 0.6233946084976196),
]
WORDS = [
    ("0002.png", 1.0000000063374428),
    ("0004.png", 0.17594982846509294),
    ("0000.png", 0.07519678048158679),
    ("0001.png", 0.05969285125602349),
    ("0003.png", 0.05814088124821284),
    ("0005.png", 0.037828516840562196),
]
BOTH = [
    ("0002.png", 9.535859509669216),
    ("0004.png", 7.110062031747876),
    ("0000.png", 6.208775471696186),
    ("0001.png", 5.986487123900149),
    ("0003.png", 5.879095111166269),
    ("0005.png", 5.672271345443688),
]
FOUND = {"vector": VECTOR, "words": WORDS, "both": BOTH}
KINDS = {"vector": ["vector"], "words": ["words"], "both": ["vector", "words"]}


@pytest.fixture(params=["1-vector", "1-words", "2-vector", "3-both", "4-both"])
def made(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kind(made: str) -> str:
    return made[2:]


@pytest.fixture
def old(made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an old collection, whose pictures lie beside it."""
    monkeypatch.setattr(patches, "PatchExtractor", fake_words.FakePatches)
    with zipfile.ZipFile(DATA / f"format{made}.zip") as packed:
        packed.extractall(tmp_path)
    catalogue = sqlite3.connect(tmp_path / "old.likewise" / "catalogue.sqlite")
    catalogue.execute("UPDATE roots SET path = ?", [os.fsencode(tmp_path / "pictures")])
    catalogue.commit()
    catalogue.close()
    return tmp_path / "old.likewise"


@pytest.fixture
def factory() -> fakes.FakeFactory:
    return fakes.FakeFactory()


@pytest.fixture
def opened(old: Path, factory: fakes.FakeFactory) -> Iterator[Collection]:
    with Collection.open(old, extractor_factory=factory) as collection:
        yield collection


def found(collection: Collection) -> list[tuple[str, float]]:
    hits = collection.search(collection.path.parent / "pictures" / "0002.png", k=6)
    assert hits.left_out == 0
    return [(hit.path.name, hit.score) for hit in hits]


def version(path: Path) -> int:
    with closing(sqlite3.connect(path / "catalogue.sqlite")) as catalogue, catalogue:
        [(number,)] = catalogue.execute("PRAGMA user_version")
    return int(number)


def approximately(wanted: list[tuple[str, float]]) -> list[tuple[str, object]]:
    return [(name, pytest.approx(score, rel=1e-6)) for name, score in wanted]


def test_it_is_searched_and_checked_as_it_is(opened: Collection, old: Path, kind: str, made: str) -> None:
    assert found(opened) == approximately(FOUND[kind])
    assert [layer.kind for layer in opened.recipe.layers] == KINDS[kind]
    assert opened.verify().faults == []
    assert opened.info().pictures == 6
    assert version(old) == int(made[0])


@posix
def test_a_disk_that_cannot_be_written_is_no_hindrance(opened: Collection, old: Path, kind: str) -> None:
    old.chmod(0o555)
    try:
        assert found(opened) == approximately(FOUND[kind])
    finally:
        old.chmod(0o755)


def test_the_next_index_brings_it_up_and_describes_nothing(
    old: Path, made: str, kind: str, factory: fakes.FakeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = 0
    real = fake_words.FakePatches.describe

    def counted(self: fake_words.FakePatches, *args: object, **options: object) -> object:
        nonlocal described
        described += 1
        return real(self, *args, **options)  # type: ignore[arg-type]

    with (
        Collection.open(old, extractor_factory=factory) as collection,
        Collection.open(old, extractor_factory=factory) as reader,
    ):
        assert len(reader.entries(range(10))) == 6
        monkeypatch.setattr(fake_words.FakePatches, "describe", counted)
        report = collection.add(old.parent / "pictures")
        done = (6, 0) if made[0] in "34" else (0, 6)  # facts are read where they were not kept
        assert (report.unchanged, report.completed, report.added, report.failed) == (*done, 0, 1)
        assert (described, factory.described) == (0, 0)
        assert version(old) == VERSION
        assert collection.add(old.parent / "pictures").unchanged == 6
        assert found(collection) == approximately(FOUND[kind])
        assert collection.verify().faults == []
        assert len(reader.entries(range(10))) == 6  # which was open all the while
        assert found(reader) == found(collection)
    with closing(Catalogue.reader(old / "catalogue.sqlite")) as catalogue:
        for layer in catalogue.layers():
            assert all(intact for block in catalogue.rows.all(layer.id) for _, _, intact in block)
        assert (catalogue.unsound(), catalogue.facts.lacking()) == ([], [])
        assert (catalogue.unwritten(), catalogue.unsound_failures()) == ([], [])
        assert catalogue.facts.annotations(3) == ({"album": "Summer"} if made[0] in "34" else {})


def test_what_was_damaged_before_stays_damaged(opened: Collection, old: Path, made: str, kind: str) -> None:
    if made[0] == "1":
        pytest.skip("it kept no checksums: what it holds is what it says")
    with closing(sqlite3.connect(old / "catalogue.sqlite")) as catalogue, catalogue:
        catalogue.execute("UPDATE vectors SET checksum = checksum + 1 WHERE picture = 3")
        catalogue.execute("UPDATE pictures SET width = 0 WHERE id = 4")
    report = opened.add(old.parent / "pictures")
    assert (report.completed, report.unchanged) == ((2, 4) if made[0] in "34" else (6, 0))
    assert opened.verify().faults == []
    assert found(opened) == approximately(FOUND[kind])


def test_ten_flipped_bytes_are_found_once_it_is_brought_up(opened: Collection, old: Path, kind: str) -> None:
    opened.add(old.parent / "pictures")
    with closing(sqlite3.connect(old / "catalogue.sqlite")) as catalogue, catalogue:
        [(code,)] = catalogue.execute("SELECT code FROM vectors WHERE picture = 3")
        spoilt = bytes(byte ^ 1 if number < 10 else byte for number, byte in enumerate(code))
        catalogue.execute("UPDATE vectors SET code = ? WHERE picture = 3", [spoilt])
    [fault] = opened.verify().faults
    assert fault.kind == {"vector": "vector-damaged", "words": "sketch-damaged"}[KINDS[kind][0]]
    assert opened.add(old.parent / "pictures").completed == 1
    assert opened.verify().faults == []
    assert found(opened) == approximately(FOUND[kind])
