"""Searching a collection of visual words: every kind of question, stages, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likewise.collection import Collection
from likewise.errors import BadPicture, UnknownName, UnknownPicture, UsageError
from likewise.local import patches
from likewise.types import Box, Hit
from tests.fake_words import RECIPE, FakePatches, make_pictures, picture, vocabulary


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("words") / "v.words"
    vocabulary().save(path)
    return path


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "PatchExtractor", FakePatches)


def made(path: Path, words: Path, photos: Path, **options: Any) -> Collection:
    """A collection of 10 pictures, two of which share a part with a third."""
    make_pictures(photos / "a", 6)
    make_pictures(photos / "b", 2, first=20)
    for number, (seed, other) in enumerate([(30, 0), (31, 0)]):
        whole = picture(seed)
        whole.paste(picture(other).crop((0, 0, 24, 16)), (24, 16))
        whole.save(photos / "b" / f"part{number}.png")
    opened = Collection.open(path, recipe=replace(RECIPE, **options).with_vocabulary(words))
    opened.add(photos)
    return opened


@pytest.fixture
def collection(tmp_path: Path, words: Path) -> Iterator[Collection]:
    with made(tmp_path / "c", words, tmp_path / "photos") as opened:
        yield opened


def names(hits: list[Hit]) -> list[str]:
    return [hit.path.name for hit in hits]


def row(collection: Collection, name: str) -> int:
    return next(hit.id for hit in collection.search(picture(0), k=100) if hit.path.name == name)


def test_a_picture_finds_itself_and_what_shows_a_part_of_it(collection: Collection, tmp_path: Path) -> None:
    file = tmp_path / "photos" / "a" / "0000.png"
    hits = collection.search(file)
    assert names(hits)[0] == "0000.png"
    assert {*names(hits)[1:3]} == {"part0.png", "part1.png"}
    assert hits[0].score == pytest.approx(1)
    assert [hit.rank for hit in hits] == list(range(1, 11))
    for query in (picture(0), np.asarray(picture(0)), hits[0].id, str(file)):
        assert collection.search(query) == hits
    assert collection.search(file, k=3) == hits[:3]


def test_by_id_of_a_file_that_is_gone(collection: Collection, tmp_path: Path) -> None:
    one = row(collection, "0000.png")
    (tmp_path / "photos" / "a" / "0000.png").unlink()
    hits = collection.search(one)
    assert hits[0].id == one and hits[0].score == pytest.approx(1)
    with pytest.raises(BadPicture):
        collection.search(one, box=(0, 0, 24, 16))
    with pytest.raises(UnknownPicture, match=r"no picture in .* has the id 99"):
        collection.search(99)


def test_a_box_is_searched_for_and_found(collection: Collection) -> None:
    hits = collection.search(picture(0), box=(0, 0, 24, 16))
    assert {*names(hits)[:3]} == {"0000.png", "part0.png", "part1.png"}
    for then in (["localise"], ["localise:top=3"]):
        boxes = {
            hit.path.name: hit.box for hit in collection.search(picture(0), box=(0, 0, 24, 16), then=then)[:3]
        }
        for name, (left, top) in {"0000.png": (0, 0), "part0.png": (24, 16), "part1.png": (24, 16)}.items():
            box = boxes[name]
            assert box is not None
            assert abs(box.x1 - left) <= 3 and abs(box.y1 - top) <= 3
            assert abs(box.x2 - left - 24) <= 3 and abs(box.y2 - top - 16) <= 3
    assert all(hit.box is None for hit in hits)


@pytest.mark.parametrize("crop", ["whole", "own"])
def test_both_crops(collection: Collection, crop: Any) -> None:
    hits = collection.search(picture(0), box=Box(0, 0, 24, 16), crop=crop)
    assert len(hits) == 10


def test_under_a_folder(collection: Collection, tmp_path: Path) -> None:
    hits = collection.search(picture(0), under=tmp_path / "photos" / "b")
    assert {*names(hits)} == {"0020.png", "0021.png", "part0.png", "part1.png"}
    whole = {hit.id: hit.score for hit in collection.search(picture(0))}
    assert all(hit.score == whole[hit.id] for hit in hits)
    both = collection.search(picture(0), under="*/part*.png", then=["expand:n=1", "localise"])
    assert {*names(both)} == {"part0.png", "part1.png"}
    with pytest.raises(UsageError, match="lies under '/nowhere'"):
        collection.search(picture(0), under="/nowhere")


def test_several_pictures_and_judged_ones(collection: Collection) -> None:
    assert {*names(collection.search(picture(1), also=[picture(2)]))[:2]} == {"0001.png", "0002.png"}
    liked, disliked = row(collection, "0003.png"), row(collection, "part0.png")
    plain = {hit.id: hit.score for hit in collection.search(picture(0), k=100)}
    more = {hit.id: hit.score for hit in collection.search(picture(0), yes=[liked], k=100)}
    less = {hit.id: hit.score for hit in collection.search(picture(0), no=[disliked], k=100)}
    assert more[liked] > plain[liked]
    assert less[disliked] < plain[disliked]
    assert names(collection.search(picture(0), yes=[picture(4)]))[1] == "0004.png"


def test_expansion_asks_with_the_first_hits_too(collection: Collection) -> None:
    plain = {hit.path.name: hit.score for hit in collection.search(picture(0), k=100)}
    hits = collection.search(picture(0), then=["expand:n=3"], k=100)
    assert names(hits)[0] == "0000.png"
    # the parts are asked for themselves now
    for hit in hits:
        if hit.path.name.startswith("part"):
            assert hit.score > plain[hit.path.name]
    [again] = collection.search(picture(0), then=["expand:n=1"], k=1)  # with what was stored of itself
    assert again.score == pytest.approx(1)


@pytest.mark.parametrize(
    "scoring",
    [
        {"hamming": False},
        {"layers": ["pooled"]},
        {"layers": ["block10"], "threshold": 30, "sigma": 10},
        {"fusion": "plain", "burstiness": "both", "normalisation": "l2"},
        {"burstiness": "none"},
    ],
)
def test_scoring_of_one_search(collection: Collection, scoring: dict[str, Any]) -> None:
    before = collection.search(picture(0))
    hits = collection.search(picture(0), scoring=scoring)
    assert hits[0].path.name == "0000.png"
    assert hits[0].score == pytest.approx(1)
    assert hits != before
    assert collection.search(picture(0)) == before  # it held for one search


def test_scoring_by_rank(collection: Collection) -> None:
    hits = collection.search(picture(0), scoring={"fusion": "rank"})
    assert hits[0].path.name == "0000.png"
    assert hits[0].score == pytest.approx(2 / 61)


def test_scoring_that_cannot_be(collection: Collection) -> None:
    with pytest.raises(UsageError, match="no key 'hammering'"):
        collection.search(picture(0), scoring={"hammering": True})
    with pytest.raises(UnknownName, match="no tap 'block99'"):
        collection.search(picture(0), scoring={"layers": ["block99"]})
    with pytest.raises(UsageError, match=r"a layer that is asked cannot be 'block5'.*block10"):
        collection.search(picture(0), scoring={"layers": ["block5"]})


def test_what_is_for_vectors_only(collection: Collection) -> None:
    with pytest.raises(UsageError, match="which has no vectors"):
        collection.vectors()
    with pytest.raises(UsageError, match="holds visual words: give a picture"):
        collection.search(np.zeros(48, np.float32))
    for stage in ("augment", "reciprocal", "diffuse"):
        with pytest.raises(UsageError, match="works on vectors"):
            collection.search(picture(0), then=[stage])
    with pytest.raises(UsageError, match=r"expand\(n=3, alpha=2\) has an alpha"):
        collection.search(picture(0), then=["expand:n=3,alpha=2"])
    with pytest.raises(UsageError, match=r"expand\(n=3, alpha=0, own=false\) leaves the query out"):
        collection.search(picture(0), then=["expand:n=3,own=false"])


@pytest.mark.parametrize("fusion", ["scaled", "plain", "rank"])
def test_compare(tmp_path: Path, words: Path, fusion: str) -> None:
    options = {"fusion": replace(RECIPE.fusion, fusion=fusion)}  # type: ignore[arg-type]
    with made(tmp_path / "c", words, tmp_path / "photos", **options) as collection:
        folder = tmp_path / "photos"
        same = collection.compare(folder / "a" / "0000.png", folder / "a" / "0000.png")
        assert same.similarity == pytest.approx(1)
        assert (same.rank, same.percentile) == (1, 100)
        parts = collection.compare(folder / "a" / "0000.png", folder / "b" / "part0.png")
        unlike = collection.compare(picture(0), folder / "a" / "0002.png")
        assert same.similarity > parts.similarity > unlike.similarity
        by_id = collection.compare(row(collection, "0000.png"), row(collection, "part0.png"))
        assert by_id == parts
        if fusion != "rank":
            scores = {hit.path.name: hit.score for hit in collection.search(picture(0), k=100)}
            assert parts.similarity == pytest.approx(scores["part0.png"], rel=1e-5)
        inside = collection.compare(picture(0), picture(0), box=(0, 0, 24, 16))
        assert inside.similarity > parts.similarity


def test_info_and_its_size(collection: Collection) -> None:
    info = collection.info()
    assert (info.recipe, info.code, info.pictures) == ("fake-words", "words", 10)
    files = [file for file in collection.path.rglob("*") if file.is_file()]
    assert info.bytes == sum(file.stat().st_size for file in files)
    assert {"vocabulary.safetensors", "catalogue.sqlite"} < {file.name for file in files}


def test_one_picture_and_none(tmp_path: Path, words: Path) -> None:
    with Collection.open(tmp_path / "c", recipe=RECIPE.with_vocabulary(words)) as collection:
        make_pictures(tmp_path / "photos", 1)
        collection.add(tmp_path / "photos")
        [hit] = collection.search(picture(0), then=["expand", "localise"])
        assert hit.score == 0  # all pictures have its words: idf is 0
        found = collection.compare(picture(0), hit.id)
        assert (found.similarity, found.percentile, found.rank) == (0, None, 1)


def test_flat_and_tiny_pictures(collection: Collection, tmp_path: Path) -> None:
    for number, size in enumerate([(1, 1), (300, 1), (48, 32)]):
        Image.new("RGB", size, (255, 255, 255)).save(tmp_path / "photos" / f"flat{number}.png")
    report = collection.add(tmp_path / "photos")
    assert report.added + report.failed == 3
    hits = collection.search(tmp_path / "photos" / "flat2.png")
    assert hits[0].path.name.startswith("flat")
