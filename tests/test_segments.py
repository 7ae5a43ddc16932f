"""Collections of visual words on the disk: what changes do, damage, and that segments follow the sketches."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from likewise.collection import Collection, indexing
from likewise.collection.layers import words_segments as module
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.database import CHECKSUMS, checksum_of
from likewise.descriptors.recipe import VectorRecipe
from likewise.errors import (
    BadWeights,
    CollectionDamaged,
    CollectionError,
    ManifestMismatch,
    StorageError,
    UsageError,
)
from likewise.local import patches
from likewise.types import Progress
from likewise.words.index.layers import QuerySketch
from likewise.words.sketch import Sketch
from likewise.words.sketcher import WordsExtractor
from tests.fake_words import (
    RECIPE,
    WORDS,
    FakePatches,
    brute,
    make_pictures,
    open_fake,
    picture,
    self_score,
    vocabulary,
)
from tests.test_crash import disk as disk

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("words") / "v.words"
    vocabulary().save(path)
    return path


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "PatchExtractor", FakePatches)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "photos", 12)
    return tmp_path / "photos"


@pytest.fixture
def collection(tmp_path: Path, photos: Path, words: Path) -> Iterator[Collection]:
    with open_fake(tmp_path / "c", words) as opened:
        opened.add(photos)
        yield opened


def files(collection: Collection) -> list[str]:
    return sorted(file.name for file in (collection.path / "words").glob("*"))


def listed(collection: Collection) -> list[str]:
    catalogue = Catalogue.reader(collection.path / "catalogue.sqlite")
    names: list[str] = json.loads(catalogue.noted("segments") or "[]")
    catalogue.close()
    return names


def found(collection: Collection, seed: int, **options: object) -> dict[str, float]:
    """Scores of all pictures by name."""
    hits = collection.search(picture(seed), k=1000, **options)  # type: ignore[arg-type]
    return {hit.path.name: hit.score for hit in hits}


def is_as_new(collection: Collection, photos: Path, words: Path, folder: Path) -> None:
    """It finds what a collection finds that is made now, and that one what the equations say."""
    with open_fake(folder, words) as fresh:
        fresh.add(photos)
        for seed in (0, 3, 500):
            assert found(collection, seed) == found(fresh, seed)
    assert collection.verify().faults == []


def sketches(collection: Collection) -> dict[int, Sketch]:
    catalogue = Catalogue.reader(collection.path / "catalogue.sqlite")
    sizes = {"block10": WORDS, "pooled": WORDS}
    held = {}
    for row in catalogue.ids().tolist():
        held[row] = Sketch.from_bytes(catalogue.code_of(1, row) or b"", sizes)
    catalogue.close()
    return held


# --- changes ---


def test_scores_are_the_equations_on_what_is_stored(collection: Collection) -> None:
    held = sketches(collection)
    describe = WordsExtractor(collection.recipe.words[0])
    one = QuerySketch(describe.ask(picture(4)))
    scales = {"block10": 1.0, "pooled": 2.0}
    whole = self_score(held, one, RECIPE, scales)
    wanted = brute(held, [one], RECIPE, scales)
    hits = {hit.id: hit.score for hit in collection.search(picture(4), k=100)}
    assert hits == pytest.approx({row: score / whole for row, score in wanted.items()}, rel=1e-6, abs=1e-12)
    assert max(hits.values()) == pytest.approx(1)


def test_every_change_leaves_it_as_if_made_now(
    collection: Collection, photos: Path, words: Path, tmp_path: Path
) -> None:
    ids = {collection.path_of(row).name: row for row in range(1, 13)}
    picture(700).save(photos / "0003.png")
    (photos / "0004.png").rename(photos / "moved.png")
    (photos / "copy.png").write_bytes((photos / "0005.png").read_bytes())
    (photos / "0006.png").unlink()
    (photos / "0007.png").write_bytes(b"no picture")
    make_pictures(photos, 2, first=100)
    (photos / "bad.png").write_bytes(b"no picture")
    report = collection.add(photos, prune=True)
    assert (report.added, report.copied, report.changed, report.moved) == (2, 1, 1, 1)
    assert (report.failed, report.forgotten) == (2, 1)
    now = {hit.path.name: hit.id for hit in collection.search(picture(0), k=100)}
    assert now["moved.png"] == ids["0004.png"]
    assert now["0003.png"] > 12  # what changed has a new id: segments hold the old one's words
    assert {"0006.png", "0007.png"}.isdisjoint(now)
    assert found(collection, 700)["0003.png"] == pytest.approx(1)
    is_as_new(collection, photos, words, tmp_path / "fresh")


def test_removed_and_added_again(collection: Collection, photos: Path, words: Path, tmp_path: Path) -> None:
    before = found(collection, 2)
    other = next(row for row in range(1, 13) if collection.path_of(row).name == "0007.png")
    assert collection.remove(other, str(photos / "0004.png")) == 2
    assert len(found(collection, 2)) == 10
    collection.optimise()
    assert len(found(collection, 2)) == 10
    collection.add(photos)
    assert found(collection, 2) == before
    is_as_new(collection, photos, words, tmp_path / "fresh")


def test_all_removed(collection: Collection, photos: Path, words: Path, tmp_path: Path) -> None:
    collection.remove(str(photos))
    assert collection.search(picture(0)) == []
    collection.optimise()
    assert (files(collection), listed(collection)) == ([], [])
    assert collection.search(picture(0)) == []
    assert collection.verify().faults == []
    collection.add(photos)
    is_as_new(collection, photos, words, tmp_path / "fresh")


@pytest.mark.parametrize("seed", range(4))
def test_scores_do_not_depend_on_order_or_segments(
    photos: Path, words: Path, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    order = sorted(photos.iterdir())
    chance.shuffle(order)
    monkeypatch.setattr(module.WordsSegments, "_merged", lambda self, catalogue, names: list(names))
    with open_fake(tmp_path / "c", words) as collection:
        while order:
            collection.add(*[order.pop() for _ in range(min(len(order), chance.randint(1, 4)))])
        parts = len(listed(collection))
        assert parts > 2
        assert len(files(collection)) == 2 * parts
        is_as_new(collection, photos, words, tmp_path / "fresh")
        monkeypatch.undo()
        monkeypatch.setattr(patches, "PatchExtractor", FakePatches)
        collection.optimise()
        assert len(files(collection)) == 2
        is_as_new(collection, photos, words, tmp_path / "again")


def test_segments_are_merged_as_they_grow(photos: Path, words: Path, tmp_path: Path) -> None:
    with open_fake(tmp_path / "c", words) as collection:
        counts = []
        for file in sorted(photos.iterdir()):
            collection.add(file)
            counts.append(len(listed(collection)))
        assert max(counts) <= 4
        before = set(files(collection))
        collection.add(photos)  # nothing new
        assert set(files(collection)) == before


def test_a_long_run_is_searched_before_it_ends(
    photos: Path, words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "WAITING", 1)
    seen = list[int]()
    with open_fake(tmp_path / "c", words) as collection:
        collection.add(photos, progress=lambda _: seen.append(len(listed(collection))))
        assert max(seen) >= 1
        is_as_new(collection, photos, words, tmp_path / "fresh")


def test_pictures_in_no_segment_are_found(
    photos: Path, words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 1)  # several indexes in memory
    monkeypatch.setattr(module.WordsSegments, "extend", lambda self, catalogue, **_: None)
    with open_fake(tmp_path / "c", words) as collection:
        collection.add(photos)
        assert not (collection.path / "words").exists()
        is_as_new(collection, photos, words, tmp_path / "fresh")


def test_no_room_for_such_an_index(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in (collection.path / "words").iterdir():
        file.unlink()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with (
        Collection.open(collection.path) as again,
        pytest.raises(StorageError, match=r"no temporary folder.*TMPDIR"),
    ):
        again.search(picture(0))


# --- the recipe and the vocabulary ---


def test_another_recipe_is_refused(collection: Collection, words: Path, tmp_path: Path) -> None:
    other = vocabulary(WORDS - 1)
    other.save(tmp_path / "other.words")
    with pytest.raises(ManifestMismatch, match=r"another recipe \(vocabulary"):
        open_fake(collection.path, tmp_path / "other.words")
    with pytest.raises(ManifestMismatch, match="of which one is of visual words"):
        Collection.open(collection.path, recipe="quick")
    with pytest.raises(ManifestMismatch, match=r"patches\.size"):
        Collection.open(collection.path, recipe="mof-lite0")
    with Collection.open(collection.path, recipe=RECIPE) as opened:  # its words are the collection's
        assert len(opened.search(picture(0), k=100)) == 12
    with Collection.open(collection.path, recipe=RECIPE.scored({"hamming": False})) as opened:
        assert found(opened, 1) == found(collection, 1, scoring={"hamming": False}) != found(collection, 1)
        assert opened.verify().faults == []


def test_it_keeps_its_own_vocabulary(photos: Path, tmp_path: Path) -> None:
    vocabulary().save(tmp_path / "v.words")
    with open_fake(tmp_path / "c", tmp_path / "v.words") as collection:
        collection.add(photos)
        before = found(collection, 1)
    (tmp_path / "v.words").unlink()
    make_pictures(photos, 1, first=50)
    with Collection.open(tmp_path / "c") as collection:
        assert found(collection, 1) == before
        assert collection.add(photos).added == 1
        assert collection.verify().faults == []
    (tmp_path / "c").rename(tmp_path / "d")
    with Collection.open(tmp_path / "d") as collection:
        assert len(found(collection, 1)) == 13


def test_a_damaged_vocabulary_is_named(collection: Collection) -> None:
    file = collection.path / "vocabulary.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 4
    file.write_bytes(content)
    [fault] = collection.verify().faults
    assert (fault.kind, fault.subject) == ("vocabulary", str(file))
    assert "copy the file there" in fault.message
    from likewise.words import vocabulary as loading

    loading._opened.cache_clear()
    with Collection.open(collection.path) as opened:
        with pytest.raises(BadWeights, match=r"vocabulary\.safetensors"):
            opened.search(picture(0))
        assert opened.info().pictures == 12


def test_a_collection_of_vectors_has_no_scoring(tmp_path: Path, photos: Path) -> None:
    from tests.fakes import RECIPE as VECTOR
    from tests.fakes import FakeFactory

    with Collection.open(tmp_path / "v", recipe=VECTOR, extractor_factory=FakeFactory()) as collection:
        collection.add(photos)
        collection.optimise()
        assert not (tmp_path / "v" / "words").exists()
        with pytest.raises(UsageError, match="is a collection of vectors"):
            collection.search(1, scoring={"hamming": False})
    assert VectorRecipe.load("default").hash


# --- damage ---


def spoil(file: Path, how: str) -> None:
    content = bytearray(file.read_bytes())
    match how:
        case "gone":
            file.unlink()
            return
        case "cut":
            content = content[:-100]
        case "header":
            content[3] ^= 1
        case "flipped":
            content[-9] ^= 1
        case "pictures":
            content[4096] ^= 64
        case "empty":
            content = bytearray()
    file.write_bytes(content)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("how", ["gone", "cut", "header", "flipped", "pictures", "empty"])
def test_a_damaged_segment_is_named_and_made_again(
    collection: Collection, how: str, number: int, photos: Path, words: Path, tmp_path: Path
) -> None:
    before = found(collection, 1)
    file = collection.path / "words" / files(collection)[number]
    spoil(file, how)
    with Collection.open(collection.path) as again:
        if how not in ("flipped", "pictures"):  # one that can be opened is only found out by verify
            assert found(again, 1) == before
        [fault] = again.verify().faults
        assert (fault.kind, fault.subject) == ("segment-damaged", str(file))
        assert str(file) in fault.message and "likewise optimise" in fault.message
        again.optimise()
        is_as_new(again, photos, words, tmp_path / "fresh")


@pytest.mark.parametrize("how", ["gone", "cut", "flipped"])
def test_adding_goes_on_beside_a_damaged_segment(
    collection: Collection, how: str, photos: Path, words: Path, tmp_path: Path
) -> None:
    spoil(collection.path / "words" / files(collection)[0], how)
    make_pictures(photos, 12, first=40)
    assert collection.add(photos).added == 12
    assert len(found(collection, 1)) == 24
    collection.optimise()
    is_as_new(collection, photos, words, tmp_path / "fresh")


@pytest.mark.parametrize("text", ["[broken", "5", "[5]", '["../000001"]', '["000001", "000001"]'])
def test_a_list_that_cannot_be_read(collection: Collection, text: str) -> None:
    with closing(sqlite3.connect(collection.path / "catalogue.sqlite")) as database, database:
        database.create_function("checksum_of", -1, checksum_of)
        database.execute("UPDATE meta SET value = ? WHERE key = 'segments'", [text])
        database.execute(f"UPDATE meta SET checksum = {CHECKSUMS['meta']} WHERE key = 'segments'")
    with Collection.open(collection.path) as again:
        assert len(found(again, 1)) == 12
        assert [fault.kind for fault in again.verify().faults] == ["segment-damaged"]
        again.optimise()
        assert again.verify().faults == []


@pytest.mark.parametrize("place", [20, 200, -1])
def test_a_flipped_byte_in_a_sketch(collection: Collection, place: int, photos: Path) -> None:
    [row] = [row for row in range(1, 13) if collection.path_of(row).name == "0002.png"]
    with closing(sqlite3.connect(collection.path / "catalogue.sqlite")) as database, database:
        [(written,)] = database.execute("SELECT code FROM vectors WHERE picture = ?", [row]).fetchall()
        spoilt = bytearray(written)
        spoilt[place] ^= 1
        database.execute("UPDATE vectors SET code = ? WHERE picture = ?", [bytes(spoilt), row])
    [fault] = collection.verify().faults
    assert (fault.kind, fault.subject) == ("sketch-damaged", str(photos / "0002.png"))
    assert "remove it and index its file again" in fault.message
    assert len(found(collection, 1)) == 12
    with pytest.raises(CollectionDamaged):
        collection.search(picture(2), then=["localise"])
    collection.remove(row)
    collection.add(photos)
    assert collection.verify().faults == []
    assert found(collection, 2)["0002.png"] == pytest.approx(1)


def test_folders_that_cannot_be_written(
    collection: Collection, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in (collection.path / "words").iterdir():
        file.unlink()
    (collection.path / "words").rmdir()
    make_pictures(photos, 1, first=70)

    def refuse(path: Path, *args: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", lambda path, **more: refuse(path) if path.name == "words" else None)
        with pytest.raises(StorageError, match="words cannot be made"):
            collection.add(photos)
    assert len(found(collection, 70)) == 13  # it was committed
    (tmp_path / "plain").write_text("")
    with open_fake(tmp_path / "plain" / "c") as opened, pytest.raises((StorageError, CollectionError)):
        opened.add(photos)


@pytest.mark.slow
def test_a_full_disk(disk: Path, photos: Path, words: Path, tmp_path: Path) -> None:
    def fill(progress: Progress) -> None:
        if progress.done < progress.total:
            return
        with suppress(OSError), (disk / "filler").open("ab") as filler:
            while True:
                filler.write(bytes(4096))
                filler.flush()

    with open_fake(disk / "c", words) as collection:
        with pytest.raises(StorageError, match=r"full|No space left"):
            collection.add(photos, progress=fill)
        assert len(found(collection, 0)) == 12
        assert collection.verify().faults == []
        with pytest.raises(StorageError):
            collection.optimise()
        (disk / "filler").unlink()
        collection.add(photos)
        assert len(files(collection)) == 2
        is_as_new(collection, photos, words, tmp_path / "fresh")


# --- several processes ---


def test_others_search_while_one_writes(photos: Path, words: Path, tmp_path: Path) -> None:
    make_pictures(photos, 150)
    command = [sys.executable, "-m", "tests.fake_words", str(tmp_path / "c"), str(words), str(photos)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.stdout.readline()  # the first commit
        counts = []
        with Collection.open(tmp_path / "c") as reader:
            while process.poll() is None:
                scores = found(reader, 0)
                if len(scores) > 2:  # else all of them may have all words, whose idf is 0
                    assert scores.get("0000.png", 1) == pytest.approx(1)
                counts.append(len(scores))
            counts.append(len(found(reader, 0)))
            assert reader.verify().faults == []
    assert (process.returncode, counts[-1]) == (0, 150)
    assert counts == sorted(counts)


def test_threads_share_one_object(collection: Collection, photos: Path) -> None:
    wanted, wrong = found(collection, 1), list[object]()

    def ask() -> None:
        for _ in range(5):
            if (got := found(collection, 1)) != wanted:
                wrong.append(got)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    collection.optimise()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_kill_loses_nothing(words: Path, tmp_path: Path) -> None:
    assert kill_again_and_again(tmp_path, words, 1, random.Random(1)) >= 0


@pytest.mark.slow
def test_many_kills_lose_nothing(words: Path, tmp_path: Path) -> None:
    assert kill_again_and_again(tmp_path, words, 25, random.Random(2)) > 0, "no kill came amid the work"


def kill_again_and_again(folder: Path, words: Path, times: int, chance: random.Random) -> int:
    """Add, extend and optimise, be killed, check, finish, compare; give how often work was left."""
    photos, path = folder / "photos", folder / "c"
    interrupted = 0
    for attempt in range(times):
        make_pictures(photos, 40, first=1000 * attempt)
        for file in chance.sample(sorted(photos.iterdir()), 5):
            file.unlink()
        command = [sys.executable, "-m", "tests.fake_words", str(path), str(words), str(photos)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
            assert process.stdout and process.stdout.readline() == "ready\n"
            threading.Event().wait(chance.uniform(0, 0.5))
            process.kill()
            said = process.stdout.read().split()
        interrupted += "optimised" not in said
        acknowledged = max([int(word) for word in said if word.isdecimal()], default=0)
        with open_fake(path, words) as collection:
            if collection.exists:
                assert len(collection) >= min(acknowledged, 35)
                assert [one for one in collection.verify().faults if one.kind != "file-missing"] == []
                assert len(found(collection, 1000 * attempt)) == len(collection)
            collection.add(photos, prune=True)
            is_as_new(collection, photos, words, folder / f"fresh-{attempt}")
            collection.optimise()
            assert len(files(collection)) == 2
            assert not np.isnan(list(found(collection, 0).values())).any()
    return interrupted
