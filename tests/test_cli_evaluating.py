"""`likewise evaluate` and `likewise report`, with a stand-in for the network."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise import cli
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import Origin, Whitening
from tests.fakes import FakeExtractor, make_pictures, replace_network

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photos/ in three groups, groups.csv with boxes, and a network that answers at once."""
    monkeypatch.delenv("LIKEWISE_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    replace_network(monkeypatch, lambda recipe, **options: FakeExtractor(recipe))
    rows = [("file", "group", "box")]
    for number, group in enumerate(("one", "two", "three")):
        files = make_pictures(tmp_path / "photos" / group, 3, first=10 * number)
        rows += [(f"{group}/{file.name}", group, "2 2 20 14") for file in files]
    with (tmp_path / "groups.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
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


def made(run: Run, *arguments: str) -> dict[str, Any]:
    """What an evaluation says as JSON."""
    options = ("--data", "photos", "--gt", "groups.csv", "--json")
    code, out, err = run("evaluate", "csv", *options, *arguments)
    assert (code, err) == (0, "")
    told: dict[str, Any] = json.loads(out)
    return told


def test_an_evaluation_prints_its_card_and_score(run: Run, here: Path) -> None:
    code, out, err = run("evaluate", "folder", "--data", "photos")
    assert (code, err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if line)
    assert lines["gallery"] == "9 pictures, 0 of them distractors"
    assert lines["crop"].startswith("full")
    assert "bootstrap over 9 queries" in lines["mAP"]
    assert (here / lines["run"]).is_file()


def test_gaps_are_listed_before_anything_runs(run: Run, here: Path) -> None:
    (here / "photos" / "one" / "0002.png").unlink()
    make_pictures(here / "photos" / "more", 1, first=70)
    (here / "photos" / "two" / "0010.png").write_text("no picture")
    code, out, err = run("evaluate", "csv", "--data", "photos", "--gt", "groups.csv")
    assert code == 0
    first, *others = err.splitlines()
    assert first.startswith("missing  ")
    assert any(line == "surplus  not part of the data set, not used: more/0070.png" for line in others)
    assert any("cannot be read (not-a-picture)" in line for line in others)
    assert "7, 2 left out" in out
    told = json.loads(run("evaluate", "csv", "--data", "photos", "--gt", "groups.csv", "--json")[1])
    assert told["surplus"] == ["more/0070.png"]
    assert any(gap["files"] == ["two/0010.png"] for gap in told["missing"])


def test_many_gaps_of_one_kind_are_one_line(run: Run, here: Path) -> None:
    for number in range(30):
        make_pictures(here / "photos" / f"alone{number}", 1, first=100 + number)
    _, _, err = run("evaluate", "folder", "--data", "photos")
    assert len(err.splitlines()) == 30  # each names its group
    with (here / "groups.csv").open("a") as stream:
        stream.writelines(f"gone{number}.png,one,\n" for number in range(30))
    _, _, err = run("evaluate", "csv", "--data", "photos", "--gt", "groups.csv")
    assert sum("left out" in line for line in err.splitlines()) == 1


def test_json_holds_card_scores_and_run(run: Run) -> None:
    told = made(run, "--crop", "legacy-crow")
    assert told["card"]["crop"] == "legacy-crow"
    assert told["card"]["warnings"]
    assert len(told["queries"]) == 9
    assert told["value"] == pytest.approx(sum(one["ap"] for one in told["queries"]) / 9)
    assert told["interval"][0] <= told["value"] <= told["interval"][1]


def test_what_follows_the_search_is_asked_for_by_name(run: Run) -> None:
    told = made(
        run, "--recipe", "quick", "--then", "augment:n=2", "--then", "expand:n=2,alpha=3", "--feedback", "2"
    )
    assert told["card"]["after"] == ["augment(n=2, alpha=0)", "expand(n=2, alpha=3)", "feedback(n=2)"]
    assert told["run"] != made(run, "--recipe", "quick")["run"]
    code, _, err = run("evaluate", "folder", "--data", "photos", "--then", "expnd")
    assert code == 2
    assert "expand" in err


def test_examples_leave_an_answer_to_be_found(run: Run) -> None:
    told = made(run, "--recipe", "quick", "--examples", "9")
    assert [query["positives"] for query in told["queries"]] == [1] * 9
    assert told["card"]["after"] == ["examples(n=9)"]


def test_a_whitening_is_named_on_the_card(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[VectorRecipe] = []

    def fake(recipe: VectorRecipe, **_: object) -> FakeExtractor:
        asked.append(recipe)
        return FakeExtractor(recipe=recipe)

    replace_network(monkeypatch, fake)
    origin = Origin("0" * 64, 30, exponent=0.5, shrinkage=0.0, about="Paris")
    Whitening(np.zeros(12, np.float32), np.eye(12, dtype=np.float32), origin).save(here / "w.safetensors")
    assert made(run, "--whiten", "w.safetensors")["card"]["whitening"] == "learned on 30 vectors of Paris"
    assert [step.kind for step in asked[0].transforms] == ["l2", "whiten", "l2"]
    code, _, err = run("evaluate", "folder", "--data", "photos", "--whiten", "gone.safetensors")
    assert (code, "gone.safetensors" in err) == (4, True)


def test_distractors_make_the_gallery_larger(run: Run, here: Path) -> None:
    make_pictures(here / "noise", 4, first=50)
    told = made(run, "--distractors", "noise")
    assert (told["card"]["gallery"], told["card"]["distractors"]) == (13, 4)


def test_a_report_of_one_run_lists_its_queries(run: Run) -> None:
    told = made(run)
    code, out, _ = run("report", told["run"], "--rule", "step")
    assert code == 0
    assert f"{told['card']['recipe']} (" in out
    assert sum(line.startswith(("one/", "two/", "three/")) for line in out.splitlines()) == 9
    assert "AP rule      step" in out
    _, out, _ = run("report", told["run"], "--worst", 2)
    assert sum(line.startswith(("one/", "two/", "three/")) for line in out.splitlines()) == 2


def test_runs_are_compared_with_the_first(run: Run) -> None:
    box, full = made(run), made(run, "--crop", "full")
    code, out, _ = run("report", box["run"], full["run"])
    assert code == 0
    assert "differs      crop: box" in out
    change = full["value"] - box["value"]
    assert f"B - A        {change:+.4f} mAP" in out
    told = json.loads(run("report", box["run"], full["run"], "--json")[1])
    (found,) = told["comparisons"]
    assert found["difference"] == pytest.approx(change)
    assert 0 < found["p"] <= 1
    assert [one["query"] for one in found["queries"]] == [one["name"] for one in box["queries"]]


def test_queries_without_an_answer_are_null_in_json(run: Run, here: Path) -> None:
    told = made(run)
    file = here / told["run"]
    content = json.loads(file.read_text())
    content["benchmark"]["queries"][0]["positives"] = []
    file.write_text(json.dumps(content))
    code, out, _ = run("report", told["run"], "--json")
    (done,) = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))["runs"]
    assert code == 0
    assert done["queries"][0]["ap"] is None
    assert done["excluded"] == [content["benchmark"]["queries"][0]["name"]]
    assert "excluded     1 queries" in run("report", told["run"])[1]


@pytest.mark.slow
def test_sheets_and_plot_are_drawn(run: Run, here: Path) -> None:
    pytest.importorskip("matplotlib")
    box, full = made(run), made(run, "--crop", "full")
    code, out, _ = run("report", box["run"], "--sheets", "sheets", "--plot", "pr.png")
    assert code == 0
    assert len(list((here / "sheets").glob("*.png"))) == 9
    assert "sheets       9 in sheets" in out
    assert (here / "pr.png").is_file()
    told = json.loads(run("report", box["run"], full["run"], "--sheets", "two", "--worst", 1, "--json")[1])
    assert len(told["sheets"]) == 2
    assert {Path(path).parent.name for path in told["sheets"]} == {
        Path(one["run"]).stem for one in (box, full)
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("evaluate", "oxfrod5k", "--data", "photos"), "oxford5k"),
        (("evaluate", "folder", "--data", "nowhere"), "nowhere"),
        (("evaluate", "folder", "--data", "photos", "--gt", "groups.csv"), "takes no option 'gt'"),
        (("evaluate", "folder", "--data", "photos", "--crop", "widened"), "needs query boxes"),
        (("evaluate", "folder", "--data", "photos", "--distractors", "nowhere"), "nowhere"),
        (("report", "gone.json"), "gone.json"),
        (("report", "groups.csv"), "groups.csv is not the file of a run"),
    ],
)
def test_wrong_calls_are_one_line(run: Run, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.startswith("likewise: error: ")
    assert len(err.splitlines()) == 1
