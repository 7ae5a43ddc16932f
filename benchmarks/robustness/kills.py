"""Indexing killed with -9 again and again, and carried on."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import numpy as np
from benchmarks.robustness.command import committed, faults, likewise, pictures_in, twice

PICTURES = 300
SIDE = 320
POLL = 0.01
LONGER = 0.5
"""Seconds, at most, that a run still lives when enough is committed: a few commits."""


@dataclass(frozen=True)
class Kill:
    """One run that was killed, and what came of it.

    Attributes
    ----------
    after
        Seconds it lived.
    acknowledged
        Pictures known to be committed before the kill: by the progress it printed, or a reader.
    present
        Pictures committed when it was dead.
    lost
        Pictures that a reader had seen before, or that were promised by number, and that were gone.
    duplicates
        Pictures there twice, at last.
    verified, verified_again
        What ``likewise verify`` found after the kill, and after the run that carried on.
    finished
        Whether that run ended well with every picture there.
    """

    after: float
    acknowledged: int
    present: int
    lost: int
    duplicates: int
    verified: str
    verified_again: str
    finished: bool


class Watched:
    """``likewise index`` on a terminal of its own, which is read, beside a reader of the collection."""

    def __init__(self, folder: Path, into: Path) -> None:
        self._into = into
        self.promised, self.seen = 0, set[str]()
        self._terminal, stderr = pty.openpty()
        command = [sys.executable, "-m", "likewise", "index", str(folder), "--into", str(into)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
        os.close(stderr)
        self._thread = Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        for text in self._lines():
            for done, _ in re.findall(r"(\d+) of (\d+)", text):
                self.promised = max(self.promised, int(done))

    def _lines(self) -> Iterator[str]:
        while True:
            try:
                yield os.read(self._terminal, 65536).decode(errors="replace")
            except OSError:  # nobody holds the other end any more
                return

    def live(self, *, seconds: float = 600.0, pictures: int = PICTURES, more: float = 0.0) -> float:
        """Let it run so long, or until so many pictures are committed and a bit more; then kill it."""
        start = time.monotonic()
        end = start + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.seen |= committed(self._into)
            if len(self.seen) >= pictures:
                end = min(end, time.monotonic() + more)
            time.sleep(POLL)
        lived = time.monotonic() - start
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._thread.join()
        os.close(self._terminal)
        return lived


def kills(count: int, corner: Path) -> Iterator[Kill]:
    """Kill so many runs: one in five before the first commit, by the clock, the others by what is committed.

    A clock alone would not spread them over a run on a machine whose pace changes.
    """
    folder, into = pictures_in(corner / f"pictures-{SIDE}", PICTURES, SIDE), corner / "killed"
    shutil.rmtree(into, ignore_errors=True)
    begin = Watched(folder, into).live(pictures=1)
    chance = np.random.default_rng(0)
    for number in range(count):
        shutil.rmtree(into, ignore_errors=True)
        watched = Watched(folder, into)
        if number % 5 == 0:
            lived = watched.live(seconds=begin * chance.random())
        else:
            wanted = int(PICTURES * (number + chance.random()) / count)
            lived = watched.live(pictures=wanted, more=LONGER * chance.random())
        present = committed(into)
        yield Kill(
            after=lived,
            acknowledged=max(watched.promised, len(watched.seen)),
            present=len(present),
            lost=len(watched.seen - present) + max(0, watched.promised - len(present)),
            verified=faults(into) if present else "nothing there yet",
            finished=likewise("index", folder, "--into", into).code == 0 and len(committed(into)) == PICTURES,
            duplicates=twice(into),
            verified_again=faults(into),
        )
