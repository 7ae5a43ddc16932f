"""Errors as clients see them: a code for programs, a sentence for people, and no path or traceback."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from likewise.errors import (
    BadBox,
    BadPicture,
    CollectionLocked,
    CollectionNotFound,
    LikewiseError,
    MissingExtra,
    UnknownName,
    UnknownPicture,
    UsageError,
    WeightsMissing,
)

log = logging.getLogger("likewise.web")


class Problem(Exception):
    """The reason why a request is not answered.

    Parameters
    ----------
    status
        Of HTTP.
    code
        One stable word for programs.
    message
        One sentence for a person.
    more
        Further members of the error.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: int | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after, self.more = status, code, retry_after, more

    def response(self) -> JSONResponse:
        """The answer that says so."""
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return JSONResponse({"error": self.value()}, self.status, headers)

    def value(self) -> dict[str, Any]:
        """The same as what JSON knows."""
        return {"code": self.code, "message": str(self), **self.more}


def not_found(what: str) -> Problem:
    """The problem that something is not there."""
    return Problem(404, "not-found", f"there is no {what}")


def problem_of(error: LikewiseError) -> Problem:
    """The public part of an error; the log keeps the rest."""
    match error:
        case BadPicture():
            return Problem(400, "bad-picture", _plain(error, _UNREADABLE), reason=error.reason)
        case BadBox():
            return Problem(400, "bad-box", _plain(error, "the box cannot be used"))
        case UnknownName():
            return Problem(400, "unknown-name", _plain(error, "something is called by an unknown name"))
        case UnknownPicture():
            return not_found("picture of that id any more")
        case UsageError():
            return Problem(400, "bad-request", _plain(error, "the request cannot be carried out as given"))
        case CollectionNotFound():
            return Problem(404, "not-found", "the collection holds nothing yet: add pictures to it first")
        case WeightsMissing() | MissingExtra():
            log.warning("%s: %s", type(error).__name__, error)
            return Problem(503, "missing", _plain(error, _UNAVAILABLE))
        case CollectionLocked():
            return Problem(409, "locked", "the collection is being written; try again when that is done")
        case _:
            log.warning("%s: %s", type(error).__name__, error)
            return Problem(503, "unavailable", error.public or _UNAVAILABLE)


_UNREADABLE = "the picture cannot be read"
_UNAVAILABLE = "the server cannot do this now; its log says why"


def _plain(error: LikewiseError, instead: str) -> str:
    """The error's own sentence: the public one, or the only one unless it names a path."""
    if error.public is not None:
        return error.public
    text = str(error)
    return instead if "/" in text or "\\" in text else text


def _fields(errors: Sequence[Any]) -> list[dict[str, str]]:
    return [
        {"where": ".".join(map(str, error["loc"])), "message": str(error["msg"])} for error in errors[:20]
    ]


def register(app: FastAPI) -> None:
    """Answer every error in the one form."""

    @app.exception_handler(Problem)
    async def of_problem(_: Request, error: Problem) -> JSONResponse:
        return error.response()

    @app.exception_handler(LikewiseError)
    async def of_likewise(_: Request, error: LikewiseError) -> JSONResponse:
        return problem_of(error).response()

    @app.exception_handler(RequestValidationError)
    async def of_schema(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = _fields(error.errors())
        message = f"the request is not of the documented form: {fields[0]['where']}: {fields[0]['message']}"
        if fields[0]["where"] == "body" and "json" not in request.headers.get("content-type", ""):
            message = "the request is not said to be JSON: send it with content-type: application/json"
        return Problem(422, "invalid", message, fields=fields).response()

    @app.exception_handler(HTTPException)
    async def of_http(_: Request, error: HTTPException) -> JSONResponse:
        code, message = _PLAIN.get(error.status_code, ("bad-request", "the request cannot be understood"))
        response = Problem(error.status_code, code, message).response()
        response.headers.update(error.headers or {})
        return response


class Faults:
    """Turns what nobody expected into an answer that tells nothing about it; the log has the traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            log.error("fault in %s", scope["path"], exc_info=error)
            problem = Problem(500, "internal", "the server made a mistake; its log has the details")
            await problem.response()(scope, receive, send)


class Told(BaseModel):
    """What every error says."""

    model_config = ConfigDict(extra="allow")

    code: str
    message: str


class Refusal(BaseModel):
    """The answer to what cannot be answered."""

    error: Told


ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": description}
    for status, description in {
        400: "What was asked cannot be done as it was asked.",
        401: "The server needs its token.",
        403: "It may not be done by this client, or from another site.",
        404: "There is no such thing.",
        408: "The request took too long to arrive.",
        409: "It is in use, or in a state in which this cannot be done.",
        413: "Too many bytes or files were sent.",
        421: "The server does not go by that host name.",
        422: "The request is not of the documented form.",
        429: "Too much at once: come back after `Retry-After`.",
        500: "The server made a mistake.",
        503: "The server cannot do this now.",
    }.items()
}
"""Errors that any request may get."""

_PLAIN = {
    404: ("not-found", "there is nothing at this address"),
    405: ("method-not-allowed", "this address does not take that method"),
    413: ("too-large", "the request is too large"),
}
