"""How long it will still take, by a clock that is set."""

from __future__ import annotations

import time

import pytest

from likewise.progress import WINDOW, Meter
from likewise.types import Progress


def test_the_estimate_goes_by_what_was_finished_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    now, told = [0.0], list[Progress]()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    tell = Meter(told.append, 1000, done=500, note="files")

    def after(seconds: float, done: int) -> float | None:
        now[0] += seconds
        tell(done)
        return told[-1].remaining

    assert after(0, 500) is None
    assert after(10, 500) is None
    assert after(10, 520) == pytest.approx(480 * 20 / 20)  # what was there before does not count
    assert after(WINDOW + 1, 820) == pytest.approx(
        180 * (WINDOW + 1) / 300
    )  # nor do the slow ones of long ago
    assert after(1, 1000) == 0
    assert told[-1] == Progress(1000, 1000, remaining=0, note="files")


def test_where_no_total_is_known_there_is_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[Progress]()
    times = iter([0.0, 1.0, 2.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    tell = Meter(told.append)
    tell(5, failed=2, note="a.jpg")
    tell(6, 8)
    assert told == [Progress(5, 0, 2, None, "a.jpg"), Progress(6, 8, remaining=2 * 2 / 6)]


def test_nobody_is_told_nothing() -> None:
    Meter(None, 3)(1)
