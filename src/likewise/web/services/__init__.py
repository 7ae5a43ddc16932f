"""State shared by the requests of one server."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event
from typing import Annotated

from fastapi import Depends, Request

from likewise.collection.layers import EncoderFactory
from likewise.web.limits import Gate
from likewise.web.prometheus import Metrics
from likewise.web.security import Attempts
from likewise.web.services.asking import Asking
from likewise.web.services.file_cache import FileCache
from likewise.web.services.jobs import JobService
from likewise.web.services.library import Library
from likewise.web.services.overviews import Overviews
from likewise.web.services.thumbnails import Thumbnails
from likewise.web.services.uploads import Uploads
from likewise.web.settings import Settings


@dataclass
class Services:
    """State shared by the requests of one server.

    Attributes
    ----------
    gate
        For searching by what is in a collection. What decodes and describes pictures that were sent,
        thumbnails, parts of pictures and overviews have gates of their own, so that none of them keeps
        searches waiting.
    streams
        Jobs that are being followed.
    stopping
        Set when the server is about to stop.
    """

    settings: Settings
    library: Library
    uploads: Uploads
    thumbnails: Thumbnails
    gate: Gate
    describing_gate: Gate
    thumbnail_gate: Gate
    part_gate: Gate
    overview_gate: Gate
    streams: list[str]
    metrics: Metrics
    asking: Asking
    jobs: JobService
    overviews: Overviews
    stopping: Event
    attempts: Attempts


def make_services(settings: Settings, factory: EncoderFactory | None) -> Services:
    """Open what a server needs.

    Raises `StorageError` or `CollectionError` when the state or a collection cannot be opened.
    """
    limits = settings.limits
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    library, stopping = Library(settings, factory), Event()
    uploads = Uploads(FileCache(settings.state / "uploads", limits.kept_uploads), limits)
    return Services(
        settings=settings,
        library=library,
        uploads=uploads,
        thumbnails=Thumbnails(FileCache(settings.state / "thumbnails", limits.kept_thumbnails)),
        gate=Gate(limits.running, limits.waiting),
        describing_gate=Gate(limits.running, limits.waiting),
        thumbnail_gate=Gate(limits.running, 8 * limits.waiting),
        part_gate=Gate(1, limits.waiting),  # each decodes an original, and nothing of it is kept
        overview_gate=Gate(1, limits.looking),  # each takes seconds of all cores
        streams=[],
        metrics=Metrics(),
        asking=Asking(uploads, limits),
        jobs=JobService(library, stopping, limits.jobs),
        overviews=Overviews(FileCache(settings.state / "overviews", limits.kept_overviews)),
        stopping=stopping,
        attempts=Attempts(),
    )


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Serving = Annotated[Services, Depends(_services)]
