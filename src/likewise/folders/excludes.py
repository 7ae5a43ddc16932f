"""Names of files and folders that are left out: thumbnails and waste bins of other programs, hidden files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property

from likewise.errors import UsageError
from likewise.files.paths import native

_PATTERNS = (
    *(".*", "*.likewise"),  # hidden ones, .git and .Trash-1000 among them; collections
    *("@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot"),  # of network disks
    *("$RECYCLE.BIN", "System Volume Information", "Thumbs.db", "desktop.ini", "lost+found", "__MACOSX"),
)
"""Left out of every collection that does not say otherwise."""


@dataclass(frozen=True)
class Excludes:
    """Patterns of what is left out.

    Attributes
    ----------
    patterns
        ``*``, ``?`` and ``[...]`` as in a shell. One without ``/`` is held against the name of each file and
        folder; one with it against the end of the path, so that ``scans/raw`` is any such folder.
    """

    patterns: tuple[str, ...] = _PATTERNS

    @cached_property
    def _names(self) -> re.Pattern[str]:
        return _any(translate(pattern) for pattern in self.patterns if "/" not in pattern)

    @cached_property
    def _paths(self) -> re.Pattern[str]:
        return _any(
            translate(native("*/" + pattern.strip("/"))) for pattern in self.patterns if "/" in pattern
        )

    def leave_out(self, path: str) -> bool:
        """Whether a file or folder is left out, by its own name."""
        return bool(self._names.match(os.path.basename(path)) or self._paths.match(path))

    def hold(self, path: str, root: str) -> bool:
        """Whether a file is left out by its name, or by one of the folders between it and its root."""
        while len(path) > len(root):
            if self.leave_out(path):
                return True
            path = os.path.dirname(path)
        return False

    def changed(self, exclude: Iterable[str], include: Iterable[str]) -> Excludes:
        """The same with more patterns, or without some.

        Raises `UsageError` when one to be taken back is not there, or one is empty.
        """
        more, less = list(exclude), list(include)
        if not all(pattern.strip("/") for pattern in more):
            raise UsageError("an empty pattern leaves out nothing: give a name, such as '@eaDir' or '*.tmp'")
        for pattern in less:
            if pattern not in self.patterns:
                known = ", ".join(self.patterns) or "nothing"
                raise UsageError(
                    f"{pattern!r} is not left out, so it cannot be let in; left out are: {known}"
                )
        kept = (pattern for pattern in (*self.patterns, *more) if pattern not in less)
        return Excludes(tuple(dict.fromkeys(kept)))


def _any(expressions: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(expressions) or r"(?!)")


USUAL = Excludes()
