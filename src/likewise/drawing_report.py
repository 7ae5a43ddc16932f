"""Pictures of a report: what a query found, and precision over recall."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from likewise import drawing
from likewise.assets import replacing
from likewise.drawing import Reader
from likewise.errors import MissingExtra, StorageError, UsageError
from likewise.evaluation.report import Answer, Report, Verdict, answers, chosen
from likewise.evaluation.runs import plain_name
from likewise.evaluation.scoring import QueryScore
from likewise.pictures import Source
from likewise.types import Box, Progress, ProgressCallback

if TYPE_CHECKING:  # scikit-learn stands behind it, which no sheet needs
    from likewise.evaluation.sweep import Sweep

_COLUMNS = 5
_TILE = (188, 160)
_NARROWEST = 128  # room for "10, wrong" and a score
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
    out
        The file to write: ``.png``, ``.jpg`` or ``.webp``.
    read
        Gives what is drawn of an answer's file.

    Raises
    ------
    BadPicture
        When the query cannot be read.
    UsageError
        When the ending of ``out`` is no format that can be written, or ``out`` is one of the pictures.
    StorageError
        When the sheet cannot be written.
    """
    drawing.check_sheet(out, query, *(answer.hit.path for answer in answers))
    left, top = 2 * _MARGIN + _QUERY, _MARGIN + _HEADING
    row = _COLUMNS * (_TILE[0] + _GAP) - _GAP
    tiles = [_tile(answer, read) for answer in answers]
    corners, (_, down) = drawing.in_rows([tile.size for tile in tiles], row)
    shown = drawing._query(query, box)
    width, height = left + row + _MARGIN, top + max(shown.height, down) + _MARGIN
    sheet = Image.new("RGB", (width, height), "white")
    drawing._write(sheet, (_MARGIN, _MARGIN), title, 20, width - 2 * _MARGIN)
    drawing._write(sheet, (_MARGIN, _MARGIN + 32), subtitle, 15, width - 2 * _MARGIN - 330, _FAINT)
    _legend(sheet, width - _MARGIN, _MARGIN + 32)
    sheet.paste(shown, (_MARGIN, top))
    for tile, (x, y) in zip(tiles, corners, strict=True):
        sheet.paste(tile, (left + x, top + y))
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
    UsageError
        When a sheet would replace a picture of the run.
    StorageError
        When the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}") from error
    numbers = chosen(report.scores, worst)
    outs = {number: folder / _sheet_name(number, report) for number in numbers}
    _spare_pictures(outs.values(), report)
    drawn = []
    for done, (number, out) in enumerate(outs.items(), 1):
        query, found = report.run.benchmark.queries[number], answers(report.run, number, k)
        score = report.scores.queries[number]
        answer_sheet(
            report.run.content(query.picture),
            report.run.boxes[number],
            found,
            out,
            title=query.name,
            subtitle=_verdict(score, found, report),
            read=report.run.content,
        )
        drawn.append(out)
        if progress:
            progress(Progress(done, len(numbers), note=query.name))
    return drawn


def query_sheet(report: Report, out: Path) -> None:
    """Draw the queries of a run with what was looked for in each framed in red, in rows of five.

    Raises
    ------
    BadPicture
        When a query cannot be read.
    UsageError
        When the ending of ``out`` is no format that can be written, or a picture of the run lies there.
    StorageError
        When the sheet cannot be written.
    """
    queries, boxes = report.run.benchmark.queries, [query.box for query in report.run.benchmark.queries]
    drawing.check_sheet(out, *pictures_of(report))
    across, down = _TILE[0] + _GAP, _TILE[1] + 36
    rows = -(-len(queries) // _COLUMNS)
    columns = min(_COLUMNS, len(queries))
    sheet = Image.new("RGB", (2 * _MARGIN + columns * across - _GAP, 2 * _MARGIN + rows * down), "white")
    for place, (query, box) in enumerate(zip(queries, boxes, strict=True)):
        row, column = divmod(place, _COLUMNS)
        left, top = _MARGIN + column * across, _MARGIN + row * down
        picture = drawing._thumbnail(query.picture, _TILE, box=box)
        sheet.paste(picture, (left + (_TILE[0] - picture.width) // 2, top + (_TILE[1] - picture.height) // 2))
        drawing._write(sheet, (left, top + _TILE[1] + 6), query.name, 14, _TILE[0])
    drawing._save(sheet, out)


def _sheet_name(number: int, report: Report) -> str:
    return f"{number + 1:04}-{plain_name(report.run.benchmark.queries[number].name)[:80]}.png"


def _spare_pictures(outs: Iterable[Path], report: Report) -> None:
    """Refuse sheets that would replace a picture of the run; only one of the same name can lie there."""
    named: dict[str, list[Path]] = {}
    for picture in pictures_of(report):
        named.setdefault(picture.name.casefold(), []).append(picture)
    for out in outs:
        drawing.spare(out, *named.get(out.name.casefold(), ()))


def pictures_of(*reports: Report) -> list[Path]:
    """Every picture of the gallery and the queries of some runs, which nothing drawn may replace."""
    benchmarks = [report.run.benchmark for report in reports]
    return [
        picture
        for benchmark in benchmarks
        for picture in (*benchmark.gallery.values(), *(query.picture for query in benchmark.queries))
    ]


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


def _tile(answer: Answer, read: Reader) -> Image.Image:
    """One picture with its frame and caption."""
    hit, colour = answer.hit, _COLOURS.get(answer.verdict)
    panel = drawing._panel(hit.path, read, box=hit.box)
    wide, high = max(panel.width, _NARROWEST) + _FRAME, panel.height + _FRAME
    tile = Image.new("RGB", (wide, high + _CAPTION), "white")
    ImageDraw.Draw(tile).rectangle((0, 0, wide - 1, high - 1), fill=_PANEL, outline=colour, width=_FRAME)
    inside = panel.crop((3, 3, panel.width - 3, panel.height - 3))  # the rest of its rim is the frame's
    tile.paste(inside, ((wide - inside.width) // 2, (high - inside.height) // 2))
    score = f"{hit.score:.3f}"
    rank = "junk" if answer.verdict == "junk" else f"{hit.rank}, wrong" if colour else str(hit.rank)
    right = wide - int(drawing._font(15).getlength(score)) - 1
    drawing._write(tile, (0, high + 6), rank, 16, right - 6)
    drawing._write(tile, (right, high + 6), score, 15, 80, _FAINT)
    drawing._write(tile, (0, high + 29), drawing._name(hit.path), 13, wide)
    return tile


def check_plot(out: str | os.PathLike[str], *pictures: Path) -> None:
    """See that a plot can be drawn and written to ``out``, and that none of ``pictures`` lies there.

    Raises
    ------
    MissingExtra
        When matplotlib is not installed.
    UsageError
        When the ending of ``out`` is no format that can be written, or a picture would be replaced.
    StorageError
        When its folder is not there.
    """
    path = Path(out)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"a plot cannot be written as {path.name!r}: end its name in .png, .svg or .pdf")
    if not path.parent.is_dir():
        raise StorageError(f"the plot {path} cannot be written: there is no folder {path.parent}")
    drawing.spare(path, *pictures)
    _figure(1, 1)


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
    MissingExtra, UsageError, StorageError
        As `check_plot`.
    """
    check_plot(out)
    figure = _figure(6.4, 5.2 + 0.26 * len(curves))
    axes = figure.add_subplot()
    for (label, (recall, precision)), style in zip(curves.items(), _styles(len(curves)), strict=True):
        axes.plot(recall, precision, label=label, linewidth=2, clip_on=False, **style)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.0), title=title)
    _plain(axes)
    figure.legend(loc="outside lower left", frameon=False)
    _save_plot(figure, Path(out))


def sweep_plot(sweep: Sweep, out: str | os.PathLike[str], *, title: str = "") -> None:
    """Draw the score over the taps of a sweep: a line a pooling, a panel a whitening, the best cell ringed.

    Parameters
    ----------
    out
        The file to write; its ending chooses the format (``.png``, ``.svg``, ``.pdf``).

    Raises
    ------
    MissingExtra, UsageError, StorageError
        As `check_plot`.
    """
    check_plot(out)
    panels = list(dict.fromkeys(cell.whitened for cell in sweep.possible))
    panels.sort(key=lambda whitened: (whitened is not None, -(whitened or 0)))
    pools = sorted({cell.pool for cell in sweep.possible})
    styles = dict(zip(pools, _styles(len(pools)), strict=True))
    width = max(6.4, 1 + len(panels) * max(2.6, 0.5 * len(sweep.taps)))
    figure = _figure(width, 4.6)
    for whitened, axes in zip(
        panels, figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], strict=True
    ):
        _panel(axes, sweep, whitened, styles)
    first = figure.axes[0]
    first.set(ylabel=sweep.card.measure)
    first.set_ylim(bottom=0)
    figure.suptitle(title, fontsize="large")
    lines = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
    beside = int(width / 1.5)  # a name and its line are 1.5 inches at most, the best cell's apart
    figure.legend(lines.values(), lines.keys(), loc="outside lower left", frameon=False, ncols=beside)
    _save_plot(figure, Path(out))


def _panel(axes: Any, sweep: Sweep, whitened: int | None, styles: Mapping[str, dict[str, str]]) -> None:
    """The cells of one whitening: a line a pooling, from the first tap to the last."""
    places = {tap: place for place, tap in enumerate(sweep.taps)}
    for pool, style in styles.items():
        cells = [cell for cell in sweep.possible if (cell.pool, cell.whitened) == (pool, whitened)]
        cells.sort(key=lambda cell: places[cell.tap])
        points = [[places[cell.tap] for cell in cells], [cell.score for cell in cells]]
        axes.plot(*points, label=pool, linewidth=2, marker="o", markersize=4, **style)
    best = sweep.possible[0]
    if best.whitened == whitened:
        ring = {"marker": "o", "markersize": 13, "markerfacecolor": "none", "linestyle": "none"}
        label = f"best: {best.tap} {best.pool}, {best.score:.3f}"
        axes.plot([places[best.tap]], [best.score], label=label, color=_INK, **ring)
    axes.set_title("as it is" if whitened is None else f"whitened to {whitened}", fontsize="medium")
    axes.set_xticks(range(len(sweep.taps)), sweep.taps, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.5, len(sweep.taps) - 0.5)
    _plain(axes)


def _plain(axes: Any) -> None:
    """A grid behind the lines, and no frame above and to the right."""
    axes.grid(color="#e3e6ea")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _save_plot(figure: Any, out: Path) -> None:
    """Write the plot whole, or leave what was there."""
    with replacing(out) as part:
        figure.savefig(part, dpi=150, format=out.suffix[1:].lower())


def _figure(width: float, height: float) -> Any:
    """An empty figure of ``width`` x ``height`` inches."""
    try:
        from matplotlib.figure import Figure  # an extra, and half a second that only a plot needs
    except ImportError:
        raise MissingExtra("drawing a plot", "plot") from None
    return Figure(figsize=(width, height), layout="constrained")


def _styles(count: int) -> list[dict[str, str]]:
    """Colours that the colour-blind tell apart (Okabe and Ito), then the same colours dashed and dotted."""
    colours = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
    dashes = ("-", "--", ":", "-.")
    return [
        {"color": colours[number % len(colours)], "linestyle": dashes[number // len(colours) % len(dashes)]}
        for number in range(count)
    ]
