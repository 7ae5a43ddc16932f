"""From described shards to a collection: no picture is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from likewise.collection import AddReport, Collection, difference
from likewise.errors import ManifestMismatch, UsageError
from likewise.recipes import parse_recipe
from likewise.scale.parquet import ShardHead, read, read_head
from likewise.types import ProgressCallback


def ingest(
    shards: Sequence[str | os.PathLike[str]],
    into: str | os.PathLike[str],
    *,
    store: str | None = None,
    progress: ProgressCallback | None = None,
) -> AddReport:
    """Take described shards into a collection, which is made if there is none.

    What it has already stays as it is; run again, or after it was killed, it takes what is new. Pictures keep
    the paths under which they were described. Shards are read as they are: take them from whom you trust.
    Raises `UsageError` when there are none; `ManifestMismatch` when they, or the collection, were made in
    different ways; `CollectionDamaged` when a shard cannot be read; those before it stay in the collection;
    `CollectionLocked` or `StorageError` as for `likewise.collection.collection.Collection.add`.

    Parameters
    ----------
    shards
        Folders of shards, or single files.
    store
        The server that is to keep the collection.
    """
    files = [file for path in shards for file in _files(Path(path))]
    heads = {file: read_head(file) for file in files}
    first = _alike(heads)
    recipe = parse_recipe(first.recipe, origin=f"the recipe of {files[0]}")
    precision = first.manifests[0].precision
    with Collection.open(into, recipe=recipe, precision=precision, store=store) as collection:
        return collection.take_over(
            chain.from_iterable(map(read, files)),
            first.manifests,
            roots=sorted({head.root for head in heads.values()}),
            progress=progress,
        )


def _files(path: Path) -> Iterator[Path]:
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files or not path.exists():
        raise UsageError(
            f"{path} is no shard and no folder of shards: `likewise extract -o NAME.shards` makes one"
        )
    yield from files


def _alike(heads: dict[Path, ShardHead]) -> ShardHead:
    """How all were made."""
    (name, first), *others = heads.items()
    for file, head in others:
        why = difference(first.manifests, head.manifests)
        if why or head.codes != first.codes:
            why = why or f"{', '.join(first.codes)} against {', '.join(head.codes)}"
            raise ManifestMismatch(f"{name} and {file} were made in different ways: {why}; ingest them apart")
    return first
