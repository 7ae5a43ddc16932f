"""Visual words in several shards: what they find is what one process finds, and a lost one is told."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.collection import Collection
from likewise.collection.layers.words_shards import ShardPart, Shards, WordsShard
from likewise.errors import ShardLost, UsageError
from likewise.local import patches
from likewise.types import Hits
from tests import fake_words
from tests.fakes import scene

SCORINGS: list[dict[str, object]] = [
    {},
    {"fusion": "plain", "burstiness": "both"},
    {"fusion": "rank"},
    {"normalisation": "l2"},
    {"normalisation": "sqrt-idf", "hamming": False},
    {"votes": True},
]


@dataclass
class Room:
    """Where one shard lives; `gone` when it was killed."""

    part: ShardPart
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    shard: WordsShard | None = None
    gone: bool = False
    calls: list[str] = field(default_factory=list)


class Rooms(Shards):
    """Shards in threads of this process, each of which can be killed, and kept from coming back."""

    LOST = ConnectionError

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.rooms: dict[int, Room] = {}
        self.away: set[int] = set()
        self.waiting: list[tuple[Room, Future[Any]]] = []

    def start(self, part: ShardPart) -> Room:
        self.rooms[part.number] = Room(part)
        return self.rooms[part.number]

    def call(self, shard: Room, method: str, *given: Any) -> Future[Any]:
        if shard.part.number in self.away and not shard.gone:
            self.waiting.append((shard, Future()))
            return self.waiting[-1][1]
        return shard.pool.submit(self._called, shard, method, *given)

    def _called(self, room: Room, method: str, *given: Any) -> Any:
        if room.gone:
            raise ConnectionError("killed")
        room.calls.append(method)
        room.shard = room.shard or WordsShard(room.part)
        return getattr(room.shard, method)(*given)

    def stop(self, shard: Room) -> None:
        shard.pool.shutdown(wait=True)
        if shard.shard:
            shard.shard.close()

    def kill(self, number: int) -> None:
        """End a shard; the next one in its place says nothing before it `returns`."""
        self.rooms[number].gone = True
        self.away.add(number)

    def returns(self, number: int) -> None:
        """Let the new one load."""
        self.away.discard(number)
        for room, answer in self.waiting:
            answer.set_result(self._called(room, "load"))


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "PatchExtractor", fake_words.FakePatches)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Collection]:
    """A collection in this process, some of whose pictures were removed since their words were indexed."""
    fake_words.vocabulary().save(tmp_path / "v.words")
    with fake_words.open_fake(tmp_path / "c", tmp_path / "v.words") as collection:
        fake_words.make_pictures(tmp_path / "photos", 23)
        collection.add(tmp_path / "photos")
        for path in sorted((tmp_path / "photos").iterdir())[::4]:
            path.unlink()
        collection.add(tmp_path / "photos", prune=True)
        yield collection


def told(hits: Hits) -> list[tuple[int, float]]:
    """Ids and scores: all that a search tells."""
    return [(hit.id, hit.score) for hit in hits]


def asked(collection: Collection) -> list[list[tuple[int, float]]]:
    """What is found by every scoring for some pictures, one of which the collection does not hold."""
    first, _ = next(iter(collection.paths()))
    return [
        told(collection.search(query, k=100, scoring=scoring))
        for query in (first, fake_words.picture(77))
        for scoring in SCORINGS
    ] + [told(collection.search(first, k=100, then=["expand:n=3"]))]


@pytest.mark.parametrize("count", [2, 5, 40])
def test_shards_find_what_one_process_finds(one: Collection, count: int) -> None:
    with Collection.open(one.path, shards=Rooms(count)) as spread:
        assert asked(spread) == asked(one)


def test_shards_follow_the_collection(one: Collection, tmp_path: Path) -> None:
    with Collection.open(one.path, shards=Rooms(2)) as spread:
        assert asked(spread) == asked(one)
        for first in range(30, 42, 3):  # small segments are merged
            fake_words.make_pictures(tmp_path / "photos", 3, first=first)
            next((tmp_path / "photos").iterdir()).unlink()
            one.add(tmp_path / "photos", prune=True)
            assert told(spread.search(fake_words.picture(5), k=100)) == told(
                one.search(fake_words.picture(5), k=100)
            )
        assert asked(spread) == asked(one)
        one.optimise()
        assert asked(spread) == asked(one)


def test_a_shard_reads_only_what_is_new(one: Collection, tmp_path: Path) -> None:
    rooms = Rooms(2)
    with Collection.open(one.path, shards=rooms) as spread:
        spread.search(fake_words.picture(1))
        spread.search(fake_words.picture(2))
        assert [room.calls.count("load") for room in rooms.rooms.values()] == [1, 1]
        held = rooms.rooms[0].shard
        assert held
        before = list(held._segments)
        fake_words.make_pictures(tmp_path / "photos", 4, first=60)
        one.add(tmp_path / "photos")
        spread.search(fake_words.picture(1))
        assert held._segments[: len(before)] == before


def test_a_lost_shard_is_told_until_it_is_back(one: Collection, caplog: pytest.LogCaptureFixture) -> None:
    rooms = Rooms(3)
    everything = told(one.search(fake_words.picture(5), k=100))
    lost = {picture for picture, _ in one.paths() if picture % 3 == 1}
    with Collection.open(one.path, shards=rooms) as spread:
        assert told(spread.search(fake_words.picture(5), k=100)) == everything
        rooms.kill(1)
        with caplog.at_level(logging.WARNING, "likewise.collection"):
            hits = spread.search(fake_words.picture(5), k=100)
        assert (hits.left_out, {hit.id for hit in hits}) == (
            len(lost),
            {picture for picture, _ in everything} - lost,
        )
        assert "shard 2 of 3" in caplog.text
        assert spread.search(fake_words.picture(6), k=100).left_out == len(lost)
        caplog.clear()
        rooms.returns(1)
        back = spread.search(fake_words.picture(5), k=100)
        assert (told(back), back.left_out, caplog.text) == (everything, 0, "")


def test_every_shard_may_be_lost(one: Collection) -> None:
    rooms = Rooms(2)
    with Collection.open(one.path, shards=rooms) as spread:
        (first, _), (second, _), *_ = one.paths()
        assert spread.compare(first, second) == one.compare(first, second)
        rooms.kill(0)
        rooms.kill(1)
        hits = spread.search(fake_words.picture(5))
        assert (list(hits), hits.left_out) == ([], len(one))


def test_what_is_left_is_weighed_as_a_collection_of_its_own(one: Collection, tmp_path: Path) -> None:
    rooms = Rooms(2)
    with Collection.open(one.path, shards=rooms) as spread:
        spread.search(fake_words.picture(5))
        rooms.kill(0)
        found = told(spread.search(fake_words.picture(5), k=100))
    for picture, _ in list(one.paths()):
        if picture % 2 == 0:
            one.remove(picture)
    assert found == told(one.search(fake_words.picture(5), k=100))


def test_damaged_pictures_are_counted(one: Collection) -> None:
    one.search(fake_words.picture(5))
    with closing(sqlite3.connect(one.path / "catalogue.sqlite")) as catalogue, catalogue:
        [last] = catalogue.execute("SELECT max(id) FROM pictures").fetchone()
        catalogue.execute("UPDATE vectors SET code = x'00' WHERE picture = ?", [last])
    with Collection.open(one.path, shards=Rooms(2)) as spread:
        assert spread.search(fake_words.picture(5)).left_out == 1


def test_a_state_that_a_shard_has_left_is_asked_for_anew(one: Collection) -> None:
    rooms = Rooms(2)
    with Collection.open(one.path, shards=rooms) as spread:
        spread.search(fake_words.picture(5))
        held = rooms.rooms[1].shard
        assert held
        held._states.clear()
        with pytest.raises(ShardLost, match="shard 2 of 2 has moved on"):
            held.near(1, "pooled", np.zeros((1, 1), np.int64), np.zeros((1, 1, 2), np.uint64), 5)
        assert told(spread.search(fake_words.picture(5))) == told(one.search(fake_words.picture(5)))


def test_no_shards_are_refused() -> None:
    with pytest.raises(UsageError, match="0 shards"):
        Rooms(0)


@pytest.mark.slow
def test_actors_of_ray_find_what_one_process_finds(tmp_path: Path) -> None:
    """Of keypoints, and with an actor killed."""
    ray = pytest.importorskip("ray")
    from likewise.scale.actors import RayShards

    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(9):
        scene(seed).save(photos / f"{seed}.png")
    with Collection.open(tmp_path / "c", recipe="default") as one:
        one.add(photos)
        one.remove(2)
        shards = RayShards(2)
        try:
            with Collection.open(tmp_path / "c", shards=shards) as spread:
                query = photos / "4.png"
                assert spread.search(query, box=(20, 20, 150, 150)) == one.search(
                    query, box=(20, 20, 150, 150)
                )
                [layer] = shards._layers.values()
                ray.kill(layer._running[0])
                hits = spread.search(query)
                assert hits.left_out == sum(picture % 2 == 0 for picture, _ in one.paths())
                assert hits[0].path == query
                layer._coming[0].result()
                assert spread.search(query) == one.search(query)
        finally:
            ray.shutdown()
