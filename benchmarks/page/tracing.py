"""Processor time between two marks of a page, from what Chromium traces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TRACED = ["toplevel", "blink", "blink.user_timing", "devtools.timeline"]


def work_between(events: list[dict[str, Any]], begin: str, end: str) -> list[float]:
    """Milliseconds that the thread which set two marks worked, each time that one follows the other.

    Chromium tells of each piece of work when it began, how long it took (``dur``) and how long its thread
    was on a processor meanwhile (``tdur``), in microseconds; pieces hold smaller ones, which are not counted
    twice.
    """
    pieces = sorted(
        (e for e in events if e.get("ph") == "X" and "tdur" in e), key=lambda e: (e["ts"], -e["dur"])
    )
    found = []
    for start, stop, thread in _windows(events, begin, end):
        spent, until = 0.0, 0.0
        for piece in pieces:
            if _thread(piece) == thread and start <= piece["ts"] < stop and piece["ts"] >= until:
                spent += piece["tdur"] / 1000
                until = piece["ts"] + piece["dur"]
        found.append(spent)
    return found


def _windows(
    events: list[dict[str, Any]], begin: str, end: str
) -> Iterator[tuple[float, float, tuple[int, int]]]:
    """When the marks were set, in microseconds, and the thread of the first."""
    start = None
    for mark in sorted((e for e in events if e["name"] in (begin, end)), key=lambda e: float(e["ts"])):
        if mark["name"] == begin:
            start = mark
        elif start is not None:
            yield float(start["ts"]), float(mark["ts"]), _thread(start)
            start = None


def _thread(event: dict[str, Any]) -> tuple[int, int]:
    return event["pid"], event["tid"]
