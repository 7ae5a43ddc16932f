"""Routes of jobs, and their progress as events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from likewise.web import schemas
from likewise.web.problems import Problem
from likewise.web.routes.writing import WRITES
from likewise.web.services import Services, Serving
from likewise.web.services.jobs import ENDED

router = APIRouter(prefix="/jobs", tags=["jobs"])

_OFTEN, _QUIET = 0.2, 15.0
"""Seconds between two looks at a job, and between two signs of life."""

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {}},
        "description": "`progress` with the job at every change, `end` with it at the end.",
    }
}


@router.get("")
def jobs(services: Serving, collection: Annotated[str | None, Query(max_length=200)] = None) -> schemas.Jobs:
    """All jobs, or those of a collection, the newest first."""
    served = [services.library[collection]] if collection is not None else list(services.library)
    records = [job for owner in served for job in services.jobs.all(owner)]
    return schemas.Jobs(jobs=[job.told() for job in sorted(records, key=lambda job: job.id, reverse=True)])


@router.get("/{id}")
def job(id: str, services: Serving) -> schemas.Job:
    """One job."""
    return services.jobs.get(id)[1].told()


@router.post("/{id}/pause", dependencies=WRITES)
def pause(id: str, services: Serving) -> schemas.Job:
    """Let a job rest; what it has committed stays."""
    return services.jobs.stop(id, "pause").told()


@router.post("/{id}/resume", dependencies=WRITES)
def resume(id: str, services: Serving) -> schemas.Job:
    """Go on with a job that was paused, or interrupted by the end of its server."""
    return services.jobs.resume(id).told()


@router.post("/{id}/cancel", dependencies=WRITES)
def cancel(id: str, services: Serving) -> schemas.Job:
    """End a job; what it has committed stays."""
    return services.jobs.stop(id, "cancel").told()


@router.get("/{id}/events", response_class=StreamingResponse, responses=EVENTS)
async def events(id: str, services: Serving) -> StreamingResponse:
    """Follow a job by server-sent events."""
    await asyncio.to_thread(services.jobs.get, id)  # unknown ones are a 404
    if len(services.streams) >= services.settings.limits.streams:
        raise Problem(429, "busy", "too many jobs are followed: ask for them now and then", retry_after=5)
    return StreamingResponse(
        _events(services, id), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
    )


async def _events(services: Services, id: str) -> AsyncIterator[str]:
    """The events of a job, until it ends or the server does."""
    services.streams.append(id)
    try:
        async for event in _told(services, id):
            yield event
    finally:
        services.streams.remove(id)


async def _told(services: Services, id: str) -> AsyncIterator[str]:
    before, spoke = None, time.monotonic()
    yield "retry: 2000\n\n"
    while not services.stopping.is_set():
        _, record = await asyncio.to_thread(services.jobs.get, id)
        if record != before:
            kind = "end" if record.state in ENDED else "progress"
            document = {name: getattr(record, name) for name in schemas.Job.model_fields}
            yield f"event: {kind}\ndata: {json.dumps(document)}\n\n"
            before, spoke = record, time.monotonic()
            if kind == "end":
                return
        elif time.monotonic() - spoke > _QUIET:
            yield ": still here\n\n"
            spoke = time.monotonic()
        await asyncio.sleep(_OFTEN)
