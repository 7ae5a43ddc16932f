"""Fitting descriptors to labelled pictures: what is held out, what is learned, and that it can be used."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Generator

from likewise import cli
from likewise.descriptors.extractor import Extractor
from likewise.descriptors.parts import Part
from likewise.descriptors.recipe import VectorRecipe
from likewise.errors import BadWeights, UsageError, WeightsMissing
from likewise.learning import Gathered, choose_groups
from likewise.networks.cifar import CIFAR10
from likewise.networks.weights import files as weights
from likewise.pictures import Resize
from likewise.study.cifar_module import CifarModule
from likewise.training.fitting import fit
from likewise.training.own import split
from likewise.training.pictures import _cropped, load_pictures
from likewise.training.projection import fit_projection
from likewise.training.retrieval import RetrievalSettings, _batches
from likewise.types import FloatArray

QUICK = RetrievalSettings(rate=1e-2, most=8, patience=8, groups=4, pictures=4)


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=60), st.floats(0, 0.9), st.booleans())
def test_a_split_is_one(groups: list[str], share: float, whole: bool) -> None:
    try:
        parts = split(groups, share, whole=whole)
    except UsageError as error:
        assert "two groups with two pictures" in str(error)
        return
    assert sorted(parts.train + parts.held) == list(range(len(groups)))
    trained, held = (Counter(groups[place] for place in side) for side in (parts.train, parts.held))
    assert sum(count >= 2 for count in trained.values()) >= 2
    if whole:
        assert not trained.keys() & held.keys()
    else:
        assert all(count >= 2 and trained[group] >= 2 for group, count in held.items())
        assert share or not held


def test_one_class_is_no_training() -> None:
    with pytest.raises(UsageError, match="needs two groups with two pictures each, and 1 of 1"):
        split(["cat"] * 9, 0.3)


def test_steps_take_pictures_of_several_groups() -> None:
    labels = [group for group in "aaaabbbbccccd"]
    parts = split(labels, 0.0)
    steps = list(_batches(labels, parts, replace(QUICK, groups=3, pictures=2), 1))
    for step in steps:
        assert sorted(Counter(labels[place] for place in step).values()) == [2, 2, 2]
    assert len(steps) == 2  # twelve pictures in groups of two or more, six a step
    assert steps != list(_batches(labels, parts, replace(QUICK, groups=3, pictures=2), 2))


def _gathered() -> Gathered:
    """Vectors whose groups differ in two small dimensions and vary in six large ones."""
    noise = np.random.default_rng(0)
    groups = tuple(str(number // 8) for number in range(64))
    angles = np.array([int(group) for group in groups]) * np.pi / 4
    vectors = np.concatenate(
        [np.stack([np.cos(angles), np.sin(angles)], 1) * 0.6, noise.normal(size=(64, 6))], 1
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Gathered("noise", vectors.astype(np.float32), groups, (), {})


RECIPE = VectorRecipe("cifar", "cifar10", (Part("relu6", "mean"),), Resize("square", 32))


def test_a_projection_finds_what_tells_groups_apart(tmp_path: Path) -> None:
    gathered = _gathered()
    parts = split(gathered.groups or (), 0.5)
    settings = replace(QUICK, most=40, patience=40)
    recipe, learned = fit_projection(gathered, parts, RECIPE, settings, tmp_path)
    assert learned.best.score > learned.before.score + 0.2
    assert recipe.transforms[-2].kind == "whiten"
    assert recipe.transforms[-1].kind == "l2"


def test_a_projection_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    gathered, parts = _gathered(), split(_gathered().groups or (), 0.5)
    whole = fit_projection(gathered, parts, RECIPE, QUICK, tmp_path / "whole")[1]
    for most in (3, 8):
        again = fit_projection(gathered, parts, RECIPE, replace(QUICK, most=most), tmp_path / "parts")[1]
    assert np.array_equal(whole.tensors["weight"], again.tensors["weight"])
    with pytest.raises(UsageError, match=r"holds a training with rate 0\.01 instead of 0\.1"):
        fit_projection(gathered, parts, RECIPE, replace(QUICK, rate=0.1), tmp_path / "parts")


def test_a_projection_begins_as_a_rotation(tmp_path: Path) -> None:
    gathered = _gathered()
    parts = split(gathered.groups or (), 0.0)
    settings = replace(QUICK, most=1, rate=1e-12)
    _, learned = fit_projection(gathered, parts, RECIPE, settings, tmp_path)
    turned: FloatArray = gathered.vectors @ learned.tensors["weight"].T
    np.testing.assert_allclose(turned @ turned.T, gathered.vectors @ gathered.vectors.T, atol=1e-5)
    with pytest.raises(UsageError, match="cannot project vectors of 8 numbers to 9"):
        fit_projection(gathered, parts, RECIPE, settings, tmp_path / "b", dim=9)


def test_a_random_part_of_a_picture() -> None:
    ramp = torch.arange(32, dtype=torch.uint8).expand(5, 32, 32)[..., None].expand(-1, -1, -1, 3)
    parts = _cropped(ramp, Generator().manual_seed(0))
    assert parts.shape == ramp.shape
    across = parts[:, 16, :, 0]
    shown = across[:, -1] - across[:, 0]
    assert bool(((shown > 0.55 * 31) & (shown < 31.01)).all())  # 0.6 to 1 of the side
    assert len(set(shown.tolist())) > 1
    assert not np.array_equal(parts, _cropped(ramp, Generator().manual_seed(1)))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three groups of six pictures of one colour each with noise, and one file that is no picture."""
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path / "cache"))
    noise = np.random.default_rng(0)
    for number in range(18):
        folder = tmp_path / "photos" / "abc"[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = noise.integers(0, 200, (40, 48, 3), np.uint8)
        pixels[..., number % 3] |= 64
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (tmp_path / "photos" / "a" / "bad.jpg").write_text("no picture")
    return tmp_path / "photos"


@pytest.fixture
def recipe(tmp_path: Path) -> VectorRecipe:
    """A small network with random weights from a file."""
    state = CifarModule(Generator().manual_seed(0)).state_dict()
    tensors = {name: value.numpy() for name, value in state.items()}
    path = tmp_path / "random.safetensors"
    weights.write_weights(path, CIFAR10, CIFAR10.weights[0], tensors, origin="random")
    return replace(RECIPE, weights=str(path))


def test_a_network_is_tuned_and_its_recipe_works(photos: Path, recipe: VectorRecipe, tmp_path: Path) -> None:
    chosen = choose_groups(photos)
    settings = replace(QUICK, rate=1e-3, most=2, patience=2, groups=3)
    done = fit(
        chosen,
        photos,
        tmp_path / "out",
        what="network",
        recipe=recipe,
        settings=settings,
        hold_out=0.3,
        size=32,
    )
    assert [path.name for path in done.failures] == ["bad.jpg"]
    assert (done.trained_on, done.held_out) == (12, 6)
    assert done.held is not None
    rows = list(csv.DictReader(done.held.read_text().splitlines()))
    assert len(rows) == 6
    assert all((photos / row["file"]).is_file() and row["file"].startswith(row["group"]) for row in rows)
    tuned = VectorRecipe.load(done.recipe)
    assert tuned.weights == str(tmp_path / "out" / "weights.safetensors")
    pixels = load_pictures(chosen, 32).pixels[:2]
    vectors = [
        extractor.describe([extractor.prepare(picture) for picture in pixels])
        for extractor in (Extractor(recipe, engine="torch"), Extractor(tuned, engine="torch"))
    ]
    assert vectors[1].shape == (2, 16)
    if done.learned.best.number:
        assert not np.allclose(vectors[0], vectors[1])


def test_layers_before_since_stay_as_they_are(photos: Path, recipe: VectorRecipe, tmp_path: Path) -> None:
    settings = replace(QUICK, rate=1e-2, most=1, groups=3)
    options = {"recipe": recipe, "settings": settings, "hold_out": 0.0, "size": 32}
    fit(choose_groups(photos), photos, tmp_path / "out", what="network", since="pool2", **options)  # type: ignore[arg-type]
    before, after = (
        weights.locate(CIFAR10, str(path)).tensors()
        for path in (recipe.weights, tmp_path / "out" / "weights.safetensors")
    )
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert {name.partition(".")[0] for name in same} == {
        "conv1",
        "conv2",
        "conv3",
        "conv4",
        "dense1",
        "dense2",
    }


def test_a_recipe_with_a_weights_file(recipe: VectorRecipe, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.safetensors"
    moved.write_bytes(Path(recipe.weights).read_bytes())
    assert replace(recipe, weights=str(moved), weights_sha256="").hash == recipe.hash
    assert recipe.hash != replace(recipe, weights="", weights_sha256="").hash
    assert recipe.difference(replace(recipe, weights="", weights_sha256="")).startswith("weights_sha256 ")
    with pytest.raises(WeightsMissing, match=r"there is no weights file .*gone\.safetensors"):
        replace(recipe, weights=str(tmp_path / "gone.safetensors"), weights_sha256="")
    Path(recipe.weights).unlink()
    with pytest.raises(WeightsMissing, match="there is no weights file"):
        Extractor(recipe)


def test_a_weights_file_of_another_network_is_refused(recipe: VectorRecipe) -> None:
    with pytest.raises(BadWeights, match="holds weights of cifar10, not of vgg16"):
        Extractor(replace(recipe, network="vgg16", parts=(Part("pool5", "mean"),)))


@pytest.fixture
def run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> object:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    return call


def test_the_command_trains_and_evaluate_takes_it(run: object, recipe: VectorRecipe, tmp_path: Path) -> None:
    assert callable(run)
    (tmp_path / "own.toml").write_text(recipe.to_toml())
    options = "--recipe own.toml --epochs 2 --hold-out 0.4 -o out".split()
    code, out, _ = run("train", "photos", *options)
    assert code == 0
    assert "left out: 'photos/a/bad.jpg' is no picture" in out
    assert "mAP among the 6 held out" in out
    assert "measure it: likewise evaluate csv --data photos --gt out/held-out.csv" in out
    command = (
        "evaluate csv --data photos --gt out/held-out.csv --recipe out/recipe.toml --engine torch --json"
    )
    code, out, err = run(*command.split())
    assert code == 0, err
    assert json.loads(out)["card"]["queries"] == 6


def test_the_command_refuses_what_cannot_be_trained(run: object, photos: Path) -> None:
    assert callable(run)
    code, _, err = run("train", "photos/a", "-o", "out")
    assert code == 2
    assert "has no sub-folders with pictures" in err
    code, _, err = run("train", "photos", "-o", "out", "--what", "network", "--dim", "8")
    assert code == 2
    assert "--dim is for a projection" in err
    code, _, err = run("train", "photos", "-o", "out", "--loss", "tripet")
    assert code == 2
    assert "did you mean 'triplet'?" in err
    for group in "bc":
        for file in (photos / group).iterdir():
            file.unlink()
    code, _, err = run("train", "photos", "-o", "out")
    assert code == 2
    assert "training needs two groups with two pictures each, and 1 of 1" in err
