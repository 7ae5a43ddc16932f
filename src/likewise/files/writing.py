"""Files written whole or not at all, temporary folders, and the folder of what can be made again.

A file is written beside its place, flushed to disk and only then renamed, so that a reader finds the whole
file or none.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from likewise.errors import StorageError
from likewise.files.system import descriptor_of, flush, locked

DAY, MINUTE = 86_400.0, 60.0  # seconds


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
