"""Load on a server: ``python -m benchmarks.serving run``, then ``table``.

Everything goes to 127.0.0.1. The server is `likewise serve` as a process of its own; clients are threads
here, each with one connection, that send a picture that no server has seen before, wait for the answer, and
send the next.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from benchmarks.indexing.pictures import make as make_photos
from benchmarks.indexing.pictures import photographs
from benchmarks.memory.__main__ import make as make_small
from benchmarks.robustness.costly import scans
from benchmarks.sets import DEMO, RESULTS, markdown

from likewise.collection.collection import Collection
from likewise.descriptors.extractor import Extractor
from likewise.descriptors.recipe import VectorRecipe

FOLDER = RESULTS / "serving"
FILE = FOLDER / "measured.json"
API = "/api/v1"
SEARCH, FEW = (f"{API}/collections/{name}/search" for name in ("pictures", "few"))

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run(
    pictures: Annotated[int, typer.Option(help="Pictures in the collection.")] = 10_000,
    clients: Annotated[int, typer.Option(help="Clients at once.")] = 32,
    queries: Annotated[int, typer.Option(help="Searches by upload, each another picture.")] = 5000,
    workers: Annotated[int, typer.Option(help="Processes of the second server.")] = 2,
) -> None:
    """Measure the descriptor alone, then a server under load, its memory, and what slow clients do to it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    collection = FOLDER / "pictures.likewise"
    with Collection.open(collection, recipe="quick") as opened:
        if len(opened) < pictures:
            opened.add(make_small(FOLDER / "pictures", pictures))
    contents = [
        p.read_bytes() for p in make_photos(FOLDER / "photos", (640, 480), 64, photographs(None, DEMO))
    ]
    told: dict[str, Any] = {"pictures": pictures, "clients": clients, "alone": alone(contents, clients)}
    with server(collection) as (pid, port):
        warm = load(port, contents, clients, clients)
        before = processor(pid)
        told["one"] = load(port, contents, clients, queries, lambda: resident(pid))
        told["one"]["work"] = (processor(pid) - before) / queries
        told["one"]["errors"] += warm["errors"]
        told["slow"] = disturbed(port, contents)
    with server(collection, "--workers", str(workers)) as (_, port):
        told["several"] = load(port, contents, clients, max(clients, queries // 10))
    told["workers"] = workers
    told["alone again"] = alone(contents, clients)
    FILE.write_text(json.dumps(told, indent=1), encoding="utf-8")


@app.command()
def uploads(
    pictures: Annotated[int, typer.Option(help="Pictures in the collection.")] = 500,
    asked: Annotated[int, typer.Option(help="Searches by id of each case.")] = 100,
) -> None:
    """Measure searches by id beside uploads that are costly to decode, and print them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    collection = FOLDER / "few.likewise"
    with Collection.open(collection, recipe="quick") as opened:
        opened.add(make_small(FOLDER / "few", pictures))
    rows = []
    with server(collection) as (pid, port):
        by_id(port, 10, FEW)
        for name, content in {
            "nobody else": None,
            "4 clients who send a JPEG of 1.4 megapixels and 200 scans": scans(1200, 200),
            "4 clients who send a JPEG of 2.9 megapixels and 990 scans": scans(1700, 990),
            "nobody else, at the end": None,
        }.items():
            with sent(port, content) as counted:
                before, times = processor(pid), by_id(port, asked, FEW)
                work = processor(pid) - before
            rows.append([name, *_load(times)[:-1], f"{work:.1f}", str(counted[0])])
    head = ["searches by id, one client, beside", "asked", "errors", "a second", "median", "p95", "longest"]
    print(markdown([*head, "s of processor in all", "uploads answered"], rows))


@contextmanager
def sent(port: int, content: bytes | None, clients: int = 4) -> Iterator[list[int]]:
    """Let clients send a picture over and over, as another one each time; count the answers."""
    stop, counted = threading.Event(), [0]

    def client(number: int) -> None:
        while content and not stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            body, headers = _form(content, number)
            connection.request("POST", f"{FEW}/upload", body, headers)
            connection.getresponse().read()
            connection.close()
            counted[0] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    try:
        yield counted
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@app.command()
def table() -> None:
    """Print what was measured."""
    told = json.loads(FILE.read_text("utf-8"))
    rows = [
        ["the descriptor alone, one after the other", *_load(told["alone"])],
        ["the same once more, at the end", *_load(told["alone again"])],
        [f"one process, {told['clients']} clients", *_load(told["one"])],
        [f"{told['workers']} processes, {told['clients']} clients", *_load(told["several"])],
    ]
    print(
        markdown(["what", "asked", "errors", "a second", "median", "p95", "longest", "processor"], rows)
        + "\n"
    )
    memory = told["one"]["memory"]
    print(
        markdown(["searches answered", "resident MiB"], [[str(n), f"{m / 2**20:.0f}"] for n, m in memory])
        + "\n"
    )
    slow = told["slow"]
    print(
        markdown(
            ["searches by id, one client", "asked", "errors", "a second", "median", "p95", "longest"],
            [[name, *_load(slow[name])[:-1]] for name in slow],
        )
    )


def alone(contents: Sequence[bytes], count: int) -> dict[str, float]:
    """Seconds of decoding and describing one picture after the other in this process."""
    extractor = Extractor(VectorRecipe.load("default"))
    seconds, work = [], 0.0
    for content in [*contents[:4], *itertools.islice(itertools.cycle(contents), 4 * count)]:
        begin = time.perf_counter()
        extractor.describe([extractor.prepare(content)])
        seconds.append(time.perf_counter() - begin)
        work = work or time.process_time()  # the first one opens the network
    work = (time.process_time() - work) / (len(seconds) - 1)
    return summary(seconds[4:], sum(seconds[4:]), 0) | {"work": work}


def summary(seconds: Sequence[float], wall: float, errors: int) -> dict[str, float]:
    """What is told of some times."""
    return {
        "asked": len(seconds) + errors,
        "errors": errors,
        "rate": len(seconds) / wall,
        "median": float(np.median(seconds)),
        "p95": float(np.quantile(seconds, 0.95)),
        "longest": max(seconds),
    }


@contextmanager
def server(collection: Path, *words: str) -> Iterator[tuple[int, int]]:
    """A server; the ids of its process and its port."""
    line = [sys.executable, "-m", "likewise", "serve", str(collection), "--port", "0", *words]
    line += ["--state", str(FOLDER / "state")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            line_of_address = process.stdout.readline() if process.stdout else ""
            port = int(line_of_address.split("/")[2].rpartition(":")[2])
            while not _is_there(port):
                time.sleep(0.1)
            yield process.pid, port
        finally:
            process.terminate()


def _is_there(port: int) -> bool:
    try:
        return _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=60), "GET", f"{API}/health")
    except OSError:
        return False


def load(
    port: int,
    contents: Sequence[bytes],
    clients: int,
    queries: int,
    memory: Callable[[], int] | None = None,
) -> dict[str, Any]:
    """Let clients search by upload until so many searches are answered."""
    numbers, lock = itertools.count(), threading.Lock()
    seconds: list[float] = []
    errors: list[str] = []
    sizes: list[tuple[int, int]] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while (number := next(numbers)) < queries:
            begin = time.perf_counter()
            try:
                good = _ask(
                    connection, "POST", f"{SEARCH}/upload", *_form(contents[number % len(contents)], number)
                )
            except (OSError, http.client.HTTPException) as error:
                good = False
                errors.append(repr(error))
                connection.close()
            with lock:
                if good:
                    seconds.append(time.perf_counter() - begin)
                else:
                    errors.append("refused")
                if memory and len(seconds) % max(1, queries // 10) == 0:
                    sizes.append((len(seconds), memory()))

    begin = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(errors[:3], file=sys.stderr)
    return summary(seconds, time.perf_counter() - begin, len(errors)) | {"memory": sizes}


def disturbed(port: int, contents: Sequence[bytes], count: int = 200) -> dict[str, Any]:
    """Times of searches by id: alone, beside slow uploads, and beside uploads that are dropped."""
    told = {"nobody else": by_id(port, count)}
    slow = [_half(port, contents[0]) for _ in range(40)]
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.2):
            for connection in slow:
                connection.send(b"x")

    thread = threading.Thread(target=trickle)
    thread.start()
    told["beside 40 uploads of 5 bytes a second"] = by_id(port, count)
    stop.set()
    thread.join()
    for connection in slow:
        connection.close()

    def dropping() -> None:
        while not stop.is_set():
            _half(port, contents[0]).close()
            time.sleep(0.05)

    stop.clear()
    thread = threading.Thread(target=dropping)
    thread.start()
    told["beside 20 dropped uploads a second"] = by_id(port, count)
    stop.set()
    thread.join()
    return told


def by_id(port: int, count: int, path: str = SEARCH) -> dict[str, float]:
    """Times of searches that need no network, one after the other, each another picture."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    seconds, errors = [], 0
    for number in range(count):
        body = json.dumps({"queries": [{"picture": 1 + number}], "k": 1 + next(_IDS) % 50}).encode()
        begin = time.perf_counter()
        if _ask(connection, "POST", path, body, {"content-type": "application/json"}):
            seconds.append(time.perf_counter() - begin)
        else:
            errors += 1
        time.sleep(0.01)  # within the rate that one client may ask at
    return summary(seconds, sum(seconds), errors)


_IDS = itertools.count()


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"", headers: Any = None
) -> bool:
    """Whether the answer is a good one."""
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        print(answer.status, content[:200], file=sys.stderr)
    return answer.status == 200


def _form(content: bytes, number: int) -> tuple[bytes, dict[str, str]]:
    """A form with a picture that differs from all others, in bytes after its end."""
    head = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.jpg"\r\n\r\n'
    body = head + content + f"{number}-{time.time_ns()}".encode() + b"\r\n--x--\r\n"
    return body, {"content-type": "multipart/form-data; boundary=x"}


def _half(port: int, content: bytes) -> socket.socket:
    """A connection whose upload is half sent."""
    body, headers = _form(content, 0)
    connection = socket.create_connection(("127.0.0.1", port))
    head = f"POST {SEARCH}/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    head += f"Content-Type: {headers['content-type']}\r\n\r\n"
    connection.sendall(head.encode() + body[: len(body) // 2])
    return connection


def processor(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes of a process in memory."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return 1024 * int(found[1]) if found else 0


def _load(told: dict[str, float]) -> list[str]:
    times = [f"{1000 * told[key]:.0f} ms" for key in ("median", "p95", "longest")]
    work = [f"{1000 * told['work']:.0f} ms"] if "work" in told else ["-"]
    return [f"{told['asked']:.0f}", f"{told['errors']:.0f}", f"{told['rate']:.1f}", *times, *work]


if __name__ == "__main__":
    app()
