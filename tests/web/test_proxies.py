"""Whom a server without a token takes for somebody on this machine, behind proxies as they come."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.web.serving import BASE, listening, make_collection

BODY = json.dumps({"pictures": [1]}).encode()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    make_collection(tmp_path, 6)
    return tmp_path


def removing(address: str, **headers: str) -> int:
    """The status of a removal."""
    asked = Request(f"{address}{BASE}/remove", BODY, {"content-type": "application/json", **headers})
    try:
        with urlopen(asked, timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def by_hand(address: str, version: str) -> bytes:
    """The first line of the answer to a removal in some version of HTTP."""
    host = address.removeprefix("http://")
    head = f"POST {BASE}/remove HTTP/{version}\r\nhost: {host}\r\ncontent-type: application/json\r\n"
    with socket.create_connection(tuple(host.split(":")), timeout=20) as connection:  # type: ignore[arg-type]
        connection.sendall(f"{head}content-length: {len(BODY)}\r\n\r\n".encode() + BODY)
        return connection.makefile("rb").readline()


@pytest.mark.parametrize(
    "header",
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"],
)
def test_a_proxy_that_says_so_is_not_this_machine(made: Path, header: str) -> None:
    with listening(made) as address:
        assert removing(address, **{header: "192.0.2.1"}) == 403
        assert removing(address) == 200


def test_http_1_0_is_how_proxies_ask(made: Path) -> None:
    with listening(made) as address:
        assert b" 403 " in by_hand(address, "1.0")
        assert b" 200 " in by_hand(address, "1.1")


@contextmanager
def nginx(folder: Path, address: str, *more: str) -> Iterator[str]:
    """A stock nginx before a server, with ``proxy_pass`` and a few lines more; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    lines = " ".join(f"{line};" for line in (f"proxy_pass {address}", *more))
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; events {{}} "
        f"http {{ access_log off; {temporary} "
        f"server {{ listen 127.0.0.1:{port}; location / {{ {lines} }} }} }}"
    )
    command = [str(shutil.which("nginx")), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 20
            while time.monotonic() < end:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.mark.tools
@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx")
class TestNginx:
    def test_with_nothing_but_proxy_pass(self, made: Path) -> None:
        with listening(made) as address, nginx(made, address) as proxy:
            assert removing(proxy) == 403
            assert removing(address) == 200

    def test_with_the_headers_that_are_told_of(self, made: Path) -> None:
        told = "proxy_set_header X-Forwarded-For $remote_addr", "proxy_http_version 1.1"
        with listening(made) as address, nginx(made, address, *told) as proxy:
            assert removing(proxy) == 403

    def test_with_a_token_it_is_who_knows_it(self, made: Path) -> None:
        token = "a-token-of-some-length"
        with (
            listening(made, token=token) as address,
            nginx(made, address, "proxy_http_version 1.1") as proxy,
        ):
            assert removing(proxy) == 401
            assert removing(proxy, authorization=f"Bearer {token}") == 200
