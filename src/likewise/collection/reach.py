"""Folders that are out of reach: a disk that is not mounted is not a disk that was emptied.

From outside, the mount point of a disk that is off looks like a folder whose pictures were all deleted. So
where a folder that was indexed, or one below it that was a mount point then, holds none of its pictures any
more, they count as out of reach, not as gone: they stay until somebody says that they are to be forgotten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping

from likewise.collection.store.catalogue import Catalogue
from likewise.files.paths import is_gone, within

_MOUNTS, _AWAY = "mounts", "away"


def out_of_reach(catalogue: Catalogue) -> dict[str, int]:
    """Folders that hold none of the pictures the catalogue has there, and how many those are.

    Looked at are the folders that were indexed, and the mount points and links noted below them. Where all
    is well that costs one look at a file for each of them. A folder that was out of reach already is in reach
    when one of its former pictures is there, whatever was added to it meanwhile.
    """
    waiting, former = {*catalogue.roots().values(), *_noted(catalogue, _MOUNTS)}, _noted(catalogue, _AWAY)
    counts = dict.fromkeys(waiting, 0)
    for picture, path, _ in catalogue.paths():
        around = [root for root in waiting if within(path, root) and picture <= former.get(root, picture)]
        if not around:
            continue
        if is_gone(path):
            for folder in around:
                counts[folder] += 1
        else:
            waiting.difference_update(around)
            if not waiting:
                break
    return {folder: counts[folder] for folder in sorted(waiting) if counts[folder]}


def lies_in(path: str, folders: Iterable[str]) -> bool:
    """Whether a path lies in one of the folders."""
    return any(within(path, folder) for folder in folders)


def concerned(away: Mapping[str, int], sources: Iterable[str]) -> int:
    """How many pictures lie in folders out of reach that are sources, hold one or lie in one."""
    asked = list(sources)
    touched = {
        folder for folder in away if lies_in(folder, asked) or any(within(source, folder) for source in asked)
    }
    return sum(away[folder] for folder in touched if not lies_in(folder, touched - {folder}))


def note_reach(catalogue: Catalogue, away: Collection[str], last: int) -> None:
    """Remember which folders of pictures are mount points or links, and which are out of reach.

    Parameters
    ----------
    last
        The highest id of a picture when those were found to be out of reach.
    """
    folders: set[str] = set()
    for _, path, below in catalogue.paths():
        folder, top = os.path.dirname(path), path[: len(path) - len(below)].rstrip(os.sep)
        while folder not in folders and within(folder, top or os.sep):
            folders.add(folder)
            folder = os.path.dirname(folder)
    former = _noted(catalogue, _AWAY)
    here = {folder for folder in folders if os.path.ismount(folder) or os.path.islink(folder)}
    here.update(folder for folder in away if folder in _noted(catalogue, _MOUNTS))
    for key, noted in (
        (_MOUNTS, dict.fromkeys(sorted(here), 0)),
        (_AWAY, {folder: former.get(folder, last) for folder in away}),
    ):
        if noted != _noted(catalogue, key):
            catalogue.note(key, json.dumps(noted))


def _noted(catalogue: Catalogue, key: str) -> dict[str, int]:
    """Folders that were noted; none where the note is damaged, for it only guards."""
    try:
        held = json.loads(catalogue.noted(key) or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(held, dict):
        return {}
    return {folder: number for folder, number in held.items() if isinstance(number, int)}
