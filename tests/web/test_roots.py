"""What a server may index and give out: nothing outside of its roots, and nothing but what was indexed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from likewise.cli import serving as serving_command
from likewise.collection import Collection
from likewise.web.settings import Limits
from tests.fakes import RECIPE, FakeFactory, make_pictures, picture_bytes
from tests.systems import pipe
from tests.test_runs import run
from tests.web.serving import API, BASE, data, fault, finished, make_collection, serving
from tests.zoo import encode, photo


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A root with a link that leads out, indexed by a program that may follow it."""
    make_pictures(tmp_path / "root", 3)
    make_pictures(tmp_path / "secret", 2, first=60)
    (tmp_path / "secret" / "bad.png").write_bytes(b"no picture")
    (tmp_path / "root" / "linkdir").symlink_to(tmp_path / "secret")
    (tmp_path / "root" / "link.png").symlink_to(tmp_path / "secret" / "0060.png")
    return tmp_path


@pytest.fixture
def client(made: Path) -> Iterator[TestClient]:
    with serving(made, made / "new.likewise", roots=(made / "root",), originals=True) as client:
        yield client


NEW = f"{API}/collections/new"


def add(client: TestClient, route: str, **asked: Any) -> dict[str, Any]:
    job = data(client.post(f"{NEW}/{route}", **asked), 202)
    ended = finished(client, job)
    assert ended["state"] == "done", ended
    return ended


class TestIndexing:
    def test_no_way_in_leads_out(self, client: TestClient, made: Path) -> None:
        add(client, "add/folder", json={"root": "root"})
        keys = [failure["key"] for failure in data(client.get(f"{NEW}/failures"))["failures"]]
        assert len(keys) == 2
        for _ in range(2):
            report = add(client, "failures/retry", json={"keys": keys})["report"]
            assert (report["added"], report["copied"], report["failed"]) == (0, 0, 2)
            add(client, "failures/retry", json={})
            add(client, "update")
        collection = client.app.state.services.library["new"].collection  # type: ignore[attr-defined]
        assert collection.roots() == [made / "root"]
        assert sorted(path.name for _, path in collection.paths()) == ["0000.png", "0001.png", "0002.png"]

    def test_what_another_program_indexed_elsewhere_is_left_to_it(self, made: Path) -> None:
        make_collection(made, 10)
        with serving(made, roots=(made / "root",)) as client:
            assert fault(client.post(f"{BASE}/update"), 404) == "not-found"
            assert fault(client.post(f"{BASE}/failures/retry", json={}), 404) == "not-found"
        with serving(made) as client:
            assert fault(client.post(f"{BASE}/update"), 404) == "not-found"

    def test_a_root_within_what_was_indexed_is_looked_at(self, made: Path) -> None:
        make_collection(made, 10)
        make_pictures(made / "pictures" / "deep", 1, first=70)
        make_pictures(made / "pictures", 1, first=71)
        with serving(made, roots=(made / "pictures" / "deep",)) as client:
            job = finished(client, data(client.post(f"{BASE}/update"), 202))
        assert job["report"]["added"] == 1

    def test_a_retry_keeps_the_limits_of_what_was_sent(self, made: Path) -> None:
        limits = Limits(upload_pixels=10_000)
        with serving(made, made / "new.likewise", limits=limits) as client:
            sent = {"pictures": ("a.jpg", encode(photo(1, width=120, height=90), "JPEG"))}
            add(client, "add/files", files=sent)
            for _ in range(2):
                report = add(client, "failures/retry", json={})["report"]
                assert (report["added"], report["failed"]) == (0, 1)

    def test_a_retry_of_both_kinds_has_the_limits_of_each(self, made: Path) -> None:
        large = encode(photo(1, width=120, height=90), "JPEG")
        limits = Limits(upload_pixels=10_000)
        with serving(made, made / "new.likewise", limits=limits, roots=(made / "root",)) as client:
            add(client, "add/files", files={"pictures": ("a.jpg", large)})
            (made / "root" / "large.jpg").write_bytes(b"not yet")
            add(client, "add/folder", json={"root": "root"})
            (made / "root" / "large.jpg").write_bytes(encode(photo(2, width=120, height=90), "JPEG"))
            report = add(client, "failures/retry", json={})["report"]
            assert (report["added"], report["failed"]) == (1, 3)


class TestFailedFiles:
    def test_only_from_below_a_root(self, client: TestClient, made: Path) -> None:
        (made / "root" / "cut.png").write_bytes(b"cut off")
        add(client, "add/folder", json={"root": "root"})
        keys = {one["path"]: one["key"] for one in data(client.get(f"{NEW}/failures"))["failures"]}
        files = {path: client.get(f"{NEW}/failures/{key}/file").status_code for path, key in keys.items()}
        assert files.pop("root/cut.png") == 200
        assert set(files.values()) == {404} and len(files) == 2
        given = client.get(f"{NEW}/failures/{keys['root/cut.png']}/file")
        assert given.content == b"cut off"
        assert given.headers["content-disposition"].endswith("cut.png")
        assert given.headers["content-type"] == "application/octet-stream"
        assert client.get(f"{NEW}/failures/0000000000000000/file").status_code == 404

    def test_not_where_files_are_not_given_out(self, made: Path) -> None:
        with serving(made, made / "new.likewise", roots=(made / "root",)) as client:
            assert fault(client.get(f"{NEW}/failures/0000000000000000/file"), 403) == "forbidden"


class TestGivingOut:
    @pytest.fixture
    def served(self, client: TestClient, made: Path) -> TestClient:
        with Collection.open(made / "new.likewise", recipe=RECIPE, extractor_factory=FakeFactory()) as one:
            for name in ("0000", "0001", "0002"):  # one after the other, for ids that are known
                one.add(made / "root" / f"{name}.png")
        return client

    def given(self, client: TestClient, picture: int) -> list[int]:
        """Statuses of everything that shows a picture's file."""
        box = {"picture": picture, "box": [0, 0, 9, 9]}
        where = f"{NEW}/pictures/{picture}"
        return [
            client.get(f"{where}/original").status_code,
            client.get(f"{where}/thumbnail").status_code,
            client.post(f"{NEW}/search", json={"queries": [box]}).status_code,
            client.post(f"{NEW}/explain", json={"query": {"picture": picture}, "picture": 2}).status_code,
        ]

    def test_what_was_indexed(self, served: TestClient) -> None:
        assert self.given(served, 1) == [200] * 4

    @pytest.mark.parametrize("swap", ["link", "folder", "content", "pipe"])
    def test_not_what_lies_there_now(self, served: TestClient, made: Path, swap: str) -> None:
        path = made / "root" / "0000.png"
        path.unlink()
        match swap:
            case "link":
                path.symlink_to(made / "secret" / "0060.png")
            case "folder":
                path.mkdir()
            case "content":
                path.write_bytes(picture_bytes(900))
            case _:
                pipe(path)
        assert self.given(served, 1) == [404, 400, 400, 400]

    def test_not_the_same_content_elsewhere(self, served: TestClient, made: Path) -> None:
        path = made / "root" / "0000.png"
        path.rename(made / "secret" / "moved.png")
        path.symlink_to(made / "secret" / "moved.png")
        assert self.given(served, 1) == [404, 400, 400, 400]

    def test_a_thumbnail_is_only_kept_of_what_was_indexed(self, served: TestClient, made: Path) -> None:
        path = made / "root" / "0000.png"
        content = path.read_bytes()
        path.unlink()
        path.symlink_to(made / "secret" / "0060.png")
        assert served.get(f"{NEW}/pictures/1/thumbnail").status_code == 400
        path.unlink()
        path.write_bytes(content)
        shown = served.get(f"{NEW}/pictures/1/thumbnail").content
        other = served.get(f"{NEW}/pictures/2/thumbnail").content
        assert shown != other
        path.unlink()  # what is in the cache is what was indexed
        assert served.get(f"{NEW}/pictures/1/thumbnail").content == shown

    @pytest.mark.parametrize("path", ["/etc/passwd", "../../../../etc/hostname", "../secret/0060.png"])
    def test_not_what_a_hostile_catalogue_names(self, made: Path, path: str) -> None:
        with Collection.open(made / "x.likewise", recipe=RECIPE, extractor_factory=FakeFactory()) as one:
            one.add(made / "root" / "0000.png")
            one.add(made / "root" / "0001.png")
        with closing(sqlite3.connect(made / "x.likewise" / "catalogue.sqlite")) as connection, connection:
            connection.execute("UPDATE pictures SET path = CAST(? AS BLOB) WHERE id = 1", (path,))
        with serving(made, made / "x.likewise", originals=True) as client:
            for route in ("original", "thumbnail"):
                response = client.get(f"{API}/collections/x/pictures/1/{route}")
                assert response.status_code in (400, 404, 503), response.text


@pytest.mark.slow
def test_a_run_shows_only_what_was_ranked(tmp_path: Path) -> None:
    make_collection(tmp_path, 6)
    made = run(tmp_path, "full")
    secret = tmp_path / "private.png"
    secret.write_bytes(picture_bytes(900))
    told = json.loads(made.path.read_text())
    name = next(iter(told["benchmark"]["gallery"]))
    address = f"{API}/runs/{made.path.stem}/gallery/0/thumbnail"
    with serving(tmp_path, runs=tmp_path / "runs") as client:
        assert client.get(address).status_code == 200
        told["benchmark"]["gallery"][name] = str(secret)
        made.path.write_text(json.dumps(told))
        assert fault(client.get(address), 404) == "not-found"
        told["digests"][str(secret)] = "0" * 64
        made.path.write_text(json.dumps(told))
        assert fault(client.get(address), 400) == "bad-picture"
        told["benchmark"]["queries"][0]["picture"] = "/etc/passwd"
        made.path.write_text(json.dumps(told))
        assert fault(client.get(address.replace("gallery", "queries")), 404) == "not-found"


def test_what_to_start_the_server_with_is_told(made: Path) -> None:
    path = make_collection(made, 10)
    indexed = made / "pictures"
    assert str(made / "root") not in serving_command._hint([path], [])
    assert f"--root={indexed}" in serving_command._hint([path], [])
    assert serving_command._hint([path], [indexed]) == ""
    assert serving_command._hint([path], [made]) == ""
