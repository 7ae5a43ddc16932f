"""How much at once: requests a second, work in progress, and the size and pace of what is sent."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from likewise.web.problems import Problem
from likewise.web.settings import Limits

T = TypeVar("T")
P = ParamSpec("P")

CLIENTS = 10_000
"""Addresses that are remembered; those that were quiet for longest are forgotten first."""


class Buckets:
    """A token bucket for each client: ``rate`` a second for long, ``burst`` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, float(burst)
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, client: str) -> float:
        """How many requests a client may send at once now."""
        level, since = self._levels.get(client, (self._burst, 0.0))
        return min(self._burst, level + (time.monotonic() - since) * self._rate)

    def take(self, client: str) -> bool:
        """Count one request; tell whether it is within the rate."""
        left = self.left(client)
        allowed = left >= 1
        self._levels[client] = (left - 1 if allowed else left, time.monotonic())
        self._levels.move_to_end(client)
        if len(self._levels) > CLIENTS:
            self._levels.popitem(last=False)
        return allowed


class Gate:
    """Lets some calls run in threads and some more wait; the others are told to come back."""

    def __init__(self, running: int, waiting: int) -> None:
        self._places = running + waiting
        self._semaphore = asyncio.Semaphore(running)
        self.inside = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in a thread when it is its turn.

        Raises
        ------
        Problem
            429, when too many are waiting.
        """
        if self.inside >= self._places:
            raise Problem(429, "busy", "the server is busy: try again in a moment", retry_after=1)
        self.inside += 1
        try:
            async with self._semaphore:
                return await to_thread.run_sync(partial(function, *args, **kwargs))
        finally:
            self.inside -= 1


class Bounds:
    """Refuses clients that ask too often, and bodies that are too large, too slow or too many at once."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits
        self._buckets = Buckets(limits.rate, limits.burst)
        self._uploading = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            limit = self._limit(scope)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        body = _Body(receive, send, limit, self._limits.body_seconds)
        files = limit != self._limits.json_bytes
        self._uploading += files
        try:
            await self._app(scope, body.receive, body.send)
        except Problem:
            if body.problem is None:
                raise
        finally:
            self._uploading -= files
        if body.problem and not body.started:
            response = body.problem.response()
            response.headers["connection"] = "close"  # what is still on its way is not read
            await response(scope, receive, send)

    def _limit(self, scope: Scope) -> int:
        """How many bytes a request may have, if it may come now at all."""
        client = scope.get("client")
        if not self._buckets.take(str(client[0]) if client else "unknown"):
            raise Problem(429, "busy", "too many requests: wait a little", retry_after=1)
        headers, limits = Headers(scope=scope), self._limits
        if not headers.get("content-type", "").startswith("multipart/"):
            limit = limits.json_bytes
        elif self._uploading >= limits.uploading:
            raise Problem(429, "busy", "too many uploads at once: try again in a moment", retry_after=2)
        else:
            limit = limits.request_bytes
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > limit:
            raise _too_large(limit)
        return limit


class _Body:
    """A request's body on its way in; once there is a problem nothing else is sent."""

    def __init__(self, receive: Receive, send: Send, limit: int, seconds: float) -> None:
        self._receive, self._send, self._limit = receive, send, limit
        self._end = time.monotonic() + seconds
        self._got, self._whole = 0, False
        self.problem: Problem | None = None
        self.started = False

    async def receive(self) -> Message:
        if self._whole:  # what is waited for now is the end of the connection
            return await self._receive()
        try:
            left = max(0.0, self._end - time.monotonic())
            message = await asyncio.wait_for(self._receive(), left)
        except TimeoutError:
            self.problem = Problem(408, "timeout", "the request took too long to arrive")
            raise self.problem from None
        self._got += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._got > self._limit:
            self.problem = _too_large(self._limit)
            raise self.problem
        return message

    async def send(self, message: Message) -> None:
        if self.problem is None or self.started:
            self.started = True
            await self._send(message)


def _too_large(limit: int) -> Problem:
    return Problem(413, "too-large", f"the request has more than {limit} bytes")
