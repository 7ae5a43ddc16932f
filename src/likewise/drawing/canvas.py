"""Text, tiles and frames on a Pillow picture, and files that are written whole."""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from PIL import Image, ImageDraw, ImageFont, ImageOps

from likewise.errors import BadBox, BadPicture, StorageError, UsageError
from likewise.files import replacing
from likewise.pictures import Loaded, Resize, Source, load
from likewise.types import Box

MARGIN, GAP = 28, 16
PAPER, PANEL, INK, FAINT = "#ffffff", "#eceef1", "#16191d", "#5d6670"
RED, GREEN, ORANGE = "#e01e26", "#15803d", "#c2620a"

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours that the colour-blind tell apart (Okabe and Ito)."""

TILE = (188, 160)
"""Width and height of a tile that lies, without its caption."""

_AREA, _LONGEST, _NARROWEST = 180 * 120, 180, 90

# Pillow's own font knows little beyond ASCII. A name with other letters is written in the first of these that
# the system has and that knows them all; Pillow looks for them in the system's font folders.
_WIDER_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "arial.ttf",
)

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

Line: TypeAlias = tuple[str, int, str]
"""A line of text, its size in pixels and its colour."""

Reader: TypeAlias = Callable[[Path], Source]
"""Gives the picture that a path names, or raises `BadPicture`."""

Kind: TypeAlias = Literal["sheet", "plot", "page", "map"]

# the endings that errors name, and those that are taken as well
_ENDINGS: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sheet": ((".png", ".jpg", ".webp"), (".apng", ".jpe", ".jpeg", ".jfif")),
    "plot": ((".png", ".svg", ".pdf"), ()),
    "page": ((".html",), (".htm",)),
    "map": ((".html",), (".htm",)),
}


def check_output(kind: Kind, out: str | os.PathLike[str], *pictures: Source) -> None:
    """See that something can be written to ``out``, and that none of ``pictures`` lies there.

    Raises `UsageError` when its ending is no format of that kind, or one of the pictures would be replaced;
    `StorageError` when its folder is not there.
    """
    path = Path(out)
    named, taken = _ENDINGS[kind]
    if path.suffix.lower() not in named + taken:
        endings = " or ".join(filter(None, (", ".join(named[:-1]), named[-1])))
        raise UsageError(f"a {kind} cannot be written as {path.name!r}: end its name in {endings}")
    if not path.parent.is_dir():
        raise StorageError(f"the {kind} {path} cannot be written: there is no folder {path.parent}")
    spare(path, *pictures)


def spare(path: Path, *pictures: Source) -> None:
    """See that none of ``pictures`` lies where something is to be written.

    Raises `UsageError` when one does.
    """
    files = (picture for picture in pictures if isinstance(picture, str | os.PathLike))
    if path.exists() and any(os.path.exists(file) and os.path.samefile(file, path) for file in files):
        raise UsageError(f"{path} would replace a picture of yours: give it another name")


def save(sheet: Image.Image, out: str | os.PathLike[str]) -> None:
    """Write a sheet whole in the format of its ending, or leave what was there."""
    path = Path(out)
    with replacing(path) as part:
        sheet.save(part, Image.registered_extensions()[path.suffix.lower()], quality=90)


def fit(
    source: Source,
    size: tuple[int, int],
    *,
    box: Box | None = None,
    frame: int = 3,
    strict: bool = True,
    limit: int | None = None,
) -> tuple[Image.Image, Loaded]:
    """A picture as large as fits into ``size``, a box on it, and what was loaded.

    Raises `BadPicture` when it cannot be read, or has more than ``limit`` pixels; `BadBox` when the box lies
    outside it, if ``strict``.
    """
    loaded = load(source, [Resize("longest", max(size), enlarge=True)], max_pixels=limit)
    picture = ImageOps.contain(Image.fromarray(loaded.pixels[0]), size)
    if box:
        outline(picture, box, (loaded.width, loaded.height), frame, strict=strict)
    return picture, loaded


def outline(
    picture: Image.Image, box: Box, size: tuple[int, int], width: int = 3, *, strict: bool = True
) -> None:
    """A red frame with a white rim, so that it shows on red things too.

    Parameters
    ----------
    box
        In pixels of the upright original.
    size
        Width and height of that original.
    strict
        Raise `BadBox` when the box lies outside, and draw nothing else: a file that was indexed may have
        changed since, and have become smaller.
    """
    with nullcontext() if strict else suppress(BadBox):
        left, top, right, bottom = box.clip(*size)
        across, down = picture.width / size[0], picture.height / size[1]
        x1, x2 = (min(round(x * across), picture.width - 1) for x in (left, right - 1))
        y1, y2 = (min(round(y * down), picture.height - 1) for y in (top, bottom - 1))
        draw = ImageDraw.Draw(picture)
        draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=PAPER, width=width + 2)
        draw.rectangle((x1, y1, x2, y2), outline=RED, width=width)


def panel(path: Path, read: Reader, *, limit: int | None = None, box: Box | None = None) -> Image.Image:
    """A picture, with a box on it, on a panel as wide as itself, or why it cannot be shown."""
    try:
        loaded = load(read(path), [Resize("longest", _LONGEST, enlarge=True)], max_pixels=limit)
    except BadPicture as error:
        blank = Image.new("RGB", TILE, PANEL)
        write(blank, (12, TILE[1] // 2 - 20), "cannot be shown:", 13, TILE[0] - 24, FAINT)
        write(blank, (12, TILE[1] // 2), error.reason, 15, TILE[0] - 24, FAINT)
        return blank
    picture = Image.fromarray(loaded.pixels[0]).resize(
        even(loaded.width, loaded.height), Image.Resampling.LANCZOS
    )
    if box:
        outline(picture, box, (loaded.width, loaded.height), 2, strict=False)
    size = (max(picture.width + 8, _NARROWEST), max(picture.height + 8, TILE[1]))
    shown = Image.new("RGB", size, PANEL)
    shown.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return shown


def even(width: int, height: int) -> tuple[int, int]:
    """The size at which a picture of any shape takes the same room: 180 x 120, 120 x 180 or 147 x 147.

    Only very long ones are smaller, so that none is wider or higher than `_LONGEST`.
    """
    share = math.sqrt(_AREA / (width * height))
    share = min(share, _LONGEST / max(width, height))
    return max(1, round(width * share)), max(1, round(height * share))


def tile(
    shown: Image.Image, first: Line, second: Line, at: tuple[int, int, int], right: str = "", frame: str = ""
) -> Image.Image:
    """A panel with two lines of text below it.

    Parameters
    ----------
    at
        How far below the panel each line begins, and the next row, in pixels.
    right
        Text at the end of the first line.
    frame
        Colour of a frame of four pixels, drawn on the panel.
    """
    wide, high = shown.size
    drawn = Image.new("RGB", (wide, high + at[2]), PAPER)
    drawn.paste(shown)
    if frame:
        ImageDraw.Draw(drawn).rectangle((0, 0, wide - 1, high - 1), outline=frame, width=4)
    room = wide - length(right, 15) if right else wide
    write(drawn, (room, high + at[0]), right, 15, 80, FAINT)
    write(drawn, (0, high + at[0]), first[0], first[1], room, first[2])
    write(drawn, (0, high + at[1]), second[0], second[1], wide, second[2])
    return drawn


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
        x, across, down = x + wide + GAP, max(across, x + wide), max(down, y + high)
    return corners, (across, down)


def set_in_rows(tiles: Sequence[Image.Image], width: int) -> Image.Image:
    """The tiles on one picture, set as `in_rows` says."""
    corners, size = in_rows([image.size for image in tiles], width)
    drawn = Image.new("RGB", size, PAPER)
    for image, corner in zip(tiles, corners, strict=True):
        drawn.paste(image, corner)
    return drawn


def captioned(picture: Image.Image, width: int, *lines: Line) -> Image.Image:
    """A picture in the middle of a panel of some width, and lines of text beneath it."""
    drawn = Image.new("RGB", (width, picture.height + 10 + 22 * len(lines)), PAPER)
    drawn.paste(picture, ((width - picture.width) // 2, 0))
    for number, (text, size, colour) in enumerate(lines):
        write(drawn, (0, picture.height + 10 + 22 * number), text, size, width, colour)
    return drawn


def head(sheet: Image.Image, title: str, subtitle: str, *, beside: int = 0) -> None:
    """A title and a line below it at the top of a sheet, with so many pixels left free beside the second."""
    room = sheet.width - 2 * MARGIN
    write(sheet, (MARGIN, MARGIN), title, 20, room)
    write(sheet, (MARGIN, MARGIN + 32), subtitle, 15, room - beside, FAINT)


def write(
    canvas: Image.Image, corner: tuple[int, int], text: str, size: int, width: int, colour: str = INK
) -> None:
    """One line of text, its middle left out where it is wider than ``width`` pixels."""
    font = next((font for font in _fonts(size) if all(_knows(font, letter) for letter in set(text))), None)
    if font is None:
        font = _font(size)
        text = "".join(letter if _knows(font, letter) else _escaped(letter) for letter in text)
    ImageDraw.Draw(canvas).text(corner, elided(text, font, width), fill=colour, font=font)


def length(text: str, size: int) -> int:
    """Width of a line of text in pixels."""
    return int(_font(size).getlength(text)) + 1


def name_of(source: Source) -> str:
    """The file's name, letters that cannot be printed as escapes."""
    if not isinstance(source, str | os.PathLike):
        return "the picture given"
    # Bytes of a name that are no text arrive as lone surrogates; the codec turns them into escapes.
    text = os.fsencode(Path(source).name).decode("utf-8", "backslashreplace")
    return "".join(
        letter if letter.isprintable() else _escaped(letter) for letter in unicodedata.normalize("NFC", text)
    )


def elided(text: str, font: Font, width: int) -> str:
    """The longest text that fits: all of it, or its beginning and its end with an ellipsis between."""
    if font.getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        tail = min(kept // 2, 16)
        shorter = f"{text[: kept - tail]}…{text[len(text) - tail :]}"
        if font.getlength(shorter) <= width:
            return shorter
    return "…"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


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
