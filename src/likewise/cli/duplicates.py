"""``likewise similar`` and ``likewise duplicates``: which pictures are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.options import Device, Engine, In, Json, MaxPixels, Named, Under, find_collection
from likewise.cli.output import printable, progress, show

if TYPE_CHECKING:  # numpy stands behind them, and help must not wait for that
    from likewise.downstream.duplicates import Duplicates
    from likewise.downstream.similarity import Similarity


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (similar, duplicates):
        app.command()(command)


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
            show_default=False,
        ),
    ] = None,
    group: Annotated[
        str, typer.Option("--group", metavar="COLUMN", help="The column of --groups that names the group.")
    ] = "group",
    engine: Engine = "openvino",
    device: Device = "cpu",
    max_pixels: MaxPixels = None,
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Say whether two pictures are the same, and how sure that is.

    Without --groups "the same" is one picture, altered: compressed, cropped, brighter. It is learned on
    altered copies of pictures of the collection, which takes some seconds the first time.
    """
    from likewise.collection.collection import Collection
    from likewise.downstream.similarity import similar as judge
    from likewise.evaluation.datasets.table import read_rows

    known = None if groups is None else [(row.file, row.group) for row in read_rows(groups, group=group)]
    with (
        Collection.open(find_collection(collection), engine=engine, device=device) as opened,
        progress("calibrating") as callback,
    ):
        vectors = [opened.describe(picture, max_pixels=max_pixels) for picture in (first, second)]
        found = judge(opened, *vectors, groups=known, progress=callback)
    show(found, _similar_lines(found), as_json=as_json)


def _similar_lines(found: Similarity) -> Iterator[str]:
    yield f"{'yes' if found.same else 'no'}: {'' if found.same else 'not '}{found.meaning}"
    yield f"similarity   {found.similarity:.4f}"
    yield f"probability  {_share(found.probability)} per cent, were it as likely as not beforehand"
    yield f"judged by    {found.learned_on}"
    if found.further is not None:
        yield f"copies       {_share(found.further)} per cent of the altered copies are less similar"
    if found.by_chance is not None:
        yield f"chance       {_rare(found.by_chance)} of the collection"
    if found.threshold is not None:
        yield f"threshold    {found.threshold:.4f} when all pairs are compared, as `likewise duplicates` does"


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


def duplicates(
    named: Named = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="SIMILARITY",
            help="Least similarity that links two pictures. Without it: calibrated on the collection.",
            show_default=False,
        ),
    ] = None,
    under: Under = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FILE", help="Draw the groups to a picture.", show_default=False),
    ] = None,
    engine: Engine = "openvino",
    device: Device = "cpu",
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Find groups of near-duplicates; the first of each is the one with the most pixels.

    Nothing is deleted. The threshold is explained: which altered copies it finds, and what chance adds.
    """
    from likewise.collection.collection import Collection
    from likewise.downstream.duplicates import find_duplicates

    with (
        Collection.open(find_collection(collection, named), engine=engine, device=device) as opened,
        progress("looking for duplicates") as callback,
    ):
        if sheet is not None:
            from likewise.drawing import check_sheet

            check_sheet(sheet, *opened.pictures(under).paths)
        found = find_duplicates(opened, threshold=threshold, under=under, progress=callback)
    if sheet is not None and found.groups:
        from likewise.drawing_groups import duplicate_sheet

        duplicate_sheet(found, sheet)
    value = {**vars(found), "surplus": found.surplus}
    show(value, _duplicate_lines(found, sheet), as_json=as_json)


def _duplicate_lines(found: Duplicates, sheet: Path | None) -> Iterator[str]:
    for number, group in enumerate(found.groups, 1):
        yield f"group {number}"
        for similarity, path in zip(group.similarities, group.paths, strict=True):
            yield f"  {similarity:.4f}  {printable(path)}"
    yield f"{len(found.groups)} groups among {found.pictures} pictures; {found.surplus} could go"
    yield f"threshold {found.threshold:.4f}: {found.reason}"
    for name, share in found.found.items():
        yield f"  it finds {100 * share:3.0f} % of copies: {name}"
    if found.by_chance is not None:
        yield f"  pairs of different pictures expected above it: {found.by_chance:.2g}"
    if sheet is not None and found.groups:
        yield f"sheet: {printable(sheet)}"
