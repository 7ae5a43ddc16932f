"""Pictures behind addresses, such as ``s3://bucket/photos``: listed and fetched by fsspec.

Everything else knows files by absolute paths. The picture at ``s3://bucket/photos/a.jpg`` is known as
``/s3/bucket/photos/a.jpg``: where the store is mounted there, it is seen as any other file.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable
from typing import Any

from likewise.errors import BadPicture, LikewiseError, StorageError, UsageError, needing
from likewise.folders import NO_STAMP, Stamp, WalkedFile
from likewise.pictures.signatures import SUFFIXES

ATTEMPTS = 3
"""How often a picture is fetched."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Faults of this disk, not of the picture."""

_VERSIONS = ("ETag", "etag", "LastModified", "last_modified", "updated", "mtime", "created")
"""Fields of stores that tell a changed file."""


def is_address(source: str | os.PathLike[str]) -> bool:
    """Whether something is an address rather than a path."""
    return "://" in os.fspath(source)


def path_of(address: str) -> str:
    """The absolute path under which a picture is known.

    Raises `UsageError` when it is an address of this machine's own files, or has parts that no path can have.
    """
    protocol, _, name = address.partition("://")
    path = f"/{protocol}/{name.strip('/')}"
    if protocol in ("file", "local"):
        raise UsageError(f"{address!r} is a file of this machine: give its path")
    if os.path.normpath(path) != path or "\0" in path:
        raise UsageError(f"{address!r} cannot be a path: it has empty parts, '.' or '..'")
    return path


def address_of(path: str) -> str:
    """Where a picture is fetched from that is known as a path."""
    protocol, _, name = path.lstrip("/").partition("/")
    return f"{protocol}://{name}"


def below(address: str) -> tuple[str, list[WalkedFile]]:
    """The path of a folder at an address, and all picture files in it; or of a single file.

    Raises `UsageError` when it cannot be listed, or names files of this machine; `MissingExtra` without
    fsspec.
    """
    try:
        store, root = _store(address)
        listed = store.find(root, detail=True)
        names = [(path_of(store.unstrip_protocol(name)), details) for name, details in listed.items()]
    except LikewiseError:
        raise
    except Exception as error:  # each store has errors of its own
        raise UsageError(f"{address!r} cannot be listed: {_said(error)}") from error
    files = [
        WalkedFile(path, _stamp(details))
        for path, details in names
        if os.path.splitext(path)[1].lower() in SUFFIXES
    ]
    return path_of(address), files


def named(addresses: Iterable[str]) -> list[WalkedFile]:
    """Pictures that a list names; a change behind an address is not seen. Errors as for `path_of`."""
    return [WalkedFile(path_of(address), NO_STAMP) for address in addresses]


def fetch(path: str, to: str) -> BadPicture | None:
    """Fetch a picture that is known as a path into a file; give the problem where that fails.

    Raises `StorageError` when the disk is full; `MissingExtra` without fsspec.
    """
    address = address_of(path)
    problem: BadPicture | None = None
    for _ in range(ATTEMPTS):
        try:
            store, name = _store(address)
            store.get_file(name, to)
        except LikewiseError:
            raise
        except FileNotFoundError:
            return BadPicture(f"{address} is not there", "vanished")
        except Exception as error:  # each store has errors of its own
            if isinstance(error, OSError) and error.errno in _FULL:
                raise StorageError(f"{to} cannot be written: {error.strerror}") from error
            problem = BadPicture(f"{address} cannot be fetched: {_said(error)}", "unreadable")
        else:
            return None
    return problem


def _store(address: str) -> tuple[Any, str]:
    with needing("an address", package="fsspec", extra="remote"):
        from fsspec.core import url_to_fs  # an extra
    store, name = url_to_fs(address)
    return store, name


def _stamp(details: dict[str, Any]) -> Stamp:
    """Size, and for the time a number that is another one when the store says that the file has changed."""
    version = next((str(details[key]) for key in _VERSIONS if details.get(key)), "")
    number = int.from_bytes(hashlib.sha256(version.encode()).digest()[:7]) if version else 0
    return Stamp(int(details.get("size") or 0), number, 0)


def _said(error: Exception) -> str:
    """One line of what a store says."""
    return " ".join(str(error).split())[:300] or type(error).__name__
