"""``likewise whiten`` and ``likewise quantise``: learning, what to type next, and using what was learned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise import cli, descriptors
from likewise.arrays.artifacts import Sample
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import Whitening
from likewise.descriptors.transforms.quantiser import Quantiser
from tests.fakes import FakeExtractor, replace_network

Run = Callable[..., tuple[int, str, str]]
NETWORK = descriptors.Extractor


def _recipe(given: VectorRecipe | str) -> VectorRecipe:
    return VectorRecipe.load(given) if isinstance(given, str) else given


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command in this process, in a folder with photos/a, photos/b and an unreadable file.

    The network answers at once, unless a test puts the real one back.
    """
    replace_network(monkeypatch, lambda recipe, **options: FakeExtractor(_recipe(recipe)))
    noise = np.random.default_rng(0)
    for number in range(6):
        folder = tmp_path / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = noise.integers(0, 255, (4, 6, 3), np.uint8)
        Image.fromarray(pixels).resize((96, 64)).save(folder / f"{number}.png")
    (tmp_path / "photos" / "a" / "bad.jpg").write_text("no picture")
    monkeypatch.setenv("LIKEWISE_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    return call


def test_learn_show_and_use(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_network(monkeypatch, NETWORK)
    code, out, _ = run("whiten", "learn", "photos", "--dim", "3", "-o", "w.safetensors")
    assert code == 0
    assert "left out: 'photos/a/bad.jpg' is no picture" in out
    assert "1 could not be read" in out
    assert "w.safetensors: 1280 to 3 dimensions, learned on 6 vectors of photos" in out
    assert out.rstrip().endswith("use it: likewise index FOLDER --recipe default --whiten w.safetensors")
    found = json.loads(run("whiten", "show", "w.safetensors", "--json")[1])
    assert (found["takes"], found["gives"], found["method"], found["pictures"]) == (1280, 3, "pca", 6)
    assert run("index", "photos", "--whiten", "w.safetensors", "--into", "c.likewise")[0] == 0
    assert "vectors     3 x fp16" in run("info", "--in", "c.likewise")[1]
    assert run("search", "photos/a/0.png", "--in", "c.likewise")[0] == 0
    assert (
        run("extract", "photos", "--recipe", "default", "--whiten", "w.safetensors", "--output", "x.npy")[0]
        == 0
    )
    assert np.load("x.npy").shape == (6, 3)


def test_learn_from_groups(run: Run, tmp_path: Path) -> None:
    assert run("whiten", "learn", "photos", "--pairs", "--dim", "2", "-o", "p.safetensors")[0] == 0
    table = "".join(f"{folder}/{n}.png,{folder}\n" for n, folder in enumerate("ababab"))
    (tmp_path / "groups.csv").write_text("file,what\n" + table)
    options = ("--groups", "groups.csv", "--group", "what", "--dim", "2")
    assert run("whiten", "learn", "photos", *options, "-o", "g.safetensors")[0] == 0
    first, second = (Whitening.load(tmp_path / name) for name in ("p.safetensors", "g.safetensors"))
    assert first.origin.method == second.origin.method == "pairs"
    assert first.origin.about == "photos in 2 groups"
    np.testing.assert_allclose(np.abs(first.projection), np.abs(second.projection), atol=1e-4)


def test_a_quantiser_is_used(run: Run, tmp_path: Path) -> None:
    pieces = np.random.default_rng(0).standard_normal((3, 256, 4)).astype(np.float32)
    Quantiser(pieces, Sample("", 0)).save(tmp_path / "q.safetensors")
    assert json.loads(run("quantise", "show", "q.safetensors", "--json")[1])["bytes"] == 3
    assert run("index", "photos", "--quantise", "q.safetensors", "--into", "c.likewise")[0] == 0
    assert "vectors     12 x pq" in run("info", "--in", "c.likewise")[1]
    assert run("search", "photos/a/0.png", "--in", "c.likewise")[0] == 0


LEARN = ["whiten", "learn", "photos", "-o", "w.safetensors"]
ERRORS = [
    ([*LEARN, "--dim", "6"], 2, "between 1 and 5"),
    ([*LEARN, "--pairs", "--exponent", "0.5"], 2, "--exponent"),
    ([*LEARN, "--pairs", "--regions"], 2, "--regions"),
    ([*LEARN, "--regions"], 2, "pool 'rmac'"),
    ([*LEARN, "--groups", "absent.csv"], 2, "absent.csv"),
    (["whiten", "learn", "nowhere", "-o", "w.safetensors"], 2, "nowhere"),
    (["whiten", "learn", "photos", "-o", "photos/a/bad.jpg"], 2, "--overwrite"),
    (["whiten", "show", "absent.safetensors"], 4, "absent.safetensors"),
    (["whiten", "show", "photos/a/bad.jpg"], 4, "holds no whitening"),
    (["index", "photos", "--whiten", "absent.safetensors"], 4, "absent.safetensors"),
    (["quantise", "learn", "photos", "--bytes", "4", "-o", "q.safetensors"], 2, "6 vectors are too few"),
    (["quantise", "learn", "photos", "--bytes", "7", "-o", "q.safetensors"], 2, "7 equal pieces"),
    (["quantise", "show", "photos/a/bad.jpg"], 4, "holds no quantiser"),
    (["index", "photos", "--quantise", "absent.safetensors"], 4, "absent.safetensors"),
]


@pytest.mark.parametrize(("arguments", "expected", "part"), ERRORS, ids=[" ".join(a) for a, _, _ in ERRORS])
def test_an_error_is_one_line_and_a_documented_code(
    run: Run, arguments: list[str], expected: int, part: str
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (expected, "")
    assert err.startswith("likewise: error: ")
    assert err.count("\n") == 1
    assert part in err


def test_a_whitening_of_another_recipe_is_refused(run: Run) -> None:
    assert run("whiten", "learn", "photos", "--dim", "2", "-o", "w.safetensors")[0] == 0
    code, _, err = run("index", "photos", "--recipe", "gem", "--whiten", "w.safetensors")
    assert code == 2
    assert "was learned for recipe 'default'" in err
