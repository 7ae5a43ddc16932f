"""Filters over pictures that are in no collection."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from likewise.collection.store.catalogue import Catalogue, Content, FilePlace
from likewise.collection.store.filters import Filter
from likewise.errors import BadPicture
from likewise.files import temporary
from likewise.folders import Stamp
from likewise.pictures import opened


def fulfilling(files: Mapping[str, Path], where: str) -> set[str]:
    """Names of those files of which a filter is true; only their headers are read.

    Parameters
    ----------
    files
        By name below some folder, with ``/`` between its parts.

    Raises
    ------
    BadFilter
        When the filter cannot be understood. There are no columns of one's own.
    """
    wanted = Filter.parse(where)
    with temporary() as folder, closing(Catalogue.writer(folder / "loose")) as catalogue:
        with catalogue.change():
            root = catalogue.add_root(os.path.abspath(os.sep))
            rows = {
                catalogue.insert(FilePlace(root, os.fsencode(name)), stamp, content): name
                for name, file in files.items()
                for stamp, content in [_looked_at(file)]
            }
        return {rows[row] for row in catalogue.facts.chosen(wanted).tolist()}


def _looked_at(file: Path) -> tuple[Stamp, Content]:
    """Stamp and content of a file; one that cannot be read has no size and no facts."""
    try:
        with opened(file) as picture:
            content = Content(b"", *picture.size, {}, picture.facts)
        return Stamp.of(file.stat()), content
    except (BadPicture, OSError):
        return Stamp(0, 0, 0), Content(b"", 0, 0, {})
