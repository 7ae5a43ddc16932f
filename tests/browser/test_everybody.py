"""Small screens, light and dark, keyboard and screen reader."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.watching import PHONE, Opener, order, searching

pytestmark = pytest.mark.browser

AXE = Path(os.environ.get("LIKEWISE_AXE", ".venv/axe/node_modules/axe-core/axe.min.js"))
VIEWS = {
    "start": "",
    "search": "search?q=p1@20,20,200,200&yes=p3&then=expand",
    "why": "search?q=p1&hit=2",
    "browse": "browse",
    "map": "map",
    "duplicates": "browse?show=duplicates&alike=0.8",
    "clusters": "browse?show=clusters&groups=5",
    "failures": "browse?show=failures",
    "facts": "browse?show=facts",
    "add": "add",
    "inspect": "inspect?pic=p1",
    "runs": "evaluate",
}


def settled(page: Page) -> None:
    """Wait until nothing is asked any more."""
    page.wait_for_load_state("networkidle", timeout=120_000)
    expect(page.locator(".spinner")).to_have_count(0, timeout=60_000)


def darken(page: Page) -> None:
    """Show the page in dark colours, all of which have come."""
    page.emulate_media(color_scheme="dark")
    page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished)).then(() => null)")


def findings(page: Page) -> list[str]:
    """What axe-core finds, of whatever grade."""
    assert AXE.is_file(), f"{AXE} is not there: make test-browser fetches it"
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_found_for_a_screen_reader(opened: Opener, view: str) -> None:
    page = opened(VIEWS[view], color_scheme="light")
    settled(page)
    found = findings(page)
    darken(page)
    assert found + findings(page) == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_shows_all_of_its_width(opened: Opener, view: str) -> None:
    page = opened(VIEWS[view], **PHONE)
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tabs = page.get_by_role("navigation", name="Main").bounding_box()
    if view != "why":
        assert tabs
        assert tabs["y"] > 700
        assert page.get_by_role("navigation", name="Main").get_by_role("link").count() == 5
    found = findings(page)
    darken(page)
    assert found + findings(page) == []


WIDTHS = (360, 390, 600, 768, 820, 1024, 1440, 1920)
OUTSIDE = """() => [...document.querySelectorAll("body *")].filter((one) => {
    const { left, right, width, height } = one.getBoundingClientRect();
    if (!width || !height || (left >= -1 && right <= innerWidth + 1)) return false;
    for (let at = one; at; at = at.parentElement)
        if (getComputedStyle(at).overflowX !== "visible" || at.matches(".unseen, .skip")) return false;
    return true;
}).map((one) => one.outerHTML.slice(0, 100))"""
NARROW = """() => [...document.querySelectorAll(".tile, .pane figcaption, .pane img, .panel .boxer")]
    .filter((one) => one.getClientRects().length)
    .map((one) => [one.clientWidth, one.matches("figcaption") ? 120 : 44, one])
    .filter(([width, least]) => width < least)
    .map(([width, , one]) => `${width} px: ${one.outerHTML.slice(0, 100)}`)"""


def test_every_view_fits_every_width_whatever_the_pictures(opened: Opener) -> None:
    """Panoramas, strips, icons, names of 200 letters: nothing sticks out or is narrower than a finger."""
    page = opened("browse?c=odd")
    home = page.url.split("browse")[0]
    every = page.evaluate("fetch('/api/v1/collections/odd/pictures').then((answer) => answer.json())")
    ids = {one["name"].split()[0].split(".")[0]: one["id"] for one in every["pictures"]}
    wide, tall, long = ids["panorama"], ids["strip"], ids["a"]
    views = (
        "",
        f"search?q=p{wide}&yes=p{tall}&no=p{long}",
        f"search?q=p{wide}&hit={tall}",
        f"search?q=p{tall}&q=p{long}&hit={ids['icon']}",
        *("browse", "map", "browse?show=duplicates&alike=0.5", "browse?show=clusters&groups=5"),
        *("browse?show=failures", "browse?show=facts", "add", f"inspect?pic=p{wide}", "evaluate"),
    )
    wrong = []
    for view in views:
        page.goto(f"{home}{view}{'&' if '?' in view else '?'}c=odd")
        settled(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844})
            wrong += [(view, width, one) for one in page.evaluate(OUTSIDE) + page.evaluate(NARROW)]
    assert wrong == []


def test_the_header_shows_all_of_itself_at_every_width(page: Page) -> None:
    for width in (761, 820, 900, 960, 1016, 1080):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        switch = page.get_by_role("button", name="Colours").bounding_box()
        assert switch is not None and switch["x"] + switch["width"] <= width
        chooser = page.locator(".which select").bounding_box()
        assert chooser is not None and chooser["width"] > 70


def test_a_start_is_small(opened: Opener, address: str) -> None:
    """Bytes of all answers with their headers, as the browser counts them, until it asks nothing more."""
    page = opened("evaluate")
    page.goto("about:blank")
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.clearBrowserCache")
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(address)
    page.wait_for_selector(".start .tile")
    page.wait_for_load_state("networkidle")
    assert len(sizes) > 30
    assert sum(sizes) <= 250_000


def test_an_address_that_there_is_not(opened: Opener) -> None:
    page = opened()
    page.watch.expected = ["404"]
    page.goto(page.url + "nowhere")
    expect(page.get_by_text("There is no such page")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Search").click()
    expect(page.locator(".start .tile").first).to_be_visible()
    page.goto(page.url.split("/search")[0] + "/browse?c=nosuch")
    page.get_by_role("link", name="album").click()
    expect(page.locator(".start .tile").first).to_be_visible()


def test_without_the_server_and_back(opened: Opener) -> None:
    page = opened()
    page.watch.expected = ["ERR_INTERNET_DISCONNECTED"]
    page.wait_for_selector(".start .tile")
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    page.get_by_role("link", name="Browse").click()
    expect(page.locator(".offline")).to_contain_text("The server does not answer")
    expect(page.get_by_role("main").get_by_role("button", name="Try again")).to_be_visible()
    drawn = "all => all.every((one) => document.querySelector(one.getAttribute('href')))"
    assert page.eval_on_selector_all("svg.icon use", drawn)
    page.context.set_offline(False)
    expect(page.locator(".browse .tile").first).to_be_visible()
    expect(page.locator(".offline")).to_be_hidden()


def test_without_the_server_and_back_in_every_view(opened: Opener) -> None:
    page = opened("browse")
    page.watch.expected = ["ERR_INTERNET_DISCONNECTED"]
    expect(page.locator(".browse .tile").first).to_be_visible()
    sections, main = (page.get_by_role("navigation", name=name) for name in ("Ways to browse", "Main"))
    views = (
        (sections, "Map", "canvas"),
        (sections, "Near-duplicates", "main .group, main .empty h2"),
        (sections, "Clusters", "main .group"),
        (sections, "Failures", "main td"),
        (sections, "Pictures", ".browse .tile"),
        (main, "Search", ".start .tile"),
        (main, "Inspect", "main .tile"),
        (main, "Add", ".add .folder"),
        (main, "Evaluate", "main td"),
    )
    again = page.get_by_role("main").get_by_role("button", name="Try again")
    for place, name, shown in views:
        page.context.set_offline(True)
        place.get_by_role("link", name=name).click()
        expect(page.locator(".offline")).to_be_visible()
        expect(again.first).to_be_visible()
        page.context.set_offline(False)
        expect(page.locator(shown).first).to_be_visible(timeout=120_000)
        expect(again).to_have_count(1 if name == "Failures" else 0)  # there each file has such a button
        expect(page.locator(".offline")).to_be_hidden()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_white_picture_ends_where_it_ends(opened: Opener, colours: str) -> None:
    """One that is transparent at its borders, in lists, as a query, judged, and in both halves of Why."""
    page = opened("browse?c=odd", color_scheme=colours)
    tile = page.locator(".browse .tile").filter(has_text="transparent")
    id = tile.get_attribute("data-id")
    views = (
        ("browse?c=odd", [f".tile[data-id='{id}'] > a"]),
        (f"search?c=odd&q=p{id}&yes=p{id}", [f".tile[data-id='{id}'] > a", ".panel .boxer", ".small"]),
        (f"search?c=odd&q=p{id}&hit={id}", ["dialog.why .plain", "dialog.why .boxer"]),
    )
    home = page.url.split("browse")[0]
    for view, places in views:
        page.goto(home + view)
        settled(page)
        page.mouse.move(0, 0)
        for place in places:
            shown = page.locator(place).first
            shown.scroll_into_view_if_needed()
            box = shown.bounding_box()
            assert box is not None
            with Image.open(io.BytesIO(page.screenshot())) as screen:
                grey = np.asarray(screen.convert("L"), float) / 255
            row = round(box["y"] + box["height"] / 2)
            begin, end = round(box["x"]), round(box["x"] + box["width"])
            beside = round(0.62 * begin + 0.38 * end)  # there may be a dot in the middle
            assert grey[row, beside] < 0.5, (view, place)
            for edge in (begin, end):
                near = grey[row, edge - 4 : edge + 4] ** 2.2  # luminance, near enough
                assert (near.max() + 0.05) / (near.min() + 0.05) > 1.25, (view, place)


def test_the_section_one_is_in_is_in_sight_on_a_phone(opened: Opener) -> None:
    page = opened("browse?show=facts", **PHONE)
    settled(page)
    active = page.locator(".subtabs [aria-current]").bounding_box()
    assert active is not None and 0 <= active["x"] and active["x"] + active["width"] <= 390


def test_dark_by_the_system_and_by_the_switch(opened: Opener) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    assert opened(color_scheme="dark").evaluate(paper) == "rgb(22, 22, 21)"
    page = opened(color_scheme="light")
    assert page.evaluate(paper) == "rgb(250, 249, 247)"
    page.get_by_role("button", name="Colours").click()
    page.get_by_role("button", name="Colours").click()
    expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()
    assert page.evaluate(paper) == "rgb(22, 22, 21)"
    page.reload()
    assert page.evaluate(paper) == "rgb(22, 22, 21)"


def test_the_size_of_pictures_is_chosen_and_kept(page: Page) -> None:
    searching(page)
    heights = "all => all.reduce((sum, one) => sum + one.clientHeight, 0) / all.length"
    before = page.eval_on_selector_all(".results .tile > a", heights)
    page.get_by_role("button", name="Size of pictures: medium").click()
    page.get_by_role("button", name="Size of pictures: large").click()
    assert page.eval_on_selector_all(".results .tile > a", heights) < 0.8 * before
    page.reload()
    order(page)
    assert page.eval_on_selector_all(".results .tile > a", heights) < 0.8 * before


def test_nothing_moves_for_those_who_asked_for_that(opened: Opener) -> None:
    moving = "getComputedStyle(document.querySelector('.tabs a')).transitionDuration"
    assert opened(reduced_motion="reduce").evaluate(moving) == "0s"
    assert opened(reduced_motion="no-preference").evaluate(moving) != "0s"


def test_the_first_key_skips_to_the_content(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_keyboard_keeps_its_place(opened: Opener) -> None:
    """From the results in two keys to the first hit; the list is one stop."""
    page = opened("search?q=p1")
    order(page)
    page.locator(".skip").first.focus()
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the results")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(4):  # past the three files of the list
        page.keyboard.press("Tab")
    expect(page.locator(".results .tile > a").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(page.locator(".results .tile > a").nth(1)).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator(".bar")).to_contain_text("1 picture selected")
    page.keyboard.press("Escape")
    expect(page.locator(".bar")).to_be_hidden()


def test_from_a_picture_to_a_saved_list_by_keys_alone(page: Page, site: Path) -> None:
    """Nine presses: to the button, the file, a box around its middle, the results, the file of the list."""
    page.on("filechooser", lambda _: None)  # from now on Chromium tells; told only with the press, it may not
    page.wait_for_selector(".start .tile")
    pressed = 0

    def press(*keys: str) -> None:
        nonlocal pressed
        for key in keys:
            page.keyboard.press(key)
        pressed += len(keys)

    press("Tab", "Enter", "Tab")
    expect(page.get_by_role("button", name="Choose a picture")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        press("Enter")
    chooser.value.set_files(sorted((site / "queries").iterdir())[0])
    whole = order(page)
    press("b")
    expect(page.locator(".panel .boxer")).to_be_focused()
    page.evaluate("document.querySelector('.results .grid').dataset.old = ''")
    press("Enter")
    page.wait_for_selector(".results .grid[data-old]", state="detached")
    boxed = order(page)
    assert boxed != whole
    press("r")
    expect(page.locator("#results")).to_be_focused()
    with page.expect_download() as saved:
        press("Tab", "Enter")
    rows = list(csv.DictReader(saved.value.path().read_text("utf-8").splitlines()))
    assert [row["id"] for row in rows[: len(boxed)]] == boxed
    assert pressed == 9


def test_keys_are_explained(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_slash_begins_a_new_search(page: Page) -> None:
    searching(page)
    page.keyboard.press("/")
    expect(page.get_by_role("heading", name="Find the pictures that show the same thing")).to_be_visible()
