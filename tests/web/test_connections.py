"""Clients that hold connections, send too much, or ask and go away: others are answered all the same."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient

from likewise.collection import Collection
from likewise.files import one_writer
from likewise.files.system import descriptor_of, locked
from likewise.pictures import Loaded
from likewise.types import FloatArray, Progress
from likewise.web.connections import Sparse, most_connections
from likewise.web.limits import FILES, Gate, limit_of
from likewise.web.services.file_cache import FileCache
from likewise.web.services.jobs import _holding
from likewise.web.services.library import Served
from likewise.web.services.overviews import Overviews
from likewise.web.settings import Limits
from tests.fakes import FakeExtractor, FakeFactory, picture_bytes
from tests.web.serving import (
    API,
    BASE,
    PATIENCE,
    TOKEN,
    data,
    fault,
    finished,
    listening,
    make_collection,
    serving,
)

HEALTH = f"{API}/health"
ANSWERED = b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("connections")
    make_collection(folder, 8)
    return folder


@contextmanager
def sockets(address: str, count: int, first: bytes) -> Iterator[list[socket.socket]]:
    """Connections that have sent something."""
    parts = urlsplit(address)
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            one = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=PATIENCE)
            opened.append(stack.enter_context(one))
            one.sendall(first)
        yield opened


def is_ended(one: socket.socket) -> bool:
    """Whether the server has ended a connection, or does while it is waited for."""
    try:
        return all(iter(lambda: one.recv(65536), b"")) or True
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def healthy(address: str) -> bool:
    """Whether the server answers, to a client that comes again when it is told to."""
    while (status := httpx2.get(address + HEALTH, timeout=PATIENCE).status_code) == 503:
        pass  # every connection is being answered just now
    return status == 200


class TestHolding:
    @pytest.mark.parametrize(
        "first",
        [
            b"",
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ",
            b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 90\r\n\r\n{",
            ANSWERED,
            ANSWERED + b"GET /api",
        ],
        ids=["silent", "half a header", "half a body", "answered", "half of the next"],
    )
    def test_others_are_answered(self, made: Path, first: bytes) -> None:
        limits = Limits(connections=20, header_seconds=60, rate=1e6, burst=1000)
        with listening(made, token=TOKEN, limits=limits) as address:
            with sockets(address, 60, first):
                assert healthy(address)

    @pytest.mark.parametrize("first", [b"", b"G", ANSWERED + b"GET"])
    def test_a_header_has_to_arrive(self, made: Path, first: bytes) -> None:
        with listening(made, limits=Limits(header_seconds=0.2)) as address:
            with sockets(address, 3, first) as opened:
                assert all(map(is_ended, opened))

    def test_one_that_trickles_in_too(self, made: Path) -> None:
        with listening(made, limits=Limits(header_seconds=0.3)) as address:
            with sockets(address, 1, b"GET / HTTP/1.1\r\n") as (one,):
                one.settimeout(0.05)
                for _ in range(400):
                    try:
                        one.sendall(b"X: y\r\n")
                        if one.recv(1) == b"":
                            break
                    except TimeoutError:
                        continue
                    except ConnectionError:
                        break
                else:
                    raise AssertionError("it went on for ever")

    def test_a_client_that_takes_no_answer(self, made: Path) -> None:
        large = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 400
        with listening(made, limits=Limits(answer_seconds=0.2, rate=1e6, burst=100_000)) as address:
            with sockets(address, 1, b"") as (one,):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.settimeout(20)
                with pytest.raises(ConnectionError):
                    for _ in range(4000):
                        one.sendall(large)
                assert healthy(address)

    def test_connections_that_are_answered_keep_their_place(self, made: Path) -> None:
        Held.may.clear()
        limits = Limits(connections=8)
        with listening(made, limits=limits, factory=FakeFactory(kind=Held)) as address:
            asked = {"queries": [{"picture": 1, "box": [0, 0, 9, 9]}]}
            answers: list[int] = []

            def ask() -> None:
                answers.append(
                    httpx2.post(address + BASE + "/search", json=asked, timeout=PATIENCE).status_code
                )

            thread = threading.Thread(target=ask)
            thread.start()
            Held.begun.wait(PATIENCE)
            with sockets(address, 40, b"GET"):
                assert healthy(address)
                Held.may.set()
                thread.join()
        assert answers == [200]

    def test_there_are_fewer_than_descriptors(self) -> None:
        if sys.platform == "win32":
            pytest.skip("Windows has no limit that is near")
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert 8 <= most_connections(Limits(connections=10**9)) < max(soft, 9)
        assert most_connections(Limits(connections=10)) == 10


class TestLog:
    def test_it_does_not_flood(self, caplog: pytest.LogCaptureFixture) -> None:
        sparse = Sparse()
        records = [logging.LogRecord("uvicorn", 30, "", 0, "Invalid %s", ("x",), None) for _ in range(1000)]
        assert sum(map(sparse.filter, records)) == Sparse.MOST
        assert "left out" in str(records[Sparse.MOST - 1].getMessage())
        other = logging.LogRecord("likewise.web", 30, "", 0, "something else", (), None)
        assert sparse.filter(other)

    def test_a_minute_later_it_tells_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [1000.0]
        monkeypatch.setattr("likewise.web.connections.time.monotonic", lambda: now[0])
        sparse = Sparse()

        def tell() -> bool:
            return sparse.filter(logging.LogRecord("a", 30, "", 0, "m", (), None))

        assert [tell() for _ in range(Sparse.MOST + 1)] == [True] * Sparse.MOST + [False]
        now[0] += Sparse.MINUTE + 1
        assert tell()


class TestBodies:
    def test_the_limit_is_the_routes(self, made: Path) -> None:
        """What a client calls its body changes nothing."""
        limits = Limits()
        with serving(made) as client:
            document = client.app.openapi()  # type: ignore[attr-defined]
        files = {
            path
            for path, methods in document["paths"].items()
            if "multipart/form-data" in methods.get("post", {}).get("requestBody", {}).get("content", {})
        }
        assert files
        for path in document["paths"]:
            filled = re.sub(r"{\w+}", "x", path)
            assert bool(FILES.fullmatch(filled)) == (path in files)
            limit = limit_of({"method": "POST", "path": filled}, limits)
            assert (limit == limits.request_bytes) == (path in files)

    @pytest.mark.parametrize("kind", ["multipart/x", "multipart/form-data; boundary=x", "application/json"])
    @pytest.mark.parametrize("told", [True, False])
    def test_signing_in_takes_little(self, made: Path, kind: str, told: bool) -> None:
        taken = 0
        scope = {
            "type": "http",
            "method": "POST",
            "path": f"{API}/session",
            "raw_path": b"",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", kind.encode())],
            "client": ("127.0.0.1", 4),
        }
        if told:
            scope["headers"].append((b"content-length", b"100000"))  # type: ignore[attr-defined]
        else:
            scope["headers"].append((b"transfer-encoding", b"chunked"))  # type: ignore[attr-defined]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            nonlocal taken
            taken += 4096
            return {"type": "http.request", "body": bytes(4096), "more_body": taken < 64 << 20}

        async def send(message: Any) -> None:
            sent.append(message)

        with serving(made, token=TOKEN) as client:
            asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
        assert sent[0]["status"] == 413
        assert taken <= (0 if told else 64 << 10)

    def test_large_ones_are_counted(self, made: Path) -> None:
        with serving(made, limits=Limits(uploading=0)) as client:
            large = {"queries": [{"vector": [0.1] * 20_000}]}
            assert fault(client.post(f"{BASE}/search", json=large), 429) == "busy"
            small = {"queries": [{"picture": 1}]}
            assert client.post(f"{BASE}/search", json=small).status_code == 200


class Held(FakeExtractor):
    """Describes nothing before it may."""

    may, begun = threading.Event(), threading.Event()

    def describe(self, loaded: Sequence[Loaded]) -> FloatArray:
        self.begun.set()
        self.may.wait(PATIENCE)
        return super().describe(loaded)


class TestStarving:
    def test_overviews_leave_searches_their_place(self, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        may, begun, run = threading.Event(), threading.Event(), []

        def slow(*_: Any, threshold: float, progress: Any) -> None:
            begun.set()
            run.append(threshold)
            may.wait(PATIENCE)
            raise AssertionError("of no use")

        monkeypatch.setattr("likewise.web.routes.duplicates.find_duplicates", slow)
        with listening(made, limits=Limits(running=1, looking=3, rate=1e6, burst=1000)) as address:
            ask = f"GET {BASE}/duplicates?threshold=0.5{{}} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            with ExitStack() as stack:
                for number in range(4):
                    stack.enter_context(sockets(address, 1, ask.format(number).encode()))
                begun.wait(PATIENCE)
                client = httpx2.Client(base_url=address, timeout=PATIENCE)
                stack.enter_context(client)
                while client.get(f"{BASE}/duplicates", params={"threshold": 0.9}).status_code != 429:
                    pass
                found = client.post(f"{BASE}/search", json={"queries": [{"picture": 1}]})
                assert found.status_code == 200
            may.set()  # the clients have gone: what waited is dropped
            assert healthy(address)
        assert len(run) <= 2

    def test_an_overview_ends_with_the_last_who_waits_for_it(
        self, made: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, ended, way = threading.Event(), threading.Event(), threading.Event()

        def endless(*_: Any, threshold: float, progress: Any) -> None:
            begun.set()
            try:
                while not way.wait(0.01):
                    progress(Progress(0, 0))
            finally:
                ended.set()

        monkeypatch.setattr("likewise.web.routes.duplicates.find_duplicates", endless)
        monkeypatch.setattr("likewise.web.services.overviews.GRACE", 0.0)
        with listening(made) as address, httpx2.Client(base_url=address, timeout=PATIENCE) as client:
            ask = f"GET {BASE}/duplicates?threshold=0.5 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
            with sockets(address, 1, ask):
                assert begun.wait(PATIENCE)
            assert ended.wait(PATIENCE)
            assert client.get(f"{BASE}/map").status_code == 200  # the one place of overviews is free
        assert not way.is_set()

    def test_an_overview_goes_on_while_another_one_waits(
        self, made: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("likewise.web.services.overviews.GRACE", 0.0)
        gate, overviews, found = Gate(1, 8), Overviews(FileCache(made / "kept", 1 << 20)), list[int]()
        begun, heeded, may = threading.Event(), threading.Event(), threading.Event()
        served: Any = SimpleNamespace(name="photos", moment=1, collection=None)

        def find(progress: Any) -> int:
            begun.set()
            while not may.wait(0.01):
                progress(Progress(0, 0))
                heeded.set()
            found.append(1)
            return 42

        def look(progress: Any) -> Any:
            return overviews.get(served, "all", lambda _: find(progress), progress)

        async def both() -> tuple[int, int]:
            first, second = (asyncio.create_task(overviews.ask(gate, "all", look)) for _ in range(2))
            await asyncio.to_thread(begun.wait, PATIENCE)
            first.cancel()
            await asyncio.wait({first})
            heeded.clear()
            assert await asyncio.to_thread(heeded.wait, PATIENCE)
            inside = gate.inside
            may.set()
            return inside, await second

        assert asyncio.run(both()) == (2, 42)
        assert found == [1]  # the second has it from the first, whose client had gone

    def test_who_goes_away_gives_up_the_place(self, made: Path) -> None:
        Held.may.clear()
        Held.begun.clear()
        limits = Limits(running=1, waiting=5, rate=1e6, burst=1000)
        with listening(made, limits=limits, factory=FakeFactory(kind=Held)) as address:
            with httpx2.Client(base_url=address, timeout=PATIENCE) as client:
                for number in range(5):
                    asked = {"queries": [{"picture": 1, "box": [0, 0, 9, 9 + number]}]}
                    with pytest.raises(httpx2.TimeoutException):
                        client.post(f"{BASE}/search", json=asked, timeout=0.3)
                Held.may.set()
                asked = {"queries": [{"picture": 2, "box": [0, 0, 9, 9]}]}
                assert client.post(f"{BASE}/search", json=asked).status_code == 200

    def test_searches_by_id_wait_for_nothing_that_was_sent(self, made: Path) -> None:
        Held.may.clear()
        Held.begun.clear()
        limits = Limits(running=1, waiting=5, rate=1e6, burst=1000)
        with listening(made, limits=limits, factory=FakeFactory(kind=Held)) as address, ExitStack() as stack:
            client = stack.enter_context(httpx2.Client(base_url=address, timeout=PATIENCE))
            sent = client.post(f"{API}/uploads", files={"picture": ("a.png", picture_bytes(1))})
            asked = {"queries": [{"upload": sent.json()["id"]}]}
            pool = stack.enter_context(ThreadPoolExecutor(1))
            held = pool.submit(httpx2.post, f"{address}{BASE}/search", json=asked, timeout=PATIENCE)
            stack.callback(Held.may.set)
            assert Held.begun.wait(PATIENCE)
            for picture in (1, 2):
                by_id = client.post(f"{BASE}/search", json={"queries": [{"picture": picture}]})
                assert by_id.status_code == 200
            assert not held.done()
            Held.may.set()
            assert held.result(PATIENCE).status_code == 200

    def test_streams_are_bounded(self, made: Path) -> None:
        with listening(made, limits=Limits(streams=2)) as address:
            with one_writer(made / "photos.likewise" / "lock"), httpx2.Client(base_url=address) as client:
                sent = {"pictures": ("a.png", picture_bytes(1))}
                job = client.post(f"{BASE}/add/files", files=sent, timeout=PATIENCE).json()["id"]
                follow = f"GET {API}/jobs/{job}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
                with sockets(address, 2, follow) as opened:
                    for one in opened:
                        assert one.recv(1)
                    assert client.get(f"{API}/jobs/{job}/events").status_code == 429


class TestJobs:
    @pytest.fixture
    def client(self, tmp_path: Path) -> Iterator[TestClient]:
        make_collection(tmp_path, 6)
        with serving(tmp_path, limits=Limits(jobs=5), roots=(tmp_path / "pictures",)) as client:
            yield client

    @pytest.mark.slow
    def test_so_many_and_no_more(self, client: TestClient, tmp_path: Path) -> None:
        with one_writer(tmp_path / "photos.likewise" / "lock"):
            answers = [client.post(f"{BASE}/update") for _ in range(12)]
            assert [answer.status_code for answer in answers] == [202] * 5 + [429] * 7
            assert fault(answers[-1], 429) == "busy"
            threads = [one for one in threading.enumerate() if one.name.startswith("likewise job")]
            assert len(threads) == 5
            jobs = data(client.get(f"{API}/jobs"))["jobs"]
            assert {job["state"] for job in jobs} == {"waiting"}
        for answer in answers[:5]:
            assert finished(client, answer.json())["state"] == "done"
        assert client.post(f"{BASE}/update").status_code == 202

    def test_only_those_that_ended_are_forgotten(
        self, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("likewise.web.services.jobs.KEPT", 2)
        with one_writer(tmp_path / "photos.likewise" / "lock"):
            waiting = [data(client.post(f"{BASE}/update"), 202)["id"] for _ in range(4)]
            for id in waiting:
                assert data(client.get(f"{API}/jobs/{id}"))["state"] == "waiting"
            assert {job["id"] for job in data(client.get(f"{API}/jobs"))["jobs"]} == set(waiting)
        for id in waiting:
            assert finished(client, {"id": id})["state"] == "done"
        last = data(client.post(f"{BASE}/update"), 202)
        assert finished(client, last)["state"] == "done"
        assert len(data(client.get(f"{API}/jobs"))["jobs"]) == 3

    def test_one_that_ends_while_it_is_looked_at_was_not_interrupted(
        self, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = data(client.post(f"{BASE}/update"), 202)["id"]
        assert finished(client, {"id": job})["state"] == "done"
        path = next(tmp_path.rglob(f"{job}.json"))
        ended = path.read_text()
        path.write_text(ended.replace('"done"', '"running"'))

        def held(_: Path) -> bool:
            path.write_text(ended)  # between the first look at the file and the one at the lock
            return False

        monkeypatch.setattr("likewise.web.services.jobs._is_held", held)
        assert data(client.get(f"{API}/jobs/{job}"))["state"] == "done"

    def test_who_looks_does_not_keep_a_job_from_its_lock(self, tmp_path: Path) -> None:
        path = tmp_path / "1.lock"
        path.touch()
        looking = descriptor_of(path, os.O_RDONLY)
        assert locked(looking, shared=True)
        threading.Timer(0.1, os.close, [looking]).start()
        with _holding(path) as is_ours, _holding(path) as again:
            assert (is_ours, again) == (True, False)

    def test_waiting_opens_nothing(
        self, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All but one of those that wait do not even look whether they may."""
        looked, real = set[int](), Served.another

        def another(served: Served) -> Collection:
            looked.add(threading.get_ident())
            return real(served)

        monkeypatch.setattr(Served, "another", another)
        with one_writer(tmp_path / "photos.likewise" / "lock"):
            for _ in range(5):
                client.post(f"{BASE}/update")
            while not looked:
                pass
            assert len(looked) < 5
