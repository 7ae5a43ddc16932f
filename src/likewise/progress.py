"""How far something has come, and how long it will still take."""

from __future__ import annotations

import time
from collections import deque

from likewise.types import Progress, ProgressCallback

WINDOW = 30.0
"""Seconds of the recent past that the estimate goes by."""


class Meter:
    """Tells how far something has come, with an estimate from what was finished lately.

    The pace of the whole run would be wrong for long: opening the network comes first, and files that only
    need a look go a hundred times faster than those that need the network.

    Parameters
    ----------
    progress
        Whom to tell; nobody for None.
    total, note
        As in `Progress`, for reports that do not say them.
    done
        What was finished before.
    """

    def __init__(
        self, progress: ProgressCallback | None, total: int = 0, *, done: int = 0, note: str = ""
    ) -> None:
        self._progress, self._total, self._note = progress, total, note
        self._marks = deque([(time.monotonic(), done)])

    def __call__(self, done: int, total: int | None = None, *, failed: int = 0, note: str = "") -> None:
        """Tell that ``done`` of ``total`` are finished, ``failed`` of them in vain."""
        if self._progress:
            total = self._total if total is None else total
            self._progress(Progress(done, total, failed, self._remaining(done, total), note or self._note))

    def _remaining(self, done: int, total: int) -> float | None:
        """Seconds left, or None while nothing is done yet or the total is not known."""
        now = time.monotonic()
        self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[1][0] < now - WINDOW:
            self._marks.popleft()
        then, before = self._marks[0]
        if done == total > 0:
            return 0.0
        if done > total or done == before or now == then:
            return None
        return (total - done) * (now - then) / (done - before)
