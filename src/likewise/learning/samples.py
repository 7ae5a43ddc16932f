"""Samples to learn from: which pictures of a folder, and their vectors or the vectors of their regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from likewise.arrays.artifacts import known_by
from likewise.descriptors import Encoder, VectorRecipe
from likewise.descriptors.describing import PictureView, cached_vectors, describe_batches
from likewise.errors import BadPicture, UsageError
from likewise.files import cache_dir, sha256_file
from likewise.pictures import pictures_below
from likewise.tables.labels import read_rows
from likewise.types import FloatArray, Progress, ProgressCallback


@dataclass(frozen=True)
class Chosen:
    """Pictures to learn from.

    Attributes
    ----------
    about
        The pictures in words.
    files
        Where they lie.
    groups
        What each picture shows, empty for a picture without a group; None where nobody asked.
    """

    about: str
    files: tuple[Path, ...]
    groups: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Gathered:
    """Vectors to learn from.

    Attributes
    ----------
    vectors
        float32, shape ``(n, d)``.
    groups
        As in `Chosen`, of each vector.
    pictures
        How a file remembers the pictures; see `likewise.arrays.artifacts.Sample`.
    failures
        Pictures that have no vector, and why.
    """

    about: str
    vectors: FloatArray
    groups: tuple[str, ...] | None
    pictures: tuple[str, ...]
    failures: dict[Path, BadPicture]


def choose(folder: Path, *, most: int | None = None) -> Chosen:
    """The pictures below a folder, or ``most`` of them, spread evenly over their sorted paths.

    Raises `UsageError` when there is no such folder, or no picture in it.
    """
    files = pictures_below(folder)
    count = min(len(files), most or len(files))
    picked = tuple(files[number * len(files) // count] for number in range(count))
    return Chosen(folder.resolve().name, picked)


def choose_groups(folder: Path, table: Path | None = None, column: str = "group") -> Chosen:
    """Pictures of a folder in groups: its sub-folders, or those of a CSV file (see `likewise.tables.labels`).

    Raises `UsageError` when there are no sub-folders with pictures, or the file is malformed or names no
    picture there is.
    """
    if table:
        rows = [(folder / row.file, row.group) for row in read_rows(table, group=column) if row.group]
        members = [(file, group) for file, group in rows if file.is_file()]
        if not members:
            raise UsageError(f"{table} names no picture that lies below {folder}")
    else:
        below = [(file, file.relative_to(folder).parts) for file in pictures_below(folder)]
        members = [(file, parts[0]) for file, parts in below if len(parts) > 1]
        if not members:
            raise UsageError(f"{folder} has no sub-folders with pictures: pairs are learned from groups")
    groups = tuple(group for _, group in members)
    about = f"{folder.resolve().name} in {len(set(groups))} groups"
    return Chosen(about, tuple(file for file, _ in members), groups)


def gather(
    encoder: Encoder, chosen: Chosen, *, regions: bool = False, progress: ProgressCallback | None = None
) -> Gathered:
    """Describe pictures; vectors are kept in the cache, so that the next run finds them there.

    Raises `UsageError` when no picture can be read, or the recipe has no R-MAC or several.

    Parameters
    ----------
    regions
        Describe the regions of the recipe's R-MAC instead, at its first scale. They are not kept: a picture
        has some twenty.
    """
    if regions:
        return _gather_regions(encoder, chosen, progress)
    views = [PictureView(file) for file in chosen.files]
    described = cached_vectors(encoder, views, cache_dir() / "samples", progress=progress)
    sound = [number for number in range(len(chosen.files)) if number not in described.failures]
    failures = {chosen.files[number]: why for number, why in described.failures.items()}
    _refuse_nothing(sound, failures)
    return Gathered(
        chosen.about,
        described.vectors[sound],
        None if chosen.groups is None else tuple(chosen.groups[number] for number in sound),
        tuple(sorted({known_by(described.digests[number]) for number in sound})),
        failures,
    )


def _gather_regions(encoder: Encoder, chosen: Chosen, progress: ProgressCallback | None) -> Gathered:
    place = _rmac_of(encoder.recipe)
    part = encoder.recipe.parts[place]
    regions: list[FloatArray] = []
    pictures, failures = set[str](), dict[Path, BadPicture]()
    batches = describe_batches(chosen.files, encoder.prepare, encoder.maps)
    for number, (file, maps) in enumerate(chain.from_iterable(batches), 1):
        if isinstance(maps, BadPicture):
            failures[file] = maps
        else:
            regions.append(part.pooling.regions_of(maps[place], part.options))
            pictures.add(known_by(sha256_file(file)))
        if progress:
            progress(Progress(number, len(chosen.files), len(failures)))
    _refuse_nothing(regions, failures)
    about = f"regions of {chosen.about}"
    return Gathered(about, np.concatenate(regions), None, tuple(sorted(pictures)), failures)


def _rmac_of(recipe: VectorRecipe) -> int:
    """Which part of a recipe has regions."""
    places = [number for number, part in enumerate(recipe.parts) if part.pooling.regions]
    if len(places) != 1:
        raise UsageError(
            f"recipe {recipe.name!r} has {len(places)} parts with pool 'rmac': whitening of regions needs one"
        )
    return places[0]


def _refuse_nothing(gathered: Sequence[object], failures: dict[Path, BadPicture]) -> None:
    if not gathered:
        first = next(iter(failures.values()))
        raise UsageError(f"none of {len(failures)} pictures can be read, the first: {first}")
