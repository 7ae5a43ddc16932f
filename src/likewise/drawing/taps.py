"""A tap's activations as pictures and in words: maps, heat, the field of a cell, bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from likewise.drawing import canvas
from likewise.drawing.canvas import FAINT, PALETTE, PAPER, RED
from likewise.types import FloatArray, UInt8Array

if TYPE_CHECKING:  # to inspect takes a network, which to draw does not
    from likewise.inspection import Inspection, View
    from likewise.networks import Tap

Scale = Literal["shared", "map"]
"""``shared``: one scale for the sheet, so that maps can be compared; ``map``: each map's own."""

SIDE = 280
"""Longest side of a picture beside its maps."""

PIXELS = 16
"""Of a cell's side in a layer of heat."""

MORE, LESS = (224, 64, 16), (24, 96, 224)
"""Colours of heat above 0 and below."""

_GAP, _WIDTH = 4, 1100
_CAPTIONED = 64  # sheets of so many tiles name each channel, larger ones the first of each row
_ROW = 44  # room for that name
_BELOW = (70, 140, 255)  # the colour of -1; 0 is black, 1 white
_STRONGEST = 0.8  # share of the colour at the hottest place


def shared_top(*views: View) -> float:
    """The magnitude below which 99.9 per cent of what is drawn of some views lie; 1 where all are 0."""
    drawn = [np.abs(view.maps) for view in views if view.maps is not None]
    if not drawn:
        return 1.0
    return max(float(np.quantile(maps, 0.999)) or float(maps.max()) for maps in drawn) or 1.0


def described(view: View) -> str:
    """A tap in words."""
    if view.maps is None:
        return f"a vector of {view.shape[0]} numbers, of the whole picture"
    channels, height, width = view.shape
    sees = f"seeing {view.tap.field} x {view.tap.field}" if view.tap.field else "whose field is not measured"
    pixels = "pixel" if view.tap.stride == 1 else f"{view.tap.stride} pixels"
    return f"{channels} maps of {width} x {height} cells, a cell every {pixels}, {sees}"


def scale_text(view: View, scale: Scale, top: float) -> str:
    """Which scale the maps are drawn on."""
    shown = len(view.channels)
    which = "" if shown == view.shape[0] else f"the {shown} strongest; "
    signed = ", blue below 0" if view.statistics.least < 0 else ""
    if scale == "shared":
        return f"{which}one scale for all: black 0, white {top:.3g} or more{signed}"
    return f"{which}each map on its own scale: black 0, white its maximum{signed}; not to be compared"


def tiles(view: View, *, scale: Scale, top: float, captions: bool = True) -> Image.Image:
    """The maps of a view side by side; cells are drawn as squares, none is blurred."""
    maps = view.maps
    if maps is None:
        raise ValueError(f"{view.tap.name} is a vector and has no maps")
    high_share = max(1.0, maps.shape[1] / maps.shape[2])  # of upright maps: as large as others, not as high
    zoom = max(1, int(view.tile * math.sqrt(high_share) / max(maps.shape[1:])))
    wide, high = maps.shape[2] * zoom, maps.shape[1] * zoom
    named = captions and len(maps) <= _CAPTIONED
    left = 0 if named or not captions else _ROW
    columns = min(len(maps), max(1, _WIDTH // (wide + _GAP)))
    if len(maps) <= _CAPTIONED or high_share > 1:
        columns = min(columns, max(8, math.ceil(math.sqrt(len(maps)))))
    step = high + _GAP + (16 if named else 0)
    rows = -(-len(maps) // columns)
    sheet = Image.new("RGB", (left + columns * (wide + _GAP) - _GAP, rows * step), PAPER)
    for place, (channel, values) in enumerate(zip(view.channels, maps, strict=True)):
        row, column = divmod(place, columns)
        own = top if scale == "shared" else float(np.abs(values).max()) or 1.0
        tile = Image.fromarray(shaded(values, own)).resize((wide, high), Image.Resampling.NEAREST)
        corner = (left + column * (wide + _GAP), row * step)
        sheet.paste(tile, corner)
        if named:
            text = str(channel) if scale == "shared" else f"{channel}: {np.abs(values).max():.3g}"
            canvas.write(sheet, (corner[0], corner[1] + high + 1), text, 11, wide, FAINT)
        elif left and column == 0:
            canvas.write(sheet, (0, corner[1] + high // 2 - 7), str(channel), 11, left - 6, FAINT)
    return sheet


def shaded(values: FloatArray, top: float) -> UInt8Array:
    """Black for 0, towards white for ``top``, towards blue for ``-top``: uint8 ``(h, w, 3)``."""
    share = np.clip(values / top, -1, 1)[:, :, None]
    light = np.where(share > 0, 255.0, np.array(_BELOW, np.float64))
    return np.asarray(np.abs(share) * light + 0.5, np.uint8)


def overlay(picture: UInt8Array, cells: NDArray[np.floating], top: float) -> UInt8Array:
    """Colour a picture by cells: red where they are above 0, blue where they are below.

    Returns uint8 ``(h, w, 3)``.

    Parameters
    ----------
    picture
        uint8 ``(h, w, 3)``.
    cells
        ``(r, c)``, covering it evenly.
    top
        The magnitude that gets the full colour.
    """
    size = (picture.shape[1], picture.shape[0])
    values = Image.fromarray(cells.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    heat = np.clip(np.asarray(values) / (top or 1), -1, 1)[:, :, None]
    grey = picture.mean(axis=2, keepdims=True)
    paper = 0.6 * grey + 102  # lighter and without colours of its own
    colour = np.where(heat > 0, np.array(MORE), np.array(LESS))
    share = _STRONGEST * np.sqrt(np.abs(heat))
    return np.asarray(paper * (1 - share) + colour * share, np.uint8)


def heat_layer(cells: NDArray[np.floating]) -> Image.Image:
    """Cells as a picture to lie on another: the stronger a place, the less is seen through.

    Returns RGBA, `PIXELS` a cell. ``cells``: ``(r, c)``; the strongest has the full colour, also where all
    are weak, as in a small box.
    """
    rows, columns = cells.shape
    size = (columns * PIXELS, rows * PIXELS)
    values = Image.fromarray(cells.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    heat = np.clip(np.asarray(values) / (float(np.abs(cells).max()) or 1), -1, 1)[:, :, None]
    colour = np.where(heat > 0, np.array(MORE), np.array(LESS))
    pixels = np.concatenate([colour, 200 * np.sqrt(np.abs(heat))], axis=2).astype(np.uint8)
    return Image.fromarray(pixels, "RGBA")


def heat_picture(found: Inspection, view: View, side: int = SIDE) -> Image.Image:
    """The picture, coloured where the tap's channels are strong on average."""
    if view.heat is None:
        raise ValueError(f"{view.tap.name} is a vector and has no places")
    heat = view.heat - view.heat.min()  # what all places share says nothing about places
    share = heat / (float(heat.max()) or 1.0)
    return Image.fromarray(overlay(fitted(found.pixels, side), share**2, 1.0))


def field_picture(inspection: Inspection, tap: Tap, cell: tuple[int, int], side: int = 560) -> Image.Image:
    """The picture with a cell in red and its receptive field framed, as far as it lies inside."""
    height, width, _ = inspection.pixels.shape
    picture = Image.fromarray(fitted(inspection.pixels, side))
    across, down = picture.width / width, picture.height / height
    own = replace(tap, field=tap.stride).box(*cell)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((own.x1 * across, own.y1 * down, own.x2 * across, own.y2 * down), fill=RED, outline=PAPER)
    canvas.outline(picture, tap.box(*cell), (width, height))
    return picture


def field_text(inspection: Inspection, tap: Tap, cell: tuple[int, int]) -> str:
    """A cell's field in words."""
    height, width, _ = inspection.pixels.shape
    box = tap.box(*cell)
    x1, y1, x2, y2 = box.clip(width, height)
    inside = "" if (x2 - x1, y2 - y1) == (tap.field, tap.field) else f", {x2 - x1} x {y2 - y1} of them inside"
    return f"sees {tap.field} x {tap.field} of {width} x {height} pixels{inside}"


def bars(inspection: Inspection, view: View) -> Image.Image:
    """The largest numbers of a vector as bars, with the names of classes where they are known."""
    rows = largest(inspection, view, 20)
    sheet = Image.new("RGB", (760, 30 * len(rows) + 40), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = max(abs(value) for _, value in rows) or 1.0
    title = f"the {len(rows)} largest of {view.shape[0]}"
    canvas.write(sheet, (0, 0), title, 14, 700, FAINT)
    for place, (name, value) in enumerate(rows):
        y = 34 + 30 * place
        canvas.write(sheet, (0, y), name, 14, 240)
        long = round(400 * abs(value) / top)
        draw.rectangle((250, y + 2, 250 + max(1, long), y + 17), fill=PALETTE[value < 0])
        canvas.write(sheet, (260 + long, y), f"{value:.3g}", 14, 90, FAINT)
    return sheet


def largest(inspection: Inspection, view: View, count: int) -> list[tuple[str, float]]:
    """The largest numbers of a vector, each with its class or its channel."""
    if view.vector is None:
        raise ValueError(f"{view.tap.name} is a map, not a vector")
    names: Sequence[str] = [f"channel {number}" for number in view.channels]
    if (
        inspection.answer
        and len(inspection.answer.names) == len(names)
        and view.tap.name in ("logits", "probabilities")
    ):
        names = inspection.answer.names
    order = np.argsort(-view.vector, kind="stable")[:count]
    return [(names[place], float(view.vector[place])) for place in order]


def facts(inspection: Inspection, view: View) -> list[tuple[str, str]]:
    """The statistics of a view, for people."""
    own = view.statistics
    lines = [
        ("zeros", f"{100 * own.zeros:.1f} %"),
        ("mean, spread", f"{own.mean:.3g}, {own.spread:.3g}"),
        ("range", f"{own.least:.3g} to {own.most:.3g}"),
        ("entropy", f"{own.histogram.entropy:.2f} bits (bins of {own.histogram.bin_width:.2g})"),
        ("gain", f"{inspection.gain(view):+.2f} bits against the pixels"),
    ]
    if inspection.answer and view.vector is not None and len(inspection.answer.names) == view.shape[0]:
        classes = f"{np.log2(view.shape[0]):.2f}"
        lines.append(("entropy of the answer", f"{inspection.answer.entropy:.2f} of {classes} bits"))
        lines.append(("margin", f"{inspection.answer.margin:.3f}"))
    if own.rank is not None:
        lines.append(("effective rank", f"{own.rank:.1f} of {view.shape[0]}"))
    return lines


def fitted(pixels: UInt8Array, side: int) -> UInt8Array:
    """The picture as large as a square of ``side`` takes it."""
    factor = side / max(pixels.shape[:2])
    size = [max(1, round(length * factor)) for length in (pixels.shape[1], pixels.shape[0])]
    kind = Image.Resampling.BICUBIC if factor < 4 else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(pixels).resize((size[0], size[1]), kind))
