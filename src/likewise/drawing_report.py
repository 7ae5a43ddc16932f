"""Pictures of a report: what a query found, and precision over recall."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from likewise import drawing
from likewise.errors import BadPicture, MissingExtra, StorageError, UsageError
from likewise.evaluation.report import Answer, Report, Verdict, answers, chosen
from likewise.evaluation.runs import plain_name
from likewise.evaluation.scoring import QueryScore
from likewise.pictures import Source
from likewise.types import Box, Progress, ProgressCallback

_COLUMNS = 5
_TILE = (188, 160)
_FRAME = 6
_CAPTION = 58  # two lines of text under a tile, and the space to the next row
_MARGIN, _GAP, _QUERY, _HEADING = 28, 16, 360, 74
_COLOURS: dict[Verdict, str] = {"wrong": "#ee7a0a", "junk": "#9aa1a9"}
_INK, _FAINT, _PANEL = "#16191d", "#5d6670", "#eceef1"


def answer_sheet(
    query: Source,
    box: Box | None,
    answers: Sequence[Answer],
    out: str | os.PathLike[str],
    *,
    title: str = "",
    subtitle: str = "",
) -> None:
    """Draw a query and the first pictures of its ranking: wrong ones framed orange, junk grey.

    Parameters
    ----------
    query
        The query picture.
    box
        What of it was looked for, in pixels of the upright picture; drawn in red. None for all of it.
    answers
        What was ranked, best first. A picture that can no longer be read becomes a grey tile that says so.
    out
        The file to write: ``.png``, ``.jpg`` or ``.webp``.

    Raises
    ------
    BadPicture
        When the query cannot be read.
    UsageError
        When the ending of ``out`` is no format that can be written.
    StorageError
        When the sheet cannot be written.
    """
    left, top = 2 * _MARGIN + _QUERY, _MARGIN + _HEADING
    rows = -(-len(answers) // _COLUMNS)
    shown = drawing._query(query, box)
    width = left + _COLUMNS * (_TILE[0] + _GAP) - _GAP + _MARGIN
    height = top + max(shown.height, rows * (_TILE[1] + _CAPTION)) + _MARGIN
    sheet = Image.new("RGB", (width, height), "white")
    drawing._write(sheet, (_MARGIN, _MARGIN), title, 20, width - 2 * _MARGIN)
    drawing._write(sheet, (_MARGIN, _MARGIN + 32), subtitle, 15, width - 2 * _MARGIN - 330, _FAINT)
    _legend(sheet, width - _MARGIN, _MARGIN + 32)
    sheet.paste(shown, (_MARGIN, top))
    for place, answer in enumerate(answers):
        row, column = divmod(place, _COLUMNS)
        corner = (left + column * (_TILE[0] + _GAP), top + row * (_TILE[1] + _CAPTION))
        sheet.paste(_tile(answer), corner)
    drawing._save(sheet, Path(out))


def draw_sheets(
    report: Report,
    folder: Path,
    *,
    k: int = 10,
    worst: int | None = None,
    progress: ProgressCallback | None = None,
) -> list[Path]:
    """Draw the `answer_sheet` of each query of a run, ``<folder>/<number>-<query>.png``.

    Parameters
    ----------
    k
        How many pictures of each ranking are drawn.
    worst
        Draw only so many queries, those with the lowest scores; all by default.

    Raises
    ------
    BadPicture
        When a query cannot be read.
    StorageError
        When the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}") from error
    numbers = chosen(report.scores, worst)
    drawn = []
    for done, number in enumerate(numbers, 1):
        query, found = report.run.benchmark.queries[number], answers(report.run, number, k)
        out = folder / f"{number + 1:04}-{plain_name(query.name)[:80]}.png"
        score = report.scores.queries[number]
        answer_sheet(
            query.picture,
            report.run.boxes[number],
            found,
            out,
            title=query.name,
            subtitle=_verdict(score, found, report),
        )
        drawn.append(out)
        if progress:
            progress(Progress(done, len(numbers), note=query.name))
    return drawn


def _verdict(score: QueryScore, found: Sequence[Answer], report: Report) -> str:
    """How well a query did, in words."""
    if not score.positives:
        return "no right answer: not counted"
    right = sum(answer.verdict == "right" for answer in found)
    first = f"the first at rank {score.first}" if score.first else "none found"
    number = f"N-S {score.top_four}" if report.scores.measure == "N-S" else f"AP {score.ap:.3f}"
    return f"{number}; {right} of the {score.positives} right answers shown, {first}"


def _legend(sheet: Image.Image, right: int, top: int) -> None:
    """What the frames mean, ending at ``right``."""
    draw = ImageDraw.Draw(sheet)
    for text, colour in (("junk, not counted", _COLOURS["junk"]), ("wrong", _COLOURS["wrong"])):
        right -= int(drawing._font(15).getlength(text)) + 1
        drawing._write(sheet, (right, top), text, 15, 200, _FAINT)
        draw.rectangle((right - 24, top + 2, right - 8, top + 16), outline=colour, width=4)
        right -= 44


def _tile(answer: Answer) -> Image.Image:
    """One picture with its frame and caption."""
    hit, colour = answer.hit, _COLOURS.get(answer.verdict)
    tile = Image.new("RGB", (_TILE[0], _TILE[1] + _CAPTION), "white")
    draw = ImageDraw.Draw(tile)
    draw.rectangle((0, 0, _TILE[0] - 1, _TILE[1] - 1), fill=_PANEL, outline=colour, width=_FRAME)
    try:
        picture = drawing._thumbnail(hit.path, (_TILE[0] - 2 * _FRAME - 4, _TILE[1] - 2 * _FRAME - 4))
        tile.paste(picture, ((_TILE[0] - picture.width) // 2, (_TILE[1] - picture.height) // 2))
    except BadPicture as error:
        drawing._write(tile, (16, _TILE[1] // 2 - 20), "cannot be shown:", 13, _TILE[0] - 32, _FAINT)
        drawing._write(tile, (16, _TILE[1] // 2), error.reason, 15, _TILE[0] - 32, _FAINT)
    score = f"{hit.score:.3f}"
    rank = "junk" if answer.verdict == "junk" else f"{hit.rank}, wrong" if colour else str(hit.rank)
    drawing._write(tile, (0, _TILE[1] + 6), rank, 16, 110)
    right = _TILE[0] - int(drawing._font(15).getlength(score)) - 1
    drawing._write(tile, (right, _TILE[1] + 6), score, 15, 80, _FAINT)
    drawing._write(tile, (0, _TILE[1] + 29), drawing._name(hit.path), 13, _TILE[0])
    return tile


def precision_recall_plot(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]], out: str | os.PathLike[str], *, title: str = ""
) -> None:
    """Draw precision over recall, one line a run.

    Parameters
    ----------
    curves
        By the text of the legend, recall and precision, shape ``(n,)`` each.
    out
        The file to write; its ending chooses the format (``.png``, ``.svg``, ``.pdf``).

    Raises
    ------
    MissingExtra
        When matplotlib is not installed.
    UsageError
        When the ending of ``out`` is no format that can be written.
    StorageError
        When the plot cannot be written.
    """
    out = Path(out)
    if out.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"a plot cannot be written as {out.name!r}: end its name in .png, .svg or .pdf")
    figure = _figure(6.4, 5.2 + 0.26 * len(curves))
    axes = figure.add_subplot()
    for (label, (recall, precision)), style in zip(curves.items(), _styles(len(curves)), strict=True):
        axes.plot(recall, precision, label=label, linewidth=2, clip_on=False, **style)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.0), title=title)
    axes.grid(color="#e3e6ea")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower left", frameon=False)
    try:
        figure.savefig(out, dpi=150)
    except OSError as error:
        raise StorageError(f"the plot {out} cannot be written: {error.strerror or error}") from error


def _figure(width: float, height: float) -> Any:
    """An empty figure of ``width`` x ``height`` inches."""
    try:
        from matplotlib.figure import Figure  # an extra, and half a second that only a plot needs
    except ImportError:
        raise MissingExtra("drawing a precision-recall plot", "plot") from None
    return Figure(figsize=(width, height), layout="constrained")


def _styles(count: int) -> list[dict[str, str]]:
    """Colours that the colour-blind tell apart (Okabe and Ito), then the same colours dashed and dotted."""
    colours = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
    dashes = ("-", "--", ":", "-.")
    return [
        {"color": colours[number % len(colours)], "linestyle": dashes[number // len(colours) % len(dashes)]}
        for number in range(count)
    ]
