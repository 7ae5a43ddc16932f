"""Recipes of several layers: TOML and back, hashes, and what is refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.descriptors.parts import Part
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import Origin, Whitening
from likewise.errors import BadRecipe, UsageError
from likewise.pictures import Resize
from likewise.recipes.recipe import LayerRecipe, Recipe, as_recipe, load_recipe, parse_recipe
from likewise.words.recipe import WordsRecipe
from tests.fake_words import RECIPE as WORDS
from tests.fakes import RECIPE as VECTOR

TEXT = """
name = "both"
about = "two"

[[layers]]
network = "vgg16"
resize = { size = 512 }
parts = [{ tap = "relu5_3" }]

[[layers]]
kind = "words"
name = "patches"
network = "vgg16"
taps = ["pool5"]
resize = { policy = "full" }
"""

BOTH = Recipe("both", (VECTOR, WORDS), "a vector and words")


def test_layers_are_read_in_order_and_called_by_their_kind_unless_they_have_a_name() -> None:
    recipe = parse_recipe(TEXT)
    assert (recipe.name, recipe.about, recipe.network) == ("both", "two", "vgg16")
    assert [(layer.kind, layer.name) for layer in recipe.layers] == [
        ("vector", "vector"),
        ("words", "patches"),
    ]
    assert recipe.vectors == (VectorRecipe("vector", "vgg16", (Part("relu5_3"),), Resize(size=512)),)
    assert recipe.words[0].features.taps == ("pool5",)


layers: list[LayerRecipe] = [
    replace(VECTOR, name="a [b] = c"),
    WORDS,
    VectorRecipe.load("default"),
    load_recipe("mof").words[0],
    replace(WORDS, name="both", assign="both"),
]


@settings(max_examples=30)
@given(st.text(max_size=5), st.text(max_size=5), st.permutations(layers), st.integers(1, len(layers)))
def test_any_choice_of_layers_round_trips(name: str, about: str, some: list[LayerRecipe], count: int) -> None:
    recipe = Recipe(name, tuple(some[:count]), about)
    again = parse_recipe(recipe.to_toml())
    assert again == recipe
    assert again.hash == recipe.hash


def test_a_single_layer_is_written_and_hashed_as_it_always_was() -> None:
    for layer in layers:
        assert Recipe.of(layer).to_toml() == layer.to_toml()
        assert Recipe.of(layer).hash == layer.hash
    assert load_recipe("quick").layers == (VectorRecipe.load("quick"),)


def test_the_hash_is_of_what_is_stored() -> None:
    one, other = sorted([VECTOR.hash, WORDS.hash])
    assert BOTH.hash == hashlib.sha256((one + other).encode()).hexdigest()
    same = [
        replace(BOTH, name="x", about="y", layers=(WORDS, replace(VECTOR, name="z"))),
        BOTH.scored({"threshold": 3}),
    ]
    assert {recipe.hash for recipe in same} == {BOTH.hash}
    assert BOTH.difference(same[0]) == ""
    assert BOTH.difference(Recipe.of(VECTOR)) == "layers fake-words against layers none"
    again = replace(BOTH, layers=(VECTOR, replace(WORDS, assign="both")))
    assert again.hash != BOTH.hash
    assert BOTH.difference(again) == "layer fake-words: stored 1 against 3"


def test_what_is_for_vectors_is_for_the_first_of_them(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    Whitening(
        np.zeros(3, np.float32),
        np.ones((3, 2), np.float32),
        Origin("", samples=3, exponent=0.5, shrinkage=0.0),
    ).save(file)
    found = BOTH.whitened(file)
    assert (found.name, [layer.name for layer in found.layers]) == ("both-whitened", ["fake", "fake-words"])
    assert [step.kind for step in found.vector.transforms] == ["l2", "whiten", "l2"]
    assert Recipe.of(VECTOR).whitened(file) == Recipe.of(VECTOR.whitened(file))


def test_what_a_recipe_lacks_is_said() -> None:
    with pytest.raises(UsageError, match="'fake-words' makes visual words, and this needs"):
        assert Recipe.of(WORDS).vector
    with pytest.raises(UsageError, match="for visual words: recipe 'fake' has 'fake' of kind vector"):
        Recipe.of(VECTOR).scored({"threshold": 3})
    with pytest.raises(UsageError, match="for one layer of visual words"):
        Recipe.of(VECTOR).with_vocabulary(Path("x"))
    assert Recipe.of(VECTOR).scored({}) == as_recipe(VECTOR)


def test_a_vector_is_found_among_layers() -> None:
    assert VectorRecipe.parse(TEXT) == replace(parse_recipe(TEXT).vector, name="both")
    words = TEXT[: TEXT.index("[[layers]]")] + TEXT[TEXT.rindex("[[layers]]") :]
    assert isinstance(parse_recipe(words).layers[0], WordsRecipe)
    with pytest.raises(BadRecipe, match=r"^here: recipe 'both' makes visual words"):
        VectorRecipe.parse(words, origin="here")


BAD = {
    "layers = 3": "layers must be a list",
    "layers = []": "at least one layer",
    "layers = [3]": "layers must be a table",
    TEXT.replace('"words"', '"wrods"'): "kind cannot be 'wrods'; did you mean 'words'",
    TEXT.replace('kind = "words"', "kind = [3]"): "kind cannot be",
    TEXT.replace('"patches"', '"vector"'): "two layers are called 'vector'",
    TEXT.replace('name = "both"', "name = 3"): "name of the head of a recipe of layers must be a text",
    TEXT.replace('about = "two"', 'network = "vgg16"'): "the head of a recipe of layers has no key 'network'",
    TEXT + "sise = 3": "no key 'sise'.*size",
    BOTH.to_toml() + BOTH.to_toml()[BOTH.to_toml().index("[[") :].replace("fake", "other", 1): "two layers",
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_is_refused(text: str) -> None:
    with pytest.raises(BadRecipe, match=f"(?s)^my.toml.*{BAD[text]}"):
        parse_recipe(text, origin="my.toml")


def test_two_layers_that_keep_the_same_are_one_too_many() -> None:
    with pytest.raises(BadRecipe, match="two layers keep the same"):
        Recipe("twice", (VECTOR, replace(VECTOR, name="again")))
