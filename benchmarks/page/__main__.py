"""The page among many pictures: ``python -m benchmarks.page run``, then ``table``; and ``work``.

The collection is made up: the vectors of the demo set, each with noise of its own, under as many names as
wanted, which are links to the files of the demo set. `likewise serve` is a process of its own, and Chromium
is driven through playwright; see `tests.browser.watching` for where Chromium is looked for.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from benchmarks.page.tracing import TRACED, work_between
from benchmarks.sets import DEMO, RESULTS, markdown
from playwright.sync_api import CDPSession, Page, sync_playwright
from tests.browser.site import served
from tests.browser.watching import CHROMIUM, FLAGS

from likewise.collection.collection import Collection
from likewise.collection.moving import MovedFile
from likewise.collection.store.catalogue import Content
from likewise.collection.store.codes import Code
from likewise.demoset import rendering
from likewise.descriptors.recipe import VectorRecipe

FOLDER = RESULTS / "page"
FILE = FOLDER / "measured.json"
NOISE = 0.5
"""Length of the noise beside a vector of length 1: copies are alike 0.89, to which chance adds nothing."""

PAINTED = {"grid painted": "painted", "pictures painted": "pictures"}
SHARE = 10  # of the searches after which memory is looked at
WARM = 4  # searches before what is traced

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def run(
    pictures: Annotated[int, typer.Option(help="Pictures in the collection.")] = 100_000,
    searches: Annotated[int, typer.Option(help="Searches, one from the other.")] = 500,
) -> None:
    """Measure the start, the time from answer to grid and to pictures, and memory as searches go on."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    collection = make(pictures)
    told: dict[str, Any] = {"pictures": pictures, "load": os.getloadavg()[0]}
    with served(FOLDER, collection.name, "--state", "state") as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        told["start"] = [_start(browser.new_context(viewport=SCREEN).new_page(), home) for _ in range(6)][1:]
        page = browser.new_context(viewport=SCREEN).new_page()
        told["searches"], told["memory"] = _search(page, home, searches)
        browser.close()
    FILE.write_text(json.dumps(told, indent=1), encoding="utf-8")


@app.command()
def work(
    pictures: Annotated[int, typer.Option(help="Pictures in the collection.")] = 100_000,
    searches: Annotated[int, typer.Option(help="Searches, one from the other.")] = 20,
) -> None:
    """Print the page's processor time between answer and grid, which other processes hardly lengthen."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    collection = make(pictures)
    with served(FOLDER, collection.name, "--state", "state") as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(viewport=SCREEN).new_page()
        _search(page, home, WARM)
        browser.start_tracing(page=page, categories=TRACED)
        _search(page, home, searches)
        events = json.loads(browser.stop_tracing())["traceEvents"]
        browser.close()
    spent = sorted(work_between(events, "likewise:answer", "likewise:painted"))
    within = (f"{spent[int(share * (len(spent) - 1))]:.0f} ms" for share in (0.5, 0.95))
    print(markdown(["processor time of the page", "median", "p95"], [["answer to grid painted", *within]]))


@app.command()
def table() -> None:
    """Print what was measured."""
    told = json.loads(FILE.read_text("utf-8"))
    print(f"{told['pictures']} pictures, load {told['load']:.1f} when it began\n")
    start = told["start"]
    middle = {name: statistics.median(one[name] for one in start) for name in start[0]}
    print(
        markdown(
            ["start", "median of 5"],
            [[name, f"{value:.0f}" + (" ms" if "paint" in name else "")] for name, value in middle.items()],
        )
        + "\n"
    )
    rows = []
    for name in PAINTED:
        spans = sorted(one[name] for one in told["searches"])
        within = (f"{spans[int(share * (len(spans) - 1))]:.0f} ms" for share in (0.5, 0.95))
        rows.append([f"answer to {name}", *within])
    print(markdown(["what", "median", "p95"], rows) + "\n")
    print(
        markdown(
            ["searches", "JS heap, MB", "nodes"],
            [[str(one["searches"]), f"{one['heap'] / 1e6:.1f}", str(one["nodes"])] for one in told["memory"]],
        )
    )


SCREEN: Any = {"width": 1440, "height": 900}


def make(count: int) -> Path:
    """A collection of so many pictures; the one that is there is taken as it is."""
    folder = FOLDER / f"pictures-{count}.likewise"
    if folder.exists():
        return folder
    rendering.render(DEMO)
    recipe = VectorRecipe.load("quick")
    with Collection.open(FOLDER / "some.likewise", recipe=recipe) as some:
        some.add(DEMO)
        found, manifest = list(some.rows()), some.manifest
    with Collection.open(folder, recipe=recipe) as many:
        rows = _many(found, count, Code.of(recipe, manifest.dimensions))
        many.take_over(rows, [manifest], roots=[str(FOLDER / "links")])
    return folder


def _many(found: list[MovedFile], count: int, code: Code) -> Iterator[MovedFile]:
    """Rows of links to the same files, with vectors near to theirs."""
    random = np.random.default_rng(0)
    good = [(row, row.content) for row in found if isinstance(row.content, Content)]
    for number in range(count):
        row, content = good[number % len(good)]
        link = FOLDER / "links" / f"{number // 1000:03d}" / f"{number:06d}{Path(row.path).suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            os.link(row.path, link)
        [vector] = code.decode([content.codes[0]])
        beside = random.normal(size=len(vector))
        moved = vector + NOISE * beside / np.linalg.norm(beside)
        [written] = code.encode((moved / np.linalg.norm(moved)).astype(np.float32)[np.newaxis])
        yield replace(row, path=str(link), content=replace(content, codes={0: written}))


def _start(page: Page, home: str) -> dict[str, float]:
    """A page that nothing is kept of: bytes of the answers with their headers, and when it was painted."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    sizes: dict[str, float] = {}
    kinds: dict[str, str] = {}
    network.on("Network.responseReceived", lambda e: kinds.update({e["requestId"]: e["response"]["url"]}))
    network.on("Network.loadingFinished", lambda e: sizes.update({e["requestId"]: e["encodedDataLength"]}))
    page.goto(home)
    page.wait_for_selector(".start .tile")
    page.wait_for_load_state("networkidle")
    small = [id for id in sizes if "thumbnail" in kinds.get(id, "")]
    paint = page.evaluate("performance.getEntriesByType('paint').map((one) => [one.name, one.startTime])")
    page.context.close()
    return {
        "all, kB": sum(sizes.values()) / 1000,
        "of these thumbnails, kB": sum(sizes[id] for id in small) / 1000,
        **{name.replace("-", " "): time for name, time in paint},
    }


def _search(page: Page, home: str, count: int) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Search with a hit of the search before, by its key, and note the page's own marks."""
    inside = page.context.new_cdp_session(page)
    inside.send("Performance.enable")
    page.goto(home)
    page.locator(".start .tile > a").first.click()
    spans, memory = [], []
    for number in range(1, count + 1):
        page.wait_for_function("() => performance.getEntriesByName('likewise:pictures').length > 0")
        at = {
            name: page.evaluate(f"performance.getEntriesByName('likewise:{name}').at(-1).startTime")
            for name in ("answer", *PAINTED.values())
        }
        spans.append({what: at[mark] - at["answer"] for what, mark in PAINTED.items()})
        if number % max(1, count // SHARE) == 0:
            memory.append({"searches": number, **_memory(inside)})
        page.evaluate("performance.clearMarks()")
        page.locator(".results .tile > a").nth(1 + number % 12).focus()
        page.keyboard.press("s")
    return spans, memory


def _memory(inside: CDPSession) -> dict[str, float]:
    """What is left after everything that can be freed was."""
    inside.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in inside.send("Performance.getMetrics")["metrics"]}
    return {"heap": found["JSHeapUsedSize"], "nodes": found["Nodes"]}


if __name__ == "__main__":
    app()
