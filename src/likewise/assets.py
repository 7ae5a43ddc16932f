"""Files that are not code: where they are kept, how they are fetched, how they are checked.

A fetched file is written beside its place, compared with its digest, flushed to disk and only then renamed,
so that a reader finds the whole file or none.
"""

from __future__ import annotations

import errno
import glob
import gzip
import hashlib
import importlib.util
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO

from likewise._version import __version__
from likewise.errors import FetchFailed, StorageError
from likewise.progress import Meter
from likewise.system import descriptor_of, flush, locked
from likewise.types import ProgressCallback

CHUNK = 1 << 20  # bytes
DAY, MINUTE = 86_400.0, 60.0  # seconds
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


def cache_dir() -> Path:
    """The folder of everything that can be fetched or computed again.

    ``$LIKEWISE_CACHE``, else ``$XDG_CACHE_HOME/likewise``, else ``~/.cache/likewise``. Raises `StorageError`
    when it would lie in the home folder of a user who has none.
    """
    own = os.environ.get("LIKEWISE_CACHE")
    path = own or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "likewise")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise StorageError(f"there is no home folder for {path}: set LIKEWISE_CACHE to a folder") from error


def sha256_file(path: Path) -> str:
    """Digest of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to; put what was written in the place of ``path`` when the block ends well.

    Raises `StorageError` when the disk is full or the folder cannot be written.
    """
    part = None
    try:
        part = _beside(path)
        yield part
        flush(part)
        os.replace(part, path)
        flush(path.parent)
    except OSError as error:
        raise _storage(path, error) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def sweep(path: Path, *, older: float = DAY) -> None:
    """Remove what killed writers of ``path`` left beside it: drafts not touched for ``older`` seconds.

    Processes may write one cache file at the same time, each its own draft; whoever holds a lock on ``path``
    may say 0.
    """
    for draft in path.parent.glob(f"{glob.escape(path.name)}.????????.part"):
        with suppress(FileNotFoundError):  # somebody else swept it
            if _now(path.parent) - draft.stat().st_mtime >= older:
                draft.unlink()


def sweep_folders(folder: Path, prefix: str) -> None:
    """Remove the temporary folders of this user that killed processes left.

    Those that can be told not to be in use any more, or that are of a day ago and cannot be told at all.
    """
    now = _now(folder)
    for left in folder.glob(f"{prefix}????????"):
        with suppress(OSError):  # somebody else's, or swept by somebody else
            status = left.lstat()
            mine = stat.S_ISDIR(status.st_mode) and status.st_uid == getattr(os, "getuid", lambda: 0)()
            age = MINUTE if (left / _HELD).exists() else DAY
            if mine and now - status.st_mtime >= age and not _is_held(left / _HELD):
                shutil.rmtree(left)


def _now(folder: Path) -> float:
    """The time by the clock of a disk: by one that jumps, what was made this moment is old."""
    with tempfile.TemporaryFile(dir=folder) as probe:
        return os.fstat(probe.fileno()).st_mtime


_HELD = ".held"
"""Locked in a temporary folder for as long as it is used, but for a moment at first."""

_TRIES = 8
"""Of making a temporary folder, which somebody who sweeps may take for a left one in that moment."""


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    descriptor = descriptor_of(path, os.O_RDWR, follow=False)
    try:
        return not locked(descriptor)
    finally:
        os.close(descriptor)


def _held(path: Path) -> int:
    """Make a file and lock it; raises `FileNotFoundError` where its folder is being swept."""
    descriptor = descriptor_of(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if locked(descriptor) and path.exists():
            return descriptor
    except OSError:  # files cannot be locked there
        return descriptor
    os.close(descriptor)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


class _Temporary:
    """A temporary folder that is gone when the block ends; making it raises `OSError`."""

    def __init__(self, folder: Path, prefix: str) -> None:
        sweep_folders(folder, prefix)
        for left in reversed(range(_TRIES)):
            self._room = tempfile.TemporaryDirectory(prefix=prefix, dir=folder, ignore_cleanup_errors=True)
            try:
                self._descriptor = _held(Path(self._room.name, _HELD))
                return
            except FileNotFoundError:
                self._room.cleanup()
                if not left:
                    raise

    def __enter__(self) -> Path:
        return Path(self._room.name)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        self._room.cleanup()


def made_folder(folder: Path) -> Path:
    """A folder, made with those above it unless it is there; raises `StorageError` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}") from error
    return folder


@contextmanager
def temporary() -> Iterator[Path]:
    """Give a folder among the system's temporary ones that is gone when the block ends.

    Raises `StorageError` when it cannot be made.
    """
    try:
        room = _Temporary(Path(tempfile.gettempdir()), "likewise-")
    except OSError as error:
        raise StorageError(f"no temporary folder can be made ({error.strerror}): set TMPDIR") from error
    with room as path:
        yield path


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Give a folder below ``folder`` that is gone when the block ends.

    Raises `StorageError` when it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        room = _Temporary(folder, "fetch-")
    except OSError as error:
        raise _storage(folder, error) from error
    with room as path:
        yield path


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
        _compare(sha256_file(files[0]), sha256)
        report(files[0].stat().st_size)
        os.replace(files[0], part)
    return target


def in_package(location: str) -> Path | None:
    """The file ``package/member`` of an installed package, found without importing it; None if not there."""
    package, _, member = location.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / member
    return path if path.is_file() else None


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
        _compare(sha256_file(files[0]), sha256)
        report(files[0].stat().st_size)
        os.replace(files[0], part)
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


def _storage(path: Path, error: OSError) -> StorageError:
    other = "name another folder"
    with suppress(StorageError):  # without a home folder there is no cache
        if path.is_relative_to(cache_dir()):
            other = "set LIKEWISE_CACHE to another one"
    return StorageError(f"cannot write {path}: {error.strerror or error}; make room there, or {other}")


def _beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))  # less what the umask takes
    return part
