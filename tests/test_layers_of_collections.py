"""Collections of several layers: made, searched, added to, dropped from, damaged and made good."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from likewise.collection import Collection, Query
from likewise.collection.layers.evidence import of_fit, of_similarities, of_votes
from likewise.collection.layers.layer import Located
from likewise.collection.layers.words_layer import WordsIndex
from likewise.collection.store.database import CHECKSUMS, checksum_of
from likewise.collection.store.removal import RemovedPicture
from likewise.errors import ManifestMismatch, UsageError
from likewise.local import patches
from likewise.ranking.feedback import BETA, GAMMA
from likewise.recipes.recipe import Recipe
from tests.fake_words import RECIPE as PATCHES
from tests.fake_words import FakePatches, make_pictures, picture, vocabulary
from tests.fakes import RECIPE as VECTOR
from tests.fakes import FakeFactory


class Counted(FakePatches):
    """Counts the pictures that it describes."""

    count = 0

    def describe(self, *args: Any, **options: Any) -> Any:
        Counted.count += 1
        return super().describe(*args, **options)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "PatchExtractor", Counted)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("words") / "v.words"
    vocabulary().save(path)
    return path


@pytest.fixture
def both(words: Path) -> Recipe:
    return Recipe("both", (VECTOR, PATCHES.with_vocabulary(words)), "a vector and words")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "photos", 8)
    return tmp_path / "photos"


@pytest.fixture
def factory() -> FakeFactory:
    return FakeFactory()


@pytest.fixture
def collection(tmp_path: Path, photos: Path, both: Recipe, factory: FakeFactory) -> Iterator[Collection]:
    with Collection.open(tmp_path / "c", recipe=both, extractor_factory=factory) as opened:
        assert opened.add(photos).added == 8
        yield opened


@pytest.mark.parametrize("kind", ["vector", "words", "both"])
def test_a_picture_asked_for_comes_before_its_identical_copies(
    tmp_path: Path, photos: Path, both: Recipe, kind: str
) -> None:
    recipe = {"vector": both.layers[:1], "words": both.layers[1:], "both": both.layers}[kind]
    names = [f"{name}.png" for name in ("0000a", "0003b", "0009", "zz")]
    for name in names:
        (photos / name).write_bytes((photos / "0003.png").read_bytes())
    with Collection.open(
        tmp_path / "k", recipe=Recipe(kind, recipe, ""), extractor_factory=FakeFactory()
    ) as opened:
        opened.add(photos)
        for again in range(2):  # once in memory, once in segments
            held = {path.name: picture for picture, path in opened.paths()}
            for name in ("0003.png", *names):
                hits = [hit.path.name for hit in opened.search(held[name], k=12)]
                assert min(hits.index(one) for one in ("0003.png", *names)) == hits.index(name), again
                assert kind == "words" or hits[0] == name  # where words are usual others may score higher
            opened.optimise()


@pytest.mark.parametrize("kind", ["vector", "words", "both"])
def test_no_picture_of_a_query_competes_with_the_one_it_is_compared_with(
    tmp_path: Path, photos: Path, both: Recipe, kind: str
) -> None:
    recipe = {"vector": both.layers[:1], "words": both.layers[1:], "both": both.layers}[kind]
    first, second, third = (photos / f"000{number}.png" for number in range(3))
    with Collection.open(
        tmp_path / "k", recipe=Recipe(kind, recipe, ""), extractor_factory=FakeFactory()
    ) as opened:
        opened.add(first, second, third)
        for query in (Query(first, also=[second]), Query(first, yes=[second])):
            assert opened.compare(query, third).rank == 1


def ranking(collection: Collection, seed: int) -> list[tuple[str, float]]:
    return [(hit.path.name, hit.score) for hit in collection.search(picture(seed), k=20)]


def spoil(collection: Collection, table: str, name: str) -> None:
    """Flip a bit of what a layer keeps of a picture."""
    [row] = [row for row, path in collection.paths() if path.name == name]
    with closing(sqlite3.connect(collection.path / "catalogue.sqlite")) as database, database:
        [(code,)] = database.execute(f"SELECT code FROM {table} WHERE picture = ?", [row])
        spoilt = bytes([*code[:-1], code[-1] ^ 1])
        database.execute(f"UPDATE {table} SET code = ? WHERE picture = ?", [spoilt, row])
        database.create_function("checksum_of", -1, checksum_of)
        database.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
        database.execute(f"UPDATE meta SET checksum = {CHECKSUMS['meta']} WHERE key = 'generation'")


def test_its_layers_are_those_of_the_recipe(collection: Collection, both: Recipe) -> None:
    with Collection.open(collection.path) as again:
        assert again.recipe.name == "both"
        assert again.recipe.hash == both.hash
        assert [layer.name for layer in again.recipe.layers] == ["fake", "fake-words"]
        assert list(again.info().layers) == ["fake", "fake-words"]
        assert again.manifest == again.info().layers["fake"]
        assert again.verify().faults == []


def test_each_layer_keeps_what_it_would_keep_alone(
    collection: Collection, photos: Path, both: Recipe, tmp_path: Path
) -> None:
    for layer in both.layers:
        alone = Collection.open(tmp_path / layer.name, recipe=layer, extractor_factory=FakeFactory())
        with alone, Collection.open(collection.path, recipe=layer, extractor_factory=FakeFactory()) as one:
            alone.add(photos)
            for seed in (0, 3, 500):
                assert dict(ranking(one, seed)) == pytest.approx(dict(ranking(alone, seed)), rel=1e-6)


def test_scores_are_fused_and_hits_say_what_each_layer_gave(collection: Collection, both: Recipe) -> None:
    hits = collection.search(Query(picture(3)), k=20)
    assert hits[0].path.name == "0003.png"
    assert (len(hits), hits.left_out) == (8, 0)
    told = {name: np.array([(hit.scores or {})[name] for hit in hits]) for name in ("fake", "fake-words")}
    total = of_similarities(told["fake"]) + of_votes(1000 * told["fake-words"])
    assert [hit.score for hit in hits] == pytest.approx(total.tolist())
    assert [sum((hit.evidence or {}).values()) for hit in hits] == pytest.approx(total.tolist())
    assert all(set(hit.evidence or {}) == {"fake", "fake-words"} for hit in hits)
    assert [hit.score for hit in hits] == sorted(total.tolist(), reverse=True)
    for layer in both.layers:
        with Collection.open(collection.path, recipe=layer, extractor_factory=FakeFactory()) as one:
            alone = {hit.id: hit.score for hit in one.search(picture(3), k=20)}
            assert alone == pytest.approx({hit.id: (hit.scores or {})[layer.name] for hit in hits}, rel=1e-6)


@pytest.mark.parametrize("k", [0, -1])
def test_no_hits_cannot_be_asked_for(collection: Collection, k: int) -> None:
    with pytest.raises(UsageError, match=f"k must be at least 1, not {k}"):
        collection.search(1, k=k)


def test_every_kind_of_question(collection: Collection, photos: Path) -> None:
    file = photos / "0002.png"
    assert collection.search(file, box=(0, 0, 24, 16), k=1)[0].path == file
    assert collection.search(picture(0), also=[file], k=1)[0].path.name in ("0000.png", "0002.png")
    assert collection.search(picture(0), yes=[file], no=[photos / "0001.png"], k=8)
    [row] = [row for row, path in collection.paths() if path == file]
    assert collection.search(row, k=1)[0].id == row
    assert len(collection.search(picture(0), under="*000[12].png", k=8)) == 2
    vector = collection.describe(file)
    by_vector = collection.search(vector, k=1)  # only one layer can be asked for that
    assert (by_vector[0].id, by_vector[0].scores) == (row, None)
    assert collection.search(file, then=["expand:n=2", "localise", "reciprocal"], k=3)[0].path == file
    with pytest.raises(UsageError, match="says its box"):
        collection.search(Query(file), box=(0, 0, 1, 1))
    compared = collection.compare(file, file)
    assert compared.rank == 1
    assert compared.percentile == 100
    assert len(collection.matches(file, file).matches)
    assert collection.explain(file, file).similarity == pytest.approx(1, abs=1e-3)
    with pytest.raises(UsageError, match="no layer 'x': its layers are fake, fake-words"):
        collection.explain(file, file, layer="x")


def test_a_layer_is_added_without_describing_anew(
    tmp_path: Path, photos: Path, both: Recipe, factory: FakeFactory
) -> None:
    path = tmp_path / "c"
    with Collection.open(path, recipe=VECTOR, extractor_factory=factory) as one:
        one.add(photos)
        (photos / "copies").mkdir()
        shutil.copy(photos / "0001.png", photos / "copies" / "copy.png")
        one.add(photos / "copies")
    assert factory.described == 8
    more = make_pictures(tmp_path / "more", 1, first=40)[0]
    with Collection.open(path, recipe=both, extractor_factory=factory) as two:
        with pytest.raises(ManifestMismatch, match="lacks the layers fake-words: index with this recipe"):
            two.search(picture(0))
        Counted.count = 0
        report = two.add(more)  # the other pictures are completed wherever they lie
        assert (report.added, report.completed, report.unchanged) == (1, 9, 0)
        assert (factory.described, Counted.count) == (9, 9)  # copies are described once
        assert two.verify().faults == []
        added = ranking(two, 3)
    with Collection.open(tmp_path / "new", recipe=both, extractor_factory=factory) as fresh:
        fresh.add(photos, more)
        assert dict(added) == pytest.approx(dict(ranking(fresh, 3)), rel=1e-6)


def test_a_layer_is_dropped(collection: Collection, photos: Path, factory: FakeFactory) -> None:
    with Collection.open(collection.path, recipe=VECTOR, extractor_factory=factory) as one:
        assert one.add(photos).unchanged == 8
        assert one.info().layers.keys() == {"fake"}
        assert not list((collection.path / "words").iterdir())
        assert not list(collection.path.glob("vocabulary*"))
        assert one.verify().faults == []
    assert factory.described == 8
    with pytest.raises(ManifestMismatch):
        Collection.open(collection.path, recipe=PATCHES)


def test_a_recipe_with_nothing_in_common_is_refused(collection: Collection) -> None:
    with pytest.raises(ManifestMismatch, match="layers fake, fake-words against layers other"):
        Collection.open(collection.path, recipe=replace(VECTOR, name="other", scales=(0.5,)))


@pytest.mark.parametrize(("table", "kind"), [("vectors", "vector-damaged"), ("vectors_2", "sketch-damaged")])
def test_a_damaged_row_is_named_left_out_and_made_again(
    collection: Collection, photos: Path, table: str, kind: str, factory: FakeFactory
) -> None:
    before = ranking(collection, 3)
    spoil(collection, table, "0003.png")
    for file in (collection.path / "words").iterdir():
        file.unlink()  # what is searched is made from the rows
    [fault] = [fault for fault in collection.verify().faults if fault.kind != "segment-damaged"]
    assert (fault.kind, fault.subject) == (kind, str(photos / "0003.png"))
    hits = collection.search(picture(3), k=20)
    assert hits.left_out == 1
    assert len(hits) == 8  # the other layer knows the picture
    described = factory.described
    report = collection.add(photos)
    assert (report.completed, report.unchanged) == (1, 7)
    assert factory.described - described == (1 if table == "vectors" else 0)
    assert collection.verify().faults == []
    assert dict(ranking(collection, 3)) == pytest.approx(dict(before), rel=1e-6)


def test_a_changed_picture_is_changed_in_every_layer(collection: Collection, photos: Path) -> None:
    picture(700).save(photos / "0003.png")
    assert collection.add(photos).changed == 1
    assert collection.search(picture(700), k=1)[0].path.name == "0003.png"
    assert collection.search(picture(700), k=1)[0].scores == pytest.approx(
        {"fake": 1, "fake-words": 1}, abs=1e-3
    )
    assert collection.verify().faults == []


def test_taken_out_and_put_back_in_every_layer(collection: Collection) -> None:
    before = ranking(collection, 3)
    removed = collection.take_out(3, 5)
    assert len(ranking(collection, 3)) == 6
    assert (
        collection.put_back(
            [RemovedPicture.from_json(json.loads(json.dumps(one.as_json()))) for one in removed]
        )
        == 2
    )
    collection.optimise()
    assert dict(ranking(collection, 3)) == pytest.approx(dict(before), rel=1e-6)
    assert collection.verify().faults == []


@pytest.fixture(scope="module")
def keypoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """Six textured pictures, by the keypoints of the shipped recipe."""
    folder = tmp_path_factory.mktemp("keypoints")
    for seed in range(6):
        textured(seed).save(folder / f"{seed}.png")
    with Collection.open(folder / "c.likewise", recipe="sift") as collection:
        collection.add(folder)
        yield collection


def textured(seed: int) -> Image.Image:
    """Blots of many sizes, as keypoints like them."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (24, 32, 3), np.uint8))
    fine = Image.fromarray(random.integers(0, 256, (96, 128, 3), np.uint8)).resize((320, 240))
    return Image.blend(small.resize((320, 240), Image.Resampling.BICUBIC), fine, 0.3)


def test_a_verified_hit_says_where_the_query_lies_and_what_that_means(keypoints: Collection) -> None:
    part = textured(2).crop((60, 40, 260, 200)).rotate(90, expand=True)
    first, second = keypoints.search(part, k=6)[:2]
    assert first.path.name == "2.png"
    assert first.verdict == "same" and second.verdict != "same"
    assert first.inliers is not None and first.inliers > 20
    assert first.expected_false is not None and first.expected_false < 0.01
    # the part's upper left corner is the upper right one of what it was cut from
    outline = np.array(first.outline)
    assert np.abs(outline - [(260, 40), (260, 200), (60, 200), (60, 40)]).max() < 20


def test_a_query_that_is_not_there_finds_nothing(keypoints: Collection) -> None:
    hits = keypoints.search(textured(77), k=6)
    assert "same" not in {hit.verdict for hit in hits}
    assert all(hit.outline is None for hit in hits)


def test_each_picture_of_a_thing_is_verified(keypoints: Collection) -> None:
    cut = (60, 40, 260, 200)
    asked = [textured(2).crop(cut), textured(4).crop(cut)]
    assert [hit.path.name for hit in keypoints.search(asked[0], k=6) if hit.verdict == "same"] == ["2.png"]
    for first, second in (asked, asked[::-1]):
        for query in (Query(first, also=[second]), Query(first, yes=[second])):
            hits = keypoints.search(query, k=6)
            same = [hit for hit in hits if hit.verdict == "same"]
            assert {hit.path.name for hit in same} == {"2.png", "4.png"}
            assert all(np.abs(np.array(hit.outline)[0] - cut[:2]).max() < 20 for hit in same)


def test_what_is_not_wanted_is_not_the_same_however_well_it_fits(keypoints: Collection) -> None:
    part, other = textured(2).crop((60, 40, 260, 200)), textured(4).crop((60, 40, 260, 200))
    for no in (part, textured(2), next(hit.id for hit in keypoints.search(part, k=1))):
        hits = keypoints.search(part, also=[other], no=[no], k=6)
        assert [hit.path.name for hit in hits if hit.verdict == "same"] == ["4.png"]
        assert hits[0].path.name == "4.png"


def test_the_evidence_of_several_pictures_is_their_mean_by_weights(keypoints: Collection) -> None:
    [index] = keypoints.asker().indexes
    wanted = [textured(0).crop((0, 0, 200, 160)), textured(0).crop((120, 80, 320, 240))]
    liked = [textured(1), textured(2)]
    unwanted = [Image.blend(textured(0), textured(2), 0.3), textured(2)]
    asked = [*wanted, *liked, *unwanted]
    weights = np.repeat([1.0, BETA / 2, -GAMMA / 2], 2) / (2 + BETA)
    questions = [index.ask(Query(one)) for one in asked]
    question = index.ask(Query(wanted[0], also=wanted[1:], yes=liked, no=unwanted))

    def votes(question: Any) -> dict[int, float]:
        hits = index.search(question, 6, ())
        return dict(zip(hits.ids.tolist(), hits.scores.tolist(), strict=True))

    given, together = [votes(one) for one in questions], votes(question)
    verified = 0
    for row, path in keypoints.paths():
        expected = weights @ np.log1p([one[row] for one in given])
        assert together[row] == pytest.approx(math.expm1(expected))
        assert index.against(question, path) == pytest.approx(index.against(question, row))
        fits = [index.locate(one, row) for one in questions]
        nats = np.array([one.fit.score if one else 0.0 for one in fits])
        found = index.locate(question, row)
        left = nats[:4].max() - nats[4:].max()
        assert (found is not None) == (left > 0)
        if found:
            verified += 1
            best = fits[int(nats[:4].argmax())]
            assert best and (found.fit.outline == best.fit.outline).all()
            assert found.fit.score == pytest.approx(left)
            assert found.evidence == pytest.approx(max(0.0, weights @ [of_fit(one) for one in nats]))
    assert 2 <= verified < 6


def test_compared_pictures_are_verified_by_the_layer_in_which_they_fit_best(
    keypoints: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker, query = keypoints.asker(), Query(textured(2).crop((60, 40, 260, 200)))
    [index] = asker.indexes
    assert isinstance(index, WordsIndex)
    (picture,) = [number for number, path in keypoints.paths() if path.name == "2.png"]
    surest = index.locate(index.ask(query), picture)
    assert surest
    less = Located(replace(surest.fit, score=surest.fit.score / 2), surest.evidence + 5)
    several = replace(asker, indexes=(index, replace(index, name="less")))

    def similarity(found: dict[str, Located]) -> float:
        monkeypatch.setattr(WordsIndex, "locate", lambda self, question, picture: found.get(self.name))
        return several.compare(query, picture).similarity

    assert similarity({index.name: surest, "less": less}) == similarity({index.name: surest})


def test_two_pictures_compare_as_they_are_found(keypoints: Collection) -> None:
    part = textured(2).crop((60, 40, 260, 200))
    compared = keypoints.compare(part, textured(2))
    assert compared.rank <= 2
    assert compared.similarity > keypoints.compare(part, textured(3)).similarity + 3


CHILD = """
import sys
from pathlib import Path
from likewise.collection import Collection
from likewise.local import patches
from likewise.recipes.recipe import Recipe
from tests import fake_words, fakes
patches.PatchExtractor = fake_words.FakePatches
path, words, photos = map(Path, sys.argv[1:])
recipe = Recipe("both", (fakes.RECIPE, fake_words.RECIPE.with_vocabulary(words)))
with Collection.open(path, recipe=recipe, extractor_factory=fakes.FakeFactory()) as opened:
    opened.add(photos, progress=lambda progress: print(progress.done, flush=True))
"""


@pytest.mark.slow
def test_a_kill_leaves_every_layer_of_a_picture_or_none(tmp_path: Path, words: Path, both: Recipe) -> None:
    many = make_pictures(tmp_path / "many", 60)[0].parent
    arguments = [str(tmp_path / "c"), str(words), str(many)]
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE)
        assert child.stdout
        child.stdout.readline()  # the first commit
        child.kill()
        child.communicate()
    with Collection.open(tmp_path / "c", recipe=both, extractor_factory=FakeFactory()) as opened:
        held = len(opened)
        assert held > 0
        assert [fault.kind for fault in opened.verify().faults if fault.kind != "segment-damaged"] == []
        report = opened.add(many)
        assert (report.added, report.completed, report.unchanged) == (60 - held, 0, held)
        assert opened.verify().faults == []
        assert len(opened.search(picture(3), k=100)) == 60


@pytest.mark.parametrize("k", [1, 2, 20])
def test_a_picture_asked_by_its_id_comes_before_copies(collection: Collection, photos: Path, k: int) -> None:
    for number in range(3):
        shutil.copy(photos / "0005.png", photos / f"copy-{number}.png")
    collection.add(photos)
    for entry in collection.entries([1, 6, 9, 10, 11]):
        assert collection.search(entry.id, k=k)[0].id == entry.id
