"""The page, its files, and a page that shows the interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.types import Scope

from likewise._version import __version__

HERE = Path(__file__).parent
VIEWS = ("", "search", "browse", "map", "add", "inspect", "evaluate")
"""Addresses of the page."""


class Files(StaticFiles):
    """Files that browsers keep, and ask each time whether they are still the same."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file, or that it has not changed."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


def mount(app: FastAPI) -> None:
    """Add the page to an application."""
    templates = Jinja2Templates(HERE / "templates")
    app.mount("/static", Files(directory=HERE / "static"), name="static")

    async def api(request: Request) -> Response:
        return templates.TemplateResponse(request, "api.html", _reference(app))

    app.add_api_route("/api", api, include_in_schema=False)
    if not (HERE / "templates" / "index.html").is_file():
        app.add_api_route("/", lambda: RedirectResponse("/api"), include_in_schema=False)
        return

    async def index(request: Request) -> Response:
        return templates.TemplateResponse(request, "index.html", {"version": __version__})

    for view in VIEWS:
        app.add_api_route(f"/{view}", index, include_in_schema=False)


def _reference(app: FastAPI) -> dict[str, Any]:
    """What the page about the interface shows: its operations by their tags."""
    document = app.openapi()
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = {"method": method.upper(), "path": path, **operation}
            groups.setdefault(operation["tags"][0], []).append(shown)
    return {"version": __version__, "groups": groups, "schemas": document["components"]["schemas"]}
