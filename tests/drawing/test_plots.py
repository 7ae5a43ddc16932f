"""Plots: every line and cell is there, formats, and what is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.downstream.classifying.validation import LearningPoint, ValidationScore
from likewise.drawing.plots import (
    check_plot,
    confusion_plot,
    learning_plot,
    precision_recall_plot,
    sweep_plot,
)
from likewise.errors import MissingExtra, StorageError, UsageError
from likewise.evaluation.sweeps.run import Sweep, SweepCell
from tests.drawing.looks import picture, places, size
from tests.drawing.test_answers import small_report

CURVE = (np.linspace(0, 1, 11), np.linspace(1, 0.5, 11))
TAPS = ("first", "second", "last")


@pytest.mark.parametrize(("name", "begins"), [("p.png", b"\x89PNG"), ("p.svg", b"<?xml"), ("p.pdf", b"%PDF")])
def test_plots_are_written_as_their_name_says(tmp_path: Path, name: str, begins: bytes) -> None:
    pytest.importorskip("matplotlib")
    precision_recall_plot({"one": CURVE, "two": CURVE}, tmp_path / name, title="small")
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_a_plot_has_a_line_for_each_run(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    precision_recall_plot({f"run {n}": (CURVE[0], CURVE[1] - n / 10) for n in range(9)}, tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as plot:
        pixels = np.asarray(plot.convert("RGB")).astype(int)
    for colour in ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"):
        assert len(places(pixels, colour)) > 500
    edge = np.concatenate(
        [pixels[:4].ravel(), pixels[-4:].ravel(), pixels[:, :4].ravel(), pixels[:, -4:].ravel()]
    )
    assert (edge == 255).all()


def small_sweep(folder: Path) -> Sweep:
    """Three taps and two poolings, bare and, but for the first tap, whitened; the best is last max 64."""
    cells = [
        SweepCell(tap, pool, whitened, 64, 128, 1.0, 0.2 * place + bonus, (0.0, 1.0), 0.5)
        for place, tap in enumerate(TAPS)
        for pool, bonus in (("mean", 0.1), ("max", 0.2))
        for whitened in (None, 64)
        if place or not whitened
    ]
    cells.sort(key=lambda cell: (-(cell.score or 0), not cell.whitened))
    gone = SweepCell("first", "max", 64, 64, 128, 1.0, reason="too short")
    return Sweep(small_report(folder).run.card, TAPS, (*cells, gone))


@pytest.mark.parametrize("name", ["p.png", "p.svg", "p.pdf"])
def test_a_sweep_is_drawn(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    sweep_plot(small_sweep(tmp_path), tmp_path / name, title="small")
    assert (tmp_path / name).stat().st_size > 5000
    if name == "p.png":
        with Image.open(tmp_path / name) as plot:
            pixels = np.asarray(plot.convert("RGB"))
        assert (np.concatenate([pixels[:4].ravel(), pixels[:, -4:].ravel()]) == 255).all()
        for colour in ("#0072b2", "#d55e00"):
            assert len(places(pixels.astype(int), colour)) > 500


def test_a_plot_never_replaces_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    photo = picture(tmp_path / "photo.png")
    check_plot(tmp_path / "other.png", photo)
    with pytest.raises(UsageError, match="would replace a picture"):
        check_plot(tmp_path / "photo.png", photo)


def test_a_plot_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(UsageError, match="end its name"):
        precision_recall_plot({"one": CURVE}, tmp_path / "p.docx")
    with pytest.raises(StorageError):
        precision_recall_plot({"one": CURVE}, tmp_path / "nowhere" / "p.png")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"likewise\[plot\]"):
        precision_recall_plot({"one": CURVE}, tmp_path / "p.png")


class TestClassifiers:
    @pytest.mark.parametrize("count", [2, 20])
    def test_a_confusion_matrix(self, count: int, tmp_path: Path) -> None:
        confusion = np.diag(np.full(count, 5)) + np.eye(count, k=1, dtype=np.int64)
        score = ValidationScore("bayes", 0.9, 0.1, 0.9, 0.3, 1.0, confusion)
        confusion_plot(
            score, [f"class number {n} with a long name" for n in range(count)], tmp_path / "c.png"
        )
        assert min(size(tmp_path / "c.png")) >= 600

    def test_more_classes_make_it_larger(self, tmp_path: Path) -> None:
        for count in (3, 40):
            score = ValidationScore("bayes", 1, 0, 1, 0, 1.0, np.eye(count, dtype=np.int64))
            confusion_plot(score, [str(n) for n in range(count)], tmp_path / f"{count}.png")
        assert size(tmp_path / "40.png")[0] > size(tmp_path / "3.png")[0]

    def test_a_learning_curve(self, tmp_path: Path) -> None:
        points = [LearningPoint(kind, n, 0.5, 0.1) for kind in ("bayes", "logistic") for n in (1, 5, 10)]
        learning_plot(points, tmp_path / "c.svg", title="<title>")
        text = (tmp_path / "c.svg").read_text()
        assert text.startswith("<?xml")
        with pytest.raises(UsageError, match=r"\.png, \.svg or \.pdf"):
            learning_plot(points, tmp_path / "c.txt")
