"""Sheets of pictures: a query and what was found, drawn with Pillow alone."""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont, ImageOps

from likewise.assets import replacing
from likewise.errors import BadBox, BadPicture, StorageError, UsageError
from likewise.pictures import Resize, Source, load
from likewise.types import Box, Hit

_COLUMNS = 5
_TILE = (188, 160)
_AREA, _LONGEST, _NARROWEST = 180 * 120, 180, 90
_QUERY = (360, 400)
_MARGIN, _GAP, _HEADING = 28, 16, 40
_CAPTION = 54  # two lines of text under a tile, and the space to the next row
_PAPER, _PANEL, _INK, _FAINT = "#ffffff", "#eceef1", "#16191d", "#5d6670"
_RED, _GREEN, _ORANGE = "#e01e26", "#15803d", "#c2620a"

# Pillow's own font knows little beyond ASCII. A name with other letters is written in the first of these that
# the system has and that knows them all; Pillow looks for them in the system's font folders.
_WIDER_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "arial.ttf",
)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

Reader: TypeAlias = Callable[[Path], Source]
"""Gives the picture that a path names, or raises `BadPicture`."""


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

    Raises
    ------
    BadPicture
        When the query cannot be read.
    BadBox
        When the box lies outside the query.
    UsageError
        When the ending of ``out`` is no format that can be written, or ``out`` is the query or a hit.
    StorageError
        When the sheet cannot be written.
    """
    hits = hits[:k]
    check_sheet(out, query, *(hit.path for hit in hits))
    # the query and the hits were accepted before; a limit below the sheet's own sizes must not refuse them
    limit = max_pixels and max(max_pixels, max(_QUERY) ** 2)
    tiles = [_tile(hit, None if correct is None else hit.path in correct, limit, read) for hit in hits]
    left, top = 2 * _MARGIN + _QUERY[0], _MARGIN + _HEADING
    corners, (across, down) = in_rows([tile.size for tile in tiles], _COLUMNS * (_TILE[0] + _GAP) - _GAP)
    width = left + max(across, 2 * (_TILE[0] + _GAP) - _GAP) + _MARGIN
    shown = _query(query, box, limit)
    height = top + max(shown.height, down) + _MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    _write(sheet, (_MARGIN, _MARGIN), "Query", 20, _QUERY[0])
    sheet.paste(shown, (_MARGIN, top))
    _write(sheet, (left, _MARGIN), _heading(hits, correct), 20, width - left - _MARGIN)
    for tile, (x, y) in zip(tiles, corners, strict=True):
        sheet.paste(tile, (left + x, top + y))
    _save(sheet, Path(out))


def even(width: int, height: int) -> tuple[int, int]:
    """The size at which a picture of any shape takes the same room: 180 x 120, 120 x 180 or 147 x 147.

    Only very long ones are smaller, so that none is wider or higher than `_LONGEST`.
    """
    share = math.sqrt(_AREA / (width * height))
    share = min(share, _LONGEST / max(width, height))
    return max(1, round(width * share)), max(1, round(height * share))


def in_rows(sizes: Sequence[tuple[int, int]], width: int) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Corners of tiles set in rows as text is, each row as high as its highest tile, and the size of it all.

    Parameters
    ----------
    sizes
        Width and height of each tile.
    width
        Of a row in pixels; a tile that is wider has a row of its own.
    """
    corners: list[tuple[int, int]] = []
    x = y = across = down = 0
    for wide, high in sizes:
        if x and x + wide > width:
            x, y = 0, down
        corners.append((x, y))
        x, across, down = x + wide + _GAP, max(across, x + wide), max(down, y + high)
    return corners, (across, down)


def check_sheet(out: str | os.PathLike[str], *pictures: Source) -> None:
    """See that a sheet can be written to ``out``, and that none of ``pictures`` lies there.

    Raises
    ------
    UsageError
        When its ending is no format that can be written, or one of the pictures would be replaced.
    StorageError
        When its folder is not there.
    """
    path = Path(out)
    _format(path)
    if not path.parent.is_dir():
        raise StorageError(f"the sheet {path} cannot be written: there is no folder {path.parent}")
    spare(path, *pictures)


def spare(path: Path, *pictures: Source) -> None:
    """See that none of ``pictures`` lies where something is to be written.

    Raises
    ------
    UsageError
        When one does.
    """
    files = (picture for picture in pictures if isinstance(picture, str | os.PathLike))
    if path.exists() and any(os.path.exists(file) and os.path.samefile(file, path) for file in files):
        raise UsageError(f"{path} would replace a picture of yours: give it another name")


def _heading(hits: Sequence[Hit], correct: Collection[Path] | None) -> str:
    """What stands above the hits."""
    if not hits:
        return "Nothing was found"
    heading = f"The {len(hits)} most alike" if len(hits) > 1 else "The most alike"
    if correct is None:
        return heading
    return f"{heading}: {sum(hit.path in correct for hit in hits)} show the same (green)"


def _query(query: Source, box: Box | None, limit: int | None = None) -> Image.Image:
    """The query with its box, and beneath it its name, its size and the box in words."""
    loaded = load(query, [Resize("longest", max(_QUERY), enlarge=True)], max_pixels=limit)
    picture = ImageOps.contain(Image.fromarray(loaded.pixels[0]), _QUERY)
    lines = [(_name(query), 15, _INK), (f"{loaded.width} x {loaded.height} pixels", 13, _FAINT)]
    if box:
        region = box.clip(loaded.width, loaded.height)
        _outline(picture, region, picture.width / loaded.width, picture.height / loaded.height)
        lines.append((f"asked for: {','.join(map(str, region))}", 13, _RED))
    panel = Image.new("RGB", (_QUERY[0], picture.height + 10 + 22 * len(lines)), _PAPER)
    panel.paste(picture, ((_QUERY[0] - picture.width) // 2, 0))
    for number, (text, size, colour) in enumerate(lines):
        _write(panel, (0, picture.height + 10 + 22 * number), text, size, _QUERY[0], colour)
    return panel


def _outline(
    picture: Image.Image, region: tuple[int, int, int, int], across: float, down: float, width: int = 3
) -> None:
    """A red frame with a white rim, so that it shows on red things too."""
    x1, x2 = (min(round(x * across), picture.width - 1) for x in (region[0], region[2] - 1))
    y1, y2 = (min(round(y * down), picture.height - 1) for y in (region[1], region[3] - 1))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=_PAPER, width=width + 2)
    draw.rectangle((x1, y1, x2, y2), outline=_RED, width=width)


def _tile(hit: Hit, right: bool | None, limit: int | None, read: Reader) -> Image.Image:
    """One hit with its caption."""
    panel = _panel(hit.path, read, limit=limit, box=hit.box)
    wide, high = panel.size
    tile = Image.new("RGB", (wide, high + _CAPTION), _PAPER)
    tile.paste(panel)
    if right is not None:
        colour = _GREEN if right else _ORANGE
        ImageDraw.Draw(tile).rectangle((0, 0, wide - 1, high - 1), outline=colour, width=4)
    score = f"{hit.score:.2g}" if 1e-9 < abs(hit.score) < 0.01 else f"{hit.score:.3f}"
    _write(tile, (0, high + 5), str(hit.rank), 16, wide // 2)
    _write(tile, (wide - int(_font(15).getlength(score)) - 1, high + 5), score, 15, 80, _FAINT)
    _write(tile, (0, high + 27), _name(hit.path), 13, wide)
    return tile


def _panel(path: Path, read: Reader, *, limit: int | None = None, box: Box | None = None) -> Image.Image:
    """A picture, with a box on it, on a panel as wide as itself, or why it cannot be shown."""
    try:
        loaded = load(read(path), [Resize("longest", _LONGEST, enlarge=True)], max_pixels=limit)
    except BadPicture as error:
        panel = Image.new("RGB", _TILE, _PANEL)
        _write(panel, (12, _TILE[1] // 2 - 20), "cannot be shown:", 13, _TILE[0] - 24, _FAINT)
        _write(panel, (12, _TILE[1] // 2), error.reason, 15, _TILE[0] - 24, _FAINT)
        return panel
    picture = Image.fromarray(loaded.pixels[0]).resize(
        even(loaded.width, loaded.height), Image.Resampling.LANCZOS
    )
    if box:
        with suppress(BadBox):  # the file has changed since, and has become smaller
            region = box.clip(loaded.width, loaded.height)
            _outline(picture, region, picture.width / loaded.width, picture.height / loaded.height, 2)
    size = (max(picture.width + 8, _NARROWEST), max(picture.height + 8, _TILE[1]))
    panel = Image.new("RGB", size, _PANEL)
    panel.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return panel


def _thumbnail(
    source: Source, size: tuple[int, int], limit: int | None = None, box: Box | None = None
) -> Image.Image:
    """The picture as large as fits, with a box on it."""
    loaded = load(source, [Resize("longest", max(size), enlarge=True)], max_pixels=limit)
    picture = ImageOps.contain(Image.fromarray(loaded.pixels[0]), size)
    if box:
        with suppress(BadBox):  # the file has changed since, and has become smaller
            region = box.clip(loaded.width, loaded.height)
            _outline(picture, region, picture.width / loaded.width, picture.height / loaded.height, 2)
    return picture


def _name(source: Source) -> str:
    """The file's name, letters that cannot be printed as escapes."""
    if not isinstance(source, str | os.PathLike):
        return "the picture given"
    # Bytes of a name that are no text arrive as lone surrogates; the codec turns them into escapes.
    text = os.fsencode(Path(source).name).decode("utf-8", "backslashreplace")
    return "".join(
        letter if letter.isprintable() else _escaped(letter) for letter in unicodedata.normalize("NFC", text)
    )


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _write(
    canvas: Image.Image, corner: tuple[int, int], text: str, size: int, width: int, colour: str = _INK
) -> None:
    """One line of text, its middle left out where it is wider than ``width`` pixels."""
    font = next((font for font in _fonts(size) if all(_knows(font, letter) for letter in set(text))), None)
    if font is None:
        font = _font(size)
        text = "".join(letter if _knows(font, letter) else _escaped(letter) for letter in text)
    ImageDraw.Draw(canvas).text(corner, _elided(text, font, width), fill=colour, font=font)


def _elided(text: str, font: Font, width: int) -> str:
    """The longest text that fits: all of it, or its beginning and its end with an ellipsis between."""
    if font.getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        tail = min(kept // 2, 16)
        shorter = f"{text[: kept - tail]}…{text[len(text) - tail :]}"
        if font.getlength(shorter) <= width:
            return shorter
    return "…"


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


@cache
def _wider(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:  # not on this system
        return None


def _fonts(size: int) -> Iterator[Font]:
    """The font that is always there, then those of the system, looked up only when they are needed."""
    yield _font(size)
    yield from (font for name in _WIDER_FONTS if (font := _wider(name, size)))


@cache
def _knows(font: Font, letter: str) -> bool:
    """Whether a font has a letter: one that it lacks is drawn as the sign for U+FFFF, which no font has."""
    if letter == " ":
        return True
    return _drawn(font, letter) != _drawn(font, "\uffff")


def _drawn(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def _format(out: Path) -> str:
    """The format that a sheet's name asks for."""
    name = Image.registered_extensions().get(out.suffix.lower())
    if name not in ("PNG", "JPEG", "WEBP"):
        raise UsageError(f"a sheet cannot be written as {out.name!r}: end its name in .png, .jpg or .webp")
    return name


def _save(sheet: Image.Image, out: Path) -> None:
    """Write the sheet whole, or leave what was there."""
    with replacing(out) as part:
        sheet.save(part, _format(out), quality=90)
