"""``likewise cluster`` and ``likewise map``: what a collection holds, seen as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from likewise.cli.options import In, Json, Named, Overwrite, Under, Where, find_collection, new_file
from likewise.cli.output import printable, progress, show, table
from likewise.errors import UsageError

if TYPE_CHECKING:  # numpy stands behind it, and help must not wait for that
    from likewise.collection import Collection
    from likewise.downstream import Clusters, MapLayout

ClusterMethod = Literal["kmeans", "hdbscan"]
MapMethod = Literal["pca", "tsne", "umap"]
By = Literal["copy", "link"]
Colour = Literal["folder", "cluster", "none"]

SHOWN = 60
"""Pictures on a contact sheet."""


def cluster(
    named: Named = None,
    method: Annotated[
        ClusterMethod,
        typer.Option(
            "--method", help="kmeans: every picture in one of k; hdbscan: only where they lie densely."
        ),
    ] = "kmeans",
    k: Annotated[
        int | None, typer.Option("--clusters", min=1, metavar="N", help="How many; without it: suggested.")
    ] = None,
    least: Annotated[
        int, typer.Option("--least", min=2, help="Fewest pictures of a cluster of hdbscan.")
    ] = 5,
    under: Under = None,
    where: Where = None,
    sheets: Annotated[
        Path | None,
        typer.Option("--sheets", metavar="DIR", help="Draw a contact sheet of each cluster here."),
    ] = None,
    sort: Annotated[
        Path | None,
        typer.Option(
            "--sort-into",
            metavar="DIR",
            help="Make this folder, with a sub-folder of each cluster. Pictures are never moved.",
        ),
    ] = None,
    by: Annotated[
        By, typer.Option("--by", help="How --sort-into puts them there: copies or links.")
    ] = "copy",
    seed: Annotated[int, typer.Option("--seed", help="Of the random start of kmeans.")] = 0,
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Put pictures that are alike into clusters."""
    from likewise.collection import Collection
    from likewise.downstream import check_target, find_clusters, sort_into

    if sheets:
        check_target(sheets, "draw sheets in")
    if sort:
        check_target(sort)
    with Collection.open(find_collection(collection, named)) as opened, progress("clustering") as callback:
        clusters = find_clusters(
            opened, method=method, k=k, least=least, under=under, where=where, seed=seed, progress=callback
        )
        alone = [opened.path_of(row) for row in clusters.alone]
        groups = {name: group.paths for name, group in clusters.named.items()}
        if alone:
            groups["alone"] = tuple(alone)
        failures = sort_into(sort, groups, by=by, progress=callback, read=opened.read) if sort else {}
        if sheets:
            _draw(groups, sheets, opened.read)
    value = {**vars(clusters), "sheets": sheets, "sorted": sort, "failures": failures}
    lines = [*_cluster_lines(clusters), *(f"sheets: {printable(sheets)}" for _ in [0] if sheets)]
    if sort:
        lines.append(f"sorted by {by} into {printable(sort)}")
        lines += [f"left out: {printable(path)}: {why}" for path, why in failures.items()]
    show(value, lines, as_json=as_json)


def _draw(groups: dict[str, tuple[Path, ...]], folder: Path, read: Callable[[Path], bytes | str]) -> None:
    from likewise.drawing.sheets import contact_sheet

    folder.mkdir(exist_ok=True)
    for name, paths in groups.items():
        shown = paths[:SHOWN]
        subtitle = "the most central first" + (f"; {len(shown)} shown" if len(shown) < len(paths) else "")
        captions = [str(number) for number in range(1, len(shown) + 1)]
        count = f"{len(paths)} picture{'s' if len(paths) > 1 else ''}"
        out = folder / f"{name}.jpg"
        contact_sheet(shown, captions, out, title=f"{name}: {count}", subtitle=subtitle, read=read)


def _cluster_lines(clusters: Clusters) -> Iterator[str]:
    rows = [
        (name, len(group.ids), f"{group.spread:.3f}", group.paths[0])
        for name, group in clusters.named.items()
    ]
    yield from table(rows, ("cluster", "pictures", "spread", "most central"), right="pictures spread")
    if clusters.alone:
        yield f"{len(clusters.alone)} pictures belong to none"
    if clusters.tried:
        shown = ", ".join(f"{count}: {silhouette:.3f}" for count, silhouette in clusters.tried.items())
        yield f"silhouette by number of clusters: {shown}"
        yield f"suggested: {len(clusters.clusters)}; give another with --clusters"


def map_(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="What to write, a .html file.")
    ],
    named: Named = None,
    method: Annotated[
        MapMethod,
        typer.Option("--method", help="pca at once; tsne and umap (an extra) keep neighbours together."),
    ] = "tsne",
    under: Under = None,
    where: Where = None,
    most: Annotated[
        int, typer.Option("--most", min=1, help="Show at most so many pictures, spread evenly.")
    ] = 3000,
    colour: Annotated[
        Colour,
        typer.Option(
            "--colour", help="What the frames of the pictures tell: their sub-folder, or their cluster."
        ),
    ] = "folder",
    k: Annotated[
        int | None, typer.Option("--clusters", min=1, metavar="N", help="How many --colour cluster makes.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of what begins with chance.")] = 0,
    overwrite: Overwrite = False,
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Lay the pictures out on a page that can be zoomed: one file that opens no connection."""
    from likewise.collection import Collection
    from likewise.downstream import find_layout
    from likewise.drawing import check_output
    from likewise.drawing.pages import map_page

    if k is not None and colour != "cluster":
        raise UsageError("--clusters is for a map of clusters: give it with --colour cluster")
    check_output("map", output)
    new_file(output, overwrite=overwrite)
    with Collection.open(find_collection(collection, named)) as opened, progress("mapping") as callback:
        layout = find_layout(
            opened, method=method, under=under, where=where, most=most, seed=seed, progress=callback
        )
        groups = _groups(opened, layout, colour, k=k, under=under, where=where, seed=seed)
        total = len(opened)
        failures = map_page(
            layout, output, groups=groups, title=opened.path.stem, progress=callback, read=opened.read
        )
    value = {"path": output, "method": layout.method, "pictures": len(layout.ids), "failures": failures}
    lines = [f"{printable(output)}: {len(layout.ids)} of {total} pictures, laid out by {layout.method}"]
    lines += [f"shown without a thumbnail: {printable(path)}: {why}" for path, why in failures.items()]
    show(value, lines, as_json=as_json)


def _groups(
    opened: Collection,
    layout: MapLayout,
    colour: Colour,
    *,
    k: int | None,
    under: str | None,
    where: str | None,
    seed: int,
) -> list[str] | None:
    """The group of each picture of a map."""
    from likewise.downstream import find_clusters

    if colour == "folder":
        return [Path(name).parts[0] if len(Path(name).parts) > 1 else "" for name in layout.names]
    if colour == "cluster":
        labels = find_clusters(opened, k=k, under=under, where=where, seed=seed).labels
        return [f"cluster {labels[row] + 1}" for row in layout.ids.tolist()]
    return None
