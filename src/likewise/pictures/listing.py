"""The pictures of a folder, as data sets and samples take them: by suffix, at any depth, in one order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from likewise.errors import UsageError
from likewise.pictures.signatures import SUFFIXES


def pictures_below(folder: Path) -> list[Path]:
    """The pictures at any depth below a folder by suffix, sorted; hidden files and folders are passed over.

    Raises `UsageError` when there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: give the folder that holds the pictures")
    files = sorted(_walk(folder))
    if not files:
        raise UsageError(f"no picture lies below {folder}")
    return files


def _walk(folder: Path) -> Iterator[Path]:
    # A link may lead back to where the walk has been: each folder is entered once.
    entered = {folder.resolve()}
    for parent, folders, files in os.walk(folder, followlinks=True):
        below, folders[:] = sorted(folders), []
        for name in below:
            real = Path(parent, name).resolve()
            if not name.startswith(".") and real not in entered:
                entered.add(real)
                folders.append(name)
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(parent, name)
