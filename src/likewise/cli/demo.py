"""``likewise demo``: the whole thing once, on pictures that are there."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.options import BoxText, Engine, Json, RecipeName
from likewise.cli.output import counted, hit_table, printable, progress, show

if TYPE_CHECKING:
    from likewise.cli.demo_run import DemoReport
    from likewise.collection import AddReport


def demo(
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos",
            metavar="FOLDER",
            help="Your own pictures. Without it: a set of pictures with known answers is made.",
        ),
    ] = None,
    query: Annotated[
        Path | None, typer.Option("--query", metavar="FILE", help="The picture to search for.")
    ] = None,
    box: BoxText = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many pictures to find.")] = 10,
    into: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where everything that the demo makes goes.")
    ] = Path("demo"),
    recipe: RecipeName = None,
    engine: Engine = "openvino",
    as_json: Json = False,
) -> None:
    """Index a folder, search it and draw the hits: everything once.

    With its own pictures it also scores the search, for there it knows what is right.
    """
    from likewise.cli.demo_run import find_query, run
    from likewise.pictures import size_of
    from likewise.types import Box

    query = find_query(query, photos) if query is not None else None
    size = partial(size_of, query) if query is not None else None
    region = Box.parse(box, size) if box is not None else None
    with progress("demo") as callback:
        done = run(into, photos, query, box=region, k=k, recipe=recipe, engine=engine, progress=callback)
    show(done, _lines(done), as_json=as_json)


def _indexed(report: AddReport) -> str:
    known = report.unchanged
    new = sum((report.added, report.copied, report.changed, report.moved))
    text = f"{counted(new)} indexed" if new or not known else f"{counted(known)}, all indexed before,"
    return f"{text} and {known} indexed before" if new and known else text


def _lines(done: DemoReport) -> list[str]:
    lines = [
        f"{_indexed(done.added)} of {printable(done.photos)} in {done.added.seconds:.1f} s",
        f"searched for {printable(done.query)}",
        *hit_table(done.hits),
        "",
        f"sheet       {printable(done.sheet)}",
        f"collection  {printable(done.collection)}",
    ]
    if done.score is not None:
        score = done.score
        lines.append(
            f"its vector  mAP {score['map']:.3f} over {score['queries']} queries, alone; {score['protocol']}"
        )
    return lines
