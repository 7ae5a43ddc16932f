"""Folders of files that are written once and kept while there is room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from likewise.files import replacing

EVERY = 64
"""After so many new files the oldest ones have to make room."""


class FileCache:
    """Files by name, at most so many bytes of them; processes may share the folder.

    Parameters
    ----------
    folder
        Made when the first file is put.
    most
        Bytes that are kept.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._new = 0

    def path(self, name: str) -> Path:
        """Where the file of a name lies, or would lie."""
        return self._folder / name[:2] / name

    def get(self, name: str) -> bytes | None:
        """Read a file; it counts as new again."""
        path = self.path(name)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return content

    def put(self, name: str, content: bytes) -> Path:
        """Write a file.

        Raises `StorageError` when the disk is full or cannot be written.
        """
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(path) as part:
            part.write_bytes(content)
        self._new += 1
        if self._new % EVERY == 1:
            self.trim()
        return path

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        self.path(name).unlink(missing_ok=True)

    def trim(self) -> None:
        """Remove the files that were not used for longest, until the others are few enough bytes."""
        files = sorted(self._files(), key=lambda file: file[0], reverse=True)
        kept = 0
        for _, size, path in files:
            kept += size
            if kept > self._most:
                with suppress(FileNotFoundError):  # another process was first
                    os.unlink(path)

    def _files(self) -> Iterator[tuple[float, int, str]]:
        for folder, _, names in os.walk(self._folder):
            for name in names:
                with suppress(FileNotFoundError):
                    status = os.stat(path := os.path.join(folder, name))
                    yield status.st_mtime, status.st_size, path
