"""Servers as processes of their own: started by the command, stopped, killed, and beside another writer."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from likewise.cli import main
from likewise.collection import Collection
from tests.fakes import RECIPE, FakeFactory, make_pictures, picture_bytes
from tests.systems import posix
from tests.test_crash import indexing
from tests.web.serving import API, BASE, PATIENCE, TOKEN, data, finished, make_collection, serving

REPOSITORY = Path(__file__).parents[2]


@contextmanager
def command(folder: Path, *words: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`likewise serve` as a process, and its address once it answers."""
    line = [sys.executable, "-m", "likewise", "serve", *words, "--port", "0"]
    line += ["--state", str(folder / "state")]
    with subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | environment,
    ) as process:
        assert process.stdout
        try:
            found = re.match(r"(http://[\d.]+:\d+)/", process.stdout.readline())
            assert found, process.stderr and process.stderr.read()
            wait_for(found[1])
            yield process, found[1]
        finally:
            process.kill()


def ask(address: str, path: str = BASE, body: object = None, **headers: str) -> Any:
    """The JSON of an answer."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, content, {"content-type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def wait_for(address: str, seconds: float = PATIENCE) -> None:
    """Until the server answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            ask(address, f"{API}/health")
        except OSError:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)
        else:
            return


def workers(process: subprocess.Popen[str]) -> list[int]:
    """The processes that answer."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    spawned = [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return spawned


def half_an_upload(address: str) -> socket.socket:
    """A connection whose request is half sent."""
    host, _, port = address.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
    head = (
        f"POST {API}/uploads HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\nhalf'
    )
    connection.sendall(head.encode())
    return connection


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder with a collection of 12 pictures, for this test alone: some index and remove."""
    (folder := tmp_path / "made").mkdir()
    make_collection(folder, 12)
    return folder


@posix
def test_it_answers_and_stops_gracefully(made: Path) -> None:
    collection = str(made / "photos.likewise")
    with command(made, collection) as (process, address):
        assert ask(address)["pictures"] == 12
        told = ask(address, f"{BASE}/search", {"queries": [{"picture": 3}], "k": 2})
        assert told["hits"][0]["id"] == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
@posix
def test_an_answer_on_its_way_is_finished_first(made: Path) -> None:
    with command(made, str(made / "photos.likewise")) as (process, address), half_an_upload(address) as one:
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert process.poll() is None
        body = picture_bytes(1) + b"\r\n--x--\r\n"
        head = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\nhalf'
        one.sendall(bytes(100_000 - len(head) - len(body)) + body)
        assert one.recv(100).startswith(b"HTTP/1.1 400 ")  # "half" and zeros are no picture, and it says so
        assert process.wait(PATIENCE) == 0


@pytest.mark.slow
@posix
def test_what_is_sent_is_nobody_elses(made: Path) -> None:
    before = set(made.rglob("*"))
    old = os.umask(0)  # whatever whoever starts it lets others do
    try:
        with command(made, str(made / "photos.likewise")) as (_, address):
            host = address.removeprefix("http://")
            form = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
            connection = http.client.HTTPConnection(host, timeout=PATIENCE)
            headers = {"content-type": "multipart/form-data; boundary=x"}
            connection.request("POST", f"{API}/uploads", form + picture_bytes(1) + b"\r\n--x--\r\n", headers)
            assert connection.getresponse().status == 201
            connection.close()
            kept = set(made.rglob("*")) - before
            assert any(path.read_bytes() == picture_bytes(1) for path in kept if path.is_file())
            assert [path for path in kept if path.stat().st_mode & 0o077] == []
    finally:
        os.umask(old)


@pytest.mark.slow
def test_a_token_in_the_variable(made: Path) -> None:
    with command(made, str(made / "photos.likewise"), "--read-only", LIKEWISE_TOKEN=TOKEN) as (_, address):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(address)
        assert ask(address, authorization=f"Bearer {TOKEN}")["pictures"] == 12


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "0.0.0.0"], "--token"),
        (["--host", "0.0.0.0", "--token", "short"], "too short"),
        (["--root", "nowhere"], "no folder"),
    ],
)
def test_it_refuses_to_start(
    made: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert started(made, *words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error


def test_a_port_that_is_taken(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert started(made, "--port", str(taken.getsockname()[1])) == 2
    assert "give another --port" in capsys.readouterr().err


def started(made: Path, *words: str) -> object:
    """The exit code of a command that does not get to serving."""
    state = str(made / "state")
    with pytest.raises(SystemExit) as ended:
        main(["serve", str(made / "photos.likewise"), "--state", state, *words])
    return ended.value.code


@pytest.mark.slow
def test_killing_a_worker_in_the_middle_of_a_request_loses_nothing(made: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("needs /proc")
    (room := made / "temporary").mkdir()
    line = [str(made / "photos.likewise"), "--workers", "2"]
    with command(made, *line, TMPDIR=str(room)) as (process, address):
        assert list(room.glob("likewise-????????"))  # as `likewise.files.writing` knows them
        before = workers(process)
        assert len(before) == 2
        removed = ask(address, f"{BASE}/remove", {"pictures": [1]})
        for _ in range(20):  # whichever of them answers, it tells what all have counted
            ask(address)
        with urllib.request.urlopen(f"{address}{API}/metrics") as answer:
            counted = re.findall(rb'requests_total{.*route="/collections/{name}",.*} ([\d.]+)', answer.read())
        assert sum(map(float, counted)) == 20
        with half_an_upload(address) as one:
            time.sleep(0.3)
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            with pytest.raises(OSError):
                assert one.recv(100) or not_answered()
        wait_for(address)
        assert ask(address)["pictures"] == 11  # what was committed is there
        assert ask(address, f"{BASE}/undo", {"undo": removed["undo"]}) == {"restored": 1}
        assert ask(address, f"{BASE}/search", {"queries": [{"picture": 1}], "k": 1})["hits"][0]["id"] == 1
        assert set(workers(process)).isdisjoint(before)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert not list(room.glob("likewise*"))  # torch, which looks for "fake" in timm, leaves a folder


def not_answered() -> bool:
    """An end of the connection without an answer."""
    raise ConnectionResetError


@pytest.mark.slow
def test_a_job_of_a_killed_server_can_be_gone_on_with(tmp_path: Path) -> None:
    make_pictures(tmp_path / "root" / "a", 60)
    with Collection.open(tmp_path / "new.likewise", recipe="quick") as collection:
        collection.add(tmp_path / "root" / "a" / "0000.png")
    words = [str(tmp_path / "new.likewise"), "--root", str(tmp_path / "root")]
    base = f"{API}/collections/new"
    with command(tmp_path, *words) as (process, address):
        job = ask(address, f"{base}/add/folder", {"root": "root"})["id"]
        while not ask(address, f"{API}/jobs/{job}")["done"]:
            time.sleep(0.02)
        process.kill()
        process.wait()
    with command(tmp_path, *words) as (_, address):
        told = ask(address, f"{API}/jobs/{job}")
        assert told["state"] in ("interrupted", "done")
        if told["state"] == "interrupted":
            ask(address, f"{API}/jobs/{job}/resume", {})
        while (told := ask(address, f"{API}/jobs/{job}"))["state"] != "done":
            time.sleep(0.05)
        assert ask(address, base)["pictures"] == 60


@pytest.mark.slow
def test_a_collection_that_another_process_indexes_is_searchable_all_along(tmp_path: Path) -> None:
    path = tmp_path / "photos.likewise"
    make_pictures(tmp_path / "photos", 300)
    with Collection.open(path, recipe=RECIPE, extractor_factory=FakeFactory()) as collection:
        collection.add(tmp_path / "photos" / "0000.png")
    seen = []
    upload = {"picture": ("a.png", picture_bytes(0))}
    with ExitStack() as running:
        client = running.enter_context(serving(tmp_path))
        client.post(f"{BASE}/search/upload", files=upload)  # the first one loads what it needs
        process = running.enter_context(indexing(path, tmp_path / "photos"))
        while process.poll() is None:
            told = data(client.post(f"{BASE}/search/upload", files=upload, data={"k": "1"}))
            assert told["hits"][0]["name"] == "0000.png"
            assert told["hits"][0]["score"] == pytest.approx(1, abs=1e-3)
            seen.append(told["total"])
            assert process.stdout
            process.stdout.readline()
        assert data(client.get(BASE))["pictures"] == 300
    assert seen == sorted(seen)
    assert len(set(seen)) > 5


def test_several_servers_share_their_jobs(made: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "root", 5, first=800)
    with serving(made, roots=(tmp_path / "root",)) as one, serving(made, roots=(tmp_path / "root",)) as other:
        job = data(one.post(f"{BASE}/add/folder", json={"root": "root"}), 202)
        assert finished(other, job)["report"]["added"] == 5
