"""Hearing early that the server is to stop, so that what would go on for long ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def hearing(stopping: Event) -> Iterator[None]:
    """Set an event when a signal to stop comes, and pass the signal on.

    A server waits for its open answers before it tells the application that it stops, and streams of events
    are answers that stay open.
    """
    if threading.current_thread() is not threading.main_thread():  # no signals come here
        yield
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}

    def on_signal(number: int, frame: Any) -> None:
        stopping.set()
        if callable(before[number]):
            before[number](number, frame)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
