"""From pictures to sketches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.errors import BadPicture, BadRecipe, UsageError
from likewise.local import patches
from likewise.local.features import LocalFeatures
from likewise.types import Box
from likewise.words.sketcher import WordsExtractor
from tests.fake_words import PATCHES, RECIPE, TAPS, WORDS, FakePatches, picture, vocabulary


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("words") / "v.words"
    vocabulary().save(path)
    return path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "PatchExtractor", FakePatches)


@pytest.mark.usefixtures("fake")
def test_what_is_stored_and_what_is_asked(file: Path) -> None:
    words = WordsExtractor(replace(RECIPE, nearest=4).with_vocabulary(file))
    loaded = words.prepare(picture(2))
    (kept,), asked = words.describe([loaded]), words.ask(picture(2))
    assert len(kept) == len(asked) == 4 * 6
    for tap in TAPS:
        assert (kept.words[tap].shape, asked.words[tap].shape) == ((24, 1), (24, 4))
        assert kept.codes[tap].shape == (24, 1, 2)
        np.testing.assert_array_equal(kept.words[tap], asked.words[tap][:, :1])
        np.testing.assert_array_equal(kept.codes[tap], asked.codes[tap][:, :1])
    np.testing.assert_array_equal(kept.boxes[[0, -1]], [[0, 0, 8, 8], [40, 24, 48, 32]])
    manifest = words.manifest
    assert manifest.dimensions == 2 * WORDS
    assert manifest.recipe_hash == words.recipe.hash


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(("side", "stored"), [("query", 1), ("database", 3), ("both", 3)])
def test_a_query_has_the_words_of_both_sides(file: Path, side: Any, stored: int) -> None:
    words = WordsExtractor(replace(RECIPE, assign=side).with_vocabulary(file))
    loaded = words.prepare(picture(3))
    assert words.ask(picture(3)).words["pooled"].shape == (24, 3)
    assert words.describe([loaded])[0].words["pooled"].shape == (24, stored)


@pytest.mark.usefixtures("fake")
def test_a_box_has_positions_in_the_whole(file: Path) -> None:
    words = WordsExtractor(RECIPE.with_vocabulary(file))
    box = Box(16, 8, 40, 24)
    asked = words.ask(picture(2), box=box)
    np.testing.assert_array_equal(asked.boxes[[0, -1]], [[16, 8, 24, 16], [32, 16, 40, 24]])


def test_features_that_are_not_finite_are_refused() -> None:
    learned, describe = vocabulary(), FakePatches(PATCHES)
    features = describe.describe(describe.prepare(picture(0)))
    features.vectors["pooled"][1, 2] = np.nan
    with pytest.raises(BadPicture, match="pooled that are not finite"):
        learned.sketch(features, 1)
    assert learned.sketch(features, 1, ["block10"]).words.keys() == {"block10"}


def test_more_words_than_there_are() -> None:
    describe = FakePatches(PATCHES)
    features: LocalFeatures = describe.describe(describe.prepare(picture(0)))
    with pytest.raises(UsageError, match=f"give 1 to {WORDS}"):
        vocabulary().sketch(features, WORDS + 1)


def test_without_a_vocabulary_or_with_another() -> None:
    with pytest.raises(BadRecipe, match="has no vocabulary"):
        WordsExtractor(RECIPE)
