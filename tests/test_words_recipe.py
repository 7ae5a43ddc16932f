"""Recipes of visual words: TOML and back, what their hash covers, and what is refused."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.descriptors.recipe import VectorRecipe
from likewise.errors import BadRecipe, LikewiseError, UnknownName, UsageError
from likewise.local.keypoints import Keypoints
from likewise.local.patches import Patches
from likewise.pictures import Resize
from likewise.recipes.recipe import Recipe, load_recipe, parse_recipe, words_recipe_names
from likewise.tables import recipe_names
from likewise.words import WordsRecipe
from likewise.words.fusion import Fusion
from likewise.words.scoring import Scoring
from tests.fake_words import RECIPE

TEXT = """
name = "mine"
kind = "words"
network = "vgg16"
taps = ["relu3_3", "pool5"]
resize = { policy = "full" }
"""


def test_the_layers_of_default_and_best_are_those_of_recipes_of_their_own() -> None:
    alone = [load_recipe(name).layers[0] for name in ("quick", "sift", "xfeat")]
    for name, count in (("default", 2), ("best", 3)):
        recipe = load_recipe(name)
        assert [layer.hash for layer in recipe.layers] == [layer.hash for layer in alone[:count]]
        assert [layer.scoring for layer in recipe.words] == [layer.scoring for layer in alone[1:count]]  # type: ignore[union-attr]
        assert parse_recipe(recipe.to_toml()) == recipe


@pytest.mark.parametrize("name", sorted({*words_recipe_names()} - {"default", "best"}))
def test_shipped_recipes_round_trip_and_are_named_as_their_files(name: str) -> None:
    (recipe,) = load_recipe(name).layers
    assert isinstance(recipe, WordsRecipe)
    assert (recipe.name, bool(recipe.vocabulary)) == (name, isinstance(recipe.features, Keypoints))
    assert recipe.about
    assert parse_recipe(recipe.to_toml()) == Recipe.of(recipe)


@settings(deadline=None)
@given(
    st.text(),
    st.sampled_from([("relu3_3",), ("pool5", "relu4_1"), ("conv5_3", "fc6")]),
    st.lists(st.floats(0.01, 9), min_size=1, max_size=3),
    st.integers(1, 100),
    st.sampled_from(["query", "database", "both"]),
    st.integers(1, 129),
    st.booleans(),
)
def test_any_recipe_round_trips(
    name: str, taps: tuple[str, ...], scales: list[float], nearest: int, assign: Any, threshold: int, he: bool
) -> None:
    recipe = WordsRecipe(
        name,
        Patches("vgg16", taps, scales=tuple(scales), resize=Resize("area", 300, enlarge=True)),
        about=name,
        nearest=nearest,
        assign=assign,
        scoring=Scoring(he, threshold, 22.5, "both", "l2"),
        fusion=Fusion("rank", taps[:1]),
        vocabulary={"file": str(Path("/", f"{name}.words")), "sha256": "a" * 64},
    )
    again = WordsRecipe.parse(recipe.to_toml())
    assert again == recipe
    assert again.hash == recipe.hash


def test_defaults_and_aliases() -> None:
    recipe = WordsRecipe.parse(TEXT.replace("pool5", "block5_pool") + '[scoring]\nlayers = ["block5_pool"]\n')
    assert recipe.features == Patches("vgg16", ("relu3_3", "pool5"), resize=Resize("full"))
    assert recipe.fusion.layers == ("pool5",)
    assert (recipe.stored, recipe.asked) == (1, 3)
    assert recipe.scored({"layers": ("block3_conv3",)}).fusion.layers == ("relu3_3",)
    assert WordsRecipe.parse(TEXT.replace("pool5", "block3_conv3")).features.taps == ("relu3_3",)


@pytest.mark.parametrize(("side", "words"), [("query", (1, 4)), ("database", (4, 1)), ("both", (4, 4))])
def test_sides_of_multiple_assignment(side: str, words: tuple[int, int]) -> None:
    recipe = WordsRecipe.parse(TEXT + f'nearest = 4\nassign = "{side}"\n')
    assert (recipe.stored, recipe.asked) == words


def test_the_hash_covers_what_is_stored_and_nothing_else() -> None:
    patches = RECIPE.features
    same = [
        replace(RECIPE, name="x", about="y"),
        replace(RECIPE, nearest=5),  # of queries only
        RECIPE.scored({"threshold": 3, "fusion": "rank", "layers": ("pooled",)}),
        replace(RECIPE, vocabulary={"file": "elsewhere", "sha256": ""}),
    ]
    other = [
        replace(RECIPE, assign="both"),
        replace(RECIPE, vocabulary={"file": "", "sha256": "a" * 64}),
        *(
            replace(RECIPE, features=replace(patches, **change))
            for change in (
                {"taps": ("pooled", "block10")},
                {"pool": "sum"},
                {"size": 16},
                {"stride": 16},
                {"scales": (1.0, 0.5)},
                {"mode": "exact"},
                {"resize": Resize("longest", 49)},
                {"weights": "other"},
            )
        ),
    ]
    assert {one.hash for one in same} == {RECIPE.hash}
    assert len({RECIPE.hash, *(one.hash for one in other)}) == len(other) + 1
    assert all(RECIPE.difference(one) == "" for one in same)
    assert RECIPE.difference(other[0]) == "stored 1 against 3"
    assert "patches.pool max against sum" in RECIPE.difference(other[3])


def test_kinds_are_told_apart() -> None:
    vector = VectorRecipe.load("default")
    one, other = Recipe.of(vector), Recipe.of(RECIPE)
    assert parse_recipe(vector.to_toml()) == one
    assert recipe_names()[0] == "default"
    assert set(words_recipe_names()) < set(recipe_names())
    assert "one is of visual words and the other of a vector" in one.difference(other)
    assert one.difference(one) == other.difference(other) == ""
    with pytest.raises(UsageError, match="'mof-lite0' makes visual words, and this needs"):
        VectorRecipe.load("mof-lite0")
    assert VectorRecipe.load("default") == vector
    with pytest.raises(UnknownName, match=r"no recipe is called 'mof-lite'.*mof-lite0"):
        load_recipe("mof-lite")


BAD = {
    "nonsense": "is not a TOML file",
    TEXT + "sise = 3": "no key 'sise'.*size",
    TEXT.replace("taps", "tap"): "no key 'tap'",
    TEXT.replace('network = "vgg16"', ""): "needs a network and its taps",
    TEXT.replace('"relu3_3", "pool5"', ""): "at least one tap",
    TEXT.replace("pool5", "pool9"): "no tap 'pool9'",
    TEXT.replace("vgg16", "vgg61"): "no network is called 'vgg61'",
    TEXT.replace('"pool5"', "5"): "taps must be a list of texts",
    TEXT.replace('"words"', '"word"'): "kind cannot be 'word'",
    TEXT + "nearest = 0": "nearest of the recipe must lie between 1 and 100",
    TEXT + 'nearest = "3"': "must be a whole number",
    TEXT + 'assign = "queries"': "assign cannot be 'queries'",
    TEXT + 'pool = "mean"': "no pool of patches is called 'mean'",
    TEXT + "size = 0": "size of the recipe must lie between",
    TEXT + "scales = []": "scales of patches",
    TEXT + "scales = [[1]]": "scales must be a list of numbers",
    TEXT + 'scales = ["1"]': "scales must be a list of numbers",
    TEXT + "scales = [true]": "scales must be a list of numbers",
    TEXT + "scales = [nan]": "scales of patches",
    TEXT + "scales = 1": "scales must be a list",
    TEXT.replace('{ policy = "full" }', "3"): "resize must be a table",
    TEXT.replace('policy = "full"', "size = -1"): "size of",
    TEXT.replace("full", "long"): "no resize policy is called 'long'",
    TEXT + "[scoring]\nthreshold = 0": "threshold 0 must be from 1",
    TEXT + "[scoring]\nsigma = nan": "sigma",
    TEXT + "[scoring]\ntreshold = 5": "no key 'treshold'.*threshold",
    TEXT + '[scoring]\nburstiness = "all"': "no burstiness is called 'all'",
    TEXT + '[scoring]\nfusion = "max"': "no fusion is called 'max'",
    TEXT + "[scoring]\nlayers = 5": "layers of scoring must be a list",
    TEXT + '[scoring]\nlayers = ["relu4_1"]': "a layer that is asked cannot be 'relu4_1'",
    TEXT + '[scoring]\nlayers = ["pool5", "pool5"]': "name one twice",
    TEXT + '[scoring]\nlayers = ["pool5", "block5_pool"]': "name one twice",
    TEXT + "vocabulary = 3": "vocabulary must be a table",
    TEXT + "[vocabulary]\nfile = 3": "must be a text",
    TEXT + '[vocabulary]\nfile = "none.words"': "none.words cannot be read",
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_is_refused(text: str) -> None:
    with pytest.raises(BadRecipe, match=f"(?s)^my.toml.*{BAD[text]}"):
        WordsRecipe.parse(text, origin="my.toml")


ATOM = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
FLAT = ATOM | st.lists(ATOM, max_size=3) | st.dictionaries(st.text(max_size=4), ATOM, max_size=3)
ODD = FLAT | st.lists(FLAT, max_size=3) | st.dictionaries(st.text(max_size=4), FLAT, max_size=3)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([*tomllib.loads(RECIPE.to_toml()), "vocabulary"]), ODD)
def test_no_value_of_any_key_ends_in_a_traceback(key: str, value: Any) -> None:
    table = tomllib.loads(RECIPE.to_toml()) | {key: value}
    try:
        WordsRecipe.read(table, Path())
    except LikewiseError:
        pass


def test_a_vocabulary_lies_beside_its_recipe(tmp_path: Path) -> None:
    (tmp_path / "v.words").write_bytes(b"x")
    file = tmp_path / "mine.toml"
    file.write_text(TEXT + '[vocabulary]\nfile = "v.words"\n')
    (found,) = load_recipe(file).layers
    assert isinstance(found, WordsRecipe)
    assert found.vocabulary["file"] == str(tmp_path / "v.words")
    assert str(found.vocabulary["sha256"]).startswith("2d711642")
    file.write_text(TEXT + f'[vocabulary]\nfile = "v.words"\nsha256 = "{found.vocabulary["sha256"]}"\n')
    assert load_recipe(file).layers[0] == found
    file.write_text(TEXT + '[vocabulary]\nfile = "v.words"\nfiel = "w.words"\n')
    with pytest.raises(BadRecipe, match="vocabulary has no key 'fiel'"):
        load_recipe(file)
    with pytest.raises(BadRecipe, match="cannot be read"):
        load_recipe(tmp_path / "other.toml")


def test_scoring_of_one_search() -> None:
    scored = RECIPE.scored({"hamming": False, "sigma": 20, "layers": ["pooled"]})
    assert (scored.scoring.hamming, scored.scoring.sigma) == (False, 20.0)
    assert scored.fusion == Fusion("scaled", ("pooled",))
    assert scored.hash == RECIPE.hash
    for odd in ({"hammering": 1}, {"hamming": 1}, {"layers": "pooled"}, {"layers": [3]}, {"layers": [""]}):
        with pytest.raises(UsageError):
            RECIPE.scored(odd)
