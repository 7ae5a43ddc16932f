"""Pictures behind addresses: listed, fetched some at a time, described as those of a folder are."""

from __future__ import annotations

import errno
import functools
import http.server
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from likewise.collection import Collection
from likewise.errors import BadPicture, LikewiseError, StorageError, UsageError
from likewise.scale import extract_shards, ingest, work
from likewise.scale.addresses import address_of, below, fetch, path_of
from likewise.scale.runners import RUNNERS
from likewise.scale.shards import Shard, listed
from tests.fakes import scene

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("pyarrow")

RECIPE = "sift"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Six pictures in memory, one of them damaged, and a file of another kind; shards are described here."""

    def here(done: work.Work, shards: Sequence[Shard], workers: int) -> Iterator[work.ShardResult]:
        return (work.describe(done, shard) for shard in shards)

    monkeypatch.setitem(RUNNERS, "processes", here)
    files = fsspec.filesystem("memory")
    for number in range(5):
        with files.open(f"/photos/{number % 2}/{number}.png", "wb") as file:
            scene(number, width=160, height=120).save(file, "PNG")
    files.pipe_file("/photos/bad.jpg", b"This is no picture.")
    files.pipe_file("/photos/notes.txt", b"Nor is this.")
    yield "memory://photos"
    files.store.clear()


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("s3://bucket/photos/a.jpg", "/s3/bucket/photos/a.jpg"),
        ("https://host:80/a b/ü.jpg?x=1", "/https/host:80/a b/ü.jpg?x=1"),
        ("hf://datasets/one/two.png", "/hf/datasets/one/two.png"),
    ],
)
def test_an_address_is_known_as_a_path_and_back(address: str, path: str) -> None:
    assert path_of(address) == path
    assert address_of(path) == address


@pytest.mark.parametrize("address", ["file:///a.jpg", "s3://a/../b.jpg", "s3://a//b.jpg", "s3://a/\0.jpg"])
def test_what_cannot_be_a_path_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"give its path|cannot be a path"):
        path_of(address)


def test_picture_files_below_an_address_are_listed_with_sizes(store: str) -> None:
    root, found = below(store)
    assert root == "/memory/photos"
    names = {one.path for one in found}
    assert names == {f"/memory/photos/{n % 2}/{n}.png" for n in range(5)} | {"/memory/photos/bad.jpg"}
    assert all(one.stamp.size > 0 for one in found)


def test_a_changed_file_is_another_version(store: str) -> None:
    before = {one.path: one.stamp for one in below(store)[1]}
    fsspec.filesystem("memory").pipe_file("/photos/bad.jpg", b"this is no picture.")
    after = {one.path: one.stamp for one in below(store)[1]}
    assert {path for path in before if before[path] != after[path]} == {"/memory/photos/bad.jpg"}


def test_a_full_disk_is_no_fault_of_the_picture(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, name: str, to: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "get_file", full)
    with pytest.raises(StorageError, match=r"cannot be written: No space left"):
        extract_shards(store, tmp_path / "s.shards", RECIPE)
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize("listing", [False, True])
def test_without_fsspec_it_is_said_which_extra_brings_it(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: bool
) -> None:
    names = tmp_path / "list.txt"
    names.write_text("memory://photos/0/0.png\n")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(LikewiseError, match=r"likewise\[remote\]"):
        extract_shards(names if listing else store, tmp_path / "s.shards", RECIPE)
    assert not list(tmp_path.rglob("*.parquet"))


def test_shards_may_lie_where_one_is(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert extract_shards(store, "s.shards", RECIPE).files == 6


@pytest.mark.parametrize("address", ["memory://nothing/here", "nosuch://bucket/photos"])
def test_what_cannot_be_listed_is_said(store: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be listed|holds no picture"):
        extract_shards(address, tmp_path / "s.shards", RECIPE)


def test_shards_of_an_address_are_those_of_its_files(store: str, tmp_path: Path) -> None:
    report = extract_shards(store, tmp_path / "s.shards", RECIPE, files=2)
    assert (report.files, report.failed) == (6, 1)
    assert {path.suffix for path in report.folder.iterdir()} == {".parquet"}
    ingest([report.folder], tmp_path / "a.likewise")
    folder = tmp_path / "photos"
    fsspec.filesystem("memory").get("/photos", str(folder), recursive=True)
    with (
        Collection.open(tmp_path / "a.likewise") as far,
        Collection.open(tmp_path / "b.likewise", recipe=RECIPE) as near,
    ):
        near.add(folder)
        ours = {row.path.removeprefix("/memory/photos"): row.content for row in far.rows()}
        theirs = {row.path.removeprefix(str(folder)): row.content for row in near.rows()}
        assert ours.keys() == theirs.keys()
        bad = ours.pop("/bad.jpg"), theirs.pop("/bad.jpg")
        assert ours == theirs
        assert all(isinstance(one, BadPicture) for one in bad)
        assert "memory://photos/bad.jpg" in str(bad[0]) and "fetch-" not in str(bad[0])
        hits = far.search(folder / "0" / "2.png", k=1)
        assert [str(hit.path) for hit in hits] == ["/memory/photos/0/2.png"]


def test_a_second_run_fetches_nothing(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract_shards(store, tmp_path / "s.shards", RECIPE)
    monkeypatch.setattr(work, "fetch", lambda path, to: pytest.fail(f"{path} is fetched again"))
    assert extract_shards(store, tmp_path / "s.shards", RECIPE).before == 1


def test_a_run_that_was_killed_goes_on_with_what_it_has_not(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "AHEAD", 2)
    asked: list[str] = []

    def until_the_fifth(path: str, to: str) -> BadPicture | None:
        if len(asked) == 4:
            raise KeyboardInterrupt
        asked.append(path)
        return fetch(path, to)

    monkeypatch.setattr(work, "FETCHING", 1)
    monkeypatch.setattr(work, "fetch", until_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        extract_shards(store, tmp_path / "s.shards", RECIPE)
    first, asked = asked, []

    def noted(path: str, to: str) -> BadPicture | None:
        asked.append(path)
        return fetch(path, to)

    monkeypatch.setattr(work, "fetch", noted)
    assert extract_shards(store, tmp_path / "s.shards", RECIPE).files == 6
    assert len(asked) == 2 and not {*first} & {*asked}


def test_a_picture_that_cannot_be_fetched_fails_alone(store: str, tmp_path: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text("memory://photos/0/0.png\nmemory://photos/gone.png\n")
    report = extract_shards(names, tmp_path / "s.shards", RECIPE)
    assert (report.files, report.failed) == (2, 1)
    ingest([report.folder], tmp_path / "a.likewise")
    with Collection.open(tmp_path / "a.likewise") as collection:
        [failure] = collection.failures()
    assert (failure.reason, str(failure.path)) == ("vanished", "/memory/photos/gone.png")
    assert failure.message == "memory://photos/gone.png is not there"


def test_a_shard_of_which_nothing_can_be_fetched_is_not_done(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def refused(self: object, name: str, to: str) -> None:
        tries.append(name)
        raise PermissionError("the key\nis not known")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "get_file", refused)
    with pytest.raises(StorageError, match=r"none of 6 .* cannot be fetched: the key is not known"):
        extract_shards(store, tmp_path / "s.shards", RECIPE)
    assert len(tries) == 6 * 3 * 3  # pictures, times each is fetched, times the shard is tried


def test_parquet_names_pictures(store: str, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = tmp_path / "names.parquet"
    pq.write_table(pa.table({"id": [1, 2], "url": ["memory://photos/0/0.png", None]}), table)
    assert [one.path for one in listed(table).files] == ["/memory/photos/0/0.png"]
    pq.write_table(pa.table({"name": ["a"]}), table)
    with pytest.raises(UsageError, match="no column path or url"):
        listed(table)
    table.write_bytes(b"PAR1 nothing")
    with pytest.raises(UsageError, match="no Parquet file"):
        listed(table)


def test_paths_and_addresses_do_not_mix(tmp_path: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text("memory://photos/0/0.png\nphotos/1.png\n")
    with pytest.raises(UsageError, match="both addresses and paths"):
        listed(names)


@pytest.mark.slow
def test_a_web_server_is_read_by_processes(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        scene(number, width=160, height=120).save(folder / f"{number}.png")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *told: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/photos/"
        report = extract_shards(address, tmp_path / "s.shards", RECIPE, files=2, workers=2)
    finally:
        server.shutdown()
        server.server_close()
    assert (report.files, report.failed) == (3, 0)
    ingest([report.folder], tmp_path / "a.likewise")
    with Collection.open(tmp_path / "a.likewise") as collection:
        paths = {row.path for row in collection.rows()}
    assert paths == {f"/http/127.0.0.1:{server.server_port}/photos/{number}.png" for number in range(3)}
