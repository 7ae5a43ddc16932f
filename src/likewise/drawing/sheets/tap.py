"""Sheets of an inspection: the maps of a tap beside the picture, and the field of one cell."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from likewise.drawing import canvas, taps
from likewise.drawing.canvas import FAINT, MARGIN, PAPER
from likewise.drawing.charts import distribution, stacked
from likewise.drawing.taps import Scale
from likewise.files import replacing

if TYPE_CHECKING:  # to inspect takes a network, which to draw does not
    from likewise.inspection import Inspection, Pair, View
    from likewise.networks import Tap


def map_sheet(
    found: Inspection, view: View, out: str | os.PathLike[str], *, scale: Scale = "shared", top: float = 0
) -> None:
    """Draw the maps of a tap beside the picture, or the largest numbers of a vector as bars.

    Parameters
    ----------
    scale
        Whether all maps share a scale; which it is stands on the sheet.
    top
        Of a shared scale, the magnitude that is drawn white; 0 for `shared_top` of this view.
    """
    canvas.check_output("sheet", out)
    top = top or taps.shared_top(view)
    body = taps.tiles(view, scale=scale, top=top) if view.maps is not None else taps.bars(found, view)
    beside = _beside(found, view)
    above = 112
    width = 3 * MARGIN + taps.SIDE + max(body.width, 640)
    sheet = Image.new("RGB", (width, above + max(body.height, beside.height) + MARGIN), PAPER)
    room = width - 2 * MARGIN
    canvas.write(sheet, (MARGIN, MARGIN - 6), f"{view.tap.name} of {found.network}", 22, room)
    canvas.write(sheet, (MARGIN, MARGIN + 26), taps.described(view), 15, room, FAINT)
    if view.maps is not None:
        text = taps.scale_text(view, scale, top)
        canvas.write(sheet, (2 * MARGIN + taps.SIDE, MARGIN + 54), text, 14, room - taps.SIDE, FAINT)
    sheet.paste(beside, (MARGIN, above))
    sheet.paste(body, (2 * MARGIN + taps.SIDE, above))
    canvas.save(sheet, out)


def field_sheet(found: Inspection, tap: Tap, cell: tuple[int, int], out: str | os.PathLike[str]) -> None:
    """Write `field_picture` with a line that says which cell it is and what it sees."""
    canvas.check_output("sheet", out)
    picture = taps.field_picture(found, tap, cell)
    sheet = Image.new("RGB", (max(picture.width, 420) + 2 * MARGIN, picture.height + 2 * MARGIN + 54), PAPER)
    room = sheet.width - 2 * MARGIN
    title = f"{tap.name}, row {cell[0]}, column {cell[1]}"
    canvas.write(sheet, (MARGIN, MARGIN - 6), title, 20, room)
    canvas.write(sheet, (MARGIN, MARGIN + 22), taps.field_text(found, tap, cell), 14, room, FAINT)
    sheet.paste(picture, (MARGIN, MARGIN + 54))
    canvas.save(sheet, out)


def draw_inspection(
    found: Inspection | Pair,
    folder: Path,
    *,
    scale: Scale = "shared",
    cells: Sequence[tuple[Tap, tuple[int, int]]] = (),
) -> list[Path]:
    """Draw a sheet a tap and network, one a cell, and how values are spread.

    Parameters
    ----------
    scale
        As for `map_sheet`; networks share it.
    cells
        Taps of the first network, each with row and column of a cell.
    """
    drawn = []
    for place in range(len(found.sides[0].views)):
        views = [side.views[place] for side in found.sides]
        for letter, side, view in zip("ab", found.sides, views, strict=False):
            mark = f"-{letter}" if len(views) > 1 else ""
            drawn.append(folder / f"{place + 1:02}{mark}-{view.tap.name.replace('/', '_')}.png")
            map_sheet(side, view, drawn[-1], scale=scale, top=taps.shared_top(*views))
    for tap, cell in cells:
        drawn.append(folder / f"cell-{tap.name.replace('/', '_')}-{cell[0]}-{cell[1]}.png")
        field_sheet(found.sides[0], tap, cell, drawn[-1])
    drawn.append(folder / "distributions.svg")
    with replacing(drawn[-1]) as part:
        part.write_text(_distributions(found.sides), encoding="utf-8")
    return drawn


def _distributions(sides: Sequence[Inspection]) -> str:
    charts = [distribution({"pixels": sides[0].colours}, title="pixels of the picture")]
    for views in zip(*(side.views for side in sides), strict=True):
        curves = {side.network: view.statistics.histogram for side, view in zip(sides, views, strict=True)}
        title = " and ".join(dict.fromkeys(view.tap.name for view in views))
        charts.append(distribution(curves, title=title))
    return stacked(charts)


def _beside(inspection: Inspection, view: View) -> Image.Image:
    """The picture, where in it the tap is strong, and the statistics."""
    pictures = [
        (Image.fromarray(taps.fitted(inspection.pixels, taps.SIDE)), "the picture as the network got it")
    ]
    if view.heat is not None:
        pictures.append((taps.heat_picture(inspection, view), "mean magnitude of the maps"))
    lines = taps.facts(inspection, view)
    height = sum(picture.height + 34 for picture, _ in pictures) + 42 * len(lines)
    panel = Image.new("RGB", (taps.SIDE, height), PAPER)
    y = 0
    for picture, text in pictures:
        panel.paste(picture, (0, y))
        canvas.write(panel, (0, y + picture.height + 5), text, 13, taps.SIDE, FAINT)
        y += picture.height + 34
    for name, text in lines:
        canvas.write(panel, (0, y), name, 13, taps.SIDE, FAINT)
        canvas.write(panel, (0, y + 17), text, 14, taps.SIDE)
        y += 42
    return panel
