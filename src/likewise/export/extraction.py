"""From a folder of pictures to one file of vectors.

While it runs, what is done lies in shards beside the file, in ``<file>.parts/``; a run that was interrupted
goes on from there. At the end the shards are put together in the order of the paths, and removed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from likewise.collection.store import fulfilling
from likewise.descriptors import Encoder, Part, VectorRecipe
from likewise.descriptors.describing import describe_batches
from likewise.errors import BadPicture, UsageError
from likewise.export.parts import Done, ExtractionShards
from likewise.export.writers import writer
from likewise.files import replacing
from likewise.folders import WalkedFile, walk
from likewise.networks import find
from likewise.pictures import Loaded, Resize
from likewise.progress import Meter
from likewise.types import ProgressCallback


@dataclass(frozen=True)
class Extraction:
    """Result of an extraction.

    Attributes
    ----------
    path
        The file written.
    rows, dimensions
        Its shape.
    resumed
        How many files an interrupted run had already done.
    failed
        How many files could not be read; ``<file>.failures.json`` says why.
    """

    path: Path
    rows: int
    dimensions: int
    resumed: int
    failed: int
    seconds: float


def activations(
    network: str, tap: str, pool: str, *, weights: str = "", resize: Resize | None = None
) -> VectorRecipe:
    """A recipe for the bare activations of one tap: pooled as asked, not normalised, in full precision.

    Raises `UnknownName` when there is no such network or tap; `BadRecipe` when there is no such pooling.

    Parameters
    ----------
    pool
        A key of `likewise.descriptors.poolings.POOLINGS`, with its default options; ``none`` keeps every
        cell, in the order channel, row, column. A tap that gives one vector for the whole picture stays as
        it is under every pooling.
    resize
        By default the square of the side that the network was trained at.
    """
    card = find(network)
    place = card.tap(tap)
    pooling = "none" if place.stride == 0 else "flatten" if pool == "none" else pool
    return VectorRecipe(
        "activations",
        network,
        (Part(place.name, pooling),),
        resize or Resize("square", card.input_size or 224),
        weights=weights,
        transforms=(),
        distance="l2",
        code="fp32",
    )


def extract(
    folder: str | os.PathLike[str],
    to: str | os.PathLike[str],
    extractor: Encoder,
    *,
    overwrite: bool = False,
    where: str | None = None,
    max_pixels: int | None = None,
    progress: ProgressCallback | None = None,
) -> Extraction:
    """Write the vector of every picture in a folder to one file.

    Raises `BadFilter` when the filter cannot be understood; `UsageError` when the suffix is another one, the
    file exists, there is no such folder, or it holds no picture that can be read; `MissingExtra` when parquet
    is asked for and pyarrow is not there; `ManifestMismatch` when the interrupted run was of another folder
    or made in another way; `CollectionLocked` when another process is writing the same file; `StorageError`
    when the disk is full or the folder cannot be written.

    Parameters
    ----------
    to
        ``.npy``: float32 ``(n, d)``; ``<file>.json`` beside it holds ids and manifest.
        ``.safetensors``: tensors ``vectors`` and ``ids`` (UTF-8, NUL between), manifest in the metadata.
        ``.parquet``: columns ``id`` and ``vector``, manifest in the schema's metadata.
        An id is the path below the folder; rows are in the order of the ids.
    extractor
        What describes a picture, a `likewise.Extractor`.
    overwrite
        Replace the file if it exists.
    where
        Only pictures of which a filter is true, see `likewise.collection.store.filters`.
    """
    if not os.path.isdir(folder):
        raise UsageError(f"{os.fspath(folder)!r} is no folder; give one with pictures in it")
    target, root, start = Path(to), os.path.abspath(folder), time.monotonic()
    write = writer(target, overwrite=overwrite)
    with ExtractionShards(Path(f"{target}.parts")) as shards:
        shards.resume(extractor.manifest, root)
        files = _files(root, where)
        todo = [(name, file) for name, file in sorted(files.items()) if not shards.has(name, file.stamp)]
        tell, worked, failures = Meter(progress, len(todo)), 0, 0
        for batch in _described(todo, extractor, max_pixels):
            shards.add(batch)
            worked += len(batch)
            failures += sum(entry.problem is not None for entry in batch)
            tell(worked, failed=failures)
        shards.flush()
        done = [shards.done[name] for name in sorted(files)]
        failed = [entry for entry in done if entry.problem]
        _record(Path(f"{target}.failures.json"), failed)
        rows = [entry for entry in done if not entry.problem]
        if rows:
            ids = [os.fsencode(row.name).decode("utf-8", "backslashreplace") for row in rows]
            write(ids, extractor.dimensions, extractor.manifest, shards.vectors(rows))
        shards.remove()
    if not rows:
        raise UsageError(f"{folder} holds no picture that could be read ({len(failed)} failed)")
    seconds = time.monotonic() - start
    return Extraction(target, len(rows), extractor.dimensions, len(files) - len(todo), len(failed), seconds)


def _files(root: str, where: str | None) -> dict[str, WalkedFile]:
    """Pictures below a folder by their paths from there."""
    files = {os.path.relpath(file.path, root): file for file in walk(root)}
    if where is None:
        return files
    chosen = fulfilling({name: Path(file.path) for name, file in files.items()}, where)
    if not chosen:
        raise UsageError(f"of no picture in {root} it is true that {where}")
    return {name: file for name, file in files.items() if name in chosen}


def _described(
    todo: Sequence[tuple[str, WalkedFile]], extractor: Encoder, max_pixels: int | None
) -> Iterator[list[Done]]:

    def prepare(entry: tuple[str, WalkedFile]) -> Loaded:
        _, file = entry
        if file.problem:
            raise file.problem
        return extractor.prepare(file.path, max_pixels=max_pixels)

    for batch in describe_batches(todo, prepare, extractor.describe):
        yield [
            Done(name, file.stamp, problem=outcome)
            if isinstance(outcome, BadPicture)
            else Done(name, file.stamp, vector=outcome)
            for (name, file), outcome in batch
        ]


def _record(path: Path, failed: Sequence[Done]) -> None:
    """Write down what failed and why; nothing lies there when nothing failed."""
    if not failed:
        path.unlink(missing_ok=True)
        return
    rows = [
        {"id": d.name, "reason": d.problem.reason, "message": str(d.problem)} for d in failed if d.problem
    ]
    with replacing(path) as part:
        part.write_text(json.dumps(rows, indent=1))
