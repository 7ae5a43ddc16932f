"""Choosing pictures by where they lie."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import translate

from likewise.collection.layers.query import whole
from likewise.collection.store.catalogue import Catalogue, FilePlace
from likewise.errors import UsageError
from likewise.files.paths import native, within
from likewise.types import plain


class Selection:
    """Pictures in a folder, at a path, or whose path matches a glob.

    Raises `UsageError` when it is empty.

    Parameters
    ----------
    where
        Absolute, or as seen from the working folder, or as seen from the folder that was indexed. In a glob
        ``*`` also stands for ``/``, so that ``*.png`` finds them at any depth. An accent is the same whether
        it is written as one character with its letter or as one of its own.
    """

    def __init__(self, where: str | os.PathLike[str]) -> None:
        text = os.fspath(where) if isinstance(where, str | os.PathLike) else ""
        # An unset variable is an empty path, which would stand for all that the working folder holds.
        if not text or "\0" in text:
            raise UsageError(
                f"{where!r} names no picture: give a path, a folder or a glob; '.' for this folder"
            )
        here = os.path.abspath(text)
        self._folders = {plain(here)}
        with suppress(UnicodeEncodeError):  # no file here has such a name, but one of a server may
            self._folders.add(plain(os.path.realpath(here)))
        self._below = plain(os.path.normpath(text))
        self._globs = [re.compile(translate(plain(pattern))) for pattern in (native(text), here)]

    def holds(self, path: str, below: str) -> bool:
        """Whether a picture belongs to it, by its absolute path and the path below its root."""
        path, below = plain(path), plain(below)
        return (
            any(within(path, folder) for folder in self._folders)
            or within(below, self._below)
            or any(glob.match(name) is not None for glob in self._globs for name in (path, below))
        )

    def ids(self, catalogue: Catalogue) -> Iterator[int]:
        """Ids of the pictures that belong to it, rising."""
        return (picture for picture, path, below in catalogue.paths(strict=True) if self.holds(path, below))

    def failures(self, catalogue: Catalogue) -> list[FilePlace]:
        """Places of files that failed and belong to it."""
        paths = [str(failure.path) for failure in catalogue.failures()]
        return [
            place
            for path in paths
            if (place := catalogue.place(path)) and self.holds(path, native(os.fsdecode(place.path)))
        ]


def named(catalogue: Catalogue, what: int | str | os.PathLike[str]) -> tuple[list[int], list[FilePlace]]:
    """Ids of the pictures, and places of the failures, that an argument names."""
    if isinstance(what, str | os.PathLike):
        selection = Selection(what)
        return list(selection.ids(catalogue)), selection.failures(catalogue)
    row = whole(what, "what to remove, if it is no path,")
    return [row] if catalogue.has(row) else [], []
