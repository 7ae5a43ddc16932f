"""A sweep: its cells are the vectors of single recipes, one pass gives them, and what fails is said."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from likewise import Extractor
from likewise.descriptors.estimators import PCAWhitening
from likewise.descriptors.manifest import Manifest
from likewise.descriptors.recipe import VectorRecipe
from likewise.descriptors.transforms import l2
from likewise.errors import UsageError
from likewise.evaluation.datasets.folder import folder
from likewise.evaluation.metrics import leave_one_out_map
from likewise.evaluation.sweeps.grid import Grid
from likewise.evaluation.sweeps.run import Sweep, SweepCell, sweep
from likewise.networks import find
from likewise.pictures import Loaded, Resize
from likewise.types import FloatArray
from tests.fakes import FakeExtractor, make_pictures

TAPS = ("block0", "block2")  # 16 and 24 channels
GRID = Grid("efficientnet-lite0", TAPS, ("mean", "max"), resize=Resize("longest", 64))


@dataclass
class FakeNetwork(FakeExtractor):
    """Gives every part numbers of its own: random projections of the colours, a part L2 normalised."""

    made: list[VectorRecipe] = field(default_factory=list)

    def __call__(self, recipe: VectorRecipe) -> FakeNetwork:
        self.made.append(recipe)
        return replace(self, recipe=recipe)

    @property
    def manifest(self) -> Manifest:
        return replace(super().manifest, dimensions=sum(self._sizes))

    @property
    def _sizes(self) -> list[int]:
        card = find(self.recipe.network)
        return [card.tap(part.tap).channels for part in self.recipe.parts]

    def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
        colours = super().describe(loaded)
        names = [f"{part.tap} {part.pool}" for part in self.recipe.parts]
        parts = [colours @ projection(*of) for of in zip(names, self._sizes, strict=True)]
        return l2(np.concatenate([l2(part) for part in parts], axis=1))


def projection(name: str, size: int) -> FloatArray:
    seed = np.random.default_rng(list(name.encode()))
    return seed.normal(size=(12, size)).astype(np.float32)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three groups of four pictures."""
    for number, group in enumerate(("one", "two", "three")):
        make_pictures(tmp_path / "photos" / group, 4, first=10 * number)
    return tmp_path / "photos"


def swept(photos: Path, grid: Grid = GRID, *, whiten_on: Path | None = None) -> Sweep:
    out = photos.parent / "runs"
    return sweep(folder(photos), grid, FakeNetwork(), whiten_on=whiten_on, out=out)


def found(done: Sweep, tap: str, pool: str, whitened: int | None = None) -> SweepCell:
    (cell,) = [one for one in done.cells if (one.tap, one.pool, one.whitened) == (tap, pool, whitened)]
    return cell


def alone(photos: Path, tap: str, pool: str) -> FloatArray:
    """Vectors by a recipe of one tap and pooling."""
    network = FakeNetwork()(GRID.only((tap, pool)))
    return network.describe([network.prepare(file) for file in folder(photos).gallery.values()])


def labels(photos: Path) -> list[str]:
    return [name.partition("/")[0] for name in folder(photos).gallery]


def test_each_cell_scores_as_its_own_recipe_would(photos: Path) -> None:
    done = swept(photos)
    for tap in TAPS:
        for pool in GRID.pools:
            expected = leave_one_out_map(alone(photos, tap, pool), labels(photos))
            assert found(done, tap, pool).score == pytest.approx(expected, abs=1e-6)


def test_whitened_cells_are_whitened_alone_and_by_other_pictures(photos: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "other", 20, first=100)
    done = swept(photos, replace(GRID, dimensions=(6,)), whiten_on=tmp_path / "other")
    network = FakeNetwork()(GRID.only(("block2", "max")))
    sample = network.describe([network.prepare(file) for file in sorted((tmp_path / "other").iterdir())])
    learned = PCAWhitening(6).fit(sample)
    vectors = l2(learned.transform(alone(photos, "block2", "max")))
    cell = found(done, "block2", "max", 6)
    assert cell.score == pytest.approx(leave_one_out_map(vectors, labels(photos)), abs=1e-6)
    assert (cell.dimensions, cell.bytes) == (6, 12)
    assert len(done.cells) == 8
    assert done.card.whitening.startswith("learned on 20 pictures")
    assert not done.card.warnings


def test_whitening_on_the_test_set_is_warned_of(photos: Path) -> None:
    done = swept(photos, replace(GRID, dimensions=(6,)), whiten_on=photos / "one")
    (warning,) = done.card.warnings
    assert warning == "whitening was learned on 4 pictures of this very test set"


def test_what_cannot_be_whitened_says_why_and_stands_last(photos: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "other", 8, first=100)
    done = swept(photos, replace(GRID, dimensions=(20, 10, 3)), whiten_on=tmp_path / "other")
    assert "only 16 numbers" in found(done, "block0", "max", 20).reason
    assert "n_samples=8" in found(done, "block2", "max", 10).reason
    assert found(done, "block2", "max", 10).score is None
    assert found(done, "block2", "max", 3).score is not None
    assert [cell.score is None for cell in done.cells] == [False] * 8 + [True] * 8


def test_cells_come_best_first_and_are_compared_with_the_best(photos: Path) -> None:
    done = swept(photos)
    scores = [cell.score or 0 for cell in done.cells]
    assert scores == sorted(scores, reverse=True)
    assert done.cells[0].p == 1
    for cell in done.cells:
        assert cell.interval is not None
        assert cell.interval[0] <= (cell.score or 0) <= cell.interval[1]
        assert 0 < (cell.p or 0) <= 1


def test_one_pass_gives_all_and_the_next_sweep_finds_it_there(photos: Path) -> None:
    network = FakeNetwork()
    sweep(folder(photos), GRID, network, out=photos.parent / "runs")
    everything, *timed = network.made
    assert len(everything.parts) == 4
    assert [[part.tap for part in recipe.parts] for recipe in timed] == [["block0"], ["block2"]]

    class Refuses(FakeNetwork):
        def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
            assert len(self.recipe.parts) == 1, "described again"
            return super().describe(loaded)

    again = sweep(folder(photos), GRID, Refuses(), out=photos.parent / "runs")
    assert [cell.score for cell in again.cells] == [cell.score for cell in swept(photos).cells]


def test_pictures_that_cannot_be_read_are_left_out(photos: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "other", 8, first=100)
    (tmp_path / "other" / "bad.png").write_text("no picture")
    (photos / "one" / "0000.png").write_text("no picture")
    done = swept(photos, replace(GRID, dimensions=(3,)), whiten_on=tmp_path / "other")
    assert (done.card.gallery, done.card.queries, done.card.left_out) == (11, 11, 1)
    assert done.card.whitening.startswith("learned on 8 pictures")


def test_the_table_is_csv(photos: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "other", 8, first=100)
    done = swept(photos, replace(GRID, dimensions=(20,)), whiten_on=tmp_path / "other")
    done.write_table(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["tap"], row["pool"], row["whitened"]) for row in rows] == [
        (cell.tap, cell.pool, str(cell.whitened or "")) for cell in done.cells
    ]
    assert float(rows[0]["score"]) == done.cells[0].score
    assert rows[-1]["score"] == ""
    assert rows[-1]["reason"]


def test_dimensions_and_pictures_to_learn_on_belong_together(photos: Path) -> None:
    with pytest.raises(UsageError, match="whitening needs both"):
        swept(photos, replace(GRID, dimensions=(3,)))
    with pytest.raises(UsageError, match="whitening needs both"):
        swept(photos, whiten_on=photos)
    with pytest.raises(UsageError, match="nowhere is not a folder"):
        swept(photos, replace(GRID, dimensions=(3,)), whiten_on=photos / "nowhere")


def test_slices_of_the_real_network_are_the_vectors_of_single_recipes(photos: Path) -> None:
    everything = Extractor(GRID.recipe, engine="torch")
    loaded = [everything.prepare(file) for file in sorted((photos / "one").iterdir())]
    vectors = everything.describe(loaded)
    for place, columns in GRID.columns.items():
        single = Extractor(GRID.only(place), engine="torch").describe(loaded)
        np.testing.assert_allclose(l2(vectors[:, columns]), single, atol=1e-6)
