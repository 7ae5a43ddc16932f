"""``likewise words``, and the commands on a collection of visual words, with a real network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from likewise import cli
from likewise.recipes.recipe import words_recipe_names
from tests.fake_words import picture

Run = Callable[..., tuple[int, str, str]]

SMALL = """
name = "small"
kind = "words"
network = "efficientnet-lite0"
taps = ["block4", "pooled"]
size = 64
stride = 32
resize = { policy = "longest", size = 128 }
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("words")
    for name, first in (("others", 200), ("photos", 0)):
        (place / name).mkdir()
        for seed in range(first, first + 25):
            picture(seed).resize((128, 96)).save(place / name / f"{seed:03}.png")
    (place / "others" / "bad.jpg").write_text("no picture")
    (place / "small.toml").write_text(SMALL)
    return place


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, in a folder with pictures to learn from and pictures to search."""
    monkeypatch.chdir(place)

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    return call


@pytest.mark.slow
def test_learn_index_search_and_look_after(run: Run, place: Path) -> None:
    (place / "small.words").unlink(missing_ok=True)  # of a test that came before
    shutil.rmtree(place / "c.likewise", ignore_errors=True)
    learn = ("words", "learn", "others", "--recipe", "small.toml", "--size", "10", "-o", "small.words")
    code, out, _ = run(*learn)
    assert code == 0
    assert "left out: 'others/bad.jpg' is no picture" in out
    assert "block4      10 words of 40 numbers, 128 bits, scale" in out
    assert "learned on 150 features a layer; recall of assignment: block4 1.0000, pooled 1.0000" in out
    assert out.rstrip().endswith("wrote small.words: use it with --words small.words")
    code, _, err = run(*learn)
    assert (code, "small.words exists: give --overwrite" in err) == (2, True)
    shown = run("words", "show", "small.words")[1]
    assert "learned on  150 features of 25 pictures, others" in shown
    assert "recipe      small" in shown
    told = json.loads(run("words", "show", "small.words", "--json")[1])
    assert told["layers"]["pooled"]["words"] == 10

    index = ("index", "photos", "--into", "c.likewise", "--recipe", "small.toml", "--words", "small.words")
    code, out, _ = run(*index)
    assert (code, out.startswith("25 added in ")) == (0, True)
    assert "1 added" not in run("index", "photos", "--into", "c.likewise")[1]
    info = run("info")[1]
    assert "words       20 in all layers, by openvino in f32" in info
    assert "recipe      small (" in info

    hits = json.loads(run("search", "photos/003.png", "--json")[1])
    assert hits[0]["path"].endswith("003.png")
    assert hits[0]["score"] == pytest.approx(1)
    found = run("search", "photos/003.png", "--layers", "block4", "--scoring", "hamming=false", "-k", "2")[1]
    assert len(found.strip().splitlines()) == 3
    found = json.loads(run("search", "photos/003.png", "--then", "localise", "--json", "-k", "1")[1])
    assert found[0]["path"].endswith("003.png") and found[0]["box"]["x2"] == pytest.approx(128, abs=5)
    assert run("search", "photos/003.png", "--box", "0,0,64,64", "--crop", "own")[0] == 0
    assert "percentile  100.00" in run("compare", "photos/003.png", "photos/003.png")[1]
    assert run("search", "photos/003.png", "--sheet", "sheet.png", "-k", "3")[0] == 0
    assert (place / "sheet.png").stat().st_size > 1000

    [segment] = (place / "c.likewise" / "words").glob("*-1.words")
    content = bytearray(segment.read_bytes())
    content[-9] ^= 1
    segment.write_bytes(content)
    code, out, _ = run("verify")
    assert (code, "segment-damaged" in out, str(segment.name) in out) == (1, True, True)
    code, out, _ = run("optimise")
    assert (code, "25 pictures" in out) == (0, True)
    assert run("verify")[0] == 0
    assert run("remove", "photos/003.png")[1].startswith("1 removed, 24 left")
    assert not json.loads(run("search", "photos/003.png", "--json")[1])[0]["path"].endswith("003.png")


REFUSED = {
    "search photos/001.png --layers block5": "a layer that is asked cannot be 'block5'",
    "search photos/001.png --layers block4,block4": "name one twice",
    "search photos/001.png --scoring hamming": "'hamming' in --scoring is not of the form key=value",
    "search photos/001.png --scoring sigma=2,sigma=3": "each key once",
    "search photos/001.png --scoring sigma=much": "sigma of scoring must be a number",
    "search photos/001.png --scoring power=fast": "scoring",
    "search photos/001.png --then diffuse": "works on vectors",
    "index photos --into c.likewise --recipe quick": "one is of visual words and the other of a vector",
    "index photos --into n.likewise --recipe quick --words small.words": "'quick' makes a vector",
    "index photos --into n.likewise --recipe mof-lite0 --words small.words": "has the layers block4, pooled",
    "index photos --into n.likewise --words none.words": "none.words cannot be read",
    "index photos --into n.likewise --recipe mof-lite0 --whiten w": "'mof-lite0' makes words",
    "words learn others --recipe quick -o x.words": "makes a vector, not words: take one of",
    "words learn others --recipe small.toml --size 5000 -o x.words": "features are too few for 5000 words",
    "words show small.toml": "holds no vocabulary",
}


@pytest.mark.parametrize("command", REFUSED)
def test_what_is_refused_in_one_line(run: Run, place: Path, command: str) -> None:
    if not (place / "c.likewise").exists():
        learn = ("words", "learn", "others", "--recipe", "small.toml", "--size", "10", "--overwrite")
        run(*learn, "-o", "small.words")
        run("index", "photos", "--into", "c.likewise", "--recipe", "small.toml", "--words", "small.words")
    code, out, err = run(*command.split())
    assert code in (2, 3, 4)
    assert out == ""
    assert REFUSED[command] in err
    assert err.startswith("likewise: error: ") and err.count("\n") == 1
    assert not (place / "n.likewise" / "catalogue.sqlite").exists()
    assert not (place / "x.words").exists()


def test_recipes_of_words_are_listed(run: Run) -> None:
    out = run("recipes")[1]
    for name in words_recipe_names():
        assert f"\n{name} " in out
        code, shown, _ = run("recipes", "show", name)
        assert (code, 'kind = "words"' in shown) == (0, True)
