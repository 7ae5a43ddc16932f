"""Pages and their charts: what they hold, and that they load nothing else."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.downstream.layout import MapLayout
from likewise.drawing.charts import distribution, matrix, stacked
from likewise.drawing.pages import inspection_page, map_page
from likewise.errors import StorageError, UsageError
from likewise.inspection.alignment import Alignment
from likewise.inspection.inspection import inspect, inspect_pair
from likewise.inspection.statistics import Histogram
from likewise.networks.card import Tap
from likewise.types import Progress
from tests.drawing.test_taps import module
from tests.fakes import make_pictures
from tests.zoo import photo


def test_charts_are_well_formed_and_say_what_they_show() -> None:
    histogram = Histogram.of(np.random.default_rng(0).normal(0, 1, 500).astype(np.float32), -4, 4)
    chart = distribution({"a <b>": histogram, "second": histogram}, title="conv & relu")
    table = matrix(np.array([[1.0, 0.2]]), ["row"], ["one", "two"], about="alike")
    for text in (chart, table, stacked([chart, chart, chart, chart])):
        ElementTree.fromstring(text)
    assert "a &lt;b&gt;" in chart and "conv &amp; relu" in chart
    assert ">0.20<" in table
    alike = distribution({"one": Histogram.of(np.ones(3, np.float32), 1, 1)})
    ElementTree.fromstring(alike)


class Reader(HTMLParser):
    """Collects what a page would load, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text("utf-8"))
    return reader


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    found = inspect(module(), photo(1))
    out = tmp_path / "page.html"
    inspection_page(found, out, name="<script>.jpg", cells=[(Tap("0", 5, 2, 3, 0.0), (1, 2))])
    page = read(out)
    assert "script" not in page.tags and "link" not in page.tags
    assert all(load.startswith(("data:image/", "#tap")) for load in page.loads)
    text = " ".join(page.words)
    assert "<script>.jpg, 120 x 90 pixels" in text
    for word in ("zeros", "effective rank", "margin", "row 1, column 2: sees 3 x 3"):
        assert word in text
    for one in found.views:
        assert f"{one.statistics.histogram.entropy:.2f}" in text
    assert "url(" not in out.read_text() and not re.search(r"@import", out.read_text())


def test_the_page_of_two_networks_has_divergences_and_cka(tmp_path: Path) -> None:
    pair = inspect_pair(module(), module(), photo(1))
    alignment = Alignment("a", "b", ("x",), ("y", "z"), np.array([[0.91, 0.13]]), 7, {})
    inspection_page(pair, tmp_path / "pair.html", alignment=alignment)
    text = " ".join(read(tmp_path / "pair.html").words)
    assert "divergence" in text and "CKA on 7 pictures" in text and "0.91" in text
    with pytest.raises(UsageError, match=r"end its name in \.html"):
        inspection_page(pair, tmp_path / "pair.pdf")
    with pytest.raises(StorageError, match="there is no folder"):
        inspection_page(pair, tmp_path / "none" / "pair.html")


def layout_of(paths: list[Path], names: list[str] | None = None) -> MapLayout:
    positions = np.random.default_rng(0).random((len(paths), 2)).astype(np.float32)
    shown = tuple(names or [path.name for path in paths])
    return MapLayout(np.arange(len(paths)), tuple(paths), shown, positions, "tsne")


def data_of(page: Path) -> Any:
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL
    )
    assert found
    return json.loads(found[1])


class TestMap:
    def test_holds_every_picture_and_opens_no_connection(self, tmp_path: Path) -> None:
        paths = make_pictures(tmp_path / "p", 300)
        told: list[Progress] = []
        page = tmp_path / "map.html"
        groups = ["a"] * 200 + ["b"] * 90 + [""] * 10
        assert map_page(layout_of(paths), page, groups=groups, title="Mine", progress=told.append) == {}
        data = data_of(page)
        assert len(data["pictures"]) == 300
        assert len(data["sheets"]) == 2  # of 256 thumbnails each
        assert all(sheet.startswith("data:image/jpeg;base64,") for sheet in data["sheets"])
        assert [(g["name"], g["count"]) for g in data["groups"]] == [("a", 200), ("b", 90)]
        assert data["pictures"][299]["group"] == -1
        assert data["pictures"][0]["href"] == "p/0000.png"
        assert told[-1].done == 300
        text = page.read_text()
        assert "<title>Mine: map</title>" in text
        assert "default-src 'none'" in text
        assert not re.search(r"https?://|(?:src|href)=[\"'](?!data:)", text)

    def test_names_cannot_end_the_script(self, tmp_path: Path) -> None:
        (path,) = make_pictures(tmp_path, 1)
        names = ["</script><script>alert(1)</script>&\udcff.png"]
        map_page(layout_of([path], names), tmp_path / "m.html", groups=["</script>"], title="</title><b>$x")
        text = (tmp_path / "m.html").read_text()
        assert text.count("</script>") == 2
        assert "alert(1)</script>" not in text
        assert "<b>" not in text
        found = data_of(tmp_path / "m.html")["pictures"][0]
        assert found["name"] == "</script><script>alert(1)</script>&\\xff.png"

    def test_a_picture_that_is_gone_has_a_grey_tile(self, tmp_path: Path) -> None:
        paths = make_pictures(tmp_path / "p", 3)
        paths[1].unlink()
        failures = map_page(layout_of(paths), tmp_path / "m.html")
        assert failures.keys() == {paths[1]}
        assert "is not there" in data_of(tmp_path / "m.html")["pictures"][1]["problem"]

    def test_where_it_cannot_be_written(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"end its name in \.html"):
            map_page(layout_of([]), tmp_path / "map.png")
        with pytest.raises(StorageError, match="there is no folder"):
            map_page(layout_of([]), tmp_path / "none" / "map.html")
