"""Reading the files of pictures: regular files only, from where they may lie, and only what was indexed.

A catalogue may come from somebody else, and a file may have been swapped since it was indexed. What a stored
path leads to is therefore read, drawn, sent or copied only when its content is the one that was described:
nobody can name the digest of a file that he cannot read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from likewise.errors import BadPicture
from likewise.files.paths import within
from likewise.files.system import NO_WAIT, descriptor_of

AT_ONCE = 256 << 20
"""Files above this many bytes are hashed in passing instead of being held in memory."""


@contextmanager
def regular(path: str, inside: Sequence[str] = ()) -> Iterator[BufferedReader]:
    """Open a regular file.

    ``inside``: real folders in one of which it has to lie really, unless there is none: the file that is
    open, not the one that a name led to a moment ago. Raises `BadPicture` when it cannot be opened, is no
    regular file, or lies elsewhere.
    """
    try:
        descriptor = descriptor_of(Path(path), os.O_RDONLY | NO_WAIT)
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:  # a zero byte in the path
        raise BadPicture(f"{path!r} is no path", "unreadable") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadPicture(f"{path} is not a regular file", "unreadable")
    with open(descriptor, "rb") as file:
        if inside and not _lies(path, descriptor, inside):
            raise BadPicture(f"{path} leads out of the folders allowed", "unreadable")
        yield file


def _lies(path: str, descriptor: int, inside: Sequence[str]) -> bool:
    real = os.path.realpath(path)
    try:
        there = os.lstat(real)
    except OSError:
        return False
    return any(within(real, folder) for folder in inside) and os.path.samestat(there, os.fstat(descriptor))


def digested(file: BufferedReader) -> tuple[bytes | None, bytes]:
    """The content of a file, unless it is too large to hold, and its sha256; it is at its start again."""
    if os.fstat(file.fileno()).st_size > AT_ONCE:
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0)
        return None, digest
    held = file.read()
    file.seek(0)
    return held, hashlib.sha256(held).digest()


def as_indexed(path: str, sha256: bytes, inside: Sequence[str] = ()) -> bytes | str:
    """The content of a picture's file, or its path where that is too large to hold.

    Raises `BadPicture` as `regular`; and with the reason ``changed`` when the file is not what was indexed.
    """
    try:
        with regular(path, inside) as file:
            held, digest = digested(file)
    except OSError as error:
        raise unreadable(path, error) from error
    if digest != sha256:
        raise changed(path)
    return path if held is None else held


def changed(path: str) -> BadPicture:
    """The problem of a file that holds something else by now."""
    return BadPicture(f"{path} is not what was indexed: index its folder again", "changed")


def unreadable(path: str, error: OSError) -> BadPicture:
    """Turn what the system says about a file into the error of a bad picture."""
    gone = isinstance(error, FileNotFoundError | NotADirectoryError)
    return BadPicture(
        f"{path} cannot be read ({error.strerror or error})", "vanished" if gone else "unreadable"
    )
