"""The figures of the article, drawn from both networks on the same scales."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from likewise.drawing import plots, save, shared_top, tiles
from likewise.inspection import Histogram, View
from likewise.networks import CIFAR10
from likewise.study.activations import FIRST, LAST, TAPS, Activations
from likewise.study.running import FROG
from likewise.types import FloatArray, UInt8Array

BLUE, RED, GREY = "#0072b2", "#c0392b", "#5d6670"
"""The network trained on more, the other, and neither."""

SHEETS = ((2, FIRST, "little"), (3, FIRST, "much"), (4, LAST, "little"), (5, LAST, "much"))
"""Number of the figure, tap, and which network, as the article has them."""

LAYERS = {FIRST: "first convolution (conv2d_1)", LAST: "last convolution (conv2d_6)"}


def draw_all(much: Activations, little: Activations, picture: UInt8Array, folder: Path) -> dict[str, Path]:
    """Draw the picture and figures 2 to 8 of the first picture that both networks saw, and two more.

    Raises `MissingExtra` when matplotlib is not installed; `StorageError` when the folder cannot be written.
    Returns the files by what they show: ``frog``, ``figure-2`` to ``figure-8``, ``figure-2-shared`` to
    ``figure-5-shared``, ``training``, ``zeros``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sheets = {"frog": Image.fromarray(picture)} | _sheets(much, little)
    charts = {
        "figure-6": _last_values(much, little),
        "figure-7": _colours(picture),
        "figure-8": _answers(much, little),
        "training": _training(much, little),
        "zeros": _zeros(much, little),
    }
    files = {name: folder / f"{name}.png" for name in (*sheets, *charts)}
    for name, sheet in sheets.items():
        save(sheet, files[name])
    for name, chart in charts.items():
        plots.save_plot(chart, files[name])
    return files


def _sheets(much: Activations, little: Activations) -> dict[str, Image.Image]:
    """The maps of both layers: each on its own scale as there, and on one scale for both networks."""
    drawn = {}
    for number, tap, which in SHEETS:
        views = {
            name: View.of(CIFAR10.tap(tap), np.ascontiguousarray(seen.of(0)[tap].transpose(1, 2, 0)))
            for name, seen in (("much", much), ("little", little))
        }
        top = shared_top(*views.values())
        drawn[f"figure-{number}"] = tiles(views[which], scale="map", top=top)
        drawn[f"figure-{number}-shared"] = tiles(views[which], scale="shared", top=top)
    return drawn


def _last_values(much: Activations, little: Activations) -> Any:
    """Figure 6: how the values of the last convolution are distributed."""
    values = [seen.of(0)[LAST] for seen in (much, little)]
    most = max(float(maps.max()) for maps in values)
    figure = plots.new_figure(8.4, 3.8)
    for axes, scale in zip(figure.subplots(1, 2), ("linear", "log"), strict=True):
        for seen, maps, colour in zip((much, little), values, (BLUE, RED), strict=True):
            bits = Histogram.of(maps, 0.0, most).entropy
            _steps(axes, maps, most, colour, f"{seen.name}: {np.mean(maps == 0):.0%} zeros, {bits:.2f} bits")
        axes.set(xlabel="activation", ylabel=f"share of the values, {scale}", yscale=scale)
        plots.plain(axes)
    figure.suptitle("Values of the last convolution", fontsize="large")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower left", frameon=False, fontsize="small"
    )
    return figure


def _colours(picture: UInt8Array) -> Any:
    """Figure 7: how the pixels of the picture are distributed."""
    figure = plots.new_figure(5.2, 3.8)
    axes = figure.add_subplot()
    values = picture.astype(np.float32) / np.float32(255)
    label = f"the frog: mean {values.mean():.2f}, {Histogram.of_pixels(picture).entropy:.2f} bits"
    _steps(axes, values, 1.0, GREY, label)
    axes.set(xlabel="pixel value, all colours", ylabel="share of the values", title="Pixels of the picture")
    _finish(figure, axes)
    return figure


def _steps(axes: Any, values: FloatArray, most: float, colour: str, label: str) -> None:
    """A histogram of 32 bins, which the eye can take in; the entropies are of 256."""
    counts, edges = np.histogram(values, 32, (0.0, most or 1.0))
    shares = counts / counts.sum()
    axes.stairs(shares, edges, fill=True, alpha=0.25, color=colour)
    axes.stairs(shares, edges, linewidth=1.8, color=colour, label=label)


def _answers(much: Activations, little: Activations) -> Any:
    """Figure 8: the ten probabilities of each network."""
    figure = plots.new_figure(8.4, 3.6)
    for axes, seen, colour in zip(
        figure.subplots(1, 2, sharey=True), (much, little), (BLUE, RED), strict=True
    ):
        shares = seen.of(0)["probabilities"]
        places = np.arange(len(CIFAR10.classes))
        bars = axes.barh(places, shares, color=[colour if place == FROG else "#aeb6bf" for place in places])
        axes.bar_label(
            bars, [f"{share:.1%}" if share >= 0.0005 else "" for share in shares], padding=3, fontsize="small"
        )
        axes.set_yticks(places, CIFAR10.classes)
        axes.set(xlim=(0, 1.14), xlabel="probability", title=seen.name)
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].invert_yaxis()
    return figure


def _training(much: Activations, little: Activations) -> Any:
    """Accuracy over the epochs, the epoch that was kept ringed."""
    figure = plots.new_figure(6.8, 3.8)
    axes = figure.add_subplot()
    for seen, colour in ((much, BLUE), (little, RED)):
        history, best = seen.network.history, seen.network.best
        numbers = [epoch.number for epoch in history]
        axes.plot(
            numbers,
            [epoch.validation_accuracy for epoch in history],
            color=colour,
            label=f"{seen.name}: validation",
        )
        axes.plot(
            numbers,
            [epoch.accuracy for epoch in history],
            color=colour,
            linestyle=":",
            label="its training pictures, with dropout",
        )
        axes.plot(
            [best.number],
            [best.validation_accuracy],
            "o",
            markersize=10,
            markerfacecolor="none",
            color=colour,
        )
    axes.set(xlabel="epoch", ylabel="accuracy", title="Training; rings: the epoch that was kept")
    _finish(figure, axes)
    return figure


def _zeros(much: Activations, little: Activations) -> Any:
    """Share of zeros in every layer, over all the frogs."""
    layers = [tap for tap in TAPS if tap != "probabilities"]
    figure = plots.new_figure(6.8, 3.8)
    axes = figure.add_subplot()
    for seen, colour in ((much, BLUE), (little, RED)):
        shares = [float(np.mean(seen.taps[tap] == 0)) for tap in layers]
        axes.plot(range(len(layers)), shares, marker="o", markersize=4, color=colour, label=seen.name)
    axes.set_xticks(range(len(layers)), layers)
    axes.set(ylabel="share of zeros", ylim=(0, 1), title="Zeros in every layer, all frogs")
    _finish(figure, axes)
    return figure


def _finish(figure: Any, axes: Any) -> None:
    plots.plain(axes)
    figure.legend(loc="outside lower left", frameon=False, fontsize="small")


def captions() -> dict[str, str]:
    """The caption of each figure."""
    of = {"much": "the network trained on more pictures", "little": "the network trained on fewer"}
    return {
        **{
            f"figure-{number}{suffix}": f"Figure {number}: {LAYERS[tap]} of {of[which]}{scale}."
            for number, tap, which in SHEETS
            for suffix, scale in (("", ", each map on its own scale"), ("-shared", ", one scale for both"))
        },
        "figure-6": "Figure 6: how the values of the last convolution are distributed, by a linear axis "
        "as in the article and by a logarithmic one.",
        "figure-7": "Figure 7: how the pixels of the frog are distributed.",
        "figure-8": "Figure 8: the probabilities that each network gives.",
        "training": "Accuracy over the epochs.",
        "zeros": "Zeros in every layer, over all frogs that are not trained on.",
    }
