"""Routes that anybody may ask: the session and health; and the metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from likewise._version import __version__
from likewise.web import schemas
from likewise.web.problems import Problem
from likewise.web.security import COOKIE, cookie_of
from likewise.web.services import Serving

router = APIRouter(tags=["server"])


@router.get("/health")
def health(services: Serving) -> schemas.Health:
    """That the server answers."""
    return schemas.Health(status="ok", version=__version__, collections=len(services.library))


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Text."}},
)
def metrics(services: Serving) -> Response:
    """Counts and times for Prometheus."""
    return Response(services.metrics.text(), media_type="text/plain; version=0.0.4")


@router.get("/session")
def session(request: Request, services: Serving) -> schemas.Session:
    """What this client may do here."""
    settings, limits = services.settings, services.settings.limits
    return schemas.Session(
        version=__version__,
        token_required=settings.token is not None,
        signed_in=request.state.signed_in,
        can_write=request.state.writes and not settings.read_only,
        read_only=settings.read_only,
        originals=settings.originals,
        limits=schemas.Bounds(
            upload_bytes=limits.upload_bytes,
            upload_pixels=limits.upload_pixels,
            upload_files=limits.upload_files,
            k=limits.page,
            queries=limits.queries,
        ),
    )


@router.post("/session", status_code=204, response_class=Response)
def sign_in(asked: schemas.Token, request: Request, services: Serving) -> Response:
    """Give the token once, and carry a cookie from then on."""
    token = services.settings.token
    response = Response(status_code=204)
    if token is None:
        return response
    if not services.attempts.judge(request.scope, asked.token, token):
        raise Problem(401, "unauthorised", "this is not the token of this server")
    response.set_cookie(
        COOKIE,
        cookie_of(token),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/",
    )
    return response


@router.delete("/session", status_code=204, response_class=Response)
def sign_out() -> Response:
    """Let the browser forget the cookie."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response
