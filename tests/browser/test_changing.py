"""Adding, removing and undoing, with live progress."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.site import served
from tests.browser.watching import TOKEN, Opener

pytestmark = pytest.mark.browser


def count(page: Page) -> int:
    """How many pictures the album says that it holds."""
    found = page.evaluate("fetch('/api/v1/collections/album').then((answer) => answer.json())")
    return int(found["pictures"])


def test_files_are_added_with_progress(opened: Opener, site: Path) -> None:
    page = opened("add?c=album")
    before = count(page)
    page.set_input_files(".drop .chooser input", sorted((site / "queries").iterdir()))
    job = page.locator(".job").first
    expect(job.locator(".state")).to_have_text("done", timeout=60_000)
    expect(job).to_contain_text("3 added")
    assert count(page) == before + 3
    page.get_by_role("link", name="Browse").click()
    expect(page.get_by_text(f"{before + 3} pictures", exact=True)).to_be_visible()


def test_sending_says_how_many_files_and_how_much_of_them(opened: Opener, site: Path) -> None:
    page = opened("add?c=album")
    network = page.context.new_cdp_session(page)

    def let_through(upload: float) -> None:
        """So many bytes a second; -1 for all there are."""
        line = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
        network.send("Network.emulateNetworkConditions", line)

    files = sorted((site / "queries").iterdir())
    expect(page.locator(".jobs > li").first).to_be_visible()  # those of before, or that there were none
    for sent, said in ((files, "3 files"), (files[:1], "1 file")):
        jobs = page.locator(".job").count()
        let_through(sum(file.stat().st_size for file in sent) / 20)
        page.set_input_files(".drop .chooser input", sent)
        expect(page.locator(".toast .working")).to_contain_text(re.compile(rf"Sending {said}…"))
        expect(page.locator(".toast .share")).to_have_text(re.compile(r"^[1-9]\d? %$"))
        let_through(-1)
        expect(page.locator(".toast .working")).to_have_count(0)
        expect(page.locator(".job")).to_have_count(jobs + 1)
        expect(page.locator(".job .path").first).to_have_text(said)
        expect(page.locator(".job .state").first).to_have_text("done", timeout=60_000)


def test_a_finished_job_leads_to_what_it_added(opened: Opener, site: Path, tmp_path: Path) -> None:
    """Under the name that the file was sent by."""
    new = tmp_path / "a-new-one.png"
    Image.effect_noise((64, 48), 90).save(new)
    page = opened("add?c=album")
    page.set_input_files(".drop .chooser input", new)
    page.locator(".job").first.get_by_role("link", name="See what was added").click()
    expect(page.locator(".browse .tile .name").first).to_have_text("a-new-one.png")


def test_a_folder_below_a_root_is_found_and_added(opened: Opener) -> None:
    page = opened("add?c=album")
    before = count(page)
    page.get_by_role("button", name="inbox").click()
    page.get_by_role("button", name="june").click()
    expect(page.get_by_text("12 pictures directly in it")).to_be_visible()
    began = time.monotonic()
    page.get_by_role("button", name="Add this folder").click()
    job = page.locator(".job").first
    expect(job.get_by_role("progressbar")).to_be_visible()
    expect(job).to_contain_text(re.compile(r"\d+ of 12"))
    expect(job.locator(".state")).to_have_text("done", timeout=60_000)
    assert count(page) > before
    told = page.evaluate("fetch('/api/v1/jobs?collection=album').then((answer) => answer.json())")["jobs"][0]
    seconds = told["report"]["seconds"]
    assert 0 < seconds <= told["ended"] - told["started"] + 0.1 <= time.monotonic() - began + 0.2
    shown = re.search(r"in ([\d.]+) s", job.text_content() or "")
    assert shown and float(shown[1]) == pytest.approx(seconds, abs=0.51)


def test_work_can_be_paused_gone_on_with_and_cancelled(opened: Opener) -> None:
    page = opened("add?c=album")
    held: list[Route] = []
    page.get_by_role("button", name="inbox").click()
    page.get_by_role("button", name="scans").click()
    expect(page.get_by_text("33 pictures directly in it")).to_be_visible()
    page.get_by_role("button", name="Add this folder").click()
    job = page.locator(".job").first
    job.get_by_role("button", name="Pause").click()
    expect(job.locator(".state")).to_have_text("paused", timeout=30_000)
    job.get_by_role("button", name="Go on").click()
    expect(job.get_by_role("button", name="Pause")).to_be_visible()
    page.route("**/cancel", lambda route: held.append(route))
    job.get_by_role("button", name="Cancel").click()
    expect(job.locator(".state")).to_have_text("cancelling…")  # before the server has answered
    held[0].continue_()
    expect(job.locator(".state")).to_have_text("cancelled", timeout=30_000)
    expect(job).to_contain_text(re.compile("what was read stays|nothing was read"))


def test_removing_asks_once_and_can_be_undone(opened: Opener) -> None:
    page = opened("browse?c=album")
    page.wait_for_selector(".tile")
    before = count(page)
    names = page.eval_on_selector_all(".tile .name", "all => all.slice(0, 2).map(e => e.textContent)")
    for place in range(2):
        page.locator(".pick input").nth(place).check()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert count(page) == before
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text(f"{before - 2} pictures", exact=True)).to_be_visible()
    assert names[0] not in page.eval_on_selector_all(".tile .name", "all => all.map(e => e.textContent)")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text(f"{before} pictures", exact=True)).to_be_visible()
    assert page.locator(".tile .name").first.text_content() == names[0]


def test_what_was_removed_can_be_brought_back_later(opened: Opener) -> None:
    page = opened("browse?c=album")
    page.wait_for_selector(".tile")
    before = count(page)
    page.locator(".pick input").first.check()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text(f"{before - 1} pictures", exact=True)).to_be_visible()
    page.reload()
    page.get_by_role("link", name="Add", exact=True).click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    assert count(page) == before


def test_copies_go_to_the_trash_and_come_back(opened: Opener, site: Path) -> None:
    page = opened("browse?c=copies&show=duplicates&alike=0.99")
    group, trash = page.locator(".group"), site / "data" / "Trash" / "files"
    page.get_by_role("button", name="Select what could go").click()
    page.get_by_role("button", name="To the trash").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    files = [site / "copies" / name for name in ("cat.jpg", "cat again.jpg")]
    assert all(file.exists() for file in files)
    page.get_by_role("button", name="To the trash").click()
    page.get_by_role("dialog").get_by_role("button", name="To the trash").click()
    expect(page.get_by_text("1 picture thrown away")).to_be_visible()
    expect(group).to_have_count(0)
    (gone,) = [file for file in files if not file.exists()]
    assert [file.name for file in trash.iterdir()] == [gone.name]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 picture brought back")).to_be_visible()
    expect(group.locator(".kind")).to_have_text(["to keep", "same bytes"])
    assert gone.exists() and not list(trash.iterdir())


def test_failures_are_listed_with_reasons_and_tried_again(opened: Opener) -> None:
    page = opened("browse?c=album&show=failures")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    row = page.get_by_role("row", name="cut off.jpg")
    row.get_by_role("button", name="Copy the path").click()
    assert page.evaluate("navigator.clipboard.readText()") == "photos/2019/cut off.jpg"
    with page.expect_download() as saved:
        row.get_by_role("link", name="cut off.jpg").click()
    assert saved.value.path().stat().st_size == 4000
    expect(row).to_contain_text("cut off")
    row.get_by_role("button", name="Try again").click()
    job = page.locator(".job").first
    expect(job.locator(".state")).to_have_text("done", timeout=60_000)
    expect(job).to_contain_text("1 could not be read")
    job.get_by_role("link", name="See what could not be read").click()
    expect(page.get_by_role("row", name="cut off.jpg")).to_be_visible()


@pytest.fixture(scope="module")
def guarded(site: Path) -> Iterator[str]:
    """A server that wants a token, and lets nobody change anything."""
    words = ("--token", TOKEN, "--read-only", "--state", "other")
    with served(site, "photos-plain.likewise", *words) as home:
        yield home


def test_a_token_signs_in_and_read_only_offers_no_change(opened: Opener, guarded: str) -> None:
    page = opened(home=guarded)
    page.wait_for_selector(".start .tile")
    assert TOKEN not in page.url
    page.get_by_role("link", name="Add", exact=True).click()
    expect(page.get_by_text("nothing can be added or removed here")).to_be_visible()
    page.goto(guarded.split("#")[0] + "browse")
    page.locator(".pick input").first.check()
    expect(page.get_by_role("link", name="Search with these")).to_be_visible()
    expect(page.get_by_role("button", name="Remove", exact=True)).to_have_count(0)


def test_without_the_token_one_is_asked_for_it(opened: Opener, guarded: str) -> None:
    page = opened(home=guarded.split("#")[0])
    page.watch.expected = ["401"]
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("That is not this server's token.")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".start .tile").first).to_be_visible()
