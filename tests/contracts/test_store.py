"""What every store has to do: a folder with SQLite, and a Milvus server, here Milvus Lite."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likewise.collection import Collection
from likewise.collection.copying import copy, differing
from likewise.collection.store.milvus import Address, Texts, server
from likewise.collection.store.milvus_store import MilvusStore
from likewise.collection.store.replica import ReplicaHead
from likewise.collection.store.stores import FolderStore, holds_collection, located, store_of
from likewise.errors import (
    CollectionDamaged,
    CollectionLocked,
    CollectionNotFound,
    ManifestMismatch,
    MissingExtra,
    StorageError,
    UsageError,
)
from tests import fake_words
from tests.fakes import RECIPE, FakeFactory

COUNT = 12

milvus = pytest.param("milvus", marks=pytest.mark.slow)


@pytest.fixture(scope="session")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of Milvus Lite, which one process opens once: every test has names of its own."""
    return tmp_path_factory.mktemp("milvus") / "lite.db"


_names = (f"t{number}" for number in itertools.count())


@pytest.fixture(params=["folder", milvus])
def address(request: pytest.FixtureRequest, lite: Path) -> str | None:
    """Of a server; None for a folder."""
    return None if request.param == "folder" else f"milvus://{lite}/{next(_names)}"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(COUNT):
        fake_words.picture(number).save(folder / f"p{number}.png")
    return folder


def opened(folder: Path, address: str | None, **how: Any) -> Collection:
    how = {"recipe": RECIPE, "extractor_factory": FakeFactory(), **how}
    return Collection.open(folder, store=address, **how)


@pytest.fixture
def collection(tmp_path: Path, photos: Path, address: str | None) -> Iterator[Collection]:
    with opened(tmp_path / "c", address) as collection:
        collection.add(photos)
        yield collection


def seen(collection: Collection, query: Any, **how: Any) -> list[tuple[str, float]]:
    return [(hit.path.name, hit.score) for hit in collection.search(query, k=COUNT, **how)]


def first(collection: Collection, picture: Path) -> str:
    """The name of what is found first, which is the picture itself."""
    [(name, score), *_] = seen(collection, picture)
    assert score == pytest.approx(1)
    return name


class TestAsAFolder:
    """Each is the same wherever it lies."""

    def test_every_picture_finds_what_all_vectors_say(self, collection: Collection) -> None:
        ids, vectors = collection.vectors()
        for row, picture in enumerate(ids.tolist()):
            found = {hit.id: hit.score for hit in collection.search(picture, k=5)}
            scores = vectors.astype(np.float64) @ vectors[row]
            assert list(found.values()) == pytest.approx(np.sort(scores)[::-1][:5], abs=1e-6)
            assert [scores[picture - 1] for picture in found] == pytest.approx(list(found.values()), abs=1e-6)

    @pytest.mark.parametrize(
        "how",
        [
            {},
            {"exact": True},
            {"then": ["expand:n=3"]},
            {"then": ["diffuse:k=3"]},
            {"also": ["p2.png"]},
            {"yes": ["p2.png"], "no": ["p3.png"]},
            {"where": "width >= 1"},
        ],
        ids=lambda how: next(iter(how), "plain"),
    )
    def test_the_same_hits(self, collection: Collection, photos: Path, tmp_path: Path, how: Any) -> None:
        for name in {"also", "yes", "no"} & how.keys():
            how = {**how, name: [photos / picture for picture in how[name]]}
        with opened(tmp_path / "plain", None) as plain:
            plain.add(photos)
            for picture in ("p1.png", "p5.png"):
                wanted, found = (dict(seen(one, photos / picture, **how)) for one in (plain, collection))
                assert found.keys() == wanted.keys()
                assert [found[name] for name in wanted] == pytest.approx(list(wanted.values()), abs=1e-6)

    def test_some_of_the_pictures(self, collection: Collection, photos: Path) -> None:
        shutil.copytree(photos, photos / "sub")
        collection.add(photos)
        under = collection.search(1, k=50, under=photos / "sub")
        assert {hit.path.parent for hit in under} == {photos / "sub"}
        assert len(under) == COUNT
        assert [hit.path.name for hit in collection.search(1, k=50, where="name = 'p3.png'")] == [
            "p3.png"
        ] * 2

    def test_what_becomes_of_files(self, collection: Collection, photos: Path) -> None:
        assert collection.add(photos).unchanged == COUNT
        os.rename(photos / "p1.png", photos / "moved.png")
        shutil.copy(photos / "p3.png", photos / "p2.png")
        (photos / "p4.png").unlink()
        (photos / "bad.jpg").write_bytes(b"no picture")
        Image.new("RGB", (40, 30), (250, 9, 120)).save(photos / "new.png")
        before = {hit.path.name: hit.id for hit in collection.search(1, k=COUNT)}
        report = collection.add(photos, prune=True)
        told = (report.moved, report.changed, report.forgotten, report.failed, report.added)
        assert told == (1, 1, 1, 1, 1)
        after = {path.name: picture for picture, path in collection.paths()}
        assert after["moved.png"] == before["p1.png"]
        assert after["p2.png"] not in before.values()
        assert len({*before.values(), *after.values()}) == len(before) + 2  # no id is given twice
        assert [failure.path.name for failure in collection.failures()] == ["bad.jpg"]
        assert first(collection, photos / "new.png") == "new.png"
        assert collection.verify().faults == []

    def test_what_is_removed_is_found_no_more_and_can_come_back(self, collection: Collection) -> None:
        before = seen(collection, 2)
        taken = collection.take_out(1, 3)
        assert [one.id for one in taken] == [1, 3]
        assert {hit.id for hit in collection.search(2, k=COUNT)}.isdisjoint({1, 3})
        with pytest.raises(UsageError, match="id 1"):
            collection.search(1)
        assert collection.put_back(taken) == 2
        assert seen(collection, 2) == before
        assert collection.remove(1) == 1
        assert collection.verify().faults == []

    def test_what_people_say(self, collection: Collection, photos: Path, tmp_path: Path) -> None:
        (tmp_path / "said.csv").write_text("file,motif\np1.png,castle\np2.png,bridge\n", "utf-8")
        collection.annotate(tmp_path / "said.csv")
        assert {name for name, _ in seen(collection, 5, where="motif = 'castle'")} == {"p1.png"}
        assert collection.columns() == {"motif": 2}
        entries, total = collection.page(0, 3, where="motif is not missing")
        assert ([entry.path.name for entry in entries], total) == (["p1.png", "p2.png"], 2)
        assert collection.count(where="added is missing") == 0

    def test_a_reader_follows_at_once(
        self, collection: Collection, tmp_path: Path, photos: Path, address: str | None
    ) -> None:
        elsewhere = tmp_path / ("another machine" if address else "c")
        with opened(elsewhere, address) as reader:
            assert (len(reader), reader.generation) == (COUNT, collection.generation)
            query = photos / "p4.png"
            wanted = seen(reader, query)
            collection.remove(photos / "p1.png")
            left = {name: score for name, score in wanted if name != "p1.png"}
            assert dict(seen(reader, query)) == pytest.approx(left, abs=1e-6)
            collection.add(photos)
            assert first(reader, photos / "p1.png") == "p1.png"

    def test_a_change_that_fails_changes_nothing(self, collection: Collection) -> None:
        before = seen(collection, 2), collection.generation
        with pytest.raises(ZeroDivisionError), collection._writing() as catalogue, catalogue.change():
            catalogue.delete([1, 2])
            catalogue.note("key", "text")
            raise ZeroDivisionError
        assert (seen(collection, 2), collection.generation) == before
        assert collection._ready().noted("key") is None

    def test_one_writer(
        self, collection: Collection, tmp_path: Path, address: str | None, photos: Path
    ) -> None:
        elsewhere = tmp_path / ("another machine" if address else "c")
        with opened(elsewhere, address) as other:
            with collection._writing(), pytest.raises(CollectionLocked):
                other.remove(1)
            assert len(other) == COUNT
            assert other.remove(1) == 1  # once the first is done

    def test_a_vector_that_is_gone_is_named_and_made_again(
        self, collection: Collection, photos: Path, address: str | None
    ) -> None:
        if address:
            server(Address.parse(address)).on("layer_1", "delete", ids=[3])
        else:
            with collection._writing() as catalogue:
                catalogue._database.run("DELETE FROM vectors WHERE picture = 3")
        assert [fault.kind for fault in collection.verify().faults] == ["vector-missing"]
        assert collection.add(photos).completed == 1
        assert collection.verify().faults == []
        assert seen(collection, 3)[0][1] == pytest.approx(1)

    def test_a_vector_that_was_changed_is_named(self, collection: Collection, address: str | None) -> None:
        if address:
            there = server(Address.parse(address))
            [row] = there.on("layer_1", "get", ids=[3])
            there.on("layer_1", "upsert", data=[{**row, "vector": (np.array(row["vector"]) * -1).tolist()}])
        else:
            with collection._writing() as catalogue:
                catalogue._database.run("UPDATE vectors SET code = zeroblob(length(code)) WHERE picture = 3")
        assert [fault.kind for fault in collection.verify().faults] == ["vector-damaged"]

    def test_optimise_changes_no_answer(self, collection: Collection) -> None:
        before = seen(collection, 2)
        collection.optimise()
        assert seen(collection, 2) == before
        assert collection.info().searched == {"fake": "every vector is compared"}

    def test_nothing_there_yet(self, tmp_path: Path, address: str | None) -> None:
        with opened(tmp_path / "empty", address) as empty:
            assert not empty.exists
            with pytest.raises(CollectionNotFound):
                empty.search(1)
        assert not (tmp_path / "empty").exists()

    def test_info_says_where(self, collection: Collection, address: str | None) -> None:
        assert collection.info().store == address
        assert holds_collection(collection.path)


@pytest.mark.parametrize("source", ["folder", milvus])
@pytest.mark.parametrize("target", ["folder", milvus])
class TestCopying:
    @pytest.fixture
    def places(self, source: str, target: str, lite: Path) -> list[str | None]:
        return [None if kind == "folder" else f"milvus://{lite}/{next(_names)}" for kind in (source, target)]

    def test_all_of_it_also_after_a_stop(
        self, tmp_path: Path, photos: Path, places: list[str | None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("likewise.collection.moving.TOGETHER", 4)
        shutil.copy(photos / "p1.png", photos / "twin.png")
        (photos / "bad.jpg").write_bytes(b"no picture")
        (tmp_path / "said.csv").write_text("file,motif\np1.png,castle\n", "utf-8")
        with opened(tmp_path / "a", places[0]) as source:
            source.add(photos)
            source.annotate(tmp_path / "said.csv")
            shutil.rmtree(photos)  # files are not needed, and their absence moves nothing

            def stop(progress: Any) -> None:
                if progress.done >= 8:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                copy(source, tmp_path / "b", store=places[1], progress=stop)
            report = copy(source, tmp_path / "b", store=places[1])
            assert (report.taken.added + report.taken.copied, report.taken.unchanged) == (COUNT + 1 - 8, 8)
            assert (report.alike, report.taken.failed) == (COUNT + 1, 1)
            again = copy(source, tmp_path / "b", store=places[1])
            assert (again.alike, again.digest, again.taken.unchanged) == (COUNT + 1, report.digest, COUNT + 1)
            with opened(tmp_path / "b", places[1]) as second:
                vectors = [dict(zip(*_by_name(one), strict=True)) for one in (source, second)]
                assert vectors[0] == vectors[1]
                assert [failure.path.name for failure in second.failures()] == ["bad.jpg"]
                assert second.count(where="motif = 'castle'") == 1
                added = [
                    [one._ready().facts.added(row) for row in range(1, COUNT + 2)] for one in (source, second)
                ]
                assert added[0] == added[1]
                assert second.verify().faults == [
                    *(
                        fault
                        for fault in second.verify().faults
                        if fault.kind in ("folder-away", "file-missing")
                    )
                ]

    def test_a_difference_is_told(self, tmp_path: Path, photos: Path, places: list[str | None]) -> None:
        with opened(tmp_path / "a", places[0]) as source:
            source.add(photos)
            copy(source, tmp_path / "b", store=places[1])
            with opened(tmp_path / "b", places[1]) as second:
                ids = {path.name: picture for picture, path in second.paths()}
                second.remove(photos / "p1.png")
                with second._writing() as catalogue, catalogue.change():
                    catalogue.rows.put(ids["p2.png"], {1: catalogue.code_of(1, ids["p3.png"]) or b""})
                alike, _, unlike = differing(source, second)
        assert alike == COUNT - 2
        assert sorted(unlike) == [str(photos / "p1.png"), str(photos / "p2.png")]


def _by_name(collection: Collection) -> tuple[list[str], list[bytes]]:
    ids, vectors = collection.vectors()
    return [str(collection.path_of(picture)) for picture in ids.tolist()], [one.tobytes() for one in vectors]


def test_a_copy_into_another_recipe_is_refused(tmp_path: Path, photos: Path) -> None:
    from dataclasses import replace

    other = replace(RECIPE, distance="l2")
    with opened(tmp_path / "a", None) as source, opened(tmp_path / "b", None, recipe=other) as second:
        source.add(photos)
        second.add(photos)
        with pytest.raises(ManifestMismatch):
            copy(source, tmp_path / "b")


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "uri", "name"),
        [
            ("milvus://host:19531/photos", "http://host:19531", "photos"),
            ("milvus://host/photos", "http://host:19530", "photos"),
            ("milvus+tls://host:443/a_1", "https://host:443", "a_1"),
            ("milvus:///srv/lite.db/photos", "/srv/lite.db", "photos"),
        ],
    )
    def test_what_they_say(self, text: str, uri: str, name: str) -> None:
        address = Address.parse(text)
        assert (address.uri, address.name) == (uri, name)

    @pytest.mark.parametrize(
        "text",
        [
            "photos",
            "http://host/photos",
            "milvus://host",
            "milvus://host/",
            "milvus://host/a-b",
            "milvus://host/1a",
            "milvus://host:port/a",
            "milvus://me:secret@host/a",
            "milvus://host/a?x=1",
            "milvus://host/db/a",
            "milvus:///a",
        ],
    )
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(UsageError, match="no address of a store"):
            Address.parse(text)

    def test_a_folder_follows_what_its_file_names(self, tmp_path: Path) -> None:
        assert isinstance(store_of(tmp_path), FolderStore)
        (tmp_path / "store").write_text("milvus://host/photos\n", "utf-8")
        assert store_of(tmp_path).address == "milvus://host/photos"
        assert isinstance(store_of(tmp_path, "milvus://host/photos"), MilvusStore)
        with pytest.raises(UsageError, match="is kept milvus://host/photos"):
            store_of(tmp_path, "milvus://host/others")

    def test_a_file_that_names_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "store").write_text("somewhere", "utf-8")
        with pytest.raises(CollectionDamaged, match="names no store"):
            store_of(tmp_path)

    def test_a_collection_of_a_folder_does_not_move_by_itself(self, tmp_path: Path, photos: Path) -> None:
        with opened(tmp_path / "c", None) as collection:
            collection.add(photos)
        with pytest.raises(UsageError, match="is kept in its folder"):
            opened(tmp_path / "c", "milvus://host/photos")

    def test_an_address_has_a_folder_in_the_cache(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path))
        assert located("photos.likewise") == Path("photos.likewise")
        folder = located("milvus://host/photos")
        assert folder.parent == tmp_path / "stores"
        assert store_of(folder).address == "milvus://host/photos"
        assert located("milvus://host/photos") == folder
        assert located("milvus://host/others") != folder

    def test_without_the_client(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setitem(sys.modules, "pymilvus", None)
        with pytest.raises(MissingExtra, match=r"likewise\[milvus\]"):
            opened(tmp_path / "c", "milvus://host/photos")


@pytest.mark.slow
class TestAtAServer:
    @pytest.fixture
    def address(self, lite: Path) -> str:
        return f"milvus://{lite}/{next(_names)}"

    def test_tables_that_are_lost_are_made_again(
        self, collection: Collection, photos: Path, tmp_path: Path, address: str
    ) -> None:
        wanted, generation = seen(collection, 3), collection.generation
        collection.close()
        shutil.rmtree(tmp_path / "c")
        with opened(tmp_path / "c", address) as again:
            assert (seen(again, 3), again.generation) == (wanted, generation)
            again.add(photos)
            Image.new("RGB", (40, 30), (250, 9, 120)).save(photos / "new.png")
            assert again.add(photos).added == 1
            assert max(picture for picture, _ in again.paths()) == COUNT + 1

    def test_ids_of_before_are_not_given_again(
        self, collection: Collection, photos: Path, tmp_path: Path, address: str
    ) -> None:
        collection.remove(COUNT)
        collection.add(photos)
        collection.remove(COUNT + 1)
        collection.close()
        shutil.rmtree(tmp_path / "c")
        with opened(tmp_path / "c", address) as again:
            again.add(photos)
            assert max(picture for picture, _ in again.paths()) == COUNT + 2

    @pytest.mark.parametrize("where", ["rows", "texts", "head", "after"])
    def test_whoever_stops_in_between_loses_nothing(
        self,
        collection: Collection,
        photos: Path,
        tmp_path: Path,
        address: str,
        where: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        Image.new("RGB", (40, 30), (250, 9, 120)).save(photos / "new.png")
        stopped: dict[str, tuple[Any, str]] = {
            "rows": (Texts, "write"),
            "texts": (ReplicaHead, "write"),
            "head": (type(collection._ready().rows), "forget"),
            "after": (type(collection._ready()), "_committed"),
        }
        owner, name = stopped[where]

        def stop(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, stop)
            with pytest.raises((KeyboardInterrupt, CollectionLocked)):
                collection.add(photos)
        with opened(tmp_path / "another machine", address) as other:
            assert store_of(tmp_path / "another machine").address == address
            assert {path.name for _, path in other.paths()} >= {f"p{number}.png" for number in range(COUNT)}
            other.add(photos)
            assert len(other) == COUNT + 1
            assert first(other, photos / "new.png") == "new.png"
            assert other.verify().faults == []
            assert len(collection) == COUNT + 1
            assert seen(collection, 2) == seen(other, 2)

    def test_another_collection_of_that_name(
        self, collection: Collection, tmp_path: Path, photos: Path, address: str
    ) -> None:
        there = server(Address.parse(address))
        for kind in ("facts", "layer_1"):
            there.ask("drop_collection", there.collection(kind))
        with opened(tmp_path / "d", address) as new:
            (photos / "p0.png").unlink()
            new.add(photos)
            assert len(new) == COUNT - 1
        with opened(tmp_path / "c", address) as follower:
            assert len(follower) == COUNT - 1

    def test_a_server_that_was_put_back(
        self, collection: Collection, photos: Path, tmp_path: Path, address: str
    ) -> None:
        texts = Texts(server(Address.parse(address)))
        head = ReplicaHead.of(texts)
        assert head is not None
        Image.new("RGB", (40, 30), (250, 9, 120)).save(photos / "new.png")
        collection.add(photos)
        lost = [key for key, _, _ in texts.since(head.generation)]
        texts.forget([key for key in lost if not key.startswith("meta")])
        head.write(texts)
        with opened(tmp_path / "c", address) as again:
            again.add(photos)
            assert len(again) == COUNT + 1
            assert again.verify().faults == []

    def test_who_writes_there_in_words_that_nobody_understands(
        self, collection: Collection, photos: Path, address: str
    ) -> None:
        texts = Texts(server(Address.parse(address)))
        for text in ("[", "[1]", "{}", '{"who": "x"}', '{"who": "x", "until": "soon"}'):
            texts.write({"writer": text}, 0)
            assert collection.add(photos).unchanged == COUNT
        texts.write({"writer": json.dumps({"who": "somebody", "until": time.time() + 60})}, 0)
        with pytest.raises(CollectionLocked, match="written to by somebody"):
            collection.add(photos)

    def test_damaged_notes_are_forgotten(self, collection: Collection, photos: Path, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "c" / "catalogue.sqlite")) as database, database:
            database.execute("UPDATE meta SET value = 'x' WHERE key = 'recipe'")
        assert collection.add(photos).unchanged == COUNT
        assert collection.verify().faults == []

    def test_vectors_in_lists(self, collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("likewise.collection.layers.vector_layer.EXACT", 10)
        monkeypatch.setattr("likewise.collection.layers.vector_layer.SURE", 0.5)
        before = seen(collection, 2)
        collection.optimise()
        engine = collection._ready().rows.engine(1)
        assert engine is not None and engine.lists == 3  # the root of twelve
        assert " of 3 lists are looked at" in collection.info().searched["fake"]
        assert seen(collection, 2, exact=True) == before
        assert collection.verify().faults == []

    def test_a_name_that_is_taken(self, lite: Path, tmp_path: Path) -> None:
        there = server(Address.parse(f"milvus://{lite}/taken"))
        there.make(
            "facts",
            [("id", "INT64", {}), ("vector", "FLOAT_VECTOR", {"dim": 2})],
            {"index_type": "FLAT", "metric_type": "L2"},
        )
        with pytest.raises(UsageError, match="not likewise's"):
            opened(tmp_path / "c", f"milvus://{lite}/taken")

    def test_what_is_written_there_that_is_not_ours(
        self, collection: Collection, tmp_path: Path, address: str
    ) -> None:
        texts = Texts(server(Address.parse(address)))
        texts.write(
            {"pictures_x": json.dumps({"table": "sqlite_master", "key": [1, 2], "columns": {}})}, 10**6
        )
        head = ReplicaHead.of(texts)
        assert head is not None
        ReplicaHead(head.life, 10**6, head.last).write(texts)
        with pytest.raises(CollectionDamaged, match="pictures_x"):
            opened(tmp_path / "d", address)

    def test_a_file_that_is_named_is_not_made_by_reading(self, tmp_path: Path) -> None:
        (tmp_path / "c").mkdir()
        (tmp_path / "c" / "store").write_text(f"milvus://{tmp_path}/none.db/a", "utf-8")
        with Collection.open(tmp_path / "c") as empty, pytest.raises(CollectionNotFound):
            empty.search(1)
        assert not (tmp_path / "none.db").exists()

    def test_words_and_other_codes_are_refused(self, tmp_path: Path, photos: Path, lite: Path) -> None:
        from dataclasses import replace

        with opened(
            tmp_path / "c", f"milvus://{lite}/{next(_names)}", recipe=replace(RECIPE, code="int8")
        ) as one:
            with pytest.raises(UsageError, match="fp32 or fp16"):
                one.add(photos)
            assert not one.exists

    def test_a_server_that_does_not_answer(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="localhost:1/photos"):
            opened(tmp_path / "c", "milvus://localhost:1/photos")


INDEX = """
import sys
from pathlib import Path
from tests.fakes import RECIPE, FakeFactory
from likewise.collection import Collection

folder, address, photos = sys.argv[1:]
with Collection.open(folder, store=address, recipe=RECIPE, extractor_factory=FakeFactory()) as collection:
    collection.add(photos, progress=lambda progress: print("committed", progress.done, flush=True))
    found = {path.name for _, path in collection.paths()}
    whole = found == {path.name for path in Path(photos).iterdir()}
    print("done", len(collection), whole, len(collection.verify().faults), flush=True)
"""


@pytest.mark.slow
def test_killed_again_and_again(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    fake_words.make_pictures(photos, 40)
    told: list[str] = []
    for kill in (1, 1, 2, None):  # after so many commits, of which one that follows may be under way
        with subprocess.Popen(
            [sys.executable, "-c", INDEX, str(tmp_path / "c"), f"milvus://{tmp_path}/lite.db/a", str(photos)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as run:
            assert run.stdout is not None
            told = []
            for line in run.stdout:
                told.append(line)
                if len(told) == kill:
                    run.kill()
                    break
    assert told[-1].split() == ["done", "40", "True", "0"]
