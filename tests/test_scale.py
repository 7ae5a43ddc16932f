"""Shards: cutting, describing, writing, reading, ingesting; what is killed, damaged, foreign or changed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.collection import Collection
from likewise.collection.moving import MovedFile
from likewise.collection.store.catalogue import Content
from likewise.descriptors import VectorRecipe
from likewise.descriptors.manifest import Manifest
from likewise.errors import BadPicture, CollectionDamaged, ManifestMismatch, StorageError, UsageError
from likewise.files import one_writer
from likewise.folders import Stamp, WalkedFile
from likewise.pictures.facts import Facts
from likewise.recipes.recipe import Recipe, load_recipe
from likewise.scale import ShardReport, cut, extract_shards, ingest
from likewise.scale.parquet import ShardHead, read, read_head, write
from likewise.scale.runners import RUNNERS
from likewise.scale.shards import FILES, Shard, listed
from likewise.scale.work import ShardResult, Work, describe
from tests.fakes import scene

pytest.importorskip("pyarrow")

RECIPE = "sift"


def here(work: Work, shards: Sequence[Shard], workers: int) -> Iterator[ShardResult]:
    """A runner in this process."""
    return (describe(work, shard) for shard in shards)


@pytest.fixture(autouse=True)
def in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "apart" not in request.fixturenames:
        monkeypatch.setitem(RUNNERS, "processes", here)


@pytest.fixture
def apart() -> None:
    """Shards are described by processes."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pictures, one of them twice, and two files that are none."""
    folder = tmp_path_factory.mktemp("photos") / "photos"
    (folder / "below").mkdir(parents=True)
    for number in range(8):
        place = folder / "below" if number > 5 else folder
        scene(number, width=160, height=120).save(place / f"{number}.png")
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    (folder / "bad.jpg").write_bytes(b"This is no picture.")
    (folder / "below" / "empty.png").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def indexed(photos: Path) -> Path:
    """They are indexed as usual."""
    path = photos.parent / "usual.likewise"
    with Collection.open(path, recipe=RECIPE) as collection:
        collection.add(photos)
    return path


def known(path: Path) -> dict[str, object]:
    """What a collection knows of each file, whatever the ids."""
    with Collection.open(path) as collection:
        return {
            row.path: (row.content.reason, str(row.content)) if isinstance(row.content, BadPicture) else row
            for row in collection.rows()
        }


def extracted(photos: Path, to: Path, **how: object) -> ShardReport:
    return extract_shards(photos, to, RECIPE, files=3, **how)  # type: ignore[arg-type]


# --- cutting ---


def found(names: Sequence[str]) -> list[WalkedFile]:
    return [WalkedFile(f"/photos/{name}", Stamp(len(name), 5, 7)) for name in names]


NAMES = st.lists(st.text("abc/0123456789", min_size=1, max_size=9), max_size=60)


@settings(deadline=None)
@given(NAMES, st.integers(1, 9))
def test_each_file_is_in_one_shard(names: list[str], files: int) -> None:
    shards = list(cut("/photos", found(names), files))
    every = [path for shard in shards for path in shard.files]
    assert every == sorted({f"/photos/{name}" for name in names}, key=os.fsencode)
    assert all(1 <= len(shard.files) <= 4 * files for shard in shards)
    assert len({shard.id for shard in shards}) == len(shards)


def test_one_file_more_leaves_the_other_shards_as_they_are() -> None:
    names = [f"{number:04}.jpg" for number in range(500)]
    before = {shard.id for shard in cut("/photos", found(names), 10)}
    after = {shard.id for shard in cut("/photos", found([*names, "0250b.jpg"]), 10)}
    assert len(before) > 25 and len(before - after) <= 2


def test_another_time_or_size_is_another_shard() -> None:
    [one] = cut("/", [WalkedFile("/a", Stamp(1, 2, 3))])
    assert list(cut("/", [WalkedFile("/a", Stamp(1, 2, 9))])) == [one]
    for stamp in (Stamp(2, 2, 3), Stamp(1, 3, 3)):
        assert next(cut("/", [WalkedFile("/a", stamp)])).id != one.id


def test_a_list_names_files_from_where_it_lies(photos: Path) -> None:
    names = photos.parent / "some.txt"
    names.write_text("photos/0.png\n\nphotos/below/6.png\r\n" + str(photos / "1.png"))
    root, files, _ = listed(names)
    assert root == str(photos) and [Path(one.path).name for one in files] == ["0.png", "6.png", "1.png"]
    with pytest.raises(UsageError, match="no folder and no list"):
        listed(photos.parent / "nothing.txt")
    names.write_text("\n")
    with pytest.raises(UsageError, match="names no file"):
        listed(names)


# --- files ---

MANIFEST = Manifest("name = 'x'", "0" * 64, "net", "1", "openvino", "f32", "1", 5)
HEAD = ShardHead("/photos", "name = 'x'", (MANIFEST,) * 4, ("fp32", "fp16", "int8", "words"))


def a_row(seed: int) -> MovedFile:
    random = np.random.default_rng(seed)
    codes = {
        0: random.random(5, np.float32).tobytes(),
        1: random.random(5, np.float32).astype(np.float16).tobytes(),
        2: random.bytes(9),
        3: random.bytes(seed % 7),
    }
    facts = (
        Facts("2019-06-03", "Leica", keywords=("a", "ü"), latitude=1.5, longitude=-2.0) if seed % 2 else None
    )
    return MovedFile(
        f"/photos/{seed}.jpg", Stamp(seed, 1 << 60, 3), Content(random.bytes(32), 30, 20, codes, facts)
    )


@pytest.mark.parametrize("count", [0, 1, 1203])
def test_what_is_written_is_read(tmp_path: Path, count: int) -> None:
    rows = [a_row(seed) for seed in range(count)]
    name = os.fsdecode(b"/photos/\xff.jpg")
    rows.insert(count // 2, MovedFile(name, Stamp(0, 0, 0), BadPicture("'\udcff' is none", "empty")))
    write(tmp_path / "x.parquet", HEAD, rows)
    assert read_head(tmp_path / "x.parquet") == HEAD
    again = list(read(tmp_path / "x.parquet"))
    bad = again.pop(count // 2)
    del rows[count // 2]
    assert again == rows
    assert (bad.path, str(bad.content)) == (name, r"'\udcff' is none")
    assert isinstance(bad.content, BadPicture) and bad.content.reason == "empty"


def test_vectors_are_lists_for_whoever_reads_parquet(tmp_path: Path) -> None:
    from pyarrow import parquet

    write(tmp_path / "x.parquet", HEAD, [a_row(1)])
    table = parquet.read_table(tmp_path / "x.parquet")
    code = a_row(1).content.codes[1]  # type: ignore[union-attr]
    assert table["layer 1"].to_pylist() == [np.frombuffer(code, np.float16).tolist()]


@pytest.mark.parametrize("size", [0, 50, 2000])
def test_a_shard_that_was_cut_short_is_one_error(tmp_path: Path, size: int) -> None:
    file = tmp_path / "x.parquet"
    write(file, HEAD, [a_row(seed) for seed in range(40)])
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(CollectionDamaged, match=r"x\.parquet is no shard that can be read.*extract again"):
        read_head(file)


# --- from pictures to a collection ---


def test_a_collection_of_shards_knows_what_indexing_finds(
    photos: Path, indexed: Path, tmp_path: Path
) -> None:
    report = extracted(photos, tmp_path / "x.shards")
    assert (report.files, report.failed, report.before) == (11, 2, 0) and report.shards > 1
    assert sorted(path.suffix for path in report.folder.iterdir()) == [".parquet"] * report.shards
    made = tmp_path / "made.likewise"
    told = ingest([tmp_path / "x.shards"], made)
    assert (told.added + told.copied, told.failed) == (9, 2)
    assert known(made) == known(indexed) and len(known(made)) == 11
    with Collection.open(made) as one, Collection.open(indexed) as other:
        assert one.verify().faults == []
        assert one.roots() == other.roots()
        for name in ("3.png", "below/7.png"):
            hits = [{hit.path: hit.score for hit in each.search(photos / name)} for each in (one, other)]
            assert hits[0] == pytest.approx(hits[1])
        report_after = one.add(photos)
        assert report_after.unchanged == 9 and report_after.added == 0
    again = ingest([tmp_path / "x.shards"], made)
    assert (again.unchanged, again.failed) == (9, 2)


def test_a_second_run_does_nothing_and_a_changed_file_is_done_again(photos: Path, tmp_path: Path) -> None:
    folder, to = tmp_path / "own", tmp_path / "x.shards"
    folder.mkdir()
    for file in photos.glob("*.png"):
        (folder / file.name).write_bytes(file.read_bytes())
    first = extracted(folder, to)
    second = extracted(folder, to)
    assert (second.before, second.files) == (first.shards, 0)
    before = {path.name for path in first.folder.iterdir()}
    scene(99, width=160, height=120).save(folder / "3.png")
    third = extracted(folder, to)
    after = {path.name for path in first.folder.iterdir()}
    assert third.before == first.shards - 1 and len(before - after) == len(after - before) == 1
    ingest([to], tmp_path / "made.likewise")
    with Collection.open(tmp_path / "usual.likewise", recipe=RECIPE) as usual:
        usual.add(folder)
    assert known(tmp_path / "made.likewise") == known(tmp_path / "usual.likewise")


def test_what_a_list_names_and_is_not_there_is_a_failure(photos: Path, tmp_path: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text(f"{photos / '1.png'}\n{photos / 'nothing.png'}\n")
    report = extracted(names, tmp_path / "x.shards")
    assert (report.files, report.failed) == (2, 1)
    ingest([tmp_path / "x.shards"], tmp_path / "made.likewise")
    with Collection.open(tmp_path / "made.likewise") as made:
        [failure] = made.failures()
        assert (failure.path, failure.reason, len(made)) == (photos / "nothing.png", "vanished", 1)


def test_parts_share_the_shards_out(photos: Path, indexed: Path, tmp_path: Path) -> None:
    reports = [extracted(photos, tmp_path / "x.shards", part=(number, 3)) for number in (1, 2, 3)]
    assert sum(report.files for report in reports) == 11
    ingest([tmp_path / "x.shards"], tmp_path / "made.likewise")
    assert known(tmp_path / "made.likewise") == known(indexed)
    with pytest.raises(UsageError, match="part 4/3 is none"):
        extracted(photos, tmp_path / "x.shards", part=(4, 3))


def test_what_another_is_at_is_left_to_it(photos: Path, tmp_path: Path) -> None:
    shards = list(cut(*listed(photos)[:2], 3))
    work = Work(tmp_path, str(photos), load_recipe(RECIPE))
    place = work.file(shards[0]).with_suffix(".likewise")
    place.mkdir()
    with one_writer(place / "lock"):
        assert describe(work, shards[0]) == ShardResult(shards[0].id, elsewhere=True)
    assert describe(work, shards[0]).files == len(shards[0].files)
    assert describe(work, shards[0]) == ShardResult(shards[0].id)
    assert not place.exists()


def test_a_killed_run_goes_on_in_its_shard(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [shard] = cut(*listed(photos)[:2], 10**6)
    work = Work(tmp_path, str(photos), load_recipe(RECIPE))
    with Collection.open(work.file(shard).with_suffix(".likewise"), recipe=RECIPE) as begun:
        begun.add(*shard.files[:4])
        there = len(begun)
    added = []
    add = Collection.add
    monkeypatch.setattr(Collection, "add", lambda *a, **how: added.append(add(*a, **how)))
    assert describe(work, shard).files == len(shard.files)
    assert added[0].unchanged == there > 0


def test_a_draft_that_outlived_its_shard_is_removed(photos: Path, tmp_path: Path) -> None:
    """As where a process is killed between the two."""
    folder = extracted(photos, tmp_path / "x.shards").folder
    done, *_ = folder.glob("*.parquet")
    draft = done.with_suffix(".likewise")
    draft.mkdir()
    (draft / "catalogue.sqlite").write_bytes(b"")
    assert extracted(photos, tmp_path / "x.shards").files == 0
    assert done.exists() and not draft.exists()


def test_what_ends_without_an_answer_is_tried_again(photos: Path, tmp_path: Path) -> None:
    asked: list[int] = []

    def dying(work: Work, shards: Sequence[Shard], workers: int) -> Iterator[ShardResult]:
        asked.append(len(shards))
        return here(work, shards[: len(shards) if len(asked) > 2 else 1], workers)

    RUNNERS["processes"] = dying  # the fixture takes it back
    report = extracted(photos, tmp_path / "x.shards")
    assert report.files == 11 and asked == [report.shards, report.shards - 1, report.shards - 2]


def test_a_shard_that_cannot_be_done_is_told_and_the_others_stay(photos: Path, tmp_path: Path) -> None:
    def full(work: Work, shards: Sequence[Shard], workers: int) -> Iterator[ShardResult]:
        yield from here(work, shards[:-1], workers)
        yield ShardResult(shards[-1].id, problem="the disk is full")

    RUNNERS["processes"] = full
    with pytest.raises(StorageError, match=r"1 of .* shards are not done after 3 attempts.*the disk is full"):
        extracted(photos, tmp_path / "x.shards")
    RUNNERS["processes"] = here
    assert extracted(photos, tmp_path / "x.shards").before > 0


def test_a_recipe_that_would_learn_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"each shard would learn others.*--words"):
        extract_shards(photos, tmp_path / "x.shards", "mof-lite0")
    assert not (tmp_path / "x.shards").exists()


def test_shards_of_two_recipes_do_not_become_one_collection(photos: Path, tmp_path: Path) -> None:
    extracted(photos, tmp_path / "x.shards")
    [shard] = cut(str(photos), listed(photos)[1][:2], 10**6)
    other = replace(load_recipe(RECIPE).words[0], nearest=3)
    folder = tmp_path / "x.shards" / "other"
    folder.mkdir()
    head = next(read_head(path) for path in (tmp_path / "x.shards").rglob("*.parquet"))
    manifest = replace(head.manifests[0], recipe=other.to_toml(), recipe_hash="f" * 64)
    write(folder / f"{shard.id}.parquet", replace(head, manifests=(manifest,)), [])
    with pytest.raises(ManifestMismatch, match=r"made in different ways.*ingest them apart"):
        ingest([tmp_path / "x.shards"], tmp_path / "made.likewise")
    with pytest.raises(UsageError, match="no shard and no folder"):
        ingest([tmp_path / "nothing"], tmp_path / "made.likewise")
    with Collection.open(tmp_path / "other.likewise", recipe="sift") as collection:
        collection.add(photos / "1.png")
        with pytest.raises(ManifestMismatch, match="made otherwise"):
            collection.take_over([], [manifest])


def test_shards_of_another_recipe_leave_a_collection_as_it_is(photos: Path, tmp_path: Path) -> None:
    """Its layers would be dropped otherwise, also of pictures that no shard has."""
    extracted(photos, tmp_path / "x.shards")
    both = Recipe("both", (VectorRecipe.load("quick"), *load_recipe(RECIPE).layers))
    with Collection.open(tmp_path / "both.likewise", recipe=both) as collection:
        collection.add(photos / "1.png")
    before = known(tmp_path / "both.likewise")
    with pytest.raises(ManifestMismatch, match=r"layers quick against layers none.*it stays as it is"):
        ingest([tmp_path / "x.shards"], tmp_path / "both.likewise")
    assert known(tmp_path / "both.likewise") == before


@pytest.mark.parametrize(
    ("path", "code", "told"),
    [
        ("x.jpg", None, "no absolute path"),
        ("/photos/../etc/passwd", None, "no absolute path"),
        ("/photos/x.jpg", b"short", "/photos/x.jpg has "),
    ],
)
def test_a_row_that_no_collection_has_is_refused(
    indexed: Path, tmp_path: Path, path: str, code: bytes | None, told: str
) -> None:
    with Collection.open(indexed) as collection:
        rows, manifests = list(collection.rows()), [layer.manifest for layer in collection.layers]
    good = next(row for row in rows if isinstance(row.content, Content))
    assert isinstance(good.content, Content)
    codes = good.content.codes if code is None else {0: code}
    bad = MovedFile(path, good.stamp, replace(good.content, codes=codes))
    with Collection.open(tmp_path / "made.likewise", recipe=RECIPE) as made:
        with pytest.raises(CollectionDamaged, match=told):
            made.take_over([good, bad], manifests)
        assert len(made) == 0
        assert made.take_over([good], manifests).added == 1
        assert made.verify().faults[:1] == []


@pytest.mark.slow
def test_processes_that_are_killed_lose_nothing(
    apart: None, photos: Path, indexed: Path, tmp_path: Path
) -> None:
    """The driver and all that it started are killed again and again, then it is left alone."""
    if sys.platform == "win32":
        pytest.skip("Windows has no groups of processes")
    program = (
        "import sys; from likewise.scale import extract_shards\n"
        "if __name__ == '__main__': extract_shards(sys.argv[1], sys.argv[2], 'sift', files=3, workers=2)"
    )
    script = tmp_path / "driver.py"
    script.write_text(program)
    command = [sys.executable, str(script), str(photos), str(tmp_path / "x.shards")]
    for wait in (1.5, 2.5, 4.0):
        driver = subprocess.Popen(command, start_new_session=True)
        time.sleep(wait)
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
    subprocess.run(command, check=True)
    ingest([tmp_path / "x.shards"], tmp_path / "made.likewise")
    assert known(tmp_path / "made.likewise") == known(indexed)
    assert not list((tmp_path / "x.shards").rglob("*.likewise"))


@pytest.mark.slow
def test_ray_gives_what_processes_give(apart: None, photos: Path, indexed: Path, tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    try:
        report = extracted(photos, tmp_path / "x.shards", runner="ray", workers=2)
    finally:
        ray.shutdown()
    assert report.files == 11
    ingest([tmp_path / "x.shards"], tmp_path / "made.likewise")
    assert known(tmp_path / "made.likewise") == known(indexed)


@pytest.mark.slow
def test_machines_that_share_nothing_but_a_directory(photos: Path, tmp_path: Path) -> None:
    """As docs/how-to/shards.md says: two extract, a third ingests, a fourth searches."""
    archive, shards, made = (tmp_path / name for name in ("archive", "x.shards", "made.likewise"))
    shutil.copytree(photos, archive)
    ends = next(name for number in count() if zlib.crc32((name := f"5-{number}.png").encode()) % FILES == 0)
    (archive / "5.png").rename(archive / ends)  # after which a shard ends, so that there are two
    query = str(archive / "3.png")

    def machine(name: str, *words: str) -> subprocess.Popen[str]:
        own = {key: str(tmp_path / name / key) for key in ("HOME", "LIKEWISE_CACHE", "TMPDIR")}
        for folder in own.values():
            Path(folder).mkdir(parents=True)
        command = [sys.executable, "-m", "likewise", *words]
        return subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True)

    def told(one: subprocess.Popen[str]) -> str:
        out, _ = one.communicate()
        assert one.returncode == 0
        return out

    extract = ["extract", str(archive), "-o", str(shards), "--recipe", "sift", "--workers", "1"]
    for one in [machine(f"extracts {part}", *extract, "--part", f"{part}/2") for part in (1, 2)]:
        told(one)
    assert len(list(shards.rglob("*.parquet"))) == 2
    told(machine("ingests", "ingest", str(shards), "--into", str(made)))
    with Collection.open(tmp_path / "whole.likewise", recipe="sift") as whole:
        whole.add(archive)
    assert known(made) == known(tmp_path / "whole.likewise")
    found = json.loads(told(machine("searches", "search", query, "--in", str(made), "--json")))
    assert found[0]["path"] == query


def test_the_head_of_a_newer_shard_is_refused(tmp_path: Path) -> None:
    newer = json.dumps({**json.loads(HEAD.to_json()), "version": 2}).encode()
    with pytest.raises(ValueError, match="version 2 is not known"):
        ShardHead.from_json(newer)
