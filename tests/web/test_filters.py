"""Filters, facets and what is said of pictures, over HTTP; and who is told where they were taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from likewise.client import Client
from likewise.collection import Collection
from tests.fakes import RECIPE, FakeFactory, picture_bytes
from tests.web.serving import API, BASE, TOKEN, data, fault, listening, serving

AWAY = ("203.0.113.7", 40_000)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filters")
    (folder / "pictures").mkdir()
    for number in range(6):
        block = Image.Exif()
        block[0x0110] = "Canon EOS" if number % 2 else "Leica M9"
        block[0x4746] = number
        block.get_ifd(0x8769)[0x9003] = f"20{10 + number}:06:03 10:00:00"
        if number == 0:
            place = {1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 21.0, 0.0)}
            block.get_ifd(0x8825).update(place)
        file = folder / "pictures" / f"{number}.png"
        file.write_bytes(picture_bytes(number))
        with Image.open(file) as picture:
            picture.load()
        picture.save(file, exif=block.tobytes())
    (folder / "said.csv").write_text("file,price\n0.png,7\n")
    with Collection.open(
        folder / "photos.likewise", recipe=RECIPE, extractor_factory=FakeFactory()
    ) as opened:
        opened.add(folder / "pictures")
        opened.annotate(folder / "said.csv")
    return folder


@pytest.fixture(scope="module")
def client(made: Path) -> Iterator[TestClient]:
    with serving(made) as client:
        yield client


@pytest.fixture(scope="module")
def first(client: TestClient) -> int:
    """The id of ``0.png``."""
    asked = {"queries": [{"picture": 1}], "where": "price = 7"}
    [hit] = data(client.post(f"{BASE}/search", json=asked))["hits"]
    return int(hit["id"])


def names(client: TestClient, where: str, **more: object) -> list[str]:
    asked = {"queries": [{"picture": 1}], "where": where, **more}
    told = data(client.post(f"{BASE}/search", json=asked))
    assert told["total"] >= len(told["hits"])
    return sorted(hit["name"] for hit in told["hits"])


def test_a_search_among_some(client: TestClient) -> None:
    assert names(client, "taken >= 2014") == ["4.png", "5.png"]
    assert names(client, "camera like 'canon%' and rating > 1", folder="pictures") == ["3.png", "5.png"]
    assert names(client, "price = 7") == ["0.png"]
    assert names(client, "taken > 2030") == []
    answer = client.post(f"{BASE}/search", json={"queries": [{"picture": 1}], "where": "takn > 3"})
    assert fault(answer, 400) == "bad-request"
    assert "character 1: no field is called takn" in answer.json()["error"]["message"]
    sent = {"picture": ("x.png", picture_bytes(3))}
    told = data(client.post(f"{BASE}/search/upload", files=sent, data={"where": "rating = 2"}))
    assert [hit["name"] for hit in told["hits"]] == ["2.png"] and told["total"] == 1


def test_pages_of_some(client: TestClient) -> None:
    asked = {"queries": [{"picture": 1}], "where": "rating < 5", "k": 3}
    first = data(client.post(f"{BASE}/search", json=asked))
    second = data(client.post(f"{BASE}/search", json={**asked, "cursor": first["next"]}))
    assert (first["total"], len(first["hits"]), len(second["hits"]), second["next"]) == (5, 3, 2, None)
    other = {**asked, "where": "rating < 4", "cursor": first["next"]}
    assert client.post(f"{BASE}/search", json=other).status_code == 400


def test_all_pictures_of_some(client: TestClient) -> None:
    def listed(**asked: str) -> list[str]:
        told = data(client.get(f"{BASE}/pictures", params=asked))
        assert told["total"] == len(told["pictures"])
        return [picture["name"] for picture in told["pictures"]]

    assert listed(where="name like '%3%' or camera like 'leica%'") == ["0.png", "2.png", "3.png", "4.png"]
    assert listed(where="taken > 2030") == []
    assert listed(where="rating > 1 and rating < 4", folder="pictures") == ["2.png", "3.png"]
    assert fault(client.get(f"{BASE}/pictures", params={"where": "takn > 3"}), 400) == "bad-request"
    page = data(client.get(f"{BASE}/pictures", params={"where": "rating < 5", "k": 2}))
    assert (page["total"], len(page["pictures"]), page["next"]) == (5, 2, "2")


def test_pictures_by_their_ids(client: TestClient) -> None:
    told = data(client.get(f"{BASE}/pictures", params={"id": [5, 2, 999]}))
    assert [picture["id"] for picture in told["pictures"]] == [5, 2]
    assert client.get(f"{BASE}/pictures", params={"id": list(range(201))}).status_code == 422


def test_facets_and_what_is_said(client: TestClient, first: int) -> None:
    told = data(client.get(f"{BASE}/facets", params={"where": "taken < 2014"}))
    counts = {one["name"]: {v["value"]: v["pictures"] for v in one["values"]} for one in told["facets"]}
    assert counts["camera"] == {"Canon EOS": 2, "Leica M9": 2}
    assert counts["year"] == {"2010": 1, "2011": 1, "2012": 1, "2013": 1}
    assert told["columns"] == ["price"] and {"taken", "gps", "lat"} <= {*told["fields"]}
    assert fault(client.get(f"{BASE}/facets", params={"where": "camra = x"}), 400) == "bad-request"
    said = data(client.get(f"{BASE}/pictures/{first}/said"))
    assert (said["taken"], said["camera"]) == ("2010-06-03T10:00:00", "Leica M9")
    assert said["annotations"] == {"price": "7"} and (said["latitude"], said["longitude"]) == (
        48.8583333,
        2.35,
    )
    assert client.get(f"{BASE}/pictures/999/said").status_code == 404


@pytest.mark.parametrize("where", ["lat > 3", "gps is missing", "rating = 1 or not (lon < 0 and width > 1)"])
def test_who_may_not_write_is_not_told_where(made: Path, where: str, first: int) -> None:
    signed = {"authorization": f"Bearer {TOKEN}"}
    with serving(made, client=AWAY) as far, serving(made, client=AWAY, token=TOKEN) as known:
        asked = {"queries": [{"picture": 1}], "where": where}
        assert fault(far.post(f"{BASE}/search", json=asked), 403) == "forbidden"
        assert far.get(f"{BASE}/facets", params={"where": where}).status_code == 403
        sent = {"picture": ("x.png", picture_bytes(3))}
        upload = far.post(f"{BASE}/search/upload", files=sent, data={"where": where})
        assert upload.status_code == 403
        said = data(far.get(f"{BASE}/pictures/{first}/said"))
        assert (said["camera"], said["latitude"], said["longitude"]) == ("Leica M9", None, None)
        assert "lat" not in data(far.get(f"{BASE}/facets"))["fields"]
        assert known.post(f"{BASE}/search", json=asked, headers=signed).status_code == 200
        assert data(known.get(f"{BASE}/pictures/{first}/said", headers=signed))["latitude"] == 48.8583333
    with serving(made, client=AWAY, token=TOKEN, read_only=True) as reader:
        assert reader.post(f"{BASE}/search", json=asked, headers=signed).status_code == 403
    with serving(made, read_only=True) as here:
        assert here.post(f"{BASE}/search", json=asked).status_code == 200


def test_the_client_asks_it(made: Path) -> None:
    with listening(made) as address:
        found = Client(address).search("photos", 1, where="rating >= 4")
    assert sorted(one.path for one in found) == ["pictures/4.png", "pictures/5.png"]


def test_a_collection_that_is_not_there_yet_has_none(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert data(client.get(f"{API}/collections/photos/facets"))["facets"] == []
