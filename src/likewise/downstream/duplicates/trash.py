"""The trash of the desktop, by the FreeDesktop.org Trash specification 1.0; on macOS that of the Finder."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from likewise.errors import StorageError, UsageError

NO_TRASH = "the recycle bin of Windows is no folder that files can be moved to: give another by --move"


def trash_of(path: Path) -> Path:
    """The folder of files that were thrown away, on the disk that a file lies on, so that nothing is copied.

    Raises `StorageError` when there is none and none can be made; `UsageError` on Windows.
    """
    if sys.platform == "win32":
        raise UsageError(NO_TRASH)
    if sys.platform == "darwin":
        return Path.home() / ".Trash"
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "Trash"
    trash = home if _device(home) == _device(path) else _top(path) / f".Trash-{os.getuid()}"
    try:
        for folder in (trash, trash / "files", trash / "info"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.is_symlink():
                raise StorageError(f"{folder} is a link: nothing is put into the trash through it")
    except OSError as error:
        raise StorageError(f"{trash} cannot be made ({error.strerror}): move the files instead") from error
    return trash / "files"


def note_origin(thrown: Path, path: Path) -> None:
    """Write down where a file in the trash comes from, for the file manager to put it back.

    Raises `StorageError` when it cannot be written.
    """
    if sys.platform == "darwin":
        return
    trash = thrown.parent.parent
    outside = trash.name.startswith(".Trash-")
    origin = os.path.relpath(path, trash.parent) if outside else os.fspath(path)
    when = datetime.now().isoformat(timespec="seconds")
    text = f"[Trash Info]\nPath={quote(os.fsencode(origin))}\nDeletionDate={when}\n"
    try:
        info_of(thrown).write_text(text, encoding="ascii")
    except OSError as error:
        raise StorageError(f"{info_of(thrown)} cannot be written ({error.strerror})") from error


def info_of(thrown: Path) -> Path:
    """The note that belongs to a file in the trash."""
    return thrown.parent.parent / "info" / f"{thrown.name}.trashinfo"


def _device(path: Path) -> int:
    """Of the path, or of the nearest folder above it that is there."""
    while not path.exists():
        path = path.parent
    return path.stat().st_dev


def _top(path: Path) -> Path:
    """The folder that the disk of a file is mounted at."""
    device, path = _device(path), path.absolute()
    while path.parent != path and path.parent.stat().st_dev == device:
        path = path.parent
    return path
