"""What the collection promises when processes die, disks fill up and folders cannot be written."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from likewise.collection import Collection
from likewise.collection.pending import Options, plan
from likewise.collection.store.catalogue import Catalogue
from likewise.errors import CollectionLocked, CollectionNotFound, StorageError
from tests.fakes import RECIPE, FakeExtractor, FakeFactory, make_pictures, picture_bytes
from tests.systems import linux

REPOSITORY = Path(__file__).parents[1]

CHILD = """
import sys, time
from likewise.collection import Collection
from tests.fakes import RECIPE, FakeExtractor, FakeFactory

class Slow(FakeExtractor):
    def describe(self, loaded):
        time.sleep(0.008 * len(loaded))
        return super().describe(loaded)

def say(word):
    print(word, flush=True)

say("ready")
collection = Collection.open(sys.argv[1], recipe=RECIPE, extractor_factory=FakeFactory(kind=Slow))
collection.add(sys.argv[2], prune=True, progress=lambda progress: say(progress.done))
"""


@contextmanager
def indexing(collection: Path, photos: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that indexes, past its imports."""
    command = [sys.executable, "-c", CHILD, str(collection), str(photos)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.slow
def test_kills_lose_nothing(tmp_path: Path) -> None:
    assert kill_again_and_again(tmp_path, 4, random.Random(1)) >= 0


@pytest.mark.slow
def test_many_kills_lose_nothing(tmp_path: Path) -> None:
    assert kill_again_and_again(tmp_path, 25, random.Random(2)) > 0, "no kill came in the middle of the work"


def kill_again_and_again(folder: Path, times: int, chance: random.Random) -> int:
    """Change the photographs, begin indexing, kill it, check, finish, check; give how often work was left."""
    photos, path = folder / "photos", folder / "c"
    interrupted = 0
    for attempt in range(times):
        change_photos(photos, attempt, chance)
        todo = left_to_do(path, photos)
        with indexing(path, photos) as process:
            time.sleep(chance.uniform(0, 0.4))
            process.kill()
            acknowledged = [int(line) for line in process.stdout or ()]
        left = left_to_do(path, photos)
        assert left <= todo - max(acknowledged, default=0), "what was acknowledged has to be done again"
        interrupted += 0 < left < todo
        finish(path, photos)
    return interrupted


def change_photos(photos: Path, attempt: int, chance: random.Random) -> None:
    """New, changed, moved, copied, bad and deleted files."""
    old = sorted(photos.glob("*.png"))
    make_pictures(photos, 60, first=1000 * attempt)
    for number, path in enumerate(chance.sample(old, min(12, len(old)))):
        match number % 4:
            case 0:
                path.write_bytes(picture_bytes(1000 * attempt + 500 + number))
            case 1:
                path.rename(photos / f"moved-{attempt}-{number}.png")
            case 2:
                (photos / f"copy-{attempt}-{number}.png").write_bytes(path.read_bytes())
            case 3:
                path.unlink()
    (photos / f"bad-{attempt}.png").write_bytes(b"no picture %d" % attempt)


def left_to_do(path: Path, photos: Path) -> int:
    """How many files a run would have to look into."""
    try:
        catalogue = Catalogue.reader(path / "catalogue.sqlite")
    except CollectionNotFound:
        return len(list(photos.iterdir()))
    with catalogue.moment():
        if not catalogue.roots():
            return len(list(photos.iterdir()))
        verdicts = [verdict for verdict, _ in plan(catalogue, [str(photos.resolve())], Options(), {})]
    catalogue.close()
    return verdicts.count("todo")


def finish(path: Path, photos: Path) -> None:
    """Run again to the end, and compare every row with its file."""
    with Collection.open(path, recipe=RECIPE, extractor_factory=FakeFactory()) as collection:
        collection.add(photos, prune=True)
        report = collection.verify()
        assert (report.faults, report.checked) == ([], len(collection))
        ids, vectors = collection.vectors()
        paths = [collection.path_of(int(row)) for row in ids]
        bad = {failure.path for failure in collection.failures()}
        assert len(set(paths)) == len(paths), "a file is there twice"
        assert {*paths, *bad} == set(photos.resolve().iterdir())
        extractor = FakeExtractor()
        expected = extractor.describe([extractor.prepare(path) for path in paths])
        np.testing.assert_allclose(vectors, expected, atol=1e-3)


def test_others_read_while_one_writes_and_no_second_one_writes(tmp_path: Path) -> None:
    make_pictures(tmp_path / "photos", 150)
    counts = []
    with indexing(tmp_path / "c", tmp_path / "photos") as process:
        assert process.stdout
        process.stdout.readline()  # the first commit
        with Collection.open(tmp_path / "c", extractor_factory=FakeFactory()) as reader:
            with pytest.raises(CollectionLocked, match=f"process {process.pid} "):
                reader.add(tmp_path / "photos")
            while process.poll() is None:
                hits = reader.search(tmp_path / "photos/0000.png", k=1000)
                counts.append(len(hits))
                assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
            counts.append(len(reader.search(tmp_path / "photos/0000.png", k=1000)))
    assert process.returncode == 0
    assert counts == sorted(counts)
    assert (len(set(counts)) > 2, counts[-1]) == (True, 150)


def test_a_kill_leaves_no_lock(tmp_path: Path) -> None:
    make_pictures(tmp_path / "photos", 80)
    with indexing(tmp_path / "c", tmp_path / "photos") as process:
        assert process.stdout
        acknowledged = int(process.stdout.readline())
        process.kill()
        process.wait()
        with Collection.open(tmp_path / "c", extractor_factory=FakeFactory()) as collection:
            assert len(collection) >= acknowledged > 0
            assert collection.add(tmp_path / "photos").added <= 80 - acknowledged


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform == "win32" or os.geteuid() or mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)):
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path, disk: Path) -> None:
    make_pictures(tmp_path / "photos", 3000)
    assert mount("-o", "remount,size=4m", str(disk)) == 0
    with Collection.open(disk / "c", recipe=RECIPE, extractor_factory=FakeFactory()) as collection:
        committed = [0]
        with pytest.raises(StorageError, match=r"full.*run the same command again"):
            collection.add(tmp_path / "photos", progress=lambda progress: committed.append(progress.done))
        assert len(collection) == committed[-1] > 0
        assert not collection.verify().faults
        assert len(collection.search(1, k=5)) == 5
        with pytest.raises(StorageError):
            collection.add(tmp_path / "photos")
        assert not collection.verify().faults
    assert mount("-o", "remount,size=64m", str(disk)) == 0
    finish(disk / "c", tmp_path / "photos")


@pytest.mark.slow
@pytest.mark.parametrize("left_by", ["close", "reader", "kill"])
def test_a_read_only_disk(tmp_path: Path, disk: Path, left_by: str) -> None:
    photos = make_pictures(tmp_path / "photos", 100)[0].parent
    if left_by == "kill":
        with indexing(disk / "c", photos) as process:
            assert process.stdout
            process.stdout.readline()
    else:
        with Collection.open(disk / "c", recipe=RECIPE, extractor_factory=FakeFactory()) as collection:
            collection.add(photos)
    if left_by == "reader":
        Collection.open(disk / "c", extractor_factory=FakeFactory()).close()
    assert mount("-o", "remount,ro", str(disk)) == 0
    make_pictures(tmp_path / "photos", 1, first=500)
    with Collection.open(disk / "c", extractor_factory=FakeFactory()) as collection:
        found = len(collection.search(photos / "0000.png", k=1000))
        assert 0 < found == len(collection) <= 100
        assert not collection.verify().faults
        with pytest.raises(StorageError, match=r"cannot be written|cannot be made"):
            collection.add(photos)
        with pytest.raises(StorageError):
            collection.remove(1)
        assert len(collection) == found
    with (
        Collection.open(disk / "new", recipe=RECIPE, extractor_factory=FakeFactory()) as collection,
        pytest.raises(StorageError, match="cannot be made"),
    ):
        collection.add(photos)


@pytest.mark.slow
def test_a_log_that_a_read_only_disk_keeps_from_being_read(tmp_path: Path, disk: Path) -> None:
    photos = make_pictures(tmp_path / "photos", 100)[0].parent
    with indexing(disk / "c", photos) as process:
        assert process.stdout
        process.stdout.readline()
    (disk / "c/catalogue.sqlite-shm").unlink()
    assert mount("-o", "remount,ro", str(disk)) == 0
    with pytest.raises(StorageError, match="copy the collection to where it can"):
        Collection.open(disk / "c", extractor_factory=FakeFactory())
    assert mount("-o", "remount,rw", str(disk)) == 0
    finish(disk / "c", photos)


@pytest.mark.slow
@linux
def test_memory_stays_flat(tmp_path: Path) -> None:
    make_pictures(tmp_path / "few", 2000)
    make_pictures(tmp_path / "many", 20_000)
    peaks = [peak_of_indexing(tmp_path / f"{name}.likewise", tmp_path / name) for name in ("few", "many")]
    assert peaks[1] <= peaks[0] + 16 * 1024, f"peaks of {peaks} KiB"


def peak_of_indexing(collection: Path, photos: Path) -> int:
    """Largest resident size in KiB of a process that indexes."""
    program = CHILD.replace("0.008", "0") + "\nimport resource"
    program += "\nsay(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    command = [sys.executable, "-c", program, str(collection), str(photos)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, check=True)
    return int(ran.stdout.split()[-1])
