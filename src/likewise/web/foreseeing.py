"""Overviews of a collection are found in the background of adding to it, before somebody asks for them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Thread

from likewise.errors import LikewiseError
from likewise.system import give_way
from likewise.types import Progress
from likewise.web.duplicates import usual_duplicates
from likewise.web.library import Served
from likewise.web.overview import look_ahead
from likewise.web.services import Services

log = logging.getLogger("likewise.web")

_PATIENCE = 5.0
"""Seconds for which a server that stops waits for what cannot be stopped in its middle."""


class _Stopped(Exception):
    """The server is about to stop."""


class Foresight:
    """Looks for what the page asks for first, as soon as a collection was added to."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._threads: list[Thread] = []

    def look(self, served: Served) -> None:
        """Begin to look, unless the collection is too large for that."""
        if served.exists and len(served.collection) <= self._services.settings.limits.foreseen:
            thread = Thread(target=self._look, args=(served,), name="likewise overviews", daemon=True)
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]
            thread.start()

    def close(self) -> None:
        """Let it stop, where it can; the server is stopping already."""
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _look(self, served: Served) -> None:
        give_way()
        overviews = self._services.overviews
        looks: tuple[Callable[[], None], ...] = (
            lambda: look_ahead(overviews, served),
            lambda: usual_duplicates(overviews, served, self._heed),
        )
        for look in looks:
            try:
                self._heed()
                look()
            except _Stopped:
                return
            except LikewiseError as error:  # it keeps no vectors, or holds too little
                log.debug("no overview of %s: %s", served.name, error)
            except Exception as error:
                log.error("fault in an overview of %s", served.name, exc_info=error)

    def _heed(self, _: Progress | None = None) -> None:
        if self._services.stopping.is_set():
            raise _Stopped
