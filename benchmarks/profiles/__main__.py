"""Where the time of indexing, searching and serving goes: ``python -m benchmarks.profiles``.

A thread looks every 5 ms at what every other thread is doing, and counts the innermost function of ours. What
waits for something is not counted. Code in C, which most of it is, counts for whoever called it.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from benchmarks.sets import DEMO, RESULTS, markdown
from fastapi.testclient import TestClient

import likewise
from likewise.collection import Collection
from likewise.demoset import rendering
from likewise.web.app import create_app
from likewise.web.settings import Limits, Settings

FOLDER = RESULTS / "profiles"
EVERY = 0.005
SHOWN = 12
OURS = str(Path(likewise.__file__).parent)
WAITING = {"wait", "select", "_worker", "get", "join", "acquire", "result"}
"""Functions of the standard library in which a thread does nothing."""


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Counts of the innermost functions of ours, until the block ends."""
    counts, stop = Counter[str](), threading.Event()

    def look() -> None:
        me = threading.get_ident()
        while not stop.wait(EVERY):
            for thread, frame in sys._current_frames().items():
                if thread != me and frame.f_code.co_name not in WAITING and (name := _ours(frame)):
                    counts[name] += 1

    sampler = threading.Thread(target=look, daemon=True)
    sampler.start()
    try:
        yield counts
    finally:
        stop.set()
        sampler.join()


def _ours(frame: FrameType | None) -> str:
    """The innermost function of ours that a frame is in."""
    while frame and not frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    if not frame:
        return ""
    module = Path(frame.f_code.co_filename).relative_to(OURS).with_suffix("").as_posix().replace("/", ".")
    return f"{module}.{frame.f_code.co_qualname.replace('.<locals>', '')}"


def run(
    recipe: Annotated[str, typer.Option(help="What describes the pictures.")] = "default",
    pictures: Annotated[int, typer.Option(help="How many of the demo set are indexed.")] = 200,
    searches: Annotated[int, typer.Option(help="By picture, in the process and over HTTP.")] = 60,
) -> None:
    """Index pictures of the demo set, search them, and serve them."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    files = rendering.render(DEMO)[:pictures]
    with Collection.open(FOLDER / "c", recipe=recipe) as collection:
        collection.add(files[0])  # loads the network
        with sampled() as indexing:
            start = time.process_time()
            collection.add(*files)
            _show(f"Indexing {len(files)} pictures", indexing, time.process_time() - start)
        collection.search(files[0])
        with sampled() as searching:
            start = time.process_time()
            for file in files[:searches]:
                collection.search(file)
            _show(f"{searches} searches by picture", searching, time.process_time() - start)
    settings = Settings(
        collections=(FOLDER / "c",), state=FOLDER / "state", limits=Limits(rate=1e9, burst=1 << 30)
    )
    with TestClient(
        create_app(settings), base_url="http://127.0.0.1:8080", client=("127.0.0.1", 1)
    ) as client:
        ask = "/api/v1/collections/c/search"
        client.post(ask, json={"queries": [{"picture": 1}]}).raise_for_status()
        with sampled() as serving:
            start = time.process_time()
            for number in range(1, searches + 1):
                found = client.post(ask, json={"queries": [{"picture": number}], "k": 50})
                for hit in found.raise_for_status().json()["hits"][:10]:
                    client.get(f"/api/v1/collections/c/pictures/{hit['id']}/thumbnail").raise_for_status()
            _show(
                f"{searches} searches by id over HTTP, each with ten thumbnails",
                serving,
                time.process_time() - start,
            )


def _show(what: str, counts: Counter[str], seconds: float) -> None:
    total = sum(counts.values())
    rows = [[f"`{name}`", f"{count / total:.1%}"] for name, count in counts.most_common(SHOWN)]
    print(f"\n{what}: {seconds:.1f} s of processor\n")
    print(markdown(["innermost function of ours", "share"], rows))


if __name__ == "__main__":
    typer.run(run)
