"""`likewise reproduce li-2016` on small made-up sets, with the default network and a few words."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from likewise import cli
from likewise.errors import UsageError
from likewise.evaluation.datasets import load
from likewise.evaluation.reproduce.li import li_2016, recipe_at_hand
from likewise.evaluation.reproduce.li_published import ALL, FIGURE_2, TABLE_1, TABLE_2
from likewise.evaluation.reproduce.orderings import orderings
from likewise.evaluation.reproduce.report_table import ReportTable, TableCell
from likewise.evaluation.runs import read_run
from likewise.local.patches import Patches
from likewise.pictures import Resize
from likewise.words.recipe import WordsRecipe
from likewise.words.scoring import Scoring
from likewise.words.sketcher import WordsExtractor
from tests.zoo import photo

TAPS = ("block4", "block10", "pooled")
RECIPE = WordsRecipe(
    "tiny",
    Patches("efficientnet-lite0", TAPS, size=64, stride=32, resize=Resize("longest", 128)),
    nearest=2,
    scoring=Scoring(threshold=60),
)
WORDS = 8


def views(folder: Path, names: list[list[str]], first: int) -> None:
    """One picture for each list, and a view of it for each name."""
    folder.mkdir()
    for number, group in enumerate(names, first):
        whole = photo(number, width=160, height=128)
        for step, name in enumerate(group):
            Image.fromarray(whole[4 * step : 96 + 4 * step, 8 * step : 128 + 8 * step]).save(folder / name)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three groups of Holidays, one group and a half of UKBench, and other pictures to learn on."""
    folder = tmp_path_factory.mktemp("world")
    views(folder / "holidays", [[f"1{group:03}{n:02}.jpg" for n in range(3)] for group in range(3)], 0)
    quads = [f"ukbench{number:05}.jpg" for number in range(6)]
    views(folder / "ukbench", [quads[:4], quads[4:]], 10)
    views(folder / "others", [[f"{number}.png"] for number in range(24)], 50)
    (folder / "tiny.toml").write_text(RECIPE.to_toml())
    return folder


def reproduced(world: Path, out: Path, **options: Any) -> ReportTable:
    benchmarks = {
        "Holidays": load("holidays", world / "holidays"),
        "UKBench": load("ukbench", world / "ukbench"),
    }
    benchmarks = options.get("benchmarks", benchmarks)
    return li_2016(benchmarks, RECIPE, words_on=world / "others", words=WORDS, out=out)


@pytest.fixture(scope="module")
def whole(world: Path) -> ReportTable:
    return reproduced(world, world / "runs")


@pytest.mark.slow
def test_every_cell_of_the_figure_and_the_tables_is_there(whole: ReportTable) -> None:
    cells = {cell.setting: cell for cell in whole.cells}
    counts = {where: sum(s[0] == where for s in cells) for where in ("figure 2", "table 1", "table 2")}
    assert counts == {"figure 2": 24, "table 1": 32, "table 2": 8}
    ours = [cell for setting, cell in cells.items() if setting[2] not in TABLE_2]
    assert all(cell.measured is not None and cell.run is not None for cell in ours)
    assert cells["table 1", "Holidays", ALL, "max", "BoW+HE", "plain"].published == 0.8582
    assert cells["table 1", "UKBench", "conv3+fc7", "sum", "BoW+HE", "plain"].published == 3.50
    assert cells["figure 2", "UKBench", "conv5", "max", "BoW+HE", "-"].published == 3.41
    assert cells["figure 2", "UKBench", "conv5", "max", "BoW", "-"].published is None
    assert cells["table 2", "Holidays", "Neural Codes", "-", "-", "-"].reason.startswith("not measured")
    mof = cells["table 2", "Holidays", ALL, "max", "BoW+HE", "plain"]
    assert (mof.published, mof.measured) == (
        0.8582,
        cells["table 1", "Holidays", ALL, "max", "BoW+HE", "plain"].measured,
    )


def test_published_numbers_are_those_of_the_paper() -> None:
    assert len(TABLE_1) == 8
    assert TABLE_1["BoW", "conv3+conv5"] == (0.6723, 0.6980, 2.67, 2.68)
    assert max(numbers[1] for numbers in TABLE_1.values()) == TABLE_2["MOF"][0]
    assert set(FIGURE_2.values()) == {0.8112, 3.41}


@pytest.mark.slow
def test_each_run_is_what_its_cell_says(whole: ReportTable) -> None:
    for cell in whole.cells:
        if cell.run is None:
            continue
        card, (_, name, layers, pool, scored, fusion) = read_run(cell.run).card, cell.setting
        taps = [TAPS[("conv3", "conv5", "fc7").index(layer)] for layer in layers.split("+")]
        assert card.benchmark == name.lower()
        assert all(part.endswith(f", {pool}") for part in card.parts)
        assert card.words["scoring"].startswith("Hamming" if scored == "BoW+HE" else "words alone")
        assert [tap for tap in TAPS if tap in card.words["fusion"]] == taps
        assert card.words["fusion"].startswith("plain" if fusion == "-" else fusion)
        assert "others" in card.words["vocabulary"]


@pytest.mark.slow
def test_the_notes_say_what_is_missing_and_what_holds(whole: ReportTable) -> None:
    text = "\n".join(whole.notes)
    assert "Holidays: queries asked:" in text
    assert "in the gallery: 6 pictures" in text
    assert "conv3 is block4, conv5 is block10, fc7 is pooled of efficientnet-lite0" in text
    assert "8 words a layer" in text
    assert "UKBench: Hamming embedding beats words alone: in " in text


@pytest.mark.slow
def test_what_is_there_is_not_made_again(
    whole: ReportTable, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WordsExtractor, "ask", lambda *_, **__: pytest.fail("the network ran"))
    stamps = {cell.run: cell.run.stat().st_mtime_ns for cell in whole.cells if cell.run}
    assert reproduced(world, world / "runs") == whole
    assert stamps == {path: path.stat().st_mtime_ns for path in stamps}


@pytest.mark.slow
def test_a_set_that_is_not_there_is_said(whole: ReportTable, world: Path) -> None:
    benchmarks = {"Holidays": load("holidays", world / "holidays"), "UKBench": None}
    found = reproduced(world, world / "runs", benchmarks=benchmarks)
    gaps = [cell for cell in found.cells if cell.setting[1] == "UKBench"]
    assert {cell.reason for cell in gaps if cell.setting[2] not in TABLE_2} == {"not measured: no --ukbench"}
    assert [c for c in found.cells if c.setting[1] == "Holidays"] == [
        c for c in whole.cells if c.setting[1] == "Holidays"
    ]
    with pytest.raises(UsageError, match="--holidays"):
        reproduced(world, world / "runs", benchmarks={"Holidays": None, "UKBench": None})


def test_too_few_patches_for_the_words_are_an_error(world: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few"):
        li_2016(
            {"UKBench": load("ukbench", world / "ukbench")},
            RECIPE,
            words_on=world / "others",
            words=5000,
            out=tmp_path,
        )


def test_orderings_are_counted() -> None:
    def cell(layers: str, pool: str, scored: str, value: float) -> TableCell:
        where, fusion = ("table 1", "plain") if "+" in layers else ("figure 2", "-")
        return TableCell((where, "set", layers, pool, scored, fusion), measured=value)

    layers = {"conv3": 1.0, "conv5": 2.0, "fc7": 3.0}
    layers |= {"conv3+conv5": 2.5, "conv3+fc7": 4.0, "conv5+fc7": 2.0, ALL: 5.0}
    gains = {("sum", "BoW"): 0.0, ("max", "BoW"): 0.1, ("sum", "BoW+HE"): 1.0, ("max", "BoW+HE"): 1.0}
    cells = [
        cell(layer, pool, scored, value + gain)
        for layer, value in layers.items()
        for (pool, scored), gain in gains.items()
    ]
    found = dict(line.removeprefix("set: ").rsplit(": ", 1) for line in orderings(cells))
    assert found == {
        "Hamming embedding beats words alone": "in 14 of 14",
        "max beats sum": "in 6 of 12",  # those of words alone
        "fc7 is the best single layer": "in 4 of 4",
        "all three layers beat every pair": "in 4 of 4",
        "all three layers beat every single one": "in 4 of 4",
        "a convolution and fc7 beat two convolutions": "in 4 of 8",
        "the scaled sum of layers beats the plain one (not in the paper)": "in 0 of 0",
    }


def test_the_papers_network_stands_in_only_if_it_is_not_there() -> None:
    found, note = recipe_at_hand("mof-vgg16")
    assert (found.name, note) == ("mof-vgg16", "")
    found, note = recipe_at_hand(None)
    assert (found.name == "mof") is not ("measured with mof-lite0 instead" in note)
    with pytest.raises(UsageError, match="three layers"):
        recipe_at_hand("gem")


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, out, err


@pytest.mark.slow
def test_the_command_prints_numbers_and_gaps(
    whole: ReportTable, world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIKEWISE_DEBUG", raising=False)
    monkeypatch.chdir(world)
    how = ("--recipe", "tiny.toml", "--words-on", "others", "--words", WORDS)
    code, out, err = call(capsys, "reproduce", "li-2016", "--holidays", "holidays", *how)
    assert code == 0
    assert "missing" in err
    assert out.count("no --ukbench") == 1
    assert sum(line.startswith(("figure 2", "table 1", "table 2")) for line in out.splitlines()) == 64
    code, out, _ = call(
        capsys, "reproduce", "li-2016", "--data", "holidays", "--dataset", "holidays", *how, "--json"
    )
    cells = json.loads(out)["cells"]
    assert {cell["setting"][1] for cell in cells} == {"holidays"}
    assert not any(cell["published"] for cell in cells)
    for options, words in (
        (("--data", "nowhere"), "nowhere"),
        ((), "--holidays"),
        (("--data", "x", "--recipe", "gem"), "three"),
    ):
        code, out, err = call(capsys, "reproduce", "li-2016", *options)
        assert (code, out) == (2, "")
        assert words in err.splitlines()[-1]


@pytest.mark.slow
def test_what_was_killed_goes_on(whole: ReportTable, world: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "likewise", "reproduce", "li-2016", "--ukbench", "ukbench"]
    command += ["--holidays", "holidays", "--words-on", "others", "--words", str(WORDS)]
    command += ["--recipe", "tiny.toml", "--runs", str(tmp_path), "--json"]
    for wanted in ("li-2016/*.safetensors", "sketches/*/*", "*/tiny-sum*.json", "*/tiny-max*.json"):
        process = subprocess.Popen(command, cwd=world, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(tmp_path.glob(wanted)):
            time.sleep(0.005)
        process.kill()
        process.wait()
    done = subprocess.run(command, cwd=world, capture_output=True, text=True, check=True)
    expected = [cell.measured for cell in whole.cells]
    assert [cell["measured"] for cell in json.loads(done.stdout)["cells"]] == expected
