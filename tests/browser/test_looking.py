"""Browsing, evaluating and inspecting."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.watching import Opener, order

pytestmark = pytest.mark.browser


def cells(page: Page, column: int) -> list[str]:
    """The texts of a column of the first table."""
    return [str(one) for one in page.locator(f"table tbody td:nth-child({column})").all_text_contents()]


class TestBrowse:
    def test_the_grid_by_folder_and_order(self, opened: Opener) -> None:
        page = opened("browse")
        expect(page.get_by_text("60 pictures", exact=True)).to_be_visible()
        page.get_by_label("Folder").select_option("photos/2023")
        expect(page.get_by_text("30 pictures", exact=True)).to_be_visible()
        assert page.locator(".tile .folder").first.text_content() == "photos/2023"
        page.go_back()
        expect(page.get_by_text("60 pictures", exact=True)).to_be_visible()

    def test_the_grid_by_name_and_camera(self, opened: Opener) -> None:
        page = opened("browse")
        expect(page.get_by_text("60 pictures", exact=True)).to_be_visible()
        field = page.get_by_label("Name contains")
        field.fill("100%_'")
        field.press("Enter")
        expect(page.get_by_text("Nothing was found")).to_be_visible()
        field.fill("dsc04")
        field.press("Enter")
        expect(page.locator(".tile .name").first).to_contain_text("DSC04")
        names = page.locator(".tile .name").all_text_contents()
        assert 0 < len(names) < 60 and all("dsc04" in name.lower() for name in names)
        expect(field).to_be_focused()
        page.get_by_role("combobox", name="Camera").select_option(index=1)
        page.wait_for_url("**camera=**")
        expect(page.locator(".browse .status")).not_to_have_text(f"{len(names)} pictures")
        folders = set(page.locator(".tile .folder").all_text_contents())
        assert len(folders) == 1
        page.go_back()
        expect(page.locator(".browse .status")).to_have_text(f"{len(names)} pictures")

    def test_selected_ones_are_searched_for_together(self, opened: Opener) -> None:
        page = opened("browse")
        for place in range(3):
            page.locator(".pick input").nth(place).check()
        page.locator("[data-pick]").first.scroll_into_view_if_needed()
        page.get_by_role("link", name="Search with these").click()
        order(page)
        page.go_back()
        expect(page.locator(".bar")).to_contain_text("3 pictures selected")
        page.locator(".pick input").nth(3).check()
        page.locator(".pick input").nth(5).click(modifiers=["Shift"])
        expect(page.locator(".bar")).to_contain_text("6 pictures selected")
        page.keyboard.press("Escape")
        expect(page.locator(".bar")).to_be_hidden()
        page.keyboard.press("Control+a")
        expect(page.locator(".bar")).to_contain_text("60 pictures selected")
        expect(page.locator(".bar")).to_contain_text("At most 16 can be searched with at once")
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save as CSV").click()
        lines = saved.value.path().read_text("utf-8").splitlines()
        assert lines[0] == "id,path,width,height,bytes"
        assert len(lines) == 61
        page.keyboard.press("Escape")
        for place in range(3):
            page.locator(".pick input").nth(place).check()
        page.get_by_role("link", name="Search with these").click()
        order(page)
        expect(page.get_by_role("list", name="Pictures searched for").get_by_role("listitem")).to_have_count(
            3
        )

    def test_facts(self, opened: Opener) -> None:
        page = opened("browse?show=facts")
        expect(page.locator(".facts")).to_contain_text("efficientnet-lite0")
        expect(page.locator(".facts")).to_contain_text("1,280")

    def test_the_map(self, opened: Opener) -> None:
        page = opened("map")
        canvas = page.locator("canvas")
        expect(page.locator("canvas[data-shown=tsne]")).to_be_visible(timeout=120_000)
        page.wait_for_timeout(500)
        look = "document.querySelector('canvas').toDataURL()"
        far = page.evaluate(look)
        box = canvas.bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.wheel(0, -600)
        page.wait_for_timeout(500)
        near = page.evaluate(look)
        assert far != near
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 200, steps=4)
        page.mouse.up()
        page.wait_for_timeout(300)
        assert page.evaluate(look) != near
        assert page.url.split("?")[0].endswith("/map")
        canvas.focus()
        page.keyboard.press("0")
        page.keyboard.press("+")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".map-name")).to_contain_text("In the middle: photos/")
        page.keyboard.press("Enter")
        order(page)
        page.wait_for_function("() => !document.title.startsWith('Search')")
        middle = page.title().split(" · ")[0]
        page.go_back()
        expect(page.locator("canvas[data-shown=tsne]")).to_be_visible(timeout=120_000)
        page.locator("canvas").focus()
        expect(page.locator(".map-name")).to_contain_text(middle)

    def test_what_takes_long_can_be_stopped_and_begun_again(self, opened: Opener) -> None:
        """Answers are held back: of the first map, of the one by neighbours, of clusters."""
        page = opened("browse")
        held: list[Route] = []
        page.route("**/clusters?*", lambda route: held.append(route))
        page.route("**/map?method=pca", lambda route: held.append(route))
        page.get_by_role("link", name="Clusters").click()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("heading", name="Stopped")).to_be_visible()
        page.unroute("**/clusters?*")
        page.get_by_role("button", name="Begin again").click()
        expect(page.get_by_role("heading", name="Group 1", exact=True)).to_be_visible(timeout=120_000)
        page.get_by_role("link", name="Map").click()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("heading", name="Stopped")).to_be_visible()
        page.unroute("**/map?method=pca")
        page.route("**/map?method=tsne", lambda route: held.append(route))
        page.get_by_role("button", name="Begin again").click()
        expect(page.get_by_text("Sorting by neighbours")).to_be_visible(timeout=120_000)
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_text("Sorting by neighbours")).to_have_count(0)
        expect(page.locator("canvas")).to_be_visible()
        assert len(held) == 3

    def test_an_area_of_the_map_is_selected(self, opened: Opener) -> None:
        page = opened("map")
        canvas = page.locator("canvas")
        expect(page.locator("canvas[data-shown=tsne]")).to_be_visible(timeout=120_000)  # where they stay
        points = page.evaluate(
            "fetch('/api/v1/collections/photos/map?method=tsne').then((answer) => answer.json())"
        )["points"]
        left = {point["id"] for point in points if point["x"] < 0.5}
        box = canvas.bounding_box()
        assert box
        page.get_by_role("button", name="Select an area").click()
        expect(page.get_by_text("Draw a line around").first).to_be_visible()
        middle = box["x"] + box["width"] / 2
        left_edge, top, bottom = box["x"] + 15, box["y"] + 15, box["y"] + box["height"] - 15
        corners = [(left_edge, top), (middle, top), (middle, bottom), (left_edge, bottom)]
        page.mouse.move(*corners[0])
        page.mouse.down()
        for corner in corners[1:]:
            page.mouse.move(*corner, steps=3)
        page.mouse.up()
        expect(page.locator(".bar")).to_contain_text(f"{len(left)} pictures selected")
        chosen = page.eval_on_selector_all(".grid.short .tile", "all => all.map((e) => Number(e.dataset.id))")
        assert set(chosen) == left
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save as CSV").click()
        assert len(saved.value.path().read_text("utf-8").splitlines()) == 1 + len(left)
        page.locator(".grid.short .pick input").first.click()
        expect(page.locator(".bar")).to_contain_text(f"{len(left) - 1} pictures selected")
        page.keyboard.press("Escape")
        expect(page.locator(".bar")).to_be_hidden()
        canvas.focus()
        page.keyboard.press("Space")
        expect(page.locator(".bar")).to_contain_text("1 picture selected")

    def test_a_large_map_has_colours_and_pictures(self, opened: Opener) -> None:
        """Of 3 000 places, which the server's answer is given, one picture stands for those around it."""
        told = [
            {"id": 1 + number % 60, "x": number % 60 / 59, "y": number // 60 / 49, "group": number % 12}
            for number in range(3000)
        ]
        page = opened()
        answer = {"points": told, "method": "pca", "generation": 1}
        page.route("**/map?*", lambda route: route.fulfill(json=answer))
        page.goto(page.url + "map")
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(500)
        asked = page.evaluate(
            "performance.getEntriesByType('resource').filter((one) => one.name.includes('thumbnail')).length"
        )
        assert asked >= 8
        colours = page.evaluate(
            """() => {
                const canvas = document.querySelector("canvas");
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                const seen = new Map();
                for (let at = 0; at < data.length; at += 4) {
                    const key = data.slice(at, at + 3).join();
                    seen.set(key, (seen.get(key) ?? 0) + 1);
                }
                return [...seen.values()].filter((count) => count > 200).length;
            }"""
        )
        assert colours >= 12

    def test_back_is_where_one_was(self, opened: Opener) -> None:
        page = opened("browse", viewport={"width": 800, "height": 500})
        for view, there, number in ((".browse", "#results", 45), (".start", ".inspect", 30)):
            link = page.locator(f"{view} .tile > a").nth(number)
            link.evaluate(
                "one => one.scrollIntoView({ block: 'center' })"
            )  # a click scrolls to what is hidden
            place = page.evaluate("scrollY")
            assert place > 500
            link.click()
            page.wait_for_selector(there, state="attached")
            page.go_back()
            expect(page.locator(f"{view} .tile > a").nth(number)).to_be_focused()
            assert page.evaluate("scrollY") == pytest.approx(place, abs=2)
            page.get_by_role("link", name="Inspect", exact=True).click()

    def test_what_needs_vectors_says_so_in_a_collection_of_words(self, opened: Opener) -> None:
        page = opened("map?c=words")
        for tab in ("Map", "Near-duplicates", "Clusters"):
            page.get_by_role("navigation", name="Ways to browse").get_by_role("link", name=tab).click()
            expect(page.get_by_role("heading", name=f"{tab}: not in this collection")).to_be_visible()
            expect(
                page.get_by_text("likewise index with the recipe default adds the vectors")
            ).to_be_visible()

    def test_near_duplicates(self, opened: Opener) -> None:
        page = opened("browse?show=duplicates&alike=0.8")
        expect(page.get_by_role("heading", name="Group 1", exact=True)).to_be_visible(timeout=120_000)
        assert page.locator(".group").first.locator(".tile").count() >= 2
        # different photographs of one thing are no copies: none could go, and one may be chosen all the same
        expect(page.get_by_role("button", name="Select what could go")).to_have_count(0)
        page.locator(".group").first.locator("[data-pick]").first.check()
        expect(page.locator(".bar")).to_be_visible()

    def test_exact_copies_come_before_other_photographs(self, opened: Opener) -> None:
        """Two files of the same bytes before more photographs of one thing, each with what to choose by."""
        page = opened("browse?c=copies&show=duplicates&alike=0.45")
        groups = page.locator(".group")
        expect(groups.first.locator(".kind")).to_have_text(["to keep", "same bytes"])
        others = [group.locator(".kind").all_text_contents() for group in groups.all()[1:]]
        assert max(len(kinds) for kinds in others) > 2  # which the larger ones came before
        assert {kind.split(" of ")[0] for kinds in others for kind in kinds} == {"to keep", "alike"}
        for below in page.locator(".tile .below").all_text_contents():
            assert re.fullmatch(r"\d+ × \d+ · [\d.]+ [kM]B · \d+ \w+ \d{4}, \d\d:\d\d", below), below
        page.get_by_role("button", name="Select what could go").click()
        expect(page.locator(".bar")).to_contain_text("1 picture selected")

    def test_the_paths_of_selected_ones_are_copied(self, opened: Opener) -> None:
        page = opened("browse")
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        expect(page.locator(".tile").first).to_be_visible()
        titles = page.locator(".tile").evaluate_all("all => all.slice(0, 2).map((one) => one.title)")
        for place in range(2):
            page.locator(".pick input").nth(place).check()
        page.get_by_role("button", name="Copy paths").click()
        expect(page.get_by_text("2 paths are copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()").split("\n")
        assert copied == [title.split("\n")[0] for title in titles]

    def test_clusters(self, opened: Opener) -> None:
        page = opened("browse?show=clusters&groups=5")
        expect(page.get_by_role("heading", name="Group 5", exact=True)).to_be_visible(timeout=120_000)
        first = page.locator(".group").first
        shown = first.locator(".tile").count()
        first.get_by_role("button", name="Show all").click()
        size = int((first.locator(".row .quiet").text_content() or "").split()[0])
        expect(first.locator(".tile")).to_have_count(size)
        assert size > shown
        page.get_by_label("Number of groups").select_option("10")
        expect(page.get_by_role("heading", name="Group 10", exact=True)).to_be_visible()
        page.locator(".group .tile > a").first.click()
        order(page)


class TestEvaluate:
    def test_runs_are_listed_and_sorted(self, opened: Opener) -> None:
        page = opened("evaluate")
        expect(page.locator("tbody tr")).to_have_count(2)
        page.get_by_role("button", name="Value").click()
        falling = [float(one) for one in cells(page, 6)]
        page.get_by_role("button", name="Value").click()
        assert [float(one) for one in cells(page, 6)] == falling[::-1]
        assert falling[0] > falling[1]

    def test_one_run_and_the_sheet_of_a_query(self, opened: Opener) -> None:
        page = opened("evaluate")
        page.locator("tbody a").first.click()
        expect(page.locator("tbody tr")).to_have_count(20)
        expect(page.locator(".curve")).to_be_visible()
        page.get_by_role("button", name="AP").click()
        page.get_by_role("button", name="AP").click()
        values = [float(one) for one in cells(page, 2)]
        assert values == sorted(values)
        page.locator("tbody a").first.click()
        expect(page.locator(".answer.right").first).to_be_visible()
        page.wait_for_function("() => document.querySelector('.answer img').naturalWidth > 0")
        page.go_back()
        expect(page.locator(".answer")).to_have_count(0)
        page.set_viewport_size({"width": 800, "height": 400})
        last = page.locator("tbody a").last
        last.evaluate("one => one.scrollIntoView({ block: 'center' })")
        place = page.evaluate("scrollY")
        assert place > 300
        last.click()
        expect(page.locator(".answer").first).to_be_visible()
        page.go_back()
        expect(page.locator(".answer")).to_have_count(0)
        expect(last).to_be_visible()
        page.wait_for_function("(place) => Math.abs(scrollY - place) < 2", arg=place)

    def test_two_runs_compared(self, opened: Opener) -> None:
        page = opened("evaluate")
        expect(page.locator("tbody tr")).to_have_count(2)
        for box in page.locator("tbody input").all():
            box.check()
        page.get_by_role("button", name="Compare the two").click()
        expect(page.locator(".verdict-line")).to_contain_text("p ")
        expect(page.locator("tbody tr")).to_have_count(20)
        page.get_by_role("button", name="Difference").click()
        changes = [
            float(one.replace("−", "-"))
            for one in page.locator(".bar-cell > span:first-child").all_text_contents()
        ]
        assert changes == sorted(changes, reverse=True)


class TestInspect:
    def test_a_picture_through_a_network(self, opened: Opener) -> None:
        page = opened("inspect")
        page.locator(".tile > a").first.click()
        page.wait_for_selector(".chart rect", timeout=60_000)
        expect(page.locator(".facts")).to_contain_text("Channels")
        drawn = "[...document.querySelectorAll('.maps img')].filter((one) => one.naturalWidth > 0)"
        page.wait_for_function(f"() => {drawn}.length === 16", timeout=60_000)
        view = page.locator(".pointing").bounding_box()
        assert view
        page.mouse.move(view["x"] + view["width"] / 2, view["y"] + view["height"] / 2)
        expect(page.locator(".pointing .found")).to_be_visible()
        expect(page.get_by_text("Receptive field 275 px")).to_be_visible()
        page.get_by_label("Shown on the picture").select_option(index=1)
        page.wait_for_function("() => document.querySelector('.heat.whole').naturalWidth > 0", timeout=60_000)
        channel = page.locator(".maps button").nth(11)
        channel.click()
        expect(page.get_by_label("Shown on the picture")).to_have_value(channel.inner_text())
        over = page.locator(".heat.whole").get_attribute("src") or ""
        assert over.endswith(f"channel={channel.inner_text()}")
        before = page.locator(".facts dd").all_text_contents()
        page.get_by_label("Layer").select_option(index=0)
        page.wait_for_selector(".chart rect", timeout=60_000)
        assert page.locator(".facts dd").all_text_contents() != before

    def test_two_side_by_side(self, opened: Opener) -> None:
        page = opened("inspect?pic=p1&n1=efficientnet-lite0&n2=efficientnet-lite0")
        page.wait_for_function("() => document.querySelectorAll('.chart').length === 2", timeout=60_000)
        page.get_by_role("button", name="Only one network").click()
        expect(page.locator(".chart")).to_have_count(1)
