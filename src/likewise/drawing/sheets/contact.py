"""Groups of pictures: near-duplicates side by side, and the members of a cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from likewise.drawing import canvas
from likewise.drawing.canvas import FAINT, GAP, GREEN, INK, MARGIN, PAPER, Reader

if TYPE_CHECKING:  # to find them takes much that to draw them does not
    from likewise.downstream.duplicates import Duplicates, Group

_HEADING = 42
_ROW, _SHORTEST = 1208, 592
_IN_A_ROW = 10  # at most, where all are upright

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
    read
        Gives what is drawn of a file.
    """
    canvas.check_output("sheet", out, *paths)
    tiles = [_tile(path, caption, read) for path, caption in zip(paths, captions, strict=True)]
    canvas.save(_sheet([canvas.set_in_rows(tiles, _ROW)], title, subtitle), out)


def duplicate_sheet(found: Duplicates, out: str | os.PathLike[str], *, read: Reader = Path) -> None:
    """Draw each group of near-duplicates from a new row on, the one to keep framed green."""
    canvas.check_output("sheet", out, *(path for group in found.groups for path in group.paths))
    blocks: list[Image.Image] = []
    rows = 0
    for number, group in enumerate(found.groups, 1):
        tiles, taken = _members(number, group, read)
        if rows and rows + taken > MOST_ROWS:
            break
        blocks.append(canvas.set_in_rows(tiles, _ROW))
        rows += taken
    title = f"{len(found.groups)} groups of near-duplicates among {found.pictures} pictures"
    left_out = f"; the first {len(blocks)} groups" if len(blocks) < len(found.groups) else ""
    subtitle = f"similarity to the first, at least {found.threshold:.3f} from one to the next{left_out}"
    canvas.save(_sheet(blocks, title, subtitle), out)


def _members(number: int, group: Group, read: Reader) -> tuple[list[Image.Image], int]:
    """Tiles of a group, the one to keep first, as many as may fit on a sheet, and how many rows they take."""
    members = zip(group.paths, group.similarities, strict=True)
    tiles = [
        _tile(path, f"{number}: {similarity:.3f}" if place else f"{number}: keep", read, keep=not place)
        for place, (path, similarity) in enumerate(islice(members, MOST_ROWS * _IN_A_ROW))
    ]
    corners, _ = canvas.in_rows([tile.size for tile in tiles], _ROW)
    rows = sorted({y for _, y in corners})[:MOST_ROWS]
    return [tile for tile, (_, y) in zip(tiles, corners, strict=True) if y <= rows[-1]], len(rows)


def _sheet(blocks: Sequence[Image.Image], title: str, subtitle: str) -> Image.Image:
    """Blocks of tiles below each other, with a heading."""
    top = MARGIN + _HEADING + (26 if subtitle else 0)
    width = 2 * MARGIN + max([_SHORTEST, *(block.width for block in blocks)])
    down = sum(block.height for block in blocks)
    sheet = Image.new("RGB", (width, top + down + MARGIN - GAP), PAPER)
    canvas.head(sheet, title, subtitle)
    for block in blocks:
        sheet.paste(block, (MARGIN, top))
        top += block.height
    return sheet


def _tile(path: Path, caption: str, read: Reader, *, keep: bool = False) -> Image.Image:
    first, second = (caption, 15, GREEN if keep else INK), (canvas.name_of(path), 13, FAINT)
    return canvas.tile(canvas.panel(path, read), first, second, (4, 26, 64), frame=GREEN if keep else "")
