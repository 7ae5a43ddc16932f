"""Altered copies of a collection's own pictures, and how far from the originals they come to lie."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from likewise.collection import Collection
from likewise.collection.layers import Pictures
from likewise.downstream.vectors import canonical
from likewise.errors import BadPicture, StorageError, UsageError
from likewise.files import cache_dir, replacing
from likewise.pictures import Resize, load
from likewise.types import Progress, ProgressCallback

TAKEN = 24
"""Pictures that are copied."""

LEAST = 4
"""Fewest pictures from which anything is concluded."""

SIDE = 1024
"""Longest side of what is altered, in pixels."""

_VERSION = 1  # raise when the copies become others


def _compressed(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=30)
    return Image.open(file)


def _cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((width // 20, height // 20, width - width // 20, height - height // 20))


def _captioned(picture: Image.Image) -> Image.Image:
    captioned = picture.copy()
    captioned.paste("white", (0, picture.height - picture.height // 12, *picture.size))
    return captioned


def _halved(picture: Image.Image) -> Image.Image:
    return picture.resize((max(1, picture.width // 2), max(1, picture.height // 2)))


ALTERATIONS: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "compressed to JPEG quality 30": _compressed,
    "cropped by 5 % on each side": _cropped,
    "30 % brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
    "half the colour": lambda picture: ImageEnhance.Color(picture).enhance(0.5),
    "a white bar below": _captioned,
}
"""Alterations whose result a person would call the same picture."""

HALVED = "half the size"

FURTHER: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    HALVED: _halved,
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}
"""How well these are found is up to the recipe: many describe a small picture as it is, others enlarge it."""


@dataclass(frozen=True)
class Copies:
    """Euclidean distances between pictures and their altered copies.

    Attributes
    ----------
    pictures
        How many were copied.
    distances
        By alteration one for each of them.
    """

    pictures: int
    distances: Mapping[str, tuple[float, ...]]

    @property
    def counted(self) -> tuple[float, ...]:
        """All distances of `ALTERATIONS`."""
        return tuple(distance for name in ALTERATIONS for distance in self.distances[name])


def measure_copies(
    collection: Collection, pictures: Pictures, *, progress: ProgressCallback | None = None
) -> Copies | None:
    """Alter some pictures of a collection, describe the copies, and see how far they are from the originals.

    The distances are kept in the cache: the next call finds them there, until the sample is another one.
    Returns None when too few of the sample can be read.
    """
    order = canonical(pictures.vectors)
    rows = order[np.arange(min(TAKEN, len(order))) * len(order) // max(1, min(TAKEN, len(order)))]
    kept = cache_dir() / "copies" / f"{_key(collection, pictures, rows)}.json"
    distances = _kept(kept)
    if distances is None:
        distances = _measured(collection, pictures, rows.tolist(), progress)
        with suppress(OSError, StorageError):  # a cache that cannot be written is done without
            kept.parent.mkdir(parents=True, exist_ok=True)
            with replacing(kept) as part:
                part.write_text(json.dumps(distances), "utf-8")
    count = len(next(iter(distances.values())))
    return (
        Copies(count, {name: tuple(values) for name, values in distances.items()}) if count >= LEAST else None
    )


def _measured(
    collection: Collection, pictures: Pictures, rows: list[int], progress: ProgressCallback | None
) -> dict[str, list[float]]:
    alterations = {**ALTERATIONS, **FURTHER}
    lists: dict[str, list[float]] = {name: [] for name in alterations}
    for done, row in enumerate(rows, 1):
        try:
            pixels = load(collection.read(int(pictures.ids[row])), [Resize("longest", SIDE)]).pixels[0]
            copies = [alter(Image.fromarray(pixels)) for alter in alterations.values()]
            vectors = [collection.describe(copy) for copy in copies]
        except (BadPicture, UsageError):  # it has gone or changed since, or is too small to be cut
            continue
        for distances, vector in zip(lists.values(), vectors, strict=True):
            distances.append(float(np.linalg.norm(vector - pictures.vectors[row])))
        if progress:
            progress(Progress(done, len(rows), note="altering copies to compare with"))
    return lists


def _key(collection: Collection, pictures: Pictures, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
    manifest = collection.manifest
    made = [_VERSION, manifest.recipe_hash, manifest.weights_hash, manifest.precision]
    digest = hashlib.sha256(json.dumps(made).encode())
    digest.update(np.ascontiguousarray(pictures.vectors[rows]).data)
    return digest.hexdigest()[:32]


def _kept(path: Path) -> dict[str, list[float]] | None:
    """The file of an earlier call; None when it is not there or not as it should be."""
    try:
        document = json.loads(path.read_text("utf-8"))
        lists = {name: [float(distance) for distance in document[name]] for name in (*ALTERATIONS, *FURTHER)}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return lists if len({len(distances) for distances in lists.values()}) == 1 else None
