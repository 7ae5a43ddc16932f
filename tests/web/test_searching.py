"""Searching, browsing, thumbnails and explaining over HTTP."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from likewise.collection import Collection
from likewise.collection.layers.snapshot import Snapshot
from likewise.ranking.reranking import STAGES
from likewise.types import UInt8Array
from likewise.web.page import HERE
from tests.fakes import RECIPE, FakeFactory, picture_bytes
from tests.web.serving import API, BASE, data, fault, make_collection, serving
from tests.zoo import bomb_png, encode, exif_of, photo


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searching")
    make_collection(folder)
    return folder


@pytest.fixture(scope="module")
def client(made: Path) -> Iterator[TestClient]:
    with serving(made) as client:
        yield client


@pytest.fixture(scope="module")
def collection(made: Path) -> Iterator[Collection]:
    with Collection.open(made / "photos.likewise", extractor_factory=FakeFactory()) as collection:
        yield collection


def found(client: TestClient, **asked: object) -> list[int]:
    return [hit["id"] for hit in data(client.post(f"{BASE}/search", json=asked))["hits"]]


class TestSearch:
    def test_by_id_it_finds_what_the_collection_finds(
        self, client: TestClient, collection: Collection
    ) -> None:
        told = data(client.post(f"{BASE}/search", json={"queries": [{"picture": 7}], "k": 5}))
        hits = collection.search(7, k=5)
        assert [(hit["id"], hit["rank"]) for hit in told["hits"]] == [(hit.id, hit.rank) for hit in hits]
        assert [hit["score"] for hit in told["hits"]] == pytest.approx([hit.score for hit in hits])
        assert told["total"] == 30

    def test_it_says_whether_all_were_compared(
        self, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = {"queries": [{"picture": 13}], "where": "width > 1"}
        assert data(client.post(f"{BASE}/search", json=asked))["recall"] is None
        monkeypatch.setattr(Snapshot, "recall", lambda self, k: 0.996)
        asked["where"] = "width > 2"
        assert data(client.post(f"{BASE}/search", json=asked))["recall"] == 0.996

    def test_by_upload_and_by_vector(self, client: TestClient, collection: Collection) -> None:
        upload = data(client.post(f"{API}/uploads", files={"picture": ("a/b.png", picture_bytes(3))}), 201)
        assert (upload["width"], upload["height"], upload["name"]) == (24, 16, "b.png")
        by_upload = found(client, queries=[{"upload": upload["id"]}])
        vector = collection.describe(picture_bytes(3)).tolist()
        assert by_upload == found(client, queries=[{"vector": vector}])
        assert by_upload == [hit.id for hit in collection.search(picture_bytes(3), k=50)]

    def test_in_one_request(self, client: TestClient, collection: Collection) -> None:
        sent = {"picture": ("a.png", picture_bytes(4))}
        asked = {"box": "0,0,12,8", "k": "3", "then": ["expand:n=2"], "crop": "own"}
        told = data(client.post(f"{BASE}/search/upload", files=sent, data=asked))
        hits = collection.search(picture_bytes(4), k=3, box=(0, 0, 12, 8), crop="own", then=["expand:n=2"])
        assert [hit["id"] for hit in told["hits"]] == [hit.id for hit in hits]
        assert told["uploads"][0]["id"].startswith("u")
        assert told["then"] == ["expand(n=2, alpha=0)"]

    def test_a_box_changes_the_ranking(self, client: TestClient, collection: Collection) -> None:
        box = [0, 0, 12, 8]
        boxed = found(client, queries=[{"picture": 2, "box": box}])
        assert boxed != found(client, queries=[{"picture": 2}])
        path = collection.path_of(2)
        assert boxed == [hit.id for hit in collection.search(path, k=50, box=(0, 0, 12, 8))]

    def test_several_pictures_each_with_its_box_and_judged_ones(
        self, client: TestClient, collection: Collection
    ) -> None:
        queries = [{"picture": 2, "box": [0, 0, 12, 8]}, {"picture": 3, "box": [12, 0, 24, 8]}]
        told = found(client, queries=queries, yes=[{"picture": 4}], no=[{"picture": 5}, {"picture": 6}])
        vectors = [
            collection.describe(collection.path_of(query["picture"]), box=query["box"])  # type: ignore[arg-type]
            for query in queries
        ]
        hits = collection.search(vectors[0], also=vectors[1:], yes=[4], no=[5, 6], k=50)
        assert told == [hit.id for hit in hits]

    def test_stages_say_where_the_query_was_found(self, client: TestClient) -> None:
        asked = {"queries": [{"picture": 2}], "then": ["localise:top=3"], "k": 4}
        hits = data(client.post(f"{BASE}/search", json=asked))["hits"]
        assert [hit["box"] is None for hit in hits] == [False, False, False, True]

    def test_pages_make_up_the_whole(self, client: TestClient) -> None:
        asked = {"queries": [{"picture": 9}], "then": ["reciprocal:k1=5,k2=2"], "k": 7}
        ids: list[int] = []
        for _ in range(5):
            told = data(client.post(f"{BASE}/search", json=asked))
            ids += [hit["id"] for hit in told["hits"]]
            asked["cursor"] = told["next"]
        assert told["next"] is None
        assert ids == found(client, queries=[{"picture": 9}], then=["reciprocal:k1=5,k2=2"])
        assert len(set(ids)) == 30

    def test_a_cursor_of_another_search_is_refused(self, client: TestClient) -> None:
        first = data(client.post(f"{BASE}/search", json={"queries": [{"picture": 9}], "k": 2}))
        other = {"queries": [{"picture": 8}], "k": 2}
        for cursor in (first["next"], "x", "=", "żółw", "MA"):
            response = client.post(f"{BASE}/search", json=other | {"cursor": cursor})
            assert fault(response, 400) == "bad-request"

    def test_only_a_folder(self, client: TestClient) -> None:
        asked = {"queries": [{"picture": 1}], "folder": "pictures/deep"}
        told = data(client.post(f"{BASE}/search", json=asked))
        assert {hit["folder"] for hit in told["hits"]} == {"pictures/deep"}
        assert told["total"] == len(told["hits"]) == 5
        assert fault(client.post(f"{BASE}/search", json=asked | {"folder": "pict"}), 404) == "not-found"

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ({}, 422, "invalid"),
            ({"picture": 1, "vector": [1.0]}, 422, "invalid"),
            ({"picture": 999}, 404, "not-found"),
            ({"picture": 1, "box": [5, 5, 5, 9]}, 400, "bad-box"),
            ({"picture": 1, "box": [500, 500, 600, 600]}, 400, "bad-box"),
            ({"picture": 1, "box": [1, 2, 3]}, 422, "invalid"),
            ({"vector": [1.0, 2.0]}, 400, "bad-request"),
            ({"vector": [1e300] * 12}, 400, "bad-request"),
            ({"vector": [1.0] * 12, "box": [0, 0, 1, 1]}, 400, "bad-request"),
            ({"upload": "u" + "0" * 24}, 404, "not-found"),
            ({"upload": "../../etc/passwd"}, 404, "not-found"),
        ],
    )
    def test_what_cannot_be_asked(
        self, client: TestClient, query: dict[str, object], status: int, code: str
    ) -> None:
        assert fault(client.post(f"{BASE}/search", json={"queries": [query]}), status) == code

    @pytest.mark.parametrize(
        ("sent", "message"),
        [
            ({"json": {"queries": [{"picture": 1}], "kk": 1}}, "body.kk: Extra inputs are not permitted"),
            ({"json": {"queries": [{"picture": 1, "box": [1, 2]}]}}, "body.queries.0.box: List should have"),
            ({"content": '{"queries": [{"picture": 1}]}'}, "send it with content-type: application/json"),
            (
                {"data": {"queries": "1"}},  # as `curl -d` says that it sends
                "send it with content-type: application/json",
            ),
        ],
    )
    def test_what_is_not_of_the_form_is_said_in_the_sentence(
        self, client: TestClient, sent: dict[str, Any], message: str
    ) -> None:
        told = data(client.post(f"{BASE}/search", **sent), 422)["error"]
        assert message in told["message"]

    @pytest.mark.parametrize("stage", ["sort", "expand:n=0", "expand:n=x", "expand:m=2"])
    def test_unknown_stages(self, client: TestClient, stage: str) -> None:
        asked = {"queries": [{"picture": 1}], "then": [stage]}
        assert client.post(f"{BASE}/search", json=asked).status_code == 400

    def test_bad_pictures_say_what_is_wrong(self, client: TestClient) -> None:
        chance = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        cut = encode(Image.fromarray(chance), "JPEG")
        bad = (
            (b"", "empty"),
            (b"text" * 30, "not-a-picture"),
            (bomb_png(), "too-large"),
            (cut[: len(cut) // 2], "truncated"),
        )
        for content, reason in bad:
            response = client.post(f"{API}/uploads", files={"picture": ("a.png", content)})
            assert data(response, 400)["error"]["reason"] == reason

    def test_what_was_described_is_not_described_again(self, made: Path) -> None:
        factory = FakeFactory()
        asked = {"queries": [{"picture": 3, "box": [0, 0, 12, 8]}], "k": 3}
        with serving(made, factory=factory) as client:
            for _ in range(3):
                told = data(client.post(f"{BASE}/search", json=asked))
                asked["cursor"] = told["next"]
        assert factory.described == 1

    def test_comparing(self, client: TestClient, collection: Collection) -> None:
        told = data(client.post(f"{BASE}/compare", json={"a": {"picture": 1}, "b": {"picture": 2}}))
        assert told["similarity"] == pytest.approx(collection.compare(1, 2).similarity)
        assert told["rank"] == collection.compare(1, 2).rank

    def test_stages_are_listed(self, client: TestClient) -> None:
        told = data(client.get(f"{API}/stages"))["stages"]
        assert {stage["name"]: stage["about"] for stage in told} == {
            name: stage.about for name, stage in STAGES.items()
        }
        assert [stage["name"] for stage in told] == list(STAGES)


class TestCollections:
    def test_facts(self, client: TestClient) -> None:
        told = data(client.get(BASE))
        assert told["pictures"] == 30
        assert (told["recipe"], told["code"], told["dimensions"]) == ("fake", "fp16", 12)
        assert (told["roots"], told["failures"], told["indexing"]) == (["pictures"], 1, None)
        assert data(client.get(f"{API}/collections"))["collections"] == [told]

    def test_unknown_ones(self, client: TestClient) -> None:
        assert fault(client.get(f"{API}/collections/other"), 404) == "not-found"

    def test_folders_count_what_lies_below(self, client: TestClient) -> None:
        told = data(client.get(f"{BASE}/folders"))["folders"]
        assert told == [{"path": "pictures", "pictures": 30}, {"path": "pictures/deep", "pictures": 5}]

    def test_failures_name_the_file_as_clients_know_it(self, client: TestClient, made: Path) -> None:
        (failure,) = data(client.get(f"{BASE}/failures"))["failures"]
        assert (failure["path"], failure["reason"]) == ("pictures/bad.jpg", "not-a-picture")
        assert str(made) not in str(failure)

    def test_those_of_the_same_folders_are_told(self, made: Path, tmp_path: Path) -> None:
        other = tmp_path / "sharper.likewise"
        recipe = replace(RECIPE, name="sharper", resize=replace(RECIPE.resize, size=64))
        with Collection.open(other, recipe=recipe, extractor_factory=FakeFactory()) as collection:
            collection.add(made / "pictures")
        with serving(made, made / "photos.likewise", other) as client:
            told = {one["name"]: one for one in data(client.get(f"{API}/collections"))["collections"]}
        assert told["photos"]["same_pictures"] == ["sharper"]
        assert told["sharper"]["recipe"] == "sharper"

    def test_one_that_is_not_made_yet(self, made: Path, tmp_path: Path) -> None:
        with serving(made, tmp_path / "new.likewise") as client:
            assert data(client.get(f"{API}/collections/new"))["pictures"] == 0
            assert data(client.get(f"{API}/collections/new/pictures"))["pictures"] == []
            assert data(client.get(f"{API}/collections/new/folders"))["folders"] == []
            assert data(client.get(f"{API}/collections/new/failures"))["failures"] == []
            asked = {"queries": [{"picture": 1}]}
            assert fault(client.post(f"{API}/collections/new/search", json=asked), 404) == "not-found"

    def test_collections_of_one_name_get_numbers(self, made: Path, tmp_path: Path) -> None:
        with serving(made, made / "photos.likewise", tmp_path / "photos.likewise") as client:
            told = data(client.get(f"{API}/collections"))["collections"]
        assert [(one["name"], one["pictures"]) for one in told] == [("photos", 30), ("photos-2", 0)]


class TestPictures:
    def test_pages_by_path(self, client: TestClient) -> None:
        names, cursor = [], None
        while True:
            told = data(
                client.get(f"{BASE}/pictures", params={"k": 8, **({"cursor": cursor} if cursor else {})})
            )
            names += [picture["path"] for picture in told["pictures"]]
            if not (cursor := told["next"]):
                break
        assert names == sorted(names)
        assert len(set(names)) == told["total"] == 30

    def test_in_a_folder_and_the_newest_first(self, client: TestClient) -> None:
        told = data(client.get(f"{BASE}/pictures", params={"folder": "pictures/deep", "order": "newest"}))
        times = [picture["modified"] for picture in told["pictures"]]
        assert told["total"] == len(times) == 5
        assert times == sorted(times, reverse=True)

    def test_by_the_path_that_is_shown(self, client: TestClient) -> None:
        (picture,) = data(client.get(f"{BASE}/pictures", params={"path": "pictures/deep/0027.png"}))[
            "pictures"
        ]
        assert data(client.get(f"{BASE}/pictures/{picture['id']}")) == picture
        for path in ("pictures/none.png", "other/0001.png", "/etc/passwd", "pictures/../../x", ""):
            assert data(client.get(f"{BASE}/pictures", params={"path": path}))["pictures"] == []

    def test_unknown_ones_and_bad_cursors(self, client: TestClient) -> None:
        assert fault(client.get(f"{BASE}/pictures/999"), 404) == "not-found"
        assert fault(client.get(f"{BASE}/pictures/-1"), 422) == "invalid"
        assert fault(client.get(f"{BASE}/pictures/{1 << 70}"), 422) == "invalid"
        assert fault(client.get(f"{BASE}/pictures", params={"cursor": "x"}), 400) == "bad-request"


class TestThumbnails:
    def test_sizes_are_steps(self, client: TestClient, made: Path) -> None:
        large = encode(photo(5, width=700, height=500), "JPEG", exif=exif_of(6))
        upload = data(client.post(f"{API}/uploads", files={"picture": ("a.jpg", large)}), 201)
        assert (upload["width"], upload["height"]) == (500, 700)
        for asked, side in ((1, 160), (160, 160), (161, 240), (9999, 700)):
            response = client.get(f"{API}/uploads/{upload['id']}/thumbnail", params={"size": asked})
            picture = Image.open(io.BytesIO(response.content))
            assert max(picture.size) == side
            assert picture.height > picture.width  # upright

    def test_the_client_keeps_them(self, client: TestClient) -> None:
        address = f"{BASE}/pictures/3/thumbnail"
        first = client.get(address)
        assert first.headers["content-type"] == "image/jpeg"
        again = client.get(address, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        other = client.get(
            address, headers={"accept": "image/webp,*/*", "if-none-match": first.headers["etag"]}
        )
        assert (other.status_code, other.headers["content-type"]) == (200, "image/webp")

    def test_one_of_a_changed_file_is_a_new_one(self, tmp_path: Path) -> None:
        path = make_collection(tmp_path, 8)
        address = f"{BASE}/pictures/1/thumbnail"
        with serving(tmp_path) as client:
            first = client.get(address)
            assert "no-cache" in first.headers["cache-control"]
            with Collection.open(path, recipe=RECIPE, extractor_factory=FakeFactory()) as collection:
                changed = collection.path_of(1)
                changed.write_bytes(picture_bytes(77))
                assert collection.add(tmp_path / "pictures").changed == 1
                [now] = collection.at(changed)
            kept = {"if-none-match": first.headers["etag"]}
            assert client.get(address, headers=kept).status_code == 404  # it is another picture now
            second = client.get(f"{BASE}/pictures/{now.id}/thumbnail", headers=kept)
            assert second.status_code == 200 and second.headers["etag"] != first.headers["etag"]
            shown = np.asarray(Image.open(io.BytesIO(second.content)).convert("RGB"), int)
            wanted = np.asarray(Image.open(io.BytesIO(picture_bytes(77))).convert("RGB"), int)
            assert np.abs(shown[2, 2] - wanted[2, 2]).max() < 20

    def test_they_are_kept_on_the_disk(self, tmp_path: Path) -> None:
        make_collection(tmp_path, 8)
        with serving(tmp_path) as client:
            first = client.get(f"{BASE}/pictures/1/thumbnail").content
            for path in (tmp_path / "pictures").rglob("*.png"):
                path.unlink()
            assert client.get(f"{BASE}/pictures/1/thumbnail").content == first
            response = client.get(f"{BASE}/pictures/2/thumbnail")
            assert data(response, 400)["error"]["reason"] == "vanished"

    def test_parts_have_the_pixels_of_the_original(self, client: TestClient, made: Path) -> None:
        """Of one that lies on its side, and of a smaller one that is kept; a large part is made small."""
        turned = encode(photo(5, width=700, height=500), "PNG", exif=exif_of(6))
        upright = np.asarray(
            Image.open(io.BytesIO(turned)).convert("RGB").transpose(Image.Transpose.ROTATE_270)
        )
        upload = data(client.post(f"{API}/uploads", files={"picture": ("a.png", turned)}), 201)["id"]
        address, kept = (
            f"{API}/uploads/{upload}/thumbnail",
            sorted((made / "state" / "thumbnails").rglob("*.*")),
        )

        def part(box: str, size: int) -> tuple[UInt8Array, str]:
            response = client.get(address, params={"size": size, "box": box})
            assert response.status_code == 200
            return np.asarray(Image.open(io.BytesIO(response.content))), response.headers["etag"]

        shown, tag = part("300,100,460,220", 160)
        assert np.abs(shown - upright[100:220, 300:460].astype(int)).mean() < 6  # JPEG
        assert part("300,100,460,228", 160)[1] != tag
        assert part("400,600,999999,999999", 1920)[0].shape == (100, 100, 3)  # clipped, and not enlarged
        assert part("0,0,500,700", 160)[0].shape == (160, 114, 3)
        again = client.get(
            address, params={"size": 160, "box": "300,100,460,220"}, headers={"if-none-match": tag}
        )
        assert again.status_code == 304
        assert sorted((made / "state" / "thumbnails").rglob("*.*")) == kept  # there are as many as one likes
        for box in ("500,700,600,800", "20,20,20,40"):
            assert fault(client.get(address, params={"box": box}), 400) == "bad-box"
        for box in ("1,2,3", "-1,0,5,5", "0,0,1e3,5", "0,0,9999999,5", "0.5,0,5,5"):
            assert fault(client.get(address, params={"box": box}), 422) == "invalid"
        one = client.get(f"{BASE}/pictures/1/thumbnail", params={"box": "1,2,11,8"})
        assert Image.open(io.BytesIO(one.content)).size == (10, 6)


class TestExplain:
    def test_cells_add_up_to_the_score(self, client: TestClient, collection: Collection) -> None:
        query = {"picture": 3, "box": [0, 0, 12, 8]}
        told = data(client.post(f"{BASE}/explain", json={"query": query, "picture": 5}))
        expected = collection.explain(collection.path_of(3), collection.path_of(5), box=(0, 0, 12, 8))
        assert told["score"] == pytest.approx(expected.similarity)
        for side in ("query", "hit"):
            heat = told[side]["heat"]
            assert len(heat["values"]) == heat["rows"] * heat["columns"]
            assert sum(heat["values"]) + told["constant"] == pytest.approx(told["score"])
            assert heat["top"] >= max(map(abs, heat["values"]))
        assert told["query"]["region"] == told["query"]["box"] == [0, 0, 12, 8]
        assert (told["hit"]["width"], told["matches"]) == (
            data(client.get(f"{BASE}/pictures/5"))["width"],
            [],
        )
        assert told["hit"]["box"] is not None

    def test_the_heat_is_a_picture_to_lay_over(self, client: TestClient) -> None:
        told = data(client.post(f"{BASE}/explain", json={"query": {"picture": 3}, "picture": 5}))
        head, _, body = told["hit"]["png"].partition(",")
        assert head == "data:image/png;base64"
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))
        assert pixels.shape[2] == 4
        assert len(np.unique(pixels[:, :, 3])) > 1

    def test_the_score_of_the_list_is_taken_apart(self, client: TestClient) -> None:
        search = {
            "queries": [{"picture": 3}, {"picture": 4, "box": [0, 0, 12, 8]}],
            "yes": [{"picture": 7}],
            "no": [{"picture": 9}],
        }
        listed = data(client.post(f"{BASE}/search", json=search))["hits"][2]
        asked = {"query": {"picture": 3}, "picture": listed["id"], "search": search}
        told = data(client.post(f"{BASE}/explain", json=asked))
        assert told["found"] == listed
        assert len(told["shares"]) == 4
        assert sum(told["shares"]) == pytest.approx(listed["score"], abs=1e-5)
        elsewhere = asked | {"search": search | {"folder": "pictures/deep"}, "picture": 1}
        assert data(client.post(f"{BASE}/explain", json=elsewhere))["found"] is None

    def test_a_vector_cannot_be_explained(self, client: TestClient) -> None:
        asked = {"query": {"vector": [1.0] * 12}, "picture": 5}
        assert fault(client.post(f"{BASE}/explain", json=asked), 400) == "bad-request"


def test_metrics_count_requests_by_route(made: Path) -> None:
    with serving(made) as client:
        for picture in (1, 2, 87654321):
            client.get(f"{BASE}/pictures/{picture}")
        text = client.get(f"{API}/metrics").text
    route = "/collections/{name}/pictures/{picture}"
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    found = {key: float(value) for key, value in lines.items() if key.startswith("likewise_requests_total")}
    counts = {key.split('status="')[1][:3]: value for key, value in found.items() if f"{route}" in key}
    assert counts == {"200": 2, "404": 1}
    seconds = [key for key in lines if key.startswith("likewise_request_seconds_count") and route in key]
    assert float(lines[seconds[0]]) == 3
    assert "87654321" not in text


def test_files_of_the_page_are_kept_and_compressed(client: TestClient) -> None:
    index = client.get("/search")
    found = re.search(r'src="(/static/[0-9a-f]{12})/main.js"', index.text)
    assert found
    plain = client.get(f"{found[1]}/main.js", headers={"accept-encoding": "identity"})
    assert "immutable" in plain.headers["cache-control"]
    assert "content-encoding" not in plain.headers
    packed = client.get(f"{found[1]}/main.js", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    older = client.get("/static/0123456789ab/main.js")
    assert (older.headers["cache-control"], older.content) == ("no-cache", plain.content)
    known = {"if-none-match": plain.headers["etag"]}
    assert client.get("/static/main.js", headers=known).status_code == 304
    assert client.get(f"{found[1]}/nothing.js").status_code == 404
    assert client.head(f"{found[1]}/main.js").headers["etag"] == plain.headers["etag"]


def test_every_script_is_where_others_look_for_it(client: TestClient) -> None:
    """Browsers are told of all that the page begins with, and only of what there is."""
    told = re.findall(r'<link rel="modulepreload" href="([^"]+)">', client.get("/search").text)
    met, waiting = set(told), list(told)
    while waiting:
        script = waiting.pop()
        answer = client.get(script)
        assert answer.status_code == 200, script
        for address in re.findall(r'(?:from |import\()"(\.[^"]+)"', answer.text):
            found = urljoin(script, address)
            if found not in met:
                met.add(found)
                waiting.append(found)
    scripts = {path for path in (HERE / "static").rglob("*.js") if path.name != "theme.js"}
    assert len(met) == len(scripts) > len(told) > 10


def test_people_get_the_page_where_there_is_nothing(client: TestClient) -> None:
    told = client.get("/nowhere", headers={"accept": "text/html"})
    assert (told.status_code, told.text) == (404, client.get("/").text)
    for path in ("/nowhere", "/api/v1/nowhere", "/static/nowhere"):
        assert fault(client.get(path), 404) == "not-found"
    html = {"accept": "text/html"}
    assert client.get(f"{BASE}/search", headers=html).status_code == 405  # which is there, for another verb
    assert client.post("/nowhere", headers={"accept": "application/json"}).status_code == 404


def test_health(client: TestClient) -> None:
    assert data(client.get(f"{API}/health"))["status"] == "ok"
