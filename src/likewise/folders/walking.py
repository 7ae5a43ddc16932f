"""Finding the picture files in a folder."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from likewise.errors import BadPicture, UsageError
from likewise.files.paths import real_path, within
from likewise.files.reading import unreadable
from likewise.folders.excludes import USUAL, Excludes
from likewise.pictures.signatures import SUFFIXES


@dataclass(frozen=True)
class Stamp:
    """The status that tells, unread, whether a file is still the one read."""

    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Take it from a file's status."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True)
class WalkedFile:
    """A file that a walk came by, and its problem when it cannot be read."""

    path: str
    stamp: Stamp
    problem: BadPicture | None = None


NO_STAMP = Stamp(0, 0, 0)


def need_pictures(sources: Iterable[str | os.PathLike[str]]) -> None:
    """Raise `UsageError` where no file is to be indexed, readable or not, in folders or among files."""
    named = [os.fspath(source) for source in sources]
    if all(os.path.isdir(source) and not any(True for _ in walk(source)) for source in named):
        kinds = " ".join(sorted(SUFFIXES))
        raise UsageError(f"no picture in {' or '.join(named)}: looked for files that end in {kinds}")


def walk(
    folder: str,
    inside: Sequence[str] = (),
    *,
    excludes: Excludes = USUAL,
    passed: Counter[str] | None = None,
) -> Iterator[WalkedFile]:
    """Yield the picture files below a folder, in the order of their names.

    Taken are regular files whose suffix is one of `SUFFIXES`; whatever else bears such a suffix, and what
    cannot be looked at or opened, comes with its problem. Links are followed, but each real folder is entered
    once, so a loop of links ends. What really lies in none of the folders ``inside``, if there are any, comes
    with a problem.

    Parameters
    ----------
    excludes
        What is left out.
    passed
        Counts the files that are passed over, by their suffix in lower case.
    """
    entered: set[tuple[int, int]] = set()
    ahead = [folder]
    while ahead:
        here = ahead.pop()
        if problem := _outside(here, inside):
            yield WalkedFile(here, _stamp_of_link(here), problem)
            continue
        try:
            names = _entered(here, entered)
        except OSError as error:
            yield WalkedFile(here, NO_STAMP, unreadable(here, error))
            continue
        folders = []
        for path in (os.path.join(here, name) for name in names):
            if excludes.leave_out(path):
                continue
            kind = _kind(path)
            if kind == "folder":
                folders.append(path)
            elif _is_picture_name(path):
                yield look(path, inside)
            elif isinstance(kind, OSError):
                yield WalkedFile(path, NO_STAMP, unreadable(path, kind))
            elif passed is not None and kind == "file":
                passed[os.path.splitext(path)[1].lower()] += 1
        ahead.extend(reversed(folders))


def _entered(folder: str, before: set[tuple[int, int]]) -> list[str]:
    """Names in a folder, sorted; none if it was entered before."""
    status = os.stat(folder)
    if (status.st_dev, status.st_ino) in before:
        return []
    before.add((status.st_dev, status.st_ino))
    return sorted(os.listdir(folder))


def _kind(path: str) -> Literal["folder", "file", "other"] | OSError:
    """The kind of a path, or the error that hides it; a link that leads nowhere is something else."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "other"
    except OSError as error:
        return error
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"


def look(path: str, inside: Sequence[str] = ()) -> WalkedFile:
    """Take the status of one file; whatever keeps it from being read becomes its problem."""
    if problem := _outside(path, inside):
        return WalkedFile(path, _stamp_of_link(path), problem)
    try:
        status = os.stat(path)
    except OSError as error:
        return WalkedFile(path, _stamp_of_link(path), unreadable(path, error))
    if not stat.S_ISREG(status.st_mode):
        return WalkedFile(path, Stamp.of(status), BadPicture(f"{path} is not a regular file", "unreadable"))
    return WalkedFile(path, Stamp.of(status))


def _outside(path: str, inside: Sequence[str]) -> BadPicture | None:
    """The problem of a path that really lies in none of some folders."""
    real = os.path.realpath(path) if inside else path
    if not inside or any(within(real, folder) for folder in inside):
        return None
    return BadPicture(f"{path} is a link that leads out of the folders allowed", "unreadable")


def _is_picture_name(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in SUFFIXES


def _stamp_of_link(path: str) -> Stamp:
    """Stamp a link that leads nowhere by itself, so that it is not tried again until it changes."""
    try:
        return Stamp.of(os.lstat(path))
    except OSError:
        return NO_STAMP


def resolve(
    sources: Iterable[str | os.PathLike[str]],
    *,
    known: Callable[[str], bool] | None = None,
    inside: Sequence[str] = (),
) -> list[str]:
    """Give sources their real absolute paths, without folders that lie in other ones.

    Raises `UsageError` when there is none, one is empty, does not exist, or lies outside.

    Parameters
    ----------
    known
        Says of a path that does not exist whether it will do all the same.
    inside
        Real folders in one of which each has to lie, unless there is none. A link in one that leads out
        stays what it is, and is found to be one when it is looked at.
    """
    named = [os.fspath(source) for source in sources]
    if not all(named):  # an unset variable is empty, and would mean the working folder
        raise UsageError("an empty path names nothing to add: give '.' for the working folder")
    paths = {_bounded(source, inside) for source in named}
    if not paths:
        raise UsageError("nothing to add: name at least one folder or picture file")
    for path in sorted(paths):
        if not os.path.lexists(path) and not (known and known(path)):
            raise UsageError(f"{path} does not exist: there is nothing to add")
    folders = {path for path in paths if os.path.isdir(path)}
    return sorted(path for path in paths if path not in folders or not _parents(path) & folders)


def _bounded(path: str, inside: Sequence[str]) -> str:
    real = real_path(path)
    if inside and not any(within(real, folder) for folder in inside):
        full = os.path.abspath(
            path
        )  # of a link, what it is; real_path gives where a folder lies that it leads to
        real = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
        if not any(within(real, folder) for folder in inside):
            raise UsageError(f"{path} lies outside of the folders that may be indexed")
    return real


def _parents(path: str) -> set[str]:
    return {str(parent) for parent in Path(path).parents}
