"""Belongings of a collection's folder: its own files and folders, none reached through a link.

A collection may come from somebody else. Were its lock, its ``words`` or its ``uploads`` links, then writing
to the collection would write, and tidying it would delete, wherever they lead.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from likewise.errors import CollectionDamaged, StorageError

CATALOGUE = "catalogue.sqlite"
LOCK = "lock"
COMMITTED = "committed"
"""How far commits have come, told beside the catalogue."""

UPLOADS = "uploads"
"""Where a server keeps pictures that were sent to be added."""

STORE = "store"
"""Names the server that keeps the collection, where one does."""

WORDS, VECTORS = "words", "vectors"
"""Files by which layers are searched, each made again from the catalogue at any time."""

VOCABULARY = "vocabulary.safetensors"
"""The copy of a vocabulary that a collection keeps, so that nothing else is needed to search it."""


def vocabulary_of(layer: int) -> str:
    """The name of that copy for a layer; the first one's has no number."""
    return VOCABULARY if layer == 1 else VOCABULARY.replace(".", f"-{layer}.")


_VOCABULARIES = re.compile(r"vocabulary(-\d+)?\.safetensors", re.ASCII)

_FILES = dict.fromkeys(
    (LOCK, COMMITTED, STORE, *(CATALOGUE + end for end in ("", "-wal", "-shm"))), stat.S_IFREG
)
_KINDS = {**_FILES, **dict.fromkeys((UPLOADS, WORDS, VECTORS), stat.S_IFDIR)}


def check(folder: Path) -> None:
    """See that nothing in a collection's folder is a link, and that its files and folders are some.

    The folder itself may be a link, and need not be there. Raises `CollectionDamaged`, naming the first that
    is not; `StorageError` when the folder cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # a draft, or a log, that is gone by now
                    _check(entry)
    except (FileNotFoundError, NotADirectoryError):  # no collection
        return
    except OSError as error:
        raise StorageError(f"{folder} cannot be listed ({error.strerror})") from error


def _check(entry: os.DirEntry[str]) -> None:
    kind = stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)
    file = entry.name in _FILES or _VOCABULARIES.fullmatch(entry.name)
    wanted = stat.S_IFREG if file else _KINDS.get(entry.name, kind)
    if kind != stat.S_IFLNK and kind == wanted:
        return
    what = "a link" if kind == stat.S_IFLNK else "no regular file" if file else "no folder"
    raise CollectionDamaged(
        f"{entry.path} is {what}: nothing in a collection is reached through a link or a device; put there "
        "what belongs there, or take it away if it is not the collection's"
    )
