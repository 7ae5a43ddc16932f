"""The collection as a whole, networks looked into, and evaluations over HTTP."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from likewise.collection import Collection
from likewise.downstream.layout import find_layout
from likewise.errors import WeightsMissing
from likewise.evaluation.crops import CropMode
from likewise.evaluation.reports.report import Report
from likewise.evaluation.runs import read_run
from likewise.networks import NETWORKS
from likewise.web.foreseeing import Foresight
from likewise.web.services import Services
from likewise.web.settings import Limits
from tests.fakes import FakeExtractor, FakeFactory, picture_bytes
from tests.test_runs import run
from tests.web.serving import API, BASE, PATIENCE, data, fault, finished, make_collection, serving
from tests.zoo import encode, photo

CROPS: tuple[CropMode, ...] = ("box", "full")
LITE: dict[str, Any] = {"network": "efficientnet-lite0", "tap": "block4"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("looking")
    make_collection(folder, 20)
    return folder


@pytest.fixture(scope="module")
def client(made: Path) -> Iterator[TestClient]:
    with serving(made) as client:
        yield client


@pytest.fixture(scope="module")
def upload(client: TestClient) -> str:
    content = encode(photo(1, width=240, height=160), "JPEG")
    return str(data(client.post(f"{API}/uploads", files={"picture": ("a.jpg", content)}), 201)["id"])


class TestOverview:
    def test_every_picture_lies_on_the_map(self, client: TestClient) -> None:
        told = data(client.get(f"{BASE}/map"))
        assert [point["id"] for point in told["points"]] == list(range(1, 21))
        assert all(0 <= point[axis] <= 1 for point in told["points"] for axis in "xy")
        assert told["method"] == "pca"
        groups = [point["group"] for point in told["points"]]
        assert sorted(set(groups)) == list(range(12))
        clusters = data(client.get(f"{BASE}/clusters", params={"count": 12}))["clusters"]
        assert groups == [
            next(number for number, one in enumerate(clusters) if point["id"] in one["ids"])
            for point in told["points"]
        ]

    def test_what_was_found_is_kept_until_the_collection_changes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_collection(tmp_path, 8)
        found: list[object] = []

        def watched(*asked: Any, **options: Any) -> Any:
            found.append(asked)
            return find_layout(*asked, **options)

        monkeypatch.setattr("likewise.web.routes.overview.find_layout", watched)
        for _ in range(2):  # the second server has it from the disk
            with serving(tmp_path) as client:
                told = [data(client.get(f"{BASE}/map")) for _ in range(2)]
                assert told[0] == told[1] and len(told[0]["points"]) == 8
        assert len(found) == 1
        for kept in (tmp_path / "state" / "overviews").glob("*/*"):
            kept.write_text('{"points": []}')  # by another version
        with serving(tmp_path) as client:
            assert data(client.get(f"{BASE}/map")) == told[0]
        assert len(found) == 2
        with Collection.open(tmp_path / "photos.likewise", extractor_factory=FakeFactory()) as collection:
            collection.remove(3)
        with serving(tmp_path) as client:
            assert 3 not in [point["id"] for point in data(client.get(f"{BASE}/map"))["points"]]
        assert len(found) == 3

    def test_what_is_asked_first_is_found_when_pictures_were_added(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_collection(tmp_path, 8)
        looked, done = [], Event()

        def usual(overviews: Any, served: Any, progress: Any) -> None:
            looked.append(len(served.collection))
            done.set()

        monkeypatch.setattr("likewise.web.foreseeing.usual_duplicates", usual)
        with serving(tmp_path) as client:
            sent = {"pictures": ("new.png", picture_bytes(77))}
            job = data(client.post(f"{BASE}/add/files", files=sent), 202)
            assert finished(client, job)["state"] == "done"
            assert done.wait(PATIENCE) and looked == [9]
            monkeypatch.setattr("likewise.web.routes.overview.find_layout", None)
            monkeypatch.setattr("likewise.web.routes.overview.find_clusters", None)
            for method in ("pca", "tsne"):
                assert len(data(client.get(f"{BASE}/map", params={"method": method}))["points"]) == 9
        with serving(tmp_path, limits=Limits(foreseen=8)) as client:
            done.clear()
            sent = {"pictures": ("newer.png", picture_bytes(78))}
            assert (
                finished(client, data(client.post(f"{BASE}/add/files", files=sent), 202))["state"] == "done"
            )
        assert looked == [9]

    def test_the_first_collection_is_loaded_before_anybody_asks(self, tmp_path: Path) -> None:
        loaded, factory = Event(), FakeFactory()

        def made(*given: Any, **how: Any) -> FakeExtractor:
            loaded.set()
            return factory(*given, **how)

        make_collection(tmp_path, 8)
        with serving(tmp_path, factory=cast(FakeFactory, made)):
            assert loaded.wait(PATIENCE)

    def test_what_keeps_it_from_that_is_told_to_who_asks(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        make_collection(tmp_path, 8)
        tried = Event()

        def lacking(*given: Any, **how: Any) -> FakeExtractor:
            tried.set()
            raise WeightsMissing("the weights are not here")

        with serving(tmp_path, factory=cast(FakeFactory, lacking)) as client:
            assert tried.wait(PATIENCE)
            files = {"picture": ("a.png", picture_bytes(3))}
            assert fault(client.post(f"{BASE}/search/upload", files=files), 503) == "missing"
        assert "fault" not in caplog.text

    def test_of_those_indexed_elsewhere_it_is_found_when_nobody_asks_anything(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Three looks at the gates in a row have to find them empty, before each of the collections."""
        asking = iter([1, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0])
        waits, looked = [0], []
        gate, idle = SimpleNamespace(inside=0), SimpleNamespace(inside=0)

        def wait(seconds: float) -> None:
            gate.inside = next(asking)
            waits[0] += 1

        stopping = SimpleNamespace(wait=wait, is_set=lambda: False)
        few, many, gone = (
            SimpleNamespace(exists=exists, collection=range(count))
            for exists, count in ((1, 8), (1, 9), (0, 0))
        )
        services = SimpleNamespace(
            library=[few, many],
            settings=SimpleNamespace(limits=Limits(foreseen=8)),
            overviews=None,
            stopping=stopping,
            gate=gate,
            **dict.fromkeys(("describing_gate", "thumbnail_gate", "overview_gate"), idle),
        )
        monkeypatch.setattr(
            "likewise.web.foreseeing.look_ahead",
            lambda _, served, progress: looked.append((served, waits[0])),
        )
        foresight = Foresight(cast(Services, services))
        foresight.look_at_all()
        foresight.close()
        assert looked == [(few, 7)] and waits == [12]
        services.library, services.stopping.is_set = [gone, few], lambda: True
        foresight.look_at_all()
        foresight.close()
        assert len(looked) == 1

    def test_clusters_hold_every_picture_once(self, client: TestClient) -> None:
        told = data(client.get(f"{BASE}/clusters", params={"count": 4}))
        assert sorted(id for cluster in told["clusters"] for id in cluster["ids"]) == list(range(1, 21))
        assert [cluster["size"] for cluster in told["clusters"]] == sorted(
            (cluster["size"] for cluster in told["clusters"]), reverse=True
        )
        for cluster in told["clusters"]:
            assert [picture["id"] for picture in cluster["pictures"]] == cluster["ids"][:12]
        few = data(client.get(f"{BASE}/clusters", params={"count": 4, "shown": 2}))["clusters"]
        assert all(len(cluster["pictures"]) == min(2, cluster["size"]) for cluster in few)
        assert fault(client.get(f"{BASE}/clusters", params={"count": 500}), 400) == "bad-request"

    def test_duplicates(self, made: Path, tmp_path: Path) -> None:
        make_collection(tmp_path, 8)
        copy = tmp_path / "pictures" / "copy.png"
        copy.write_bytes((tmp_path / "pictures" / "0000.png").read_bytes())
        with Collection.open(tmp_path / "photos.likewise", extractor_factory=FakeFactory()) as collection:
            collection.add(tmp_path / "pictures")
        with serving(tmp_path) as client:
            told = data(client.get(f"{BASE}/duplicates", params={"threshold": 0.9999}))
        (group,) = told["groups"]
        assert {picture["name"] for picture in group["pictures"]} == {"0000.png", "copy.png"}
        assert told["surplus"] == 1
        assert group["of"] == [None, group["pictures"][0]["id"]]

    def test_a_collection_that_is_not_there(self, made: Path, tmp_path: Path) -> None:
        with serving(made, tmp_path / "new.likewise") as client:
            for what in ("map", "clusters", "duplicates"):
                assert fault(client.get(f"{API}/collections/new/{what}"), 404) == "not-found"


class TestSubjects:
    def test_a_part_that_stands_out(self, client: TestClient, tmp_path: Path) -> None:
        picture = np.zeros((64, 96, 3), np.uint8)
        picture[20:40, 50:80] = 250
        sent = {"picture": ("a.png", encode(Image.fromarray(picture), "PNG"))}
        upload = data(client.post(f"{API}/uploads", files=sent), 201)["id"]
        [box] = data(client.get(f"{BASE}/subjects", params={"upload": upload}))["boxes"]
        assert np.allclose(box, [50, 20, 80, 40], atol=5)

    def test_of_which_picture_has_to_be_said(self, client: TestClient) -> None:
        assert len(data(client.get(f"{BASE}/subjects", params={"picture": 3}))["boxes"]) <= 3
        assert fault(client.get(f"{BASE}/subjects"), 400) == "bad-request"
        assert fault(client.get(f"{BASE}/subjects", params={"picture": 999}), 404) == "not-found"


class TestInspect:
    def test_networks_and_their_taps(self, client: TestClient) -> None:
        told = data(client.get(f"{API}/inspect/networks"))["networks"]
        assert [one["name"] for one in told] == list(NETWORKS)
        assert told[0]["ready"]
        assert [tap["name"] for tap in told[0]["taps"]] == list(NETWORKS["efficientnet-lite0"].taps)

    def test_statistics(self, client: TestClient, upload: str) -> None:
        told = data(client.get(f"{API}/inspect/statistics", params={**LITE, "upload": upload}))
        tap = NETWORKS["efficientnet-lite0"].taps["block4"]
        assert (told["channels"], told["stride"], told["field"]) == (tap.channels, tap.stride, tap.field)
        count = told["channels"] * told["height"] * told["width"]
        assert sum(told["histogram"]["counts"]) == count
        assert len(told["histogram"]["edges"]) == len(told["histogram"]["counts"]) + 1
        assert told["minimum"] <= told["mean"] <= told["maximum"]
        assert len({one["channel"] for one in told["strongest"]}) == 16

    @pytest.mark.parametrize("what", ["maps.png?channels=4", "map.png?channel=3", "heat.png?size=100"])
    def test_pictures(self, client: TestClient, upload: str, what: str) -> None:
        response = client.get(f"{API}/inspect/{what}", params={**LITE, "upload": upload} | params(what))
        assert response.headers["content-type"] == "image/png"
        pixels = np.asarray(Image.open(io.BytesIO(response.content)))
        assert len(np.unique(pixels)) > 10

    def test_what_a_cell_sees(self, client: TestClient, upload: str) -> None:
        asked = {**LITE, "upload": upload, "x": 120, "y": 80}
        told = data(client.get(f"{API}/inspect/field", params=asked))
        x1, y1, x2, y2 = told["box"]
        assert x1 <= 120 < x2 and y1 <= 80 < y2
        assert told["size"] == NETWORKS["efficientnet-lite0"].taps["block4"].field
        assert fault(client.get(f"{API}/inspect/field", params=asked | {"x": 241}), 400) == "bad-request"

    def test_a_picture_of_the_collection(self, client: TestClient) -> None:
        asked = {**LITE, "collection": "photos", "picture": 3}
        assert data(client.get(f"{API}/inspect/statistics", params=asked))["tap"] == "block4"

    @pytest.mark.parametrize(
        ("asked", "status"),
        [
            ({"network": "nothing"}, 400),
            ({"network": "timm/resnet18"}, 400),
            ({"tap": "nothing"}, 400),
            ({"upload": "u" + "0" * 24}, 404),
            ({"picture": 3, "collection": "photos"}, 400),
        ],
    )
    def test_what_cannot_be_looked_at(
        self, client: TestClient, upload: str, asked: dict[str, Any], status: int
    ) -> None:
        response = client.get(f"{API}/inspect/statistics", params={**LITE, "upload": upload, **asked})
        assert response.status_code == status

    def test_a_name_that_looks_like_a_path_is_told(self, client: TestClient, upload: str) -> None:
        asked = {**LITE, "upload": upload, "network": "timm/resnet5"}
        told = data(client.get(f"{API}/inspect/statistics", params=asked), 400)["error"]
        assert told["code"] == "unknown-name"
        assert told["message"].startswith("no network is called 'timm/resnet5'; ")

    def test_a_broken_package_is_named(
        self,
        client: TestClient,
        upload: str,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        point = EntryPoint("lost", "something_that_is_not_there:LOST", "likewise.networks")
        monkeypatch.setitem(NETWORKS._added, "lost", point)
        asked = {**LITE, "upload": upload, "network": "lost"}
        told = data(client.get(f"{API}/inspect/statistics", params=asked), 503)["error"]
        assert told == {
            "code": "unavailable",
            "message": f"network 'lost' of package {point.value} cannot be used: "
            "update that package, or remove it",
        }
        assert "No module named 'something_that_is_not_there'" in caplog.text


def params(what: str) -> dict[str, str]:
    """What stands behind the question mark, which `params` would take away."""
    return dict(part.split("=") for part in what.partition("?")[2].split("&"))


class TestEvaluations:
    @pytest.fixture
    def runs(self, tmp_path: Path) -> list[Path]:
        return [run(tmp_path, crop).path for crop in CROPS]

    @pytest.fixture
    def client(self, runs: list[Path], tmp_path: Path) -> Iterator[TestClient]:
        make_collection(tmp_path, 6)
        with serving(tmp_path, runs=tmp_path / "runs") as client:
            yield client

    def test_runs_are_listed_with_their_scores(self, client: TestClient, runs: list[Path]) -> None:
        told = {one["id"]: one for one in data(client.get(f"{API}/runs"))["runs"]}
        assert told.keys() == {path.stem for path in runs}
        for path in runs:
            expected = Report.of(read_run(path))
            assert told[path.stem]["value"] == pytest.approx(expected.scores.value)
            assert told[path.stem]["interval"] == pytest.approx(list(expected.interval))

    def test_one_with_its_queries(self, client: TestClient, runs: list[Path], tmp_path: Path) -> None:
        told = data(client.get(f"{API}/runs/{runs[0].stem}"))
        expected = Report.of(read_run(runs[0])).scores
        assert [row["value"] for row in told["table"]] == pytest.approx(expected.values.tolist())
        assert [row["name"] for row in told["table"]] == ["first", "second"]
        assert told["table"][0]["box"] == [2, 2, 20, 14]
        assert len(told["curve"]["recall"]) == len(told["curve"]["precision"]) == 101
        assert str(tmp_path) not in str(told)

    def test_a_query_and_its_answers(self, client: TestClient, runs: list[Path]) -> None:
        told = data(client.get(f"{API}/runs/{runs[0].stem}/queries/0", params={"k": 4}))
        assert len(told["answers"]) == 4
        assert {answer["verdict"] for answer in told["answers"]} <= {"right", "wrong", "junk"}
        for address in (told["thumbnail"], told["answers"][0]["thumbnail"]):
            assert Image.open(io.BytesIO(client.get(address).content)).format == "JPEG"

    def test_two_compared(self, client: TestClient, runs: list[Path]) -> None:
        first, second = (path.stem for path in runs)
        told = data(client.get(f"{API}/runs/{first}/compare/{second}"))
        changes = [row["second"] - row["first"] for row in told["table"]]
        assert told["difference"] == pytest.approx(np.mean(changes))
        assert [row["difference"] for row in told["table"]] == pytest.approx(changes)

    def test_unknown_ones(self, client: TestClient, runs: list[Path]) -> None:
        id = runs[0].stem
        for path in ("none", f"{id}/queries/9", f"{id}/gallery/99/thumbnail", f"{id}/compare/none"):
            assert fault(client.get(f"{API}/runs/{path}"), 404) == "not-found"
