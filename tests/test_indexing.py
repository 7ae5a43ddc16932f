"""Adding: what becomes of each file, and of the run when things go wrong."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.collection import AddReport, Collection, indexing
from likewise.collection.layers.layer_set import ready
from likewise.collection.store.database import Database
from likewise.errors import BadPicture, CollectionLocked, StorageError, UsageError, WeightsError
from likewise.files import reading
from likewise.folders import Stamp
from likewise.pictures import Loaded
from likewise.types import FloatArray, Progress
from tests.fakes import RECIPE, FakeExtractor, FakeFactory, coded, make_pictures, picture_bytes
from tests.zoo import make_zoo


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "photos", 12)
    return tmp_path / "photos"


@pytest.fixture
def factory() -> FakeFactory:
    return FakeFactory()


@pytest.fixture
def collection(tmp_path: Path, factory: FakeFactory) -> Iterator[Collection]:
    with Collection.open(tmp_path / "p.likewise", recipe=RECIPE, extractor_factory=factory) as opened:
        yield opened
    assert not workers(), "a run leaves no thread behind"


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("likewise")]


def counts(report: AddReport) -> dict[str, int]:
    fields = {name: value for name, value in vars(report).items() if name not in ("seconds", "passed_over")}
    return {name: value for name, value in fields.items() if value}


def ids(collection: Collection) -> dict[str, int]:
    return {collection.path_of(int(row)).name: int(row) for row in collection.vectors()[0]}


def test_the_time_told_is_the_time_passed(
    collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned, clock = [0.0], time.monotonic

    def learning(*given: Any) -> Any:
        learned[0] += 1000.0  # words are learned before anything is indexed
        return ready(*given)

    monkeypatch.setattr("likewise.collection.collection.ready", learning)
    monkeypatch.setattr(time, "monotonic", lambda: clock() + learned[0])
    assert collection.add(photos).seconds >= 1000


class TestWhatBecomesOfAFile:
    def test_new_ones_are_added_with_their_own_vectors(self, collection: Collection, photos: Path) -> None:
        assert counts(collection.add(photos)) == {"added": 12}
        extractor = FakeExtractor()
        rows, vectors = collection.vectors()
        for row, vector in zip(rows, vectors, strict=True):
            expected = extractor.describe([extractor.prepare(collection.path_of(int(row)))])[0]
            np.testing.assert_allclose(vector, expected, atol=1e-3)
        assert not collection.verify().faults

    def test_nothing_is_done_twice(self, collection: Collection, photos: Path, factory: FakeFactory) -> None:
        collection.add(photos)
        generation = collection.info().generation
        assert counts(collection.add(photos)) == {"unchanged": 12}
        assert counts(collection.add(photos, checksum=True)) == {"unchanged": 12}
        assert (factory.described, collection.info().generation) == (12, generation)

    def test_an_unchanged_folder_needs_no_network(self, tmp_path: Path, photos: Path) -> None:
        first, second = FakeFactory(), FakeFactory()
        Collection.open(tmp_path / "p.likewise", recipe=RECIPE, extractor_factory=first).add(photos)
        Collection.open(tmp_path / "p.likewise", extractor_factory=second).add(photos)
        assert (len(first.made), len(second.made)) == (1, 0)

    def test_a_touched_file_is_looked_at_once(self, collection: Collection, photos: Path) -> None:
        collection.add(photos)
        before = ids(collection)
        os.utime(photos / "0003.png", (1, 1))
        assert counts(collection.add(photos)) == {"unchanged": 12}
        generation = collection.info().generation
        assert counts(collection.add(photos)) == {"unchanged": 12}
        assert (ids(collection), collection.info().generation) == (before, generation)

    def test_a_changed_file_is_a_new_picture(self, collection: Collection, photos: Path) -> None:
        collection.add(photos)
        before = ids(collection)
        (photos / "0003.png").write_bytes(picture_bytes(99))
        assert counts(collection.add(photos)) == {"changed": 1, "unchanged": 11}
        after = ids(collection)
        assert after.pop("0003.png") > max(before.values())
        assert after == {name: row for name, row in before.items() if name != "0003.png"}
        [hit] = collection.search(photos / "0003.png", k=1)
        assert hit.path.name == "0003.png"
        assert hit.score == pytest.approx(1, abs=1e-5)

    def test_a_change_that_keeps_size_and_times_takes_checksum(
        self, collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        collection.add(photos)
        catalogue = collection._ready()
        place = catalogue.place(str(photos.resolve() / "0003.png"))
        assert place
        (photos / "0003.png").write_bytes(picture_bytes(99))
        stamp = Stamp.of((photos / "0003.png").stat())
        row = catalogue.picture(place)
        content = row and catalogue.content(row.sha256, [])
        assert row and content
        with collection._writing() as writer, writer.change():
            writer.move(row.id, place, stamp, content)
        assert counts(collection.add(photos)) == {"unchanged": 12}
        assert counts(collection.add(photos, checksum=True)) == {"changed": 1, "unchanged": 11}

    def test_moved_files_keep_their_ids(
        self, collection: Collection, photos: Path, factory: FakeFactory
    ) -> None:
        collection.add(photos)
        before = ids(collection)
        (photos / "0003.png").rename(photos / "new.png")
        (photos / "deep/er").mkdir(parents=True)
        (photos / "0004.png").rename(photos / "deep/er/0004.png")
        assert counts(collection.add(photos)) == {"moved": 2, "unchanged": 10}
        before["new.png"] = before.pop("0003.png")
        assert (ids(collection), factory.described) == (before, 12)

    def test_a_whole_folder_can_move(
        self, collection: Collection, photos: Path, tmp_path: Path, factory: FakeFactory
    ) -> None:
        collection.add(photos)
        before = ids(collection)
        photos.rename(tmp_path / "elsewhere")
        assert counts(collection.add(tmp_path / "elsewhere")) == {"moved": 12}
        assert (ids(collection), factory.described) == (before, 12)

    def test_copies_are_rows_of_their_own_without_the_network(
        self, collection: Collection, photos: Path, factory: FakeFactory
    ) -> None:
        collection.add(photos)
        shutil.copy(photos / "0003.png", photos / "copy.png")
        assert counts(collection.add(photos)) == {"copied": 1, "unchanged": 12}
        assert (len(collection), factory.described) == (13, 12)
        names = {hit.path.name for hit in collection.search(photos / "copy.png", k=2)}
        assert names == {"copy.png", "0003.png"}

    def test_equal_files_in_one_run_meet_the_network_once(
        self, collection: Collection, tmp_path: Path, factory: FakeFactory
    ) -> None:
        for number in range(40):
            (tmp_path / "same").mkdir(exist_ok=True)
            (tmp_path / "same" / f"{number}.png").write_bytes(picture_bytes(number % 2))
        assert counts(collection.add(tmp_path / "same")) == {"added": 2, "copied": 38}
        assert (len(collection), factory.described) == (40, 2)

    def test_two_files_that_swap_names_are_changed(
        self, collection: Collection, photos: Path, factory: FakeFactory
    ) -> None:
        collection.add(photos)
        first, second = photos / "0000.png", photos / "0001.png"
        held = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(held)
        assert counts(collection.add(photos)) == {"changed": 2, "unchanged": 10}
        [hit] = collection.search(first, k=1)
        assert hit.path.name == first.name
        assert factory.described <= 14  # one that was overwritten before it was read is described anew

    def test_files_that_are_gone_are_forgotten_on_request(self, collection: Collection, photos: Path) -> None:
        collection.add(photos)
        (photos / "0003.png").unlink()
        assert counts(collection.add(photos)) == {"unchanged": 11, "gone": 1}
        assert len(collection) == 12
        assert counts(collection.add(photos, prune=True)) == {"unchanged": 11, "forgotten": 1}
        assert "0003.png" not in ids(collection)

    def test_pruning_keeps_to_its_sources(self, collection: Collection, photos: Path, tmp_path: Path) -> None:
        [other] = make_pictures(tmp_path / "other", 1, first=50)
        collection.add(photos, other)
        other.unlink()
        assert counts(collection.add(photos, prune=True)) == {"unchanged": 12}
        assert counts(collection.add(tmp_path / "other", prune=True)) == {"away": 1}  # it was the only one
        assert counts(collection.add(tmp_path / "other", prune="all")) == {"forgotten": 1}

    def test_what_is_left_out_is_remembered_and_told(self, collection: Collection, photos: Path) -> None:
        make_pictures(photos / "tmp", 2, first=40)
        (photos / "paint.XCF").write_bytes(b"xcf")
        report = collection.add(photos)
        assert (report.added, report.passed_over) == (14, {".xcf": 1})
        report = collection.add(photos, exclude=["tmp"], prune=True)
        assert (report.unchanged, report.forgotten) == (12, 2)
        assert collection.add(photos).unchanged == 12
        assert collection.info().excludes[-1] == "tmp" and "@eaDir" in collection.info().excludes
        assert collection.add(photos, include=["tmp"]).added == 2
        with pytest.raises(UsageError, match="not left out"):
            collection.add(photos, include=["tmp"])

    def test_a_file_renamed_in_letter_case_keeps_its_id(
        self, collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        collection.add(photos)
        before = ids(collection)["0003.png"]
        (photos / "0003.png").rename(photos / "0003.PNG")
        status, same = os.stat, os.path.samefile

        def folding(path: str, *args: object, **options: object) -> os.stat_result:
            text = os.fspath(path) if isinstance(path, str | Path) else path
            there = not isinstance(text, str) or os.path.lexists(text)
            return status(text if there else text.replace("0003.png", "0003.PNG"), *args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "stat", folding)  # as a disk that does not tell the two names apart
        monkeypatch.setattr(os.path, "samefile", lambda a, b: a.lower() == b.lower() or same(a, b))
        assert counts(collection.add(photos, prune=True)) == {"moved": 1, "unchanged": 11}
        assert ids(collection)["0003.PNG"] == before and "0003.png" not in ids(collection)
        (photos / "0004.PNG").write_bytes((photos / "0004.png").read_bytes())  # listed both: two files
        assert counts(collection.add(photos)) == {"copied": 1, "unchanged": 12}

    def test_single_files_and_folders_around_them(
        self, collection: Collection, photos: Path, factory: FakeFactory
    ) -> None:
        odd = photos / "picture.of.no.kind"
        odd.write_bytes(picture_bytes(70))
        assert counts(collection.add(photos / "0003.png", odd)) == {"added": 2}
        before = ids(collection)
        assert counts(collection.add(photos)) == {"added": 11, "unchanged": 1}
        assert counts(collection.add(photos.parent)) == {"unchanged": 12}
        assert (len(collection), factory.described) == (13, 13)
        assert before.items() <= ids(collection).items()

    def test_one_file_by_two_ways_is_one_row(
        self, collection: Collection, photos: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "link").symlink_to(photos)
        collection.add(photos, tmp_path / "link", photos / "0001.png")
        assert len(collection) == 12
        assert counts(collection.add(tmp_path / "link")) == {"unchanged": 12}

    @pytest.mark.parametrize("code", ["fp32", "fp16", "int8"])
    def test_every_code(self, tmp_path: Path, photos: Path, code: str) -> None:
        with Collection.open(
            tmp_path / "c", recipe=coded(code), extractor_factory=FakeFactory()
        ) as collection:
            collection.add(photos)
            assert collection.search(photos / "0005.png", k=1)[0].path.name == "0005.png"
            assert not collection.verify().faults


class TestBadFiles:
    def test_the_zoo_lands_as_indexed_or_as_one_failure(self, collection: Collection, tmp_path: Path) -> None:
        zoo = make_zoo(tmp_path / "zoo")
        del zoo[tmp_path / "zoo" / "folder.jpg"]  # which is walked into
        indexed = sum(outcome == "indexed" for outcome in zoo.values())
        bad = len(zoo) - indexed
        assert counts(collection.add(tmp_path / "zoo")) == {"added": indexed, "failed": bad}
        reasons = {failure.path: failure.reason for failure in collection.failures()}
        real = tmp_path.resolve()
        assert reasons == {
            real / path.relative_to(tmp_path): outcome
            for path, outcome in zoo.items()
            if outcome != "indexed"
        }
        assert not collection.verify().faults
        assert counts(collection.add(tmp_path / "zoo")) == {"unchanged": indexed, "failed": bad}

    def test_failures_are_tried_again_when_they_change_or_on_request(
        self, collection: Collection, photos: Path, factory: FakeFactory
    ) -> None:
        (photos / "bad.png").write_bytes(b"no picture")
        assert counts(collection.add(photos)) == {"added": 12, "failed": 1}
        done: list[Progress] = []
        assert counts(collection.add(photos, progress=done.append)) == {"unchanged": 12, "failed": 1}
        assert not done
        assert counts(collection.add(photos, progress=done.append, retry=True)) == {
            "unchanged": 12,
            "failed": 1,
        }
        assert done[-1].failed == 1
        (photos / "bad.png").write_bytes(picture_bytes(60))
        assert counts(collection.add(photos)) == {"added": 1, "unchanged": 12}
        assert not collection.failures()

    def test_a_picture_that_becomes_no_picture_is_no_longer_found(
        self, collection: Collection, photos: Path
    ) -> None:
        collection.add(photos)
        (photos / "0003.png").write_bytes(b"")
        assert counts(collection.add(photos)) == {"unchanged": 11, "failed": 1}
        assert "0003.png" not in ids(collection)

    def test_a_picture_out_of_reach_for_now_keeps_its_row(
        self, collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        collection.add(photos)
        (photos / "0003.png").write_bytes(picture_bytes(99))

        def refuse(path: str, inside: Sequence[str]) -> tuple[bytes, Stamp, bytes]:
            raise OSError(5, "Input/output error", path)

        monkeypatch.setattr(indexing, "_read_file", refuse)
        assert counts(collection.add(photos)) == {"unchanged": 11, "failed": 1}
        [failure] = collection.failures()
        assert failure.reason == "unreadable"
        assert "0003.png" in ids(collection)
        monkeypatch.undo()
        assert counts(collection.add(photos, retry=True)) == {"unchanged": 11, "changed": 1}
        assert not collection.failures()

    def test_a_file_that_vanishes_meanwhile_is_one_failure_for_one_run(
        self, collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = indexing._read_file

        def vanish(path: str, inside: Sequence[str]) -> tuple[bytes | str, Stamp, bytes]:
            if path.endswith("0003.png"):
                os.unlink(path)
            return read(path, inside)

        monkeypatch.setattr(indexing, "_read_file", vanish)
        assert counts(collection.add(photos)) == {"added": 11, "failed": 1}
        assert [failure.reason for failure in collection.failures()] == ["vanished"]
        assert counts(collection.add(photos)) == {"unchanged": 11}
        assert not collection.failures()

    def test_a_folder_that_does_not_open_is_a_failure_until_it_does(
        self, collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_pictures(photos / "locked", 2, first=80)
        listdir = os.listdir

        def refuse(path: str | Path) -> list[str]:
            if str(path).endswith("locked"):
                raise PermissionError(13, "Permission denied", str(path))
            return listdir(path)

        monkeypatch.setattr(os, "listdir", refuse)
        assert counts(collection.add(photos)) == {"added": 12, "failed": 1}
        generation = collection.info().generation
        assert counts(collection.add(photos)) == {"unchanged": 12, "failed": 1}
        assert collection.info().generation == generation
        monkeypatch.undo()
        assert counts(collection.add(photos)) == {"added": 2, "unchanged": 12}
        assert not collection.failures()

    def test_equal_bad_files_all_fail(self, collection: Collection, photos: Path) -> None:
        for number in range(9):
            (photos / f"bad{number}.png").write_bytes(b"no picture")
        assert counts(collection.add(photos)) == {"added": 12, "failed": 9}
        assert len(collection.failures()) == 9

    def test_the_limit_of_pixels_can_be_raised(self, collection: Collection, photos: Path) -> None:
        assert counts(collection.add(photos, max_pixels=24 * 16)) == {"added": 6, "failed": 6}
        assert {failure.reason for failure in collection.failures()} == {"too-large"}
        assert counts(collection.add(photos, retry=True)) == {"added": 6, "unchanged": 6}

    def test_large_files_are_hashed_in_passing(
        self, collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "AT_ONCE", 10)
        assert counts(collection.add(photos)) == {"added": 12}
        monkeypatch.undo()
        assert counts(collection.add(photos, checksum=True)) == {"unchanged": 12}

    def test_one_that_the_network_refuses_fails_alone(self, tmp_path: Path, photos: Path) -> None:
        class Choosy(FakeExtractor):
            def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
                if any(one.pixels[0][0, 0].tolist() == marked for one in loaded):
                    raise BadPicture("not this one")
                return super().describe(loaded)

        marked = FakeExtractor().prepare(photos / "0005.png").pixels[0][0, 0].tolist()
        factory = FakeFactory(kind=Choosy)
        with Collection.open(tmp_path / "c", recipe=RECIPE, extractor_factory=factory) as collection:
            assert counts(collection.add(photos)) == {"added": 11, "failed": 1}
            assert [failure.path.name for failure in collection.failures()] == ["0005.png"]

    def test_a_vector_that_is_not_finite_is_a_failure(self, tmp_path: Path, photos: Path) -> None:
        class Broken(FakeExtractor):
            def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
                return np.full_like(super().describe(loaded), np.nan)

        factory = FakeFactory(kind=Broken)
        with Collection.open(tmp_path / "c", recipe=RECIPE, extractor_factory=factory) as collection:
            assert counts(collection.add(photos)) == {"failed": 12}
            assert "not finite" in collection.failures()[0].message


class TestTheRun:
    def test_progress_tells_what_is_committed(
        self, collection: Collection, photos: Path, tmp_path: Path
    ) -> None:
        (photos / "bad.png").write_bytes(b"no picture")
        seen: list[tuple[int, int]] = []

        def look(progress: Progress) -> None:
            reader = Database.reader(tmp_path / "p.likewise/catalogue.sqlite")
            [(pictures, failures)] = reader.rows(
                "SELECT (SELECT count(*) FROM pictures), (SELECT count(*) FROM failures)"
            )
            seen.append((progress.done, pictures + failures))
            reader.close()
            assert progress.total == 13

        collection.add(photos, progress=look)
        assert seen[-1] == (13, 13)
        assert all(done == committed for done, committed in seen)

    def test_pictures_of_one_shape_go_together(self, tmp_path: Path, factory: FakeFactory) -> None:
        make_pictures(tmp_path / "many", 200)
        with Collection.open(tmp_path / "c", recipe=RECIPE, extractor_factory=factory) as collection:
            collection.add(tmp_path / "many")
        assert sum(factory.made[0].batches) == 200
        assert max(factory.made[0].batches) <= indexing.BUCKET

    @pytest.mark.parametrize("interruption", [KeyboardInterrupt, ZeroDivisionError])
    def test_what_is_committed_survives_an_interruption(
        self, collection: Collection, tmp_path: Path, interruption: type[BaseException]
    ) -> None:
        make_pictures(tmp_path / "many", 300)
        done = 0

        def interrupt(progress: Progress) -> None:
            nonlocal done
            done = progress.done
            if done > 50:
                raise interruption

        with pytest.raises(interruption):
            collection.add(tmp_path / "many", progress=interrupt)
        assert 50 < done == len(collection) < 300
        report = collection.add(tmp_path / "many")
        assert counts(report) == {"added": 300 - done, "unchanged": done}
        assert not collection.verify().faults

    @pytest.mark.parametrize("where", ["prepare", "describe"])
    def test_an_error_of_a_thread_ends_the_run(self, tmp_path: Path, photos: Path, where: str) -> None:
        def fail(*_: object, **__: object) -> None:
            raise WeightsError("no weights")

        factory = FakeFactory(kind=type("Failing", (FakeExtractor,), {where: fail}))
        with Collection.open(tmp_path / "c", recipe=RECIPE, extractor_factory=factory) as collection:
            with pytest.raises(WeightsError, match="no weights"):
                collection.add(photos)
            assert len(collection) == 0
        assert not workers()

    def test_a_full_disk_stops_with_what_was_committed(
        self, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_pictures(tmp_path / "many", 1000)
        collection.add(tmp_path / "many" / "0000.png")
        open_writer = Database.writer

        def small(path: Path) -> Database:
            database = open_writer(path)
            pages = database.rows("PRAGMA page_count")[0][0]
            database.rows(f"PRAGMA max_page_count = {pages + 1}")
            return database

        monkeypatch.setattr(Database, "writer", small)
        done: list[Progress] = [Progress(0, 0)]
        with pytest.raises(StorageError, match=r"full.*run the same command again"):
            collection.add(tmp_path / "many", progress=done.append)
        assert len(collection) == 1 + done[-1].done < 1000
        assert not collection.verify().faults
        monkeypatch.undo()
        assert collection.add(tmp_path / "many").added == 1000 - 1 - done[-1].done

    def test_a_second_writer_is_refused_and_readers_are_not(
        self, collection: Collection, photos: Path, tmp_path: Path, factory: FakeFactory
    ) -> None:
        found: list[int] = []

        def meddle(progress: Progress) -> None:
            with Collection.open(tmp_path / "p.likewise", extractor_factory=factory) as other:
                with pytest.raises(CollectionLocked, match=f"process {os.getpid()}"):
                    other.add(photos)
                found.append(len(other.search(other.vectors()[1][0], k=100)))

        collection.add(photos, progress=meddle)
        assert found == sorted(found)
        assert found[-1] == 12

    def test_nothing_is_made_before_the_sources_and_the_network_are_there(
        self, tmp_path: Path, photos: Path
    ) -> None:
        def missing(*_: object, **__: object) -> FakeExtractor:
            raise WeightsError("no weights")

        collection = Collection.open(tmp_path / "c", recipe=RECIPE, extractor_factory=missing)
        with pytest.raises(UsageError, match="does not exist"):
            collection.add(tmp_path / "none")
        with pytest.raises(WeightsError):
            collection.add(photos)
        assert not (tmp_path / "c").exists()

    def test_a_folder_of_other_things_is_not_taken_over(self, photos: Path) -> None:
        collection = Collection.open(photos, recipe=RECIPE, extractor_factory=FakeFactory())
        before = sorted(photos.iterdir())
        with pytest.raises(UsageError, match="holds other files"):
            collection.add(photos)
        assert sorted(photos.iterdir()) == before

    def test_an_empty_folder_makes_an_empty_collection(self, collection: Collection, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert counts(collection.add(tmp_path / "empty")) == {}
        assert collection.exists
        assert len(collection) == 0
