"""The page, its files, and a page that shows the interface."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates
from starlette.types import Receive, Scope, Send

from likewise._version import __version__
from likewise.web.limits import API
from likewise.web.problems import not_found

HERE = Path(__file__).parent
VIEWS = ("", "search", "browse", "map", "add", "inspect", "evaluate")
"""Addresses of the page."""

FIRST = ("main.js", "views/search.js")
"""Scripts that the page begins with: the browser is told at once of all that they need."""

_IMPORTED = re.compile(r'^(?:import|export) [^;]*?from "(\.[\w./]+)";$', re.MULTILINE)
_DIGEST = re.compile(r"([0-9a-f]{12})/")

_FOREVER, _EACH_TIME = "public, max-age=31536000, immutable", "no-cache"


@dataclass(frozen=True)
class File:
    """A file of the page, and the same compressed."""

    kind: str
    plain: bytes
    packed: bytes
    etag: str

    @classmethod
    def read(cls, path: Path) -> File:
        """Read and compress one."""
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return cls.of(path.read_bytes(), "text/javascript" if path.suffix == ".js" else kind)

    @classmethod
    def of(cls, plain: bytes, kind: str) -> File:
        """Compress what would be in one."""
        etag = f'"{hashlib.sha256(plain).hexdigest()[:20]}"'
        return cls(kind, plain, gzip.compress(plain, 9, mtime=0), etag)

    def answer(self, request: Request, keeping: str, status: int = 200) -> Response:
        """Give it, compressed to who takes that, and not again to who has it."""
        headers = {"cache-control": keeping, "etag": self.etag, "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304, headers=headers)
        content = self.plain
        if "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["content-encoding"] = self.packed, "gzip"
        return Response(content, status, media_type=self.kind, headers=headers)


class Files:
    """The files of the page under addresses that change when any of them does, so that browsers keep them.

    Scripts name each other by relative addresses: one name for all of them is theirs, too.
    """

    def __init__(self, folder: Path) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        self._files = {path.relative_to(folder).as_posix(): File.read(path) for path in paths}
        contents = "".join(name + file.etag for name, file in self._files.items())
        self.digest = hashlib.sha256(contents.encode()).hexdigest()[:12]

    async def answer(self, name: str, request: Request) -> Response:
        """A file by its name, below the digest of all or not.

        Under another digest or none it is as it is now, and browsers ask each time whether it still is.
        """
        digest = _DIGEST.match(name)
        file = self._files.get(name[digest.end() :] if digest else name)
        if file is None:
            raise not_found("file of that name")
        current = digest is not None and digest[1] == self.digest
        return file.answer(request, _FOREVER if current else _EACH_TIME)

    def modules(self, *names: str) -> list[str]:
        """Scripts by their names, and all that these import at once, in the order in which they are met."""
        met = dict.fromkeys(names)
        waiting = list(names)
        while waiting:
            name = waiting.pop(0)
            for address in _IMPORTED.findall(self._files[name].plain.decode()):
                path = normpath(join(dirname(name), address))
                if path not in met:
                    met[path] = None
                    waiting.append(path)
        return list(met)


def mount(app: FastAPI) -> None:
    """Add the page to an application."""
    templates, files = _read()
    app.add_api_route("/static/{name:path}", files.answer, methods=["GET", "HEAD"], include_in_schema=False)

    async def api(request: Request) -> Response:
        return templates.TemplateResponse(request, "api.html", _reference(app))

    app.add_api_route("/api", api, include_in_schema=False)
    if not (HERE / "templates" / "index.html").is_file():
        app.add_api_route("/", lambda: RedirectResponse("/api"), include_in_schema=False)
        return

    context = {"files": f"/static/{files.digest}", "modules": files.modules(*FIRST)}
    index = File.of(templates.get_template("index.html").render(context).encode(), "text/html")

    async def view(request: Request) -> Response:
        return index.answer(request, _EACH_TIME)

    nothing = app.router.default

    async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        """An address that there is not: people get the page, which says so."""
        request = Request(scope) if scope["type"] == "http" else None
        foreign = request is None or request.url.path.startswith((f"{API}/", "/static/"))
        if request is None or foreign or "text/html" not in request.headers.get("accept", ""):
            return await nothing(scope, receive, send)
        await index.answer(request, _EACH_TIME, 404)(scope, receive, send)

    app.router.default = elsewhere
    for name in VIEWS:
        app.add_api_route(f"/{name}", view, include_in_schema=False)


@cache
def _read() -> tuple[Jinja2Templates, Files]:
    """The page's files, once a process: to compress them takes longer than to make an application."""
    return Jinja2Templates(HERE / "templates"), Files(HERE / "static")


def _reference(app: FastAPI) -> dict[str, Any]:
    """Context of the page about the interface: its operations by their tags."""
    document = app.openapi()
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = {"method": method.upper(), "path": path, **operation}
            groups.setdefault(operation["tags"][0], []).append(shown)
    return {"version": __version__, "groups": groups, "schemas": document["components"]["schemas"]}
