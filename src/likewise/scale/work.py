"""One shard to be described.

A shard that is being described is a collection of its own beside its file: its lock tells others that
somebody is at it, and a run that was killed goes on in it. It is done when its file is there, which is put
there whole. So nothing has to be asked of whatever runs it.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from likewise.collection.collection import Collection
from likewise.collection.moving import Row
from likewise.collection.walk import NO_STAMP
from likewise.errors import BadPicture, CollectionLocked, LikewiseError
from likewise.recipes.recipe import Recipe
from likewise.scale.files import Head, write
from likewise.scale.shards import Shard


@dataclass(frozen=True)
class Work:
    """What is to be done with shards.

    Attributes
    ----------
    folder
        Where their files go.
    root
        The folder that was cut into them.
    """

    folder: Path
    root: str
    recipe: Recipe
    engine: str = "openvino"
    device: str = "cpu"
    precision: str | None = None
    max_pixels: int | None = None

    def file(self, shard: Shard) -> Path:
        """Where a shard lies when it is described."""
        return self.folder / f"{shard.id}.parquet"


@dataclass(frozen=True)
class Answer:
    """What became of a shard.

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


def describe(work: Work, shard: Shard) -> Answer:
    """Describe a shard, unless it is done or somebody is at it."""
    file = work.file(shard)
    if file.exists():
        return Answer(shard.id)
    try:
        return _described(work, shard, file)
    except CollectionLocked:
        return Answer(shard.id, elsewhere=True)
    except LikewiseError as error:
        return Answer(shard.id, problem=str(error))


def _described(work: Work, shard: Shard, file: Path) -> Answer:
    there = [path for path in shard.files if os.path.lexists(path)]
    if not there:  # all went away meanwhile
        return Answer(shard.id)
    place = file.with_suffix(".likewise")
    opened = Collection.open(
        place, recipe=work.recipe, precision=work.precision, engine=work.engine, device=work.device
    )
    with opened as collection:
        collection.add(*there, max_pixels=work.max_pixels)
        rows = [*collection.rows(), *map(_gone, sorted({*shard.files} - {*there}))]
        layers = collection.layers
        manifests, codes = tuple(one.manifest for one in layers), tuple(one.code for one in layers)
        write(file, Head(work.root, work.recipe.to_toml(), manifests, codes), rows)
    shutil.rmtree(place, ignore_errors=True)
    return Answer(shard.id, len(rows), sum(isinstance(row.content, BadPicture) for row in rows))


def _gone(path: str) -> Row:
    return Row(path, NO_STAMP, BadPicture(f"{path} is not there", "vanished"))
