"""Running a server: one process, or several that share a port."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from likewise.errors import UsageError
from likewise.files import temporary
from likewise.files.system import descriptors
from likewise.web.app import create_app
from likewise.web.connections import BACKLOG, DESCRIPTORS, LOGGING, configured
from likewise.web.prometheus import SHARED
from likewise.web.settings import Settings

PATIENCE = 10
"""Seconds that a server that stops waits for open answers."""


def serve(settings: Settings, *, workers: int = 1, announce: Callable[[str], None] | None = None) -> None:
    """Serve until a signal to stop comes.

    Requests that are being answered are answered; jobs stop after what they are about to commit. Raises
    `UsageError` when the address cannot be listened on; `CollectionError` when a collection cannot be read.

    Parameters
    ----------
    workers
        Processes that answer; each holds the vectors and the network in its own memory. One that dies is
        replaced.
    announce
        Told the address once it is listened on.
    """
    descriptors(DESCRIPTORS)
    with _listening(settings) as listener:
        config = configured(
            partial(create_app, settings) if workers > 1 else create_app(settings),
            settings.limits,
            patience=PATIENCE,
            factory=workers > 1,
            workers=workers,
            log_config=LOGGING,
            timeout_worker_healthcheck=30,
        )
        if announce:
            announce(_address(settings, listener))
        if workers == 1:
            for number in (signal.SIGINT, signal.SIGTERM):  # raised once more when the server has stopped
                signal.signal(number, lambda *_: None)
            uvicorn.Server(config).run(sockets=[listener])
            return
        create_app(settings).state.services.library.close()  # an error now rather than in every process
        with temporary() as folder:
            os.environ[SHARED] = str(folder)
            Multiprocess(config, sockets=[listener]).run()
            del os.environ[SHARED]


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host.strip("[]"), settings.port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(
            f"{settings.host}:{settings.port} cannot be listened on ({error}); give another --port or --host"
        ) from error
    listener.set_inheritable(True)
    return listener


def _address(settings: Settings, listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    fragment = f"#token={settings.token}" if settings.token else ""
    return f"http://{host}:{listener.getsockname()[1]}/{fragment}"
