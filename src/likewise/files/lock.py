"""One writer at a time, known by name to the second one."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from likewise.errors import CollectionLocked, StorageError
from likewise.files.system import descriptor_of, locked, overwrite, read_at

_SIGNED = b'{"pid": '
"""How the signature of a holder begins."""


@contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Hold the lock file for the length of a ``with`` block.

    The kernel gives the lock back when the process ends, however it ends, so a lock is never left behind.
    Raises `CollectionLocked` when somebody holds it, naming the process, the machine, the command and since
    when; `StorageError` when the file cannot be opened for writing, is a link, or is no lock but a file with
    something in it.
    """
    try:
        descriptor = descriptor_of(path, os.O_RDWR | os.O_CREAT, follow=False)
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror})") from error
    try:
        _take(descriptor, path)
        _know(descriptor, path)
        _sign(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    try:
        taken = locked(descriptor)
    except OSError as error:
        raise StorageError(f"{path} cannot be locked ({error.strerror})") from error
    if not taken:
        raise CollectionLocked(
            f"{path.parent} is being written by {_holder(descriptor)}; "
            "wait until it is done, or stop it: searching works meanwhile"
        )


def _know(descriptor: int, path: Path) -> None:
    """See that what will be overwritten is a signature, whole or cut short, and no file of somebody's."""
    held = read_at(descriptor, len(_SIGNED)).rstrip(b"\0")  # zeros are what a power cut can leave
    if not _SIGNED.startswith(held):
        raise StorageError(f"{path} is no lock: it holds something else; move it away, it is in the way")


def _sign(descriptor: int, path: Path) -> None:
    """Write down who holds the lock, for the message that a second writer gets."""
    command = shlex.join(sys.argv)
    signature = {"pid": os.getpid(), "host": socket.gethostname(), "command": command, "since": time.time()}
    try:
        overwrite(descriptor, json.dumps(signature).encode())
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror}); free some space") from error


def _holder(descriptor: int) -> str:
    try:
        signature = json.loads(read_at(descriptor, 65536))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(signature["since"]))
        return (
            f"process {signature['pid']} on {signature['host']} since {since} ({signature['command'][:200]})"
        )
    except (ValueError, KeyError, TypeError):  # the holder is about to write it
        return "another process"
