"""Why a picture was found: a query and a hit side by side, and lines between the patches that match."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from likewise.drawing import canvas
from likewise.drawing.canvas import FAINT, MARGIN, PALETTE, PAPER
from likewise.errors import UsageError
from likewise.pictures import Source
from likewise.types import Box, FloatArray, IntArray

if TYPE_CHECKING:  # to match takes words, which to draw does not
    from likewise.collection.layers import PatchMatches
    from likewise.words import Fit, Matches

LAYERS = (*(PALETTE[number] for number in (0, 4, 2, 3, 5)), "#f0e442")
"""Colours of the layers, the first six of which can be told apart on pictures."""

GAP, TOP = 72, 96
"""Pixels between the two pictures, and above them."""

_SIDE = (736, 736)  # largest picture; two of them make a sheet of 1600 pixels
_CAPTION, _ROW = 52, 24
_NARROWEST = 900  # room for the text
_FAINT_LINES = 200  # more of those that do not fit would hide the pictures
_OUTLINED = 6
_FINE = 2  # lines are drawn so many times as large, so that they come out smooth


def match_sheet(
    query: Source,
    hit: Source,
    found: PatchMatches,
    out: str | os.PathLike[str],
    *,
    box: Box | None = None,
    max_pixels: int | None = None,
) -> None:
    """Draw which patches of a query matched which of a hit, and through which layer.

    A line joins the centres of two patches, in the colour of its layer; the more the match weighs, the less
    the picture shows through. Those that the fit agrees with are strong, of the others the heaviest are drawn
    thin. The pairs that weigh most are outlined and numbered on both sides. Raises `BadPicture` when one of
    the pictures cannot be read; `BadBox` when the box lies outside the query; `UsageError` when the matches
    do not belong to the boxes, the layers or the fit, the ending of ``out`` is no format that can be written,
    or ``out`` is one of the pictures; `StorageError` when the sheet cannot be written.

    Parameters
    ----------
    query, hit
        The pictures; anything that `likewise.pictures.load` takes.
    found
        Its fit is drawn in red.
    box
        What was asked for, in pixels of the upright query; drawn in red.
    max_pixels
        Largest picture accepted.
    """
    canvas.check_output("sheet", out, query, hit)
    matches, fit, layers = found.matches, found.fit, found.layers
    _check(found)
    left = _shown(query, box, MARGIN, max_pixels)
    # the file of a hit may have changed since, and have become smaller
    right = _shown(hit, fit.box if fit else None, MARGIN + left.picture.width + GAP, max_pixels, strict=False)
    width = max(_NARROWEST, right.left + right.picture.width + MARGIN)
    below = TOP + max(left.picture.height, right.picture.height)
    sheet = Image.new("RGB", (width, below + _CAPTION + _ROW * len(layers) + MARGIN), PAPER)
    for shown, source in ((left, query), (right, hit)):
        sheet.paste(shown.picture, (shown.left, TOP))
        text = f"{canvas.name_of(source)}, {shown.width} x {shown.height} pixels"
        canvas.write(sheet, (shown.left, below + 8), text, 15, shown.picture.width, FAINT)
    inliers = fit.inliers if fit else np.zeros(len(matches), bool)
    starts, ends = left.place(found.first)[matches.query], right.place(found.second)[matches.picture]
    _draw_lines(sheet, matches, inliers, _centres(starts), _centres(ends))
    outlined = strongest(matches, inliers if fit else ~inliers, found.first)
    for boxes in (starts, ends):
        _draw_patches(sheet, boxes[outlined], matches.layer[outlined])
    _heading(sheet, matches, fit)
    _legend(sheet, below + _CAPTION, matches, inliers, layers)
    canvas.save(sheet, out)


@dataclass(frozen=True)
class _Shown:
    """A picture as it stands on the sheet, and the size of its upright original."""

    picture: Image.Image
    width: int
    height: int
    left: int

    def place(self, boxes: FloatArray) -> FloatArray:
        """Boxes ``(n, 4)`` in pixels of the sheet, kept inside the picture."""
        factor = np.array([self.picture.width / self.width, self.picture.height / self.height] * 2)
        ends = np.array([self.picture.width - 1, self.picture.height - 1] * 2)
        placed = np.clip(boxes * factor, 0, ends) + np.array([self.left, TOP] * 2)
        return np.asarray(placed, np.float32)


def _shown(source: Source, box: Box | None, left: int, limit: int | None, strict: bool = True) -> _Shown:
    # the pictures were accepted before; a limit below the sheet's own sizes must not refuse them
    limit = limit and max(limit, max(_SIDE) ** 2)
    picture, loaded = canvas.fit(source, _SIDE, box=box, strict=strict, limit=limit)
    return _Shown(picture, loaded.width, loaded.height, left)


def _centres(boxes: FloatArray) -> FloatArray:
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)


def _draw_lines(
    sheet: Image.Image, matches: Matches, inliers: NDArray[np.bool_], starts: FloatArray, ends: FloatArray
) -> None:
    """Join what matches, the heaviest above the others."""
    clear = Image.new("RGBA", (sheet.width * _FINE, sheet.height * _FINE))
    draw = ImageDraw.Draw(clear)
    order = np.argsort(matches.weight, kind="stable")
    opacity = matches.weight / max(float(matches.weight.max(initial=0)), 1e-30)
    for row in (*order[~inliers[order]][-_FAINT_LINES:].tolist(), *order[inliers[order]].tolist()):
        least, most, width = (150, 255, 2) if inliers[row] else (25, 90, 1)
        layer = int(matches.layer[row])
        colour = (*_rgb(layer), round(least + (most - least) * float(opacity[row])))
        shift = np.array([0, 3 * layer])  # layers that agree on a pair stay apart
        line = [tuple(_FINE * (end[row] + shift)) for end in (starts, ends)]
        draw.line(line, fill=colour, width=width * _FINE)
        for x, y in line if inliers[row] else ():
            draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=colour)
    fine = clear.resize(sheet.size, Image.Resampling.BOX)
    sheet.paste(fine.convert("RGB"), mask=fine.getchannel("A"))


def strongest(matches: Matches, rows: NDArray[np.bool_], boxes: FloatArray) -> list[int]:
    """The heaviest of some matches, whose patches of the query lie half a side apart at least."""
    chosen: list[int] = []
    order = np.argsort(-matches.weight, kind="stable")
    for row in order[rows[order]].tolist():
        patch, others = boxes[matches.query[row]], boxes[matches.query[chosen]]
        away = np.abs(others[:, :2] - patch[:2]).max(axis=1)
        if (away >= (patch[2:] - patch[:2]).max() / 2).all():
            chosen.append(row)
        if len(chosen) == _OUTLINED:
            break
    return chosen


def _draw_patches(sheet: Image.Image, boxes: FloatArray, layers: IntArray) -> None:
    """Frames of patches, each with its number."""
    draw = ImageDraw.Draw(sheet)
    for number, (box, layer) in enumerate(zip(boxes, layers, strict=True), 1):
        x1, y1, x2, y2 = (round(side) for side in box.tolist())
        draw.rectangle((x1, y1, x2, y2), outline=_rgb(int(layer)), width=2)
        draw.rectangle((x1, y1, x1 + 17, y1 + 19), fill=_rgb(int(layer)))
        canvas.write(sheet, (x1 + 5, y1 + 2), str(number), 14, 20, PAPER)


def _heading(sheet: Image.Image, matches: Matches, fit: Fit | None) -> None:
    """The score, and how much of it agrees on a place."""
    total = float(matches.weight.sum(dtype=np.float64))
    title = f"{_counted(len(matches), 'match', 'matches')}, score {total:.3g}"
    said = "they agree on no place"
    if fit:
        share = _percent(float(matches.weight[fit.inliers].sum(dtype=np.float64)), total)
        said = f"{int(fit.inliers.sum())} agree on the place in red and give {share} of the score"
    canvas.head(sheet, title, said)


def _legend(
    sheet: Image.Image, top: int, matches: Matches, inliers: NDArray[np.bool_], layers: Sequence[str]
) -> None:
    """A line for each layer: its colour, its name, and what it gave."""
    draw = ImageDraw.Draw(sheet)
    total = float(matches.weight.sum(dtype=np.float64))
    for layer, name in enumerate(layers):
        mine, y = matches.layer == layer, top + _ROW * layer
        draw.line((MARGIN, y + 9, MARGIN + 30, y + 9), fill=_rgb(layer), width=4)
        share = _percent(float(matches.weight[mine].sum(dtype=np.float64)), total)
        text = f"{name}: {_counted(int(mine.sum()), 'match', 'matches')}, {share} of the score"
        if inliers.any():
            text += f"; {int((mine & inliers).sum())} agree"
        canvas.write(sheet, (MARGIN + 42, y), text, 15, sheet.width - 2 * MARGIN - 42)


def _rgb(layer: int) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(LAYERS[layer % len(LAYERS)][1:])
    return red, green, blue


def _counted(count: int, singular: str, plural: str) -> str:
    return f"{count} {singular if count == 1 else plural}"


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "nothing"


def _check(matched: PatchMatches) -> None:
    matches, fit = matched.matches, matched.fit
    for numbers, count, what in (
        (matches.query, len(matched.first), "patches of the query"),
        (matches.picture, len(matched.second), "patches of the hit"),
        (matches.layer, len(matched.layers), "layers"),
    ):
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < count:
            raise UsageError(f"matches of {what} {numbers.min()} to {numbers.max()}, but there are {count}")
    if fit and len(fit.inliers) != len(matches):
        raise UsageError(f"a fit of {len(fit.inliers)} matches does not belong to {len(matches)}")
