"""Prepares what is asked for first, before anybody asks for it.

The first collection is loaded as soon as the server runs. Overviews are found in the background of adding to
a collection, and of one that was indexed elsewhere while nobody asks anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from itertools import islice
from threading import Thread

from likewise.errors import LikewiseError
from likewise.files.system import give_way
from likewise.types import Progress
from likewise.web.routes.duplicates import usual_duplicates
from likewise.web.routes.overview import look_ahead
from likewise.web.services import Services
from likewise.web.services.library import Served

log = logging.getLogger("likewise.web")

_PATIENCE = 5.0
"""Seconds for which a server that stops waits for what cannot be stopped in its middle."""

_EVERY, _LOOKS = 10.0, 3
"""Seconds between two looks at whether anybody asks anything, and how many in a row have to find nobody."""


class _Stopped(Exception):
    """The server is about to stop."""


class Foresight:
    """Gets ready what the page asks for: at once, when a collection was added to, and when nobody asks."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._threads: list[Thread] = []

    def warm(self) -> None:
        """Begin to load the first collection; who searches it meanwhile waits for the same, and no longer."""
        self._begin(self._warm)

    def look(self, served: Served) -> None:
        """Begin to look, unless the collection is too large for that."""
        if self._wants(served):
            overviews = self._services.overviews
            looks = [partial(look, overviews, served, self._heed) for look in (look_ahead, usual_duplicates)]
            self._begin(lambda: self._look(served, *looks))

    def look_at_all(self) -> None:
        """Begin to look at one collection after the other while nobody asks, for what is kept on the disk."""
        self._begin(self._look_at_all)

    def close(self) -> None:
        """Let it stop, where it can; the server is stopping already."""
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _begin(self, task: Callable[[], None]) -> None:
        thread = Thread(target=task, name="likewise overviews", daemon=True)
        self._threads = [running for running in self._threads if running.is_alive()] + [thread]
        thread.start()

    def _wants(self, served: Served) -> bool:
        return served.exists and len(served.collection) <= self._services.settings.limits.foreseen

    def _warm(self) -> None:
        for served in islice(self._services.library, 1):
            try:
                if served.exists:
                    served.collection.warm()
            except LikewiseError as error:  # which the first search tells
                log.debug("%s is not ready to be searched: %s", served.name, error)
            except Exception as error:
                log.error("fault in getting %s ready", served.name, exc_info=error)

    def _look_at_all(self) -> None:
        for served in self._services.library:
            try:
                self._rest()
            except _Stopped:
                return
            if self._wants(served):
                self._look(served, partial(look_ahead, self._services.overviews, served, self._heed))

    def _rest(self) -> None:
        """Wait until nobody has asked anything for a while."""
        services, quiet = self._services, 0
        gates = (services.gate, services.describing_gate, services.thumbnail_gate, services.overview_gate)
        while quiet < _LOOKS:
            services.stopping.wait(_EVERY)
            self._heed()
            quiet = 0 if any(gate.inside for gate in gates) else quiet + 1

    def _look(self, served: Served, *looks: Callable[[], None]) -> None:
        give_way()
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
