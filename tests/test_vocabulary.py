"""Vocabularies: files, and the recipes they fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likewise.arrays.artifacts import Sample, read, write
from likewise.errors import BadRecipe, BadWeights, StorageError, WeightsMissing
from likewise.words.recipe import WordsRecipe
from likewise.words.vocabulary import Vocabulary
from tests.fake_words import PATCHES, RECIPE, TAPS, WORDS, vocabulary


@pytest.fixture(scope="module")
def learned() -> Vocabulary:
    return vocabulary()


@pytest.fixture
def file(learned: Vocabulary, tmp_path: Path) -> Path:
    learned.save(tmp_path / "v.words")
    return tmp_path / "v.words"


def test_a_file_gives_the_same_vocabulary(learned: Vocabulary, file: Path, tmp_path: Path) -> None:
    found = Vocabulary.load(file)
    assert tuple(found.layers) == TAPS
    assert found.sizes == dict.fromkeys(TAPS, WORDS)
    assert found.scales == {"block10": 1.0, "pooled": 2.0}
    assert found.origin == learned.origin
    vectors = np.random.default_rng(0).standard_normal((50, 24)).astype(np.float32)
    for one, other in zip(found.layers.values(), learned.layers.values(), strict=True):
        given = vectors[:, : one.codebook.centres.shape[1]]
        words = one.codebook.assign(given, 3)
        np.testing.assert_array_equal(words, other.codebook.assign(given, 3))
        np.testing.assert_array_equal(
            one.embedding.encode(given, words), other.embedding.encode(given, words)
        )
    found.save(tmp_path / "again.words")
    assert (tmp_path / "again.words").read_bytes() == file.read_bytes()


def test_layers_keep_their_order_even_of_ten(learned: Vocabulary, tmp_path: Path) -> None:
    layer = learned.layers["pooled"]
    taps = [f"b{number}" for number in range(11, -1, -1)]
    Vocabulary(dict.fromkeys(taps, layer), learned.origin).save(tmp_path / "v.words")
    assert list(Vocabulary.load(tmp_path / "v.words").layers) == taps


def test_files_that_hold_no_vocabulary(file: Path, tmp_path: Path) -> None:
    tensors, origin = read(file, "vocabulary")
    sample, bad = Sample(**origin), tmp_path / "bad.words"
    spoilt = {
        "0.block10.centres": np.zeros((3, 24), np.float32),
        "0.block10.projection": np.zeros((128, 5), np.float32),
        "0.block10.medians": np.full((WORDS, 128), np.nan, np.float32),
        "0.block10.scale": np.array([-1.0]),
        "0.block10.probes": np.array([-1]),
        "1.pooled.scale": np.array([np.inf]),
        "1.pooled.probes": np.empty(0, np.int64),
        "loose": np.zeros(3),
        "x.block10.scale": np.zeros(3),
    }
    for name, value in spoilt.items():
        write(bad, tensors | {name: value}, sample)
        with pytest.raises(BadWeights, match="holds no vocabulary"):
            Vocabulary.load(bad)
    for name in tensors:
        write(bad, {key: value for key, value in tensors.items() if key != name}, sample)
        with pytest.raises(BadWeights, match="holds no vocabulary"):
            Vocabulary.load(bad)
    write(bad, {}, sample)
    with pytest.raises(BadWeights, match="no layer"):
        Vocabulary.load(bad)
    bad.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(BadWeights, match="holds no vocabulary"):
        Vocabulary.load(bad)
    with pytest.raises(BadWeights, match="its sha256 is not"):
        Vocabulary.load(file, sha256="0" * 64)
    with pytest.raises(WeightsMissing, match=r"none\.words cannot be read"):
        Vocabulary.load(tmp_path / "none.words")


def test_a_folder_that_is_none(learned: Vocabulary, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        learned.save(tmp_path / "file" / "v.words")


def test_a_recipe_takes_a_vocabulary_of_the_same_patches(file: Path) -> None:
    assert Vocabulary.of(RECIPE.with_vocabulary(file)).sizes == dict.fromkeys(TAPS, WORDS)
    sized = replace(RECIPE, features=replace(PATCHES, scales=(1.0, 0.5), stride=4), assign="both")
    assert Vocabulary.of(sized.with_vocabulary(file)).sizes == dict.fromkeys(TAPS, WORDS)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pool": "sum"}, "learned with pool 'max'.*has 'sum'"),
        ({"size": 16}, "learned with size 8"),
        ({"mode": "exact"}, "learned with mode 'shared'"),
        ({"taps": ("pooled", "block10")}, "has the layers block10, pooled, and recipe 'fake-words' reads"),
        ({"taps": ("block10",)}, "learn one for this recipe"),
    ],
)
def test_other_patches_are_refused(file: Path, changed: dict[str, object], said: str) -> None:
    recipe: WordsRecipe = replace(RECIPE, features=replace(PATCHES, **changed))  # type: ignore[arg-type]
    with pytest.raises(BadRecipe, match=said):
        Vocabulary.of(recipe.with_vocabulary(file))


def test_recipes_without_a_usable_file(file: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"no vocabulary: learn one with `likewise words learn"):
        Vocabulary.of(RECIPE)
    with pytest.raises(BadRecipe, match=r"none\.words cannot be read"):
        RECIPE.with_vocabulary(tmp_path / "none.words")
    recipe = RECIPE.with_vocabulary(file)
    file.unlink()
    with pytest.raises(WeightsMissing):
        Vocabulary.of(recipe)
