"""Safe by default: a test for each promise, each of which tries the attack."""

from __future__ import annotations

import hmac
import io
import logging
import os
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from likewise.errors import UsageError
from likewise.web import security
from likewise.web.limits import Buckets
from likewise.web.settings import Limits, Settings
from tests.fakes import FakeExtractor, FakeFactory, make_pictures, picture_bytes
from tests.web.serving import API, BASE, PATIENCE, TOKEN, data, fault, finished, make_collection, serving
from tests.zoo import bomb_png, encode, photo

WRITES: dict[str, dict[str, Any]] = {
    f"{BASE}/add/folder": {"json": {"root": "root"}},
    f"{BASE}/add/files": {"files": {"pictures": ("a.png", picture_bytes(1))}},
    f"{BASE}/failures/retry": {"json": {}},
    f"{BASE}/update": {},
    f"{BASE}/remove": {"json": {"pictures": [1]}},
    f"{BASE}/undo": {"json": {"undo": "0" * 32}},
    f"{BASE}/duplicates/trash": {"json": {"pictures": [1]}},
    f"{BASE}/duplicates/dismiss": {"json": {"pictures": [1, 2]}},
    f"{API}/jobs/0/pause": {},
    f"{API}/jobs/0/resume": {},
    f"{API}/jobs/0/cancel": {},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("security")
    make_collection(folder, 10)
    make_pictures(folder / "root" / "inside", 2, first=50)
    make_pictures(folder / "secret", 2, first=60)
    (folder / "root" / "way-out").symlink_to(folder / "secret")
    return folder


@pytest.fixture(scope="module")
def client(made: Path) -> Iterator[TestClient]:
    with serving(made, roots=(made / "root",)) as client:
        yield client


@pytest.fixture(scope="module")
def guarded(made: Path) -> Iterator[TestClient]:
    with serving(made, token=TOKEN, host="0.0.0.0", roots=(made / "root",), client=("10.0.0.9", 4)) as client:
        yield client


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class TestWhereItListens:
    def test_by_default_only_on_this_machine(self, made: Path) -> None:
        assert Settings((made / "photos.likewise",), made).host == "127.0.0.1"

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", "127.0.0.1.example.org"])
    def test_another_host_takes_a_token(self, made: Path, host: str) -> None:
        with pytest.raises(UsageError, match="--token"):
            Settings((made / "photos.likewise",), made, host=host)
        assert Settings((made / "photos.likewise",), made, host=host, token=TOKEN)

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.5.0.1", "::1", "localhost"])
    def test_this_machine_does_not(self, made: Path, host: str) -> None:
        assert Settings((made / "photos.likewise",), made, host=host)

    @pytest.mark.parametrize("token", ["", "short", "ż" * 20])
    def test_a_token_that_can_be_guessed_is_none(self, made: Path, token: str) -> None:
        with pytest.raises(UsageError, match="token"):
            Settings((made / "photos.likewise",), made, token=token)


class TestToken:
    def test_nothing_is_told_without_it(self, guarded: TestClient) -> None:
        for route in guarded.app.openapi()["paths"]:  # type: ignore[attr-defined]
            path = re.sub(r"{\w+}", "1", route.replace("{name}", "photos"))
            for method in ("GET", "POST", "DELETE"):
                response = guarded.request(method, path)
                if path not in (f"{API}/session", f"{API}/health"):
                    assert fault(response, 401) == "unauthorised", (method, path)
        assert fault(guarded.get(f"{API}/openapi.json"), 401) == "unauthorised"

    @pytest.mark.parametrize(
        "headers",
        [
            {"authorization": "Bearer "},
            {"authorization": f"Bearer {TOKEN[:-1]}"},
            {"authorization": f"Bearer {TOKEN}x"},
            {"authorization": f"Basic {TOKEN}"},
            {"authorization": TOKEN},
            {"cookie": f"likewise={TOKEN}"},
            {"cookie": "likewise="},
            {"cookie": "likewise=" + "0" * 64},
            {"x-forwarded-for": "127.0.0.1"},
        ],
    )
    def test_wrong_ones(self, made: Path, headers: dict[str, str]) -> None:
        with serving(made, token=TOKEN) as client:
            assert fault(client.get(BASE, headers=headers), 401) == "unauthorised"

    def test_the_right_one_reads_and_writes(self, guarded: TestClient) -> None:
        assert data(guarded.get(BASE, headers=bearer()))["pictures"] == 10
        response = guarded.post(f"{BASE}/remove", json={"pictures": [999]}, headers=bearer())
        assert fault(response, 404) == "not-found"

    def test_a_browser_exchanges_it_for_a_cookie(self, made: Path) -> None:
        with serving(made, token=TOKEN) as client:
            assert fault(client.post(f"{API}/session", json={"token": "wrong-token-wrong-token"}), 401)
            response = client.post(f"{API}/session", json={"token": TOKEN})
            cookie = response.headers["set-cookie"]
            assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
            assert TOKEN not in cookie
            assert data(client.get(BASE))["pictures"] == 10
            assert data(client.get(f"{API}/session"))["signed_in"]
            client.delete(f"{API}/session")
            assert fault(client.get(BASE), 401) == "unauthorised"

    def test_it_is_compared_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        compared = []

        def compare(a: bytes, b: bytes) -> bool:
            compared.append((len(a), len(b)))
            return a == b

        monkeypatch.setattr(hmac, "compare_digest", compare)
        for given in ("", TOKEN[:-1], TOKEN, "x" * 1000, "\udc80"):
            assert security.same(given, TOKEN) == (given == TOKEN)
        assert compared == [(32, 32)] * 5  # of one length, whatever was given

    def test_trying_many_is_slowed_down_but_locks_nobody_out(self, made: Path) -> None:
        with serving(made, token=TOKEN) as client:
            statuses = [
                client.get(BASE, headers=bearer(f"guess-number-{number:05}")).status_code
                for number in range(30)
            ]
            assert statuses[:10] == [401] * 10
            assert set(statuses[10:]) == {429}
            assert client.post(f"{API}/session", json={"token": "w" * 20}).status_code == 429
            assert client.get(BASE, headers=bearer()).status_code == 200


class TestWrites:
    @pytest.mark.parametrize("path", WRITES)
    def test_from_elsewhere_they_need_the_token(self, made: Path, path: str) -> None:
        with serving(made, client=("10.0.0.9", 4), roots=(made / "root",)) as client:
            assert fault(client.post(path, **WRITES[path]), 403) == "forbidden"

    @pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "via"])
    def test_a_proxy_on_this_machine_makes_nobody_local(self, client: TestClient, header: str) -> None:
        response = client.post(f"{BASE}/remove", json={"pictures": [1]}, headers={header: "127.0.0.1"})
        assert fault(response, 403) == "forbidden"

    @pytest.mark.parametrize("path", WRITES)
    def test_read_only_means_nobody(self, made: Path, path: str) -> None:
        with serving(made, read_only=True, token=TOKEN) as client:
            assert fault(client.post(path, headers=bearer(), **WRITES[path]), 403) == "read-only"
            assert not data(client.get(f"{API}/session", headers=bearer()))["can_write"]

    def test_parts_of_which_an_original_can_be_put_together_are_given_as_originals_are(
        self, made: Path
    ) -> None:
        address, part = f"{BASE}/pictures/1/thumbnail", {"box": "0,0,8,8"}
        with serving(made, client=("10.0.0.9", 4)) as far, serving(made, read_only=True) as near:
            assert fault(far.get(address, params=part), 403) == "forbidden"
            assert far.get(address).status_code == near.get(address, params=part).status_code == 200
        with serving(made, read_only=True, token=TOKEN) as reader:
            assert fault(reader.get(address, params=part, headers=bearer()), 403) == "forbidden"
        with serving(made, client=("10.0.0.9", 4), originals=True) as open_:
            assert open_.get(address, params=part).status_code == 200

    def test_what_lies_below_the_roots_is_for_those_who_may_add_it(self, made: Path) -> None:
        with serving(made, read_only=True, roots=(made / "root",)) as client:
            assert fault(client.get(f"{API}/roots/root/folders"), 403) == "read-only"

    def test_all_of_them_are_tried_here(self, client: TestClient) -> None:
        reading = {"search", "upload", "uploads", "compare", "explain", "session"}
        paths = client.app.openapi()["paths"].items()  # type: ignore[attr-defined]
        changing = {
            path for path, methods in paths if "post" in methods and path.split("/")[-1] not in reading
        }
        tried = {re.sub(r"/0/", "/{id}/", path.replace("photos", "{name}")) for path in WRITES}
        assert changing == tried


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "..",
            "../secret",
            "inside/../../secret",
            "/etc",
            "way-out",
            "way-out/.",
            "inside/\0",
            "./../root/..",
        ],
    )
    def test_only_folders_below_a_root(self, client: TestClient, path: str) -> None:
        asked = {"root": "root", "path": path}
        assert fault(client.post(f"{BASE}/add/folder", json=asked), 403) == "forbidden"
        response = client.get(f"{API}/roots/root/folders", params={"path": path})
        assert fault(response, 403) == "forbidden"

    def test_a_link_that_leads_out_is_neither_shown_nor_followed(self, made: Path, tmp_path: Path) -> None:
        make_pictures(tmp_path / "root", 3, first=300)
        (tmp_path / "root" / "link.png").symlink_to(made / "secret" / "0060.png")
        (tmp_path / "root" / "folder").symlink_to(made / "secret")
        with serving(tmp_path, tmp_path / "new.likewise", roots=(tmp_path / "root",)) as client:
            assert data(client.get(f"{API}/roots/root/folders"))["folders"] == []
            job = data(client.post(f"{API}/collections/new/add/folder", json={"root": "root"}), 202)
            report = finished(client, job)["report"]
        assert (report["added"], report["failed"]) == (3, 2)

    @pytest.mark.parametrize("root", ["other", "..", "%2e%2e", "/"])
    def test_only_the_roots_that_were_given(self, client: TestClient, root: str) -> None:
        assert fault(client.post(f"{BASE}/add/folder", json={"root": root}), 404) == "not-found"

    def test_nothing_that_a_client_names_is_opened(self, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        secret = "/proc/self/environ"
        named: list[str] = []
        for name in ("open", "stat", "lstat", "listdir", "scandir"):
            real = getattr(os, name)

            def seen(path: Any, *args: Any, real: Any = real, **more: Any) -> Any:
                named.append(os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "")
                return real(path, *args, **more)

            monkeypatch.setattr(os, name, seen)
        with serving(made) as client:
            for query in ({"upload": secret}, {"picture": secret}, {"path": secret}, {"url": secret}):
                assert client.post(f"{BASE}/search", json={"queries": [query]}).status_code in (404, 422)
            asked = {"queries": [{"picture": 1}], "folder": secret}
            assert client.post(f"{BASE}/search", json=asked).status_code == 404
            client.get(f"{BASE}/pictures", params={"path": secret, "folder": secret})
            client.get(f"{API}/uploads/{secret}")
            client.get(f"{API}/runs/{secret}")
            client.get(f"{API}/collections/{secret}")
            client.get("/static/../../../../../../proc/self/environ")
            client.get("/static/%2e%2e/%2e%2e/app.py")
            sent = {"picture": (secret, picture_bytes(1))}
            assert client.post(f"{BASE}/search/upload", files=sent).status_code == 200
        assert not [path for path in named if "environ" in path and not path.startswith(str(made))]

    def test_a_stage_cannot_name_a_file(self, client: TestClient) -> None:
        asked = {"queries": [{"picture": 1}], "then": ["expand:file=/etc/passwd"]}
        assert client.post(f"{BASE}/search", json=asked).status_code == 400


class TestNoFetching:
    def test_addresses_are_no_pictures(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        called: list[object] = []
        monkeypatch.setattr(socket.socket, "connect", lambda _, address: called.append(address))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: called.append(address))
        url = "http://169.254.169.254/latest/meta-data"
        for query in ({"url": url}, {"upload": url}, {"picture": url}, {"picture": 1, "url": url}):
            assert client.post(f"{BASE}/search", json={"queries": [query]}).status_code in (404, 422)
        content = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>'.encode()
        response = client.post(f"{API}/uploads", files={"picture": ("a.svg", content)})
        assert fault(response, 400) == "bad-picture"
        assert client.post(f"{API}/uploads", data={"picture": url}).status_code == 422
        assert called == []


class TestUploads:
    limits = Limits(
        upload_bytes=20_000,
        request_bytes=60_000,
        json_bytes=5000,
        upload_pixels=10_000,
        upload_files=3,
        queries=2,
    )

    @pytest.fixture
    def client(self, made: Path) -> Iterator[TestClient]:
        with serving(made, limits=self.limits, roots=(made / "root",)) as client:
            yield client

    def test_bytes_of_one(self, client: TestClient) -> None:
        sent = {"picture": ("a.bin", bytes(20_001))}
        assert fault(client.post(f"{API}/uploads", files=sent), 413) == "too-large"
        sent = {"pictures": ("a.bin", bytes(20_001))}
        assert fault(client.post(f"{BASE}/add/files", files=sent), 413) == "too-large"

    def test_bytes_of_all(self, client: TestClient) -> None:
        sent = [("picture", (f"{number}.bin", bytes(19_000))) for number in range(4)]
        assert fault(client.post(f"{BASE}/search/upload", files=sent), 413) == "too-large"

    def test_a_length_that_lies(self, client: TestClient) -> None:
        def endless() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'
            for _ in range(100_000):
                yield bytes(1000)

        headers = {"content-type": "multipart/form-data; boundary=x"}
        response = client.post(f"{API}/uploads", content=endless(), headers=headers)
        assert fault(response, 413) == "too-large"

    def test_a_body_that_is_no_form(self, client: TestClient) -> None:
        response = client.post(
            f"{BASE}/search", content=b" " * 5001, headers={"content-type": "application/json"}
        )
        assert fault(response, 413) == "too-large"
        response = client.post(
            f"{BASE}/search", content=iter([b" " * 3000] * 2), headers={"content-type": "application/json"}
        )
        assert fault(response, 413) == "too-large"

    def test_pixels(self, client: TestClient) -> None:
        for content in (bomb_png(), encode(photo(1, width=120, height=90), "JPEG")):
            response = client.post(f"{API}/uploads", files={"picture": ("a.png", content)})
            assert data(response, 400)["error"]["reason"] == "too-large"
        sent = {"pictures": ("a.jpg", encode(photo(1, width=120, height=90), "JPEG"))}
        job = finished(client, data(client.post(f"{BASE}/add/files", files=sent), 202))
        assert (job["report"]["added"], job["report"]["failed"]) == (0, 1)

    def test_count(self, client: TestClient) -> None:
        sent = [("pictures", (f"{number}.png", picture_bytes(number))) for number in range(4)]
        assert fault(client.post(f"{BASE}/add/files", files=sent), 413) == "too-large"
        sent = [("picture", file) for _, file in sent[:3]]
        assert fault(client.post(f"{BASE}/search/upload", files=sent), 400) == "bad-request"
        asked = {"queries": [{"picture": 1}] * 3}
        assert fault(client.post(f"{BASE}/search", json=asked), 400) == "bad-request"
        asked = {"queries": [{"picture": 1}], "yes": [{"picture": 2}] * 100}
        assert fault(client.post(f"{BASE}/search", json=asked), 400) == "bad-request"

    @pytest.mark.parametrize("address", [f"{API}/uploads", f"{BASE}/search/upload"])
    def test_what_cannot_be_read_is_not_kept(self, made: Path, tmp_path: Path, address: str) -> None:
        cut = picture_bytes(4)[:-40]  # its header can be read
        sent = [("picture", ("a.png", picture_bytes(3))), ("picture", ("b.png", cut))]
        with serving(made, state=tmp_path) as client:
            assert fault(client.post(address, files=sent[-1:]), 400) == "bad-picture"
            if "search" in address:
                assert fault(client.post(address, files=sent), 400) == "bad-picture"
        assert [path for path in (tmp_path / "uploads").rglob("u*") if path.is_file()] == []

    def test_what_was_sent_before_stays(self, made: Path, tmp_path: Path) -> None:
        cut = picture_bytes(4)[:-40]
        sent = [("picture", ("a.png", picture_bytes(3))), ("picture", ("b.png", cut))]
        with serving(made, state=tmp_path) as client:
            upload = data(client.post(f"{API}/uploads", files=sent[:1]), 201)["id"]
            assert fault(client.post(f"{BASE}/search/upload", files=sent), 400) == "bad-picture"
            assert data(client.get(f"{API}/uploads/{upload}"))["id"] == upload

    @pytest.mark.slow
    def test_what_is_kept_is_bounded(self, made: Path, tmp_path: Path) -> None:
        with serving(made, limits=Limits(kept_uploads=20_000), state=tmp_path) as client:
            for number in range(200):
                client.post(f"{API}/uploads", files={"picture": ("a.png", picture_bytes(number))})
        files = [path for path in (tmp_path / "uploads").rglob("u*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) < 20_000 + 64 * 200

    def test_too_slow_a_body(self, made: Path) -> None:
        import time

        def slow() -> Iterator[bytes]:
            for _ in range(20):
                time.sleep(0.05)
                yield b" "

        with serving(made, limits=Limits(body_seconds=0.0)) as client:
            response = client.post(
                f"{BASE}/search", content=slow(), headers={"content-type": "application/json"}
            )
            assert fault(response, 408) == "timeout"


class Held(FakeExtractor):
    """Describes nothing before it may."""

    may = threading.Event()

    def describe(self, loaded: Any) -> Any:
        self.may.wait(PATIENCE)
        return super().describe(loaded)


class TestRates:
    def test_too_many_requests(self, made: Path) -> None:
        with serving(made, limits=Limits(rate=0.001, burst=5)) as client:
            answers = [client.get(BASE) for _ in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
        assert fault(answers[-1], 429) == "busy"
        assert int(answers[-1].headers["retry-after"]) >= 1

    def test_clients_do_not_spend_each_others(self) -> None:
        buckets = Buckets(rate=0.001, burst=2)
        assert [buckets.take("a") for _ in range(3)] == [True, True, False]
        assert buckets.take("b")

    def test_a_rate_comes_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        monkeypatch.setattr("likewise.web.limits.time.monotonic", lambda: now[0])
        buckets = Buckets(rate=2, burst=3)
        assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]
        now[0] += 1.1
        assert [buckets.take("a") for _ in range(3)] == [True, True, False]

    def test_too_many_at_once(self, made: Path) -> None:
        limits = replace(Limits(), running=1, waiting=1)
        Held.may.clear()
        with serving(made, limits=limits, factory=FakeFactory(kind=Held)) as client:
            asked = [{"queries": [{"picture": 1, "box": [0, 0, 9, 9 + number]}]} for number in range(2)]
            threads = [
                threading.Thread(target=client.post, args=(f"{BASE}/search",), kwargs={"json": one})
                for one in asked
            ]
            for thread in threads:
                thread.start()
            gate = client.app.state.services.gate  # type: ignore[attr-defined]
            while gate.inside < 2:
                pass
            refused = client.post(f"{BASE}/search", json=asked[0])
            assert fault(refused, 429) == "busy"
            assert refused.headers["retry-after"] == "1"
            assert client.get(f"{API}/health").status_code == 200  # what is cheap is still answered
            Held.may.set()
            for thread in threads:
                thread.join()
            assert client.post(f"{BASE}/search", json=asked[0]).status_code == 200


class TestHeaders:
    @pytest.mark.parametrize(
        "path", ["/api", "/static/api.css", BASE, "/nothing", f"{BASE}/pictures/1/thumbnail"]
    )
    def test_every_answer_has_a_strict_policy(self, client: TestClient, path: str) -> None:
        headers = client.get(path).headers
        policy = dict(
            part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers

    def test_also_refusals_and_faults(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        refused = client.get(BASE, headers={"host": "evil.example"})
        monkeypatch.setattr("likewise.web.services.library.Library.__getitem__", lambda *_: 1 / 0)
        broken = client.get(BASE)
        assert (refused.status_code, broken.status_code) == (421, 500)
        for response in (refused, broken):
            assert "default-src 'none'" in response.headers["content-security-policy"]

    def test_pages_have_no_inline_script_or_style(self, client: TestClient) -> None:
        for path in ("/api", "/"):
            text = client.get(path).text
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", text), path
            assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text), path


class TestOtherSites:
    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "",
            "a@127.0.0.1",
        ],
    )
    def test_a_name_that_was_made_to_lead_here(self, client: TestClient, host: str) -> None:
        assert fault(client.get(BASE, headers={"host": host}), 421) == "host-refused"

    @pytest.mark.parametrize(
        "host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "localhost."]
    )
    def test_names_of_its_own(self, client: TestClient, host: str) -> None:
        assert client.get(BASE, headers={"host": host}).status_code == 200

    def test_further_names_have_to_be_given(self, made: Path) -> None:
        with serving(made, names=("photos.example",)) as client:
            assert client.get(BASE, headers={"host": "photos.example"}).status_code == 200
            assert client.get(BASE, headers={"host": "other.example"}).status_code == 421

    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": "http://127.0.0.1:9999"},
            {"origin": "http://127.0.0.1:8080.evil.example"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
        ],
    )
    @pytest.mark.parametrize("path", [f"{BASE}/remove", f"{BASE}/search", f"{API}/uploads", f"{API}/session"])
    def test_posts_of_other_sites(self, client: TestClient, path: str, headers: dict[str, str]) -> None:
        assert fault(client.post(path, json={"pictures": [1]}, headers=headers), 403) == "forbidden"

    def test_pictures_are_not_shown_on_other_sites(self, client: TestClient) -> None:
        headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
        assert fault(client.get(f"{BASE}/pictures/1/thumbnail", headers=headers), 403) == "forbidden"

    def test_a_link_from_another_site_opens_the_page(self, client: TestClient) -> None:
        headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert client.get("/api", headers=headers).status_code == 200

    def test_its_own_page_may(self, client: TestClient) -> None:
        headers = {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"}
        assert fault(client.post(f"{BASE}/remove", json={"pictures": [999]}, headers=headers), 404)


class TestMetadata:
    SECRET = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x10\0\0\0\x1a\0\0\0\0\0\0\0SecretCamera123\0"

    def test_thumbnails_tell_nothing(self, tmp_path: Path) -> None:
        folder = tmp_path / "pictures"
        folder.mkdir()
        (folder / "a.jpg").write_bytes(
            encode(photo(1), "JPEG", exif=self.SECRET, comment=b"SecretComment", icc_profile=b"SecretProfile")
        )
        from likewise.collection import Collection
        from tests.fakes import RECIPE

        with Collection.open(
            tmp_path / "photos.likewise", recipe=RECIPE, extractor_factory=FakeFactory()
        ) as collection:
            collection.add(folder)
        with serving(tmp_path) as client:
            sent = {"picture": ("a.jpg", (folder / "a.jpg").read_bytes())}
            upload = data(client.post(f"{API}/uploads", files=sent), 201)["id"]
            for address in (f"{BASE}/pictures/1/thumbnail", f"{API}/uploads/{upload}/thumbnail"):
                for accept in ("image/webp", "image/jpeg"):
                    for asked in ({"size": "160"}, {"size": "1920"}, {"size": "1920", "box": "0,0,9,9"}):
                        content = client.get(address, params=asked, headers={"accept": accept}).content
                        assert b"Secret" not in content
                        picture = Image.open(io.BytesIO(content))
                        assert (
                            not picture.getexif()
                            and not {"exif", "comment", "icc_profile"} & picture.info.keys()
                        )
            assert fault(client.get(f"{BASE}/pictures/1/original"), 403) == "forbidden"
        with serving(tmp_path, originals=True) as client:
            response = client.get(f"{BASE}/pictures/1/original")
        assert response.content == (folder / "a.jpg").read_bytes()
        assert response.headers["content-disposition"].startswith("attachment")


class TestErrors:
    def test_no_path_and_no_traceback(self, made: Path, tmp_path: Path) -> None:
        make_collection(tmp_path, 6)
        texts = []
        with serving(tmp_path, roots=(made / "root",)) as client:
            for path in (tmp_path / "pictures").rglob("*.png"):
                path.unlink()
            texts += [
                client.get(f"{BASE}/pictures/1/thumbnail").text,
                client.post(f"{BASE}/search", json={"queries": [{"picture": 1, "box": [0, 0, 9, 9]}]}).text,
                client.post(f"{BASE}/explain", json={"query": {"picture": 1}, "picture": 2}).text,
                client.get(f"{BASE}/failures").text,
                client.post(f"{BASE}/add/folder", json={"root": "root", "path": "nothing"}).text,
                client.post(
                    f"{BASE}/search", content=b"{", headers={"content-type": "application/json"}
                ).text,
            ]
            client.app.state.services.library["photos"].collection.close()  # type: ignore[attr-defined]
            (tmp_path / "photos.likewise" / "catalogue.sqlite").write_bytes(b"rubbish" * 1000)
            broken = client.get(BASE)
            assert fault(broken, 503) == "unavailable"
        for text in [*texts, broken.text]:
            for word in (str(tmp_path), str(made), "Traceback", ".py", "sqlite", 'File "'):
                assert word not in text, (word, text)

    def test_a_fault_of_the_program(self, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("secret /etc/passwd detail")

        monkeypatch.setattr("likewise.web.services.library.Library.__getitem__", fail)
        response = client.get(BASE)
        assert fault(response, 500) == "internal"
        assert "secret" not in response.text


def test_logs_hold_no_picture_and_no_token(made: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    content = b"PictureContent" * 10
    with serving(made, token=TOKEN) as client:
        client.post(f"{API}/uploads", files={"picture": ("a.png", content)}, headers=bearer())
        client.post(f"{BASE}/search", json={"queries": [{"vector": [0.12345] * 12}]}, headers=bearer())
        client.post(f"{API}/session", json={"token": TOKEN})
        client.post(f"{API}/session", json={"token": "a-wrong-token-of-mine"})
    ours = [
        record for record in caplog.records if record.name.split(".")[0] in ("likewise", "uvicorn", "fastapi")
    ]
    for record in ours:
        for word in ("PictureContent", "0.12345", TOKEN, "a-wrong-token-of-mine"):
            assert word not in record.getMessage()
