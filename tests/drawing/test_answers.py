"""Sheets of answers: frames, box, names, and what is never replaced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likewise.drawing import canvas
from likewise.drawing.sheets import draw_sheets
from likewise.drawing.sheets.answers import COLOURS, answer_sheet
from likewise.errors import BadPicture, StorageError, UsageError
from likewise.evaluation.datasets.benchmark import Benchmark, BenchmarkQuery
from likewise.evaluation.evaluate import evaluate
from likewise.evaluation.reports.report import RankedPicture, Report, Verdict
from likewise.types import Box, Hit, Progress
from tests.drawing.looks import drawn, picture, places
from tests.fakes import FakeExtractor, make_pictures

FILLS = {"right": (10, 20, 200), "wrong": (200, 30, 220), "junk": (20, 160, 170)}


def answered(folder: Path, *verdicts: Verdict) -> list[RankedPicture]:
    return [
        RankedPicture(Hit(n, picture(folder / f"{n}.png", FILLS[verdict]), 0.9 - n / 100, n + 1), verdict)
        for n, verdict in enumerate(verdicts)
    ]


def sheet(folder: Path, *verdicts: Verdict, box: Box | None = None) -> np.ndarray:
    query = picture(folder / "q.png", (0, 0, 0), (720, 360))
    out = folder / "sheet.png"
    answer_sheet(query, box, answered(folder, *verdicts), out, title="a query", subtitle="AP 0.5")
    return drawn(out)


def test_wrong_is_framed_orange_junk_grey_and_right_not_at_all(tmp_path: Path) -> None:
    shown = sheet(tmp_path, "right", "wrong", "junk")
    for verdict, colour in COLOURS.items():
        fill = places(shown, FILLS[verdict])
        (left, top), (right, bottom) = fill.min(axis=0), fill.max(axis=0)
        for beside in (shown[top:bottom, left - 5], shown[top:bottom, right + 5]):
            assert len(places(beside[None], colour)) == bottom - top
    edge = places(shown, FILLS["right"]).min(axis=0)
    assert not any(len(places(shown[edge[1] :, edge[0] - 8 : edge[0]], c)) for c in COLOURS.values())


def test_answers_stand_in_order_five_in_a_row(tmp_path: Path) -> None:
    shown = sheet(tmp_path, "right", "right", "right", "right", "right", "right", "wrong")
    last, others = places(shown, FILLS["wrong"]), places(shown, FILLS["right"])
    assert last[:, 1].min() > others[:, 1].min() + 150
    assert last[:, 0].min() > others[:, 0].min() + 150


@pytest.mark.parametrize("count", [0, 1, 10])
def test_nothing_touches_the_edge(tmp_path: Path, count: int) -> None:
    verdicts: list[Verdict] = ["wrong"] * count
    shown = sheet(tmp_path, *verdicts, box=Box(10, 10, 700, 350))
    border = np.ones(shown.shape[:2], dtype=bool)
    border[16:-16, 16:-16] = False
    assert (shown[border] == 255).all()


def test_the_box_is_red_on_the_query(tmp_path: Path) -> None:
    shown = sheet(tmp_path, "right", box=Box(100, 60, 500, 300))
    corner = places(shown, (0, 0, 0)).min(axis=0)
    red = places(shown[: corner[1] + 180], canvas.RED)
    assert red.min(axis=0) - corner == pytest.approx([50, 30], abs=1)
    assert red.max(axis=0) - corner == pytest.approx([250, 150], abs=1)
    assert not len(places(sheet(tmp_path, "right"), canvas.RED))


def test_a_picture_that_is_gone_becomes_a_tile_that_says_so(tmp_path: Path) -> None:
    gone = RankedPicture(Hit(0, tmp_path / "gone.jpg", 0.5, 1), "wrong")
    answer_sheet(picture(tmp_path / "q.png"), None, [gone], tmp_path / "s.png")
    assert len(places(drawn(tmp_path / "s.png"), COLOURS["wrong"])) > 1000
    with pytest.raises(BadPicture):
        answer_sheet(tmp_path / "gone.jpg", None, [gone], tmp_path / "s.png")


def small_report(folder: Path) -> Report:
    files = make_pictures(folder / "in", 6)
    queries = (
        BenchmarkQuery("a/b c.png", files[0], Box(0, 0, 12, 8), frozenset({"0001"}), frozenset({"0002"})),
        BenchmarkQuery("second", files[3], None, frozenset({"0003"})),
        BenchmarkQuery("none", files[4], None, frozenset()),
    )
    benchmark = Benchmark("small", {file.stem: file for file in files}, queries, "counts")
    return Report.of(evaluate(benchmark, FakeExtractor(), out=folder / "runs"))


def test_each_query_gets_a_sheet(tmp_path: Path) -> None:
    seen: list[Progress] = []
    made = draw_sheets(small_report(tmp_path), tmp_path / "sheets", progress=seen.append)
    assert [path.name for path in made] == ["0001-a_b_c.png.png", "0002-second.png", "0003-none.png"]
    assert len(places(drawn(made[0]), canvas.RED)) > 100
    assert not len(places(drawn(made[1]), canvas.RED))
    assert [(now.done, now.total) for now in seen] == [(1, 3), (2, 3), (3, 3)]


def test_only_the_worst_are_drawn_when_asked(tmp_path: Path) -> None:
    (made,) = draw_sheets(small_report(tmp_path), tmp_path / "sheets", worst=1, k=2)
    assert made.name == "0001-a_b_c.png.png"


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "sheets").write_text("a file")
    with pytest.raises(StorageError):
        draw_sheets(small_report(tmp_path), tmp_path / "sheets")


def test_a_sheet_never_replaces_a_picture(tmp_path: Path) -> None:
    query = picture(tmp_path / "q.png", (0, 0, 0))
    found = answered(tmp_path, "right", "wrong")
    for out in (query, found[1].hit.path):
        before = out.read_bytes()
        with pytest.raises(UsageError, match="would replace a picture"):
            answer_sheet(query, None, found, out)
        assert out.read_bytes() == before


def test_sheets_of_a_run_never_replace_its_pictures(tmp_path: Path) -> None:
    files = make_pictures(tmp_path / "in", 3)
    last = files[2].rename(tmp_path / "in" / "0001-q.png")  # what the sheet of the first query is called
    queries = (BenchmarkQuery("q", files[0], None, frozenset({"a"})),)
    benchmark = Benchmark("small", {"a": files[1], "b": files[0], "c": last}, queries, "counts")
    made = Report.of(evaluate(benchmark, FakeExtractor(), out=tmp_path / "runs"))
    before = last.read_bytes()
    with pytest.raises(UsageError, match="would replace a picture"):
        draw_sheets(made, tmp_path / "in", k=1)
    assert last.read_bytes() == before
    draw_sheets(made, tmp_path / "sheets")
    draw_sheets(made, tmp_path / "sheets")  # a sheet may replace a sheet


def test_the_box_found_in_an_answer_is_red(tmp_path: Path) -> None:
    hit = Hit(0, picture(tmp_path / "0.png", FILLS["right"]), 0.5, 1, Box(20, 20, 200, 120))
    answer_sheet(picture(tmp_path / "q.png"), None, [RankedPicture(hit, "right")], tmp_path / "s.png")
    assert len(places(drawn(tmp_path / "s.png"), canvas.RED)) > 200
