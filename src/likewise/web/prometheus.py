"""Counts and times for Prometheus."""

from __future__ import annotations

import os
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Where several processes of a server keep their counts together; set before this module is imported."""


class Metrics:
    """The server's metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "likewise_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "likewise_request_seconds", "How long answers took.", ("method", "route"), registry=self._registry
        )
        self.running = Gauge(
            "likewise_requests_running",
            "Requests being answered.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self.pictures = Gauge(
            "likewise_pictures",
            "Pictures of a collection.",
            ("collection",),
            registry=self._registry,
            multiprocess_mode="mostrecent",
        )

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        if not os.environ.get(SHARED):
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


class Measured:
    """Counts every request and how long it took, by its route and not by what stands in it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begin = 500, time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.running.inc()
        try:
            await self._app(scope, receive, sending)
        finally:
            self._metrics.running.dec()
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, route, status).inc()
            self._metrics.seconds.labels(method, route).observe(time.perf_counter() - begin)


_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})
