"""Commands that make a collection, change it and look after it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.options import (
    SUFFIX,
    In,
    Into,
    Json,
    MaxPixels,
    Named,
    Numbers,
    Quantise,
    RecipeName,
    Running,
    StoreAddress,
    Whiten,
    Words,
    collection_folder,
    described_by,
    find_collection,
)
from likewise.cli.output import counted, printable, progress, show, table
from likewise.errors import UsageError

if TYPE_CHECKING:
    from likewise.collection import AddReport, Info
    from likewise.collection.layers.layer import CollectionLayer

FAULTS_FOUND = 1


def index(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", help="Folders of pictures, or single pictures.")
    ],
    into: Into = None,
    store: StoreAddress = None,
    recipe: RecipeName = None,
    whiten: Whiten = None,
    quantise: Quantise = None,
    words: Words = None,
    *,
    running: Running,
    precision: Numbers = None,
    prune: Annotated[bool, typer.Option("--prune", help="Forget pictures whose files are gone.")] = False,
    prune_all: Annotated[
        bool,
        typer.Option(
            "--prune-all",
            help="Forget them also where a folder holds none of its pictures any more, as when a disk is not "
            "mounted.",
        ),
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try files again that failed before and have not changed since.")
    ] = False,
    checksum: Annotated[
        bool,
        typer.Option("--checksum", help="Compare contents even where size and times say nothing changed."),
    ] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="PATTERN",
            help="Leave out files and folders of such names, such as '*.tmp' or 'scans/raw'; remembered, and "
            "shown by `info`. May be repeated.",
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option("--include", metavar="PATTERN", help="Take a pattern back that is left out."),
    ] = None,
    max_pixels: MaxPixels = None,
    as_json: Json = False,
) -> None:
    """Make a collection of a folder of pictures, or bring it up to date.

    Only new and changed files are worked on. A run that was interrupted, even killed, is carried on by the
    next one.
    """
    from likewise.collection import Collection
    from likewise.collection.store import holds_collection
    from likewise.folders import USUAL, need_pictures

    for folder in folders:
        if holds_collection(folder):
            raise UsageError(
                f"{folder} is a collection and no folder of pictures: it is named by --in {folder}"
            )
        if not os.path.exists(folder) and not (prune or prune_all):
            if ":/" in os.fspath(folder):  # of an address, two of whose slashes are one in a path
                raise UsageError(
                    f"{folder} is no folder: `likewise extract ADDRESS -o NAME.shards` fetches it"
                )
            raise UsageError(
                f"{folder} is not there, or a link that leads nowhere: there is nothing to index"
            )
    path = into or Path(os.path.basename(os.path.realpath(folders[0])) + SUFFIX)
    how = described_by(recipe, whiten, quantise, words)
    before: tuple[CollectionLayer, ...] = ()
    if how is not None:
        with Collection.open(path, store=store) as previous:
            before = previous.layers if previous.exists else ()
    opened = Collection.open(path, recipe=how, precision=precision, store=store, **vars(running))
    with opened as collection:
        if not collection.exists:
            need_pictures(folders)
        with progress("indexing") as callback:
            report = collection.add(
                *folders,
                prune="all" if prune_all else prune,
                retry=retry,
                checksum=checksum,
                progress=callback,
                max_pixels=max_pixels,
                exclude=exclude or (),
                include=include or (),
            )
        total, summary = len(collection), collection.info() if report.away or report.gone else None
        kept = {layer.recipe.hash: layer.recipe.name for layer in collection.layers}
    dropped = [layer.recipe.name for layer in before if layer.recipe.hash not in kept]
    away = summary.away if summary and report.away else []
    gone = "gone or left out" if summary and not {*summary.excludes} <= {*USUAL.patterns} else "gone"
    lines = [*index_lines(report, path, total, gone), *map(_away_line, away)]
    lines += [_dropped_line(layer, anew=layer in kept.values()) for layer in dropped]
    show({**vars(report), "dropped": dropped}, lines, as_json=as_json)


def index_lines(report: AddReport, path: Path, total: int, gone: str = "gone") -> list[str]:
    """Report of adding; ``gone`` says what pictures are that are kept for want of ``--prune``."""
    from likewise.pictures.signatures import OPTIONAL

    apart = ("seconds", "gone", "incomplete", "passed_over")
    counts = {name: number for name, number in vars(report).items() if name not in apart and number}
    did = ", ".join(f"{number} {name}" for name, number in counts.items()) or "no pictures found"
    lines = [f"{did} in {report.seconds:.1f} s", f"{printable(path)}: {counted(total)}"]
    if report.gone:
        lines.append(f"{report.gone} {gone}; --prune forgets them")
    if report.incomplete:
        missing = f"{counted(report.incomplete)} not described by every layer"
        lines.append(f"{missing}: index again when their files can be read")
    if report.failed:
        lines.append("what failed and why: likewise failures")
    if report.passed_over:
        kinds = [f"{count} {kind or 'without suffix'}" for kind, count in report.passed_over.items()]
        more = [f"{len(kinds) - _KINDS} kinds more"] if len(kinds) > _KINDS else []
        lines.append(f"not read: {', '.join(printable(kind) for kind in kinds[:_KINDS] + more)}")
        for extra, (_, suffixes) in OPTIONAL.items():
            if unread := sorted(suffixes & report.passed_over.keys()):
                lines.append(f"to read {' '.join(unread)}: pip install 'likewise[{extra}]'")
    return lines


_KINDS = 8


def _away_line(folder: Path) -> str:
    return (
        f"{printable(folder)} holds none of its pictures, as if its disk were not mounted: they stay; "
        "if they are gone for good, say --prune-all"
    )


def _dropped_line(layer: str, *, anew: bool) -> str:
    does = "makes otherwise: what could be read was described anew" if anew else "does not have"
    return f"dropped: what the layer {printable(layer)} kept, which the recipe that was given {does}"


def info(named: Named = None, collection: In = None, as_json: Json = False) -> None:
    """Show what a collection holds and how it was made."""
    from likewise.collection import Collection

    with Collection.open(find_collection(collection, named)) as opened:
        summary = opened.info()
    show(summary, _info_lines(summary), as_json=as_json)


def _info_lines(summary: Info) -> list[str]:
    changed = datetime.fromtimestamp(summary.changed).astimezone()
    return [
        f"collection  {printable(summary.path)}",
        *([f"store       {summary.store}"] if summary.store else []),
        f"pictures    {summary.pictures}, {summary.failures} failed",
        *(f"folder      {printable(root)}" for root in summary.roots),
        *(f"away        {printable(folder)}: none of its pictures can be found" for folder in summary.away),
        f"left out    {printable(', '.join(summary.excludes))}",
        *(f"column      {printable(name)}, of {counted(count)}" for name, count in summary.columns.items()),
        *_made(summary),
        f"on disk     {summary.bytes / 1e6:.1f} MB",
        f"changed     {changed:%Y-%m-%d %H:%M:%S %z} (generation {summary.generation})",
    ]


def _made(summary: Info) -> Iterator[str]:
    """The recipe, and how each layer was made."""
    several = len(summary.layers) > 1
    digest = "" if several else f" ({summary.manifest.recipe_hash[:12]})"
    yield f"recipe      {summary.recipe}{digest}"
    for name, manifest in summary.layers.items():
        code = summary.codes[name]
        if several:
            yield f"layer       {name} ({manifest.recipe_hash[:12]})"
        yield f"network     {manifest.network}, weights {manifest.weights_hash[:12]}"
        what = (
            f"words       {manifest.dimensions} in all layers"
            if code == "words"
            else f"vectors     {manifest.dimensions} x {code}"
        )
        yield f"{what}, by {manifest.engine} in {manifest.precision}"
        yield f"search      {summary.searched[name]}"


def failures(named: Named = None, collection: In = None, as_json: Json = False) -> None:
    """List the files that could not be indexed, each with its reason."""
    from likewise.collection import Collection

    with Collection.open(find_collection(collection, named)) as opened:
        failed = opened.failures()
    rows = [(failure.reason, failure.path, failure.message) for failure in failed]
    lines = table(rows, ("reason", "file", "what happened")) if rows else ["no failures"]
    show(failed, lines, as_json=as_json)


def verify(named: Named = None, collection: In = None, as_json: Json = False) -> None:
    """Check every row, every vector and every file of a collection.

    Exits with 1 when there is a fault.
    """
    from likewise.collection import Collection

    with Collection.open(find_collection(collection, named)) as opened, progress("verifying") as callback:
        report = opened.verify(callback)
    lines = [f"{fault.kind}: {printable(fault.subject)}: {fault.message}" for fault in report.faults]
    lines.append(f"{report.checked} checked, {len(report.faults)} faults")
    show(report, lines, as_json=as_json)
    if report.faults:
        raise typer.Exit(FAULTS_FOUND)


def optimise(named: Named = None, collection: In = None, as_json: Json = False) -> None:
    """Merge the files that a collection is searched by, and make damaged ones again.

    What was removed is taken out of them.
    """
    from likewise.collection import Collection

    with Collection.open(find_collection(collection, named)) as opened, progress("merging") as callback:
        opened.optimise(callback)
        summary = opened.info()
    lines = [f"{printable(summary.path)}: {counted(summary.pictures)}, {summary.bytes / 1e6:.1f} MB"]
    show({"pictures": summary.pictures, "bytes": summary.bytes}, lines, as_json=as_json)


def remove(
    what: Annotated[
        list[str] | None, typer.Argument(metavar="WHAT", help="Files, folders or globs over the paths.")
    ] = None,
    ids: Annotated[
        list[int] | None, typer.Option("--id", help="A picture's id, as --json prints it; may be repeated.")
    ] = None,
    collection: In = None,
    as_json: Json = False,
) -> None:
    """Forget pictures and recorded failures. The files stay where they are."""
    from likewise.collection import Collection

    if not what and not ids:
        raise typer.BadParameter("name what to remove: files, folders, globs or --id N")
    with Collection.open(find_collection(collection)) as opened:
        removed = opened.remove(*(what or ()), *(ids or ()))
        left = len(opened)
    show({"removed": removed, "left": left}, [f"{removed} removed, {left} left"], as_json=as_json)


def copy(
    source: Annotated[
        Path, typer.Argument(parser=collection_folder, metavar="COLLECTION", help="What is copied.")
    ],
    target: Annotated[
        Path,
        typer.Argument(
            parser=collection_folder, metavar="TARGET", help="Where to: a folder, or the address of a store."
        ),
    ],
    store: StoreAddress = None,
    as_json: Json = False,
) -> None:
    """Copy a collection to another folder, to a store, or from one; no picture is read.

    What was copied before stays, so that one that was interrupted goes on. In the end both are compared.
    """
    from likewise.collection import Collection
    from likewise.collection import copy as take

    with Collection.open(source) as collection, progress("copying") as callback:
        report = take(collection, target, store=store, progress=callback)
    taken = report.taken
    new = taken.added + taken.copied + taken.changed
    lines = [
        f"{counted(new)} copied, {taken.unchanged} were there, {taken.failed} failures noted",
        f"compared: {report.alike} pictures are alike, byte by byte (digest {report.digest[:16]})",
    ]
    show(report, lines, as_json=as_json)
