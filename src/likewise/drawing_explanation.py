"""Why two pictures are alike: what their places give to the similarity, drawn over both."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise import drawing
from likewise.inspection.explain import Contributions, Explanation
from likewise.pictures import Resize, Source, load
from likewise.types import UInt8Array

_PANEL, _MARGIN, _GAP = 460, 28, 28
_MORE, _LESS = (224, 64, 16), (24, 96, 224)  # what gives to the similarity, and what takes from it
_STRONGEST = 0.8  # share of the colour at the brightest place
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

    Parameters
    ----------
    a, b
        The pictures that were explained.
    out
        The file to write: ``.png``, ``.jpg`` or ``.webp``.

    Raises
    ------
    BadPicture
        When a picture cannot be read.
    UsageError
        When the ending of ``out`` is no format that can be written, or ``out`` is one of the pictures.
    StorageError
        When the sheet cannot be written.
    """
    drawing.check_sheet(out, a, b)
    sides = (found.first, found.second)
    top = max(float(np.abs(side.cells).max()) for side in sides)
    panels = [_panel(source, side, top, max_pixels) for source, side in zip((a, b), sides, strict=True)]
    above, width = 84, 2 * _PANEL + _GAP + 2 * _MARGIN
    sheet = Image.new("RGB", (width, above + max(panel.height for panel in panels) + _MARGIN), "white")
    drawing._write(sheet, (_MARGIN, _MARGIN - 4), f"similarity {found.similarity:.4f}", 22, _PANEL)
    constant = " and its constant" if found.first.constant else ""
    told = f"the cells of either picture{constant} add up to it"
    drawing._write(sheet, (_MARGIN, _MARGIN + 26), told, 14, _PANEL, drawing._FAINT)
    _legend(sheet, top, found)
    for place, panel in enumerate(panels):
        sheet.paste(panel, (_MARGIN + place * (_PANEL + _GAP), above))
    drawing._save(sheet, Path(out))


def overlay(picture: UInt8Array, cells: NDArray[np.floating], top: float) -> UInt8Array:
    """Colour a picture by cells: red where they are above 0, blue where they are below.

    Parameters
    ----------
    picture
        uint8 ``(h, w, 3)``.
    cells
        ``(r, c)``, covering it evenly.
    top
        The magnitude that gets the full colour.

    Returns
    -------
    ndarray
        uint8 ``(h, w, 3)``.
    """
    size = (picture.shape[1], picture.shape[0])
    values = Image.fromarray(cells.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    heat = np.clip(np.asarray(values) / (top or 1), -1, 1)[:, :, None]
    grey = picture.mean(axis=2, keepdims=True)
    paper = 0.6 * grey + 102  # lighter and without colours of its own
    colour = np.where(heat > 0, np.array(_MORE), np.array(_LESS))
    share = _STRONGEST * np.sqrt(np.abs(heat))
    return np.asarray(paper * (1 - share) + colour * share, np.uint8)


def _panel(source: Source, side: Contributions, top: float, limit: int | None) -> Image.Image:
    """One picture with its colours, its name and what its brightest place gives."""
    resize = Resize("longest", _PANEL, enlarge=True)
    pixels = load(
        source, [resize], box=side.area, crop="own", max_pixels=limit and max(limit, _PANEL**2)
    ).pixels[0]
    picture = Image.fromarray(overlay(pixels, side.cells, top))
    panel = Image.new("RGB", (_PANEL, picture.height + 62), "white")
    panel.paste(picture, ((_PANEL - picture.width) // 2, 0))
    rows, columns = side.cells.shape
    told = f"{columns} x {rows} cells; the strongest gives {side.cells.max():.4f}"
    if side.constant:
        told += f"; constant {side.constant:.4f}"
    lines = [
        (drawing._name(source), 15, drawing._INK),
        (told, 13, drawing._FAINT),
    ]
    for number, (text, size, colour) in enumerate(lines):
        drawing._write(panel, (0, picture.height + 10 + 22 * number), text, size, _PANEL, colour)
    return panel


def _legend(sheet: Image.Image, top: float, found: Explanation) -> None:
    """The colours and what they stand for, at the right edge."""
    below = min(side.cells.min() for side in (found.first, found.second)) < 0
    values = np.linspace(-top if below else 0, top, _BAR[0])
    grey = np.full((_BAR[1], _BAR[0], 3), 160, np.uint8)
    left = sheet.width - _MARGIN - _BAR[0]
    sheet.paste(Image.fromarray(overlay(grey, np.tile(values, (_BAR[1], 1)), top)), (left, _MARGIN + 14))
    text = "what a cell gives"
    drawing._write(sheet, (left, _MARGIN - 6), text, 13, _BAR[0], drawing._FAINT)
    drawing._write(sheet, (left, _MARGIN + 29), f"{values[0]:.4f}" if below else "0", 13, 80, drawing._FAINT)
    right = f"{top:.4f}"
    place = sheet.width - _MARGIN - int(drawing._font(13).getlength(right)) - 1
    drawing._write(sheet, (place, _MARGIN + 29), right, 13, 80, drawing._FAINT)
