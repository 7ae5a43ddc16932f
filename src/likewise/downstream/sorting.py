"""Pictures sorted into new folders, by copies or links; the pictures themselves stay where they are."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

from likewise.errors import BadPicture, StorageError, UsageError
from likewise.types import Progress, ProgressCallback

By: TypeAlias = Literal["copy", "link"]

Reader: TypeAlias = Callable[[Path], bytes | str]
"""Gives what a file holds, or its path, or raises `BadPicture`."""


def check_target(folder: Path, what: str = "sort pictures into") -> None:
    """See that a folder can be made.

    Raises `UsageError` when something lies there, unless it is an empty folder; `StorageError` when the
    folder around it is not there.
    """
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not os.listdir(folder))):
        raise UsageError(f"{folder} is there already: name a new folder to {what}")
    if not folder.absolute().parent.is_dir():
        raise StorageError(f"{folder} cannot be made: there is no folder {folder.absolute().parent}")


def sort_into(
    folder: Path,
    groups: Mapping[str, Sequence[Path]],
    *,
    by: By = "copy",
    progress: ProgressCallback | None = None,
    read: Reader = str,
) -> dict[Path, str]:
    """Put pictures into the sub-folders of a new folder; it is there whole at the end, or not at all.

    Returns pictures that could not be read, and why; they are left out. Raises `UsageError` when something
    lies there already; `StorageError` when the folder cannot be written, or links cannot be made there.

    Parameters
    ----------
    groups
        By name of the sub-folder its pictures. Of two with the same name the second is numbered.
    by
        ``copy``, with times, or ``link``, a symbolic link to where the picture lies.
    read
        Gives what a picture's file holds, or where it lies; what it refuses is left out.
    """
    check_target(folder)
    failures: dict[Path, str] = {}
    total, done = sum(len(paths) for paths in groups.values()), 0
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.absolute().parent) as part:
            made = Path(part, "sorted")
            for name, paths in groups.items():
                Path(made, name).mkdir(parents=True)
                for path, target in zip(paths, _targets(made / name, paths), strict=True):
                    if problem := _put(path, target, by, read):
                        failures[path] = problem
                    done += 1
                    if progress:
                        progress(Progress(done, total, len(failures), note=name))
            os.replace(made, folder)
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror or error}") from error
    return failures


def _targets(folder: Path, paths: Sequence[Path]) -> list[Path]:
    """A name for each picture that no other has, whatever the case of its letters."""
    taken: set[str] = set()
    targets = []
    for path in paths:
        name, number = path.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        taken.add(name.casefold())
        targets.append(folder / name)
    return targets


def _put(path: Path, target: Path, by: By, read: Reader) -> str:
    """Copy or link one picture; what kept it from being read."""
    try:
        content = read(path)
    except BadPicture as problem:
        return str(problem)
    if by == "link":
        try:
            target.symlink_to(path.absolute())
        except (OSError, NotImplementedError) as error:
            raise StorageError(
                f"no links can be made in {target.parent.parent.parent.parent} ({error}): sort by copy"
            ) from error
        return ""
    if isinstance(content, bytes):
        target.write_bytes(content)
        with suppress(FileNotFoundError):  # it has just been deleted
            shutil.copystat(path, target)
        return ""
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        return error.strerror or str(error)
    shutil.copy2(path, target)
    return ""
