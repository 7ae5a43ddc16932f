"""Plots of classifiers: which classes are mistaken for which, and what more pictures would bring."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from likewise.downstream.validation import Point, Score
from likewise.drawing_report import _figure, _plain, _save_plot, _styles, check_plot

NAMES = {
    "bayes": "Gaussian naive Bayes",
    "logistic": "logistic regression",
    "neighbours": "nearest neighbours",
}
"""What the kinds of classifiers are called in full."""

_NUMBERED = 15
"""Classes up to which each cell has its number written in it."""

_LONGEST = 24


def confusion_plot(score: Score, classes: Sequence[str], out: str | os.PathLike[str]) -> None:
    """Draw a confusion matrix: a row for what a picture shows, a column for what it was taken for.

    Shades are shares of a row, so that a small class is seen as well as a large one. Classes that were never
    tested are left out.

    Parameters
    ----------
    out
        The file to write; its ending chooses the format (``.png``, ``.svg``, ``.pdf``).

    Raises
    ------
    MissingExtra, UsageError, StorageError
        As `likewise.drawing_report.check_plot`.
    """
    check_plot(out)
    kept = np.flatnonzero(score.confusion.sum(axis=1) + score.confusion.sum(axis=0) > 0)
    counts = score.confusion[np.ix_(kept, kept)]
    names = [_short(classes[number]) for number in kept.tolist()]
    side = max(5.0, min(24.0, 2.2 + 0.24 * len(names)))
    figure = _figure(side, side + 0.4)
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = 9 if len(names) <= 60 else 7
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set_xlabel("taken for", fontsize=max(10, side / 2))
    axes.set_ylabel("is", fontsize=max(10, side / 2))
    axes.set_title(f"{NAMES[score.kind]}: {100 * score.accuracy:.1f} % right", fontsize=max(12, side))
    axes.set_xticks(np.arange(len(names)) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names)) - 0.5, minor=True)
    axes.grid(which="minor", color="#e3e6ea", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    if len(names) <= _NUMBERED:
        _write_counts(axes, counts, shares)
    bar = figure.colorbar(image, ax=axes, shrink=min(0.6, 4 / side), fraction=0.2 / side, pad=0.01)
    bar.set_label("share of the row")
    _save_plot(figure, Path(out))


def _write_counts(axes: Any, counts: np.ndarray[Any, Any], shares: np.ndarray[Any, Any]) -> None:
    for row, column in np.argwhere(counts > 0).tolist():
        colour = "white" if shares[row, column] > 0.55 else "#16191d"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=9)


def learning_plot(points: Sequence[Point], out: str | os.PathLike[str], *, title: str = "") -> None:
    """Draw accuracy over the number of pictures of each class that classifiers were trained on.

    Parameters
    ----------
    out
        The file to write; its ending chooses the format (``.png``, ``.svg``, ``.pdf``).

    Raises
    ------
    MissingExtra, UsageError, StorageError
        As `likewise.drawing_report.check_plot`.
    """
    check_plot(out)
    kinds = list(dict.fromkeys(point.kind for point in points))
    figure = _figure(6.4, 5.0)
    axes = figure.add_subplot()
    for kind, style in zip(kinds, _styles(len(kinds)), strict=True):
        own = sorted((point for point in points if point.kind == kind), key=lambda point: point.per_class)
        sizes = np.array([point.per_class for point in own])
        means, spreads = (np.array([getattr(one, what) for one in own]) for what in ("accuracy", "spread"))
        axes.plot(sizes, means, marker="o", markersize=5, linewidth=2, label=NAMES[kind], **style)
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
    _plain(axes)
    figure.legend(loc="outside lower left", frameon=False)
    _save_plot(figure, Path(out))


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
