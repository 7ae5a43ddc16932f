"""Random operations on one collection while others read, write, serve, are killed and run out of disk.

``python -m tests.soak --operations 20000 --seed 1``, or less of it as `tests.test_soak`. The collection has a
layer of vectors and one of visual words. What it holds is compared with the files: those are the model. What
was told of an id must be so for ever. The seed decides on what the driver does; what the threads beside it do
at the same time is up to the machine, and ``--alone`` leaves them out.
"""

from __future__ import annotations

import mmap
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import numpy as np

from likewise.client import Client, ServerError
from likewise.collection import Collection
from likewise.errors import CollectionDamaged, CollectionLocked, UsageError
from likewise.local import patches
from likewise.recipes.recipe import Recipe
from likewise.types import FloatArray
from likewise.web.settings import Limits
from tests.fake_words import RECIPE as WORDS
from tests.fake_words import FakePatches, picture, say, vocabulary
from tests.fakes import RECIPE, FakeExtractor, FakeFactory
from tests.web.serving import listening

READERS, FILES = 10, 80
PAUSE = 3.0
"""Seconds at most between two things that one of those beside does; more often, all wait for each other."""
SERVED = "c"
LAST = "(SELECT max(id) FROM pictures)"
UNDONE = {404, 409, 429}
"""What a server may answer while others change what it serves."""

CHILD = """
import resource, signal, sys
from pathlib import Path
from likewise.errors import LikewiseError
from tests.soak import faked, opened_in
root, room = Path(sys.argv[1]), int(sys.argv[2])
with faked():
    opened = opened_in(root)
    print("ready", flush=True)
    if room:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        opened.add(root / "photos", prune=True)
        opened.optimise()
    except LikewiseError as error:
        print(type(error).__name__, flush=True)
"""


@contextmanager
def faked() -> Iterator[None]:
    """Describe patches without a network."""
    with patch.object(patches, "PatchExtractor", FakePatches):
        yield


def recipe(words: Path) -> Recipe:
    """A layer of vectors and one of visual words."""
    return Recipe("both", (RECIPE, WORDS.with_vocabulary(words)), "a vector and words")


def opened_in(root: Path) -> Collection:
    """The collection in a folder; whoever opens it has `faked`."""
    return Collection.open(root / "c", recipe=recipe(root / "v.words"), extractor_factory=FakeFactory())


@dataclass
class Soak:
    """The driver; `run` raises an `AssertionError` at the first difference."""

    root: Path
    seed: int
    alone: bool = False
    done: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    figures: list[tuple[int, float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.photos, self.path = self.root / "photos", self.root / "c"
        self.photos.mkdir(parents=True, exist_ok=True)
        vocabulary().save(self.root / "v.words")
        self.known: dict[int, bytes] = {}  # all that any id ever held
        self.gone: set[int] = set()  # ids that were removed for good
        self.vectors: dict[bytes, FloatArray] = {}
        self.stop = threading.Event()
        self.number = 0
        self.damages = 0  # odd while something is damaged, which others may then be told

    # --- running ---

    def run(self, operations: int) -> None:
        """Do so many operations, with the others beside them."""
        with faked():
            for _ in range(20):
                self.write_new()
            self.index()
            beside = [] if self.alone else [*([self._read] * READERS), self._write]
            with listening(
                self.root,
                self.path,
                factory=FakeFactory(),
                roots=(self.photos,),
                limits=Limits(rate=1e9, burst=1 << 30),
            ) as address:
                self.client = Client(address, token="")
                threads = [
                    threading.Thread(target=self._beside, args=(one, row)) for row, one in enumerate(beside)
                ]
                for thread in threads:
                    thread.start()
                try:
                    self._operate(operations)
                finally:
                    self.stop.set()
                    for thread in threads:
                        thread.join()
            self.index()
        assert not self.faults, self.faults[0]

    def _operate(self, operations: int) -> None:
        weights: dict[Callable[[], object], float] = {
            self.write_new: 12, self.overwrite: 8, self.rename: 6, self.copy: 5, self.delete: 8,
            self.spoil: 2, self.index: 10, self.search: 16, self.remove: 3, self.serve: 20, self.optimise: 2,
            self.verify: 2, self.jump: 2, self.damage: 1, self.kill: 1.2, self.fill: 0.6, self.lose: 0.6,
        }  # fmt: skip
        for count in range(operations):
            [act] = self.chance.choices(list(weights), list(weights.values()))
            try:
                act()
            except Exception as error:
                raise AssertionError(
                    f"seed {self.seed}, operation {count} ({act.__name__}): {error!r}"
                ) from error
            self.done[act.__name__] += 1
            if self.faults:
                raise AssertionError(f"seed {self.seed}, beside operation {count}: {self.faults[0]}")
            if count % 250 == 0:
                self._measure(count)

    def _measure(self, count: int) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        held = pages * mmap.PAGESIZE / 2**20
        self.figures.append((count, held, len(os.listdir("/proc/self/fd"))))
        threads = threading.active_count()
        say(f"{count:6} {held:7.0f} MiB {self.figures[-1][2]:4} handles {threads:3} threads")

    def _beside(self, work: Callable[[random.Random], None], row: int) -> None:
        chance = random.Random(self.seed * 100 + row)
        while not self.stop.wait(PAUSE * chance.random()):
            damages = self.damages
            try:
                work(chance)
            except (UsageError, CollectionLocked):  # an id that is gone; somebody else writes
                pass
            except CollectionDamaged:
                if damages == self.damages and damages % 2 == 0:
                    self.faults.append(f"{work.__name__}: {traceback.format_exc()}")
            except Exception:
                self.faults.append(f"{work.__name__}: {traceback.format_exc()}")

    def opened(self) -> Collection:
        return Collection.open(
            self.path, recipe=recipe(self.root / "v.words"), extractor_factory=FakeFactory()
        )

    def _read(self, chance: random.Random) -> None:
        with self.opened() as collection:
            entries, total = collection.page(chance.randrange(40), 2)
            assert len(entries) <= total
            for entry in entries:
                hits = collection.search(entry.id, k=10)
                scores = [hit.score for hit in hits]
                assert scores == sorted(scores, reverse=True)

    def _write(self, chance: random.Random) -> None:
        with self.opened() as collection:
            if chance.random() < 0.3:
                collection.optimise()
            else:
                collection.add(self.photos)

    # --- what happens to files ---

    def _name(self) -> Path:
        self.number += 1
        folder = self.photos / self.chance.choice(["", "a", "b/c"])
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.number:06}.png"

    def _files(self) -> list[Path]:
        return sorted(self.photos.rglob("*.png"))

    def _some(self) -> Path:
        return self.chance.choice(self._files() or [self.write_new()])

    def write_new(self) -> Path:
        path = self._name()
        if len(self._files()) < FILES:
            picture(self.chance.randrange(100_000)).save(path)
            return path
        self.delete()
        return self._some()

    def overwrite(self) -> None:
        picture(self.chance.randrange(100_000)).save(self._some())

    def rename(self) -> None:
        self._some().rename(self._name())

    def copy(self) -> None:
        self._name().write_bytes(self._some().read_bytes())

    def delete(self) -> None:
        if len(self._files()) > 10:
            self._some().unlink()

    def spoil(self) -> None:
        self._some().write_bytes(b"no picture %d" % self.chance.randrange(1000))

    # --- what happens to the collection ---

    def index(self) -> None:
        """Bring it up to the files, and compare all of it."""
        with self.opened() as collection:
            self._patiently(lambda: collection.add(self.photos, prune="all"))
            self._compare(collection)

    def _patiently(self, act: Callable[[], object]) -> None:
        end = time.monotonic() + 120
        while True:
            try:
                act()
                return
            except CollectionLocked:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def _compare(self, collection: Collection) -> None:
        files = {path: path.read_bytes() for path in self._files()}
        good = {path for path, content in files.items() if content.startswith(b"\x89PNG")}
        held = {path: picture for picture, path in collection.paths()}
        assert set(held) == good, set(held) ^ good
        assert {failure.path for failure in collection.failures()} == set(files) - good
        for path, id in held.items():
            assert self.known.setdefault(id, files[path]) == files[path], f"{id} was another picture"
            assert id not in self.gone, f"{id} was removed"
        ids, vectors = collection.vectors()
        expected = np.stack([self._vector(self.known[int(id)]) for id in ids])
        np.testing.assert_allclose(vectors, expected, atol=2e-3)

    def _vector(self, content: bytes) -> FloatArray:
        if content not in self.vectors:
            extractor = FakeExtractor()
            self.vectors[content] = extractor.describe([extractor.prepare(content)])[0]
        return self.vectors[content]

    def search(self) -> None:
        with self.opened() as collection:
            entries, _ = collection.page(0, 200)
            chosen = self.chance.choice(entries)
            with suppress(UsageError):  # somebody else removed it
                hits = collection.search(chosen.id, k=500)
                assert hits[0].id == chosen.id or not collection.entries([chosen.id])  # removed meanwhile
                assert len({hit.id for hit in hits}) == len(hits)
                for hit in hits:
                    assert hit.id not in self.gone

    def remove(self) -> None:
        with self.opened() as collection:
            chosen = self.chance.choice(collection.page(0, 200)[0]).id
            try:
                self._patiently(lambda: collection.remove(chosen))
            except UsageError:
                return
            self.gone.add(chosen)
            assert not collection.entries([chosen])

    def optimise(self) -> None:
        with self.opened() as collection:
            self._patiently(collection.optimise)

    def verify(self) -> None:
        with self.opened() as collection:
            kinds = {fault.kind for fault in collection.verify().faults}
            assert kinds <= {"file-missing", "folder-away", "commits-lost"}, kinds

    def damage(self) -> None:
        """Change a row behind everybody's back; the next index puts it right."""
        changes = [
            f"UPDATE vectors SET code = zeroblob(length(code)) WHERE picture = {LAST}",
            f"UPDATE vectors_2 SET checksum = 7 WHERE picture = {LAST}",
            f"UPDATE pictures SET width = width + 1 WHERE id = {LAST}",
            f"UPDATE pictures SET path = CAST('../x' AS BLOB) WHERE id = {LAST}",
            "UPDATE failures SET message = message || '.'",
            "UPDATE meta SET value = value || ' ' WHERE typeof(value) = 'text'",
        ]
        if self.alone:  # else a writer may be under way, and tell what it finds there as what was committed
            changes.append("UPDATE roots SET path = CAST(path || 'x' AS BLOB)")
        change = self.chance.choice(changes)
        self.damages += 1
        with closing(sqlite3.connect(self.path / "catalogue.sqlite", timeout=60)) as catalogue, catalogue:
            catalogue.execute(change)
        self.index()
        self.damages += 1
        with self.opened() as collection:
            kinds = {fault.kind for fault in collection.verify().faults}
        assert kinds <= {"file-missing", "folder-away"}, (change, kinds)

    def jump(self) -> None:
        """Index while the clock is years away."""
        real, away = time.time, self.chance.choice([-1, 1]) * self.chance.randrange(10**8)
        with patch("likewise.collection.store.catalogue.time.time", lambda: max(0.0, real() + away)):
            self.index()

    def kill(self) -> None:
        """End a writer at any moment."""
        with self._child(0) as child:
            time.sleep(self.chance.random() * 0.3)
            child.kill()
        self.index()

    def fill(self) -> None:
        """Let a writer run out of disk."""
        size = max(file.stat().st_size for file in self.path.iterdir() if file.is_file())
        with self._child(size + self.chance.randrange(1, 1 << 18)) as child:
            assert child.stdout
            told = child.stdout.read().split()
            child.wait()
        assert child.returncode == 0, child.stderr and child.stderr.read()
        assert set(told) <= {"StorageError", "CollectionLocked"}, told
        self.index()

    def lose(self) -> None:
        """End a writer, and take away a part of the log that it leaves."""
        self.kill()  # so that what is to be lost is not more than the next index finds
        if not self.alone:
            return
        self.write_new()
        with self._child(0) as child:
            time.sleep(self.chance.random() * 0.3)
            child.kill()
        log = self.path / "catalogue.sqlite-wal"
        if log.exists() and log.stat().st_size:
            os.truncate(log, self.chance.randrange(log.stat().st_size))
            self.done["log cut"] += 1
        self.index()

    @contextmanager
    def _child(self, room: int) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-c", CHILD, str(self.root), str(room)]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
        ) as child:
            assert child.stdout
            ready = child.stdout.readline()
            assert ready == "ready\n", child.stderr and child.stderr.read()
            yield child
            child.kill()

    def serve(self) -> None:
        """Ask the server for something."""
        client = self.client
        try:
            found = next(iter(client.pictures(SERVED)), None)
            if found is None:
                return
            match self.chance.randrange(5):
                case 0:
                    hits = client.search(SERVED, found.id, k=20)
                    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
                case 1:
                    client.search(SERVED, self._some().read_bytes(), k=5)
                case 2:
                    assert client.thumbnail(SERVED, found.id).startswith(b"\xff\xd8")
                case 3:
                    undo = client.remove(SERVED, found.id)
                    assert client.undo(SERVED, undo) <= 1
                case 4:
                    client.collections()
        except ServerError as error:
            assert error.status in UNDONE or error.code == "bad-picture", error


def main() -> None:
    """Run it from the command line."""
    import argparse
    import tempfile

    parser = argparse.ArgumentParser()
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alone", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), given.seed, given.alone)
        begin = time.process_time()
        try:
            soak.run(given.operations)
        finally:
            say(f"{dict(soak.done)}, {time.process_time() - begin:.0f} s of the processor")
    say("no difference")


if __name__ == "__main__":
    main()
