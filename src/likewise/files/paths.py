"""Paths: how they are spelt and kept, which lie in which, and what answers to them."""

from __future__ import annotations

import os
from pathlib import Path

from likewise.types import plain


def as_spelt(path: str | os.PathLike[str]) -> Path:
    """A path as the disk spells it, where its accents are written in another way; else as it is."""
    asked, spelt = Path(path), Path(Path(path).anchor)
    if os.path.lexists(asked):
        return asked
    for part in asked.relative_to(spelt).parts:
        if not os.path.lexists(spelt / part):
            try:
                same = [name for name in os.listdir(spelt) if plain(name) == plain(part)]
            except OSError:
                return asked
            if len(same) != 1:
                return asked
            part = same[0]
        spelt /= part
    return spelt


def is_absolute(path: str) -> bool:
    """Whether a text is an absolute path that a file can have here."""
    try:
        return os.path.isabs(path) and b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:  # half of a character that UTF-16 writes in two
        return False


def real_path(path: str | os.PathLike[str]) -> str:
    """Give the one path that a file or folder goes by: links are resolved, but for a file that is one."""
    full = os.path.abspath(os.fspath(path))
    if os.path.isdir(full):
        return os.path.realpath(full)
    return os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))


def within(path: str, folder: str) -> bool:
    """Whether an absolute path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def relative(path: str, folder: str) -> str:
    """An absolute path in a folder as seen from there and as it is kept: with ``/`` on every system."""
    return path[len(folder.rstrip(os.sep)) + 1 :].replace(os.sep, "/")


def native(kept: str) -> str:
    """A path that was kept, or typed with ``/``, as this system writes it."""
    return kept.replace("/", os.sep)


def is_gone(path: str) -> bool:
    """Say whether a file is surely not there, rather than out of reach for now."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def is_respelt(old: str, new: str) -> bool:
    """Say whether a file's name differs from its former one only in case, or in how accents are written.

    That can be where the disk does not tell such names apart: the file answers to the old name as well, but
    its folder does not list it.
    """
    if old == new or plain(old).casefold() != plain(new).casefold():
        return False
    try:
        return os.path.samefile(old, new) and not _is_listed(old)
    except OSError:
        return False


def _is_listed(path: str) -> bool:
    """Whether each folder on the way to a path lists the next name just so."""
    folder, name = os.path.split(path)
    return not name or (name in os.listdir(folder) and _is_listed(folder))


def opens(folder: str) -> bool:
    """Say whether something is a folder that can be listed."""
    try:
        os.listdir(folder)
    except OSError:
        return False
    return True
