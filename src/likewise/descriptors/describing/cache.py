"""Described files, kept beside the runs: an interrupted run goes on, the next one finds them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors import numpy as tensorfile

from likewise.descriptors.describing.batches import describe_batches
from likewise.descriptors.encoder import Encoder
from likewise.descriptors.manifest import Manifest
from likewise.errors import BadBox, BadPicture, CollectionDamaged
from likewise.files import made_folder, replacing, sha256_file
from likewise.progress import Meter
from likewise.types import Box, FloatArray, ProgressCallback

P = TypeVar("P")

PICTURES = 256  # in one file at most
SECONDS = 20.0  # of work in one file at most: what a kill can cost, give or take a batch


def is_due(waiting: Sized, since: float) -> bool:
    """Whether results are worth a file of their own, the last of which was written at that time."""
    return len(waiting) >= PICTURES or time.monotonic() - since > SECONDS


@dataclass(frozen=True)
class PictureView:
    """A picture, or a box in it, that wants a vector."""

    picture: Path
    box: Box | None = None


@dataclass(frozen=True)
class CachedArrays:
    """Arrays of some views: vectors, or arrays of whatever lengths.

    Attributes
    ----------
    digests
        Sha256 of each file; empty for one that cannot be read.
    failures
        By number of the view, why it could not be described.
    arrays
        None for a view that failed.
    width
        Numbers in an array, where all have as many.
    """

    digests: tuple[str, ...]
    failures: dict[int, BadPicture]
    arrays: tuple[NDArray[Any] | None, ...]
    width: int = 0

    @cached_property
    def vectors(self) -> FloatArray:
        """The arrays, of `width` numbers each, as float32 ``(n, width)``; zeros for a view that failed."""
        vectors = np.zeros((len(self.arrays), self.width), np.float32)
        for row, array in zip(vectors, self.arrays, strict=True):
            row[:] = 0 if array is None else array
        return vectors

    @classmethod
    def joined(cls, parts: Sequence[CachedArrays]) -> CachedArrays:
        """Arrays that were looked up in several parts, as if in one."""
        failures: dict[int, BadPicture] = {}
        begin = 0
        for part in parts:
            failures |= {begin + number: why for number, why in part.failures.items()}
            begin += len(part.arrays)
        return cls(
            digests=tuple(digest for part in parts for digest in part.digests),
            failures=failures,
            arrays=tuple(array for part in parts for array in part.arrays),
        )


def cached_vectors(
    encoder: Encoder,
    views: Sequence[PictureView],
    folder: Path,
    *,
    progress: ProgressCallback | None = None,
    note: str = "",
) -> CachedArrays:
    """Look up the vectors of views in ``folder``, and make those that are not there.

    A vector is found again by the manifest of the encoder, the content of the file and the box; names do not
    matter. Raises `BadBox` when a box lies outside its picture; `CollectionDamaged` when a kept file cannot
    be read; `StorageError` when the folder cannot be written.
    """
    return cached_arrays(
        encoder.manifest,
        views,
        lambda view: encoder.prepare(view.picture, box=view.box),
        encoder.describe,
        folder,
        width=encoder.manifest.dimensions,
        progress=progress,
        note=note,
    )


def cached_arrays(
    manifest: Manifest,
    views: Sequence[PictureView],
    prepare: Callable[[PictureView], P],
    make: Callable[[Sequence[P]], Iterable[NDArray[Any]]],
    folder: Path,
    *,
    width: int = 0,
    progress: ProgressCallback | None = None,
    note: str = "",
) -> CachedArrays:
    """Look up an array of each view in ``folder``, and make those that are not there, in two steps.

    Parameters
    ----------
    manifest
        How they are made.
    prepare
        The first step, called from many threads at once; raises `BadPicture` or `BadBox`.
    make
        The second step; raises `BadPicture`.
    width
        As in `CachedArrays`.
    """

    def prepared(one: tuple[str, PictureView]) -> P:
        _, view = one
        try:
            return prepare(view)
        except BadBox as problem:
            raise BadBox(f"{view.picture}: {problem}") from problem

    outcomes: dict[str, NDArray[Any] | BadPicture] = {}
    with ThreadPoolExecutor() as pool:
        keys = list(pool.map(_key, views))
    with ArrayCache(folder / _identity(manifest)) as kept:
        todo = {k: v for k, v in zip(keys, views, strict=True) if isinstance(k, str) and k not in kept}
        found_before = len(views) - len(todo)
        tell = Meter(progress, len(views), done=found_before, note=note)
        batches = describe_batches(list(todo.items()), prepared, make)
        made = ((key, outcome) for batch in batches for (key, _), outcome in batch)
        for done, (key, outcome) in enumerate(made, found_before + 1):
            outcomes[key] = outcome
            if not isinstance(outcome, BadPicture):
                kept.add(key, outcome)
            tell(done)
        results = [k if isinstance(k, BadPicture) else outcomes.get(k, kept.get(k)) for k in keys]
    return CachedArrays(
        tuple("" if isinstance(key, BadPicture) else key.split()[0] for key in keys),
        {number: one for number, one in enumerate(results) if isinstance(one, BadPicture)},
        tuple(None if isinstance(one, BadPicture) else one for one in results),
        width,
    )


class ArrayCache:
    """Arrays in a folder by their keys, all of one type. Several processes may write there at once.

    Files are named after what is in them, so that two writers never mean different things by one name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arrays: dict[str, NDArray[Any]] = {}
        self._waiting: dict[str, NDArray[Any]] = {}
        self._flushed = time.monotonic()

    def __enter__(self) -> ArrayCache:
        made_folder(self._folder)
        for path in sorted(self._folder.glob("*.safetensors")):
            self._arrays |= _read(path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()  # also after an error: what was made is good

    def __contains__(self, key: str) -> bool:
        return key in self._arrays

    def get(self, key: str) -> NDArray[Any] | None:
        """The array of a key."""
        return self._arrays.get(key)

    def add(self, key: str, array: NDArray[Any]) -> None:
        """Take a flat array; it is on disk after the next `flush`, which comes by itself now and then."""
        self._arrays[key] = self._waiting[key] = array
        if is_due(self._waiting, self._flushed):
            self.flush()

    def flush(self) -> None:
        """Write what is waiting as one file: whole on disk, or not there."""
        if not self._waiting:
            return
        keys, rows = json.dumps(list(self._waiting)), list(self._waiting.values())
        path = self._folder / f"{hashlib.sha256(keys.encode()).hexdigest()[:16]}.safetensors"
        metadata = {"keys": keys, "lengths": json.dumps([len(row) for row in rows])}
        with replacing(path) as part:
            part.write_bytes(tensorfile.save({"vectors": np.concatenate(rows)}, metadata))
        self._waiting, self._flushed = {}, time.monotonic()


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with safe_open(path, "numpy") as file:
            metadata, rows = file.metadata(), file.get_tensor("vectors")
            if rows.ndim == 1:  # files of the first versions have all in one length, as rows of a matrix
                rows = np.split(rows, np.cumsum(json.loads(metadata["lengths"]))[:-1])
            return dict(zip(json.loads(metadata["keys"]), rows, strict=True))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CollectionDamaged(f"{path} cannot be read ({error}); remove it and run again") from error


def _identity(manifest: Manifest) -> str:
    """Everything that may change a number in a vector, as a short name; the recipe's name does not."""
    facts = {key: value for key, value in asdict(manifest).items() if key != "recipe"}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _key(view: PictureView) -> str | BadPicture:
    """By what a vector is found again: the digest of the file, and the box."""
    try:
        digest = sha256_file(view.picture)
    except FileNotFoundError:
        return BadPicture(f"{view.picture} is not there", "vanished")
    except OSError as error:
        return BadPicture(f"{view.picture} cannot be read: {error.strerror}", "unreadable")
    return digest if view.box is None else f"{digest} {view.box}"
