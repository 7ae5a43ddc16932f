"""Plots by matplotlib: precision over recall, sweeps of taps, and how well classifiers do.

Each is written to ``out``, whose ending chooses the format (``.png``, ``.svg``, ``.pdf``), and raises what
`check_plot` does.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from likewise.drawing.canvas import INK, PALETTE, check_output
from likewise.errors import MissingExtra
from likewise.files import replacing

if TYPE_CHECKING:  # scikit-learn stands behind them, which no plot needs
    from likewise.downstream.classifying import LearningPoint, ValidationScore
    from likewise.evaluation.sweeps import Sweep

CLASSIFIERS = {
    "bayes": "Gaussian naive Bayes",
    "logistic": "logistic regression",
    "neighbours": "nearest neighbours",
}
"""The full names of the kinds of classifiers."""

_NUMBERED = 15  # classes up to which each cell of a confusion matrix has its number written in it
_LONGEST = 24  # letters of a class


def check_plot(out: str | os.PathLike[str], *pictures: Path) -> None:
    """See that a plot can be drawn and written to ``out``, and that none of ``pictures`` lies there.

    Raises `MissingExtra` when matplotlib is not installed; `UsageError` when the ending of ``out`` is no
    format that can be written, or a picture would be replaced; `StorageError` when its folder is not there.
    """
    check_output("plot", out, *pictures)
    new_figure(1, 1)


def plain(axes: Any) -> None:
    """Put a grid behind the lines of some axes, and leave their frame open above and to the right."""
    axes.grid(color="#e3e6ea")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save_plot(figure: Any, out: str | os.PathLike[str]) -> None:
    """Write a figure whole, or leave what was there."""
    path = Path(out)
    with replacing(path) as part:
        figure.savefig(part, dpi=150, format=path.suffix[1:].lower())


def new_figure(width: float, height: float) -> Any:
    """An empty figure of ``width`` x ``height`` inches."""
    try:
        from matplotlib.figure import Figure  # an extra, and half a second that only a plot needs
    except ImportError:
        raise MissingExtra("drawing a plot", "plot") from None
    return Figure(figsize=(width, height), layout="constrained")


def _styles(count: int) -> list[dict[str, str]]:
    """The colours of the palette and black, then the same dashed and dotted."""
    colours = (*PALETTE, "#000000")
    dashes = ("-", "--", ":", "-.")
    return [
        {"color": colours[number % len(colours)], "linestyle": dashes[number // len(colours) % len(dashes)]}
        for number in range(count)
    ]


def precision_recall_plot(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]], out: str | os.PathLike[str], *, title: str = ""
) -> None:
    """Draw precision over recall, one line a run.

    ``curves``: by the text of the legend, recall and precision, shape ``(n,)`` each.
    """
    check_plot(out)
    figure = new_figure(6.4, 5.2 + 0.26 * len(curves))
    axes = figure.add_subplot()
    for (label, (recall, precision)), style in zip(curves.items(), _styles(len(curves)), strict=True):
        axes.plot(recall, precision, label=label, linewidth=2, clip_on=False, **style)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.0), title=title)
    plain(axes)
    figure.legend(loc="outside lower left", frameon=False)
    save_plot(figure, out)


def sweep_plot(sweep: Sweep, out: str | os.PathLike[str], *, title: str = "") -> None:
    """Draw the score over the taps of a sweep: a line a pooling, a panel a whitening, the best ringed."""
    check_plot(out)
    panels = list(dict.fromkeys(cell.whitened for cell in sweep.possible))
    panels.sort(key=lambda whitened: (whitened is not None, -(whitened or 0)))
    pools = sorted({cell.pool for cell in sweep.possible})
    styles = dict(zip(pools, _styles(len(pools)), strict=True))
    width = max(6.4, 1 + len(panels) * max(2.6, 0.5 * len(sweep.taps)))
    figure = new_figure(width, 4.6)
    for whitened, axes in zip(
        panels, figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], strict=True
    ):
        _whitening(axes, sweep, whitened, styles)
    first = figure.axes[0]
    first.set(ylabel=sweep.card.measure)
    first.set_ylim(bottom=0)
    figure.suptitle(title, fontsize="large")
    lines = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
    beside = int(width / 1.5)  # a name and its line are 1.5 inches at most, the best cell's apart
    figure.legend(lines.values(), lines.keys(), loc="outside lower left", frameon=False, ncols=beside)
    save_plot(figure, out)


def _whitening(axes: Any, sweep: Sweep, whitened: int | None, styles: Mapping[str, dict[str, str]]) -> None:
    """The cells of one whitening: a line a pooling, from the first tap to the last."""
    places = {tap: place for place, tap in enumerate(sweep.taps)}
    for pool, style in styles.items():
        cells = [cell for cell in sweep.possible if (cell.pool, cell.whitened) == (pool, whitened)]
        cells.sort(key=lambda cell: places[cell.tap])
        points = [[places[cell.tap] for cell in cells], [cell.score for cell in cells]]
        axes.plot(*points, label=pool, linewidth=2, marker="o", markersize=4, **style)
    best = sweep.possible[0]
    if best.whitened == whitened:
        ring = {"marker": "o", "markersize": 13, "markerfacecolor": "none", "linestyle": "none"}
        label = f"best: {best.tap} {best.pool}, {best.score:.3f}"
        axes.plot([places[best.tap]], [best.score], label=label, color=INK, **ring)
    axes.set_title("as it is" if whitened is None else f"whitened to {whitened}", fontsize="medium")
    axes.set_xticks(range(len(sweep.taps)), sweep.taps, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.5, len(sweep.taps) - 0.5)
    plain(axes)


def confusion_plot(score: ValidationScore, classes: Sequence[str], out: str | os.PathLike[str]) -> None:
    """Draw a confusion matrix: a row for what a picture shows, a column for what it was taken for.

    Shades are shares of a row, so that a small class is seen as well as a large one. Classes that were never
    tested are left out.
    """
    check_plot(out)
    kept = np.flatnonzero(score.confusion.sum(axis=1) + score.confusion.sum(axis=0) > 0)
    counts = score.confusion[np.ix_(kept, kept)]
    names = [_short(classes[number]) for number in kept.tolist()]
    side = max(5.0, min(24.0, 2.2 + 0.24 * len(names)))
    figure = new_figure(side, side + 0.4)
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = 9 if len(names) <= 60 else 7
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set_xlabel("taken for", fontsize=max(10, side / 2))
    axes.set_ylabel("is", fontsize=max(10, side / 2))
    axes.set_title(f"{CLASSIFIERS[score.kind]}: {100 * score.accuracy:.1f} % right", fontsize=max(12, side))
    axes.set_xticks(np.arange(len(names)) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names)) - 0.5, minor=True)
    axes.grid(which="minor", color="#e3e6ea", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    if len(names) <= _NUMBERED:
        _write_counts(axes, counts, shares)
    bar = figure.colorbar(image, ax=axes, shrink=min(0.6, 4 / side), fraction=0.2 / side, pad=0.01)
    bar.set_label("share of the row")
    save_plot(figure, out)


def _write_counts(axes: Any, counts: np.ndarray[Any, Any], shares: np.ndarray[Any, Any]) -> None:
    for row, column in np.argwhere(counts > 0).tolist():
        colour = "white" if shares[row, column] > 0.55 else INK
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=9)


def learning_plot(points: Sequence[LearningPoint], out: str | os.PathLike[str], *, title: str = "") -> None:
    """Draw accuracy over the number of pictures of each class that classifiers were trained on."""
    check_plot(out)
    kinds = list(dict.fromkeys(point.kind for point in points))
    figure = new_figure(6.4, 5.0)
    axes = figure.add_subplot()
    for kind, style in zip(kinds, _styles(len(kinds)), strict=True):
        own = sorted((point for point in points if point.kind == kind), key=lambda point: point.per_class)
        sizes = np.array([point.per_class for point in own])
        means, spreads = (
            np.array([getattr(point, what) for point in own]) for what in ("accuracy", "spread")
        )
        axes.plot(sizes, means, marker="o", markersize=5, linewidth=2, label=CLASSIFIERS[kind], **style)
        axes.fill_between(
            sizes, means - spreads, means + spreads, color=style["color"], alpha=0.12, linewidth=0
        )
    ticks = sorted({point.per_class for point in points})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [*map(str, ticks[:-1]), "all"])
    axes.minorticks_off()
    axes.set(xlabel="pictures of each class to learn from, at most", ylabel="accuracy on others")
    lowest = min(point.accuracy - point.spread for point in points)
    axes.set_ylim(max(0.0, math.floor(10 * lowest) / 10), 1)
    axes.set_title(title)
    plain(axes)
    figure.legend(loc="outside lower left", frameon=False)
    save_plot(figure, out)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
