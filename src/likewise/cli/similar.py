"""``likewise similar``: whether two pictures are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.options import GroupColumn, In, Json, MaxPixels, Running
from likewise.cli.output import progress, show

if TYPE_CHECKING:  # numpy stands behind them, and help must not wait for that
    from likewise.downstream import Similarity


def similar(
    first: Annotated[Path, typer.Argument(help="A picture file.")],
    second: Annotated[Path, typer.Argument(help="Another picture file.")],
    groups: Annotated[
        Path | None,
        typer.Option(
            "--groups",
            metavar="FILE.csv",
            help="Ask whether both show the same thing, judged by pictures of the collection in groups: "
            "columns file (below the folder that was indexed) and group.",
        ),
    ] = None,
    group: GroupColumn = "group",
    *,
    running: Running,
    max_pixels: MaxPixels = None,
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Say whether two pictures are the same, and how sure that is.

    Without --groups "the same" is one picture, altered: compressed, cropped, brighter. It is learned on
    altered copies of pictures of the collection, which takes some seconds the first time.
    """
    from likewise.downstream import similar as judge
    from likewise.tables.labels import read_rows

    known = None if groups is None else [(row.file, row.group) for row in read_rows(groups, group=group)]
    with running.open(collection) as opened, progress("calibrating") as callback:
        vectors = [opened.describe(picture, max_pixels=max_pixels) for picture in (first, second)]
        verdict = judge(opened, *vectors, groups=known, progress=callback)
    show(verdict, _similar_lines(verdict), as_json=as_json)


def _similar_lines(verdict: Similarity) -> Iterator[str]:
    yield f"{'yes' if verdict.same else 'no'}: {'' if verdict.same else 'not '}{verdict.meaning}"
    yield f"similarity   {verdict.similarity:.4f}"
    yield f"probability  {_share(verdict.probability)} per cent, were it as likely as not beforehand"
    yield f"judged by    {verdict.learned_on}"
    if verdict.further is not None:
        yield f"copies       {_share(verdict.further)} per cent of the altered copies are less similar"
    if verdict.by_chance is not None:
        yield f"chance       {_rare(verdict.by_chance)} of the collection"
    if verdict.threshold is not None:
        yield f"threshold    {verdict.threshold:.4f} when all pairs are compared by nothing but this"


def _share(share: float) -> str:
    """A share in per cent; it is not said to be none or all before it is."""
    if 0 < share < 0.0001:
        return "under 0.01"
    if 0.9999 < share < 1:
        return "over 99.99"
    return f"{100 * share:.2f}".rstrip("0").rstrip(".")


def _rare(share: float) -> str:
    if share >= 0.01:
        return "at least 1 of 100 pairs"
    return f"1 of {float(f'{1 / share:.2g}'):,.0f} pairs".replace(",", " ") if share else "no pair"
