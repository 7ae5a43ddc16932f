"""What indexing survives: ``python -m benchmarks.robustness``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from benchmarks.robustness.disks import Row, disks
from benchmarks.robustness.kills import Kill, kills
from benchmarks.robustness.odd_files import odd_files
from benchmarks.sets import RESULTS, markdown

FOLDER = RESULTS / "robustness"
HEAD = ["killed after", "acknowledged", "present", "lost", "verify", "then finished", "twice", "verify"]


def run(
    times: Annotated[int, typer.Option("--kills", help="How many runs are killed.")] = 25,
    only: Annotated[str | None, typer.Option(help="kills, disks or files.")] = None,
) -> None:
    """Try everything, and exit with 1 when something did not hold."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    sound = True
    if only in (None, "kills"):
        done = []
        for one in kills(times, FOLDER):
            done.append(one)
            print(one, file=sys.stderr)
        print(markdown(HEAD, map(_line, done)) + "\n")
        sound &= all(map(_held, done))
    rows: list[Row] = []
    for name, tried in (("disks", disks), ("files", odd_files)):
        if only in (None, name):
            rows += tried(FOLDER)
    if rows:
        print(markdown(["tried", "came of it", "right"], [_row(row) for row in rows]))
        sound &= all(right for _, _, right in rows)
    raise typer.Exit(0 if sound else 1)


def _held(one: Kill) -> bool:
    return not one.lost and not one.duplicates and one.finished and one.verified_again == "clean"


def _line(one: Kill) -> Sequence[str]:
    numbers = (one.acknowledged, one.present, one.lost)
    end = ("yes" if one.finished else "NO", f"{one.duplicates}", one.verified_again)
    return [f"{one.after:.2f} s", *map(str, numbers), one.verified, *end]


def _row(row: Row) -> Sequence[str]:
    what, text, right = row
    told = text.replace(f"{FOLDER}/", "").replace("|", "\\|").replace("\n", " ")
    return [what, told, "yes" if right else "NO"]


if __name__ == "__main__":
    typer.run(run)
