"""The queries of a run, and what was ranked for each: wrong pictures framed orange, junk grey."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from likewise.drawing import canvas
from likewise.drawing.canvas import FAINT, GAP, INK, MARGIN, PANEL, PAPER, TILE, Reader
from likewise.drawing.sheets.results import COLUMNS, ROW, beside, query_panel
from likewise.files import made_folder
from likewise.pictures import Source
from likewise.types import Box, Progress, ProgressCallback

if TYPE_CHECKING:  # to evaluate takes much that to draw does not
    from likewise.evaluation.reports import QueryScore, RankedPicture, Report, Verdict

COLOURS: dict[Verdict, str] = {"wrong": "#ee7a0a", "junk": "#9aa1a9"}
"""Of the frames; right answers have none."""

_NARROWEST = 128  # room for "10, wrong" and a score
_FRAME = 6


def answer_sheet(
    query: Source,
    box: Box | None,
    answers: Sequence[RankedPicture],
    out: str | os.PathLike[str],
    *,
    title: str = "",
    subtitle: str = "",
    read: Reader = Path,
) -> None:
    """Draw a query and the first pictures of its ranking: wrong ones framed orange, junk grey.

    Parameters
    ----------
    query
        The query picture.
    box
        What of it was looked for, in pixels of the upright picture; drawn in red. None for all of it.
    answers
        What was ranked, best first, with the box of each hit that has one. A picture that can no longer be
        read becomes a grey tile that says so.
    read
        Gives what is drawn of an answer's file.
    """
    canvas.check_output("sheet", out, query, *(answer.hit.path for answer in answers))
    body = canvas.set_in_rows([_tile(answer, read) for answer in answers], ROW)
    sheet = beside(query_panel(query, box), body, MARGIN + 74, ROW)
    canvas.head(sheet, title, subtitle, beside=330)
    _legend(sheet, sheet.width - MARGIN, MARGIN + 32)
    canvas.save(sheet, out)


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
    """
    made_folder(folder)
    numbers = report.chosen(worst)
    outs = {number: folder / _sheet_name(number, report) for number in numbers}
    _spare_pictures(outs.values(), report)
    for done, (number, out) in enumerate(outs.items(), 1):
        query, answers = report.run.benchmark.queries[number], report.answers(number, k)
        answer_sheet(
            report.run.content(query.picture),
            report.run.boxes[number],
            answers,
            out,
            title=query.name,
            subtitle=_verdict(report.scores.queries[number], answers, report),
            read=report.run.content,
        )
        if progress:
            progress(Progress(done, len(numbers), note=query.name))
    return list(outs.values())


def query_sheet(report: Report, out: Path) -> None:
    """Draw the queries of a run with what was looked for in each framed in red, in rows of five."""
    queries = report.run.benchmark.queries
    canvas.check_output("sheet", out, *report.run.benchmark.pictures)
    across, down = TILE[0] + GAP, TILE[1] + 36
    rows, columns = -(-len(queries) // COLUMNS), min(COLUMNS, len(queries))
    sheet = Image.new("RGB", (2 * MARGIN + columns * across - GAP, 2 * MARGIN + rows * down), PAPER)
    for place, query in enumerate(queries):
        row, column = divmod(place, COLUMNS)
        left, top = MARGIN + column * across, MARGIN + row * down
        picture, _ = canvas.fit(query.picture, TILE, box=query.box, frame=2, strict=False)
        sheet.paste(picture, (left + (TILE[0] - picture.width) // 2, top + (TILE[1] - picture.height) // 2))
        canvas.write(sheet, (left, top + TILE[1] + 6), query.name, 14, TILE[0])
    canvas.save(sheet, out)


def _sheet_name(number: int, report: Report) -> str:
    from likewise.evaluation import plain_name  # whoever has a run has loaded it

    return f"{number + 1:04}-{plain_name(report.run.benchmark.queries[number].name)[:80]}.png"


def _spare_pictures(outs: Iterable[Path], report: Report) -> None:
    """Refuse sheets that would replace a picture of the run; only one of the same name can lie there."""
    named: dict[str, list[Path]] = {}
    for picture in report.run.benchmark.pictures:
        named.setdefault(picture.name.casefold(), []).append(picture)
    for out in outs:
        canvas.spare(out, *named.get(out.name.casefold(), ()))


def _verdict(score: QueryScore, answers: Sequence[RankedPicture], report: Report) -> str:
    """How well a query did, in words."""
    if not score.positives:
        return "no right answer: not counted"
    right = sum(answer.verdict == "right" for answer in answers)
    first = f"the first at rank {score.first}" if score.first else "none found"
    number = f"N-S {score.top_four}" if report.scores.measure == "N-S" else f"AP {score.ap:.3f}"
    return f"{number}; {right} of the {score.positives} right answers shown, {first}"


def _legend(sheet: Image.Image, right: int, top: int) -> None:
    """Key to the frames, ending at ``right``."""
    draw = ImageDraw.Draw(sheet)
    for text, colour in (("junk, not counted", COLOURS["junk"]), ("wrong", COLOURS["wrong"])):
        right -= canvas.length(text, 15)
        canvas.write(sheet, (right, top), text, 15, 200, FAINT)
        draw.rectangle((right - 24, top + 2, right - 8, top + 16), outline=colour, width=4)
        right -= 44


def _tile(answer: RankedPicture, read: Reader) -> Image.Image:
    hit, colour = answer.hit, COLOURS.get(answer.verdict)
    shown = canvas.panel(hit.path, read, box=hit.box)
    wide, high = max(shown.width, _NARROWEST) + _FRAME, shown.height + _FRAME
    framed = Image.new("RGB", (wide, high))
    ImageDraw.Draw(framed).rectangle((0, 0, wide - 1, high - 1), fill=PANEL, outline=colour, width=_FRAME)
    inside = shown.crop((3, 3, shown.width - 3, shown.height - 3))  # the rest of its rim is the frame's
    framed.paste(inside, ((wide - inside.width) // 2, (high - inside.height) // 2))
    rank = "junk" if answer.verdict == "junk" else f"{hit.rank}, wrong" if colour else str(hit.rank)
    name = (canvas.name_of(hit.path), 13, INK)
    return canvas.tile(framed, (rank, 16, INK), name, (6, 29, 58), f"{hit.score:.3f}")
