"""One shard to be described.

A shard that is being described is a collection of its own beside its file: its lock tells others that
somebody is at it, and a run that was killed goes on in it. It is done when its file is there, which is put
there whole. So nothing has to be asked of whatever runs it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from likewise.collection import Collection, MovedFile
from likewise.errors import BadPicture, CollectionLocked, LikewiseError, StorageError
from likewise.files import scratch
from likewise.folders import NO_STAMP, Stamp
from likewise.pictures.signatures import SUFFIXES
from likewise.recipes import Recipe
from likewise.scale.addresses import address_of, fetch
from likewise.scale.parquet import ShardHead, write
from likewise.scale.shards import Shard

AHEAD = 64
"""Pictures that are fetched while as many are described: what a shard takes on the disk meanwhile."""

FETCHING = 16
"""Threads that fetch."""


@dataclass(frozen=True)
class Work:
    """The job of describing shards.

    Attributes
    ----------
    folder
        Where their files go.
    root
        The folder that was cut into them.
    remote
        Whether files have to be fetched (see `likewise.scale.addresses`).
    """

    folder: Path
    root: str
    recipe: Recipe
    engine: str = "openvino"
    device: str = "cpu"
    precision: str | None = None
    max_pixels: int | None = None
    remote: bool = False

    def file(self, shard: Shard) -> Path:
        """Where a shard lies when it is described."""
        return self.folder / f"{shard.id}.parquet"

    def draft(self, shard: Shard) -> Path:
        """The collection in which it is described, which is removed behind that."""
        return self.folder / f"{shard.id}.likewise"


@dataclass(frozen=True)
class ShardResult:
    """The outcome for a shard.

    Attributes
    ----------
    files, failed
        In it, and of them those that are no picture that can be read.
    problem
        Why it is not done.
    elsewhere
        Whether somebody else is at it.
    """

    shard: str
    files: int = 0
    failed: int = 0
    problem: str = ""
    elsewhere: bool = False


def describe(work: Work, shard: Shard) -> ShardResult:
    """Describe a shard, unless it is done or somebody is at it."""
    file = work.file(shard)
    if file.exists():
        return ShardResult(shard.id)
    try:
        return _described(work, shard, file)
    except CollectionLocked:
        return ShardResult(shard.id, elsewhere=True)
    except LikewiseError as error:
        return ShardResult(shard.id, problem=str(error))


def _described(work: Work, shard: Shard, file: Path) -> ShardResult:
    if not work.remote and not any(os.path.lexists(path) for path in shard.files):
        return ShardResult(shard.id)  # all went away meanwhile
    draft = work.draft(shard)
    opened = Collection.open(
        draft, recipe=work.recipe, precision=work.precision, engine=work.engine, device=work.device
    )
    with opened as collection:
        rows = (_fetched if work.remote else _seen)(collection, work, shard)
        layers = collection.layers
        manifests, codes = tuple(layer.manifest for layer in layers), tuple(layer.code for layer in layers)
        write(file, ShardHead(work.root, work.recipe.to_toml(), manifests, codes), rows)
    shutil.rmtree(draft, ignore_errors=True)
    return ShardResult(shard.id, len(rows), sum(isinstance(row.content, BadPicture) for row in rows))


def _seen(collection: Collection, work: Work, shard: Shard) -> list[MovedFile]:
    """Describe files where they lie."""
    there = [path for path in shard.files if os.path.lexists(path)]
    collection.add(*there, max_pixels=work.max_pixels)
    return [*collection.rows(), *map(_gone, sorted({*shard.files} - {*there}))]


def _gone(path: str) -> MovedFile:
    return MovedFile(path, NO_STAMP, BadPicture(f"{path} is not there", "vanished"))


def _fetched(collection: Collection, work: Work, shard: Shard) -> list[MovedFile]:
    """Fetch files into drafts, some ahead of those that are described, and remove them.

    Drafts have numbers for names, so that a run that goes on in this shard knows what it has.
    """
    names = {f"{number:05}{_suffix(path)}": path for number, path in enumerate(shard.files)}
    done = {os.path.basename(row.path) for row in collection.rows()} if collection.exists else set()
    problems: dict[str, BadPicture] = {}
    with scratch(work.folder) as drafts, ThreadPoolExecutor(FETCHING) as pool:
        left = iter([name for name in names if name not in done])
        ahead = _ahead(pool, left, names, drafts)
        while block := ahead:
            outcomes = {name: future.result() for name, future in block.items()}
            ahead = _ahead(pool, left, names, drafts)
            problems |= {name: why for name, why in outcomes.items() if why}
            if there := [drafts / name for name, why in outcomes.items() if not why]:
                collection.add(*there, max_pixels=work.max_pixels)
            for name in block:
                (drafts / name).unlink(missing_ok=True)
    if not collection.exists:
        raise StorageError(
            f"none of {len(problems)} pictures could be fetched: {next(iter(problems.values()))}"
        )
    failed = (MovedFile(names[name], NO_STAMP, why) for name, why in problems.items())
    return [*(_known(row, names[os.path.basename(row.path)]) for row in collection.rows()), *failed]


def _ahead(
    pool: ThreadPoolExecutor, left: Iterator[str], names: Mapping[str, str], drafts: Path
) -> dict[str, Future[BadPicture | None]]:
    """Begin to fetch the next drafts."""
    return {name: pool.submit(fetch, names[name], str(drafts / name)) for name in islice(left, AHEAD)}


def _suffix(path: str) -> str:
    suffix = os.path.splitext(path)[1].lower()
    return suffix if suffix in SUFFIXES else ""


def _known(row: MovedFile, path: str) -> MovedFile:
    """A draft's row under the path that its address is known as."""
    content = row.content
    if isinstance(content, BadPicture):
        content = BadPicture(str(content).replace(row.path, address_of(path)), content.reason)
    return MovedFile(path, Stamp(row.stamp.size, 0, 0), content)
