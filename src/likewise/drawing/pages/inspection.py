"""An inspection as one HTML file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from likewise._version import __version__
from likewise.drawing import taps
from likewise.drawing.canvas import check_output
from likewise.drawing.charts import COLOURS, distribution, matrix
from likewise.drawing.pages.template import data_address, write_page
from likewise.drawing.taps import Scale

if TYPE_CHECKING:  # to inspect takes a network, which to draw does not
    from likewise.inspection import Alignment, Inspection, Pair, View
    from likewise.networks import Tap

_WORDS = (
    ("zeros", "Share of the activations that are exactly 0."),
    (
        "entropy",
        "How uncertain a value is, in bits: the values are counted in 256 bins of equal width over the range "
        "of the tap (of both networks, where two are compared), zeros included. 0 when all values fall into "
        "one bin, 8 when all bins are as full. It depends on the bins: compare it over one range only.",
    ),
    (
        "gain",
        "Entropy of the picture's pixels (256 values) less that of the tap: by how many bits the values have "
        "become more certain. Below 0 they have become less so.",
    ),
    (
        "effective rank",
        "In how many directions of channel space the cells of a map differ: the exponential of the entropy "
        "of its singular values (Roy and Vetterli, 2007).",
    ),
    (
        "divergence",
        "Jensen-Shannon divergence between the values of two networks, in bits: 0 when they are spread "
        "alike, 1 when no value of one falls into a bin of the other.",
    ),
    (
        "entropy of the answer, margin",
        "How uncertain the classifier is over its classes, and by how much its first class is ahead of the "
        "second.",
    ),
    (
        "CKA",
        "How alike two layers are on a set of pictures (Kornblith et al., 2019), debiased: 1 when they are "
        "alike but for a rotation and a scale, around 0 when they are unrelated.",
    ),
)


def inspection_page(
    found: Inspection | Pair,
    out: str | os.PathLike[str],
    *,
    name: str = "",
    scale: Scale = "shared",
    cells: Sequence[tuple[Tap, tuple[int, int]]] = (),
    alignment: Alignment | None = None,
) -> None:
    """Write an inspection as one HTML file, with its style and its pictures inside and no script.

    Raises `UsageError` when ``out`` does not end in .html; `StorageError` when it cannot be written.

    Parameters
    ----------
    found
        What one network, or two of them, made of a picture.
    name
        What the picture is called.
    scale
        Whether the maps of a tap share a scale.
    cells
        Cells, as row and column, of taps of the first network whose receptive fields are drawn.
    alignment
        CKA between layers, shown at the end.
    """
    check_output("page", out)
    sides = found.sides
    parts = [
        *_head(sides, name),
        *_table(found, sides),
        *_answers(sides),
        *_cells(sides[0], cells),
        *(part for place in range(len(sides[0].views)) for part in _tap(found, sides, place, scale)),
        *(_aligned(alignment) if alignment else ()),
        *_explained(),
    ]
    title = escape(f"What {' and '.join(side.network for side in sides)} see")
    write_page(Path(out), files(__package__) / "inspection.html", title=title, body="\n".join(parts))


def _head(sides: Sequence[Inspection], name: str) -> Iterator[str]:
    verb = "sees" if len(sides) == 1 else "see"
    networks = " and ".join(side.network for side in sides)
    yield f"<h1>What {escape(networks)} {verb}</h1>"
    first = sides[0]
    sizes = dict.fromkeys(f"{side.pixels.shape[1]} x {side.pixels.shape[0]}" for side in sides)
    caption = (
        f"{name or 'The picture'}, {first.width} x {first.height} pixels, seen at {' and '.join(sizes)}."
    )
    yield f'<p class="faint">{escape(caption)}</p>'
    picture = _figure(Image.fromarray(first.pixels), "the picture", photo=True)
    chart = distribution({"pixels": first.colours}, title="values of the pixels, 0 to 1")
    note = f"entropy of the pixels: {first.colours.entropy:.2f} bits"
    yield f'<div class="row">{picture}<figure>{chart}<figcaption>{note}</figcaption></figure></div>'
    if len(sides) > 1:
        keys = "".join(
            f'<span class="key" style="background:{colour}"></span>{escape(side.network)}'
            for side, colour in zip(sides, COLOURS, strict=True)
        )
        yield f"<p>{keys}</p>"


def _table(inspection: Inspection | Pair, sides: Sequence[Inspection]) -> Iterator[str]:
    yield "<h2>The taps in numbers</h2>"
    numbers = ["zeros", "mean", "spread", "entropy", "gain", "rank"]
    head = ["tap", "shape", *numbers * len(sides)]
    groups, kind = "", ""
    if inspection.divergences:
        head.append("divergence")
        kind = ' class="pair"'
        spans = (f'<th class="group" colspan="6">{escape(side.network)}</th>' for side in sides)
        groups = f"<tr><th></th><th></th>{''.join(spans)}<th></th></tr>"
    rows = []
    for place in range(len(sides[0].views)):
        shapes = (" x ".join(map(str, side.views[place].shape)) for side in sides)
        shape = ", ".join(dict.fromkeys(shapes))
        row = [f'<a href="#tap{place}">{escape(_paired_name(sides, place))}</a>', shape]
        for side in sides:
            row += _numbers(side, side.views[place])
        if inspection.divergences:
            row.append(f"{inspection.divergences[place]:.3f}")
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>")
    heading = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"
    yield f'<div class="wide"><table{kind}>{groups}{heading}{"".join(rows)}</table></div>'
    if left := sides[0].left_out:
        yield f'<p class="faint">Left out, for their weights are not here: {escape(", ".join(left))}.</p>'


def _numbers(side: Inspection, view: View) -> list[str]:
    own = view.statistics
    return [
        f"{100 * own.zeros:.1f} %",
        f"{own.mean:.3g}",
        f"{own.spread:.3g}",
        f"{own.histogram.entropy:.2f}",
        f"{side.gain(view):+.2f}",
        "" if own.rank is None else f"{own.rank:.1f}",
    ]


def _answers(sides: Sequence[Inspection]) -> Iterator[str]:
    if not any(side.answer for side in sides):
        return
    yield '<h2>The answer</h2><div class="row">'
    for side, colour in zip(sides, COLOURS, strict=False):
        if side.answer:
            bars = "".join(_bar(*pair, colour, 1.0) for pair in side.answer.top(10))
            caption = f"entropy {side.answer.entropy:.2f} bits, margin {side.answer.margin:.3f}"
            yield f'<div class="side"><p class="faint">{escape(side.network)}: {caption}</p>{bars}</div>'
    yield "</div>"


def _bar(name: str, value: float, colour: str, top: float) -> str:
    width = f"{60 * min(1.0, abs(value) / top):.1f}%"
    return (
        f'<div class="bar"><span>{escape(name)}</span><i style="width:{width};background:{colour}"></i>'
        f"<span>{value:.3g}</span></div>"
    )


def _cells(side: Inspection, cells: Sequence[tuple[Tap, tuple[int, int]]]) -> Iterator[str]:
    if not cells:
        return
    yield '<h2>What a cell sees</h2><div class="row">'
    for tap, cell in cells:
        caption = f"{tap.name}, row {cell[0]}, column {cell[1]}: {taps.field_text(side, tap, cell)}"
        yield _figure(taps.field_picture(side, tap, cell, 420), caption, photo=True)
    yield "</div>"


def _tap(
    inspection: Inspection | Pair, sides: Sequence[Inspection], place: int, scale: Scale
) -> Iterator[str]:
    views = [side.views[place] for side in sides]
    yield f'<h2 id="tap{place}">{escape(_paired_name(sides, place))}</h2>'
    yield f'<p class="faint">{escape("; ".join(dict.fromkeys(map(taps.described, views))))}</p>'
    histograms = {side.network: view.statistics.histogram for side, view in zip(sides, views, strict=True)}
    chart = distribution(histograms, title="share of the values")
    note = f"bins of {views[0].statistics.histogram.bin_width:.3g}"
    if inspection.divergences:
        note += f"; divergence {inspection.divergences[place]:.3f} bits"
    heats = "".join(
        _figure(taps.heat_picture(side, view, 300), f"{side.network}: mean magnitude of the maps", photo=True)
        for side, view in zip(sides, views, strict=True)
        if view.heat is not None
    )
    yield f'<div class="row"><figure>{chart}<figcaption>{note}</figcaption></figure>{heats}</div>'
    top = taps.shared_top(*views)
    yield '<div class="row">'
    for side, view, colour in zip(sides, views, COLOURS, strict=False):
        yield f'<div class="side">{_body(side, view, colour, scale, top, alone=len(sides) == 1)}</div>'
    yield "</div>"


def _body(side: Inspection, view: View, colour: str, scale: Scale, top: float, *, alone: bool) -> str:
    if view.maps is None:
        rows = taps.largest(side, view, 10)
        most = max(abs(value) for _, value in rows) or 1.0
        text = f"{side.network}: the largest {len(rows)} of {view.shape[0]}"
        return f'<p class="faint">{escape(text)}</p>' + "".join(_bar(*row, colour, most) for row in rows)
    caption = taps.scale_text(view, scale, top) + ("" if alone else f"; {side.network}")
    text = "; ".join(f"{name} {value}" for name, value in taps.facts(side, view))
    return _figure(taps.tiles(view, scale=scale, top=top, captions=alone), f"{caption}. {text}")


def _aligned(alignment: Alignment) -> Iterator[str]:
    yield "<h2>Which layers are alike</h2>"
    text = f"CKA on {alignment.pictures} pictures: {alignment.first} down, {alignment.second} across"
    yield f'<p class="faint">{escape(text)}</p>'
    yield f'<div class="wide">{matrix(alignment.values, alignment.rows, alignment.columns, about=text)}</div>'


def _explained() -> Iterator[str]:
    yield "<h2>What the words mean</h2><dl>"
    yield from (f"<dt>{escape(word)}</dt><dd>{escape(meaning)}</dd>" for word, meaning in _WORDS)
    yield f'</dl><p class="faint">Written by likewise {__version__}.</p>'


def _paired_name(sides: Sequence[Inspection], place: int) -> str:
    return " and ".join(dict.fromkeys(side.views[place].tap.name for side in sides))


def _figure(picture: Image.Image, caption: str, *, photo: bool = False) -> str:
    address = data_address(picture, "jpeg", 85) if photo else data_address(picture, "webp")
    return (
        f'<figure><img src="{address}" width="{picture.width}" height="{picture.height}" '
        f'alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
    )
