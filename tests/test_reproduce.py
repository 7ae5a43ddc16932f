"""`likewise reproduce` on a small made-up Oxford, with a stand-in for the network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from likewise import cli
from likewise.descriptors.recipe import VectorRecipe
from likewise.errors import UsageError, WeightsMissing
from likewise.evaluation.datasets import load
from likewise.evaluation.reports.report import Report
from likewise.evaluation.reproduce.capuano import capuano_2018
from likewise.evaluation.reproduce.deep_features import (
    PUBLISHED,
    RAW,
    OpenChoices,
    aggregating_deep_features,
    best_run,
)
from likewise.evaluation.runs import read_run
from likewise.pictures import Loaded
from likewise.types import FloatArray
from tests.fakes import FakeExtractor, make_pictures, replace_network


@dataclass
class Maker:
    """Makes stand-ins, and counts what they describe; has no weights for fc2."""

    described: int = 0

    def __call__(self, recipe: VectorRecipe, **_: object) -> FakeExtractor:
        if recipe.parts[0].tap == "fc2":
            raise WeightsMissing("fc2 needs the fully connected layers")
        maker = self

        class Counting(FakeExtractor):
            def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
                maker.described += len(loaded)
                return 3 * super().describe(loaded)

        return Counting(recipe=recipe)


@pytest.fixture
def oxford(tmp_path: Path) -> Path:
    """Twelve pictures, one query that can be asked and one that cannot."""
    folder = tmp_path / "oxford"
    files = [f.rename(f.with_name(f"all_souls_00{f.name}")) for f in make_pictures(folder, 12)]
    names = [file.stem for file in files]
    truth = {"query": [f"oxc1_{names[0]} 2 2 20 14"], "good": names[:2], "ok": names[2:4], "junk": names[4:5]}
    for kind, lines in truth.items():
        (folder / f"all_souls_1_{kind}.txt").write_text("\n".join(lines))
    for kind in truth:
        (folder / f"keble_1_{kind}.txt").write_text("oxc1_keble_000001 1 1 9 9" if kind == "query" else "")
    return folder


def test_all_sixteen_cells_are_there(oxford: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "paris", 16, first=40)
    maker = Maker()
    found = aggregating_deep_features(oxford, maker, paris=tmp_path / "paris", out=tmp_path / "runs")
    assert len(found.cells) == 24 + 2 * 8  # of the sum, and of GeM and R-MAC by the cosine
    official = [cell for cell in found.cells if cell.setting[0] == "sum" and cell.setting[4] != RAW]
    assert len(official) == 16
    assert {cell.part for cell in found.cells} == {"1 of 2 queries, 12 pictures"}
    assert sum(cell.published is not None for cell in found.cells) == 16
    assert all(cell.measured is not None and cell.run is not None for cell in found.cells)
    assert maker.described == 12 + 1 + 16  # every picture once, and the box
    assert any("queries asked: all_souls_1; left out: 1" in note for note in found.notes)
    assert any("in part (16 of 6392 pictures)" in note for note in found.notes)
    aggregating_deep_features(oxford, maker, paris=tmp_path / "paris", out=tmp_path / "runs")
    assert maker.described == 12 + 1 + 16


def test_on_unit_vectors_both_distances_rank_alike(oxford: Path, tmp_path: Path) -> None:
    found = {
        cell.setting: cell.measured
        for cell in aggregating_deep_features(oxford, Maker(), out=tmp_path / "r").cells
    }
    for crop in ("box", "full"):
        for expanded in ("no", "10"):
            near, angle = (
                found["sum", "Oxford", "3", crop, kind, expanded] for kind in ("Euclidean", "cosine")
            )
            assert near == pytest.approx(angle)


def test_without_paris_half_of_the_cells_say_why(oxford: Path, tmp_path: Path) -> None:
    found = aggregating_deep_features(oxford, Maker(), out=tmp_path / "runs")
    gaps = [cell for cell in found.cells if cell.measured is None]
    assert {cell.setting[1] for cell in gaps} == {"Paris"}
    assert all("no --paris" in cell.reason for cell in gaps)


def test_a_folder_to_learn_on_that_is_empty_or_not_there_is_refused_first(
    oxford: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    maker = Maker()
    with pytest.raises(UsageError, match="no picture lies below"):
        aggregating_deep_features(oxford, maker, paris=tmp_path / "empty", out=tmp_path / "runs")
    with pytest.raises(UsageError, match="is not a folder"):
        aggregating_deep_features(oxford, maker, whiten_on=tmp_path / "nowhere", out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_runs_tell_how_they_were_made(oxford: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "other", 16, first=40)
    found = aggregating_deep_features(oxford, Maker(), whiten_on=tmp_path / "other", out=tmp_path / "runs")
    runs = {cell.setting: read_run(cell.run) for cell in found.cells if cell.run}
    own = runs["sum", "Oxford", "3", "box", "cosine", "10"].card
    assert own.warnings == ("the whitening was learned on 12 pictures of this very test set",)
    assert own.after == ("expand(n=10, alpha=0, own=false)",)
    assert {run.card.rule for run in runs.values()} == {"step"}
    scores = {cell.setting: cell.measured for cell in found.cells}
    assert scores == {setting: Report.of(run).scores.value for setting, run in runs.items()}
    other = runs["sum", "Paris", "3", "full", "Euclidean", "no"].card
    assert (other.warnings, other.after, other.distance) == ((), (), "l2")
    assert "instead of Paris6k" in other.whitening
    assert runs["sum", "Paris", "3", "full", RAW, "no"].card.transforms[-1].startswith("whiten")


def test_what_it_learned_can_be_used_by_name(oxford: Path, tmp_path: Path) -> None:
    aggregating_deep_features(oxford, Maker(), out=tmp_path / "runs")
    folder = tmp_path / "runs" / "aggregating-deep-features"
    names = {"spoc-oxford", "spoc-oxford-l2", "spoc-oxford-raw", "spoc-oxford-gem", "spoc-oxford-rmac"}
    assert {path.stem for path in folder.glob("*.toml")} == names
    assert VectorRecipe.load(folder / "spoc-oxford-raw.toml").transforms[-1].kind == "whiten"
    whitened = VectorRecipe.load("spoc").whitened(folder / "oxford.safetensors")
    assert whitened.hash == VectorRecipe.load(folder / "spoc-oxford.toml").hash


def test_too_many_dimensions_are_an_error(oxford: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="whitening cannot be learned on Oxford5k"):
        aggregating_deep_features(
            oxford, Maker(), settings=OpenChoices(dimensions=(12,)), out=tmp_path / "runs"
        )


def test_what_the_report_leaves_open_can_be_swept(oxford: Path, tmp_path: Path) -> None:
    settings = OpenChoices(tap="block5_pool", weights="keras", dimensions=(2, 3), expansions=(1, 5))
    found = aggregating_deep_features(oxford, Maker(), settings=settings, out=tmp_path / "runs")
    oxfords = [cell for cell in found.cells if cell.setting[1] == "Oxford"]
    assert {cell.setting[2] for cell in oxfords} == {"2", "3"}
    assert {cell.setting[5] for cell in oxfords} == {"no", "1", "5"}
    assert all(cell.measured is not None for cell in oxfords)
    assert "Conv5 is pool5" in found.notes
    recipe = VectorRecipe.load(tmp_path / "runs" / "aggregating-deep-features" / "spoc-oxford-gem-3.toml")
    assert (recipe.weights, recipe.parts[0].tap, recipe.parts[0].pool) == ("keras", "pool5", "gem")
    best = best_run(found)
    assert best and read_run(best).card.after == ("expand(n=1, alpha=0, own=false)",)
    with pytest.raises(UsageError, match="rellu5_3"):
        aggregating_deep_features(
            oxford, Maker(), settings=OpenChoices(tap="rellu5_3"), out=tmp_path / "runs"
        )


def test_published_numbers_are_those_of_the_report() -> None:
    assert PUBLISHED["Paris", "box", "Euclidean"] == (0.579, 0.63)
    assert len(PUBLISHED) == 8


def test_capuano_2018_measures_what_there_are_weights_for(tmp_path: Path) -> None:
    for group in (0, 1):
        make_pictures(tmp_path / "photos" / str(group), 3, first=10 * group)
    found = capuano_2018(load("folder", tmp_path / "photos"), Maker(), out=tmp_path / "runs")
    table = {cell.setting: cell for cell in found.cells}
    assert len(table) == 6
    assert all("fully connected" in table[setting].reason for setting in table if setting[0] == "fc2")
    assert table["pool5", "yes", "Euclidean"].measured == table["pool5", "yes", "cosine"].measured
    assert table["pool5", "no", "Euclidean"].measured is not None
    one = capuano_2018(
        load("folder", tmp_path / "photos"), Maker(), layers=["pool5"], weights="keras", out=tmp_path / "runs"
    )
    assert {cell.setting[0] for cell in one.cells} == {"pool5"}
    assert all(read_run(cell.run).card.recipe.startswith("pool5") for cell in one.cells if cell.run)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("LIKEWISE_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    replace_network(monkeypatch, Maker())
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, out, err


def test_the_command_prints_numbers_and_reasons(
    oxford: Path, command: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "reproduce", "aggregating-deep-features", "--oxford", oxford)
    assert code == 0
    assert "keble_1" in err
    assert sum(line.startswith(("sum ", "gem ", "rmac ")) for line in out.splitlines()) == 40
    assert "1 of 2 queries, 12 pictures" in out
    [figure, answers] = [
        line.split(": ")[1] for line in out.splitlines() if line.startswith(("queries w", "answ"))
    ]
    with Image.open(figure) as drawn:
        assert drawn.width > 100
    assert [path.name for path in Path(answers).iterdir()] == ["0001-all_souls_1.png"]
    assert out.count("no --paris") == 1
    code, out, _ = run(capsys, "reproduce", "aggregating-deep-features", "--oxford", oxford, "--json")
    assert len(json.loads(out)["cells"]) == 40


def test_the_command_names_missing_weights_once(command: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_pictures(command / "photos" / "one", 3)
    code, out, _ = run(capsys, "reproduce", "capuano-2018", "--data", "photos")
    assert code == 0
    assert out.count("fully connected") == 1
    code, _, err = run(capsys, "reproduce", "capuano-2018", "--data", "nowhere")
    assert (code, "nowhere" in err) == (2, True)
