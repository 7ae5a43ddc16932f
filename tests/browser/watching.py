"""Chromium on a site of the demo set; no page may have errors, ask another host or break the policy."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.browser.site import make_site, served

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
CHROMIUM = os.environ.get("LIKEWISE_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TOKEN = "a-token-of-some-length"

Opener = Callable[..., Page]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    make_site(folder)
    return folder


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    names = ("photos", "photos-plain", "album", "both", "words", "odd", "copies")
    collections = [f"{name}.likewise" for name in names]
    with served(
        site, *collections, "--root", "inbox", "--root", "photos", "--state", "state", "--originals"
    ) as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Watch:
    """What went wrong on a page.

    Attributes
    ----------
    expected
        Parts of messages that a test provokes on purpose.
    """

    def __init__(self, page: Page, home: str) -> None:
        self.wrong: list[str] = []
        self.expected: list[str] = []
        self.home = home.split("#")[0]
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):  # violations of the policy are errors, too
            self.wrong.append(f"{message.type}: {message.text} {message.location.get('url')}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.wrong.append(f"another host: {request.url}")

    def check(self) -> None:
        unexpected = [one for one in self.wrong if not any(part in one for part in self.expected)]
        assert not unexpected, unexpected


@pytest.fixture
def opened(chromium: Browser, address: str) -> Iterator[Opener]:
    """Open an address of the site in a browser of its own; the page's ``watch`` knows what went wrong."""
    made: list[tuple[Any, Watch]] = []

    def opener(path: str = "", *, home: str = address, **options: Any) -> Page:
        context = chromium.new_context(**({"viewport": {"width": 1280, "height": 860}} | options))
        context.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)  # however busy the machine
        page = context.new_page()
        watch = Watch(page, home)
        made.append((context, watch))
        page.watch = watch
        page.goto(home if not path else home.split("#")[0] + path)
        page.wait_for_selector("main > *, dialog")
        return page

    yield opener
    for context, _ in made:
        context.close()
    for _, watch in made:
        watch.check()


@pytest.fixture
def page(opened: Opener) -> Page:
    return opened()


def order(page: Page) -> list[str]:
    """Ids of the hits as they are shown, first the best."""
    page.wait_for_selector(".results:not(.stale) .tile")
    return [
        str(one) for one in page.eval_on_selector_all(".results .tile", "all => all.map(e => e.dataset.id)")
    ]


def give(page: Page, kind: str, file: Path) -> None:
    """Drop or paste a file, as the browser tells the page of it."""
    page.evaluate(
        """([kind, name, content]) => {
            const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], name, { type: "image/jpeg" }));
            const event = kind === "paste"
                ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
                : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
            document.body.dispatchEvent(event);
        }""",
        [kind, file.name, base64.b64encode(file.read_bytes()).decode()],
    )


def reordered(page: Page, act: Callable[[], object]) -> tuple[list[str], list[str]]:
    """The order of the hits before and after something that asks again."""
    before = order(page)
    page.evaluate("document.querySelector('.results .grid').dataset.old = ''")
    with page.expect_response(lambda answer: answer.url.endswith("/search")):
        act()
    page.wait_for_selector(".results .grid[data-old]", state="detached")
    return before, order(page)


def searching(page: Page, picture: str | None = None) -> str:
    """Click the first wide picture of the start screen, or one by name; its id."""
    page.wait_for_selector(".start .tile")
    wide = "all => all.findIndex((one) => one.style.getPropertyValue('--ratio') > 1.2)"
    tiles = page.locator(".start .tile")
    tile = (
        tiles.filter(has_text=picture)
        if picture
        else tiles.nth(page.eval_on_selector_all(".start .tile", wide))
    )
    found = tile.get_attribute("data-id")
    tile.locator("> a").click()
    page.wait_for_selector(".boxer img")
    order(page)
    assert found
    return str(found)


def drag(page: Page, selector: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag the mouse between two places, given in parts of an element's sides."""
    box = page.locator(selector).first.bounding_box()
    assert box
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    for x, y in (middle, end):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
    page.mouse.up()
