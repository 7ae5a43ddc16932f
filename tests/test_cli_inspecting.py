"""``likewise inspect`` and ``likewise compare --explain`` as they are typed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.cli import main
from likewise.collection.collection import Collection
from likewise.descriptors.extractor import Extractor
from tests.zoo import encode, photo


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(photo(1)).save(path)
    return path


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as done:
        main([str(word) for word in words])
    return int(done.value.code or 0)


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 2) -> str:
    assert run(*words) == code
    error = capsys.readouterr().err
    assert error.startswith("likewise: error: ") and error.count("\n") == 1
    return error


def test_a_table_by_default(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inspect", picture, "--size", "64") == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].startswith("efficientnet-lite0 (imagenet) on 64 x 64 pixels, entropy of the pixels ")
    assert lines[1].split() == "tap shape zeros mean spread bin entropy gain rank".split()
    assert any(line.startswith("head ") and "1280 x 2 x 2" in line for line in lines)
    assert "answer: entropy" in out and "give -o DIR for sheets" in out


def test_sheets_cells_and_a_page(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheets, page = tmp_path / "new" / "sheets", tmp_path / "page.html"
    words: list[str | Path] = [
        "--taps",
        "stem,logits",
        "--size",
        "64",
        "--top",
        "4",
        "--scale",
        "map",
        "--cell",
        "stem:3,4",
    ]
    assert run("inspect", picture, *words, "-o", sheets, "--report", page, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    names = ["01-stem.png", "02-logits.png", "cell-stem-3-4.png", "distributions.svg"]
    assert sorted(os.listdir(sheets)) == names
    assert sorted(Path(name).name for name in told["sheets"]) == names
    assert page.stat().st_size > 10_000
    (stem, _) = told["networks"][0]["taps"]
    assert sum(stem["histogram"]["counts"]) == 32 * 32 * 32
    assert stem["tap"]["field"] == 3


@pytest.mark.slow
def test_two_sets_of_eyes_and_layers_compared(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for seed in range(4):
        (folder / f"{seed}.png").write_bytes(encode(photo(seed), "PNG"))
    words: list[str | Path] = [
        "--against",
        "efficientnet-lite0",
        "--taps",
        "stem,head",
        "--size",
        "64",
        "--on",
        folder,
    ]
    assert run("inspect", picture, *words, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["divergence"] == [0, 0]
    assert told["cka"]["rows"] == ["stem", "head"]
    np.testing.assert_allclose(np.diag(told["cka"]["values"]), 1)
    assert run("inspect", picture, *words) == 0
    assert "CKA on 4 pictures" in capsys.readouterr().out


def test_each_mistake_is_one_line(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(encode(photo(1), "JPEG")[:600])
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    assert "cut.jpg" in refused(capsys, "inspect", cut)
    assert "no tap 'hed'; did you mean 'head'" in refused(capsys, "inspect", picture, "--taps", "hed")
    assert "say where with -o" in refused(capsys, "inspect", picture, "--cell", "head:0,0")
    outside: list[str | Path] = [
        "--taps",
        "head",
        "--size",
        "64",
        "--cell",
        "head:5,0",
        "--report",
        tmp_path / "a.html",
    ]
    assert "lies outside head" in refused(capsys, "inspect", picture, *outside)
    assert "cannot be made" in refused(capsys, "inspect", picture, "-o", blocked / "sheets", code=5)
    assert "end its name in .html" in refused(capsys, "inspect", picture, "--report", tmp_path / "a.txt")
    assert "no network is called" in refused(capsys, "inspect", picture, "--network", "vgg61")
    assert not (tmp_path / "a.html").exists()


def test_compare_explains(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(3):
        (photos / f"{seed}.png").write_bytes(encode(photo(seed), "PNG"))
    where, out = tmp_path / "photos.likewise", tmp_path / "why.png"
    with Collection.open(where, recipe="quick") as collection:
        collection.add(photos)
        why = collection.explain(photos / "0.png", 2)
        assert why.similarity == pytest.approx(why.first.cells.sum(), abs=1e-9)
    pair = [photos / "0.png", photos / "1.png"]
    assert run("compare", *pair, "--explain", out, "--in", where) == 0
    printed = float(capsys.readouterr().out.split()[1])
    with Collection.open(where) as collection:
        why = collection.explain(*pair)
    for side in (why.first, why.second):
        assert side.cells.sum() + side.constant == pytest.approx(printed, abs=1e-4)
    with Image.open(out) as sheet:
        assert sheet.width > 900
    kept = (photos / "2.png").read_bytes()
    message = refused(capsys, "compare", *pair, "--explain", photos / "2.png", "--in", where)
    assert "would replace a picture of yours" in message
    assert (photos / "2.png").read_bytes() == kept


def test_compare_by_a_recipe_needs_no_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in range(2):
        Path(f"{seed}.png").write_bytes(encode(photo(seed), "PNG"))
    write_recipe = "name='own'\nnetwork='efficientnet-lite0'\n[resize]\nsize=64\n[[parts]]\ntap='head'\n"
    Path("own.toml").write_text(write_recipe)
    assert run("compare", "0.png", "1.png", "--recipe", "own.toml", "--explain", "why.png", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    extractor = Extractor("own.toml")
    first, second = extractor.describe([extractor.prepare(f"{seed}.png") for seed in range(2)])
    assert found == {"similarity": pytest.approx(float(first @ second), abs=1e-5), "recipe": "own"}
    with Image.open("why.png") as sheet:
        assert sheet.width > 900
    assert "its recipe" in refused(capsys, "compare", "0.png", "1.png", "--recipe", "own.toml", "--in", "x")


def test_what_has_no_places_is_not_explained(tmp_path: Path) -> None:
    from likewise.errors import UsageError

    (tmp_path / "a.png").write_bytes(encode(photo(1), "PNG"))
    with Collection.open(tmp_path / "c", recipe="quick") as collection:
        collection.add(tmp_path / "a.png")
        with pytest.raises(UsageError, match="a vector has no places"):
            collection.explain(np.zeros(1280, np.float32), tmp_path / "a.png")
