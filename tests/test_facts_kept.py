"""What is said of pictures, beside them in a collection: read, kept, noted, and asked for."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from likewise.collection import Collection, Query
from likewise.collection.layers.evidence import of_fit
from likewise.collection.layers.layer import LayerHits, LayerIndex, Located, Sources
from likewise.collection.searching import Searcher
from likewise.collection.store import fact_tables
from likewise.collection.store.annotating import AnnotationTable
from likewise.collection.store.catalogue import Catalogue
from likewise.collection.store.database import bound, checksum_of
from likewise.collection.store.filters import BadFilter
from likewise.collection.store.loose import fulfilling
from likewise.collection.store.removal import RemovedPicture
from likewise.downstream.clusters import find_clusters
from likewise.downstream.duplicates import find_duplicates
from likewise.downstream.layout import find_layout
from likewise.errors import UsageError
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery
from likewise.local import patches
from likewise.pictures.facts import Facts
from likewise.recipes.recipe import Recipe
from likewise.types import Box, IntArray
from likewise.words.geometry import corners
from tests.fake_words import RECIPE as PATCHES
from tests.fake_words import FakePatches, picture, vocabulary
from tests.fakes import RECIPE as VECTOR
from tests.fakes import FakeFactory


def save(path: Path, seed: int, *, taken: str = "", camera: str = "", rating: int | None = None) -> None:
    block = Image.Exif()
    if camera:
        block[0x0110] = camera
    if rating is not None:
        block[0x4746] = rating
    if taken:
        block.get_ifd(0x8769)[0x9003] = taken
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed).save(path, exif=block.tobytes())


YEARS = [2017, 2018, 2019, 2019, 2020, 2020, 2021, 2022]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for seed, year in enumerate(YEARS):
        camera = "Canon EOS" if seed % 2 else "NIKON D90"
        place = tmp_path / "photos" / str(year) / f"{seed:04d}.png"
        save(place, seed, taken=f"{year}:0{seed + 1}:03 10:00:00", camera=camera, rating=seed % 4)
    return tmp_path / "photos"


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "PatchExtractor", FakePatches)


@pytest.fixture(params=["vector", "words", "both"])
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> Recipe:
    vocabulary().save(tmp_path / "v.words")
    layers = {"vector": VECTOR, "words": PATCHES.with_vocabulary(tmp_path / "v.words")}
    chosen = [layers[name] for name in ("vector", "words") if request.param in (name, "both")]
    return Recipe(request.param, tuple(chosen), "")  # type: ignore[arg-type]


@pytest.fixture
def collection(tmp_path: Path, photos: Path, recipe: Recipe) -> Iterator[Collection]:
    with Collection.open(tmp_path / "c", recipe=recipe, extractor_factory=FakeFactory()) as opened:
        assert opened.add(photos).added == len(YEARS)
        yield opened


@pytest.fixture
def plain(tmp_path: Path, photos: Path) -> Iterator[Collection]:
    with Collection.open(tmp_path / "p", recipe=VECTOR, extractor_factory=FakeFactory()) as opened:
        opened.add(photos)
        yield opened


def row_of(collection: Collection, name: str) -> int:
    [row] = [row for row, path in collection.paths() if path.name == name]
    return row


def names(collection: Collection, where: str) -> list[str]:
    return sorted(hit.path.name for hit in collection.search(picture(0), k=99, where=where))


# --- searching ---


@pytest.mark.parametrize(
    "where", ["taken >= 2019 and taken < 2021", "camera like 'canon%'", "rating = 0", "width > 1"]
)
def test_results_are_those_of_the_whole_ranking_that_are_meant(collection: Collection, where: str) -> None:
    for query in (picture(3), picture(500)):
        whole = collection.search(query, k=99)
        among = collection.search(query, k=99, where=where)
        meant = {hit.id for hit in among}
        left = [hit for hit in whole if hit.id in meant]
        assert [hit.id for hit in among] == [hit.id for hit in left]
        assert [hit.score for hit in among] == pytest.approx([hit.score for hit in left], rel=1e-6)
        assert [hit.verdict for hit in among] == [hit.verdict for hit in left]
        assert len(meant) == collection.count(where=where) > 0
        assert [hit.id for hit in collection.search(query, k=2, where=where)] == [h.id for h in left[:2]]


def test_a_folder_and_a_filter_are_both_asked_for(collection: Collection) -> None:
    hits = collection.search(picture(0), under="2019", where="camera like 'canon%'", k=9)
    assert [hit.path.name for hit in hits] == ["0003.png"]
    stages = collection.search(picture(0), where="taken < 2019", then=["expand:n=1"], k=9)
    assert {hit.path.name for hit in stages} == {"0000.png", "0001.png"}
    with pytest.raises(UsageError, match="lies under '2019' and is such that taken < 2019"):
        collection.search(picture(0), under="2019", where="taken < 2019")
    assert collection.count(under="2019", where="taken < 2019") == 0
    with pytest.raises(BadFilter, match="did you mean camera"):
        collection.search(picture(0), where="camra = x")


@dataclass
class Verifying:
    """A layer that finds fits, for pictures of even ids."""

    ids: IntArray
    scores: Any
    name: str = "fake"
    verifies = True
    left_out = 0

    def only(self, ids: IntArray) -> Verifying:
        keep = np.isin(self.ids, ids)
        return replace(self, ids=self.ids[keep], scores=self.scores[keep])

    def takes(self, query: Query) -> bool:
        return True

    def ask(self, query: Query) -> None:
        return None

    def search(self, question: Any, k: int, stages: Sequence[Any]) -> LayerHits:
        order = np.argsort(-self.scores, kind="stable")
        return LayerHits(self.ids[order], self.scores[order])

    def evidence(self, scores: Any) -> Any:
        return (scores - np.median(scores)) / 2

    def locate(self, question: Any, picture: int) -> Any:
        return located(Fit(20.0 + picture % 7)) if picture % 2 == 0 else None


CORNER = Box(0, 0, 1, 1)


@dataclass(frozen=True)
class Fit:
    score: float
    box: Box = CORNER
    count = 9
    outline = ((1.0, 1.0),) * 4


def located(fit: Fit) -> Located:
    return Located(cast(Any, fit), of_fit(fit.score))


def test_evidence_and_fits_are_those_among_all(plain: Collection) -> None:
    ids = np.array([row for row, _ in plain.paths()])
    index = cast(LayerIndex, Verifying(ids, np.random.default_rng(1).normal(size=len(ids))))
    with closing(Catalogue.reader(plain.path / "catalogue.sqlite")) as catalogue:
        searcher = Searcher(Sources(plain.path, catalogue), (index,))
        whole = searcher.search(Query(picture(0)), k=99, among=None, stages=())
        among = searcher.search(Query(picture(0)), k=99, among=ids[2:6], stages=())
    left = [hit for hit in whole if hit.id in ids[2:6]]
    assert [(hit.id, hit.score, hit.inliers) for hit in among] == [(h.id, h.score, h.inliers) for h in left]
    assert len(among) == 4 and any(hit.inliers for hit in among)


class Chained(Verifying):
    """A layer by which the query finds the picture of one id, and that one the next."""

    box = Box(0, 0, 40, 30)

    def question_of(self, picture: int) -> int:
        return picture

    def search(self, question: Any, k: int, stages: Sequence[Any]) -> LayerHits:
        likeness = self.scores + 9.0 * (self.ids == (question or self.ids[0]) + (1 if question else 0))
        order = np.argsort(-likeness, kind="stable")
        return LayerHits(self.ids[order], likeness[order])

    def locate(self, question: Any, picture: int) -> Any:
        found = picture == (question + 1 if question else self.ids[0])
        return located(replace(Fit(100.0), box=self.box)) if found else None


@pytest.mark.parametrize("how", ["plain", "itself", "judged", "a part", "a copy"])
def test_the_surest_hit_finds_others(plain: Collection, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.array([row for row, _ in plain.paths()])
    scores = np.random.default_rng(1).normal(size=len(ids))
    index = cast(LayerIndex, Chained(ids, scores))
    if how == "a part":
        monkeypatch.setattr(Chained, "box", Box(0, 0, 20, 30))
    if how == "a copy":
        with Image.open(plain.path_of(int(ids[0]))) as first:
            monkeypatch.setattr(Fit, "outline", corners(Box(0, 0, *first.size)))
    query = Query(
        int(ids[0]) if how == "itself" else picture(0), yes=(picture(9),) if how == "judged" else ()
    )
    with closing(Catalogue.reader(plain.path / "catalogue.sqlite")) as catalogue:
        searcher = Searcher(Sources(plain.path, catalogue), (index,))
        hits = {hit.id: hit for hit in searcher.search(query, k=99, among=None, stages=())}
    direct = index.evidence(scores + 9.0 * (ids == ids[0]))
    via = index.evidence(scores + 9.0 * (ids == ids[1]))
    fit = of_fit(100.0)
    surest, second = direct[0] + fit, direct[1]
    assert hits[ids[0]].score == pytest.approx(surest)
    if how == "plain":
        second = (second + min(via[1] + fit, surest)) / 2
        shares = hits[ids[1]].evidence or {}
        assert shares["expansion"] == pytest.approx(second - direct[1])
        assert sum(shares.values()) == pytest.approx(second)
    assert hits[ids[1]].score == pytest.approx(second)
    assert hits[ids[1]].outline is None and hits[ids[1]].verdict != "same"


# --- what files say ---


def test_facts_are_read_with_the_picture(plain: Collection) -> None:
    known = plain.known(row_of(plain, "0001.png"))
    assert known.facts == Facts("2018-02-03T10:00:00", "Canon EOS", rating=1)
    assert known.added and known.added[:2] == "20"
    assert names(plain, "added >= 2020") == [f"{seed:04d}.png" for seed in range(8)]
    counts = {facet.name: dict(facet.counts) for facet in plain.facets("taken < 2021")}
    assert counts["year"] == {"2019": 2, "2020": 2, "2017": 1, "2018": 1}
    assert counts["camera"] == {"Canon EOS": 3, "NIKON D90": 3}
    assert counts["rating"] == {0: 2, 1: 2, 2: 1, 3: 1} and counts["lens"] == {None: 6}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the year that pictures come in from then on."""

    def turn(year: int) -> None:
        moment = datetime(year, 5, 6, 7, 8, 9)
        monkeypatch.setattr(fact_tables, "datetime", SimpleNamespace(now=lambda: moment))

    return turn


def test_they_follow_the_file(plain: Collection, photos: Path, clock: Callable[[int], None]) -> None:
    clock(2042)
    row = row_of(plain, "0001.png")
    added = "2019-01-02T03:04:05"
    with plain._writing() as catalogue, catalogue.change():
        catalogue.facts.arrived(row, added)
    os.rename(photos / "2018" / "0001.png", photos / "moved.png")
    assert plain.add(photos).moved == 1
    assert plain.known(row).facts == Facts("2018-02-03T10:00:00", "Canon EOS", rating=1)
    (photos / "copy.png").write_bytes((photos / "moved.png").read_bytes())
    assert plain.add(photos).copied == 1
    assert plain.known(row_of(plain, "copy.png")).facts == plain.known(row).facts
    assert plain.known(row_of(plain, "copy.png")).added == "2042-05-06T07:08:09"
    save(photos / "moved.png", 1, camera="Leica M9")
    assert plain.add(photos).changed == 1
    assert plain.known(row_of(plain, "moved.png")).facts == Facts(camera="Leica M9")
    assert plain.known(row_of(plain, "moved.png")).added == added


def test_what_is_damaged_is_found_and_read_again(plain: Collection, photos: Path) -> None:
    with closing(sqlite3.connect(plain.path / "catalogue.sqlite")) as database, database:
        database.execute("UPDATE facts SET camera = 'Kodak' WHERE camera = 'Canon EOS' AND rating = 3")
    faults = plain.verify().faults
    assert [fault.kind for fault in faults] == ["facts-damaged"] * 2
    assert plain.add(photos).completed == 2
    assert plain.verify().faults == []
    assert names(plain, "camera = kodak or camera = 'canon eos'") == [
        "0001.png",
        "0003.png",
        "0005.png",
        "0007.png",
    ]


def damage(collection: Collection, change: str) -> None:
    with closing(sqlite3.connect(collection.path / "catalogue.sqlite")) as database, database:
        for name, count, function in ("bound", 2, bound), ("checksum_of", -1, checksum_of):
            database.create_function(name, count, function)
        database.execute(change)


def test_a_moment_that_nobody_noted_is_found_and_forgotten(
    plain: Collection, photos: Path, clock: Callable[[int], None]
) -> None:
    row = row_of(plain, "0001.png")
    damage(plain, f"UPDATE facts SET added = replace(added, '20', '10') WHERE picture = {row}")
    assert plain.known(row).added is None
    assert [fault.kind for fault in plain.verify().faults] == ["facts-damaged"]
    clock(2042)
    assert plain.add(photos).completed == 1
    assert (plain.verify().faults, plain.known(row).added) == ([], None)
    assert plain.known(row).facts == Facts("2018-02-03T10:00:00", "Canon EOS", rating=1)


def test_a_moment_outlives_damage_beside_it(
    plain: Collection, photos: Path, clock: Callable[[int], None]
) -> None:
    row = row_of(plain, "0001.png")
    added = plain.known(row).added
    damage(plain, f"UPDATE facts SET camera = 'Kodak' WHERE picture = {row}")
    clock(2042)
    assert plain.add(photos).completed == 1
    assert plain.known(row).added == added is not None


def test_checksums_of_before_that_told_no_moment_hold_and_are_written_anew(
    plain: Collection, photos: Path
) -> None:
    columns = "taken, camera, lens, orientation, rating, latitude, longitude, keywords"
    damage(plain, f"UPDATE facts SET checksum = bound(checksum_of({columns}), picture)")
    damage(plain, "UPDATE facts SET camera = 'Kodak' WHERE picture = 2")
    added = plain.known(3).added
    assert added and [fault.kind for fault in plain.verify().faults] == ["facts-damaged"]
    assert plain.add(photos).completed == 1
    assert (plain.verify().faults, plain.known(3).added) == ([], added)
    damage(plain, "UPDATE facts SET added = replace(added, '20', '10')")
    assert [fault.kind for fault in plain.verify().faults] == ["facts-damaged"] * 8


def test_files_that_may_not_be_read_here_are_left_for_later(plain: Collection, photos: Path) -> None:
    other = photos.parent / "other"
    save(other / "far.png", 50, camera="Leica M9")
    plain.add(other)
    with closing(sqlite3.connect(plain.path / "catalogue.sqlite")) as database, database:
        database.execute("DELETE FROM facts")
    report = plain.add(photos, inside=[photos])  # as a server does that may read this folder alone
    assert (report.completed, report.failed, plain.failures()) == (8, 0, [])
    assert plain.known(row_of(plain, "far.png")).facts is None
    assert plain.add(photos).completed == 1
    assert plain.known(row_of(plain, "far.png")).facts == Facts(camera="Leica M9")


def test_a_filter_needs_facts(plain: Collection) -> None:
    with closing(sqlite3.connect(plain.path / "catalogue.sqlite")) as database, database:
        database.create_function("crc32", 1, crc32)
        database.executescript(
            "UPDATE vectors SET checksum = crc32(code); ALTER TABLE pictures DROP COLUMN checksum;"
            "DROP TABLE facts; DROP TABLE annotations; PRAGMA user_version = 2"
        )
    assert len(plain.search(picture(0))) == 8
    assert plain.facets() == [] and plain.columns() == {}
    with pytest.raises(UsageError, match="index its folders again, which reads them and describes nothing"):
        plain.search(picture(0), where="taken > 2019")


# --- what people say ---


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "said.csv").write_bytes(text.encode(encoding))
    return folder / "said.csv"


def test_columns_of_ones_own(plain: Collection, photos: Path, tmp_path: Path) -> None:
    found = plain.annotate(
        table(
            tmp_path,
            "File;Price;Room number\r\n2017\\0000.png;12,5;A\r\n;;\r\n2018/0001.png;7;\r\nno.png;1;B\r\n",
        )
    )
    assert (found.pictures, found.columns, found.unknown) == (2, ("price", "room number"), ("no.png",))
    assert plain.known(row_of(plain, "0000.png")).annotations == {"price": "12,5", "room number": "A"}
    assert plain.columns() == plain.info().columns == {"price": 2, "room number": 1}
    assert names(plain, "price = 7 or \"Room Number\" = 'a'") == ["0000.png", "0001.png"]
    plain.annotate(table(tmp_path, f"\ufeffpath,price\n{photos / '2017' / '0000.png'},\n", "utf-16"))
    assert plain.columns() == {"price": 1, "room number": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "has no column 'file'; its columns are: a, b"),
        ("file\nx.png\n", "has 0 columns besides the files"),
        ("file,Camera\nx.png,1\n", "has a column 'camera', which filters know as something else"),
        ("file,a,A\nx.png,1,2\n", "two columns of one name"),
        ("file,a\nx.png,1\nx.png,2\n", "line 3: x.png is listed already"),
        ("file,a\nx.png,1,2\n", "line 2 does not have the columns of the first line"),
        ("file,a\n,1\n", "line 2 does not have the columns of the first line"),
        ('file,a\nx.png,"1\n' + "2" * 200_000, "is no CSV file"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        AnnotationTable.read(table(tmp_path, text))


def test_what_was_noted_stays_with_a_picture(
    collection: Collection, photos: Path, tmp_path: Path, clock: Callable[[int], None]
) -> None:
    clock(2042)
    collection.annotate(table(tmp_path, "file,note\n2018/0001.png,mine\n"))
    os.rename(photos / "2018" / "0001.png", photos / "moved.png")
    collection.add(photos)
    save(photos / "moved.png", 77)
    assert collection.add(photos).changed == 1
    row = row_of(collection, "moved.png")
    assert collection.known(row).annotations == {"note": "mine"}
    before = collection.known(row)
    removed = collection.take_out(row)
    assert collection.columns() == {}
    assert collection.put_back([RemovedPicture.from_json(one.as_json()) for one in removed]) == 1
    after = collection.known(row)
    assert after == before


# --- elsewhere ---


def test_groups_and_maps_of_some(plain: Collection) -> None:
    where = "taken >= 2020"
    assert find_duplicates(plain, where=where).pictures == 4
    assert sum(len(one.ids) for one in find_clusters(plain, k=2, where=where).clusters) == 4
    assert len(find_layout(plain, method="pca", where=where).ids) == 4


def test_files_of_no_collection(photos: Path) -> None:
    (photos / "bad.png").write_bytes(b"no picture")
    files = {str(path.relative_to(photos)): path for path in photos.rglob("*.png")}
    assert fulfilling(files, "taken < 2019 and folder like '201%'") == {"2017/0000.png", "2018/0001.png"}
    assert fulfilling(files, "bytes = 0") == {"bad.png"}
    with pytest.raises(BadFilter, match="no field is called price"):
        fulfilling(files, "price > 3")


def test_part_of_a_benchmark() -> None:
    files = {name: Path(name) for name in "abcd"}
    queries = tuple(
        BenchmarkQuery(name, files[name], None, frozenset(right), frozenset({name}))
        for name, right in (("a", "bc"), ("b", "d"))
    )
    whole = Benchmark("x", files, queries, "ignored", distractors=1)
    some = whole.among({Path("a"), Path("b"), Path("c")}, "where b")
    assert [*some.gallery] == ["a", "b", "c"] and some.distractors == 0 and some.notes == ("where b",)
    [query] = some.queries
    assert (query.name, query.positives, query.junk) == ("a", frozenset("bc"), frozenset("a"))
