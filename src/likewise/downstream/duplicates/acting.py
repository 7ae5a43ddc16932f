"""Carrying out a plan: files that are copies are moved away, thrown away or made links; and taking it back.

Whatever is done is first written into a journal beside the plan, so that it can be undone, also after the
process was killed. Nothing is ever overwritten and nothing is reached through a link: a file goes only if it
is a regular file by its real path that still holds, byte for byte, what the plan says, and if a file of its
group that is kept does so too.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from likewise.downstream.duplicates.journal import Journal, JournalStep, Way
from likewise.downstream.duplicates.plan import Plan, PlanRow
from likewise.downstream.duplicates.trash import NO_TRASH, info_of, note_origin, trash_of
from likewise.errors import LikewiseError, UsageError
from likewise.files import sha256_file
from likewise.types import Progress, ProgressCallback


@dataclass(frozen=True)
class FileOutcome:
    """The outcome for one file.

    Attributes
    ----------
    file
        Its path in the plan.
    to
        Where it is now, or would be: None where it was left alone.
    bytes
        Room that it took.
    why
        Why it was left alone; empty where it was not.
    """

    file: Path
    to: Path | None
    bytes: int
    why: str = ""

    @property
    def done(self) -> bool:
        """Whether it was acted on, or would be."""
        return not self.why


class Left(LikewiseError):
    """A file that is left alone, and why."""


def apply_plan(
    plan: Plan,
    journal: Journal,
    way: Way,
    *,
    folder: Path | None = None,
    dry: bool = True,
    progress: ProgressCallback | None = None,
) -> list[FileOutcome]:
    """Do what a plan says about each file that goes.

    Raises `UsageError` when ``folder`` is missing or not wanted, or lies where files of the plan do; when
    there is no trash, on Windows; `StorageError` when the journal cannot be written: then nothing more is
    done. Returns the outcome of each row that says ``go``, in the order of the plan.

    Parameters
    ----------
    journal
        Where each step is written down before it is taken.
    folder
        Where files are moved to: below it they keep their path below the folder that was indexed.
    dry
        Look at everything, and change nothing.
    """
    if (folder is None) == (way == "move"):
        raise UsageError("a folder belongs to moving, and to nothing else")
    if way == "trash" and sys.platform == "win32":
        raise UsageError(NO_TRASH)
    target = None if folder is None else Path(os.path.realpath(folder))
    rows = [row for row in plan.rows if row.action == "go"]
    outcomes: list[FileOutcome] = []
    for group in plan.groups.values():
        kept = _Kept(row for row in group if row.action == "keep")
        for row in (row for row in group if row.action == "go"):
            outcomes.append(_outcome(row, kept, journal, way, target, dry=dry))
            if progress:
                progress(Progress(len(outcomes), len(rows), note=os.path.basename(row.file)))
    return outcomes


def undo(journal: Journal, *, progress: ProgressCallback | None = None) -> list[FileOutcome]:
    """Take back what a journal tells, the last step first; what cannot be taken back stays in the journal.

    Raises `UsageError` when there is nothing to take back; `StorageError` when the journal cannot be read or
    written.
    """
    steps = journal.read()
    if not steps:
        raise UsageError(f"{journal.path} tells of nothing that could be undone")
    outcomes, left = [], list[JournalStep]()
    for number, step in enumerate(reversed(steps), 1):
        try:
            _take_back(step)
            outcomes.append(FileOutcome(Path(step.file), Path(step.file), step.bytes))
        except (Left, OSError) as error:
            left.append(step)
            outcomes.append(FileOutcome(Path(step.file), None, step.bytes, _said(error)))
        if progress:
            progress(Progress(number, len(steps)))
    journal.replace(left[::-1])
    return outcomes


class _Kept:
    """The files of a group that are kept, of which one has to be sound before any other may go.

    Where the plan keeps the one that a file is a copy of, it has to be that one.
    """

    def __init__(self, rows: Iterable[PlanRow]) -> None:
        self._rows = list(rows)
        self._checked: dict[str, os.stat_result] = {}

    def sound(self, going: os.stat_result, of: str) -> PlanRow:
        """A kept file, read and found to be what the plan says, that is not the one that goes.

        Raises `Left` when there is none.
        """
        why = "the plan keeps no other file of its group"
        for row in [row for row in self._rows if row.file == of] or self._rows:
            try:
                status = self._status(row)
            except (Left, OSError) as error:
                why = f"of its group nothing sound would be left: {row.file} {_said(error)}"
                continue
            if (status.st_dev, status.st_ino) != (going.st_dev, going.st_ino):
                return row
            why = f"it is the same file as {row.file}, by another name"
        raise Left(why)

    def _status(self, row: PlanRow) -> os.stat_result:
        """Read it once, and see then that it is still the file that was read."""
        known = self._checked.get(row.file)
        if known is None or _stamp(os.lstat(row.file)) != _stamp(known):
            known = self._checked[row.file] = _checked(row)
        return known


def _outcome(
    row: PlanRow, kept: _Kept, journal: Journal, way: Way, folder: Path | None, *, dry: bool
) -> FileOutcome:
    file = Path(row.file)
    try:
        status = _checked(row)
        keeper = kept.sound(status, row.of)
        if way == "link" and keeper.sha256 != row.sha256:
            raise Left("it does not hold the same bytes as the one kept: a link would change it")
        to = Path(keeper.file) if way == "link" else _place(row, folder, dry=dry)
        if not dry:
            mode = stat.S_IMODE(status.st_mode)
            step = JournalStep(way, row.file, os.fspath(to), row.sha256, row.bytes, mode, status.st_mtime_ns)
            journal.add(step)
            _take(step, status)
        return FileOutcome(file, to, row.bytes)
    except (Left, OSError) as error:
        return FileOutcome(file, None, row.bytes, _said(error))


def _checked(row: PlanRow) -> os.stat_result:
    """The status of a file that is what the plan says.

    Raises `Left` or `OSError` when it is not, or cannot be read.
    """
    if os.path.realpath(row.file) != row.file:
        raise Left("is a link or lies behind one")
    status = os.lstat(row.file)
    if not stat.S_ISREG(status.st_mode):
        raise Left("is no regular file")
    if status.st_size != row.bytes or sha256_file(Path(row.file)) != row.sha256:
        raise Left("has changed since the plan was made")
    if _stamp(os.lstat(row.file)) != _stamp(status):
        raise Left("is being changed")
    return status


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _place(row: PlanRow, folder: Path | None, *, dry: bool) -> Path:
    """A free name for a file in the folder, below which it keeps its path, or in the trash."""
    file = Path(row.file)
    if folder is None:
        return Path("trash") / file.name if dry else _free(trash_of(file) / file.name)
    inner = (
        file.relative_to(row.folder) if row.folder and file.is_relative_to(row.folder) else Path(file.name)
    )
    to = _free(folder / inner)
    if not dry:
        to.parent.mkdir(parents=True, exist_ok=True)
    if os.path.realpath(to.parent) != os.fspath(to.parent):
        raise Left(f"would be moved through a link: {to.parent}")
    return to


def _free(path: Path) -> Path:
    """The path, or the same with a number where something is there already."""
    free, number = path, 1
    while os.path.lexists(free) or os.path.lexists(info_of(free)):
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    return free


def _take(step: JournalStep, status: os.stat_result) -> None:
    """Do it, to the file of this status only."""
    file, to = Path(step.file), Path(step.to)
    if step.way == "link":
        _become_link(file, to)
        return
    if step.way == "trash":
        note_origin(to, file)
    _carry(file, to, step.sha256, status)


def _carry(file: Path, to: Path, sha256: str, status: os.stat_result) -> None:
    """Give a file another path, which must be free: by a second name, or from disk to disk by a copy."""
    try:
        os.link(file, to, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # another disk, or one that knows no second names
        _copy(file, to, sha256)
    if _stamp(os.lstat(file)) != _stamp(status):
        os.unlink(to)
        raise Left("is being changed")
    os.unlink(file)


def _copy(file: Path, to: Path, sha256: str) -> None:
    """Copy a file with its times to a path that must be free, and see that all of it arrived."""
    try:
        with open(file, "rb") as source, open(to, "xb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        shutil.copystat(file, to)
        if sha256_file(to) != sha256:
            raise Left("did not arrive whole")
    except FileExistsError:
        raise
    except BaseException:
        to.unlink(missing_ok=True)
        raise


def _become_link(file: Path, kept: Path) -> None:
    """Make a path another name of the kept file, at one stroke."""
    beside = file.with_name(f".{secrets.token_hex(8)}.likewise")
    os.link(kept, beside, follow_symlinks=False)
    try:
        os.replace(beside, file)
    finally:
        beside.unlink(missing_ok=True)


def _take_back(step: JournalStep) -> None:
    """Put a file back as it was; where it never went, nothing is left to do.

    Raises `Left` or `OSError` when it cannot be.
    """
    file, to = Path(step.file), Path(step.to)
    if step.way == "link":
        _part(step)
        return
    if not os.path.lexists(to):
        if not os.path.lexists(file):
            raise Left(f"is no longer at {to}")
        return
    status = os.lstat(to)
    if not stat.S_ISREG(status.st_mode) or sha256_file(to) != step.sha256:
        raise Left(f"is another file by now: {to}")
    if os.path.lexists(file):
        if not os.path.samestat(os.lstat(file), status):
            raise Left("has another file in its place by now")
        os.unlink(to)  # killed between its second name and the end of its first
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        if os.path.realpath(file.parent) != os.fspath(file.parent):
            raise Left(f"would be put back through a link: {file.parent}")
        _carry(to, file, step.sha256, status)
    if step.way == "trash":
        info_of(to).unlink(missing_ok=True)


def _part(step: JournalStep) -> None:
    """Make a file of its own again of what is another name of the kept one."""
    file = Path(step.file)
    if os.path.realpath(file) != step.file or not stat.S_ISREG(os.lstat(file).st_mode):
        raise Left("is a link or lies behind one")
    if not os.path.exists(step.to) or not os.path.samefile(file, step.to):
        return
    if sha256_file(file) != step.sha256:
        raise Left("has changed since, under both names")
    beside = file.with_name(f".{secrets.token_hex(8)}.likewise")
    _copy(file, beside, step.sha256)
    try:
        os.chmod(beside, step.mode)
        os.utime(beside, ns=(step.mtime_ns, step.mtime_ns))
        os.replace(beside, file)
    finally:
        beside.unlink(missing_ok=True)


def _said(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
