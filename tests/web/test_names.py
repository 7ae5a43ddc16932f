"""Names that are no text, and text that is none: they are told as far as they can be, and break nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from likewise.collection import Collection
from tests.fakes import RECIPE, FakeFactory, picture_bytes
from tests.web.serving import API, data, serving

NAME = os.fsdecode(b"a\xff\n\xe2\x80\xae.png")
BASE = f"{API}/collections/odd"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A server of a collection with a picture whose name is no UTF-8, has a line end and runs backwards."""
    folder = tmp_path / "root"
    folder.mkdir()
    try:
        (folder / NAME).write_bytes(picture_bytes(1))
    except OSError:
        pytest.skip("this file system holds no such name")
    (folder / "b.png").write_bytes(picture_bytes(2))
    with Collection.open(
        tmp_path / "odd.likewise", recipe=RECIPE, extractor_factory=FakeFactory()
    ) as collection:
        collection.add(folder)
    with serving(tmp_path, tmp_path / "odd.likewise", roots=(folder,), originals=True) as client:
        yield client


def picture(client: TestClient) -> int:
    """The id of the picture with that name."""
    [id] = [one["id"] for one in data(client.get(f"{BASE}/pictures"))["pictures"] if one["name"] != "b.png"]
    return int(id)


def test_a_picture_with_such_a_name_is_given_out(client: TestClient) -> None:
    id = picture(client)
    original = client.get(f"{BASE}/pictures/{id}/original")
    assert (original.status_code, original.content) == (200, picture_bytes(1))
    assert "\n" not in original.headers["content-disposition"]
    assert client.get(f"{BASE}/pictures/{id}/thumbnail").status_code == 200
    found = data(client.post(f"{BASE}/search", json={"queries": [{"picture": id}]}))
    assert found["hits"][0]["id"] == id


@pytest.mark.parametrize("text", ["\ud800", "a\ud800b", "\udcff"])
def test_half_of_a_pair_in_what_is_asked(client: TestClient, text: str) -> None:
    """JSON can say it; nothing here can hold it."""
    for asked in (
        {"queries": [{"picture": 1}], "where": f"camera = '{text}'"},
        {"queries": [{"picture": 1}], "folder": text},
        {"queries": [{"upload": text}]},
    ):
        content = json.dumps(asked)
        headers = {"content-type": "application/json"}
        answer = client.post(f"{BASE}/search", content=content, headers=headers)
        assert answer.status_code in (200, 400, 404, 422), answer.text


@pytest.mark.parametrize(
    "name", ["filename", "accept-language", "x-forwarded-for", "cookie", "if-none-match"]
)
def test_bytes_that_are_no_text_in_a_header(client: TestClient, name: str) -> None:
    headers = {name.encode(): b"\xff\xed\xa0\x80"}
    assert client.get(f"{BASE}/pictures", headers=headers).status_code in (200, 400)
    assert client.get(f"{BASE}/pictures/{picture(client)}/thumbnail", headers=headers).status_code in (
        200,
        304,
    )


def test_a_name_of_a_file_that_is_sent(client: TestClient) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="\xff\xed\xa0\x80.png"\r\n\r\n'
    content = head + picture_bytes(5) + b"\r\n--x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x"}
    sent = client.post(f"{API}/uploads", content=content, headers=headers)
    assert sent.status_code in (201, 400, 422), sent.text
