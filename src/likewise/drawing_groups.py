"""Sheets of groups of pictures: near-duplicates side by side, and the members of a cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from likewise import drawing
from likewise.downstream.duplicates import Duplicates
from likewise.drawing import Reader
from likewise.errors import BadPicture

_TILE = (188, 160)
_CAPTION = 48
_MARGIN, _GAP, _HEADING = 28, 16, 42
_COLUMNS = 6
_INK, _FAINT, _PANEL, _KEEP = "#16191d", "#5d6670", "#eceef1", "#15803d"

MOST_ROWS = 40
"""Rows of pictures on one sheet of duplicates."""


def contact_sheet(
    paths: Sequence[Path],
    captions: Sequence[str],
    out: str | os.PathLike[str],
    *,
    title: str,
    subtitle: str = "",
    read: Reader = Path,
) -> None:
    """Draw pictures in rows, each with a caption and its name.

    Parameters
    ----------
    paths
        A picture that can no longer be read becomes a grey tile that says so.
    captions
        What stands below each, such as a number.
    out
        The file to write: ``.png``, ``.jpg`` or ``.webp``.
    read
        Gives what is drawn of a file.

    Raises
    ------
    UsageError
        When the ending of ``out`` is no format that can be written, or ``out`` is one of the pictures.
    StorageError
        When the sheet cannot be written.
    """
    drawing.check_sheet(out, *paths)
    columns = max(2, min(_COLUMNS, len(paths)))
    sheet, top = _sheet(columns, -(-len(paths) // columns), title, subtitle)
    for place, (path, caption) in enumerate(zip(paths, captions, strict=True)):
        row, column = divmod(place, columns)
        sheet.paste(_tile(path, caption, read), _corner(top, row, column))
    drawing._save(sheet, Path(out))


def duplicate_sheet(found: Duplicates, out: str | os.PathLike[str], *, read: Reader = Path) -> None:
    """Draw each group of near-duplicates from a new row on, the one to keep framed green.

    Raises
    ------
    UsageError, StorageError
        As `contact_sheet`.
    """
    drawing.check_sheet(out, *(path for group in found.groups for path in group.paths))
    places: list[tuple[int, int, Path, str, bool]] = []
    row = shown = 0
    for number, group in enumerate(found.groups, 1):
        rows = -(-len(group.paths) // _COLUMNS)
        if row and row + rows > MOST_ROWS:
            break
        for place, (path, similarity) in enumerate(zip(group.paths, group.similarities, strict=True)):
            down, column = divmod(place, _COLUMNS)
            caption = f"{number}: keep" if place == 0 else f"{number}: {similarity:.3f}"
            if row + down < MOST_ROWS:
                places.append((row + down, column, path, caption, place == 0))
        row, shown = row + rows, number
    title = f"{len(found.groups)} groups of near-duplicates among {found.pictures} pictures"
    left_out = f"; the first {shown} groups" if shown < len(found.groups) else ""
    columns = max(3, max((column for _, column, *_ in places), default=0) + 1)
    subtitle = f"similarity to the first, at least {found.threshold:.3f} from one to the next{left_out}"
    sheet, top = _sheet(columns, min(row, MOST_ROWS), title, subtitle)
    for down, column, path, caption, keep in places:
        sheet.paste(_tile(path, caption, read, keep=keep), _corner(top, down, column))
    drawing._save(sheet, Path(out))


def _sheet(columns: int, rows: int, title: str, subtitle: str) -> tuple[Image.Image, int]:
    """An empty sheet with its heading, and where the first row begins."""
    top = _MARGIN + _HEADING + (26 if subtitle else 0)
    width = 2 * _MARGIN + columns * (_TILE[0] + _GAP) - _GAP
    sheet = Image.new("RGB", (width, top + rows * (_TILE[1] + _CAPTION + _GAP) + _MARGIN - _GAP), "white")
    drawing._write(sheet, (_MARGIN, _MARGIN), title, 20, width - 2 * _MARGIN)
    drawing._write(sheet, (_MARGIN, _MARGIN + 32), subtitle, 15, width - 2 * _MARGIN, _FAINT)
    return sheet, top


def _corner(top: int, row: int, column: int) -> tuple[int, int]:
    return _MARGIN + column * (_TILE[0] + _GAP), top + row * (_TILE[1] + _CAPTION + _GAP)


def _tile(path: Path, caption: str, read: Reader, *, keep: bool = False) -> Image.Image:
    """A picture, its caption and its name."""
    tile = Image.new("RGB", (_TILE[0], _TILE[1] + _CAPTION), "white")
    draw = ImageDraw.Draw(tile)
    draw.rectangle((0, 0, _TILE[0] - 1, _TILE[1] - 1), fill=_PANEL)
    try:
        picture = drawing._thumbnail(read(path), (_TILE[0] - 12, _TILE[1] - 12))
        tile.paste(picture, ((_TILE[0] - picture.width) // 2, (_TILE[1] - picture.height) // 2))
    except BadPicture as error:
        drawing._write(tile, (16, _TILE[1] // 2 - 20), "cannot be shown:", 13, _TILE[0] - 32, _FAINT)
        drawing._write(tile, (16, _TILE[1] // 2), error.reason, 15, _TILE[0] - 32, _FAINT)
    if keep:
        draw.rectangle((0, 0, _TILE[0] - 1, _TILE[1] - 1), outline=_KEEP, width=4)
    drawing._write(tile, (0, _TILE[1] + 4), caption, 15, _TILE[0], _KEEP if keep else _INK)
    drawing._write(tile, (0, _TILE[1] + 26), drawing._name(path), 13, _TILE[0], _FAINT)
    return tile
