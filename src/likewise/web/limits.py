"""How much at once: requests a second, work in progress, and the size and pace of what is sent."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from likewise.web.problems import Problem
from likewise.web.settings import Limits

T = TypeVar("T")
P = ParamSpec("P")

API = "/api/v1"

FILES = re.compile(rf"{API}/(uploads|collections/[^/]+/(search/upload|add/files))")
"""Routes that take files."""

SECRETS = frozenset({f"{API}/session", f"{API}/health"})
"""Routes that need no token."""

LIGHT = 64 << 10
"""Bytes up to which a body counts for nothing."""

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
    """Lets some calls run in threads of its own and some more wait; the others are told to come back."""

    def __init__(self, running: int, waiting: int) -> None:
        self._places = running + waiting
        self._semaphore = asyncio.Semaphore(running)
        self._threads = CapacityLimiter(running)
        self.inside = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in a thread when it is its turn; who goes away before that gives up the place.

        Raises `Problem` 429, when too many are waiting.
        """
        if self.inside >= self._places:
            raise Problem(429, "busy", "the server is busy: try again in a moment", retry_after=1)
        self.inside += 1
        try:
            await self._semaphore.acquire()
        except BaseException:
            self.inside -= 1
            raise
        call = partial(function, *args, **kwargs)
        future = asyncio.ensure_future(to_thread.run_sync(call, limiter=self._threads))
        future.add_done_callback(self._leave)
        return await asyncio.shield(future)  # a thread cannot be stopped: its place is taken until it is done

    def _leave(self, future: asyncio.Future[Any]) -> None:
        self._semaphore.release()
        self.inside -= 1
        if not future.cancelled():
            future.exception()  # nobody may be left to be told


class LimitsMiddleware:
    """Refuses clients that ask too often, and bodies that are too large, too slow or too many at once.

    What a client has gone away from is cancelled.
    """

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
            limit, heavy = self._limit(scope)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        body = _Body(receive, send, limit, self._limits.body_seconds, is_empty=not _has_body(scope))
        self._uploading += heavy
        try:
            await _unless_gone(self._app(scope, body.receive, body.send), body)
        except Problem:
            if body.problem is None:
                raise
        finally:
            self._uploading -= heavy
        if body.problem and not body.started:
            response = body.problem.response()
            response.headers["connection"] = "close"  # what is still on its way is not read
            await response(scope, receive, send)

    def _limit(self, scope: Scope) -> tuple[int, bool]:
        """How many bytes a request may have, if it may come now at all, and whether these are many."""
        client = scope.get("client")
        if not self._buckets.take(str(client[0]) if client else "unknown"):
            raise Problem(429, "busy", "too many requests: wait a little", retry_after=1)
        limit = limit_of(scope, self._limits)
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            raise _too_large(limit)
        heavy = _has_body(scope) and (int(length) if length.isdecimal() else limit) > LIGHT
        if heavy and self._uploading >= self._limits.uploading:
            raise Problem(429, "busy", "too many uploads at once: try again in a moment", retry_after=2)
        return limit, heavy


def limit_of(scope: Scope, limits: Limits) -> int:
    """How many bytes a request may have: its route says, never what the client calls what it sends."""
    if scope["method"] == "POST" and FILES.fullmatch(scope["path"]):
        return limits.request_bytes
    return limits.secret_bytes if scope["path"] in SECRETS else limits.json_bytes


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _unless_gone(answering: Awaitable[None], body: _Body) -> None:
    """Answer, but stop when the client goes away before the answer is whole."""
    task, gone = asyncio.ensure_future(answering), asyncio.ensure_future(body.gone())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and not body.finished:
            task.cancel()
            await asyncio.wait({task})
        elif not task.done():
            await asyncio.wait({task})
    finally:
        for future in (task, gone):
            future.cancel()
        await asyncio.wait({task, gone})
    if not task.cancelled():
        task.result()


class _Body:
    """A request's body on its way in; once there is a problem nothing else is sent."""

    def __init__(self, receive: Receive, send: Send, limit: int, seconds: float, *, is_empty: bool) -> None:
        self._receive, self._send, self._limit = receive, send, limit
        self._end = time.monotonic() + seconds
        self._got, self._empty = 0, is_empty
        self._whole, self._gone = asyncio.Event(), asyncio.Event()
        if is_empty:
            self._whole.set()
        self.problem: Problem | None = None
        self.started = self.finished = False

    async def gone(self) -> None:
        """Return when the client has gone away, or has been answered."""
        await self._whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()

    async def receive(self) -> Message:
        if self._empty:
            self._empty = False
            return {"type": "http.request", "body": b"", "more_body": False}
        if self._whole.is_set():  # what is waited for now is the end of the connection
            await self._gone.wait()
            return {"type": "http.disconnect"}
        try:
            left = max(0.0, self._end - time.monotonic())
            message = await asyncio.wait_for(self._receive(), left)
        except TimeoutError:
            self.problem = Problem(408, "timeout", "the request took too long to arrive")
            raise self.problem from None
        self._got += len(message.get("body", b""))
        if self._got > self._limit:
            self.problem = _too_large(self._limit)
            raise self.problem
        if not message.get("more_body", False):
            self._whole.set()
        return message

    async def send(self, message: Message) -> None:
        if self.problem is None or self.started:
            self.started = True
            await self._send(message)
            self.finished = message["type"] == "http.response.body" and not message.get("more_body", False)


def _too_large(limit: int) -> Problem:
    return Problem(413, "too-large", f"the request has more than {limit} bytes")
