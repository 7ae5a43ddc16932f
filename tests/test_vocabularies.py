"""Learning vocabularies: the sample, weights of layers, failures, and the default that is learned once."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.arrays.artifacts import known_by
from likewise.demoset import rendering
from likewise.errors import UsageError
from likewise.files import sha256_file
from likewise.learning import Learning, choose, default_vocabulary, learn_vocabulary, vocabularies
from likewise.local import patches
from likewise.types import Progress
from likewise.words.vocabulary import Vocabulary
from tests.fake_words import PATCHES, RECIPE, TAPS, FakePatches, make_pictures

HOW = Learning(words=12, iterations=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "others", 24, first=300)
    return tmp_path / "others"


def learn(folder: Path, how: Learning = HOW, **options: Any) -> vocabularies.LearnedVocabulary:
    return learn_vocabulary(FakePatches(PATCHES), choose(folder), RECIPE, how, **options)


def test_what_is_learned(folder: Path, tmp_path: Path) -> None:
    (folder / "bad.png").write_bytes(b"no picture")
    seen = list[Progress]()
    learned = learn(folder, progress=seen.append)
    assert learned.vocabulary.sizes == dict.fromkeys(TAPS, 12)
    assert [path.name for path in learned.failures] == ["bad.png"]
    # 12 words want 600 features of 25 files: 24 of each, which is all of the 24 that can be read
    assert learned.features == 24 * 24
    assert learned.recalls == dict.fromkeys(TAPS, 1.0)
    scales = learned.vocabulary.scales
    assert all(scale >= 0 for scale in scales.values()) and max(scales.values()) > 0
    origin = learned.vocabulary.origin
    files = [file for file in sorted(folder.iterdir()) if file.name != "bad.png"]
    assert origin.pictures == tuple(sorted(known_by(sha256_file(file)) for file in files))
    notes = list(dict.fromkeys(one.note for one in seen))
    assert notes == [
        "describing local features",
        "learning the words of block10",
        "learning the words of pooled",
        "weighing the layers",
    ]
    learned.vocabulary.save(tmp_path / "v.words")
    Vocabulary.load(tmp_path / "v.words").expect(RECIPE, "it")


def test_the_seed_decides_alone(folder: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        learn(folder, replace(HOW, seed=seed)).vocabulary.save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "same").read_bytes()
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


def test_features_are_sampled_evenly(folder: Path) -> None:
    learned = learn(folder, replace(HOW, words=3))  # 150 features of 24 pictures: 7 of each
    assert learned.features == 7 * 24


def test_too_little_to_learn_from(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="576 features are too few for 5000 words"):
        learn(folder, replace(HOW, words=5000))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"none of 1 pictures can be read, the first: .*a\.jpg"):
        learn(tmp_path / "bad")


@pytest.mark.parametrize(("layers", "steps"), [(1, 10), (2, 10), (3, 10), (4, 10), (8, 10), (12, 6)])
def test_weights_that_are_tried(layers: int, steps: int) -> None:
    weights = vocabularies._weights(layers)
    assert len(weights) == math.comb(layers + steps - 1, steps) <= vocabularies._TRIALS
    assert len({tuple(one) for one in weights}) == len(weights)
    np.testing.assert_allclose([one.sum() for one in weights], 1)
    assert np.var(weights[0]) == min(np.var(one) for one in weights)
    assert any(one.max() == 1 for one in weights)


def test_margin_counts_ranks_first() -> None:
    table = np.array([[5.0, 1, 0], [4, 3, 3], [0, 0, 2]])
    # ranks 1, 3 (one is better, one ties), 1; ahead 5/6, 3/7, 1
    assert vocabularies._margin(table) == pytest.approx(7 / 9 + 1e-3 * (5 / 6 + 3 / 7 + 1) / 3)
    tied = np.ones((2, 2))
    assert vocabularies._margin(tied) == pytest.approx(0.5 + 0.5e-3)  # a tie is no find


def test_the_default_is_learned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = list[int]()

    def render(folder: Path, count: int, **options: object) -> list[Path]:
        rendered.append(count)
        return make_pictures(folder, 12, first=100)

    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path))
    monkeypatch.setattr(vocabularies, "render_scenes", render)
    monkeypatch.setattr(patches, "PatchExtractor", FakePatches)
    monkeypatch.setattr(vocabularies, "DEFAULT_WORDS", 8)
    path = default_vocabulary(RECIPE)
    assert path == default_vocabulary(replace(RECIPE, name="../../other", about="x"))
    assert path.parent == tmp_path / "vocabularies"
    assert rendered == [vocabularies.DEFAULT_PICTURES]
    found = Vocabulary.load(path)
    assert (found.sizes, found.origin.about) == (dict.fromkeys(TAPS, 8), "rendered scenes")
    # the layers' weights are learned by how matches are scored
    assert default_vocabulary(RECIPE.scored({"threshold": 20})) != path
    assert default_vocabulary(replace(RECIPE, features=replace(PATCHES, pool="sum"))) != path


def test_scenes_are_rendered_once(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    files = rendering.render_scenes(tmp_path, 2)
    before = [file.read_bytes() for file in files]
    files[1].unlink()
    stamp = files[0].stat().st_mtime_ns
    seen = list[Progress]()
    again = rendering.render_scenes(tmp_path, 2, progress=seen.append)
    assert [file.read_bytes() for file in again] == before
    assert (files[0].stat().st_mtime_ns, len(seen)) == (stamp, 2)
