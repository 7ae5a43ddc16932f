"""Choosing pictures by where they lie."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import translate

from likewise.collection.catalogue import Catalogue, within


class Selection:
    """Pictures in a folder, at a path, or whose path matches a glob.

    Parameters
    ----------
    where
        Absolute, or as seen from the working folder, or as seen from the folder that was indexed. In a glob
        ``*`` also stands for ``/``, so that ``*.png`` finds them at any depth.
    """

    def __init__(self, where: str | os.PathLike[str]) -> None:
        text = os.fspath(where)
        here = os.path.abspath(text)
        self._folders = {here, os.path.realpath(here)}
        self._below = os.path.normpath(text)
        self._globs = [re.compile(translate(pattern)) for pattern in (text, here)]

    def holds(self, path: str, below: str) -> bool:
        """Whether a picture belongs to it, by its absolute path and the path below its root."""
        return (
            any(within(path, folder) for folder in self._folders)
            or within(below, self._below)
            or any(glob.match(name) is not None for glob in self._globs for name in (path, below))
        )

    def ids(self, catalogue: Catalogue) -> Iterator[int]:
        """Ids of the pictures that belong to it, rising."""
        return (picture for picture, path, below in catalogue.paths() if self.holds(path, below))
