"""How long it will still take."""

from __future__ import annotations

import time
from collections import deque

WINDOW = 30.0
"""Seconds of the recent past that the estimate goes by."""


class Pace:
    """Estimate the remaining time from what was finished lately.

    The pace of the whole run would be wrong for long: opening the network comes first, and files that only
    need a look go a hundred times faster than those that need the network.
    """

    def __init__(self) -> None:
        self._marks = deque([(time.monotonic(), 0)])

    def remaining(self, done: int, total: int) -> float | None:
        """Seconds left after ``done`` of ``total``, or None while nothing is done yet."""
        now = time.monotonic()
        self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[1][0] < now - WINDOW:
            self._marks.popleft()
        then, before = self._marks[0]
        if done == before or now == then:
            return None
        return max(0, total - done) * (now - then) / (done - before)
