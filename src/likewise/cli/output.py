"""Output of commands: text for people or one JSON value for programs, and progress on a terminal."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from likewise.errors import StorageError

if TYPE_CHECKING:  # numpy stands behind it, and help must not wait for that
    from pathlib import Path

    from likewise.errors import BadPicture
    from likewise.types import Box, Hit, Hits, Progress, ProgressCallback


LONGEST = 700
"""Characters of a message: nine lines of 80."""

STEP = 15.0
"""Seconds between two lines of progress where there is no terminal."""


def show(value: object, lines: Iterable[str], *, as_json: bool) -> None:
    """Print ``value`` as JSON, or the ``lines`` that say the same to a person."""
    if as_json:
        _print(json.dumps(value, default=_plain, indent=2))
        return
    for line in lines:
        _print(line)


def _print(text: str) -> None:
    try:
        typer.echo(text)
    except BrokenPipeError:  # the reader left, which is no fault
        raise
    except OSError as error:
        raise StorageError(f"standard output cannot be written ({error.strerror})") from error


def hand_down(context: typer.Context, as_json: bool) -> None:
    """Let the ``--json`` of a group hold for the command that follows it."""
    if as_json and context.invoked_subcommand:
        context.default_map = {context.invoked_subcommand: {"as_json": True}}


def _plain(value: object) -> object:
    """JSON forms of dataclasses, paths, and numpy's numbers and arrays."""
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def printable(text: object) -> str:
    """A name on one line: line breaks and other control characters in it are written as escapes."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text)
    )


def short(text: str) -> str:
    """At most `LONGEST` characters of a text, from its beginning and its end."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 205]} ... {text[-200:]}"


WIDEST = 120
"""Letters of a cell that a column makes room for: a longer path pushes its own row alone."""


def counted(number: int, noun: str = "picture") -> str:
    """``1 picture``, ``2 pictures``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def table(rows: Sequence[Sequence[object]], head: Sequence[str], *, right: str = "") -> Iterator[str]:
    """Columns as wide as their cells, `WIDEST` at most; those named in ``right`` are set flush right."""
    cells = [[*head], *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells if len(row[i]) <= WIDEST) for i in range(len(head))]
    flush = [name in right.split() for name in head]
    for row in cells:
        padded = (
            c.rjust(w) if to_right else c.ljust(w) for c, w, to_right in zip(row, widths, flush, strict=True)
        )
        yield "  ".join(padded).rstrip()


def facts(value: Mapping[str, object]) -> list[str]:
    """One line for each key of what --json prints, its words apart: ``learned on  folder``."""
    return [f"{name.replace('_', ' '):<11} {printable(fact)}" for name, fact in value.items()]


def wrote(**files: Path | None) -> list[str]:
    """One line for each file or folder that was written."""
    return [f"{name}: {printable(path)}" for name, path in files.items() if path]


def left_out_lines(failures: Mapping[Path, BadPicture]) -> list[str]:
    """Which pictures could not be learned from, and why; nothing when all could."""
    lines = [f"left out: {printable(why)}" for why in failures.values()]
    return [*lines, f"{len(failures)} could not be read"] if failures else []


def shown(score: float) -> str:
    """Four decimals, or three digits of a small score: shares of visual words are some thousandths."""
    return f"{score:.3g}" if 1e-9 < abs(score) < 0.01 else f"{score:.4f}"


def hit_table(hits: Iterable[Hit]) -> Iterator[str]:
    """The hits, best first; with the boxes, as --box takes them, where they were looked for."""
    hits = list(hits)
    columns: dict[str, list[object]] = {
        "rank": [hit.rank for hit in hits],
        "score": [shown(hit.score) for hit in hits],
        "verdict": [hit.verdict or "" for hit in hits],
        "box": [_corners(hit.box) for hit in hits],
        "picture": [hit.path for hit in hits],
    }
    optional = {"verdict": any(hit.verdict for hit in hits), "box": any(hit.box for hit in hits)}
    head = [name for name in columns if optional.get(name, True)]
    rows = list(zip(*(columns[name] for name in head), strict=True))
    return table(rows, head, right="rank score")


def found(hits: Iterable[Hit]) -> list[str]:
    """The line below them: ``1 same, 7 alike, then nothing``; none where nothing was said of any."""
    verdicts = [hit.verdict for hit in hits]
    if not any(verdicts):
        return []
    said = [f"{verdicts.count(name)} {name}" for name in ("same", "alike") if name in verdicts]
    if not said:
        return ["nothing found: these are only the nearest"]
    return [", ".join(said) + (", then nothing" if "nothing" in verdicts else "")]


def about(hits: Hits) -> None:
    """Say on the error output that damaged pictures were not searched, or not every one was compared."""
    if hits.recall is not None:
        typer.echo(
            f"not every picture was compared: such a search finds {hits.recall:.1%} of the nearest, as "
            "measured here; --exact compares all",
            err=True,
        )
    if hits.left_out:
        typer.echo(
            f"{hits.left_out} pictures were left out, for what the collection keeps of them is damaged: "
            "`likewise verify` names them, and indexing their folder again makes it good",
            err=True,
        )


def _corners(box: Box | None) -> str:
    return ",".join(f"{side:.0f}" for side in box.corners) if box else "-"


def clock(seconds: float | None) -> str:
    """Seconds as ``h:mm:ss``, or nothing while they are unknown."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left"


@contextmanager
def progress(what: str, *, unit: str = "") -> Iterator[ProgressCallback]:
    """A progress bar on standard error, and a line now and then where that is no terminal.

    With unit MB it counts bytes.
    """
    if not sys.stderr.isatty():
        yield _lines_of(what, unit)
        return
    # rich costs a tenth of a second, and only a terminal needs it
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, state="")

        def update(now: Progress) -> None:
            bar.update(task, completed=now.done, total=now.total or None, state=state(now, unit))

        yield update


def _lines_of(what: str, unit: str) -> ProgressCallback:
    """Say how far a task has come every `STEP` seconds; nothing of a shorter one."""
    last = time.monotonic()

    def update(now: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= STEP:
            last = time.monotonic()
            typer.echo(f"{what}: {state(now, unit)}", err=True)

    return update


def state(now: Progress, unit: str = "") -> str:
    """How far a task has come, in one line."""
    counts = (now.done, now.total) if now.total else (now.done,)
    parts = [" of ".join(f"{count / 1e6:.1f} {unit}" if unit else f"{count}" for count in counts)]
    if now.failed:
        parts.append(f"{now.failed} failed")
    parts += [part for part in (clock(now.remaining), printable(now.note)) if part]
    return ", ".join(parts)
