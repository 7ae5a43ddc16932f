"""Why two pictures are alike: what their places give to the similarity, drawn over both."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from likewise.drawing import canvas
from likewise.drawing.canvas import FAINT, INK, MARGIN, PAPER
from likewise.drawing.taps import overlay
from likewise.pictures import Resize, Source, load

if TYPE_CHECKING:  # to explain takes an extractor, which to draw does not
    from likewise.explaining import Contributions, Explanation

_PANEL, _GAP, _TOP, _BELOW = 460, 28, 84, 36
_BAR = (180, 12)


def explanation_sheet(
    a: Source,
    b: Source,
    found: Explanation,
    out: str | os.PathLike[str],
    *,
    max_pixels: int | None = None,
) -> None:
    """Draw two pictures with what each place gives to their similarity, on one scale.

    ``a``, ``b``: the pictures that were explained.
    """
    canvas.check_output("sheet", out, a, b)
    sides = (found.first, found.second)
    top = max(float(np.abs(side.cells).max()) for side in sides)
    panels = [_panel(source, side, top, max_pixels) for source, side in zip((a, b), sides, strict=True)]
    height = _TOP + max(panel.height for panel in panels) + _BELOW
    sheet = Image.new("RGB", (2 * _PANEL + _GAP + 2 * MARGIN, height), PAPER)
    canvas.write(sheet, (MARGIN, MARGIN - 4), f"similarity {found.similarity:.4f}", 22, _PANEL)
    constant = " and its constant" if found.first.constant else ""
    note = f"the cells of either picture{constant} add up to it"
    canvas.write(sheet, (MARGIN, MARGIN + 26), note, 14, _PANEL, FAINT)
    _legend(sheet, top, found)
    for place, panel in enumerate(panels):
        sheet.paste(panel, (MARGIN + place * (_PANEL + _GAP), _TOP))
    canvas.save(sheet, out)


def _panel(source: Source, side: Contributions, top: float, limit: int | None) -> Image.Image:
    """One picture with its colours, its name and what its brightest place gives."""
    resize, limit = Resize("longest", _PANEL, enlarge=True), limit and max(limit, _PANEL**2)
    pixels = load(source, [resize], box=side.area, crop="own", max_pixels=limit).pixels[0]
    rows, columns = side.cells.shape
    note = f"{columns} x {rows} cells; the strongest gives {side.cells.max():.4f}"
    if side.constant:
        note += f"; constant {side.constant:.4f}"
    picture = Image.fromarray(overlay(pixels, side.cells, top))
    return canvas.captioned(picture, _PANEL, (canvas.name_of(source), 15, INK), (note, 13, FAINT))


def _legend(sheet: Image.Image, top: float, explanation: Explanation) -> None:
    """The colours and what they stand for, at the right edge."""
    below = min(side.cells.min() for side in (explanation.first, explanation.second)) < 0
    values = np.linspace(-top if below else 0, top, _BAR[0])
    grey = np.full((_BAR[1], _BAR[0], 3), 160, np.uint8)
    right = sheet.width - MARGIN
    left = right - _BAR[0]
    sheet.paste(Image.fromarray(overlay(grey, np.tile(values, (_BAR[1], 1)), top)), (left, MARGIN + 14))
    least, most = f"{values[0]:.4f}" if below else "0", f"{top:.4f}"
    canvas.write(sheet, (left, MARGIN - 6), "what a cell gives", 13, _BAR[0], FAINT)
    canvas.write(sheet, (left, MARGIN + 29), least, 13, 80, FAINT)
    canvas.write(sheet, (right - canvas.length(most, 13), MARGIN + 29), most, 13, 80, FAINT)
