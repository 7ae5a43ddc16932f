from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.arrays.artifacts import Sample
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.parts import Part, Step
from likewise.descriptors.poolings import POOLINGS
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import Origin, Whitening
from likewise.descriptors.transforms.quantiser import Quantiser
from likewise.errors import BadRecipe, CollectionDamaged, NewerManifest, UnknownName
from likewise.pictures import Resize
from likewise.recipes.recipe import load_recipe, parse_recipe
from likewise.tables import recipe_names

TEXT = """
name = "mine"
network = "vgg16"
scales = [1, 0.5]
[resize]
size = 512
[[parts]]
tap = "relu5_3"
[parts.options]
p = 4
[[parts]]
tap = "pool4"
pool = "max"
weight = 2
"""
SHORT = """
network = "vgg16"
[resize]
size = 512
[[parts]]
tap = "relu5_3"
"""


def manifest(recipe: VectorRecipe) -> Manifest:
    return Manifest(recipe.to_toml(), recipe.hash, recipe.network, "w" * 64, "torch", "f32", "0.1", 512)


def test_reads_every_key() -> None:
    recipe = VectorRecipe.parse(TEXT)
    assert recipe.resize == Resize("longest", 512)
    assert recipe.scales == (1.0, 0.5)
    assert recipe.parts == (
        Part("relu5_3", "gem", 1.0, {"p": 4.0, "eps": 1e-6, "centre": 0.0}),
        Part("pool4", "max", 2.0),
    )
    assert recipe.transforms == (Step("l2"),)
    assert (recipe.weights, recipe.distance, recipe.code) == ("", "cosine", "fp16")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
parts = st.one_of(
    st.builds(
        Part, texts, st.just("gem"), st.floats(1e-3, 1e3), st.fixed_dictionaries({"p": st.floats(1, 9)})
    ),
    st.builds(Part, texts, st.just("rmac"), options=st.fixed_dictionaries({"levels": st.integers(1, 5)})),
    st.builds(Part, texts, st.sampled_from(["sum", "mean", "max", "crow", "none"])),
    st.builds(Part, texts, st.just("spoc"), options=st.fixed_dictionaries({"prior": st.booleans()})),
)
whitens = st.builds(lambda file: Step("whiten", {"file": str(Path("/", file)), "sha256": "ab" * 32}), texts)
steps = st.lists(st.one_of(st.just(Step("root", {"exponent": 0.25})), whitens), max_size=3)
recipes = st.builds(
    VectorRecipe,
    name=texts,
    network=texts.filter(bool),
    parts=st.lists(parts, min_size=1, max_size=3).map(tuple),
    resize=st.builds(
        Resize, st.sampled_from(["longest", "shortest", "area"]), st.integers(1, 9999), st.booleans()
    ),
    about=texts,
    weights=texts,
    scales=st.lists(st.floats(0.1, 4), min_size=1, max_size=3).map(tuple),
    transforms=steps.map(lambda some: (*some, Step("l2"))),
    distance=st.sampled_from(["cosine", "l2"]),
    code=st.sampled_from(["fp32", "fp16", "int8"]),
)


@settings(deadline=None)
@given(recipes)
def test_comes_back_from_its_toml(recipe: VectorRecipe) -> None:
    again = VectorRecipe.parse(recipe.to_toml())
    assert again == recipe
    assert again.hash == recipe.hash


def test_hash_is_of_what_changes_vectors() -> None:
    recipe = VectorRecipe.parse(TEXT)
    renamed = dataclasses.replace(recipe, name="other", about="words")
    assert renamed.hash == recipe.hash
    for change in (
        {"scales": (1.0,)},
        {"code": "int8"},
        {"resize": Resize("longest", 511)},
        {"weights": "keras"},
    ):
        assert dataclasses.replace(recipe, **change).hash != recipe.hash


def test_hash_does_not_depend_on_what_is_left_to_defaults() -> None:
    spelt = SHORT + 'pool = "gem"\nweight = 1\noptions = {p = 3}\n'
    assert VectorRecipe.parse(spelt).hash == VectorRecipe.parse(SHORT).hash


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('netwrok = "vgg16"', "has no key 'netwrok'; did you mean 'network'"),
        ("name = 3", "name of the recipe must be a text, not 3"),
        ('code = "fp8"', "code cannot be 'fp8'; known: fp16, fp32, int8"),
        ('distance = "manhattan"', "distance cannot be 'manhattan'"),
        ("scales = []", "at least one scale"),
        ("scales = [0]", "must lie between 0.01 and 16"),
        ("scales = [nan]", "must lie between"),
        ('scales = ["a"]', "must be a number, not 'a'"),
        ("scales = 1", "scales must be a list"),
        ("transforms = []", "let transforms end with"),
        ("transforms = [1]", "transforms must be a table"),
        ("transforms = [{}]", "needs a kind, one of l2, root, whiten"),
        ('transforms = [{kind = "l3"}]', "transform cannot be 'l3'"),
        ('transforms = [{kind = "l2", exponent = 1}]', "no key 'exponent'; it takes no options"),
        ('transforms = [{kind = "root", exponent = 0}]', "must lie between"),
        ('transforms = [{kind = "whiten"}]', "needs a file and its sha256"),
        ('transforms = [{kind = "whiten", file = "absent"}]', "absent cannot be read"),
        ("this is not toml", "is not a TOML file"),
    ],
)
def test_errors_of_the_head_name_the_remedy(line: str, message: str) -> None:
    with pytest.raises(BadRecipe, match=message):
        VectorRecipe.parse(line + "\n" + SHORT)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("poool = 1", "has no key 'poool'; did you mean 'pool'"),
        ('pool = "gme"', "pool cannot be 'gme'; did you mean 'gem'"),
        ("options = {q = 3}", "pool 'gem' has no key 'q'"),
        ("options = {p = 1e9}", "p of pool 'gem' must lie between 0.1 and 100"),
        (f"options = {{p = 1{400 * '0'}}}", "must lie between"),
        ("options = {p = true}", "must be a number, not True"),
        ("weight = 0", "weight of "),
        ('pool = "rmac"\noptions = {levels = 2.5}', "must be a whole number, not 2.5"),
        ('pool = "flatten"', "set resize.policy to 'square'"),
        ("[[parts]]", "needs a tap"),
        ("[resize2]", "has no key 'resize2'; did you mean 'resize'"),
    ],
)
def test_errors_of_a_part_name_the_remedy(part: str, message: str) -> None:
    with pytest.raises(BadRecipe, match=message):
        VectorRecipe.parse(SHORT + part)


@pytest.mark.parametrize(
    "table", ['policy = "long"\nsize = 3', "size = 0", "siez = 3", "size = -1", "scale = 2.0"]
)
def test_errors_of_resize(table: str) -> None:
    with pytest.raises(BadRecipe, match="recipe mine: "):
        VectorRecipe.parse(SHORT.replace("size = 512", table), origin="recipe mine")


@pytest.mark.parametrize("missing", ['network = "vgg16"', '[[parts]]\ntap = "relu5_3"'])
def test_what_a_recipe_needs(missing: str) -> None:
    with pytest.raises(BadRecipe, match="needs a network, at least one part"):
        VectorRecipe.parse(SHORT.replace(missing, ""))


def test_a_scaled_resize_belongs_into_scales() -> None:
    with pytest.raises(BadRecipe, match="belongs into scales"):
        VectorRecipe("r", "vgg16", (Part("relu5_3"),), Resize("longest", 512).scaled(0.5))


def test_whitening_is_known_by_its_content(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "w.safetensors").write_bytes(b"learned")
        line = 'transforms = [{kind = "whiten", file = "w.safetensors"}, {kind = "l2"}]\n'
        (tmp_path / folder / "r.toml").write_text(line + SHORT)
    first, second = (VectorRecipe.load(tmp_path / folder / "r.toml") for folder in ("a", "b"))
    assert first.transforms[0].options["file"] == str(tmp_path / "a" / "w.safetensors")
    assert first.hash == second.hash
    (tmp_path / "b" / "w.safetensors").write_bytes(b"otherwise")
    assert VectorRecipe.load(str(tmp_path / "b" / "r.toml")).hash != first.hash


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="cannot be read"):
        VectorRecipe.load(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadRecipe, match="cannot be read"):
        VectorRecipe.load(tmp_path / "binary.toml")
    with pytest.raises(UnknownName, match="did you mean 'rmac'"):
        VectorRecipe.load("rmcc")


def test_shipped_recipes() -> None:
    names = recipe_names()
    expected = {"neural-codes", "pool5", "keras-gap", "spoc", "mac", "rmac", "gem", "crow"}
    assert names[0] == "default"
    assert expected <= set(names)
    recipes = [load_recipe(name) for name in names]
    assert [recipe.name for recipe in recipes] == names
    assert all(recipe.about for recipe in recipes)
    vectors = [recipe for recipe in recipes if not recipe.words]
    assert len({recipe.hash for recipe in vectors}) == len(vectors)  # words may differ in scoring alone


def test_difference_names_what_differs() -> None:
    recipe = VectorRecipe.parse(TEXT)
    other = dataclasses.replace(recipe, scales=(1.0,), name="x")
    assert recipe.difference(other) == "scales.1 0.5 against absent"
    assert recipe.difference(dataclasses.replace(recipe, about="x")) == ""


def test_manifest_comes_back_from_json() -> None:
    found = manifest(VectorRecipe.parse(TEXT))
    assert Manifest.from_json(found.to_json()) == found


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"recipe": 1}'])
def test_damaged_manifest(text: str) -> None:
    with pytest.raises(CollectionDamaged, match="the manifest cannot be read"):
        Manifest.from_json(text)


def test_manifest_of_wrong_types_or_extra_fields() -> None:
    table = json.loads(manifest(VectorRecipe.parse(TEXT)).to_json())
    with pytest.raises(CollectionDamaged, match="dimensions of the wrong type"):
        Manifest.from_json(json.dumps(table | {"dimensions": "512"}))
    with pytest.raises(NewerManifest, match=r"'extra'.*newer"):
        Manifest.from_json(json.dumps(table | {"extra": 1}))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a" + ".a" * 50_000 + " = 1", "100 parts"),
        ("[" + "a." * 50_000 + "a]", "100 parts"),
        ("a = {" + "a." * 50_000 + "a = 1}", "100 parts"),
        ("# " + "a" * 300_000, "262144 characters"),
    ],
)
def test_what_takes_long_to_read_is_not_read(text: str, told: str) -> None:
    with pytest.raises(BadRecipe, match=told):
        parse_recipe(text)


def test_manifest_difference() -> None:
    mine = manifest(VectorRecipe.parse(TEXT))
    assert mine.difference(dataclasses.replace(mine, engine="openvino", version="9")) == ""
    other = dataclasses.replace(manifest(VectorRecipe.parse(TEXT.replace("512", "448"))), precision="bf16")
    found = mine.difference(other)
    assert found == "the recipe differs: resize.size 512 against 448; the precision differs: f32 against bf16"
    assert "the weights of vgg16 differ" in mine.difference(dataclasses.replace(mine, weights_hash="v"))
    assert "dimensions differ: 512 against 4" in mine.difference(dataclasses.replace(mine, dimensions=4))


def test_transforms_and_recipes_import_neither_torch_nor_scikit_learn() -> None:
    code = "import sys, likewise.descriptors.transforms; print({'torch', 'sklearn'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_an_option_at_its_default_does_not_change_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = VectorRecipe.parse(SHORT)
    gem = POOLINGS["gem"]
    monkeypatch.setitem(POOLINGS, "gem", dataclasses.replace(gem, options={**gem.options, "later": 1.0}))
    after = VectorRecipe.parse(SHORT)
    assert after.parts[0].options["later"] == 1.0
    assert after.hash == before.hash
    assert VectorRecipe.parse(SHORT + "options = {later = 2}\n").hash != before.hash


@pytest.mark.parametrize("value", ["[" * 100_000, "9" * 5000, "0x" + "f" * 5000, "1e999"])
def test_values_without_end_are_no_recipe(value: str) -> None:
    with pytest.raises(BadRecipe):
        VectorRecipe.parse(f"name = {value}")


def test_hashes_do_not_change_between_versions() -> None:
    # Collections in the world carry them: a change here makes every one of them refuse its queries.
    assert (
        VectorRecipe.parse(SHORT).hash == "3361d5793e3300e38ecba96f5c51414460bd71b70a2aaa08ec12050534eedfd8"
    )
    assert VectorRecipe.parse(TEXT).hash == "b986ddbcaa270535b98e6a4c843a0ce934dfd3122dcdcfce4c8997ca839eb372"


def whitening(path: Path, **origin: Any) -> Path:
    """Write a whitening of three numbers to two."""
    told = Origin("", samples=3, exponent=0.5, shrinkage=0.0, **origin)
    Whitening(np.zeros(3, np.float32), np.ones((3, 2), np.float32), told).save(path)
    return path


def test_whitened_appends_the_whitening_and_l2(tmp_path: Path) -> None:
    recipe = VectorRecipe.parse(TEXT)
    path = whitening(tmp_path / "w.safetensors", recipe=recipe.to_toml())
    found = recipe.whitened(path)
    assert found.transforms == (Step("l2"), Step.whiten(path), Step("l2"))
    assert found.name == "mine-whitened"
    assert found.hash != recipe.hash
    bare = dataclasses.replace(recipe, distance="l2", transforms=())
    without_origin = whitening(tmp_path / "v.safetensors")
    assert bare.whitened(without_origin).transforms == (Step.whiten(without_origin), Step("l2"))


def test_a_whitening_fits_other_sizes_but_no_other_vectors(tmp_path: Path) -> None:
    recipe = VectorRecipe.parse(TEXT)
    path = whitening(tmp_path / "w.safetensors", recipe=recipe.to_toml())
    for change in ({"resize": Resize("longest", 99)}, {"scales": (1.0,)}, {"code": "int8"}):
        dataclasses.replace(recipe, **change).whitened(path)
    with pytest.raises(BadRecipe, match=r"was learned for recipe 'mine', which differs from .*pool4"):
        dataclasses.replace(recipe, parts=recipe.parts[:1]).whitened(path)


def test_a_whitening_of_regions_goes_into_the_pooling(tmp_path: Path) -> None:
    recipe = dataclasses.replace(
        VectorRecipe.parse(TEXT), parts=(Part("relu5_3", "rmac"), Part("pool4", "max"))
    )
    path = whitening(tmp_path / "w.safetensors", recipe=recipe.to_toml(), regions=True)
    found = recipe.whitened(path)
    assert found.transforms == recipe.transforms
    assert found.parts[1] == recipe.parts[1]
    learned = found.parts[0].whitening
    assert learned is not None
    assert learned.projection.shape == (3, 2)
    assert recipe.parts[0].whitening is None
    assert found.hash != recipe.hash
    assert VectorRecipe.parse(found.to_toml()) == found
    moved = (tmp_path / "moved.safetensors").resolve()
    path.rename(moved)
    assert recipe.whitened(moved).hash == found.hash
    text = SHORT + 'pool = "rmac"\noptions = {file = "moved.safetensors"}\n'
    assert VectorRecipe.parse(text, folder=tmp_path).parts[0].options["file"] == str(moved)
    with pytest.raises(BadRecipe, match="needs a file and its sha256"):
        Part("relu5_3", "rmac", options={"file": "w", "sha256": ""})


def test_quantised_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "q.safetensors"
    recipe = VectorRecipe.parse(TEXT)
    pieces = np.zeros((2, 256, 3), np.float32)
    Quantiser(pieces, Sample("", 0, recipe=recipe.to_toml())).save(path)
    found = recipe.quantised(path)
    assert (found.code, found.name, found.quantiser["file"]) == ("pq", "mine-pq", str(path))
    assert VectorRecipe.parse(found.to_toml()) == found
    assert VectorRecipe.parse(
        f'code = "pq"\nquantiser = {{file = "{path.name}"}}' + TEXT, folder=tmp_path
    ) == (dataclasses.replace(found, name="mine"))
    assert found.hash != recipe.hash
    elsewhere = path.rename(tmp_path / "moved.safetensors")
    assert recipe.quantised(elsewhere).hash == found.hash
    with pytest.raises(BadRecipe, match="belong together"):
        dataclasses.replace(recipe, code="pq")
    with pytest.raises(BadRecipe, match="was learned for recipe 'mine'"):
        dataclasses.replace(recipe, network="alexnet").quantised(elsewhere)
