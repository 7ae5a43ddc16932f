"""Fetching against a server on loopback and a pip index in a folder; nothing here leaves the machine."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from likewise import files
from likewise.errors import FetchFailed, StorageError
from likewise.files import fetching, system, writing
from likewise.types import Progress
from tests.systems import posix

CONTENT = bytes(range(256)) * 12_000  # three megabytes: several chunks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://example.invalid/file")
            self.end_headers()
        elif self.path == "/near":
            self.send_response(302)
            self.send_header("Location", "/file")
            self.end_headers()
        elif self.path in ("/file", "/short"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: len(CONTENT) // (2 if self.path == "/short" else 1)])
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"LIKEWISE_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/likewise"),
        ({}, "/home/me/.cache/likewise"),
    ],
)
def test_cache_dir(environment: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIKEWISE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert files.cache_dir() == Path(folder)


def test_sha256_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert files.sha256_file(path) == SHA256


def test_download(server: str, tmp_path: Path) -> None:
    seen: list[Progress] = []
    target = tmp_path / "new" / "file"
    assert fetching.download(f"{server}/file", target, sha256=SHA256, progress=seen.append) == target
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]
    assert sys.platform == "win32" or target.stat().st_mode & 0o777 == 0o644
    assert len(seen) > 1
    assert seen[-1].done == seen[-1].total == len(CONTENT)
    assert seen[-1].remaining == 0


def test_download_by_a_weaker_digest_and_a_redirection(server: str, tmp_path: Path) -> None:
    target, md5 = tmp_path / "file", hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    assert fetching.download(f"{server}/near", target, sha256=SHA256[:8]).read_bytes() == CONTENT
    assert fetching.download(f"{server}/near", target, md5=md5).read_bytes() == CONTENT
    with pytest.raises(FetchFailed, match="not the same file"):
        fetching.download(f"{server}/near", target, md5="0" * 32)


@pytest.mark.parametrize(
    ("page", "digest", "reason"),
    [
        ("/file", "0" * 64, "not the same file"),
        ("/file", "", "not the same file"),
        ("/short", SHA256, r"ended after 1,536,000 of 3,072,000 bytes"),
        ("/none", SHA256, "404"),
        ("/away", SHA256, "not an https address"),
    ],
)
def test_failed_downloads_leave_nothing(
    page: str, digest: str, reason: str, server: str, tmp_path: Path
) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"older")
    with pytest.raises(FetchFailed, match=reason):
        fetching.download(server + page, target, sha256=digest)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"older"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.invalid/file",
        "file:///etc/hostname",
        "ftp://localhost/file",
        "http://127.0.0.1.example/",
    ],
)
def test_users_get_https_only(url: str, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="not an https address"):
        fetching.download(url, tmp_path / "file", sha256=SHA256)


def test_a_server_out_of_reach(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="no connection"):
        fetching.download("http://127.0.0.1:9/file", tmp_path / "file", sha256=SHA256)


def test_replacing_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    with files.replacing(path) as part:
        part.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_windows_replaces_no_file_that_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(os, "replace", refuses)
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(StorageError, match="Access is denied"), files.replacing(path) as part:
        part.write_text("after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_in_the_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LIKEWISE_CACHE", str(tmp_path))
    with pytest.raises(StorageError, match="LIKEWISE_CACHE"), files.replacing(tmp_path / "file" / "below"):
        pass
    with pytest.raises(StorageError, match="LIKEWISE_CACHE"), files.scratch(tmp_path / "file" / "below"):
        pass


def test_in_package_imports_nothing() -> None:
    found = fetching.in_package("json/decoder.py")
    assert found is not None
    assert found.name == "decoder.py"
    assert fetching.in_package("json/none.py") is None
    assert fetching.in_package("no_such_package_here/file") is None


def test_extract(tmp_path: Path) -> None:
    archive = sdist(tmp_path, "")
    target = fetching.extract(archive, "widget-1.0/data.bin", tmp_path / "data")
    assert target.read_bytes() == b"weights"
    with pytest.raises(FetchFailed, match="holds no"):
        fetching.extract(archive, "widget-1.0/none", tmp_path / "none")
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(FetchFailed, match="damaged"):
        fetching.extract(archive, "widget-1.0/data.bin", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def sdist(folder: Path, setup: str) -> Path:
    """An archive in the old form; ``setup`` is what its setup.py would do."""
    archive = folder / "widget-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in (
            ("setup.py", setup.encode()),
            ("data.bin", b"weights"),
            ("PKG-INFO", b"Name: widget"),
        ):
            member = tarfile.TarInfo(f"widget-1.0/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A package registry that is a folder."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return lambda setup: sdist(folder, setup)


def test_nothing_of_an_archive_runs(registry: Callable[[str], Path], tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    archive = registry(f"open({str(ran)!r}, 'w').close()")
    target = tmp_path / "cache" / "archive.tar.gz"
    fetching.from_registry("widget==1.0", target, sha256=files.sha256_file(archive))
    assert target.read_bytes() == archive.read_bytes()
    assert list(target.parent.iterdir()) == [target]
    assert not ran.exists()


def test_another_archive_than_published(registry: Callable[[str], Path], tmp_path: Path) -> None:
    registry("raise SystemExit('ran')")
    with pytest.raises(FetchFailed, match="DO NOT MATCH THE HASHES"):
        fetching.from_registry("widget==1.0", tmp_path / "cache" / "file", sha256="0" * 64)
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_such_archive(registry: Callable[[str], Path], tmp_path: Path) -> None:
    registry("")
    with pytest.raises(FetchFailed, match="No matching distribution"):
        fetching.from_registry("gadget==1.0", tmp_path / "file", sha256="0" * 64)


@posix
def test_no_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\necho /usr/bin/python: No module named pip >&2\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(bare))
    with pytest.raises(FetchFailed, match="ensurepip"):
        fetching.from_registry("widget==1.0", tmp_path / "file", sha256="0" * 64)


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a program called npm on the path; its body is given, and $5 is the folder it should pack into."""
    if sys.platform == "win32":
        pytest.skip("needs a shell")
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(body: str) -> None:
        (folder / "npm").write_text(f"#!/bin/sh\n{body}\n")
        (folder / "npm").chmod(0o755)

    return put


def test_an_npm_package_is_packed_without_its_scripts(npm: Callable[[str], None], tmp_path: Path) -> None:
    wanted = "pack colours@1.2.3 --ignore-scripts --pack-destination"
    npm(f'test "$1 $2 $3 $4" = "{wanted}" && printf red > "$5/c.tgz"')
    digest = hashlib.sha256(b"red").hexdigest()
    told: list[Progress] = []
    found = fetching.from_npm("colours@1.2.3", tmp_path / "c", sha256=digest, size=3, progress=told.append)
    assert found.read_bytes() == b"red"
    assert told[0].note == "fetching colours@1.2.3"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('printf blue > "$5/c.tgz"', "its digest is"),
        (
            "echo 'npm error code E404' >&2; echo 'npm error 404 Not Found' >&2; exit 1",
            "npm ended with 1: 404 Not Found",
        ),
        ("true", "npm ended with 0: it left no archive"),
    ],
)
def test_npm_that_does_not_give_the_package(
    npm: Callable[[str], None], tmp_path: Path, body: str, message: str
) -> None:
    npm(body)
    with pytest.raises(FetchFailed, match=message):
        fetching.from_npm("colours@1.2.3", tmp_path / "c", sha256="0" * 64)
    assert not (tmp_path / "c").exists()


def test_no_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchFailed, match="no npm client"):
        fetching.from_npm("colours@1.2.3", tmp_path / "c", sha256="0" * 64)


def test_no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKEWISE_CACHE", "~nosuchuser/x")
    with pytest.raises(StorageError, match="set LIKEWISE_CACHE"):
        files.cache_dir()


def test_drafts_of_killed_writers_are_swept_and_those_of_others_are_not(tmp_path: Path) -> None:
    names = [
        "[f].abcdefgh.part",
        "[f].bcdefghi.part",
        "f.abcdefgh.part",
        "[f].json.abcdefgh.part",
        "[f].part",
    ]
    for name in names:
        (tmp_path / name).touch()
        if "bcdefghi" not in name:
            os.utime(tmp_path / name, (0, 0))
    with files.replacing(tmp_path / "[f]"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["[f]", *names[1:]])
    files.sweep(tmp_path / "[f]", older=0)
    assert not (tmp_path / names[1]).exists()


def test_what_killed_processes_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, young, other = (tmp_path / f"likewise-{name}" for name in ("abcdefgh", "ijklmnop", "of-somebody"))
    link = tmp_path / "likewise-qrstuvwx"
    for folder in (old, young, other):
        folder.mkdir()
        (folder / "arrays").write_bytes(b"left")
    link.symlink_to(other, target_is_directory=True)
    for folder in (old, other):
        os.utime(folder, (0, 0))
    os.utime(link, (0, 0), follow_symlinks=False)
    with files.temporary() as room:
        assert room.is_dir()
        assert not old.exists()
        assert (young / "arrays").exists()
        assert (other / "arrays").exists()
        os.utime(room, (0, 0))  # as a clock that jumps makes it look
        with files.temporary() as other_room:
            assert room.is_dir()
        assert not other_room.exists()
    assert not room.exists()
    (tmp_path / "fetch-abcdefgh").mkdir()
    os.utime(tmp_path / "fetch-abcdefgh", (0, 0))
    with files.scratch(tmp_path) as room:
        assert [path.name for path in tmp_path.glob("fetch-*")] == [room.name]


def test_a_folder_that_is_swept_as_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    real, asked = system.locked, list[int]()

    def locked(descriptor: int) -> bool:
        asked.append(descriptor)
        if len(asked) == 1:
            return False  # somebody looks whether it is in use
        if len(asked) == 2:
            shutil.rmtree(next(tmp_path.iterdir()))  # and removes it
        return real(descriptor)

    monkeypatch.setattr(writing, "locked", locked)
    with files.temporary() as room:
        assert len(asked) == 3
        assert [path.name for path in room.iterdir()] == [".held"]
        with (room / ".held").open("rb+") as other:
            assert not real(other.fileno())
    monkeypatch.setattr(writing, "locked", lambda descriptor: False)
    with pytest.raises(StorageError, match="no temporary folder"), files.temporary():
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_clock_that_jumps_makes_no_folder_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    young = tmp_path / "likewise-abcdefgh"
    young.mkdir()
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + 1e8)
    with files.temporary():
        assert young.is_dir()


def test_a_killed_process_is_told_from_one_that_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    line = "from likewise.files import temporary\nwith temporary() as room: print(room, flush=True), input()"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", line],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout
        left = Path(process.stdout.readline().strip())
        os.utime(left, (0, time.time() - 61))
        with files.temporary():
            assert left.is_dir()
        process.kill()
    assert left.is_dir()
    os.utime(left, (0, time.time() + 3600))  # so that it is young however slow this goes on
    with files.temporary():
        assert left.is_dir()  # one that was made a moment ago may not be locked yet
    os.utime(left, (0, time.time() - 61))
    with files.temporary():
        assert not left.exists()
