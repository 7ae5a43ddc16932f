"""Speed beside named peers and the machine's limits: ``python -m benchmarks.peers run``, then ``table``.

Every figure is a ratio within one run. ``last.json`` beside this file is the run that the table in README.md
shows; ``slower`` says what has got slower since, and ``keep`` makes the present run the last one.
"""

from __future__ import annotations

import shutil
import sys
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from benchmarks.peers.figures import Figure, read, write
from benchmarks.sets import RESULTS, markdown

FILE = RESULTS / "peers" / "figures.json"
LAST = Path(__file__).parent / "last.json"
PARTS = ("limits", "search", "start", "indexing")

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run(
    only: Annotated[list[str] | None, typer.Option(help="A part: " + ", ".join(PARTS))] = None,
    repetitions: Annotated[int, typer.Option(help="How often each is timed.")] = 5,
    pictures: Annotated[int, typer.Option(help="Pictures that are indexed.")] = 200,
    vectors: Annotated[list[int] | None, typer.Option(help="Sizes of collections searched.")] = None,
    row: Annotated[str, typer.Option(help="Of indexing: a network, or `quick 4000x3000`.")] = "",
) -> None:
    """Measure; what is not measured again stays."""
    options = {
        "limits": (repetitions,),
        "search": (tuple(vectors or (10_000, 100_000)), repetitions),
        "start": (repetitions,),
        "indexing": (pictures, repetitions, row),
    }
    for part in only or PARTS:
        module = import_module(f"benchmarks.peers.{part}")  # each with peers of its own
        for figure in module.figures(*options[part]):
            write(FILE, [*(one for one in read(FILE) if one.name != figure.name), figure])
            print(*_row(figure), sep="  ", file=sys.stderr)


@app.command()
def table() -> None:
    """Print medians, with the middle half of the repetitions."""
    head = ["work", "beside", "seconds of ours", "times as fast", "middle half", "wanted"]
    figures = read(FILE)
    for group in dict.fromkeys(figure.group for figure in figures):
        print(f"### {group}\n")
        print(markdown(head, [_row(figure) for figure in figures if figure.group == group]) + "\n")


def _row(figure: Figure) -> list[str | float]:
    low, high = figure.middle
    wanted = "" if figure.wanted is None else f"{figure.wanted:.2f}"
    seconds, ratio = f"{median(figure.seconds):.3g}", f"{median(figure.ratios):.2f}"
    return [figure.work, figure.beside, seconds, ratio, f"{low:.2f} to {high:.2f}", wanted]


@app.command()
def slower() -> None:
    """Say what has got slower since the last table; exit code 1 if something has."""
    last = {figure.name: figure for figure in read(LAST)}
    found = [figure for figure in read(FILE) if figure.name in last and figure.slower_than(last[figure.name])]
    for figure in found:
        before = median(last[figure.name].ratios)
        print(f"{figure.work} beside {figure.beside}: {median(figure.ratios):.2f}, was {before:.2f}")
    print(f"{len(found)} of {len(last)} figures got slower")
    raise typer.Exit(bool(found))


@app.command()
def keep() -> None:
    """Make the present run the last one, as the table in README.md shows it."""
    shutil.copy(FILE, LAST)


if __name__ == "__main__":
    app()
