"""Who may ask: host names, origins, tokens, and the headers that every answer carries."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from likewise.web.limits import API, SECRETS, Buckets
from likewise.web.problems import Problem
from likewise.web.settings import Settings, is_local

COOKIE = "likewise"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""Headers by which proxies say that they are some; nginx sends none unasked, but asks by HTTP 1.0."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class SecureHeaders:
    """Puts `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


class Attempts:
    """Compares secrets, and slows down who tries wrong ones.

    The right one always passes, so that nobody can lock out those who know it and come from the same address;
    it is too long to be found at the rate that the server answers.
    """

    def __init__(self) -> None:
        self._wrong = Buckets(rate=0.1, burst=10)

    def judge(self, scope: Scope, given: str, right: str) -> bool:
        """Tell whether a secret is the right one.

        Raises `Problem` 429, after some wrong ones from the same address.
        """
        if same(given, right):
            return True
        if not self._wrong.take(client_of(scope)):
            raise Problem(429, "busy", "too many wrong tokens: wait a little", retry_after=10)
        return False


class Guard:
    """Refuses requests for other hosts, from other sites, and without the token.

    A page of another site can make a browser send requests here, and a name of its own can be made to lead
    here (DNS rebinding). It can change neither the Host header nor Origin and Sec-Fetch-Site.
    """

    def __init__(self, app: ASGIApp, settings: Settings, attempts: Attempts) -> None:
        self._app, self._token = app, settings.token
        self._names = frozenset(_own_names(settings))
        self._attempts = attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            try:
                self._check(scope)
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_own(host):
            raise Problem(421, "host-refused", "the server does not go by that host name (see --name)")
        _see_origin(headers, host, scope)
        signed_in = self._token is None or self._knows(headers, scope)
        scope.setdefault("state", {}).update(
            signed_in=signed_in, writes=self._writes(headers, scope, signed_in)
        )
        if not signed_in and scope["path"].startswith(f"{API}/") and scope["path"] not in SECRETS:
            raise Problem(401, "unauthorised", "this server needs its token")

    def _is_own(self, host: str) -> bool:
        name = _without_port(host)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.lower().rstrip(".") in self._names
        return True  # an address cannot be made to lead elsewhere, as a name can

    def _knows(self, headers: Headers, scope: Scope) -> bool:
        """Whether the request carries the token, or the cookie that it was exchanged for."""
        kind, _, given = headers.get("authorization", "").partition(" ")
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        token = self._token or ""
        if kind.lower() == "bearer":
            return self._attempts.judge(scope, given.strip(), token)
        return bool(cookie) and self._attempts.judge(scope, cookie, cookie_of(token))

    def _writes(self, headers: Headers, scope: Scope, signed_in: bool) -> bool:
        if self._token is not None:
            return signed_in
        # Behind a proxy every client would seem to be on this machine.
        proxied = scope["http_version"] == "1.0" or any(name in headers for name in FORWARDED)
        return is_local(client_of(scope)) and not proxied


def same(given: str, right: str) -> bool:
    """Compare two secrets in a time that does not tell how much of them is alike."""
    return hmac.compare_digest(
        hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest(),
        hashlib.sha256(right.encode("utf-8", "surrogateescape")).digest(),
    )


def cookie_of(token: str) -> str:
    """Value of a signed-in browser's cookie: it proves the token without being it."""
    return hmac.new(token.encode(), b"likewise session 1", hashlib.sha256).hexdigest()


def client_of(scope: Scope) -> str:
    """The address that a request came from."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _own_names(settings: Settings) -> Iterable[str]:
    yield "localhost"
    yield from (name.lower() for name in settings.names)
    if not is_local(settings.host):
        yield from (socket.gethostname().lower(), settings.host.lower())


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _see_origin(headers: Headers, host: str, scope: Scope) -> None:
    """Refuse what another site makes a browser send."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    foreign = origin is not None and origin.lower().partition("://")[2] != host.lower()
    from_elsewhere = site in ("cross-site", "same-site")
    is_visit = headers.get("sec-fetch-mode") == "navigate" and scope["method"] in SAFE
    if foreign or (from_elsewhere and not (is_visit and not scope["path"].startswith(f"{API}/"))):
        raise Problem(403, "forbidden", "requests from other sites are refused")
