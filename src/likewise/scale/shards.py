"""Shards: files that are described together, few enough that one may be lost."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from likewise.errors import UsageError
from likewise.folders import WalkedFile, look, walk
from likewise.scale.addresses import below, is_address, named
from likewise.scale.parquet import paths_in

FILES = 1000
"""In a shard, on average; four times as many at most."""


@dataclass(frozen=True)
class Shard:
    """Files that are described together.

    Attributes
    ----------
    id
        24 hexadecimal digits, of the paths, sizes and times of its files: where one of them changes it is
        another shard.
    files
        Absolute paths, in their order.
    """

    id: str
    files: tuple[str, ...]


class Listing(NamedTuple):
    """Files to be described, the folder below which all of them are, and whether they have to be fetched."""

    root: str
    files: Sequence[WalkedFile]
    remote: bool = False


def listed(source: str | os.PathLike[str]) -> Listing:
    """The folder below which files are, and all picture files in it, or all that a list names.

    A list is a text file of one path a line, absolute or from where the list lies, or a Parquet file with a
    column ``path`` or ``url``. A folder, or all that a list names, may be addresses, which come as the paths
    that `likewise.scale.addresses.path_of` gives. Raises `UsageError` when there is no such folder or list,
    it names nothing, or addresses and paths; `MissingExtra` without pyarrow or fsspec, where they are needed.
    """
    if is_address(source):
        return Listing(*below(os.fspath(source)), remote=True)
    path = os.path.realpath(source)
    if os.path.isdir(path):
        return Listing(path, list(walk(path)))
    names = [name for name in _names(path, os.fspath(source)) if name]
    if not names:
        raise UsageError(f"{os.fspath(source)!r} names no file: give a folder, or a list of paths")
    remote = {is_address(name) for name in names}
    if len(remote) == 2:
        raise UsageError(f"{os.fspath(source)!r} names both addresses and paths: make two lists of them")
    if True in remote:
        files = named(names)
    else:
        files = [look(os.path.normpath(os.path.join(os.path.dirname(path), name))) for name in names]
    return Listing(os.path.commonpath([os.path.dirname(file.path) for file in files]), files, True in remote)


def _names(path: str, source: str) -> list[str]:
    try:
        if path.endswith(".parquet"):
            return paths_in(path)
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return [line.rstrip("\r\n") for line in file]
    except OSError as error:
        raise UsageError(f"{source!r} is no folder and no list that can be read: {error}") from error


def cut(root: str, found: Iterable[WalkedFile], files: int = FILES) -> Iterator[Shard]:
    """Cut files below a folder into shards of ``files`` on average, and four times as many at most.

    A shard ends after a path whose checksum, as seen from the folder, says so: one file more or less changes
    one shard, not all that follow. Paths that come twice count once.
    """
    ends = list[WalkedFile]()
    ordered = sorted({file.path: file for file in found}.values(), key=lambda file: os.fsencode(file.path))
    for file in ordered:
        ends.append(file)
        if zlib.crc32(os.fsencode(os.path.relpath(file.path, root))) % files == 0 or len(ends) == 4 * files:
            yield _shard(ends)
            ends = []
    if ends:
        yield _shard(ends)


def _shard(files: Iterable[WalkedFile]) -> Shard:
    files = list(files)
    digest = hashlib.sha256()
    for file in files:
        digest.update(b"%s\0%d %d\n" % (os.fsencode(file.path), file.stamp.size, file.stamp.mtime_ns))
    return Shard(digest.hexdigest()[:24], tuple(file.path for file in files))
