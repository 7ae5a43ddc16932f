"""Output of ``likewise inspect``: tables for people, one value for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from likewise.cli.output import left_out_lines, printable, table

if TYPE_CHECKING:  # numpy stands behind them, and help must not wait for that
    from likewise.inspection import Alignment, Inspection, Pair, View


def inspected_value(
    inspection: Inspection | Pair, alignment: Alignment | None, drawn: Sequence[Path], report: Path | None
) -> dict[str, object]:
    """The value for --json."""
    sides = inspection.sides
    value: dict[str, object] = {"networks": [_side_value(side) for side in sides]}
    if divergences := inspection.divergences:
        value["divergence"] = divergences
    if alignment:
        failures = {str(path): str(why) for path, why in alignment.failures.items()}
        value["cka"] = {
            "rows": alignment.rows,
            "columns": alignment.columns,
            "values": alignment.values,
            "pictures": alignment.pictures,
            "failures": failures,
        }
    return value | {"sheets": list(drawn), "report": report}


def _side_value(side: Inspection) -> dict[str, object]:
    answer = side.answer and {
        "entropy": side.answer.entropy,
        "margin": side.answer.margin,
        "top": [{"class": name, "probability": value} for name, value in side.answer.top(10)],
    }
    return {
        "network": side.network,
        "width": side.width,
        "height": side.height,
        "seen": side.pixels.shape[:2],
        "pixel_entropy": side.colours.entropy,
        "taps": [_tap_value(side, view) for view in side.views],
        "answer": answer,
        "left_out": side.left_out,
    }


def _tap_value(side: Inspection, view: View) -> dict[str, object]:
    own = view.statistics
    return {
        "tap": view.tap,
        "shape": view.shape,
        "zeros": own.zeros,
        "mean": own.mean,
        "spread": own.spread,
        "least": own.least,
        "most": own.most,
        "entropy": own.histogram.entropy,
        "bin_width": own.histogram.bin_width,
        "gain": side.gain(view),
        "effective_rank": own.rank,
        "histogram": own.histogram,
    }


def inspected_lines(
    inspection: Inspection | Pair,
    alignment: Alignment | None,
    sheets: Path | None,
    drawn: Sequence[Path],
    report: Path | None,
) -> Iterator[str]:
    """Lines for people."""
    for side in inspection.sides:
        yield from _side_lines(side)
        yield ""
    if divergences := inspection.divergences:
        yield from _divergence_lines(inspection.sides, divergences)
        yield ""
    if alignment:
        yield from _alignment_lines(alignment)
        yield ""
    if sheets:
        yield f"sheets  {printable(sheets)} ({len(drawn)} files)"
    if report:
        yield f"report  {printable(report)}"
    if not (sheets or report):
        yield "give -o DIR for sheets of the maps, --report FILE.html for a page"


def _side_lines(side: Inspection) -> Iterator[str]:
    seen = f"{side.pixels.shape[1]} x {side.pixels.shape[0]}"
    yield f"{side.network} on {seen} pixels, entropy of the pixels {side.colours.entropy:.2f} bits"
    yield from table(
        [_row(side, view) for view in side.views],
        ("tap", "shape", "zeros", "mean", "spread", "bin", "entropy", "gain", "rank"),
        right="zeros mean spread bin entropy gain rank",
    )
    if side.left_out:
        yield f"left out: {', '.join(side.left_out)} (their weights are not here)"
    if side.answer:
        yield f"answer: entropy {side.answer.entropy:.2f} bits, margin {side.answer.margin:.3f}"
        yield from (f"  {value:6.3f}  {printable(name)}" for name, value in side.answer.top())


def _divergence_lines(sides: Sequence[Inspection], divergences: Sequence[float]) -> Iterator[str]:
    yield "divergence of the values, in bits"
    for mine, theirs, value in zip(sides[0].views, sides[1].views, divergences, strict=True):
        yield f"  {value:.3f}  {' and '.join(dict.fromkeys((mine.tap.name, theirs.tap.name)))}"


def _alignment_lines(alignment: Alignment) -> Iterator[str]:
    yield f"CKA on {alignment.pictures} pictures: {alignment.first} down, {alignment.second} across"
    rows = [
        [name, *(f"{value:.2f}" for value in row)]
        for name, row in zip(alignment.rows, alignment.values, strict=True)
    ]
    yield from table(rows, ("", *alignment.columns), right=" ".join(alignment.columns))
    yield from left_out_lines(alignment.failures)


def _row(side: Inspection, view: View) -> tuple[object, ...]:
    own = view.statistics
    return (
        view.tap.name,
        " x ".join(map(str, view.shape)),
        f"{100 * own.zeros:.1f} %",
        f"{own.mean:.3g}",
        f"{own.spread:.3g}",
        f"{own.histogram.bin_width:.2g}",
        f"{own.histogram.entropy:.2f}",
        f"{side.gain(view):+.2f}",
        "-" if own.rank is None else f"{own.rank:.1f}",
    )
