"""A collection of visual words killed with -9 while it is added to, indexed, merged and optimised."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.robustness.command import committed, faults, likewise, pictures_in

from likewise.collection.collection import Collection

RECIPE = """
name = "small"
kind = "words"
network = "efficientnet-lite0"
taps = ["block4", "pooled"]
size = 64
stride = 32
resize = { policy = "longest", size = 160 }
"""
STEP = 12
"""Pictures that each round adds."""

WHEN = ("adding", "indexing words", "optimising")
POLL = 0.005
LONGER = 0.05
"""Seconds, at most, that a run still lives at its moment."""


@dataclass(frozen=True)
class WordKill:
    """One run that was killed, and what came of it.

    Attributes
    ----------
    during
        What it was killed in, one of `WHEN`.
    after
        Seconds from its start, or for ``indexing words`` from when every picture was committed, or for
        ``optimising`` from when it began to write; None when it had ended by itself.
    before, present
        Pictures that a reader saw before the kill, and when it was dead.
    lost
        Pictures that were seen before and were gone.
    searched
        Whether searches gave then what they give on the same sketches without any segment.
    verified, verified_again
        What ``likewise verify`` found after the kill, and after the run that carried on and optimised.
    finished
        Whether that run ended well with every picture there, and searches gave the same as without segments.
    """

    during: str
    after: float | None
    before: int
    present: int
    lost: int
    verified: str
    searched: bool
    finished: bool
    verified_again: str


def word_kills(count: int, corner: Path) -> Iterator[WordKill]:
    """Add pictures to one collection, kill that or the optimising of it, carry on; so many times."""
    folder, into, file = corner / "word-pictures", corner / "words-killed", corner / "small.toml"
    for stale in (folder, into):
        shutil.rmtree(stale, ignore_errors=True)
    file.write_text(RECIPE)
    others, words = pictures_in(corner / "others", 60, 160), corner / "small.words"
    learn: list[str | Path] = [
        "words",
        "learn",
        others,
        "--recipe",
        file,
        "--words",
        "50",
        "-o",
        words,
        "--overwrite",
    ]
    _done(learn)
    index: list[str | Path] = ["index", folder, "--recipe", file, "--words", words, "--into", into]
    chance = np.random.default_rng(0)
    for number in range(count):
        when = WHEN[number % 3]
        pictures_in(folder, (number + 1) * STEP, 160)
        if when == "optimising":  # it has to write all segments anew, without three pictures
            _done(index)
            _done(["remove", *sorted(folder.iterdir())[:3], "--in", into])
        before, after = _killed(index, into, when, (number + 1) * STEP, chance.random())
        present = committed(into)
        verified, searched = faults(into), _same(into, folder, corner)
        ended = likewise(*index).code == 0 and likewise("optimise", "--in", into).code == 0
        ended = ended and len(committed(into)) == (number + 1) * STEP and _same(into, folder, corner)
        lost = len(before - present)
        yield WordKill(
            *(when, after, len(before), len(present), lost, verified, searched, ended, faults(into))
        )


def _done(command: list[str | Path]) -> None:
    ran = likewise(*command)
    if ran.code:
        raise RuntimeError(ran.error)


def _killed(
    index: list[str | Path], into: Path, when: str, wanted: int, share: float
) -> tuple[set[str], float | None]:
    """Start, kill at a moment; give what a reader saw until then, and when that was."""
    command = ["optimise", "--in", into] if when == "optimising" else index
    process = subprocess.Popen(
        [sys.executable, "-m", "likewise", *map(str, command)], stdout=subprocess.DEVNULL
    )
    start, seen = time.monotonic(), set[str]()
    if when != "optimising":
        few = wanted - STEP + int(share * STEP) if when == "adding" else wanted
        while process.poll() is None and len(seen) < few:
            seen |= committed(into)
            time.sleep(POLL)
    else:
        seen = committed(into)
        while process.poll() is None and not _writing(into, process.pid):
            time.sleep(POLL)
    if when != "adding":
        start = time.monotonic()
    time.sleep(share * LONGER)
    lived = time.monotonic() - start
    process.send_signal(signal.SIGKILL)
    return seen, lived if process.wait() == -signal.SIGKILL else None


def _writing(into: Path, pid: int) -> bool:
    """Whether that process holds the lock."""
    return f'"pid": {pid},' in (into / "lock").read_text()


def _same(into: Path, folder: Path, corner: Path) -> bool:
    """Whether searches give what they give on the same sketches without any segment."""
    bare = corner / "bare"
    shutil.rmtree(bare, ignore_errors=True)
    shutil.copytree(into, bare)
    shutil.rmtree(bare / "words", ignore_errors=True)
    queries = sorted(folder.iterdir())[:: max(1, len(list(folder.iterdir())) // 3)]
    with Collection.open(into) as one, Collection.open(bare) as other:
        return all(one.search(query, k=10_000) == other.search(query, k=10_000) for query in queries)
