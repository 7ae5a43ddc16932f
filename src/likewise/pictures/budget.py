"""The limits of decoding: bytes for all pictures that are decoded at once, and steps for one."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition

from likewise.errors import BadPicture, UsageError

DEFAULT_MAX_MEMORY = 1 << 30
"""Bytes that decoding may take at once in a process, unless ``LIKEWISE_MAX_MEMORY`` says otherwise."""

_FEW, MOST_SCANS = 4, 1000
MOST_SCANNED = 3_000_000_000
"""Pixels times scans of a JPEG: some tens of seconds at the worst."""

MOST_READS = 1_000_000
"""Times that a decoder may ask for bytes, some for each marker, chunk or run: some microseconds each."""


class _Room:
    """Bytes that are shared out in the order in which they are asked for."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._taken = 0
        self._waiting: deque[object] = deque()

    @contextmanager
    def of(self, count: int, most: int) -> Iterator[None]:
        """Hold so many bytes, as soon as there is room for them among ``most``."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(
                    lambda: self._waiting[0] is ticket and (not self._taken or self._taken + count <= most)
                )
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
            self._taken += count
        try:
            yield
        finally:
            with self._changed:
                self._taken -= count
                self._changed.notify_all()


_ROOM = _Room()


@contextmanager
def room_for(name: str, count: int) -> Iterator[None]:
    """Wait until a picture may be decoded, and keep the room for it.

    Raises `BadPicture` when it needs more than all pictures together may take.
    """
    most = positive("LIKEWISE_MAX_MEMORY", os.environ.get("LIKEWISE_MAX_MEMORY") or str(DEFAULT_MAX_MEMORY))
    if count > most:
        raise BadPicture(
            f"{name} takes {count >> 20} MiB to decode, over the limit of {most >> 20} MiB; raise it with "
            f"LIKEWISE_MAX_MEMORY={count} (bytes), and add --retry for a file that failed in an index",
            "too-large",
        )
    with _ROOM.of(count, most):
        yield


def positive(name: str, given: str) -> int:
    """A limit that somebody set.

    Raises `UsageError` when it is no whole number above 0.
    """
    with suppress(ValueError):
        if (limit := int(given)) > 0:
            return limit
    raise UsageError(f"{name} is {given!r}; give a whole number above 0")


def check_scans(name: str, pixels: int, scans: int) -> None:
    """See that a JPEG does not go over its pixels too many times.

    Raises `BadPicture` when it does.
    """
    if scans > MOST_SCANS or (scans > _FEW and pixels * scans > MOST_SCANNED):
        raise BadPicture(
            f"{name} goes over its {pixels} pixels {scans} times, which takes too long to decode", "too-large"
        )
