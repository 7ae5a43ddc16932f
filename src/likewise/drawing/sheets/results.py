"""A query and what was found."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from PIL import Image

from likewise.drawing import canvas
from likewise.drawing.canvas import FAINT, GAP, INK, MARGIN, PAPER, RED, TILE, Reader
from likewise.pictures import Source
from likewise.types import Box, Hit

QUERY = (360, 400)
"""Largest width and height of a query on a sheet."""

COLUMNS = 5
"""Tiles that lie in a row; narrower ones are more."""

ROW = COLUMNS * (TILE[0] + GAP) - GAP

_LEFT = 2 * MARGIN + QUERY[0]


def result_sheet(
    query: Source,
    box: Box | None,
    hits: Sequence[Hit],
    out: str | os.PathLike[str],
    *,
    k: int | None = None,
    correct: Collection[Path] | None = None,
    max_pixels: int | None = None,
    read: Reader = Path,
) -> None:
    """Draw a query and its hits, best first, each with its rank, score and name.

    Raises `BadPicture` when the query cannot be read; `BadBox` when the box lies outside the query;
    `UsageError` when the ending of ``out`` is no format that can be written, or ``out`` is the query or a
    hit; `StorageError` when the sheet cannot be written.

    Parameters
    ----------
    query
        The query picture; anything that `likewise.pictures.load` takes.
    box
        What was asked for, in pixels of the upright query; drawn in red.
    hits
        What was found, with the box of each that has one. A hit whose picture can no longer be read becomes
        a grey tile that says so.
    out
        The file to write; its ending chooses the format (``.png``, ``.jpg``, ``.webp``).
    k
        How many hits to draw; None for all.
    correct
        Paths that show the same thing, where that is known: their hits are framed green, others orange.
    max_pixels
        Largest picture accepted, the query or a hit.
    read
        Gives what is drawn of a hit's file; `likewise.Collection.read` gives only what was indexed.
    """
    hits = hits[:k]
    canvas.check_output("sheet", out, query, *(hit.path for hit in hits))
    # the query and the hits were accepted before; a limit below the sheet's own sizes must not refuse them
    limit = max_pixels and max(max_pixels, max(QUERY) ** 2)
    body = canvas.set_in_rows([_tile(hit, correct, limit, read) for hit in hits], ROW)
    room = max(body.width, 2 * (TILE[0] + GAP) - GAP)
    sheet = beside(query_panel(query, box, limit), body, MARGIN + 40, room)
    canvas.write(sheet, (MARGIN, MARGIN), "Query", 20, QUERY[0])
    canvas.write(sheet, (_LEFT, MARGIN), _heading(hits, correct), 20, room)
    canvas.save(sheet, out)


def query_panel(query: Source, box: Box | None, limit: int | None = None) -> Image.Image:
    """A query with its box, and beneath it its name, its size and the box in words."""
    picture, loaded = canvas.fit(query, QUERY, box=box, limit=limit)
    lines = [(canvas.name_of(query), 15, INK), (f"{loaded.width} x {loaded.height} pixels", 13, FAINT)]
    if box:
        region = box.clip(loaded.width, loaded.height)
        lines.append((f"asked for: {','.join(map(str, region))}", 13, RED))
    return canvas.captioned(picture, QUERY[0], *lines)


def beside(query: Image.Image, body: Image.Image, top: int, room: int) -> Image.Image:
    """A sheet with the panel of a query on the left and what was found on the right, ``room`` pixels wide."""
    size = (_LEFT + room + MARGIN, top + max(query.height, body.height) + MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    sheet.paste(query, (MARGIN, top))
    sheet.paste(body, (_LEFT, top))
    return sheet


def _heading(hits: Sequence[Hit], correct: Collection[Path] | None) -> str:
    """The heading above the hits."""
    if not hits:
        return "Nothing was found"
    heading = f"The {len(hits)} most alike" if len(hits) > 1 else "The most alike"
    if correct is None:
        return heading
    return f"{heading}: {sum(hit.path in correct for hit in hits)} show the same (green)"


def _tile(hit: Hit, correct: Collection[Path] | None, limit: int | None, read: Reader) -> Image.Image:
    score = f"{hit.score:.2g}" if 1e-9 < abs(hit.score) < 0.01 else f"{hit.score:.3f}"
    frame = "" if correct is None else canvas.GREEN if hit.path in correct else canvas.ORANGE
    shown = canvas.panel(hit.path, read, limit=limit, box=hit.box)
    rank, name = (str(hit.rank), 16, INK), (canvas.name_of(hit.path), 13, INK)
    return canvas.tile(shown, rank, name, (5, 27, 54), score, frame)
