"""Evaluation of several layers: what is ranked is what a search of the same pictures finds."""

from __future__ import annotations

import shutil
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.collection import Collection
from likewise.errors import UsageError
from likewise.evaluation.datasets import load
from likewise.evaluation.evaluate import evaluate_recipe
from likewise.evaluation.hybrid import evaluate_layers
from likewise.ranking.stages import Stage
from likewise.recipes.recipe import Recipe, load_recipe
from tests.test_keypoints import noise


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of each of three things, the second one cut, and one file that is none."""
    folder = tmp_path_factory.mktemp("layers") / "photos"
    for number in range(3):
        (folder / f"thing{number}").mkdir(parents=True)
        picture = Image.fromarray(noise(number))
        picture.save(folder / f"thing{number}" / "whole.png")
        picture.crop((40, 30, 300, 230)).save(folder / f"thing{number}" / "cut.png")
    (folder / "thing0" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    return folder


@pytest.mark.slow
def test_the_ranking_is_that_of_a_search(photos: Path, tmp_path: Path) -> None:
    recipe = load_recipe("default")
    run = evaluate_layers(load("folder", photos), recipe, out=tmp_path)
    assert (run.card.recipe, run.card.recipe_hash) == ("default", recipe.hash)
    assert [line.split(":")[0] for line in run.card.parts] == ["vector", "sift"]
    files = list(run.benchmark.gallery.values())
    assert len(files) == len(run.benchmark.queries) == 6
    assert any("bad.png" in name for missing in run.benchmark.missing for name in missing.files)
    with Collection.open(tmp_path / "own.likewise", recipe=recipe) as collection:
        collection.add(*files)
        for number, query in enumerate(run.benchmark.queries):
            hits = collection.search(query.picture, k=6)
            assert [files[place].resolve() for place in run.ranked[number]] == [hit.path for hit in hits]
            np.testing.assert_allclose(run.scores[number], [hit.score for hit in hits], rtol=1e-5)
            assert hits[1].path.parent.name == query.picture.parent.name
            found, box = run.box(number, 1), hits[1].box
            assert found is not None and box is not None
            assert astuple(found) == pytest.approx(astuple(box), abs=0.01)


@pytest.mark.slow
def test_stages_follow_as_if_the_query_were_not_there(photos: Path, tmp_path: Path) -> None:
    recipe = load_recipe("default")
    stages = [Stage.parse("expand:n=2")]
    run = evaluate_layers(load("folder", photos), recipe, stages=stages, out=tmp_path)
    assert any("expand(n=2" in step for step in run.card.after)
    files = [file.resolve() for file in run.benchmark.gallery.values()]
    for number, query in enumerate(run.benchmark.queries):
        assert files[run.ranked[number][-1]] == query.picture.resolve()
        with Collection.open(tmp_path / f"{number}.likewise", recipe=recipe) as others:
            others.add(*(file for file in files if file != query.picture.resolve()))
            hits = others.search(query.picture, k=6, then=stages)
        scores = {hit.path: hit.score for hit in hits}
        found = zip(run.ranked[number], run.scores[number], strict=True)
        told = {files[place]: score for place, score in found}
        del told[query.picture.resolve()]
        # what is usual is told by all features of words, those of the query's own picture among them
        assert told == pytest.approx(scores, rel=0.05)
        break


def test_a_crop_that_differs_by_layer_is_refused(photos: Path, tmp_path: Path) -> None:
    benchmark = load("folder", photos)
    with pytest.raises(UsageError, match="needs query boxes"):
        evaluate_layers(benchmark, load_recipe("default"), crop="widened", out=tmp_path)


@pytest.mark.slow
def test_a_picture_that_was_damaged_since_is_missing_from_the_next_run(photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    first = evaluate_layers(load("folder", folder), load_recipe("default"), out=tmp_path / "runs")
    (folder / "thing2" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    again = evaluate_layers(load("folder", folder), load_recipe("default"), out=tmp_path / "runs")
    assert len(first.benchmark.gallery) - len(again.benchmark.gallery) == 1
    assert again.ranked.shape == (len(again.benchmark.queries), 5) == (4, 5)  # one has no right answer left
    for number, query in enumerate(again.benchmark.queries):
        files = list(again.benchmark.gallery.values())
        assert files[again.ranked[number, 0]] == query.picture


@pytest.mark.parametrize(("examples", "feedback"), [(2, 0), (1, 1)])
def test_examples_and_judgements_are_for_one_vector(
    photos: Path, tmp_path: Path, examples: int, feedback: int
) -> None:
    layer = load_recipe("quick").vector
    two = Recipe("two", (layer, replace(layer, name="other", scales=(1.0,))))
    with pytest.raises(UsageError, match="are for recipes of one vector, and 'two' is not"):
        evaluate_recipe(load("folder", photos), two, out=tmp_path, examples=examples, feedback=feedback)
