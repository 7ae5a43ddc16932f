"""``likewise inspect``: what a network sees in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from likewise.cli.inspected import inspected_lines, inspected_value
from likewise.cli.options import Json, MaxPixels, NetworkWeights
from likewise.cli.output import progress, show
from likewise.errors import UsageError

if TYPE_CHECKING:  # numpy stands behind them, and help must not wait for that
    from likewise.inspection import Alignment, Inspection, Network, Pair

Scale = Literal["shared", "map"]


def _names() -> list[str]:
    from likewise.networks import NETWORKS

    return list(NETWORKS)


def inspect(
    picture: Annotated[Path, typer.Argument(help="A picture file.")],
    network: Annotated[
        str, typer.Option("--network", help="A name of `likewise networks`.", autocompletion=_names)
    ] = "efficientnet-lite0",
    weights: NetworkWeights = "",
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="NETWORK",
            help="A second network, looked at side by side on the same scales.",
            autocompletion=_names,
        ),
    ] = None,
    against_weights: Annotated[
        str | None,
        typer.Option(
            "--against-weights",
            metavar="NAME",
            help="Its weights; without --against: other weights of the same network.",
        ),
    ] = None,
    taps: Annotated[
        str,
        typer.Option(
            "--taps",
            metavar="TAP,TAP...",
            help="Names of `likewise networks show`; mine=theirs where two networks call them differently. "
            "Without it: all.",
            show_default=False,
        ),
    ] = "",
    size: Annotated[
        int,
        typer.Option(
            "--size",
            min=0,
            help="Longest side of the picture in pixels. 0: 320, or the side of fully connected layers.",
        ),
    ] = 0,
    sheets: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Draw a sheet of each tap's maps into this folder."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help="Write everything as one .html file that needs nothing else."
        ),
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Draw only so many maps, the strongest.")
    ] = None,
    scale: Annotated[
        Scale, typer.Option("--scale", help="One scale for the maps of a sheet, or each map's own.")
    ] = "shared",
    cell: Annotated[
        list[str] | None,
        typer.Option(
            "--cell", metavar="TAP:ROW,COLUMN", help="Show what a cell of a map sees. May be repeated."
        ),
    ] = None,
    on: Annotated[
        Path | None,
        typer.Option(
            "--on", metavar="DIR", help="Also compare the layers by CKA on the pictures of this folder."
        ),
    ] = None,
    most: Annotated[
        int, typer.Option("--most", min=4, help="At most so many of them, spread evenly over the folder.")
    ] = 100,
    classes: Annotated[
        Path | None, typer.Option("--classes", metavar="FILE", help="Names of the classes, one a line.")
    ] = None,
    max_pixels: MaxPixels = None,
    as_json: Json = False,
) -> None:
    """Look into a network: its maps, their statistics, what it answers, and two networks side by side."""
    from likewise.inspection import open_network

    wanted = [parse_cell(text) for text in cell or ()]
    if wanted and not (sheets or report):
        raise UsageError("--cell is drawn: say where with -o DIR or --report FILE")
    _check_outputs(picture, sheets, report)
    second = against or (network if against_weights else None)
    opened = [open_network(network, weights=weights)]
    if second:
        opened.append(open_network(second, weights=against_weights or ""))
    names = [name.strip() for name in taps.split(",") if name.strip()] or None
    inspection = _look(opened, picture, names, size=size, top=top, classes=classes, max_pixels=max_pixels)
    places = [inspection.sides[0].cell(opened[0], *parsed) for parsed in wanted]
    alignment = _align(opened, inspection, on, most, size, max_pixels) if on else None
    drawn = []
    if sheets:
        from likewise.drawing.sheets import draw_inspection

        drawn = draw_inspection(inspection, sheets, scale=scale, cells=places)
    if report:
        from likewise.drawing.pages import inspection_page

        inspection_page(inspection, report, name=picture.name, scale=scale, cells=places, alignment=alignment)
    show(
        inspected_value(inspection, alignment, drawn, report),
        inspected_lines(inspection, alignment, sheets, drawn, report),
        as_json=as_json,
    )


def parse_cell(text: str) -> tuple[str, int, int]:
    """Tap, row and column of ``tap:row,column``.

    Raises `UsageError` when it is something else.
    """
    tap, _, place = text.rpartition(":")
    row, _, column = place.partition(",")
    if not (tap and row.strip().isdecimal() and column.strip().isdecimal()):
        raise UsageError(f"cell {text!r} is not tap:row,column, such as relu5_3:4,7")
    return tap, int(row), int(column)


def _check_outputs(picture: Path, sheets: Path | None, report: Path | None) -> None:
    """Refuse, before anything runs, what could not be written at the end."""
    if report:
        from likewise.drawing import check_output

        check_output("page", report, picture)
    if sheets:
        from likewise.files import made_folder

        made_folder(sheets)


def _look(
    opened: Sequence[Network],
    picture: Path,
    taps: list[str] | None,
    *,
    size: int,
    top: int | None,
    classes: Path | None,
    max_pixels: int | None,
) -> Inspection | Pair:
    from likewise.inspection import inspect as look
    from likewise.inspection import inspect_pair

    with progress("inspecting") as callback:
        options: dict[str, Any] = {
            "size": size,
            "top": top,
            "classes": classes,
            "max_pixels": max_pixels,
            "progress": callback,
        }
        if len(opened) > 1:
            return inspect_pair(opened[0], opened[1], picture, taps, **options)
        return look(opened[0], picture, taps, **options)


def _align(
    opened: Sequence[Network],
    inspection: Inspection | Pair,
    folder: Path,
    most: int,
    size: int,
    max_pixels: int | None,
) -> Alignment:
    """CKA between the taps that were looked at."""
    from likewise.inspection import Alignment
    from likewise.learning import choose

    taps = [[view.tap.name for view in side.views] for side in inspection.sides]
    with progress("comparing layers") as callback:
        return Alignment.of(
            opened[0],
            opened[-1],
            choose(folder, most=most).files,
            (taps[0], taps[-1]),
            size=size,
            max_pixels=max_pixels,
            progress=callback,
        )
