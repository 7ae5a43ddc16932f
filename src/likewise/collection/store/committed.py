"""The last commit, noted beside the database, so that a lost end of it does not pass for the truth.

SQLite reads its log up to the first frame that is damaged, and takes what is behind for never written. A
file of one line says how far commits had come. It is written after each of them: a process that is killed in
between leaves it behind the database, never ahead. So a database that is behind it has lost commits that were
acknowledged.
"""

from __future__ import annotations

import json
import os
import shlex
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from likewise.collection.store.belongings import COMMITTED
from likewise.files.paths import within
from likewise.files.system import descriptor_of, read_at

_LONGEST = 1 << 20
MOST = 1 << 53
"""More changes and more pictures than there will ever be; every program that reads JSON can hold so much."""


@dataclass(frozen=True)
class Committed:
    """How far the commits of a collection had come.

    Attributes
    ----------
    generation
        How many changes were committed.
    last
        The highest id that a picture was given.
    roots
        The folders that were indexed, as the system keeps their names.
    """

    generation: int
    last: int
    roots: tuple[bytes, ...]

    @classmethod
    def read(cls, folder: Path) -> Committed | None:
        """The note in a collection's folder, if there is one that can be trusted."""
        try:
            descriptor = descriptor_of(folder / COMMITTED, os.O_RDONLY, follow=False)
        except OSError:
            return None
        try:
            checksum, _, line = read_at(descriptor, _LONGEST).partition(b"\n")[0].partition(b" ")
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return cls.parsed(line.decode("ascii", "replace")) if checksum == _checksum(line) else None

    @classmethod
    def parsed(cls, text: str) -> Committed | None:
        """The note that `text` wrote."""
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            document: Any = json.loads(text)
            generation, last = document["generation"], document["last"]
            roots = tuple(bytes.fromhex(root) for root in document["roots"])
            if all(type(number) is int and 0 <= number < MOST for number in (generation, last)):
                return cls(generation, last, roots)
        return None

    @property
    def text(self) -> str:
        """All of it in one line; folders in hexadecimal digits."""
        roots = [root.hex() for root in self.roots]
        return json.dumps({"generation": self.generation, "last": self.last, "roots": roots})

    def write(self, folder: Path) -> None:
        """Tell it; where that cannot be done what was told before stays, which claims less."""
        line = self.text.encode("ascii")
        with suppress(OSError):
            descriptor = descriptor_of(folder / COMMITTED, os.O_WRONLY | os.O_CREAT, follow=False)
            try:
                os.write(descriptor, _checksum(line) + b" " + line + b"\n")  # what was longer stays behind it
            finally:
                os.close(descriptor)

    def without(self, folders: Sequence[str]) -> Committed | None:
        """The rest to look for when some folders were looked at; None where there is none."""
        left = tuple(
            root for root in self.roots if not any(within(os.fsdecode(root), folder) for folder in folders)
        )
        return replace(self, roots=left) if left else None

    def told(self, collection: Path) -> str:
        """The message where this is not in the catalogue any more."""
        folders = shlex.join(os.fsdecode(root) for root in self.roots) or "FOLDER"
        return (
            f"{collection} has lost changes that were committed, up to number {self.generation}, for its "
            f"write-ahead log was damaged or taken away: `likewise index {folders} --in "
            f"{shlex.quote(str(collection))}` finds the pictures again"
        )


def _checksum(line: bytes) -> bytes:
    return b"%08x" % zlib.crc32(line)
