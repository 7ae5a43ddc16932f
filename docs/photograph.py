"""Photograph the page for the documentation: ``python docs/photograph.py`` writes ``docs/pictures/*.webp``.

It needs what ``make test-browser`` installs. What is shown is the demo set, served by `likewise serve`.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser.site import make_site, served  # noqa: E402
from tests.browser.watching import CHROMIUM, FLAGS, PHONE, drag  # noqa: E402

from likewise.demoset import read_truth  # noqa: E402
from likewise.recipes import load_recipe  # noqa: E402

TO = ROOT / "docs" / "pictures"
WIDE = {"viewport": {"width": 1280, "height": 800}}
QUIET = "() => document.querySelectorAll('.spinner').length === 0"
SHOWN = (
    "() => [...document.images].every((one) => one.complete || one.getBoundingClientRect().top > innerHeight)"
)


class Camera:
    """Opens the page at an address and keeps what it shows."""

    def __init__(self, browser: Browser, home: str) -> None:
        self._browser = browser
        self._home = home

    @contextmanager
    def at(self, path: str, **look: object) -> Iterator[Page]:
        """Show an address, all of it loaded."""
        context = self._browser.new_context(**(WIDE | {"color_scheme": "light"} | look))
        context.set_default_timeout(120_000)
        page = context.new_page()
        page.goto(self._home + path)
        page.wait_for_selector("main > *")
        page.wait_for_load_state("networkidle")
        page.wait_for_function(QUIET, timeout=120_000)
        yield page
        context.close()

    @staticmethod
    def keep(page: Page, name: str) -> None:
        """Write what a page shows."""
        page.wait_for_function(SHOWN)
        page.wait_for_timeout(500)
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            picture.convert("RGB").save(TO / f"{name}.webp", quality=80, method=6)


def photograph(camera: Camera, ids: dict[str, int]) -> None:
    """Every picture of the documentation."""
    pagoda, cat = ids["pagoda clutter"], ids["cat view"]
    with camera.at("") as page:
        camera.keep(page, "start")
    with camera.at(f"search?q=p{pagoda}") as page:
        _box(page)
        camera.keep(page, "search")
        page.locator(".results .tile > a").nth(2).click()
        page.wait_for_selector("dialog.why .found")
        page.wait_for_selector("dialog.why .sum")
        page.wait_for_timeout(1500)
        camera.keep(page, "why")
    with camera.at(
        f"search?q=p{cat}&then=localise:top=20&yes=p{ids['cat zoom']}", color_scheme="dark"
    ) as page:
        page.wait_for_selector(".results .outlined", state="attached", timeout=120_000)
        camera.keep(page, "refine")
    for name, path in (
        ("browse", "browse"),
        ("map", "map"),
        ("duplicates", "browse?show=duplicates&alike=0.82"),
    ):
        with camera.at(path) as page:
            page.wait_for_timeout(1500)
            camera.keep(page, name)
    with camera.at("evaluate") as page:
        for box in page.locator("tbody input").all():
            box.check()
        page.get_by_role("button", name="Compare the two").click()
        page.wait_for_selector(".verdict-line")
        camera.keep(page, "compare")
    with camera.at(f"inspect?pic=p{cat}&t1=block6", viewport={"width": 1280, "height": 860}) as page:
        page.wait_for_selector(".chart", timeout=120_000)
        page.locator(".pointing").hover()
        page.wait_for_selector(".pointing .found:not([hidden])")
        camera.keep(page, "inspect")
    with camera.at(f"search?q=p{pagoda}", **PHONE) as page:
        _box(page)
        camera.keep(page, "phone")
    with camera.at("add") as page:
        page.get_by_role("button", name="inbox").click()
        page.get_by_role("button", name="scans").click()
        page.get_by_text("33 pictures directly in it").wait_for()
        page.get_by_role("button", name="Add this folder").click()
        page.wait_for_function("() => document.querySelector('.job')?.textContent.includes(' left')")
        camera.keep(page, "add")


def _box(page: Page) -> None:
    """Draw a box around the subject of the picture searched for."""
    with page.expect_response(lambda answer: answer.url.endswith("/search")):
        drag(page, ".boxer", (0.1, 0.03), (0.6, 0.92))
    page.wait_for_selector(".results.stale", state="detached")
    page.wait_for_load_state("networkidle")


def main() -> None:
    """Make the site, serve it, photograph it."""
    TO.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        site = Path(place)
        make_site(site, load_recipe("default"))
        words = (
            "photos.likewise",
            "photos-plain.likewise",
            "--root",
            "inbox",
            "--root",
            "photos",
            "--state",
            "state",
        )
        with served(site, *words) as home, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            with urllib.request.urlopen(f"{home}api/v1/collections/photos/pictures?k=100") as answer:
                ids = {picture["name"]: picture["id"] for picture in json.load(answer)["pictures"]}
            shots = {f"{shot.group} {shot.kind}": shot.file for shot in read_truth(site / "demo")}
            photograph(
                Camera(browser, home), {name: ids[file] for name, file in shots.items() if file in ids}
            )
            browser.close()


if __name__ == "__main__":
    main()
