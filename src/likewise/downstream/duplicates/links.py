"""Pictures as the files that they really are: links to one file are one picture, and what is gone is none."""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from likewise.collection.store import Entry
from likewise.files.reading import as_indexed


@dataclass(frozen=True)
class DuplicateFile:
    """A picture file that is there.

    Attributes
    ----------
    id
        Of the picture in its collection.
    path
        A real file wherever one of its names is one.
    root
        The indexed folder that ``path`` lies in.
    sha256
        Of what it holds, in hexadecimal digits.
    width, height
        Of the upright original.
    bytes, modified
        Size, and when it was changed, as Unix time.
    is_link
        Whether ``path`` is a symbolic link: then the file it leads to is not in the collection.
    others
        Other paths to the same file: hard links, and symbolic links.
    in_reference
        Whether it belongs to what others are compared against.
    """

    id: int
    path: Path
    root: Path
    sha256: str
    width: int
    height: int
    bytes: int
    modified: float
    is_link: bool = False
    others: tuple[Path, ...] = ()
    in_reference: bool = False

    def read(self) -> builtins.bytes | str:
        """The bytes of the file, or its path where it is very large; raises `BadPicture` where it changed."""
        return as_indexed(str(self.path), bytes.fromhex(self.sha256))

    @property
    def pixels(self) -> int:
        """Of the upright original."""
        return self.width * self.height


@dataclass(frozen=True)
class LeftOut:
    """Pictures of a collection that were not compared.

    Attributes
    ----------
    gone
        Files that are not there, or cannot be reached.
    changed
        Files that are no longer what was indexed.
    unreadable
        Files that cannot be opened, or decoded no more.
    """

    gone: tuple[Path, ...] = ()
    changed: tuple[Path, ...] = ()
    unreadable: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.gone) + len(self.changed) + len(self.unreadable)


def present(
    entries: Sequence[Entry], in_reference: Sequence[bool]
) -> tuple[list[int], list[DuplicateFile], LeftOut]:
    """The files of pictures, one for each inode.

    Returns places of the pictures in ``entries``, their files, and what was left out. ``in_reference``: which
    of the pictures belong to what others are compared against.
    """
    out: dict[str, list[Path]] = {"gone": [], "changed": [], "unreadable": []}
    by_inode: dict[tuple[int, int], tuple[int, DuplicateFile]] = {}
    for row, entry in enumerate(entries):
        try:
            status = os.stat(entry.path)
        except OSError:
            out["gone"].append(entry.path)
            continue
        if (status.st_size, status.st_mtime_ns / 1e9) != (entry.bytes, entry.modified):
            out["changed"].append(entry.path)
        elif not opens(entry.path):
            out["unreadable"].append(entry.path)
        else:
            inode = status.st_dev, status.st_ino
            file = _file(entry, in_reference[row])
            by_inode[inode] = _one(by_inode[inode], (row, file)) if inode in by_inode else (row, file)
    rows, files = [row for row, _ in by_inode.values()], [file for _, file in by_inode.values()]
    return rows, files, LeftOut(**{name: tuple(dict.fromkeys(paths)) for name, paths in out.items()})


def opens(path: str | os.PathLike[str]) -> bool:
    """Whether a file can be opened and read from."""
    try:
        with open(path, "rb") as file:
            return len(file.read(1)) == 1
    except OSError:
        return False


def _file(entry: Entry, in_reference: bool) -> DuplicateFile:
    return DuplicateFile(
        id=entry.id,
        path=entry.path,
        root=entry.root,
        sha256=entry.sha256,
        width=entry.width,
        height=entry.height,
        bytes=entry.bytes,
        modified=entry.modified,
        is_link=entry.path.is_symlink(),
        in_reference=in_reference,
    )


def _one(first: tuple[int, DuplicateFile], second: tuple[int, DuplicateFile]) -> tuple[int, DuplicateFile]:
    """One file by two names: the name that is no link goes before, then the one of the lower id."""
    (row, kept), (_, other) = sorted((first, second), key=lambda pair: (pair[1].is_link, pair[1].id))
    others = dict.fromkeys((*kept.others, other.path, *other.others))
    others.pop(kept.path, None)  # a picture of the reference that is also in what is compared against it
    in_reference = kept.in_reference or other.in_reference
    return row, replace(kept, others=tuple(others), in_reference=in_reference)
