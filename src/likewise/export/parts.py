"""Progress of an extraction, as files that a kill leaves whole."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, astuple, dataclass, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors import numpy as tensorfile

from likewise.descriptors import Manifest
from likewise.descriptors.describing import is_due
from likewise.errors import BadPicture, CollectionDamaged, ManifestMismatch
from likewise.files import made_folder, one_writer, replacing
from likewise.folders import Stamp
from likewise.types import FloatArray

OPEN, READ = 64, 256  # shards, and rows, at a time while they are put together


@dataclass(frozen=True)
class Done:
    """A file that was worked on, and what came of it.

    Attributes
    ----------
    vector
        float32 ``(d,)`` until it lies in a shard.
    shard, row
        Where it lies then.
    """

    name: str
    stamp: Stamp
    problem: BadPicture | None = None
    vector: FloatArray | None = None
    shard: Path | None = None
    row: int = -1


class ExtractionShards:
    """The folder of shards, locked against a second writer while it is open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: dict[str, Done] = {}
        self._waiting: list[Done] = []
        self._written = 0
        self._flushed = time.monotonic()
        self._lock = ExitStack()

    def __enter__(self) -> ExtractionShards:
        made_folder(self.folder)
        self._lock.enter_context(one_writer(self.folder / "lock"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is KeyboardInterrupt:
                self.flush()
        finally:
            self._lock.close()

    def resume(self, manifest: Manifest, root: str) -> None:
        """Read what an interrupted run left.

        Raises `ManifestMismatch` when it was of another folder or made in another way; `CollectionDamaged`
        when what it left cannot be read.
        """
        origin = self.folder / "origin.json"
        if not origin.exists():
            with replacing(origin) as part:
                part.write_text(json.dumps({"folder": root, "manifest": asdict(manifest)}))
        else:
            self._check(origin, manifest, root)
        for path in sorted(path for path in self.folder.glob("*.safetensors") if path.stem.isdecimal()):
            self._written = int(path.stem) + 1
            self.done |= {entry.name: entry for entry in _read(path)}

    def _check(self, origin: Path, manifest: Manifest, root: str) -> None:
        try:
            kept = json.loads(origin.read_text("utf-8"))
            folder, before = kept["folder"], Manifest.from_json(json.dumps(kept["manifest"]))
        except (ValueError, KeyError, TypeError, CollectionDamaged) as error:
            raise CollectionDamaged(
                f"{origin} cannot be read ({error}); remove the folder {self.folder} and run again"
            ) from error
        what = before.difference(manifest)
        if folder != root:
            what = f"it was of {folder}, not of {root}"
        if what:
            raise ManifestMismatch(
                f"{self.folder} holds an interrupted run that cannot be carried on: {what}; "
                "remove that folder or write to another file"
            )

    def has(self, name: str, stamp: Stamp) -> bool:
        """Whether a file was done, and has not changed since."""
        return name in self.done and self.done[name].stamp == stamp

    def add(self, batch: Sequence[Done]) -> None:
        """Take results; they are on disk after the next `flush`, which comes by itself now and then."""
        self._waiting += batch
        if is_due(self._waiting, self._flushed):
            self.flush()

    def flush(self) -> None:
        """Write what is waiting as one shard: whole on disk, or not there."""
        if not self._waiting:
            return
        path = self.folder / f"{self._written:06}.safetensors"
        vectors = [entry.vector for entry in self._waiting if entry.vector is not None]
        rows = [_row(entry) for entry in self._waiting]
        tensors = {"vectors": np.stack(vectors)} if vectors else {}
        with replacing(path) as part:
            part.write_bytes(tensorfile.save(tensors, {"rows": json.dumps(rows)}))
        self.done |= {entry.name: entry for entry in _placed(self._waiting, path)}
        self._waiting, self._flushed = [], time.monotonic()
        self._written += 1

    def vectors(self, rows: Sequence[Done]) -> Iterator[FloatArray]:
        """The vectors of ``rows`` in their order, in blocks ``(m, d)``."""
        # After interruptions neighbours may lie in many shards, so only the rows wanted are read.
        opened = lru_cache(OPEN)(_vectors)
        for begin in range(0, len(rows), READ):
            runs = groupby(rows[begin : begin + READ], key=lambda entry: entry.shard)
            blocks = [_picked(opened(shard), [entry.row for entry in run]) for shard, run in runs if shard]
            yield np.concatenate(blocks)

    def remove(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.folder)


def _placed(batch: Sequence[Done], path: Path) -> Iterator[Done]:
    """The same results, with the place of their vectors instead of the vectors."""
    row = 0
    for entry in batch:
        yield replace(entry, vector=None, shard=path, row=-1 if entry.problem else row)
        row += entry.problem is None


def _row(entry: Done) -> list[object]:
    problem = (entry.problem.reason, str(entry.problem)) if entry.problem else None
    return [entry.name, astuple(entry.stamp), problem]


def _read(path: Path) -> Iterator[Done]:
    try:
        with safe_open(path, "numpy") as file:
            rows = json.loads(file.metadata()["rows"])
            held = file.get_slice("vectors").get_shape()[0] if "vectors" in file.keys() else 0
        batch = [
            Done(name, Stamp(*stamp), problem=BadPicture(problem[1], problem[0]) if problem else None)
            for name, stamp, problem in rows
        ]
        if held != sum(entry.problem is None for entry in batch):
            raise ValueError(f"it holds {held} vectors")
    except (SafetensorError, ValueError, LookupError, TypeError) as error:
        raise CollectionDamaged(f"{path} cannot be read ({error}); remove it and run again") from error
    return _placed(batch, path)


def _vectors(path: Path) -> Any:
    """The vectors of a shard, not read yet; they can be sliced."""
    file: Any = safe_open(path, "numpy")
    return file.get_slice("vectors")


def _picked(vectors: Any, rows: Sequence[int]) -> FloatArray:
    first = min(rows)
    picked: FloatArray = vectors[first : max(rows) + 1][[row - first for row in rows]]
    return picked
