"""Sheets of groups of pictures: near-duplicates side by side, and the members of a cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from PIL import Image, ImageDraw

from likewise import drawing
from likewise.downstream.duplicates import Duplicates, Group
from likewise.drawing import Reader

_CAPTION = 64  # two lines of text under a picture, and the space to the next row
_MARGIN, _GAP, _HEADING = 28, 16, 42
_ROW, _SHORTEST = 1208, 592
_IN_A_ROW = 10  # at most, where all are upright
_INK, _FAINT, _KEEP = "#16191d", "#5d6670", "#15803d"

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
    tiles = [_tile(path, caption, read) for path, caption in zip(paths, captions, strict=True)]
    corners, (across, down) = drawing.in_rows([tile.size for tile in tiles], _ROW)
    sheet, top = _sheet(across, down, title, subtitle)
    for tile, (x, y) in zip(tiles, corners, strict=True):
        sheet.paste(tile, (_MARGIN + x, top + y))
    drawing._save(sheet, Path(out))


def duplicate_sheet(found: Duplicates, out: str | os.PathLike[str], *, read: Reader = Path) -> None:
    """Draw each group of near-duplicates from a new row on, the one to keep framed green.

    Raises
    ------
    UsageError, StorageError
        As `contact_sheet`.
    """
    drawing.check_sheet(out, *(path for group in found.groups for path in group.paths))
    placed: list[tuple[Image.Image, int, int]] = []
    rows = shown = across = down = 0
    for number, group in enumerate(found.groups, 1):
        tiles = _members(number, group, read)
        corners, (wide, high) = drawing.in_rows([tile.size for tile in tiles], _ROW)
        taken = len({y for _, y in corners})
        if rows and rows + taken > MOST_ROWS:
            break
        placed += [(tile, x, down + y) for tile, (x, y) in zip(tiles, corners, strict=True)]
        rows, shown, across, down = rows + taken, number, max(across, wide), down + high
    title = f"{len(found.groups)} groups of near-duplicates among {found.pictures} pictures"
    left_out = f"; the first {shown} groups" if shown < len(found.groups) else ""
    subtitle = f"similarity to the first, at least {found.threshold:.3f} from one to the next{left_out}"
    sheet, top = _sheet(across, down, title, subtitle)
    for tile, x, y in placed:
        sheet.paste(tile, (_MARGIN + x, top + y))
    drawing._save(sheet, Path(out))


def _members(number: int, group: Group, read: Reader) -> list[Image.Image]:
    """Tiles of a group, the one to keep first, as many as may fit on a sheet."""
    members = zip(group.paths, group.similarities, strict=True)
    tiles = [
        _tile(path, f"{number}: {similarity:.3f}" if place else f"{number}: keep", read, keep=not place)
        for place, (path, similarity) in enumerate(islice(members, MOST_ROWS * _IN_A_ROW))
    ]
    corners, _ = drawing.in_rows([tile.size for tile in tiles], _ROW)
    last = sorted({y for _, y in corners})[:MOST_ROWS][-1]
    return [tile for tile, (_, y) in zip(tiles, corners, strict=True) if y <= last]


def _sheet(across: int, down: int, title: str, subtitle: str) -> tuple[Image.Image, int]:
    """An empty sheet with its heading for rows of some size, and where the first begins."""
    top = _MARGIN + _HEADING + (26 if subtitle else 0)
    width = 2 * _MARGIN + max(across, _SHORTEST)
    sheet = Image.new("RGB", (width, top + down + _MARGIN - _GAP), "white")
    drawing._write(sheet, (_MARGIN, _MARGIN), title, 20, width - 2 * _MARGIN)
    drawing._write(sheet, (_MARGIN, _MARGIN + 32), subtitle, 15, width - 2 * _MARGIN, _FAINT)
    return sheet, top


def _tile(path: Path, caption: str, read: Reader, *, keep: bool = False) -> Image.Image:
    """A picture, its caption and its name."""
    panel = drawing._panel(path, read)
    wide, high = panel.size
    tile = Image.new("RGB", (wide, high + _CAPTION), "white")
    tile.paste(panel)
    if keep:
        ImageDraw.Draw(tile).rectangle((0, 0, wide - 1, high - 1), outline=_KEEP, width=4)
    drawing._write(tile, (0, high + 4), caption, 15, wide, _KEEP if keep else _INK)
    drawing._write(tile, (0, high + 26), drawing._name(path), 13, wide, _FAINT)
    return tile
