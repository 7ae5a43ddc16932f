"""Which picture of a group is kept, by rules that are asked in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from likewise.downstream.duplicates.links import DuplicateFile
from likewise.errors import UnknownName, UsageError

RULES: Mapping[str, Callable[[DuplicateFile], float]] = {
    "largest": lambda file: -file.pixels,
    "smallest": lambda file: file.pixels,
    "heaviest": lambda file: -file.bytes,
    "lightest": lambda file: file.bytes,
    "oldest": lambda file: file.modified,
    "newest": lambda file: -file.modified,
    "shortest": lambda file: len(os.fspath(file.path)),
}
"""By name what a file is judged by; the least is kept. Sizes are in pixels (``largest``) and in bytes
(``heaviest``), ages are those of the file, and the shortest path is often the one without "copy of"."""

FOLDER = "folder:"
"""Begins a rule that prefers the files in a folder of that name or path, or whose path matches a glob."""

DEFAULT = "largest,heaviest"


@dataclass(frozen=True)
class Keeping:
    """Rules in order: the next one is asked where all before it find two files equal.

    Before any of them comes what a person cannot mean otherwise: a file of the reference is kept, and a real
    file rather than a symbolic link. Where all rules find files equal, the lower id is kept.
    """

    rules: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Keeping:
        """Read rules with commas between them, such as ``folder:Originals,largest,oldest``.

        Raises `UsageError` when there is none; `UnknownName` when a rule has no such name.
        """
        rules = tuple(rule.strip() for rule in text.split(",") if rule.strip())
        if not rules:
            raise UsageError(
                f"{text!r} holds no rule for what is kept: give {', '.join(RULES)} or {FOLDER}NAME"
            )
        for rule in rules:
            if not _known(rule):
                raise UnknownName(
                    f"no rule for what is kept is called {rule!r}: there are {', '.join(RULES)} "
                    f"and {FOLDER}NAME"
                )
        return cls(rules)

    def order(self, file: DuplicateFile) -> tuple[float, ...]:
        """By what the files of a group are sorted; the first is kept."""
        asked = (_asked(rule, file) for rule in self.rules)
        return (not file.in_reference, file.is_link, *asked, file.id)


def _known(rule: str) -> bool:
    return rule in RULES or (rule.startswith(FOLDER) and bool(rule.removeprefix(FOLDER).strip()))


def _asked(rule: str, file: DuplicateFile) -> float:
    if rule in RULES:
        return RULES[rule](file)
    return 0.0 if _in(rule.removeprefix(FOLDER).strip(), file) else 1.0


def _in(folder: str, file: DuplicateFile) -> bool:
    """Whether a file lies in a folder, given by its name anywhere on the way, its path, or a glob."""
    path = os.fspath(file.path)
    wanted = os.path.normpath(os.path.expanduser(folder))
    parents = os.path.dirname(path)
    inside = f"{os.sep}{wanted.strip(os.sep)}{os.sep}" in f"{parents}{os.sep}"
    return (
        inside
        or f"{parents}{os.sep}".startswith(os.path.abspath(wanted) + os.sep)
        or fnmatchcase(path, folder)
    )
