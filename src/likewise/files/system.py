"""Differences of operating systems: opening, locking and flushing files, and counting cores.

Windows was never at hand: its half follows the documentation of Python's ``msvcrt`` and is tested with a
stand-in for it.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

NO_WAIT = getattr(os, "O_NONBLOCK", 0)
"""Flag: opening a pipe does not wait for its other end."""

_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_LOCKED_BYTE = 1 << 30
"""Windows lets nobody read a byte that is locked: this one lies behind everything that is written."""


THREADS = min(8, os.cpu_count() or 1)
"""Threads that one search of vectors may take."""


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def descriptor_of(path: str | os.PathLike[str], flags: int, mode: int = 0o666, *, follow: bool = True) -> int:
    """A descriptor that no child inherits, of bytes as they are.

    ``follow``: whether a link is gone through; otherwise it is refused.
    """
    if follow:
        return os.open(path, flags | _ALWAYS, mode)
    if not hasattr(os, "O_NOFOLLOW") and os.path.islink(path):
        raise OSError(None, "it is a link", os.fspath(path))
    return os.open(path, flags | _ALWAYS | getattr(os, "O_NOFOLLOW", 0), mode)


def read_at(descriptor: int, length: int) -> bytes:
    """The first bytes of a file."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, length)


def overwrite(descriptor: int, content: bytes) -> None:
    """Put something in the place of all that a file holds.

    Raises `OSError` when it cannot be written.
    """
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, content)


if sys.platform == "win32":
    import msvcrt

    def locked(descriptor: int, *, shared: bool = False) -> bool:
        """Lock an open file unless somebody else has; the system unlocks it when it is closed, however."""
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:  # how Windows says that it is locked; it has no shared locks
            return False
        return True

    def descriptors(wanted: int) -> int:
        """How many files and connections this process may have open; Windows has no limit that is near."""
        return max(wanted, 1 << 14)

    def bound(memory: int, seconds: int, written: int) -> None:
        """Nothing: Windows has no limits that a process sets itself."""

    def flush(path: Path) -> None:
        """See that what was written is on the disk; of a folder Windows sees to that itself."""
        if path.is_file():
            _flush(path, os.O_RDWR)  # it flushes nothing that was opened for reading
else:
    import fcntl
    import resource

    def locked(descriptor: int, *, shared: bool = False) -> bool:
        """Lock an open file unless somebody else has; the system unlocks it when it is closed, however.

        ``shared``: only in the way of one who wants it alone. Raises `OSError` when files cannot be locked
        there.
        """
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def descriptors(wanted: int) -> int:
        """How many files and connections this process may have open, once it has asked for so many."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        if soft != resource.RLIM_INFINITY and soft < most:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return 1 << 20 if soft == resource.RLIM_INFINITY else soft

    def bound(memory: int, seconds: int, written: int) -> None:
        """Let this process have no more bytes of addresses, seconds of the processor, and bytes in a file.

        It leaves no core behind. macOS does not heed the first.
        """
        limits = {
            resource.RLIMIT_AS: memory,
            resource.RLIMIT_CPU: seconds,
            resource.RLIMIT_FSIZE: written,
            resource.RLIMIT_CORE: 0,
        }
        for kind, most in limits.items():
            _, hard = resource.getrlimit(kind)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            with suppress(OSError, ValueError):
                resource.setrlimit(kind, (most, most))

    def flush(path: Path) -> None:
        """See that what was written to a file, or which files a folder has, is on the disk."""
        _flush(path, os.O_RDONLY)


def give_way() -> None:
    """Have the thread that calls this run only when nothing else wants to, where threads can."""
    if sys.platform == "linux":  # elsewhere it would be the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _flush(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
