"""Layers asked together: against equations 3 to 8 as loops, shares of pairs, what a picture scores itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from likewise.types import Box
from likewise.words.index.layers import Layers, QuerySketch
from likewise.words.scoring import Burstiness, Normalisation
from likewise.words.sketch import Sketch
from likewise.words.vocabulary import Vocabulary
from tests.fake_words import PATCHES, RECIPE, FakePatches, brute, indexes, picture, self_score, vocabulary

SCALES = {"block10": 1.0, "pooled": 2.0}


@pytest.fixture(scope="module")
def learned() -> Vocabulary:
    return vocabulary()


def sketch(learned: Vocabulary, seed: int, nearest: int) -> Sketch:
    describe = FakePatches(PATCHES)
    return learned.sketch(describe.describe(describe.prepare(picture(seed))), nearest)


@pytest.fixture(scope="module")
def held(learned: Vocabulary) -> dict[int, Sketch]:
    return {3 * seed + 1: sketch(learned, seed, 1) for seed in range(8)}


@pytest.fixture(scope="module")
def layers(learned: Vocabulary, held: dict[int, Sketch], tmp_path_factory: pytest.TempPathFactory) -> Layers:
    recipe = RECIPE.scored({"threshold": 60})
    return Layers(recipe, indexes(held, tmp_path_factory.mktemp("words"), learned.sizes), learned.scales)


def scored(asked: Layers, **options: Any) -> Layers:
    return replace(asked, recipe=asked.recipe.scored(options))


OPTIONS: list[Mapping[str, Any]] = [
    {},
    {"hamming": False},
    {"fusion": "plain"},
    {"layers": ("pooled",)},
    {"layers": ("pooled", "block10"), "threshold": 129, "sigma": 60.0},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("weights", [(1.0,), (1.0, 1.0), (1.0, 0.75, -0.15)])
def test_scores_are_the_equations(
    layers: Layers,
    held: dict[int, Sketch],
    learned: Vocabulary,
    options: Mapping[str, Any],
    weights: Sequence[float],
) -> None:
    question = [QuerySketch(sketch(learned, 2 + number, 3), weight) for number, weight in enumerate(weights)]
    some = scored(layers, **options)
    wanted, total = np.zeros(len(held)), sum(weight for weight in weights if weight > 0)
    for one in question:
        scores = np.array(list(brute(held, [one], some.recipe, SCALES).values()))
        itself = self_score(held, replace(one, weight=1.0), some.recipe, SCALES)
        wanted += scores / itself / total
    np.testing.assert_allclose(some.scores(question), wanted, rtol=1e-6, atol=1e-12)
    assert wanted.max() > 0


def test_rank_adds_up_places(layers: Layers, learned: Vocabulary) -> None:
    question = [QuerySketch(sketch(learned, 2, 3))]
    parts = [scored(layers, fusion="plain", layers=(tap,)).scores(question) for tap in SCALES]
    wanted = np.zeros(8)
    for part in parts:
        for place, score in enumerate(part):
            wanted[place] += 1 / (61 + (part > score).sum()) if score > 0 else 0
    np.testing.assert_allclose(scored(layers, fusion="rank").scores(question), wanted)
    summed = scored(layers, fusion="rank").summed()
    np.testing.assert_allclose(summed.scores(question), scored(layers, fusion="plain").scores(question))
    assert layers.summed() is layers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hamming", "burstiness", "normalisation", "fusion"),
    list(product((True, False), get_args(Burstiness), get_args(Normalisation), ("scaled", "plain"))),
)
def test_shares_of_pairs_add_up_to_the_score(
    layers: Layers,
    held: dict[int, Sketch],
    learned: Vocabulary,
    hamming: bool,
    burstiness: str,
    normalisation: str,
    fusion: str,
) -> None:
    some = scored(layers, hamming=hamming, burstiness=burstiness, normalisation=normalisation, fusion=fusion)
    question = [QuerySketch(sketch(learned, 4, 3))]
    for score, one in zip(some.scores(question), held.values(), strict=True):
        found = some.look(question, one, (48, 32))
        assert found.matches.weight.sum(dtype=np.float64) == pytest.approx(score, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("nearest", [1, 2, 5])
@pytest.mark.parametrize("options", [*OPTIONS, {"normalisation": "l2"}, {"burstiness": "both"}])
def test_a_picture_asked_for_itself_scores_one(
    layers: Layers, learned: Vocabulary, nearest: int, options: Mapping[str, Any]
) -> None:
    some = scored(layers, **options)
    for seed, row in ((0, 0), (5, 5)):
        scores = some.scores([QuerySketch(sketch(learned, seed, nearest))])
        assert scores[row] == pytest.approx(1, rel=1e-6)
    kept = some.scores([QuerySketch(sketch(learned, 3, 1))])  # as it is stored, where its file is gone
    assert kept[3] == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("side", ["database", "both"])
@pytest.mark.parametrize("normalisation", get_args(Normalisation))
def test_with_more_words_stored_it_scores_one_too(
    learned: Vocabulary, tmp_path: Path, side: Any, normalisation: str
) -> None:
    held = {seed: sketch(learned, seed, 3) for seed in range(6)}
    recipe = replace(RECIPE, assign=side).scored({"threshold": 60, "normalisation": normalisation})
    layers = Layers(recipe, indexes(held, tmp_path, learned.sizes), learned.scales)
    assert layers.scores([QuerySketch(held[2])])[2] == pytest.approx(1, rel=1e-6)
    shares = layers.look([QuerySketch(held[3])], held[2], (48, 32)).matches.weight.sum(dtype=np.float64)
    assert shares == pytest.approx(layers.scores([QuerySketch(held[3])])[2], rel=1e-5)


def test_two_pictures_count_alike_whatever_their_patches(layers: Layers, learned: Vocabulary) -> None:
    whole = sketch(learned, 0, 3)
    part = Sketch(
        whole.boxes[:5],
        {tap: words[:5] for tap, words in whole.words.items()},
        {tap: codes[:5] for tap, codes in whole.codes.items()},
    )
    question = [QuerySketch(part), QuerySketch(sketch(learned, 1, 3))]
    both = layers.scores(question)
    np.testing.assert_allclose(both, np.mean([layers.scores([one]) for one in question], axis=0))
    heavy = layers.scores([question[0], replace(question[1], weight=3.0)])
    np.testing.assert_allclose(
        heavy, np.average([layers.scores([one]) for one in question], axis=0, weights=[1, 3])
    )


def test_what_is_not_wanted_is_taken_off(layers: Layers, learned: Vocabulary) -> None:
    wanted, bad = QuerySketch(sketch(learned, 0, 3)), QuerySketch(sketch(learned, 1, 3), -0.5)
    before, after = layers.scores([wanted]), layers.scores([wanted, bad])
    assert after[1] < 0 < before[1] + 1e-9
    assert (after <= before + 1e-12).all()


def test_a_layer_of_no_weight_is_not_asked_unless_alone(layers: Layers, learned: Vocabulary) -> None:
    question = [QuerySketch(sketch(learned, 2, 3))]
    light = replace(layers, scales={"block10": 1.0, "pooled": 0.0})
    assert light.layers == ("block10",)
    np.testing.assert_array_equal(
        light.scores(question), scored(layers, layers=("block10",)).scores(question)
    )
    alone = scored(light, layers=("pooled",))
    np.testing.assert_allclose(alone.scores(question), scored(layers, layers=("pooled",)).scores(question))
    assert alone.scores(question)[2] == pytest.approx(1, rel=1e-6)
    assert scored(light, fusion="plain").layers == ("block10", "pooled")


def test_a_question_without_any_word_of_weight(learned: Vocabulary, tmp_path: Path) -> None:
    held = {1: sketch(learned, 1, 1)}  # idf of all its words is 0
    layers = Layers(RECIPE, indexes(held, tmp_path, learned.sizes), learned.scales)
    assert layers.scores([QuerySketch(sketch(learned, 1, 3))]).tolist() == [0.0]


def test_a_box_that_was_asked_for_is_found(layers: Layers, held: dict[int, Sketch]) -> None:
    one = held[4]
    found = layers.look([QuerySketch(one, box=Box(0, 0, 24, 16))], one, (48, 32))
    assert found.fit is not None
    assert found.fit.box.x1 < 3 and found.fit.box.x2 > 20
    assert found.matches.weight.sum() == pytest.approx(1, rel=1e-5)


def test_scores_do_not_depend_on_threads(layers: Layers, learned: Vocabulary) -> None:
    question = [QuerySketch(sketch(learned, 2, 3))]
    np.testing.assert_array_equal(layers.scores(question), layers.scores(question, threads=3))
    assert layers.pictures.tolist() == [3 * seed + 1 for seed in range(8)]
