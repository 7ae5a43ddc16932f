"""What indexing survives: ``python -m benchmarks.robustness``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from benchmarks.robustness.disks import Row, disks
from benchmarks.robustness.kills import Kill, kills
from benchmarks.robustness.odd_files import odd_files
from benchmarks.robustness.word_kills import WordKill, word_kills
from benchmarks.sets import RESULTS, markdown

FOLDER = RESULTS / "robustness"
WORDS = ["killed in", "after", "seen", "present", "lost", "verify", "searches", "then finished", "verify"]
HEAD = ["killed after", "acknowledged", "present", "lost", "verify", "then finished", "twice", "verify"]


def run(
    times: Annotated[int, typer.Option("--kills", help="How many runs are killed.")] = 25,
    only: Annotated[str | None, typer.Option(help="kills, words, disks or files.")] = None,
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
    if only in (None, "words"):
        words = []
        for killed in word_kills(times, FOLDER):
            words.append(killed)
            print(killed, file=sys.stderr)
        print(markdown(WORDS, map(_words_line, words)) + "\n")
        sound &= all(not one.lost and one.searched and one.finished for one in words)
        sound &= all("clean" == one.verified == one.verified_again for one in words)
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


def _words_line(one: WordKill) -> Sequence[str]:
    numbers = (one.before, one.present, one.lost)
    same, ended = ("yes" if held else "NO" for held in (one.searched, one.finished))
    return [
        *(one.during, "had ended" if one.after is None else f"{one.after:.3f} s", *map(str, numbers)),
        *(one.verified, same, ended, one.verified_again),
    ]


def _row(row: Row) -> Sequence[str]:
    what, text, right = row
    told = text.replace(f"{FOLDER}/", "").replace("|", "\\|").replace("\n", " ")
    return [what, told, "yes" if right else "NO"]


if __name__ == "__main__":
    typer.run(run)
