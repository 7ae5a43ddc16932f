"""A server in the test's own process, on a collection of small pictures and the stand-in for the network."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from fastapi.testclient import TestClient
from httpx2 import Response

from likewise.collection import Collection
from likewise.web.app import create_app
from likewise.web.connections import configured
from likewise.web.settings import Settings
from tests.fakes import RECIPE, FakeFactory, make_pictures

API = "/api/v1"
BASE = f"{API}/collections/photos"
HOME = "http://127.0.0.1:8080"
HERE = ("127.0.0.1", 50_000)
PATIENCE = 200.0  # seconds after which something will not happen: beside others on one core all is slow
TOKEN = "a-token-of-some-length"


def make_collection(folder: Path, count: int = 30) -> Path:
    """Index pictures, of which some lie in a folder below, with the stand-in."""
    make_pictures(folder / "pictures", count - 5)
    make_pictures(folder / "pictures" / "deep", 5, first=count - 5)
    (folder / "pictures" / "bad.jpg").write_bytes(b"This is no picture.")
    path = folder / "photos.likewise"
    with Collection.open(path, recipe=RECIPE, extractor_factory=FakeFactory()) as collection:
        collection.add(folder / "pictures")
    return path


@contextmanager
def serving(
    folder: Path,
    *paths: Path,
    client: tuple[str, int] = HERE,
    home: str = HOME,
    factory: FakeFactory | None = None,
    **settings: Any,
) -> Iterator[TestClient]:
    """A client of a server of some collections, or of the one that `make_collection` makes."""
    chosen = Settings(collections=paths or (folder / "photos.likewise",), state=folder / "state")
    app = create_app(replace(chosen, **settings), factory or FakeFactory())
    with TestClient(app, base_url=home, client=client, raise_server_exceptions=False) as made:
        yield made


@contextmanager
def listening(
    folder: Path, *paths: Path, factory: FakeFactory | None = None, **settings: Any
) -> Iterator[str]:
    """The address of a server that listens on a free port, in a thread of the test's process."""
    chosen = Settings(collections=paths or (folder / "photos.likewise",), state=folder / "state")
    chosen = replace(chosen, **settings)
    app = create_app(chosen, factory or FakeFactory())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(configured(app, chosen.limits, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def data(response: Response, status: int = 200) -> Any:
    """The JSON of an answer of that status."""
    assert response.status_code == status, response.text
    return response.json()


def fault(response: Response, status: int) -> str:
    """The code of an error of that status."""
    told = data(response, status)["error"]
    assert told["message"]
    return str(told["code"])


def finished(client: TestClient, job: dict[str, Any], seconds: float = PATIENCE) -> dict[str, Any]:
    """A job once it has ended."""
    end, pause = time.monotonic() + seconds, 0.01
    while time.monotonic() < end:
        job = data(client.get(f"{API}/jobs/{job['id']}"))
        if job["state"] in ("done", "failed", "cancelled", "interrupted"):
            return job
        time.sleep(pause)
        pause = min(1.5 * pause, 0.2)  # to ask takes as long as some of the work
    raise AssertionError(f"the job did not end: {job}")
