"""A write-ahead journal of what is done to files, one step a line."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from likewise.errors import StorageError, UsageError
from likewise.files import replacing
from likewise.files.paths import is_absolute

ENDING = ".undo"

Way: TypeAlias = Literal["move", "trash", "link"]
"""``move`` to a folder, throw into the ``trash``, or make the copy another name of the kept file (hard
``link``), which frees its room and leaves its path."""


@dataclass(frozen=True)
class JournalStep:
    """One action on a file.

    Attributes
    ----------
    way
        How it goes.
    file
        Where it was.
    to
        Where it is put, or the kept file of which it becomes another name.
    sha256, bytes
        What it holds.
    mode, mtime_ns
        Its permissions and time, which a link loses.
    """

    way: Way
    file: str
    to: str
    sha256: str
    bytes: int
    mode: int
    mtime_ns: int


@dataclass(frozen=True)
class Journal:
    """Steps that can be taken back, in a file of one JSON value a line."""

    path: Path

    @classmethod
    def beside(cls, plan: str | os.PathLike[str]) -> Journal:
        """That of a plan, or the one whose own path is given."""
        path = Path(plan)
        return cls(path if path.suffix == ENDING else path.with_name(path.name + ENDING))

    def add(self, step: JournalStep) -> None:
        """Write a step down, and see that it is on the disk.

        Raises `StorageError` when it cannot be written: then the step must not be taken.
        """
        try:
            with open(self.path, "a", encoding="ascii") as file:
                file.write(json.dumps(asdict(step)) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(
                f"{self.path} cannot be written ({error.strerror}): nothing is done that could not be undone"
            ) from error

    def read(self) -> list[JournalStep]:
        """All steps; none where there is no journal. A last line that was cut is no step: it was not taken.

        Raises `UsageError` when it is no journal; `StorageError` when it cannot be read.
        """
        try:
            lines = self.path.read_text("ascii").splitlines(keepends=True)
        except FileNotFoundError:
            return []
        except UnicodeDecodeError as error:
            raise UsageError(f"{self.path} is no journal of what was done: {error}") from error
        except OSError as error:
            raise StorageError(f"{self.path} cannot be read ({error.strerror})") from error
        return [self._step(line, number) for number, line in enumerate(lines, 1) if line.endswith("\n")]

    def replace(self, steps: Sequence[JournalStep]) -> None:
        """Leave only these; without any the file goes."""
        if not steps:
            self.path.unlink(missing_ok=True)
            return
        with replacing(self.path) as part:
            part.write_text("".join(json.dumps(asdict(step)) + "\n" for step in steps), encoding="ascii")

    def _step(self, line: str, number: int) -> JournalStep:
        try:
            step = JournalStep(**json.loads(line))
            limits = ((step.bytes, 1 << 63), (step.mode, 1 << 16), (abs(step.mtime_ns), 1 << 63))
            sound = (
                isinstance(step.sha256, str)
                and all(isinstance(path, str) and is_absolute(path) for path in (step.file, step.to))
                and all(isinstance(value, int) and 0 <= value < most for value, most in limits)
            )
        except (ValueError, TypeError, RecursionError):
            sound = False
        if not sound or step.way not in ("move", "trash", "link"):
            raise UsageError(f"{self.path}, line {number} tells of nothing that was done")
        return step
