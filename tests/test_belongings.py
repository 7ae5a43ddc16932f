"""Links inside a collection's folder: nothing is opened, swept or replaced through one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from likewise.collection import Collection
from likewise.collection.store.belongings import CATALOGUE, LOCK, UPLOADS, VOCABULARY
from likewise.errors import CollectionDamaged, StorageError
from likewise.local import patches
from tests.fake_words import FakePatches, make_pictures, open_fake, vocabulary
from tests.fakes import RECIPE, FakeFactory
from tests.systems import pipe

Act: TypeAlias = Callable[[Collection], object]


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "PatchExtractor", FakePatches)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vocabulary") / "v.words"
    vocabulary().save(path)
    return path


@pytest.fixture
def made(tmp_path: Path, words: Path) -> Path:
    """A collection of visual words."""
    make_pictures(tmp_path / "photos", 6)
    with open_fake(tmp_path / "c", words) as collection:
        collection.add(tmp_path / "photos")
    return tmp_path / "c"


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """Somebody's files, which have to be as they are when all is done."""
    folder = tmp_path / "outside"
    folder.mkdir()
    names = ("letter.txt", "000001-0.words", "000009-1.words.abcdefgh.part", ".hidden")
    for name in names:
        (folder / name).write_text(f"of somebody: {name}")
    yield folder
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        name: f"of somebody: {name}" for name in names
    }


def instead(path: Path, target: Path) -> None:
    """Put a link in the place of a file or folder."""
    if path.exists():
        path.rename(path.with_name("away"))
        os.rename(path.with_name("away"), path.parent.parent / f"away-{path.name}")
    path.symlink_to(target)


@pytest.mark.parametrize("name", ["words", UPLOADS, "whatever"])
def test_a_folder_that_is_a_link(made: Path, outside: Path, words: Path, name: str) -> None:
    instead(made / name, outside)
    acts: list[Act] = [lambda one: one.optimise(), lambda one: one.add(made.parent / "photos"), len]
    for act in acts:
        with pytest.raises(CollectionDamaged, match="is a link"), open_fake(made, words) as collection:
            act(collection)


@pytest.mark.parametrize("name", [LOCK, CATALOGUE, VOCABULARY, CATALOGUE + "-wal", CATALOGUE + "-shm"])
@pytest.mark.parametrize("there", [True, False])
def test_a_file_that_is_a_link(made: Path, outside: Path, words: Path, name: str, there: bool) -> None:
    instead(made / name, outside / ("letter.txt" if there else "new"))
    acts: list[Act] = [lambda one: one.remove(1), lambda one: one.optimise(), lambda one: one.search(1)]
    for act in acts:
        with pytest.raises(CollectionDamaged, match="is a link"), open_fake(made, words) as collection:
            act(collection)


def test_a_link_that_comes_while_it_is_open(made: Path, outside: Path, words: Path) -> None:
    with open_fake(made, words) as collection:
        instead(made / LOCK, outside / "letter.txt")
        with pytest.raises(CollectionDamaged, match="is a link"):
            collection.remove(1)


@pytest.mark.parametrize("name", [LOCK, CATALOGUE])
def test_a_pipe_is_not_waited_for(made: Path, words: Path, name: str) -> None:
    (made / name).unlink()
    pipe(made / name)
    with pytest.raises(CollectionDamaged, match="no regular file"), open_fake(made, words) as collection:
        collection.remove(1)


def test_a_new_collection_is_not_made_through_links(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / LOCK).symlink_to(outside / "letter.txt")
    make_pictures(tmp_path / "photos", 1)
    with pytest.raises(CollectionDamaged, match="is a link"):
        Collection.open(tmp_path / "new", recipe=RECIPE, extractor_factory=FakeFactory()).add(
            tmp_path / "photos"
        )


def test_a_lock_that_is_the_same_file_as_somebodys(made: Path, outside: Path, words: Path) -> None:
    (made / LOCK).unlink()
    os.link(outside / "letter.txt", made / LOCK)  # which an archive can carry too
    with open_fake(made, words) as collection, pytest.raises(StorageError, match="is no lock"):
        collection.remove(1)


@pytest.mark.parametrize("held", [b"", b"{", b'{"pid": 7, "host": "x', b"\0" * 90])
def test_a_lock_of_ours_that_was_cut_short_is_taken(made: Path, words: Path, held: bytes) -> None:
    (made / LOCK).write_bytes(held)
    with open_fake(made, words) as collection:
        assert collection.remove(1) == 1


def test_a_segment_that_is_a_link_is_made_again(made: Path, outside: Path, words: Path) -> None:
    for file in list((made / "words").iterdir()):
        instead(file, outside / "letter.txt")
    with open_fake(made, words) as collection:
        assert collection.verify().faults
        collection.optimise()
        assert not collection.verify().faults
    assert not any(file.is_symlink() for file in (made / "words").iterdir())


def test_only_files_of_our_own_names_are_swept(made: Path, words: Path) -> None:
    for name in ("my.words", "notes.txt", "000001-0.words.old", "1-0.words"):
        (made / "words" / name).write_text("mine")
    (made / "words" / "000077-0.words").write_text("left over")
    (made / "words" / "000078-1.words.q_3xw9zk.part").write_text("left over")
    with open_fake(made, words) as collection:
        collection.optimise()
    left = {path.name for path in (made / "words").iterdir()}
    assert {"my.words", "notes.txt", "000001-0.words.old", "1-0.words"} < left
    assert not {"000077-0.words", "000078-1.words.q_3xw9zk.part"} & left


def test_the_folder_itself_may_be_a_link(made: Path, words: Path) -> None:
    (made.parent / "also").symlink_to(made)
    with open_fake(made.parent / "also", words) as collection:
        assert collection.remove(1) == 1
