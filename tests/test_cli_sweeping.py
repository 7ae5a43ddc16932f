"""`likewise sweep`, with a stand-in for the network."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from likewise import cli
from tests.fakes import make_pictures, replace_network
from tests.test_sweep import FakeNetwork

Run = Callable[..., tuple[int, str, str]]

LINE = ("sweep", "--data", "photos", "--network", "efficientnet-lite0", "--taps", "block0,block2")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photos/ in three groups, other/, and a network that answers at once."""
    monkeypatch.delenv("LIKEWISE_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    replace_network(monkeypatch, lambda recipe, **options: FakeNetwork()(recipe))
    for number, group in enumerate(("one", "two", "three")):
        make_pictures(tmp_path / "photos" / group, 3, first=10 * number)
    make_pictures(tmp_path / "other", 12, first=100)
    return tmp_path


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        code = end.value.code
        assert isinstance(code, int)
        return code, out, err

    return call


def test_the_table_is_sorted_and_its_best_is_marked(run: Run) -> None:
    code, out, err = run(*LINE, "--pools", "mean,max")
    assert (code, err) == (0, "")
    assert "network      efficientnet-lite0" in out
    assert "recipe " not in out  # each cell has its own
    rows = [line for line in out.splitlines() if " to 0." in line or " to 1." in line]
    assert len(rows) == 4
    assert [row.startswith("best") for row in rows] == [True, False, False, False]
    scores = [float(row.removeprefix("best").split()[6]) for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_cells_that_are_not_possible_share_a_line(run: Run) -> None:
    code, out, _ = run(*LINE, "--pools", "mean,max", "--whiten-on", "other", "--dim", "20,18,4")
    assert code == 0
    lines = [line for line in out.splitlines() if line.startswith("not possible")]
    assert lines[0] == "not possible block0, mean, max, whitened to 20, 18: its vectors have only 16 numbers"
    assert len(lines) == 3
    assert "whitening    learned on 12 pictures below other" in out


def test_json_and_csv_hold_every_cell(run: Run, here: Path) -> None:
    options = ("--pools", "mean", "--whiten-on", "other", "--dim", "4", "-o", "cells.csv", "--json")
    code, out, _ = run(*LINE, *options)
    told = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert code == 0
    assert told["taps"] == ["block0", "block2"]
    assert told["table"] == "cells.csv"
    with (here / "cells.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["score"]) for row in rows] == [cell["score"] for cell in told["cells"]]
    assert {(cell["tap"], cell["whitened"]) for cell in told["cells"]} == {
        ("block0", None),
        ("block0", 4),
        ("block2", None),
        ("block2", 4),
    }


def test_it_is_drawn(run: Run, here: Path) -> None:
    pytest.importorskip("matplotlib")
    code, out, _ = run(*LINE, "--plot", "layers.png")
    assert code == 0
    assert (here / "layers.png").is_file()
    assert "plot         layers.png" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--taps", "block99"), "has no tap 'block99'"),
        (("--pools", "flatten"), "pool cannot be 'flatten'"),
        (("--dim", "64"), "say with --whiten-on"),
        (("--dim", "64,x", "--whiten-on", "other"), "--dim 64,x is not a list of whole numbers"),
        (("--dim", "0", "--whiten-on", "other"), "--dim 0 is not a list of whole numbers"),
        (("--whiten-on", "nowhere"), "nowhere is not a folder"),
        (("--dataset", "fodler"), "folder"),
        (("--network", "vgg61"), "vgg16"),
        (("-o", "table.png"), "end its name in .csv"),
        (("--plot", "plot.gif"), "end its name in .png"),
        (("--plot", "photos/one/0000.png"), "would replace a picture of yours"),
    ],
)
def test_wrong_calls_are_one_line_before_anything_runs(
    run: Run, here: Path, options: tuple[str, ...], words: str
) -> None:
    code, out, err = run(*LINE, *options)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
    assert not (here / "runs").exists()
