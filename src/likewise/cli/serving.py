"""The command that serves collections as a page and an interface for programs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.options import Running, collection_folder, find_collection
from likewise.errors import CollectionNotFound, MissingExtra

TOKEN = "LIKEWISE_TOKEN"


def serve(
    collections: Annotated[
        list[Path] | None,
        typer.Argument(
            parser=collection_folder,
            metavar="COLLECTION",
            help="Collections to serve. Without one: as --in of the other commands.",
        ),
    ] = None,
    inside: Annotated[
        list[Path] | None,
        typer.Option("--in", parser=collection_folder, metavar="DIR", help="The same; may be repeated."),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Where to listen; another than this machine needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for any that is free.")] = 8080,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar=TOKEN,
            help="What clients have to know, 16 characters or more. Better in the variable, which other "
            "users of this machine cannot see.",
            show_envvar=True,
        ),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Let nobody change anything.")] = False,
    roots: Annotated[
        list[Path] | None,
        typer.Option(
            "--root", metavar="DIR", help="A folder that pictures may be added from; may be repeated."
        ),
    ] = None,
    runs: Annotated[
        Path, typer.Option("--runs", metavar="DIR", help="The runs of `likewise evaluate` to show.")
    ] = Path("runs"),
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="HOST",
            help="A further host name that the server goes by, such as that of a proxy; may be repeated.",
        ),
    ] = None,
    originals: Annotated[
        bool, typer.Option("--originals", help="Give out the files themselves, with their metadata.")
    ] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that answer.")] = 1,
    shards: Annotated[
        int,
        typer.Option(
            "--shards",
            min=0,
            max=1000,
            help="Search visual words in so many actors of Ray, on the cluster that RAY_ADDRESS names (extra "
            "`ray`); 0 for this process.",
        ),
    ] = 0,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            help="Where thumbnails, queries sent and jobs are kept. Without it: in the cache.",
        ),
    ] = None,
    *,
    running: Running,
) -> None:
    """Open a page in the browser, and an interface for programs, on some collections.

    Other programs may index into the collections meanwhile. Stop it with Ctrl-C.
    """
    try:
        from likewise.web import Settings
        from likewise.web import serve as run
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "likewise":
            raise
        raise MissingExtra("likewise serve", "web") from error
    from likewise.collection.store import holds_collection
    from likewise.files import cache_dir

    chosen = tuple([*(collections or ()), *(inside or ())] or [find_collection(None)])
    for path in chosen:
        if not holds_collection(path):
            raise CollectionNotFound(
                f"{path} is no collection; make one with `likewise index FOLDER --in {path}`"
            )
    settings = Settings(
        collections=tuple(path.absolute() for path in chosen),
        state=(state or cache_dir() / "serve").absolute(),
        roots=tuple(root.absolute() for root in roots or ()),
        runs=runs.absolute(),
        host=host,
        port=port,
        token=token or None,
        read_only=read_only,
        originals=originals,
        names=tuple(names or ()),
        shards=shards,
        **vars(running),
    )
    hint = "" if read_only else _hint(chosen, settings.roots)

    def announce(address: str) -> None:
        typer.echo(f"{address}  (stop with Ctrl-C)")
        if hint:
            typer.echo(hint, err=True)

    umask = os.umask(0o077)  # what clients send is nobody else's
    try:
        run(settings, workers=workers, announce=announce)
    finally:
        os.umask(umask)


def _hint(collections: Sequence[Path], roots: Sequence[Path]) -> str:
    """Options that let the page look again at the folders that were indexed."""
    from likewise.collection import Collection
    from likewise.files.paths import within

    indexed = set[str]()
    for path in collections:
        with Collection.open(path) as collection:
            indexed.update(str(root) for root in collection.roots() if root != collection.uploads)
    left = [
        folder
        for folder in sorted(indexed)
        if not any(within(folder, os.path.realpath(root)) for root in roots)
    ]
    if not left:
        return ""
    return f"the page can look again at its folders with {shlex.join(f'--root={root}' for root in left)}"
