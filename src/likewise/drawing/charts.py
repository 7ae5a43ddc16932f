"""Charts of pages as SVG text, with no library: distributions of values and tables of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from likewise.drawing.canvas import INK, PALETTE

if TYPE_CHECKING:  # to inspect takes a network, which to draw does not
    from likewise.inspection import Histogram

COLOURS = PALETTE[:2]
"""Of the first and the second network."""

_WIDTH, _HEIGHT, _COLUMNS = 400, 210, 3  # of a distribution, and how many stand beside each other
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 26, 34
_LEAST = 1e-6  # the lowest share that is drawn


def distribution(curves: Mapping[str, Histogram], *, title: str = "") -> str:
    """Draw how values are spread, on a logarithmic scale: one line a histogram.

    Returns an ``<svg>`` element. ``curves``: by their names; they share a range.
    """
    first = next(iter(curves.values()))
    low, high = first.low, first.high if first.high > first.low else first.low + 1
    inside = (_WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM)
    marks = [_text(_LEFT, 16, title, "start", 13), *_decades(inside), *_values(low, high, inside)]
    lines = [
        _line(histogram, inside, colour) for histogram, colour in zip(curves.values(), COLOURS, strict=False)
    ]
    if len(curves) > 1:
        right = _WIDTH - _RIGHT
        marks += [
            _text(right, _TOP + 12 + 14 * at, name, "end", 11, f' style="fill:{colour}"')
            for at, (name, colour) in enumerate(zip(curves, COLOURS, strict=False))
        ]
    about = f"{title}: share of values in 256 bins"
    return _svg([*marks, *lines], _WIDTH, _HEIGHT, about)


def matrix(values: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str], *, about: str) -> str:
    """Draw a table of numbers between 0 and 1 as coloured fields, the numbers in them.

    Returns an ``<svg>`` element.
    """
    cell, left = 34, 12 + 7 * max(map(len, rows))
    top = 16 + 7 * max(map(len, columns))
    parts = [_text(left - 6, top + cell * (at + 0.6), name, "end", 11) for at, name in enumerate(rows)]
    for at, name in enumerate(columns):
        x = left + cell * (at + 0.6)
        parts.append(_text(x, top - 6, name, "start", 11, f' transform="rotate(-90 {x:.1f} {top - 6})"'))
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            x, y, share = left + column * cell, top + row * cell, float(np.clip(value, 0, 1))
            parts.append(
                f'<rect x="{x}" y="{y}" width="{cell - 1}" height="{cell - 1}" fill="{_blue(share)}"/>'
            )
            ink = "#ffffff" if share > 0.55 else INK
            text = f"{value:.2f}"
            parts.append(
                _text(x + cell / 2 - 0.5, y + cell / 2 + 3, text, "middle", 10, f' style="fill:{ink}"')
            )
    return _svg(parts, left + cell * len(columns) + 4, top + cell * len(rows) + 4, about)


def stacked(charts: Sequence[str]) -> str:
    """Put distributions side by side into one ``<svg>``, a file of its own."""
    placed = [
        f'<g transform="translate({at % _COLUMNS * _WIDTH} {at // _COLUMNS * _HEIGHT})">{chart}</g>'
        for at, chart in enumerate(charts)
    ]
    rows = -(-len(charts) // _COLUMNS)
    return _svg(placed, _WIDTH * min(_COLUMNS, len(charts)), _HEIGHT * rows, "distributions")


def _svg(parts: Sequence[str], width: float, height: float, about: str) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(about)}" '
        f'font-family="system-ui, sans-serif">\n{body}\n</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str, size: int, more: str = "") -> str:
    colour = "" if "style" in more else ' fill="#3d454d"'
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f"<text {place}{colour}{more}>{escape(text)}</text>"


def _line(histogram: Histogram, inside: tuple[int, int], colour: str) -> str:
    """A step line over the bins, filled down to the axis."""
    tops = [_height(share, inside[1]) for share in histogram.shares.tolist()]
    step = inside[0] / len(tops)
    base = _TOP + inside[1]
    path = "".join(
        f"L{_LEFT + at * step:.1f} {base - top:.1f}H{_LEFT + (at + 1) * step:.1f}"
        for at, top in enumerate(tops)
    )
    shape = f"M{_LEFT} {base}{path}V{base}Z"
    return f'<path d="{shape}" fill="{colour}" fill-opacity="0.22" stroke="{colour}" stroke-width="1.2"/>'


def _height(share: float, room: int) -> float:
    if share <= _LEAST:
        return 0.0
    return float(room * (1 - np.log10(share) / np.log10(_LEAST)))


def _decades(inside: tuple[int, int]) -> list[str]:
    """Lines and names of the shares 1, 0.01, 0.0001, 0.000001."""
    parts = []
    for exponent, name in ((0, "100 %"), (-2, "1 %"), (-4, "0.01 %")):
        y = _TOP + inside[1] - _height(10.0**exponent, inside[1])
        parts.append(f'<path d="M{_LEFT} {y:.1f}h{inside[0]}" stroke="#e3e6ea"/>')
        parts.append(_text(_LEFT - 5, y + 4, name, "end", 10))
    return parts


def _values(low: float, high: float, inside: tuple[int, int]) -> list[str]:
    """The axis of values, named at its ends and at 0 where that lies well between."""
    base = _TOP + inside[1]
    parts = [f'<path d="M{_LEFT} {base}h{inside[0]}" stroke="#5d6670"/>']
    places = [(low, "start"), (high, "end")]
    if low + 0.15 * (high - low) < 0 < high - 0.15 * (high - low):
        places.append((0.0, "middle"))
    for value, anchor in places:
        x = _LEFT + inside[0] * (value - low) / (high - low)
        parts.append(f'<path d="M{x:.1f} {base}v4" stroke="#5d6670"/>')
        parts.append(_text(x, base + 17, f"{value:.3g}", anchor, 10))
    return parts


def _blue(share: float) -> str:
    """White to dark blue."""
    ends = ((255, 255, 255), (8, 48, 107))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends, strict=True))
