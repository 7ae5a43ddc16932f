"""Connections that cannot be held for nothing: time limits, and room for who comes next.

The server reads HTTP with uvicorn and h11. Those wait for ever for the rest of a request's header, and take
every connection until the process has no descriptors left. Here a header has to arrive in time, an answer
has to be taken, and where there are too many connections the ones that wait for their client make room.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from functools import partial
from typing import Any, TypeAlias

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from likewise.files.system import descriptors
from likewise.web.settings import Limits, is_local

BACKLOG = 128
"""Connections that the system keeps until they are taken; all of them may be taken at once."""

RESERVE = 128
"""Descriptors for all that is no connection: catalogues, files, jobs."""

REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
)

DESCRIPTORS = 4096
"""Descriptors that a server asks for, where the system lets it have them; macOS gives 256 unasked."""

App: TypeAlias = Any


class Connection(H11Protocol):
    """A connection that is ended when its client keeps it waiting.

    ``limits``: how long it may wait, and how many connections there may be.
    """

    def __init__(self, *args: Any, limits: Limits, **options: Any) -> None:
        super().__init__(*args, **options)
        self._limits, self._since = limits, 0.0
        self._header: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, if there is room."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._expect_header()
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        for timer in (self._header, self._taking):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; the time for a header runs from its first byte to its last."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self._answering:
            self._expect_header()
        else:
            self._forget_header()

    def on_response_complete(self) -> None:
        """Wait for the next request, whose header uvicorn may have found in what had come already."""
        self._since = self.loop.time()
        super().on_response_complete()
        if not self._answering and self.conn.trailing_data[0]:
            self._expect_header()

    def pause_writing(self) -> None:
        """Wait for a client that is slow to take its answer, but not for ever."""
        super().pause_writing()
        self._taking = self._taking or self.loop.call_later(self._limits.answer_seconds, self.drop)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if self._taking:
            self._taking.cancel()
            self._taking = None

    def drop(self) -> None:
        """End it now, whatever has come or gone of it."""
        self.connections.discard(self)
        self.transport.abort()

    @property
    def waits(self) -> int | None:
        """For what it waits that only its client can do, the least worth first; None while it is answered."""
        if not self._answering:
            fresh = self.cycle is None or self._header is not None
            return 0 if fresh else 1  # no whole header yet, or between two requests
        if self.cycle.more_body and not self.cycle.response_complete:
            return 2
        return 3 if self._taking else None

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_header(self) -> None:
        if self._header is None:
            self._header = self.loop.call_later(self._limits.header_seconds, self.drop)

    def _forget_header(self) -> None:
        if self._header:
            self._header.cancel()
            self._header = None

    def _make_room(self) -> None:
        """End the connection that is least worth where this one is one too many; else this one."""
        others = [
            connection
            for connection in self.connections
            if isinstance(connection, Connection) and connection is not self
        ]
        mine = [connection for connection in others if connection._address == self._address]
        if len(mine) >= self._limits.connections_each and not is_local(self._address):
            self._displace(mine)
        elif len(others) >= most_connections(self._limits):
            self._displace(others)

    def _displace(self, others: list[Connection]) -> None:
        idle = [
            (connection.waits, connection._since, number)
            for number, connection in enumerate(others)
            if connection.waits is not None
        ]
        if idle:
            others[min(idle)[2]].drop()
            return
        self.transport.write(REFUSAL)
        self.connections.discard(self)
        self.transport.close()

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""


def most_connections(limits: Limits) -> int:
    """How many connections there may be with the descriptors that this process has."""
    return max(8, min(limits.connections, descriptors(0) - BACKLOG - RESERVE))


class Sparse(logging.Filter):
    """Lets each kind of message through a few times a minute, and says how many were left out.

    A client can make a server complain as often as it likes; the disk must not pay for that.
    """

    MOST = 10
    MINUTE = 60.0

    def __init__(self) -> None:
        super().__init__()
        self._begun, self._seen = time.monotonic(), Counter[tuple[str, int, str]]()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is written."""
        if time.monotonic() - self._begun > self.MINUTE:
            self._begun, self._seen = time.monotonic(), Counter()
        kind = (record.name, record.levelno, str(record.msg)[:60])
        self._seen[kind] += 1
        if self._seen[kind] == self.MOST:
            record.msg = f"{record.msg} (more of these are left out for a minute)"
        return self._seen[kind] <= self.MOST


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "filters": {"sparse": {"()": Sparse}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["sparse"]},
    },
    "loggers": {
        name: {"handlers": ["stderr"], "level": level, "propagate": False}
        for name, level in (("uvicorn", "WARNING"), ("likewise", "INFO"), ("asyncio", "ERROR"))
    },
}


def configured(app: App, limits: Limits, *, patience: int = 10, **options: Any) -> uvicorn.Config:
    """How uvicorn serves an application.

    ``patience``: seconds that a server that stops waits for open answers.
    """
    return uvicorn.Config(
        app,
        http=partial(Connection, limits=limits),  # type: ignore[arg-type]  # called as the class would be
        ws="none",
        backlog=BACKLOG,
        access_log=False,
        proxy_headers=False,  # a client could claim any address with them
        server_header=False,
        timeout_graceful_shutdown=patience,
        timeout_keep_alive=int(limits.idle_seconds),
        **options,
    )
