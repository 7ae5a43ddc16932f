"""``likewise sweep``: which layer of a network, pooled how, retrieves best."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from likewise.cli.evaluating import _datasets
from likewise.cli.options import Computing, GroundTruth, Group, Json, NetworkWeights, Runs
from likewise.cli.output import printable, progress, show, table
from likewise.cli.scores import tell_gaps
from likewise.errors import UsageError

if TYPE_CHECKING:  # numpy stands behind them, and help must not wait for that
    from likewise.evaluation.sweeps import Sweep, SweepCell

Crop = Literal["box", "full"]
Policy = Literal["square", "longest", "shortest", "area", "full"]

# Facts of the protocol card that all cells share.
_SHARED = frozenset(
    ("data set", "gallery", "queries", "missing", "own picture", "crop", "AP rule", "network", "resize")
) | {"whitening", "engine", "version", "notes", "warning"}


def sweep(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder with the pictures.")],
    network: Annotated[str, typer.Option("--network", help="A name of `likewise networks`.")],
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            metavar="NAME",
            help="A data set of `likewise evaluate`; folder: sub-folders are groups.",
            autocompletion=_datasets,
        ),
    ] = "folder",
    gt: GroundTruth = None,
    group: Group = None,
    taps: Annotated[
        str,
        typer.Option(
            "--taps",
            metavar="TAP,TAP...",
            help="Names of `likewise networks show`. Without it: the last map of each stage.",
            show_default=False,
        ),
    ] = "",
    pools: Annotated[
        str, typer.Option("--pools", metavar="POOL,POOL...", help="sum, mean, max, gem, spoc, crow, rmac.")
    ] = "mean,max,gem",
    whiten_on: Annotated[
        Path | None,
        typer.Option(
            "--whiten-on",
            metavar="DIR",
            help="Try PCA-whitening too, learned on these pictures, which should be others than those of "
            "--data.",
        ),
    ] = None,
    dim: Annotated[
        str,
        typer.Option(
            "--dim",
            metavar="D,D...",
            help="To how many dimensions; without it: 128. Needs --whiten-on.",
            show_default=False,
        ),
    ] = "",
    resize: Annotated[Policy, typer.Option("--resize", help="How pictures get to --size.")] = "longest",
    size: Annotated[
        int, typer.Option("--size", min=1, help="Pixels of a side (of the whole picture for area).")
    ] = 512,
    weights: NetworkWeights = "",
    crop: Annotated[
        Crop, typer.Option("--crop", help="What of a query is looked for: its box, or the full picture.")
    ] = "box",
    *,
    running: Computing,
    out: Runs = Path("runs"),
    to: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the table: .csv.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw the score over the taps: .png, .svg or .pdf."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the layer that retrieves best: score every tap with every pooling, bare and whitened.

    Each picture goes through the network once for all of it. Vectors are kept in --runs: a sweep that was
    interrupted goes on.
    """
    from likewise.evaluation.datasets import load
    from likewise.evaluation.sweeps import Grid
    from likewise.evaluation.sweeps import sweep as run_sweep
    from likewise.pictures import Resize

    if dim and whiten_on is None:
        raise UsageError("--dim is what vectors are whitened to: say with --whiten-on what to learn it on")
    grid = Grid(
        network,
        taps=_names(taps),
        pools=_names(pools),
        dimensions=_numbers(dim or "128") if whiten_on else (),
        resize=Resize(resize, 0 if resize == "full" else size),
        weights=weights,
    )
    benchmark = load(dataset, data, gt=gt, group=group)
    _check_outputs(to, plot, benchmark.pictures)
    tell_gaps(benchmark)
    with progress(f"{benchmark.name}") as callback:
        done = run_sweep(
            benchmark, grid, running.extractor, whiten_on=whiten_on, crop=crop, out=out, progress=callback
        )
    if to:
        done.write_table(to)
    if plot:
        from likewise.drawing.plots import sweep_plot

        sweep_plot(done, plot, title=f"{network} on {done.card.benchmark}, {done.card.resize}")
    document = {"card": done.card, "taps": done.taps, "cells": done.cells, "table": to, "plot": plot}
    show(document, _lines(done, to, plot), as_json=as_json)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(name) for name in _names(text))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise UsageError(f"--dim {text} is not a list of whole numbers above 0, such as 512,256,128")
    return numbers


def _check_outputs(to: Path | None, plot: Path | None, pictures: list[Path]) -> None:
    """Refuse, before anything runs, what could not be written at the end."""
    if to and to.suffix.lower() != ".csv":
        raise UsageError(f"a table cannot be written as {to.name!r}: end its name in .csv")
    if plot:
        from likewise.drawing.plots import check_plot

        check_plot(plot, *pictures)


def _lines(done: Sweep, to: Path | None, plot: Path | None) -> Iterator[str]:
    """The shared facts, the table, and why some cells are not in it."""
    facts = done.card.facts()
    yield from (printable(f"{name:<12} {facts[name]}") for name in facts if name in _SHARED)
    yield ""
    measure = done.card.measure
    head = ("", "tap", "pool", "whitened", "dims", "bytes", "ms", measure, "95 % interval", "p")
    yield from table(
        [_row(cell, done.cells[0]) for cell in done.possible],
        head,
        right=f"whitened dims bytes ms {measure} p",
    )
    yield ""
    best = done.possible[0]
    yield f"best         {best.tap}, {best.pool}, {_whitened(best)}: {measure} {best.score:.4f}"
    level = sum(cell.p is not None and cell.p > 0.05 for cell in done.possible[1:])
    yield f"level        {level} other cells, whose distance from the best chance could make (p above 0.05)"
    yield from _impossible(done)
    for name, path in (("table", to), ("plot", plot)):
        if path:
            yield f"{name:<12} {printable(path)}"


def _row(cell: SweepCell, best: SweepCell) -> tuple[object, ...]:
    low, high = cell.interval or (0, 0)
    return (
        "best" if cell is best else "",
        cell.tap,
        cell.pool,
        cell.whitened or "-",
        cell.dimensions,
        cell.bytes,
        f"{cell.milliseconds:.1f}",
        f"{cell.score:.4f}",
        f"{low:.3f} to {high:.3f}",
        f"{cell.p:.2g}",
    )


def _whitened(cell: SweepCell) -> str:
    return f"whitened to {cell.whitened}" if cell.whitened else "not whitened"


def _impossible(done: Sweep) -> Iterator[str]:
    """One line for the cells of a tap that share a reason."""
    groups: dict[tuple[str, str], list[SweepCell]] = {}
    for cell in done.cells:
        if cell.reason:
            groups.setdefault((cell.tap, cell.reason), []).append(cell)
    for (tap, reason), cells in groups.items():
        pools = dict.fromkeys(cell.pool for cell in cells)
        sizes = dict.fromkeys(str(cell.whitened) for cell in cells)
        yield printable(f"not possible {tap}, {', '.join(pools)}, whitened to {', '.join(sizes)}: {reason}")
