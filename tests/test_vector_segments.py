"""Vectors that lie in files: they are found as those in memory are, whatever happens to the files."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.arrays.artifacts import Sample
from likewise.collection.collection import Collection
from likewise.collection.layers import snapshot, stored_vectors, vector_layer, vector_segments
from likewise.collection.layers.stored_vectors import LENGTHS, Shortlist, StoredVectors, measured
from likewise.collection.layers.vector_segments import BITS, Batch, VectorSegments, directions, signs
from likewise.collection.store.codes import Code
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms.quantiser import Quantiser
from likewise.errors import CollectionDamaged
from likewise.ranking.exact import search
from likewise.ranking.gallery import Gallery
from likewise.recipes.recipe import Recipe
from likewise.types import FloatArray, Metric
from tests.fake_words import picture
from tests.fakes import RECIPE, FakeFactory, coded, make_pictures, picture_bytes

REPOSITORY = Path(__file__).parents[1]


def few(setting: Callable[[Any, str, int], None]) -> None:
    """Let four pictures be many."""
    for module in (vector_layer, snapshot):
        setting(module, "TAIL", 4)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch.setattr)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "photos", 12)
    return tmp_path / "photos"


@pytest.fixture
def collection(tmp_path: Path, photos: Path) -> Iterator[Collection]:
    with open_fake(tmp_path / "c") as opened:
        opened.add(photos)
        yield opened


def open_fake(path: Path, recipe: VectorRecipe = RECIPE) -> Collection:
    return Collection.open(path, recipe=recipe, extractor_factory=FakeFactory())


def files(collection: Collection) -> list[Path]:
    return sorted((collection.path / "vectors").glob("*"))


def found(collection: Collection, seed: int) -> dict[str, float]:
    return {hit.path.name: hit.score for hit in collection.search(picture(seed), k=1000)}


def is_as_new(collection: Collection, photos: Path, folder: Path) -> None:
    """It finds what a collection finds that is made now, in memory."""
    with pytest.MonkeyPatch.context() as patch, open_fake(folder, collection.recipe.vectors[0]) as fresh:
        patch.setattr(vector_layer, "TAIL", 1000)
        fresh.add(photos)
        assert not files(fresh)
        for seed in (0, 3, 500):
            assert found(collection, seed) == pytest.approx(found(fresh, seed), abs=1e-6)
        names = [{hit.id: hit.path for hit in one.search(picture(0), k=1000)} for one in (collection, fresh)]
        rows = [
            dict(zip((paths[row] for row in one.vectors()[0].tolist()), one.vectors()[1], strict=True))
            for paths, one in zip(names, (collection, fresh), strict=True)
        ]
        assert rows[0].keys() == rows[1].keys()
        for path, vector in rows[0].items():
            np.testing.assert_array_equal(vector, rows[1][path])
    assert collection.verify().faults == []


# --- changes ---


@pytest.mark.parametrize("code", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("distance", ["cosine", "l2"])
def test_it_finds_what_memory_finds(tmp_path: Path, photos: Path, code: str, distance: Any) -> None:
    with open_fake(tmp_path / "c", replace(coded(code), distance=distance)) as collection:
        collection.add(photos)
        assert len(files(collection)) == 1
        is_as_new(collection, photos, tmp_path / "fresh")
        own = collection.search(7, k=1)
        assert [hit.id for hit in own] == [7]


def test_every_change_leaves_it_as_if_made_now(collection: Collection, photos: Path, tmp_path: Path) -> None:
    (photos / "0003.png").write_bytes(picture_bytes(700))
    (photos / "0004.png").rename(photos / "moved.png")
    (photos / "copy.png").write_bytes((photos / "0005.png").read_bytes())
    (photos / "0006.png").unlink()
    (photos / "0007.png").write_bytes(b"no picture")
    make_pictures(photos, 2, first=100)
    collection.add(photos, prune=True)
    is_as_new(collection, photos, tmp_path / "fresh")
    make_pictures(photos, 6, first=200)
    collection.add(photos)
    is_as_new(collection, photos, tmp_path / "more")
    collection.optimise()
    assert len(files(collection)) == 1
    is_as_new(collection, photos, tmp_path / "optimised")


def test_removed_and_put_back(collection: Collection) -> None:
    before = found(collection, 2)
    removed = collection.take_out(2, 5)
    assert len(found(collection, 2)) == 10
    assert collection.put_back(removed) == 2
    assert found(collection, 2) == before
    collection.remove(2, 5)
    collection.optimise()
    assert len(found(collection, 2)) == 10
    assert collection.vectors()[0].tolist() == [1, 3, 4, *range(6, 13)]


def test_all_removed(collection: Collection, photos: Path, tmp_path: Path) -> None:
    collection.remove(str(photos))
    assert collection.search(picture(0)) == []
    collection.optimise()
    assert files(collection) == []
    collection.add(photos)
    is_as_new(collection, photos, tmp_path / "fresh")


@pytest.mark.parametrize("seed", range(3))
def test_it_does_not_matter_in_which_files_they_lie(
    photos: Path, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    order = sorted(photos.iterdir())
    chance.shuffle(order)
    monkeypatch.setattr(vector_layer, "TAIL", 1)
    monkeypatch.setattr(VectorSegments, "_merged", lambda self, catalogue, names: list(names))
    with open_fake(tmp_path / "c") as collection:
        while order:
            collection.add(*[order.pop() for _ in range(min(len(order), chance.randint(1, 4)))])
        assert len(files(collection)) > 2
        is_as_new(collection, photos, tmp_path / "fresh")


def test_few_are_read_into_memory(collection: Collection, photos: Path) -> None:
    assert isinstance(collection._vector_index().snapshot.vectors, StoredVectors)
    some = collection._vector_index().only(np.array([2, 3]))
    assert isinstance(some.snapshot.vectors, np.ndarray)
    many = collection._vector_index().only(np.arange(2, 11))
    assert isinstance(many.snapshot.vectors, StoredVectors)
    hits = collection.search(3, k=20, under=f"{photos}/000*")
    assert len(hits) == 10
    assert hits[0].id == 3


def test_a_layer_that_is_dropped_takes_its_files(tmp_path: Path, photos: Path) -> None:
    one, other = RECIPE, replace(coded("int8"), name="other")
    for layers, count in (((one, other), 2), ((other,), 1)):
        both = Recipe(layers=layers, name="both")
        with Collection.open(tmp_path / "c", recipe=both, extractor_factory=FakeFactory()) as opened:
            opened.add(photos)
            assert len(files(opened)) == count
            assert len(opened.search(picture(1), k=100)) == 12
            assert opened.verify().faults == []


# --- damage ---


@pytest.mark.parametrize("column", ["ids", "codes", "lengths", "bits", "centre", "planes"])
def test_a_flipped_byte_is_named_and_made_good(
    collection: Collection, photos: Path, tmp_path: Path, column: str
) -> None:
    [file] = files(collection)
    segment = vector_segments.VectorSegment.open(file, Code("fp16", 12))
    content = bytearray(file.read_bytes())
    content[segment.file.layout.places[column][0] + 3] ^= 64
    file.write_bytes(content)
    with open_fake(collection.path) as again:
        [fault] = again.verify().faults
        assert (fault.kind, fault.subject) == ("segment-damaged", str(file))
        assert "optimise" in fault.message
        again.optimise()
        is_as_new(again, photos, tmp_path / "fresh")


@pytest.mark.parametrize("how", ["gone", "short", "no header", "foreign", "negative"])
def test_a_file_that_cannot_be_opened_is_done_without(
    collection: Collection, photos: Path, tmp_path: Path, how: str
) -> None:
    [file] = files(collection)
    content = file.read_bytes()
    header = content[:1024]
    file.write_bytes(
        {
            "gone": content,
            "short": content[:-1],
            "no header": b"[" * 1024 + content[1024:],
            "foreign": header.replace(b'"dimensions": 12', b'"dimensions": 13') + content[1024:],
            "negative": header.replace(b'"pictures": 12', b'"pictures": -2') + content[1024:],
        }[how]
    )
    if how == "gone":
        file.unlink()
    with open_fake(collection.path) as again:
        assert [fault.kind for fault in again.verify().faults] == ["segment-damaged"]
        assert len(found(again, 3)) == 12
        again.add(photos)
        is_as_new(again, photos, tmp_path / "fresh")


def test_damaged_rows_go_into_no_file(tmp_path: Path, photos: Path) -> None:
    with open_fake(tmp_path / "c") as collection:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(vector_layer, "TAIL", 1000)
            collection.add(photos)
        with closing(sqlite3.connect(tmp_path / "c" / "catalogue.sqlite")) as database, database:
            database.execute("UPDATE vectors SET code = zeroblob(24) WHERE picture = 3")
        collection.optimise()
        [file] = files(collection)
        assert 3 not in vector_segments.VectorSegment.open(file, Code("fp16", 12)).ids
        hits = collection.search(picture(0), k=100)
        assert (len(hits), hits.left_out) == (11, 1)


def test_a_damaged_file_is_not_merged(collection: Collection) -> None:
    [file] = files(collection)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    segments = VectorSegments(collection.path, 1, Code("fp16", 12), "dot")
    with pytest.raises(CollectionDamaged, match="planes is damaged"):
        segments.join("000009", [segments.open("000001")], np.arange(20))
    assert not segments.files("000009")[0].exists()


def test_nothing_else_in_the_folder_is_touched(collection: Collection, photos: Path) -> None:
    own = collection.path / "vectors" / "mine.txt"
    own.write_text("kept")
    (collection.path / "vectors" / "000007-0.vectors").write_bytes(b"left over")
    make_pictures(photos, 9, first=300)
    collection.add(photos)
    assert own.read_text() == "kept"
    assert not (collection.path / "vectors" / "000007-0.vectors").exists()


# --- arrays ---


def made(folder: Path, code: Code, vectors: FloatArray, metric: Metric, cut: int) -> StoredVectors:
    """Vectors of which the last lie in memory, and the others in two files, mixed."""
    segments = VectorSegments(folder, 1, code, metric)
    rows = np.frombuffer(b"".join(code.encode(vectors)), np.uint8).reshape(len(vectors), -1)
    ids = np.arange(len(vectors))
    parts = [ids[:cut][::2], ids[:cut][1::2]]
    opened = [
        segments.write(folder, str(number), Batch((part, rows[part]))) for number, part in enumerate(parts)
    ]
    held = np.concatenate([*parts, ids[cut:]])
    return StoredVectors(segments, opened, segments.vectors(rows[cut:])[0], np.argsort(held))


def codes() -> Iterator[Code]:
    yield from (Code(name, 6) for name in ("fp32", "fp16", "int8"))
    pieces = np.random.default_rng(0).standard_normal((3, 256, 2), dtype=np.float32)
    yield Code("pq", 6, Quantiser(pieces, Sample("", 0)))


@pytest.mark.parametrize("metric", ["dot", "l2"])
@pytest.mark.parametrize("number", range(4))
def test_it_is_used_as_an_array(tmp_path: Path, metric: Metric, number: int) -> None:
    code = list(codes())[number]
    chance = np.random.default_rng(1)
    vectors = chance.standard_normal((25, 6), dtype=np.float32)
    vectors[4] = 0
    kept = made(tmp_path, code, vectors, metric, 19)
    plain = kept.segments.vectors(np.frombuffer(b"".join(code.encode(vectors)), np.uint8).reshape(25, -1))[0]
    np.testing.assert_array_equal(np.asarray(kept), plain)
    assert (kept.shape, len(kept), kept.ndim) == (plain.shape, 25, 2)
    for rows in (3, -1, slice(2, 20, 3), plain[:, 0] > 0, np.array([[4, 24], [0, 0]]), np.array([], int)):
        np.testing.assert_array_equal(kept[rows], plain[rows])
    np.testing.assert_array_equal(kept.only(np.array([3, 20]))[:], plain[[3, 20]])
    queries = chance.standard_normal((7, 6), dtype=np.float32)
    for some in (queries[:1], queries):
        np.testing.assert_allclose(kept.products(some), some @ plain.T, atol=1e-5)
        ours, theirs = (search(one, some, 9, metric=metric) for one in (kept, plain))
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
    np.testing.assert_allclose(kept.squares(), (plain**2).sum(axis=1), atol=1e-3)


@pytest.mark.parametrize("then", [None, "augment"])
def test_stages_work_on_it(tmp_path: Path, then: str | None) -> None:
    from likewise.ranking.stages import Stage, rank

    chance = np.random.default_rng(2)
    vectors = chance.standard_normal((40, 6), dtype=np.float32)
    kept = made(tmp_path, Code("fp32", 6), vectors, "dot", 30)
    stages = [Stage("augment", {"n": 3})] if then else []
    stages += [Stage("expand", {"n": 4}), Stage("reciprocal"), Stage("diffuse", {"top": 20})]
    queries = kept[:5]
    ours, theirs = (rank(Gallery(one), queries, 12, stages).ranking for one in (kept, np.asarray(kept)))
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)


# --- few bits ---


def test_bits_by_hand() -> None:
    planes = np.array([[1, 0], [0, 1], [-1, 0], [1, 1]], np.float32)
    vectors = np.array([[3, 1], [0, 0]], np.float32)
    # less the centre (1, 1): (2, 0) and (-1, -1); 0 is on neither side
    assert signs(vectors, np.array([1, 1], np.float32), planes).tolist() == [[0b10010000], [0b00100000]]


def test_directions_are_of_length_one_and_square() -> None:
    planes = directions(BITS + 88)
    np.testing.assert_allclose(planes @ planes.T, np.eye(BITS), atol=1e-5)
    assert directions(5).shape == (BITS, 5)


PLANES = directions(600)


@given(st.integers(0, 1000))
def test_bits_differ_by_the_angle(seed: int) -> None:
    chance = np.random.default_rng(seed)
    a, b = chance.standard_normal((2, 600)).astype(np.float32)
    b += 2 * a * chance.random()
    planes = PLANES
    mean = np.zeros(600, np.float32)
    differ = np.bitwise_count(signs(a[None], mean, planes) ^ signs(b[None], mean, planes)).sum()
    angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert abs(differ / BITS - angle / np.pi) < 0.12  # 5 standard deviations of BITS throws


@pytest.fixture
def many(tmp_path: Path) -> StoredVectors:
    """Vectors around 60 points, of which the last 200 lie in memory."""
    chance = np.random.default_rng(3)
    around = chance.standard_normal((60, 32), dtype=np.float32)
    vectors = around[chance.integers(60, size=3000)]
    vectors = vectors + 0.5 * chance.standard_normal(vectors.shape, dtype=np.float32)
    return made(tmp_path, Code("fp16", 32), vectors, "dot", 2800)


def test_the_length_of_a_shortlist_is_measured(many: StoredVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_vectors, "EXACT", 0)
    shortlist = measured(many, "dot")
    assert shortlist
    assert shortlist.length in LENGTHS
    assert shortlist.recall >= stored_vectors.SURE
    asked = np.sort(np.random.default_rng(0).choice(3000, stored_vectors.ASKED, replace=False))
    plain = np.asarray(many)
    held = []
    for row in asked.tolist():
        near = [one for one in np.argsort(-(plain @ plain[row]), kind="stable")[:11].tolist() if one != row][
            :10
        ]
        lists = []
        begin = 0
        for file in many.files:
            order = np.argsort(many.places)
            rows = order[begin : begin + len(file.ids)]
            differ = np.bitwise_count(file.bits ^ file.signs(plain[row][None])).sum(axis=1)
            edge = np.sort(differ)[min(shortlist.length, len(rows)) - 1]
            lists += rows[differ <= edge].tolist()
            begin += len(file.ids)
        lists += range(2800, 3000)
        held.append(len(set(near) & set(lists)) / 10)
    assert np.mean(held) >= shortlist.recall - 1e-9  # where bits tie at the edge one more may be counted here


def test_a_shortlist_finds_nearly_all(many: StoredVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_vectors, "EXACT", 0)
    kept = replace(many, shortlist=Shortlist(250, 0.99))
    assert kept.approximates(10)
    assert not kept.approximates(100)  # ten lists of 250 are most of it
    queries = np.asarray(many)[::97] + np.float32(0.01)
    ours, theirs = (Gallery(one).search(queries, 10) for one in (kept, np.asarray(many)))
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(ours.ids, theirs.ids, strict=True)])
    assert recall >= 0.97
    for rows, scores, query in zip(ours.ids, ours.scores, queries, strict=True):
        np.testing.assert_allclose(scores, np.asarray(many)[rows] @ query, atol=1e-5)
    few_rows = kept.only(np.arange(0, 3000, 2))
    assert set(Gallery(few_rows).search(queries[:1], 10).ids[0].tolist()) <= set(range(1500))


def test_where_no_shortlist_is_sure_all_are_compared(
    many: StoredVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_vectors, "LENGTHS", (1, 2))
    assert measured(many, "dot") is None


def test_a_search_says_that_it_did_not_compare_all(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (stored_vectors, vector_layer):
        monkeypatch.setattr(module, "EXACT", 0)
    monkeypatch.setattr(stored_vectors, "LENGTHS", (1, 2, 12))
    assert collection.search(1, k=1).recall is None
    assert "every vector is compared" in collection.info().searched.values()
    collection.optimise()
    monkeypatch.setattr(StoredVectors, "approximates", lambda self, k: self.shortlist is not None)
    hits = collection.search(1, k=1)
    assert [hit.id for hit in hits] == [1]
    assert hits.recall is not None
    assert hits.recall >= 0.99
    assert collection.search(1, k=1, exact=True).recall is None
    [told] = collection.info().searched.values()
    assert "shortlists of 12 by 512 bits" in told
    assert "--exact" in told


@pytest.mark.parametrize(
    "note", ["[", "[]", '{"length": 0, "recall": 1}', '{"length": "x"}', '{"length": 1e400}']
)
def test_a_note_that_is_none_is_none(collection: Collection, note: str) -> None:
    with collection._writing() as catalogue, catalogue.change():
        catalogue.note("shortlist-1", note)
    assert collection.search(1, k=1).recall is None
    assert len(found(collection, 1)) == 12


# --- kills ---


@pytest.mark.slow
def test_kills_lose_nothing(tmp_path: Path) -> None:
    chance, photos, path, interrupted = random.Random(5), tmp_path / "photos", tmp_path / "c", 0
    for attempt in range(25):
        make_pictures(photos, 40, first=1000 * attempt)
        for file in chance.sample(sorted(photos.iterdir()), 5):
            file.unlink()
        command = [sys.executable, "-m", "tests.test_vector_segments", str(path), str(photos)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            threading.Event().wait(chance.uniform(0, 0.6))
            process.kill()
            said = process.stdout.read().split()
        interrupted += "optimised" not in said
        with open_fake(path) as collection:
            if collection.exists:
                assert [one for one in collection.verify().faults if one.kind != "file-missing"] == []
                assert len(found(collection, 1000 * attempt)) == len(collection)
            collection.add(photos, prune=True)
            is_as_new(collection, photos, tmp_path / f"fresh-{attempt}")
            collection.optimise()
            assert len(files(collection)) == 1
    assert interrupted > 0, "no kill came amid the work"


def work(path: Path, photos: Path) -> None:
    """Index and optimise, until killed."""
    few(setattr)
    os.write(1, b"ready\n")
    with open_fake(path) as collection:
        for number, file in enumerate(sorted(photos.iterdir())):
            collection.add(file)
            if number % 7 == 6:
                collection.optimise()
        collection.add(photos, prune=True)
        collection.optimise()
    os.write(1, b"optimised\n")
    threading.Event().wait()


if __name__ == "__main__":
    work(Path(sys.argv[1]), Path(sys.argv[2]))


def read_here_and_there(file: Path) -> bool:
    """Whether the system was told so of what this process has mapped of a file."""
    maps = Path("/proc/self/smaps").read_text().split("VmFlags:")
    return any(" rr " in flags.partition("\n")[0] for part, flags in pairwise(maps) if str(file) in part)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="this system does not tell")
def test_what_lies_between_rows_that_are_far_apart_is_not_read(
    many: StoredVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_vectors, "APART", 1000)
    files = [one.file.path for one in many.files]
    assert not any(map(read_here_and_there, files))
    far = many[np.array([5, 1004, 2003, 6, 1005, 2004])]
    assert all(map(read_here_and_there, files))
    assert np.array_equal(far[:2], np.asarray(many)[[5, 1004]])  # which reads all
    assert not any(map(read_here_and_there, files))
