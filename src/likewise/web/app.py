"""The application: routes behind guards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from likewise._version import __version__
from likewise.collection.layers import EncoderFactory
from likewise.web import page, problems
from likewise.web.foreseeing import Foresight
from likewise.web.limits import API, LimitsMiddleware
from likewise.web.prometheus import Measured
from likewise.web.routes import (
    adding,
    collections,
    duplicates,
    explaining,
    inspecting,
    known,
    overview,
    pictures,
    runs,
    search,
    signing,
    working,
)
from likewise.web.security import Guard, SecureHeaders
from likewise.web.services import make_services
from likewise.web.settings import Settings
from likewise.web.stopping import hearing

ROUTERS = (
    signing.router,
    collections.router,
    search.router,
    explaining.router,
    pictures.router,
    known.router,
    adding.router,
    working.router,
    overview.router,
    duplicates.router,
    inspecting.router,
    runs.router,
)


def create_app(settings: Settings, factory: EncoderFactory | None = None) -> FastAPI:
    """Make the application that serves some collections.

    ``factory``: another way to make what describes pictures. Raises `CollectionError` or `StorageError` when
    a collection cannot be read, or the state cannot be written.
    """
    services = make_services(settings, factory)
    foresight = Foresight(services)
    services.jobs.onadded(foresight.look)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        foresight.warm()
        foresight.look_at_all()
        with hearing(services.stopping):
            yield
        services.stopping.set()
        services.jobs.close()
        foresight.close()
        services.library.close()

    app = FastAPI(
        title="likewise",
        version=__version__,
        description="Find the pictures that show the same thing.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # theirs loads scripts from another host
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    problems.register(app)
    for router in ROUTERS:
        app.include_router(router, prefix=API, responses=problems.ANSWERS)
    page.mount(app)
    # the last one added is the first one asked
    app.add_middleware(Guard, settings=settings, attempts=services.attempts)
    app.add_middleware(LimitsMiddleware, limits=settings.limits)
    app.add_middleware(problems.Faults)
    app.add_middleware(Measured, metrics=services.metrics)
    app.add_middleware(SecureHeaders)
    return app
