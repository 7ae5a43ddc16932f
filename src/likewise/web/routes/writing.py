"""Who may change something."""

from __future__ import annotations

from fastapi import Depends, Request

from likewise.web.problems import Problem
from likewise.web.services import Serving


def may_write(request: Request, services: Serving) -> None:
    """Refuse a change where nothing, or not by this client, may be changed.

    Raises `Problem` 403.
    """
    if services.settings.read_only:
        raise Problem(403, "read-only", "this server only reads")
    if not request.state.writes:
        raise Problem(
            403,
            "forbidden",
            "changing anything from another machine, or through a proxy, needs a server with a token",
        )


WRITES = [Depends(may_write)]
"""The dependencies of a route that changes something."""
