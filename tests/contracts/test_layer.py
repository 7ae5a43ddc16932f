"""What every kind of layer has to do."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.collection import Collection, Query
from likewise.collection.layers.encoders import Encoders
from likewise.collection.layers.layer import CollectionLayer, LayerIndex, Sources
from likewise.collection.layers.layer_set import LayerSet
from likewise.collection.store.catalogue import Catalogue
from likewise.errors import BadPicture, CollectionDamaged, UnknownPicture, UsageError
from likewise.local import patches
from likewise.recipes.recipe import LayerRecipe
from tests import fake_words
from tests.fakes import RECIPE as VECTOR
from tests.fakes import FakeFactory

COUNT = 6


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "PatchExtractor", fake_words.FakePatches)


@pytest.fixture(params=["vector", "words"])
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> LayerRecipe:
    if request.param == "vector":
        return VECTOR
    fake_words.vocabulary().save(tmp_path / "v.words")
    return fake_words.RECIPE.with_vocabulary(tmp_path / "v.words")


@pytest.fixture
def collection(tmp_path: Path, recipe: LayerRecipe) -> Iterator[Collection]:
    fake_words.make_pictures(tmp_path / "photos", COUNT)
    with Collection.open(tmp_path / "c", recipe=recipe, extractor_factory=FakeFactory()) as opened:
        opened.add(tmp_path / "photos")
        yield opened


@pytest.fixture
def catalogue(collection: Collection) -> Iterator[Catalogue]:
    with closing(Catalogue.writer(collection.path / "catalogue.sqlite")) as writer:
        yield writer


@pytest.fixture
def layer(collection: Collection, catalogue: Catalogue) -> CollectionLayer:
    encoders = Encoders("c", {"vector": FakeFactory(), "words": words})
    [found] = LayerSet.of(catalogue, collection.path, encoders).layers
    return found


def words(recipe: Any, **how: Any) -> Any:
    from likewise.words.sketcher import WordsExtractor

    return WordsExtractor(recipe, **how)


@pytest.fixture
def index(layer: CollectionLayer, catalogue: Catalogue, collection: Collection) -> LayerIndex:
    _, loaded = layer.load(catalogue)
    return layer.open(loaded, Sources(collection.path, catalogue), layer.recipe)


def file(collection: Collection, number: int) -> Path:
    return collection.path.parent / "photos" / f"{number:04}.png"


def ids(catalogue: Catalogue) -> dict[str, int]:
    return {Path(path).name: row for row, path, _ in catalogue.paths()}


def test_it_is_what_its_recipe_and_manifest_say(layer: CollectionLayer, recipe: LayerRecipe) -> None:
    assert layer.recipe.hash == recipe.hash == layer.manifest.recipe_hash
    assert layer.encoder(1).manifest.difference(layer.manifest) == ""
    assert layer.code in ("fp16", "words")


def test_what_it_encodes_is_sound_and_nothing_else_is(layer: CollectionLayer) -> None:
    prepared = [layer.encoder(1).prepare(fake_words.picture(seed)) for seed in (1, 2)]
    codes = layer.encode(prepared)
    assert len(codes) == 2
    for code in codes:
        assert not isinstance(code, BadPicture)
        assert layer.fault(code) == ""
        assert codes == layer.encode(prepared)
        for odd in (code[:-1], code + b"x", b"", None, 3, "text"):
            assert layer.fault(odd)


def test_what_is_stored_is_what_it_encodes(
    layer: CollectionLayer, catalogue: Catalogue, collection: Collection
) -> None:
    [block] = catalogue.rows.all(layer.id)
    assert len(block) == COUNT
    for name, row in ids(catalogue).items():
        prepared = layer.encoder(1).prepare(collection.path.parent / "photos" / name)
        assert layer.encode([prepared]) == [catalogue.code_of(layer.id, row)]


def test_indexing_and_optimising_change_no_answer(
    layer: CollectionLayer, index: LayerIndex, catalogue: Catalogue, collection: Collection
) -> None:
    question = index.ask(Query(file(collection, 2)))
    before = index.search(question, COUNT, [])
    layer.index(catalogue)
    layer.optimise(catalogue)
    again = layer.open(layer.load(catalogue)[1], Sources(collection.path, catalogue), layer.recipe)
    after = again.search(question, COUNT, [])
    assert after.ids.tolist() == before.ids.tolist()
    assert after.scores.tolist() == pytest.approx(before.scores.tolist())


def test_a_picture_finds_itself_and_scores_fall(
    index: LayerIndex, catalogue: Catalogue, collection: Collection
) -> None:
    assert index.ids.tolist() == sorted(ids(catalogue).values())
    assert index.left_out == 0
    for name, row in ids(catalogue).items():
        for picture in (collection.path.parent / "photos" / name, row):
            found = index.search(index.ask(Query(picture)), COUNT, [])
            assert (found.ids[0], len(found.ids)) == (row, COUNT)
            assert bool(np.all(np.diff(found.scores) <= 0))
    assert len(index.search(index.ask(Query(1)), 2, []).ids) == 2


def test_what_is_kept_is_a_question_that_needs_no_file(
    index: LayerIndex, catalogue: Catalogue, collection: Collection
) -> None:
    for number, row in enumerate(index.ids.tolist()):
        asked = index.search(index.ask(Query(row)), 3, [])
        if number == 0:
            collection.path_of(row).unlink()
        found = index.search(index.question_of(row), 3, [])
        assert found.ids[0] == asked.ids[0] == row
    with pytest.raises((UsageError, CollectionDamaged)):
        index.question_of(999)


def test_some_of_the_pictures(index: LayerIndex) -> None:
    some = index.ids[1:4]
    part = index.only(some)
    assert part.ids.tolist() == some.tolist()
    whole, found = (one.search(one.ask(Query(int(some[0]))), COUNT, []) for one in (index, part))
    kept = np.isin(whole.ids, some)
    assert found.ids.tolist() == whole.ids[kept].tolist()
    assert found.scores.tolist() == pytest.approx(whole.scores[kept].tolist())
    assert index.only(np.empty(0, np.int64)).ids.tolist() == []


def test_one_picture_scores_as_in_a_search(index: LayerIndex) -> None:
    question = index.ask(Query(fake_words.picture(3)))
    found = index.search(question, COUNT, [])
    scores = [index.against(question, int(row)) for row in found.ids]
    assert scores == pytest.approx(found.scores.tolist(), rel=1e-3, abs=1e-6)


def test_comparing_says_the_place(index: LayerIndex, collection: Collection) -> None:
    told = index.compare(Query(file(collection, 1)), file(collection, 1))
    assert told.rank == 1
    assert told.similarity == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("pair", [(9999, 1), (1, 9999)])
def test_a_picture_that_is_not_there_is_called_so(index: LayerIndex, pair: tuple[int, int]) -> None:
    with pytest.raises(UnknownPicture, match=r"no picture .*9999"):
        index.compare(Query(pair[0]), pair[1])


def test_it_says_what_it_cannot_do(index: LayerIndex, collection: Collection) -> None:
    able = []
    for why in (index.explain, index.matches):
        try:
            able.append(why(Query(file(collection, 1)), file(collection, 1)))
        except UsageError as error:
            assert re.search("is a collection of|holds visual words", str(error))
    assert len(able) == 1


def test_damage_is_named_left_out_and_only_there(
    layer: CollectionLayer, catalogue: Catalogue, collection: Collection
) -> None:
    assert list(layer.verify(catalogue)) == []
    row = ids(catalogue)["0003.png"]
    code = catalogue.code_of(layer.id, row) or b""
    with closing(sqlite3.connect(collection.path / "catalogue.sqlite")) as database, database:
        spoilt = code[:-4] + bytes(255 - byte for byte in code[-4:])
        database.execute("UPDATE vectors SET code = ? WHERE picture = ?", [spoilt, row])
    shutil.rmtree(collection.path / "words", ignore_errors=True)
    faults = [fault for fault in layer.verify(catalogue) if fault.kind != "segment-damaged"]
    assert [Path(fault.subject).name for fault in faults] == ["0003.png"]
    left = layer.open(layer.load(catalogue)[1], Sources(collection.path, catalogue), layer.recipe)
    assert left.left_out == 1
    found = left.search(left.ask(Query(file(collection, 2))), COUNT, [])
    scored = dict(zip(found.ids.tolist(), found.scores.tolist(), strict=True))
    assert scored.get(row, 0) == 0
    assert found.ids[0] == ids(catalogue)["0002.png"]


def test_dropping_leaves_nothing(
    layer: CollectionLayer, catalogue: Catalogue, collection: Collection
) -> None:
    with catalogue.change():
        layer.drop(catalogue)
    layer.clear(catalogue)
    assert catalogue.layers() == []
    left = {path.name.partition("-")[0] for path in collection.path.rglob("*") if path.is_file()}
    assert left <= {"catalogue.sqlite", "committed", "lock"}
    assert json.loads(catalogue.noted("segments") or "[]") == []
