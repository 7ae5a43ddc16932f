"""A collection of visual words behind the interface: searched, explained by patches, and its limits."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from likewise.collection.layers.layer import Sources
from likewise.errors import BadPicture
from likewise.local import patches
from tests.fake_words import FakePatches, make_pictures, open_fake, picture, vocabulary
from tests.web.serving import API, BASE, data, fault, serving


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    vocabulary().save(folder / "v.words")
    make_pictures(folder / "pictures", 6)
    whole = picture(30)
    whole.paste(picture(0).crop((0, 0, 24, 16)), (24, 16))
    whole.save(folder / "pictures" / "part.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patches, "PatchExtractor", FakePatches)
        with open_fake(folder / "photos.likewise", folder / "v.words") as collection:
            collection.add(folder / "pictures")
    return folder


@pytest.fixture
def client(made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(patches, "PatchExtractor", FakePatches)
    with serving(made) as client:
        yield client


def sent(client: TestClient, shown: Image.Image) -> str:
    file = io.BytesIO()
    shown.save(file, "PNG")
    told = data(client.post(f"{API}/uploads", files={"picture": ("a.png", file.getvalue())}), 201)
    return str(told["id"])


def found(client: TestClient, *queries: dict[str, object], **more: object) -> list[str]:
    told = data(client.post(f"{BASE}/search", json={"queries": queries, **more}))
    return [hit["name"] for hit in told["hits"]]


def test_its_facts(client: TestClient) -> None:
    told = data(client.get(BASE))
    assert (told["distance"], told["explains"], told["localise"]) == ("words", True, True)
    assert told["pictures"] == 7


def test_a_picture_that_is_removed_while_it_is_searched_with(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = shutil.copytree(made, tmp_path / "made")

    def removed(sources: Sources, picture: int) -> bytes:
        with open_fake(own / "photos.likewise") as other:
            other.remove(picture)
        raise BadPicture("its file went with it", "vanished")

    monkeypatch.setattr(Sources, "content", removed)
    with serving(own) as client:
        asked = {"queries": [{"picture": 1}]}
        assert fault(client.post(f"{BASE}/search", json=asked), 404) == "not-found"


def test_searching_by_upload_id_box_and_several(client: TestClient) -> None:
    upload = sent(client, picture(0))
    assert found(client, {"upload": upload})[:2] == ["0000.png", "part.png"]
    first = data(client.post(f"{BASE}/search", json={"queries": [{"upload": upload}]}))["hits"][0]
    assert found(client, {"picture": first["id"]})[:2] == ["0000.png", "part.png"]
    assert set(found(client, {"upload": upload, "box": [0, 0, 24, 16]})[:2]) == {"0000.png", "part.png"}
    both = found(client, {"upload": upload}, {"upload": sent(client, picture(3))})
    assert set(both[:2]) == {"0000.png", "0003.png"}
    asked = {"then": ["localise:top=3"], "no": [{"upload": upload}]}
    assert found(client, {"upload": upload}, **asked)[0] == "0000.png"


def test_why_two_pictures_match(client: TestClient) -> None:
    upload = sent(client, picture(0))
    hits = data(client.post(f"{BASE}/search", json={"queries": [{"upload": upload}]}))["hits"]
    part = next(hit for hit in hits if hit["name"] == "part.png")
    told = data(client.post(f"{BASE}/explain", json={"query": {"upload": upload}, "picture": part["id"]}))
    assert told["score"] == pytest.approx(part["score"], rel=1e-4)
    for side in ("query", "hit"):
        heat = told[side]["heat"]
        assert sum(heat["values"]) == pytest.approx(told["score"], rel=1e-4)
        assert len(heat["values"]) == heat["rows"] * heat["columns"]
        assert told[side]["png"].startswith("data:image/png;base64,")
    assert told["matches"] == sorted(told["matches"], key=lambda one: -one["weight"])
    strongest = told["matches"][0]
    shift = [b - a for a, b in zip(strongest["query"], strongest["hit"], strict=True)]
    assert shift == [24, 16, 24, 16]


def test_what_needs_vectors_says_so(client: TestClient) -> None:
    told = data(client.get(f"{BASE}/duplicates"), 400)["error"]
    assert told["code"] == "bad-request"
    assert told["message"].startswith("this is a collection of visual words, which has no vectors: ")
    assert fault(client.post(f"{BASE}/search", json={"queries": [{"vector": [1.0]}]}), 400) == "bad-request"
    asked = {"queries": [{"picture": 1}, {"picture": 2, "box": [0, 0, 9, 9]}]}
    assert fault(client.post(f"{BASE}/search", json=asked), 400) == "bad-request"
