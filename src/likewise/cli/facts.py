"""Commands about what is known of pictures besides what they look like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.options import In, Json, find_collection
from likewise.cli.output import printable, show
from likewise.errors import UsageError

if TYPE_CHECKING:
    from likewise.collection.store import Known

_SHOWN = 5
"""Files that are not in the collection, by name."""


def annotate(
    table: Annotated[
        Path,
        typer.Argument(metavar="FILE.csv", help="A table with a column `file`, and columns of your own."),
    ],
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Note columns of your own beside pictures, for --where to ask for.

    A file is named by its path: whole, or below the folder that was indexed. An empty cell takes back what
    was said. `likewise info` lists the columns.
    """
    from likewise.collection import Collection

    with Collection.open(find_collection(collection)) as opened:
        report = opened.annotate(table)
    lines = [f"{report.pictures} pictures have {printable(', '.join(report.columns))}"]
    if report.unknown:
        names = ", ".join(printable(name) for name in report.unknown[:_SHOWN])
        more = " ..." if len(report.unknown) > _SHOWN else ""
        lines.append(f"not in the collection, {len(report.unknown)}: {names}{more}")
    show(report, lines, as_json=as_json)


def facts_(
    picture: Annotated[str, typer.Argument(metavar="FILE|ID", help="A picture of the collection.")],
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Show what a picture's file says of it, and what you have noted."""
    from likewise.collection import Collection
    from likewise.files.paths import as_spelt, real_path

    with Collection.open(find_collection(collection)) as opened:
        entries = opened.at(real_path(as_spelt(picture)))
        if not entries and picture.isdecimal():
            entries = opened.entries([int(picture)])
        if not entries:
            raise UsageError(f"nothing in {opened.path} is called {picture}")
        [entry] = entries
        known = opened.known(entry.id)
    document = {"id": entry.id, "path": entry.path, **vars(known)}
    size = f"{entry.width} x {entry.height}, {entry.bytes} bytes"
    lines = [f"{printable(entry.path)} (id {entry.id})", f"size         {size}", *_lines(known)]
    show(document, lines, as_json=as_json)


def _lines(known: Known) -> Iterator[str]:
    facts = known.facts
    if facts is None:
        yield "what its file says was not read yet: index its folder again"
        return
    position = None if facts.latitude is None else f"{facts.latitude}, {facts.longitude}"
    values = vars(facts) | {"keywords": ", ".join(facts.keywords) or None, "gps": position}
    values |= {"latitude": None, "longitude": None, "added": known.added, **known.annotations}
    for name, value in values.items():
        if value is not None:
            yield f"{printable(name):<12} {printable(value)}"
